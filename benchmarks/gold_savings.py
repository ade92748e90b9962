"""Measures coverage, width and saved gold verdicts of prediction-powered intervals on texts with known truth.

    python -m benchmarks.gold_savings [--draws 2000] [--level 0.95] [--seed 0]
        [--only random|crossed|chosen|walked]

Documents have a latent share (two rows of one correlate by `icc`), the gold judge says the truth, the cheap
one errs with the given sensitivity and specificity, in A and B. Under `chosen` the cheap judge gives a graded
score, and texts go to the gold judge by its uncertainty, with known chances. Printed are Markdown tables and,
as the last line, one JSON object.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy import special

from tasks.stats.betting import mean_atom_counts, mean_ci_betting
from tasks.stats.differences import difference
from tasks.stats.prediction_powered import PredictionPowered, difference_ppi, difference_sampled
from tasks.stats.sampling import sampled, sampling_probabilities, scores_rectified, verdict_uncertainty

CHUNK = 100
HEAD = (
    "| gold | texts | a document | icc | share B | V | sens. A, B | spec. A, B | n gold "
    "| covered | gold only | cheap only | width | gold only | one gold is worth |"
)
HEAD_CHOSEN = (
    "| a document | share B | V | score | n gold | covered | random covered | width | random width "
    "| one gold is worth |"
)


HEAD_WALKED = (
    "| share B | chance of gold | weight | covered at all looks | width | gold-only walk | gold-only fixed |"
)
WALKED = ((0.3, 0.2), (0.3, 0.5), (0.05, 0.2))
"""Share of B and the chance of each of 4,000 texts to be asked; validity is 0.1."""


@dataclass(frozen=True)
class Design:
    """How texts, cheap and gold verdicts come about."""

    n: int = 2000
    """Texts of A and B together, one half each."""
    rows: int = 1
    """Texts per document."""
    icc: float = 0.0
    """Correlation of the truth of two texts of one document, and of the cheap judge's errors."""
    share: float = 0.1
    """True share of B."""
    shift: float = 0.0
    """True validity."""
    sensitivity: tuple[float, float] = (0.9, 0.9)
    """In A and in B."""
    specificity: tuple[float, float] = (0.98, 0.98)
    n_gold: int = 200
    graded: bool = False
    """Gold verdicts lie around 0.8 instead of 1 and around 0.2 instead of 0; validity is 0.6 of shift."""
    noise: float = 2.0
    """Of the cheap judge's score under `chosen`, on the scale of log odds: 2 and -4 are the truths."""
    sharp: float = 0.0
    """Over 0: the score is the true chance instead, beta with this sum of parameters (0.1 is nearly sure)."""

    @property
    def truth(self) -> float:
        """The validity that intervals should hold."""
        return 0.6 * self.shift if self.graded else self.shift


@dataclass(frozen=True)
class Measured:
    """Shares and means over the draws of one design."""

    covered: float
    """The prediction-powered interval holds the truth."""
    covered_gold: float
    """That of the gold verdicts alone."""
    covered_cheap: float
    """That of the cheap verdicts alone: what the correction is for."""
    rejected: float
    """p <= 1 - level: the size where shift is 0."""
    width: float
    width_gold: float
    gold_worth: float
    """How many gold verdicts one is worth: the squared ratio of mean widths."""
    widest: float
    """Largest width over that of the gold verdicts alone."""


EVEN, WORSE, DIFFERENT = ((0.9, 0.9), (0.98, 0.98)), ((0.6, 0.6), (0.8, 0.8)), ((0.6, 0.9), (0.98, 0.85))
PERFECT, BLIND = ((1.0, 1.0), (1.0, 1.0)), ((0.6, 0.6), (1.0, 1.0))


CLUSTERED = ((2000, 5, 0.2, 200), (2000, 10, 0.5, 200), (5000, 50, 0.1, 500), (5000, 50, 0.5, 50))
"""Texts, texts per document, correlation, gold verdicts."""


