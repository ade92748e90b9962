"""What EfficientNet-Lite0 sees of a picture -> a unit vector in the space of an encoder of texts.

Without captions: ConSE (Norouzi et al. 2014), the vectors of the names of the likeliest classes, averaged by
probability. With captions: what ConSE leaves of the captions' vectors is fitted by ridge regression on the
features, and added. With few captions the penalty found is high, and little is added.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from tasks.engines.encoders.pictures.lite import Lite, features, softmax

N_NAMES = 50
"""Classes whose names are averaged."""
TEMPERATURE = 2.0
"""Scores are divided by it before the softmax: more than the one likeliest class is heard."""
LEAST_CAPTIONS = 20
"""With fewer pictures that have a caption nothing is fitted."""
MOST_CAPTIONS = 5000
"""More would cost minutes and hardly change the fit."""
PENALTIES = np.logspace(-3, 4, 15)
"""Tried, in units of the mean squared length of the centred features; leave-one-out decides."""


@dataclass(frozen=True)
class Correction:
    """What captions add to ConSE."""

    slopes: Float[np.ndarray, "feature dim"]
    start: Float[np.ndarray, " dim"]
    """Added where all features are 0."""
    penalty: float
    """As chosen, of PENALTIES."""
    n_captions: int


class Space:
    """Puts pictures that the network saw beside texts."""

    def __init__(self, network: Lite, names: Float[np.ndarray, "name dim"]) -> None:
        """Without captions.

        Args:
            network: whose vectors it reads.
            names: unit vectors of the names of its classes, by the encoder of texts.
        """
        self._network, self._names = network, names
        self.correction: Correction | None = None

    def learn(
        self, rows: Float[np.ndarray, "picture feature"], captions: Float[np.ndarray, "picture dim"]
    ) -> None:
        """Fits what captions add; nothing with too few.

        Args:
            rows: vectors by the network of pictures of the exploration half, and ...
            captions: ... the unit vectors of what is said of each.
        """
        if len(rows) >= LEAST_CAPTIONS:
            self.correction = _fitted(features(rows), captions - self._by_names(rows))

    def vectors(self, rows: Float[np.ndarray, "picture feature"]) -> Float[np.ndarray, "picture dim"]:
        """Unit vectors of pictures that the network gave these vectors."""
        placed = self._by_names(rows)
        if (added := self.correction) is not None:
            placed = placed + features(rows) @ added.slopes + added.start
        return _unit(placed)

    def _by_names(self, rows: Float[np.ndarray, "picture feature"]) -> Float[np.ndarray, "picture dim"]:
        """ConSE, equations 4 and 5, at length one."""
        shares = softmax(self._network.logits(rows) / TEMPERATURE)
        least = np.partition(shares, -N_NAMES, axis=1)[:, -N_NAMES, None]
        return _unit(np.where(shares >= least, shares, 0) @ self._names)


def _unit(rows: Float[np.ndarray, "picture dim"]) -> Float[np.ndarray, "picture dim"]:
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float32)


def _fitted(seen: Float[np.ndarray, "picture feature"], left: Float[np.ndarray, "picture dim"]) -> Correction:
    """Ridge regression, its one penalty by leave-one-out over all dimensions together."""
    from sklearn.linear_model import RidgeCV

    seen = seen.astype(np.float64)
    scale = float(((seen - seen.mean(axis=0)) ** 2).sum() / len(seen)) or 1.0
    model = RidgeCV(alphas=PENALTIES * scale, fit_intercept=True).fit(seen, left.astype(np.float64))
    slopes, start = model.coef_.T.astype(np.float32), model.intercept_.astype(np.float32)
    return Correction(slopes, start, float(model.alpha_ / scale), len(seen))
