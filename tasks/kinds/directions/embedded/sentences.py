"""Names of directions by the sentence of a bank that each stands for (TextSpan).

The sentence is frozen with a vector and a threshold on the exploration half, as other proxies are. Whether
texts at the high end resemble it more often than random ones is then tested like any other name.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
from jaxtyping import Float

from tasks.engines.embedded import similarity
from tasks.engines.embedded.anchored import TOP_SHARES, top
from tasks.engines.encoders import encoder
from tasks.kinds.directions import ends
from tasks.kinds.directions.embedded.gate import Named, kept, least_root
from tasks.kinds.directions.ends import End
from tasks.kinds.directions.roots import roots
from tasks.records import Proposal
from tasks.study import Study


class SentenceProposer:
    """Names the high end of every direction."""

    calls = ()

    def __init__(self, study: Study) -> None:
        self._study = study
        self.noted: dict[str, int] = {}

    def propose(
        self, texts: pl.DataFrame, explored: Sequence[End], vectors: Float[np.ndarray, "text dim"]
    ) -> list[Proposal]:
        """Proposals, strongest first; those that passed the gate before others.

        Args:
            texts: of the exploration half, in the order of their ids.
            explored: ends of units on them.
            vectors: of the texts.
        """
        units = ends.units(self._study)
        said = dict(units.select("unit", "sentence").iter_rows())
        high = [end for end in explored if end.end == ends.HIGH]
        model = encoder.load(self._study)
        encoded = model.encode([said[end.unit] for end in high])
        least = least_root(len(high) * len(TOP_SHARES))
        found = []
        for end, vector in zip(high, encoded, strict=True):
            named = _named(end, said[end.unit], vector, vectors, model.name, least)
            found += [named] if named.root > 0 else []
        self.noted = {"n_ends": len(high), "n_passed": sum(one.passed for one in found)}
        return [one.proposal(texts["text_id"].to_list()) for one in kept(found)]


def _named(
    end: End,
    sentence: str,
    vector: Float[np.ndarray, " dim"],
    vectors: Float[np.ndarray, "text dim"],
    encoder_name: str,
    least: float,
) -> Named:
    """At the share of the texts at which it tells the end best."""
    frozen = similarity.rounded(vector)
    projection = similarity.projections(vectors, frozen[None])[:, 0]
    cuts = [similarity.threshold(projection, share) for share in TOP_SHARES]
    held = np.column_stack([similarity.reaches(projection, cut, vectors) for cut in cuts])
    root = np.round(roots(held.astype(np.float64), end.member[:, None])[:, 0], 9)
    best = int(root.argmax())
    definition = {
        "kind": "similarity", "basis": "bank", "anchor": sentence, "encoder": encoder_name,
        "vector": frozen.tolist(), "threshold": cuts[best],
    }  # fmt: skip
    name = top(f'resembles "{sentence}"', TOP_SHARES[best])
    strength = float(root[best])
    return Named(end, name, "theme", "proxy", definition, held[:, best], strength, strength >= least)
