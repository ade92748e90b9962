"""Contrast-consistent search, as a unit of a network (Burns, Ye, Klein & Steinhardt 2023, section 2)."""

import numpy as np
from jaxtyping import Float

RESTARTS = 8


def probed(
    yes: Float[np.ndarray, "pair dim"], no: Float[np.ndarray, "pair dim"], seed: int
) -> Float[np.ndarray, " pair"]:
    """How likely each question's answer is yes, from its vectors with either answer; no label is seen.

    A probe whose probabilities of both answers sum to one and are far from a half, the best of some restarts.
    What it finds is up to sign.
    """
    import torch

    torch.manual_seed(seed)
    sides = [torch.tensor(one - one.mean(axis=0)) / one.std() for one in (yes, no)]
    best = (float("inf"), np.empty(0))
    for _ in range(RESTARTS):
        weight = torch.randn(yes.shape[1], dtype=torch.float64, requires_grad=True)
        bias = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        steps = torch.optim.LBFGS([weight, bias], max_iter=100, line_search_fn="strong_wolfe")

        def loss(w: torch.Tensor = weight, b: torch.Tensor = bias) -> torch.Tensor:
            p, q = (torch.sigmoid(side @ w + b) for side in sides)
            return ((p - (1 - q)) ** 2 + torch.minimum(p, q) ** 2).mean() + 1e-3 * (w**2).mean()

        def closure(optimiser: torch.optim.Optimizer = steps) -> torch.Tensor:
            optimiser.zero_grad()
            found = loss()
            found.backward()
            return found

        steps.step(closure)
        with torch.no_grad():
            p, q = (torch.sigmoid(side @ weight + bias) for side in sides)
            best = min(best, (float(loss()), ((p + 1 - q) / 2).numpy()), key=lambda one: one[0])
    return best[1]
