"""Which columns hold what: as the study says, or as a file shows that has the names of a known form."""

from collections.abc import Mapping, Sequence

from tasks.kinds.model_pair.params import Answers
from tasks.store.sources.pictures import PICTURE

OUTPUTS = {"instruction", "output", "generator"}
"""Columns of AlpacaEval's model_outputs.json: an answer a row."""
LOG = {"log", "input", "model", "item", "answer", "task"}
"""Columns of evaluation logs (store/sources/logs.py): an answer a row."""
LONG = {"prompt", "model", "answer"}
ANNOTATIONS = {"instruction", "output_1", "output_2"}
"""Columns of its annotations.json: both answers and a preference a row."""
PICTURES = {PICTURE, "folder", "name"}
"""Columns of a folder or zip of pictures, a row each."""
FOLDERS: Mapping[str, object] = {"prompt": "name", "model": "folder"}
"""How it is read: each folder is a model, and pictures of one name answer the prompt of that name."""
_NAMED = {"prompt", "answers", "answer", "model"}


def resolved(asked: Answers, columns: Sequence[str]) -> Answers:
    """The columns to read: those of the study; where it names none, those of the form that the file has."""
    there = set(columns)
    if there >= PICTURES:
        form = {} if asked.named & _NAMED else FOLDERS
        return asked.model_copy(update={**form, "pictures": True})
    if asked.ask or asked.named & _NAMED:
        return asked
    if asked.prompt in there:
        is_long = there >= LONG and not there & set(asked.answers)
        return asked.model_copy(update={"model": "model"}) if is_long else asked
    return _published(asked, there)


def _published(asked: Answers, there: set[str]) -> Answers:
    """The columns of a form that others publish, where the file has it."""
    category = asked.category or ("dataset" if "dataset" in there else None)
    known: dict[str, object] = {"prompt": "instruction", "category": category, "models": asked.models}
    known |= {"preference": asked.preference, "preferred": asked.preferred, "document": asked.document}
    if there >= ANNOTATIONS:
        own: dict[str, object] = {"answers": ("output_1", "output_2")}
        if there >= {"generator_1", "generator_2"}:
            own |= {"model": ("generator_1", "generator_2")}
        if "preference" in there and asked.preference is None:
            known |= {"preference": "preference", "preferred": asked.preferred or (1.0, 2.0)}
        return _answers(known | own)
    if there >= LOG:
        of_log = {"category": asked.category or "task", "sample": "epoch" if "epoch" in there else None}
        return _answers(known | of_log | {"prompt": "input", "model": "model", "answer": "answer"})
    if there >= OUTPUTS:
        return _answers(known | {"model": "generator", "answer": "output", "sample": asked.sample})
    return asked


def _answers(known: Mapping[str, object]) -> Answers:
    return Answers.model_validate({key: value for key, value in known.items() if value is not None})