def _designs() -> list[Design]:
    found = [
        Design(2000, share=share, shift=shift, sensitivity=judge[0], specificity=judge[1], n_gold=gold)
        for share, shift in ((0.001, 0.0), (0.01, 0.02), (0.05, 0.0), (0.1, 0.1), (0.5, 0.0))
        for gold in (50, 200, 500)
        for judge in (EVEN, DIFFERENT)
    ]
    found += [
        Design(2000, share=0.2, shift=0.1, sensitivity=judge[0], specificity=judge[1], n_gold=gold)
        for judge in (PERFECT, BLIND, WORSE)
        for gold in (50, 500)
    ]
    found += [
        Design(n, rows, icc, share, shift, judge[0], judge[1], gold)
        for n, rows, icc, gold in CLUSTERED
        for share, shift in ((0.01, 0.0), (0.05, 0.1), (0.3, 0.0))
        for judge in (EVEN, DIFFERENT)
    ]
    found += [
        Design(30, share=0.3, n_gold=30),
        Design(30, share=0.3, n_gold=20),
        Design(100, share=0.1, shift=0.1, n_gold=50),
        Design(10_000, share=0.001, shift=0.002, n_gold=500),
        Design(10_000, share=0.05, shift=0.02, n_gold=500),
        Design(10_000, share=0.3, n_gold=50),
        Design(2000, share=0.02, n_gold=50, graded=True),
        Design(2000, share=0.1, shift=0.1, n_gold=200, graded=True),
        Design(2000, share=0.5, n_gold=500, sensitivity=(0.6, 0.9), graded=True),
        Design(2000, 10, 0.3, share=0.2, shift=0.1, n_gold=200, graded=True),
    ]
    return found


DESIGNS = tuple(_designs())

JUDGES = (
    *(((sensitivity,) * 2, (specificity,) * 2) for sensitivity in (0.6, 1.0) for specificity in (0.8, 1.0)),
    ((0.6, 1.0), (1.0, 0.8)),
    ((0.6, 1.0), (0.8, 1.0)),
)
"""The corners of sensitivity 0.6 to 1 and specificity 0.8 to 1; then in A and B at opposite corners."""
LAYOUTS = (
    *((30, 1, 0.0, 20), (2000, 1, 0.0, 50), (2000, 1, 0.0, 500), (10_000, 1, 0.0, 500)),
    *((2000, rows, icc, gold) for rows, icc in ((5, 0.5), (20, 0.1), (50, 0.5)) for gold in (50, 500)),
)
"""Texts, texts per document, correlation, gold verdicts."""
CROSSED = tuple(
    Design(n, rows, icc, share, 0.0, *judge, gold)
    for n, rows, icc, gold in LAYOUTS
    for share in (0.001, 0.01, 0.1, 0.5)
    for judge in JUDGES
)
"""Every share with every judge and every layout, without any difference between A and B."""
CHOSEN = tuple(
    Design(2000, rows, icc, share, shift, n_gold=gold, noise=noise)
    for rows, icc in ((1, 0.0), (10, 0.3))
    for gold in (50, 200, 500)
    for share, shift in ((0.002, 0.0), (0.05, 0.1), (0.3, 0.1))
    for noise in (1.0, 3.0)
    if rows == 1 or (gold == 200 and noise == 3.0)
) + tuple(
    Design(2000, share=share, shift=shift, n_gold=gold, sharp=sharp)
    for gold in (50, 200, 500)
    for share, shift in ((0.002, 0.0), (0.05, 0.1), (0.3, 0.1))
    for sharp in (0.2, 1.0)
)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--level", type=float, default=0.95)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["random", "crossed", "chosen", "walked"])
    args = parser.parse_args()
    started, rows = time.perf_counter(), []
    for name, designs in (("random", DESIGNS), ("crossed", CROSSED)):
        if args.only not in (None, name):
            continue
        print(HEAD + "\n|" + "---|" * 15)
        for design in designs:
            found = measure(design, args.draws, args.level, np.random.default_rng(args.seed))
            rows.append({**asdict(design), **asdict(found)})
            print(_line(design, found), flush=True)
    if args.only in (None, "chosen"):
        print(HEAD_CHOSEN + "\n|" + "---|" * 10)
        for design in CHOSEN:
            found = measure_chosen(design, args.draws, args.level, np.random.default_rng(args.seed))
            rows.append({**asdict(design), **asdict(found)})
            print(_line_chosen(design, found), flush=True)
    if args.only in (None, "walked"):
        print(HEAD_WALKED + "\n|" + "---|" * 7)
        for share, chance in WALKED:
            for weight in (0.0, 0.8, 1.0):
                walked = measure_walked(share, chance, weight, args.draws, args.level, args.seed)
                print(f"| {share} | {chance} | {weight} | " + " | ".join(f"{x:.3f}" for x in walked) + " |")
                rows.append({"covered": walked[0], "widest": walked[1] / walked[2]})
    summary = {
        "benchmark": "gold_savings",
        "draws": args.draws,
        "level": args.level,
        "seed": args.seed,
        "duration_s": round(time.perf_counter() - started, 1),
        "covered_least": min(row["covered"] for row in rows),
        "widest": max(row["widest"] for row in rows),
        "designs": rows,
    }
    print(json.dumps(summary))


