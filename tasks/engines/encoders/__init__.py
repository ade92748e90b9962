"""Texts as vectors.

encoder    by name: bundled, a folder or hub name, a server, or none
bundled    MiniLM of the wheel, in little memory
sentence   sentence-transformers
parts      what each head and MLP adds to a vector (ablation: what is lost without some of them)
repaired   an encoder whose parts were weighed (reweighting: how weights are fitted)
clip       the text tower of a CLIP or SigLIP model
api        a server's embeddings
api_calls  how a server is asked
"""
