"""A ridge multinomial logistic model of labels (placeholder of the skeleton)."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.kinds.classes.params import Classes
from tasks.kinds.fitted.model import Model, Verdicts
from tasks.kinds.fitted.observed import Observed


def model(params: Classes, explored: Observed) -> Model:
    """The form for these values."""
    return _Labels(explored)


class _Labels:
    def __init__(self, explored: Observed) -> None:
        self.slots: Sequence[str] = sorted(set(explored.said or ()))
        self._at = {slot: i for i, slot in enumerate(self.slots)}

    def _y(self, of: Observed) -> np.ndarray:
        return np.array([self._at.get(one, -1) for one in of.said or ()])

    def fit(self, z: Verdicts, of: Observed, mass: np.ndarray | None = None) -> Any:
        from scipy.optimize import minimize
        from scipy.special import log_softmax

        y = np.eye(len(self.slots))[self._y(of)]
        x = np.column_stack([np.ones(len(z)), z])
        m = np.ones(len(z)) if mass is None else mass

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            w = flat.reshape(x.shape[1], -1)
            logp = log_softmax(x @ w, axis=1)
            value = -(m[:, None] * y * logp).sum() + 0.5 * (w[1:] ** 2).sum() + 1e-3 * (w[0] ** 2).sum()
            grad = x.T @ (m[:, None] * (np.exp(logp) - y))
            grad[1:] += w[1:]
            grad[0] += 2e-3 * w[0]
            return float(value), grad.ravel()

        found = minimize(loss, np.zeros(x.shape[1] * y.shape[1]), jac=True, method="L-BFGS-B")
        return found.x.reshape(x.shape[1], -1)

    def bits(self, fitted: Any, z: Verdicts, of: Observed, leave_out: Sequence[int] = ()) -> np.ndarray:
        from scipy.special import log_softmax

        logp = log_softmax(np.column_stack([np.ones(len(z)), z]) @ fitted, axis=1)
        y = self._y(of)
        return np.where(y < 0, 0.0, logp[np.arange(len(y)), y]) / np.log(2)

    def weights(self, fitted: Any) -> np.ndarray:
        return np.asarray(fitted)

    def frozen(self, weights: np.ndarray, z: Verdicts, of: Observed) -> Any:
        return weights

    def directions(
        self, vectors: np.ndarray, z: Verdicts, of: Observed, most: int, rng: np.random.Generator
    ) -> np.ndarray:
        y = np.eye(len(self.slots))[self._y(of)]
        centred = vectors - vectors.mean(axis=0)
        w = np.linalg.solve(centred.T @ centred + 10 * np.eye(centred.shape[1]), centred.T @ (y - y.mean(0)))
        return (centred @ w)[:, :most]

    def own_words(self, predicate: str, definition: str) -> Sequence[int]:
        return ()

    def targets(self, of: Observed) -> np.ndarray:
        return np.eye(len(self.slots))[self._y(of)]
