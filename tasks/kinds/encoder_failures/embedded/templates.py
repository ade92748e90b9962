"""Sentence templates of fresh pairs: left and right text for each kind of failure.

A slot is `{name}` or `{name.form}`; slots.py says what each name draws from. Articles are set afterwards, so
`a` stands for `an` as well. Both texts are filled with the same words.
"""

TEMPLATES: dict[str, tuple[tuple[str, str], ...]] = {
    "role_swap": (
        ("a {agent} {act.third} a {other}", "a {other} {act.third} a {agent}"),
        ("the {agent} is {act.ing} the {other} {place}", "the {other} is {act.ing} the {agent} {place}"),
        ("a {agent} is {act.participle} by a {other}", "a {other} is {act.participle} by a {agent}"),
        ("a {agent} {act.ing} a {other} {place}", "a {other} {act.ing} a {agent} {place}"),
        ("the {agent} {act.past} the {other}", "the {other} {act.past} the {agent}"),
    ),
    "negation": (
        ("a {agent} is {do.ing} a {object}", "a {agent} is not {do.ing} a {object}"),
        ("a {agent} {act.third} a {other}", "a {agent} does not {act.base} a {other}"),
        ("a {support} with a {object}", "a {support} without a {object}"),
        ("there is a {object} on the {support}", "there is no {object} on the {support}"),
        ("a {agent} {rest.ing} {place}", "a {agent} not {rest.ing} {place}"),
    ),
    "quantifier": (
        (
            "{portion.left} {agent.many} are {rest.ing} {place}",
            "{portion.right} {agent.many} are {rest.ing} {place}",
        ),
        ("a {support} with {amount.left} {object.many}", "a {support} with {amount.right} {object.many}"),
        ("{portion.left} {object.many} are {colour}", "{portion.right} {object.many} are {colour}"),
        (
            "{portion.left} {agent.many} {act.base} the {other}",
            "{portion.right} {agent.many} {act.base} the {other}",
        ),
        (
            "a {agent} is {do.ing} {amount.left} {object.many}",
            "a {agent} is {do.ing} {amount.right} {object.many}",
        ),
    ),
    "number": (
        (
            "{count.left} {agent.many} are {rest.ing} {place}",
            "{count.right} {agent.many} are {rest.ing} {place}",
        ),
        ("a {agent} with {count.left} {object.many}", "a {agent} with {count.right} {object.many}"),
        ("{count.left} {object.many} on a {support}", "{count.right} {object.many} on a {support}"),
        ("{count.left} {agent.many} {act.base} a {other}", "{count.right} {agent.many} {act.base} a {other}"),
        (
            "a {agent} {do.third} {count.left} {object.many} {place}",
            "a {agent} {do.third} {count.right} {object.many} {place}",
        ),
    ),
    "tense": (
        ("the {agent} is {do.ing} the {object}", "the {agent} was {do.ing} the {object}"),
        ("the {agent} {act.third} the {other}", "the {agent} {act.past} the {other}"),
        ("the {agent} will {act.base} the {other}", "the {agent} {act.past} the {other}"),
        ("the {agent} is {rest.ing} {place}", "the {agent} was {rest.ing} {place}"),
        ("a {agent} {do.third} the {object}", "a {agent} will {do.base} the {object}"),
    ),
    "preposition": (
        ("a {object} {lie.left} the {support}", "a {object} {lie.right} the {support}"),
        (
            "a {agent} is {rest.ing} {stand.left} the {support}",
            "a {agent} is {rest.ing} {stand.right} the {support}",
        ),
        (
            "a {colour} {object} {lie.left} a {material} {support}",
            "a {colour} {object} {lie.right} a {material} {support}",
        ),
        (
            "the {agent} is coming {go.left} the {place.noun}",
            "the {agent} is coming {go.right} the {place.noun}",
        ),
        ("the {agent} {stand.left} the {other}", "the {agent} {stand.right} the {other}"),
    ),
    "attribute": (
        ("a {colour} {object} on the {support}", "a {shade} {object} on the {support}"),
        ("a {agent} with a {colour} {object}", "a {agent} with a {shade} {object}"),
        ("a {agent} {do.ing} a {colour} {object} {place}", "a {agent} {do.ing} a {shade} {object} {place}"),
        ("a {material} {object} on the {support}", "a {stuff} {object} on the {support}"),
        ("the {object} {place} is {colour}", "the {object} {place} is {shade}"),
    ),
    "attribute_swap": (
        ("a {colour} {object} and a {shade} {second}", "a {shade} {object} and a {colour} {second}"),
        (
            "a {colour} {object} on a {shade} {support}",
            "a {shade} {object} on a {colour} {support}",
        ),
        (
            "a {agent} with a {colour} {object} and a {shade} {second}",
            "a {agent} with a {shade} {object} and a {colour} {second}",
        ),
        (
            "a {mood.left} {agent} and a {mood.right} {other} {place}",
            "a {mood.right} {agent} and a {mood.left} {other} {place}",
        ),
        (
            "a {material} {object} beside a {stuff} {second}",
            "a {stuff} {object} beside a {material} {second}",
        ),
    ),
    "antonym": (
        ("a {mood.left} {agent} is {rest.ing} {place}", "a {mood.right} {agent} is {rest.ing} {place}"),
        ("the {object} on the {support} is {trait.left}", "the {object} on the {support} is {trait.right}"),
        ("a {agent} is {do.ing} a {trait.left} {object}", "a {agent} is {do.ing} a {trait.right} {object}"),
        ("the {agent} {place} is {mood.left}", "the {agent} {place} is {mood.right}"),
        ("a {agent} {turn.left.third} the {object}", "a {agent} {turn.right.third} the {object}"),
    ),
    "entity": (
        ("a {agent} {rest.ing} {place}", "a {agent} and a {other} {rest.ing} {place}"),
        ("a {object} on the {support}", "a {object} and a {second} on the {support}"),
        ("a {agent} {act.third} a {other}", "a {agent} {act.third} a {other} and a {third}"),
        ("a {agent} {place}", "a {agent} with a {object} {place}"),
        ("the {agent} is {do.ing} a {object}", "the {agent} is {do.ing} a {object} and a {second}"),
    ),
    "synonym": (
        ("a {alias.left} is {rest.ing} {place}", "a {alias.right} is {rest.ing} {place}"),
        ("a {agent} {same_act.left.third} a {other}", "a {agent} {same_act.right.third} a {other}"),
        ("a {agent} is {do.ing} a {same_object.left}", "a {agent} is {do.ing} a {same_object.right}"),
        ("a {same_mood.left} {agent} {rest.ing} {place}", "a {same_mood.right} {agent} {rest.ing} {place}"),
        ("the {agent} {same_act.left.past} the {other}", "the {agent} {same_act.right.past} the {other}"),
    ),
    "voice": (
        ("a {agent} {act.third} a {other}", "a {other} is {act.participle} by a {agent}"),
        ("the {agent} is {do.ing} the {object}", "the {object} is being {do.participle} by the {agent}"),
        ("the {agent} {act.past} the {other}", "the {other} was {act.participle} by the {agent}"),
        (
            "a {agent} is {act.ing} a {other} {place}",
            "a {other} is being {act.participle} by a {agent} {place}",
        ),
        ("a {agent} {do.past} the {object}", "the {object} was {do.participle} by a {agent}"),
    ),
    "word_order": (
        ("a {agent} is {rest.ing} {place}", "{place}, a {agent} is {rest.ing}"),
        ("there is a {object} on the {support}", "on the {support} there is a {object}"),
        ("a {agent} and a {other} are {rest.ing}", "a {other} and a {agent} are {rest.ing}"),
        ("a {agent} {act.third} a {other} {place}", "{place}, a {agent} {act.third} a {other}"),
        ("a {object} and a {second} on a {support}", "a {second} and a {object} on a {support}"),
    ),
}

PARAPHRASES = ("synonym", "voice", "word_order")
"""Kinds whose two texts mean the same."""
