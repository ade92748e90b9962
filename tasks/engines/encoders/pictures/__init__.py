"""Pictures as vectors.

encoder    by name: bundled, or the picture tower of a CLIP or SigLIP folder
lite       EfficientNet-Lite0, written from its architecture
names      what the 1,000 classes of ImageNet are called
space      what the bundled encoder sees of a picture -> the space of a text encoder
towers     the picture tower of a model that has one for texts too
"""
