"""What a scripted model reads of a judge's questions, and how it writes what it says of them."""

import json
import re
from collections.abc import Sequence
from typing import Any

_QUESTION = re.compile(
    r"^(?:(?P<id>[a-z2-7]{6}): |About each text by itself: |Of which text above is it more true: )?"
    r"(?:(?:Could one say that )?the (?:text|picture)|Which answer) (?P<predicate>.*?)\??"
    r"(?: Answer with one word: yes or no\.| Say neither .*)?$"
)
IN_A_WORD = {"yes_or_no", "comparison"}
"""Tasks that are answered in one word."""


def predicates(user: str) -> list[dict[str, Any]]:
    """What is asked of the text, or the texts; with the id that it is asked under, where it has one."""
    found = (_QUESTION.match(line) for line in user.split("\n"))
    return [
        {name: said for name, said in one.groupdict().items() if said is not None} for one in found if one
    ]


def written(task: str, verdicts: Sequence[dict[str, Any]]) -> str:
    """Verdicts (`id`, and `holds` or `more`) as the task wants them: one word, or an object of words."""
    words = [one["more"] if "more" in one else "yes" if one["holds"] else "no" for one in verdicts]
    if task in IN_A_WORD:
        return words[0] if words else "nothing"
    named = zip(verdicts, words, strict=True)
    return "{" + ", ".join(f"{json.dumps(one['id'])}: {json.dumps(word)}" for one, word in named) + "}"
