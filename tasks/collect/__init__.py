"""Reading the sources and splitting what they hold, before anybody looks.

stage     loads, calls, checks, saves
texts     cleaned rows, each distinct text once, in one group
families  which texts are near copies of one another
units     linked documents as one, drawn for a half as a whole
leaks     what nearly is the label
answers   what is to be known of answers to prompts
notes     what a user must know of it, in sentences
"""
