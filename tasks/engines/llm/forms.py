"""In which form a verdict is asked for: of what, how many at once, and what may be answered."""

from typing import Literal, cast

from tasks.engines.llm import schemas
from tasks.store import media
from tasks.study import Study

Form = Literal[
    "question", "questions", "texts", "picture", "pictures", "pair", "pairs", "answer", "answers",
    "picture_pair", "picture_pairs", "picture_answer", "picture_answers",
]  # fmt: skip
"""One plain question on one text; several on one text; one on several texts; one, and several, on a picture;
one, and several, on a pair of texts; one, and several, on two answers to what is shown before them; the same
of two pictures, and of two pictures that answer something."""
YES_OR_NO: tuple[schemas.Word, ...] = ("yes", "no")
WHICH: tuple[schemas.Word, ...] = ("first", "second", "neither")
WORDS: dict[Form, tuple[schemas.Word, ...]] = {
    "question": YES_OR_NO,
    "questions": YES_OR_NO,
    "texts": YES_OR_NO,
    "picture": YES_OR_NO,
    "pictures": YES_OR_NO,
    "pair": WHICH,
    "pairs": WHICH,
    "answer": WHICH,
    "answers": WHICH,
    "picture_pair": WHICH,
    "picture_pairs": WHICH,
    "picture_answer": WHICH,
    "picture_answers": WHICH,
}
"""What may be answered."""
IN_A_WORD = {"question", "picture", "pair", "answer", "picture_pair", "picture_answer"}
"""Forms that are answered in one word; the others in an object with a word for each id."""
OTHERWISE: dict[Form, Form] = {
    "question": "questions",
    "questions": "question",
    "texts": "question",
    "picture": "pictures",
    "pictures": "picture",
    "pair": "pairs",
    "pairs": "pair",
    "answer": "answers",
    "answers": "answer",
    "picture_pair": "picture_pairs",
    "picture_pairs": "picture_pair",
    "picture_answer": "picture_answers",
    "picture_answers": "picture_answer",
}
"""In which form a single item is asked once more that was answered in another than was wanted."""


def form_of(study: Study, per_call: int, answers: bool = False) -> Form:
    """In which form a study's verdicts are asked for, with so many predicates a call.

    Args:
        study: whose they are.
        per_call: predicates in a call.
        answers: whether the two texts that are compared answer something.
    """
    are_pictures = media.are_there(study.name)
    if study.verify.form == "two_text":
        return of_pair(per_call, answers, are_pictures)
    return of_picture(per_call) if are_pictures else of_text(study, per_call)


def of_picture(per_call: int) -> Form:
    """A picture is never shown with another, but for two that are compared."""
    return "pictures" if per_call > 1 else "picture"


def of_pair(per_call: int, answers: bool, are_pictures: bool) -> Form:
    """Two texts or pictures, which may answer something."""
    of = f"{'picture_' if are_pictures else ''}{'answer' if answers else 'pair'}"
    return cast(Form, f"{of}s" if per_call > 1 else of)


def of_text(study: Study, per_call: int) -> Form:
    """Hypotheses are ranked on single texts, whatever verify compares."""
    if study.verify.texts_per_call > 1:
        return "texts"
    return "questions" if per_call > 1 else "question"
