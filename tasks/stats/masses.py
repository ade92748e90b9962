"""How much each text counts in a fit."""

import numpy as np
from jaxtyping import Float, Shaped


def text_masses(
    z: Float[np.ndarray, "text predicate"],
    mass: Float[np.ndarray, " text"] | None,
    *given: Shaped[np.ndarray, "text *column"],
) -> Float[np.ndarray, " text"]:
    """Gives the mass of each text, 1 without any, of data that a model can be fitted to.

    Args:
        z: verdicts, finite.
        mass: 0 or more, with a sum over 0.
        given: what else there is for each text, finite.

    Raises:
        ValueError: numbers of texts disagree, something is not finite, or no mass is left.

    Assumes:
        Nothing.

    Source:
        The definition; checked by hand.
    """
    weights = np.ones(z.shape[0]) if mass is None else np.asarray(mass, dtype=float)
    if z.ndim != 2 or any(one.shape[:1] != z.shape[:1] for one in (weights, *given)):
        shapes = ", ".join(str(one.shape) for one in (z, weights, *given))
        raise ValueError(f"wanted as many rows of z (text, predicate) as masses and data, got {shapes}")
    if not all(np.isfinite(one).all() for one in (z, weights, *given)):
        raise ValueError("wanted finite verdicts, masses and data, got a missing or infinite one")
    if (weights < 0).any() or not weights.sum() > 0:
        raise ValueError("wanted masses of 0 or more with a sum over 0")
    return weights
