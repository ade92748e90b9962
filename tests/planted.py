"""What a judge that reads would say of planted questions."""

from tasks.engines.llm.planting import bank

_SENTENCES = {one.predicate: one.sentences for one in bank()}


def truth(predicate: str, text: str) -> bool | None:
    """Whether a sentence of the predicate stands in the text; None of a predicate that is not in the bank."""
    sentences = _SENTENCES.get(predicate)
    return None if sentences is None else any(sentence in text for sentence in sentences)
