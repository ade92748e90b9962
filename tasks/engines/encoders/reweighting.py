"""One weight for each part of an encoder, fitted so that pairs are told apart that the encoder confuses.

The vector of a text is then the weighted sum of what its parts add, at length one. Pairs that must differ are
pushed below a cosine and pairs that must stay are held above it, with a penalty on every step away from the
weight 1: what gains nothing stays as it was. Little is fitted, so a few hundred pairs do; what is not among
them is not repaired.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import minimize
from scipy.special import expit

from tasks.errors import EngineError

SOFTNESS = 0.05
"""Cosines this near to the threshold count in part."""


@dataclass(frozen=True)
class Products:
    """Inner products of what the parts add: all that cosines under any weights need.

    `across[i, p, q]` is of part p of pair i's left text with part q of its right one.
    """

    across: Float[np.ndarray, "pair part part"]
    left: Float[np.ndarray, "pair part part"]
    right: Float[np.ndarray, "pair part part"]

    @classmethod
    def of(
        cls, left: Float[np.ndarray, "pair part dim"], right: Float[np.ndarray, "pair part dim"]
    ) -> "Products":
        """From what the parts add to the two texts of each pair."""
        turned = right.transpose(0, 2, 1)
        return cls(left @ turned, left @ left.transpose(0, 2, 1), right @ turned)

    def cosines(self, weights: Float[np.ndarray, " part"]) -> Float[np.ndarray, " pair"]:
        """How near the texts of each pair are under these weights."""
        across, left, right = (one @ weights @ weights for one in (self.across, self.left, self.right))
        cosines: Float[np.ndarray, " pair"] = across / np.sqrt(left * right)
        return cosines

    def cosines_and_slopes(
        self, weights: Float[np.ndarray, " part"]
    ) -> tuple[Float[np.ndarray, " pair"], Float[np.ndarray, "pair part"]]:
        """The cosines, and how they change with each weight."""
        by_left, by_right = self.left @ weights, self.right @ weights
        of_left, of_right = by_left @ weights, by_right @ weights
        cosines = (self.across @ weights) @ weights / np.sqrt(of_left * of_right)
        both = self.across @ weights + np.einsum("ipq,p->iq", self.across, weights)
        slopes = both / np.sqrt(of_left * of_right)[:, None]
        slopes -= cosines[:, None] * (by_left / of_left[:, None] + by_right / of_right[:, None])
        return cosines, slopes


def fitted_weights(
    products: Products, differs: Bool[np.ndarray, " pair"], threshold: float, penalty: float = 1.0
) -> Float[np.ndarray, " part"]:
    """One weight a part: a logistic loss on both kinds of pairs, and the mean square of steps from 1.

    Args:
        products: of the pairs.
        differs: which of them must differ; the others must stay near.
        threshold: the cosine from which two texts count as one, in (0, 1).
        penalty: above 0; large ones leave the encoder as it is.

    Raises:
        EngineError: there are not both kinds of pairs.
    """
    if differs.all() or not differs.any():
        raise EngineError(
            "repair: wanted pairs that differ in meaning and pairs that do not, got one kind only.",
            hint="Without pairs that must stay near, any encoder that tells everything apart would do.",
        )
    sign = np.where(differs, 1.0, -1.0) / SOFTNESS
    share = np.where(differs, 1 / differs.sum(), 1 / (~differs).sum())

    def loss(weights: Float[np.ndarray, " part"]) -> tuple[float, Float[np.ndarray, " part"]]:
        cosines, slopes = products.cosines_and_slopes(weights)
        over, step = sign * (cosines - threshold), weights - 1
        value = share @ np.logaddexp(0, over) + penalty * (step**2).mean()
        slope = (share * expit(over) * sign) @ slopes + 2 * penalty * step / step.size
        return float(value), slope

    found = minimize(loss, np.ones(products.across.shape[1]), jac=True, method="L-BFGS-B")
    weights: Float[np.ndarray, " part"] = found.x
    return weights
