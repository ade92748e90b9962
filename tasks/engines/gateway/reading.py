"""What a completion is worth: a value, a refusal, or of no use, and why; and whether more room would help."""

from dataclasses import dataclass

from pydantic import BaseModel

from tasks.engines import roles
from tasks.engines.gateway import completion, problems
from tasks.engines.gateway.completion import Completion

_LARGER = 4
"""How many times the limit an answer that it cut off is given."""


@dataclass(frozen=True)
class Read:
    """A completion as it was understood."""

    status: int
    """roles.VALUE, roles.REFUSAL or roles.UNPARSABLE."""
    parsed: BaseModel | None = None
    """The validated JSON, where it was wanted and came."""
    problem: str = ""
    """Why it is of no use, in words for people."""
    repair: str = ""
    """What is wrong with its form, in words for the model; empty where to say so would not help."""
    given_up: bool = False
    """Whether there is none, or it stands for a request that is too long."""


def read(found: Completion, schema: type[BaseModel] | None, limit: int) -> Read:
    """A completion as JSON of a schema, or as plain text without one.

    Args:
        found: the completion.
        schema: of the wanted JSON.
        limit: most tokens it could have.
    """
    if found.is_too_long:
        return Read(roles.UNPARSABLE, problem=problems.too_long(found.said), given_up=True)
    if found.refusal:
        return Read(roles.REFUSAL, problem=problems.refused(found.refusal))
    is_empty = not found.answer.strip()
    if schema is None:
        return Read(roles.UNPARSABLE, problem=_gap(found, limit)) if is_empty else Read(roles.VALUE)
    checked = completion.checked(found.content, schema)
    if not isinstance(checked, str):
        return Read(roles.VALUE, checked)
    if found.is_cut:
        # Asked to repair it under the same limit, the model would be cut off again.
        return Read(roles.UNPARSABLE, problem=_gap(found, limit))
    problem = problems.empty() if is_empty else problems.form(checked)
    return Read(roles.UNPARSABLE, problem=problem, repair=checked)


def _gap(found: Completion, limit: int) -> str:
    """Why there is no answer, or but the start of one."""
    if not found.is_cut:
        return problems.empty()
    if found.is_full:
        return problems.full(found.tokens_out)
    is_thought = found.thinks and not found.answer.strip()
    return problems.only_thought(limit) if is_thought else problems.cut(limit)


def more_room(
    found: Completion, read: Read, schema: type[BaseModel] | None, most: int | None, longest: int
) -> int | None:
    """Under which limit an answer that was cut off is asked for again; the same where that would not help.

    Args:
        found: the answer.
        read: how it was understood.
        schema: of the wanted JSON; a text that is cut off stands as far as it goes.
        most: the limit it was asked under; None is the longest.
        longest: the endpoint's own limit.
    """
    if most is None or read.status != roles.UNPARSABLE or not found.is_cut or found.is_full:
        return most
    if found.thinks or not found.answer.strip():
        return None  # A thought is as long as it is.
    if schema is None:
        return most
    larger = _LARGER * most
    return larger if larger < longest else None