def measure(design: Design, draws: int, level: float, rng: np.random.Generator) -> Measured:
    """Gives coverage and width of gold verdicts on a random subsample, with and without cheap ones on all."""
    pieces = []
    for at in range(0, draws, CHUNK):
        in_a, document, gold, cheap = draw(design, min(CHUNK, draws - at), rng)
        asked = rng.random(gold.shape).argsort(axis=0).argsort(axis=0) < design.n_gold
        found = difference_ppi(cheap, np.where(asked, gold, np.nan), in_a, document, level, not design.graded)
        alone = difference(cheap, in_a, document, level, binary=True)
        covered_cheap = (alone.lo <= design.truth) & (design.truth <= alone.hi)
        pieces.append(_piece(found, design, level, found.lo_gold, found.hi_gold, covered_cheap))
    return _measured(pieces)


def measure_chosen(design: Design, draws: int, level: float, rng: np.random.Generator) -> Measured:
    """Gives the same for texts chosen by uncertainty, beside as many random ones (in place of gold only)."""
    pieces = []
    for at in range(0, draws, CHUNK):
        in_a, document, gold, cheap = draw_scored(design, min(CHUNK, draws - at), rng)
        chance = np.stack(
            [sampling_probabilities(verdict_uncertainty(column), design.n_gold) for column in cheap.T], axis=1
        )
        seen = np.where(sampled(chance, rng), gold, np.nan)
        found = difference_sampled(cheap, seen, in_a, document, chance, level, binary=True)
        asked = rng.random(gold.shape).argsort(axis=0).argsort(axis=0) < design.n_gold
        even = difference_ppi(cheap, np.where(asked, gold, np.nan), in_a, document, level, binary=True)
        pieces.append(_piece(found, design, level, even.lo, even.hi, np.zeros(gold.shape[1], bool)))
    return _measured(pieces)


def measure_walked(
    share: float, chance: float, weight: float, draws: int, level: float, seed: int
) -> tuple[float, float, float, float]:
    """Gives coverage at six looks together and last width of a walk over rectified scores, and two others."""
    rng, held, widths = np.random.default_rng(seed), [], []
    design = Design(4000, share=share, shift=0.1)
    half, asked_pairs = design.n // 2, int(design.n // 2 * chance)
    for at in range(0, draws, CHUNK):
        in_a, document, gold, cheap = draw(design, min(CHUNK, draws - at), rng)
        seen = np.where(rng.random(gold.shape) < chance, gold, np.nan)
        found = scores_rectified(cheap, seen, np.full(design.n, chance), weight)
        reach, pairs = found.highest - found.lowest, found.score[:half] - found.score[half:]
        covered = np.ones(gold.shape[1], dtype=bool)
        for look in (50, 100, 200, 500, 1000, half):
            lo, hi = mean_ci_betting(mean_atom_counts(pairs[:look], 60), level, half)
            covered &= (lo * reach <= design.shift) & (design.shift <= hi * reach)
        few = mean_atom_counts((gold[:half] - gold[half:])[:asked_pairs], 1)
        few_lo, few_hi = mean_ci_betting(few, level, asked_pairs)
        fixed = difference(seen, in_a, document, level, binary=True)
        held.append(covered)
        widths.append(np.stack([(hi - lo) * reach, few_hi - few_lo, fixed.hi - fixed.lo]))
    walk, gold_walk, gold_fixed = np.concatenate(widths, axis=1).mean(axis=1)
    return float(np.concatenate(held).mean()), float(walk), float(gold_walk), float(gold_fixed)


