"""Closed classes of English: negation, amounts, numbers, prepositions, auxiliaries, fillers.

The lists are short on purpose and general: they are what the edits of `edits.py` can name, no more.
"""


def _words(listing: str) -> frozenset[str]:
    return frozenset(listing.split())


NEGATIONS = _words("not no never neither nor hardly barely scarcely")
"""Words that deny; `without`, `nobody` and their like are read as a denial and what is denied."""

DENIED = {
    "without": "with",
    "nobody": "somebody",
    "nothing": "something",
    "nowhere": "somewhere",
    "none": "some",
}
"""A word that denies another: `without` is not with."""

SOMEBODY = {"someone": "somebody", "anybody": "somebody", "anyone": "somebody", "anything": "something"}

AMOUNTS = {
    "few": """few|a few|some|several|any|a handful of|a couple of|hardly any|a bit of|a little bit of|
        a small number of|a small group of|a small amount of|a small crowd of|one or two|not many|
        with few|with a few|with some|with several|with a handful of|with a couple of|
        with a small number of""",
    "many": """many|much|a lot of|lots of|plenty of|numerous|countless|dozens of|hundreds of|thousands of|
        scores of|loads of|tons of|heaps of|piles of|masses of|a large number of|a great number of|
        a large amount of|a great deal of|a large crowd of|a huge crowd of|a crowd of|crowds of|a swarm of|
        a large group of|a bunch of|full of|filled with|packed with|crammed with|crowded with|
        stuffed with|loaded with|covered with|covered in|overflowing with|overrun with|teeming with|
        bursting with|brimming with|swarming with|piled with|piled high with|lined with|with many|
        with lots of|with a lot of|with plenty of|with numerous|with dozens of|with hundreds of|
        with a large number of|with a large crowd of|with a crowd of|with countless""",
    "all": "all|all of|all of the|every|each|each of|every single|the whole|the entire",
    "most": "most|most of|most of the|the majority of|a majority of",
    "half": "half|half of|half of the|half the",
    "fewest": "only a few|very few|just a few",
    "most_many": "too many|too much|so many",
    "some_of": "some of|some of the|several of|several of the|a few of|a few of the",
    "many_of": "many of|many of the|much of|much of the",
    "empty": "empty of|devoid of|free of|lacking",
}
"""Quantifying phrases by how much they say; two of one row mean the same."""
SAME_AMOUNT = {"fewest": "few", "some_of": "few", "many_of": "many", "most_many": "many"}

_COUNTED = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty
"""
NUMBERS = {word: value for value, word in enumerate(_COUNTED.split())} | {
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "hundred": 100,
    "thousand": 1000,
    "million": 10**6,
    "dozen": 12,
}

PREPOSITIONS = (
    "on|upon|on top of|atop",
    "under|beneath|below|underneath",
    "above|over",
    "in front of",
    "behind|in back of|at the back of",
    "beside|next to|alongside|by the side of",
    "near|close to",
    "far from|away from",
    "to the left of|left of|on the left of",
    "to the right of|right of|on the right of",
    "in|inside|within|inside of",
    "outside|outside of",
    "into",
    "out of",
    "onto",
    "off|off of",
    "through",
    "across",
    "around",
    "along",
    "past",
    "between",
    "among|amid|amongst",
    "against",
    "toward|towards",
    "to",
    "from",
    "up",
    "down",
    "before|prior to",
    "after|following the end of",
    "during",
    "until|till",
    "since",
    "at",
    "by",
    "with",
    "of",
    "for",
    "about",
    "as",
    "like",
    "despite|in spite of",
    "because of|due to|owing to",
)
"""One row per relation: two of one row mean the same."""
UNSAID = _words("by with of for about as like at to")
"""Prepositions whose relation a list cannot tell: exchanged, they may or may not change what is said."""
LOOSE = frozenset(
    frozenset(pair.split())
    for pair in (  # noqa: SIM905
        "in at|on at|on in|near at|beside near|beside at|beside by|near by|at by|in into|on onto|to toward|"
        "above on|around near|around in|through in|across over|along on|in among|past by|off from|in during|"
        "above across|out_of from|against on|down along|up along|behind after|in_front_of before|in_front_of "
        "beside|with beside|with near|across through|outside near|between among|around along|into to|onto to"
    ).split("|")
)
"""Pairs that often stand for one another; whether they do depends on the words beside them."""

SYMMETRIC = _words("and or beside near between meet marry resemble match equal plus")
"""What two things may be exchanged around and nothing else is said."""
CONJUNCTIONS = _words("and or but while plus")

ARTICLES = _words("a an the")
FILLERS = _words(
    "that which who very really quite rather just currently also then there here so too own this these those"
)
"""Words whose coming or going is taken to leave the meaning: intensifiers, relative pronouns, pointers."""
NOT_ADVERBS = _words(
    "only early fly reply july italy lily belly jelly jolly holly bully supply apply ally rally silly ugly "
    "friendly lonely lovely curly hilly woolly elderly daily weekly monthly yearly likely costly deadly"
)
"""Words in -ly that tell no manner."""
OWNERS = _words("his her my your our their its")

PRESENT_BE = _words("am is are 're 'm")
PAST_BE = _words("was were")
OTHER_BE = _words("be been being")
HAVE = {"has": "present", "have": "present", "had": "past", "having": "bare", "'ve": "present"}
DO = {"does": "present", "do": "present", "did": "past"}
FUTURE = frozenset(["will", "shall", "'ll", "going_to", "about_to"])
MODALS = _words("would should can could may might must")
"""Each is a meaning of its own."""

FRAMES = "photo|photograph|picture|image|snapshot|shot|close up"
"""`a photo of` and its like: how a caption may begin without saying more."""


def phrases() -> dict[tuple[str, ...], tuple[str, str]]:
    """Gives every listed phrase, word by word, with its class and its key; articles count as words."""
    found: dict[tuple[str, ...], tuple[str, str]] = {}
    for row in PREPOSITIONS:
        head = row.split("|")[0].replace(" ", "_")
        found |= {tuple(phrase.split()): ("prep", head) for phrase in row.split("|")}
    for amount, row in AMOUNTS.items():
        key = SAME_AMOUNT.get(amount, amount)
        found |= {tuple(phrase.split()): ("amount", key) for phrase in row.split("|")}
    for frame in FRAMES.split("|"):
        found |= {(*frame.split(), "of"): ("frame", "photo")}
    found |= {("with", "no"): ("denied", "with"), ("without", "any"): ("denied", "with")}
    found |= {("not", "any"): ("negation", "not"), ("no", "longer"): ("negation", "not")}
    found |= {("going", "to"): ("auxiliary", "going_to"), ("about", "to"): ("auxiliary", "about_to")}
    return found
