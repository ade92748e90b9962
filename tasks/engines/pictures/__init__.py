"""Pictures: opened safely, measured, and told from near copies.

opening   bytes -> a small picture on white, with its facts; or what is wrong with it
hashing   a picture's 64-bit difference hash, and which pictures are near copies
measures  how it looks, in numbers: size, lightness, colours, edges, symmetry
"""