def draw(
    design: Design, draws: int, rng: np.random.Generator
) -> tuple[
    Bool[np.ndarray, " text"],
    Int[np.ndarray, " text"],
    Float[np.ndarray, "text draw"],
    Float[np.ndarray, "text draw"],
]:
    """Gives groups, documents, and every text's gold and cheap verdict for each draw."""
    text = np.arange(design.n)
    in_a = text < design.n // 2
    place = np.where(in_a, text, text - design.n // 2) // design.rows
    document = np.where(in_a, place, place + place.max() + 1)
    means = (design.share + design.shift, design.share)
    shares = [_latent(mean, design, document, draws, rng) for mean in means]
    truth = rng.random((design.n, draws)) < np.where(in_a[:, None], *shares)
    hit, correct = (
        np.where(in_a[:, None], *(_latent(rate, design, document, draws, rng) for rate in rates))
        for rates in (design.sensitivity, design.specificity)
    )
    chance = rng.random(truth.shape)
    cheap = np.where(truth, chance < hit, chance >= correct).astype(float)
    if not design.graded:
        return in_a, document, truth.astype(float), cheap
    noise = 0.4 * rng.random((3, *truth.shape)).mean(axis=0)
    return in_a, document, np.where(truth, 0.6 + noise, noise), cheap


def draw_scored(
    design: Design, draws: int, rng: np.random.Generator
) -> tuple[
    Bool[np.ndarray, " text"],
    Int[np.ndarray, " text"],
    Float[np.ndarray, "text draw"],
    Float[np.ndarray, "text draw"],
]:
    """Gives the same with graded cheap scores: off by noise, or the true chances where `sharp` is set."""
    in_a, document, gold, _ = draw(design, draws, rng)
    if design.sharp == 0:
        return (
            in_a,
            document,
            gold,
            special.expit(6 * gold - 4 + design.noise * rng.standard_normal(gold.shape)),
        )
    mean = np.where(in_a, design.share + design.shift, design.share)[:, None]
    chance = rng.beta(mean * design.sharp, (1 - mean) * design.sharp, gold.shape)
    return in_a, document, (rng.random(gold.shape) < chance).astype(float), chance


def _latent(
    mean: float, design: Design, document: NDArray[np.int64], draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A rate of each document: beta with this mean, and variance icc mean (1 - mean)."""
    if design.icc == 0 or not 0 < mean < 1:
        return np.full((document.size, draws), mean)
    total = 1 / design.icc - 1
    by_document = rng.beta(mean * total, (1 - mean) * total, (int(document.max()) + 1, draws))
    return np.asarray(by_document[document])


def _piece(
    found: PredictionPowered,
    design: Design,
    level: float,
    lo: NDArray[np.float64],
    hi: NDArray[np.float64],
    covered_cheap: NDArray[np.bool_],
) -> NDArray[np.float64]:
    truth = design.truth
    covered = [(a <= truth + 1e-12) & (truth - 1e-12 <= b) for a, b in ((found.lo, found.hi), (lo, hi))]
    width, other = found.hi - found.lo, hi - lo
    rows = [*covered, covered_cheap, found.p <= 1 - level, width, other, width / other]
    return np.stack(rows).astype(float)


def _measured(pieces: list[NDArray[np.float64]]) -> Measured:
    every = np.concatenate(pieces, axis=1)
    covered, gold, cheap, rejected, width, other, _ = (float(x) for x in every.mean(axis=1))
    return Measured(
        covered=covered,
        covered_gold=gold,
        covered_cheap=cheap,
        rejected=rejected,
        width=width,
        width_gold=other,
        gold_worth=(other / width) ** 2,
        widest=float(every[6].max()),
    )


def _line(design: Design, found: Measured) -> str:
    cells = (
        "graded" if design.graded else "0/1",
        design.n,
        design.rows,
        design.icc,
        design.share,
        design.truth if not design.graded else round(design.truth, 2),
        "{}, {}".format(*design.sensitivity),
        "{}, {}".format(*design.specificity),
        design.n_gold,
        f"{found.covered:.3f}",
        f"{found.covered_gold:.3f}",
        f"{found.covered_cheap:.3f}",
        f"{found.width:.3f}",
        f"{found.width_gold:.3f}",
        f"{found.gold_worth:.2f}",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _line_chosen(design: Design, found: Measured) -> str:
    cells = (
        design.rows,
        design.share,
        design.shift,
        f"chances, {design.sharp}" if design.sharp else f"noise {design.noise}",
        design.n_gold,
        f"{found.covered:.3f}",
        f"{found.covered_gold:.3f}",
        f"{found.width:.3f}",
        f"{found.width_gold:.3f}",
        f"{found.gold_worth:.2f}",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    main()
