"""Pictures as vectors.

encoder  which one a study's encoder of texts goes with; bytes in batches
lite     EfficientNet-Lite0, written from its architecture: features and 1,000 classes
clip     the picture tower of a CLIP model
space    what EfficientNet-Lite0 sees -> the space of the encoder of texts
"""
