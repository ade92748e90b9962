"""Records what ppi_py says of drawn verdicts: `pip install ppi-python==0.2.3`, then

    python -m tests.reference.record_ppi

prints the `RECORDED` of test_stats_ppi_reference.py.
"""

import numpy as np


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Groups, truths, graded cheap verdicts, and which texts the gold judge read."""
    rng = np.random.default_rng(seed)
    n = 3000
    in_a = np.arange(n) < 1200
    truth = (rng.random(n) < np.where(in_a, 0.4, 0.3)).astype(float)
    cheap = np.clip(0.1 + 0.8 * truth + 0.3 * rng.standard_normal(n), 0, 1)
    return in_a, truth, cheap, rng.random(n) < 0.2


def main() -> None:
    from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

    for seed in range(3):
        in_a, truth, cheap, asked = drawn(seed)
        found = []
        for side in (in_a, ~in_a):
            y, f, rest = truth[side & asked], cheap[side & asked], cheap[side & ~asked]
            for lam in (None, 0.7):
                estimate = np.squeeze(ppi_mean_pointestimate(y, f, rest, lam=lam))
                lo, hi = (float(np.squeeze(end)) for end in ppi_mean_ci(y, f, rest, alpha=0.05, lam=lam))
                found += [round(float(estimate), 8), round((hi - lo) / 2 / 1.959963985, 8)]
        print(f"    {seed}: {found},")


if __name__ == "__main__":
    main()
