"""Why a model gave no usable answer, in plain words, and what to do about it."""

_TOO_LONG = "does not fit into the model"
_CUT = "cut off at max_tokens="
_THOUGHT = "the model's reasoning used up max_tokens="
_REFUSED = "refused"
_EMPTY = "an empty answer"
_FORM = "not of the wanted form"
_NONE = "no answer"

FIT = "lower llm.max_tokens, propose.samples or verify.max_chars, or start the server with a larger context"
_REMEDIES = {
    _TOO_LONG: f"{FIT[0].upper()}{FIT[1:]}.",
    _CUT: "Raise llm.max_tokens.",
    _THOUGHT: "Raise llm.max_tokens, or turn reasoning off: `extra: {chat_template_kwargs: {enable_thinking:"
    " false}}` or `extra: {reasoning_effort: low}` under llm.",
    _REFUSED: "Ask a model that does not decline these texts.",
    _EMPTY: "Name another model.",
    _FORM: "Name another model.",
    _NONE: "See whether the server is well, then rerun.",
}


def too_long(words: str) -> str:
    """The request, or the answer beside it, is more than the model takes."""
    return f"{_TOO_LONG}: {words}" if words else _TOO_LONG


def is_too_long(problem: str) -> bool:
    """Whether a problem is of that kind."""
    return problem.startswith(_TOO_LONG)


def full(n_tokens: int) -> str:
    """The model's context ended within the answer."""
    return too_long(f"its context was full after {n_tokens:,} tokens of the answer")


def cut(limit: int) -> str:
    """The limit ended the answer."""
    return f"{_CUT}{limit}"


def only_thought(limit: int) -> str:
    """The limit ended the thought before the answer."""
    return f"{_THOUGHT}{limit}"


def refused(words: str) -> str:
    """The model or its server declined."""
    return f"{_REFUSED}: {words}"


def empty() -> str:
    """Nothing was said."""
    return _EMPTY


def form(words: str) -> str:
    """Something else was said than what was asked for."""
    return f"{_FORM}: {words}"


def none(words: str) -> str:
    """No try was answered."""
    return f"{_NONE}: {words}"


def remedy(problem: str) -> str:
    """What a user can do about a problem; empty where there is none."""
    return next((remedy for start, remedy in _REMEDIES.items() if problem.startswith(start)), "")
