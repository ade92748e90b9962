"""Whether the two texts of a pair mean the same, told by what differs between them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from tasks.engines import roles
from tasks.kinds.encoder_failures.embedded.edits import edit
from tasks.records import Call

VERSION = 2
"""Change it when equal pairs would be told otherwise: it is part of every judge's name."""


class EditMeaning:
    """Tells near synonyms from failures by closed word lists; what they do not hold stays open."""

    name = f"edits/{VERSION}"

    @property
    def calls(self) -> tuple[Call, ...]:
        """Nothing is paid."""
        return ()

    def differs(
        self, left: Sequence[str], right: Sequence[str], predicate_ids: Sequence[str] = ()
    ) -> tuple[Float[np.ndarray, " pair"], UInt8[np.ndarray, " pair"]]:
        """1 where the meanings differ, 0 where they are the same; NaN and UNPARSABLE where no list tells.

        Args:
            left: One text per pair.
            right: The other, as many.
            predicate_ids: which failure each pair was written for; not looked at, so that a pair cannot be
                counted as a failure because it was meant as one.
        """
        same = [edit(a, b).same_meaning for a, b in zip(left, right, strict=True)]
        verdict = np.array([np.nan if one is None else float(not one) for one in same], dtype=np.float64)
        status = np.where(np.isnan(verdict), roles.UNPARSABLE, roles.VALUE).astype(np.uint8)
        return verdict, status
