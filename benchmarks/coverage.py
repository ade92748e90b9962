"""Measures size and coverage of the tests in tasks/stats on simulated texts with known truth.

    python -m benchmarks.coverage [--draws 4000] [--level 0.95] [--seed 0] [--designs table|grid|few|paired]

Every row draws a two-group design many times: documents have a latent mean (beta-distributed, so that
two rows of one document correlate by `rho`), rows are 0/1 or graded around it. `grid` crosses shares, sizes
and documents of 0/1 verdicts, `few` is real differences of rare predicates in few documents, `paired` is
documents with rows in both groups, some or all. Printed are a Markdown table and, as the last line, one JSON
object.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from tasks.stats.differences import difference

GRADED_SCALE = 0.6
"""A graded score lies around 0.8 instead of 1 and around 0.2 instead of 0."""


@dataclass(frozen=True)
class Design:
    """How texts of both groups come about."""

    documents_a: int
    documents_b: int
    rows: int = 1
    """Mean rows per document."""
    uneven: bool = False
    """Document sizes are geometric instead of equal."""
    paired: bool = False
    """Every document has rows in both groups (documents_b is then not used)."""
    both: float = 1.0
    """Share of those documents that have them; the others lost the rows of one group."""
    rho: float = 0.0
    """Correlation of two rows of one document."""
    share: float = 0.2
    """Mean of B; under no difference also of A."""
    shift: float = 0.0
    """Mean of A less mean of B, before `GRADED_SCALE`."""
    binary: bool = True

    @property
    def difference(self) -> float:
        """The true difference of the scores."""
        return self.shift if self.binary else GRADED_SCALE * self.shift


@dataclass(frozen=True)
class Measured:
    """Shares over the draws of one design."""

    covered: float
    """The interval holds the true difference."""
    rejected: float
    """p <= 1 - level: the size where shift is 0, else the power."""
    width: float
    """Mean width of the interval."""
    method: str


DESIGNS = (
    Design(20, 20),
    Design(50, 200, share=0.05),
    Design(400, 400, share=0.02),
    Design(400, 400, share=0.2, shift=0.1),
    Design(10, 40, binary=False),
    Design(100, 100, binary=False, shift=0.1),
    Design(200, 200, 4, True, rho=0.3),
    Design(200, 200, 4, True, rho=0.3, share=0.02),
    Design(200, 200, 4, True, rho=0.3, shift=0.1),
    Design(30, 30, 10, True, rho=0.3),
    Design(10, 10, 10, rho=0.3),
    Design(10, 10, 10, True, rho=0.3, share=0.05),
    Design(5, 5, 20, rho=0.3),
    Design(3, 50, 10, True, rho=0.3),
    Design(3, 3, 20, rho=0.3),
    Design(2, 2, 20, rho=0.3),
    Design(2, 2, 20, rho=0.0),
    Design(20, 20, 10, True, True, rho=0.3),
    Design(5, 5, 10, True, True, rho=0.3),
    Design(200, 200, 4, True, rho=0.3, binary=False),
    Design(10, 10, 10, True, rho=0.3, binary=False),
    Design(3, 50, 10, True, rho=0.3, binary=False),
    Design(3, 3, 20, rho=0.3, binary=False),
    Design(2, 2, 20, rho=0.3, binary=False),
    Design(20, 20, 10, True, True, rho=0.3, binary=False),
    Design(5, 5, 10, True, True, rho=0.3, binary=False),
)

DOCUMENTS = (
    *((30, rows, rho) for rows, rho in ((1, 0.0), (5, 0.2), (5, 0.5))),
    *(
        (n, rows, rho)
        for n in (300, 10_000)
        for rows, rho in ((1, 0.0), (5, 0.2), (5, 0.5), (50, 0.0), (50, 0.1), (50, 0.5))
    ),
)
"""Rows of each group, rows per document, and their correlation: six documents a group at least."""
GRID = tuple(
    Design(n // rows, n // rows, rows, rho=rho, share=share, shift=shift)
    for n, rows, rho in DOCUMENTS
    for share, shift in ((0.001, 0.0), (0.01, 0.0), (0.1, 0.0), (0.5, 0.0), (0.01, 0.05), (0.3, 0.1))
)

FEW = tuple(
    Design(n, n, 50, rho=rho, share=share, shift=shift)
    for n in (6, 10, 20, 40, 60, 80)
    for rho in (0.1, 0.5)
    for share, shift in ((0.001, 0.02), (0.01, 0.05))
)

PAIRED = tuple(
    Design(n, n, rows, uneven, True, both, rho, share, shift)
    for n, rows, uneven, both, rho in (
        (5, 1, False, 1.0, 0.7),
        (10, 1, False, 1.0, 0.7),
        (20, 1, False, 1.0, 0.7),
        (200, 1, False, 1.0, 0.7),
        (1000, 1, False, 1.0, 0.95),
        (5, 5, True, 1.0, 0.5),
        (20, 5, True, 1.0, 0.5),
        (200, 3, True, 1.0, 0.5),
        (20, 5, True, 0.2, 0.5),
        (100, 1, False, 0.5, 0.7),
        (200, 3, True, 0.3, 0.5),
    )
    for share, shift in ((0.02, 0.0), (0.2, 0.0), (0.2, 0.1))
)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--level", type=float, default=0.95)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--designs", choices=["table", "grid", "few", "paired"], default="table")
    args = parser.parse_args()
    started = time.perf_counter()
    rows = []
    print("| scores | documents A, B | rows each | rho | B's mean | shift | test | covered | rejected |")
    print("|---|---|---|---|---|---|---|---|---|")
    for design in {"table": DESIGNS, "grid": GRID, "few": FEW, "paired": PAIRED}[args.designs]:
        measured = measure(design, args.draws, args.level, np.random.default_rng(args.seed))
        rows.append({**asdict(design), **asdict(measured)})
        print(_line(design, measured), flush=True)
    summary = {
        "benchmark": "coverage",
        "draws": args.draws,
        "level": args.level,
        "seed": args.seed,
        "duration_s": round(time.perf_counter() - started, 1),
        "designs": rows,
    }
    print(json.dumps(summary))


def measure(design: Design, draws: int, level: float, rng: np.random.Generator) -> Measured:
    """Gives coverage and rejections over `draws`; document sizes are drawn afresh in 20 batches."""
    covered, rejected, width = [], [], []
    method = ""
    for _ in range(20):
        in_a, document = layout(design, rng)
        score = draw(design, in_a, document, max(1, draws // 20), rng)
        found = difference(score, in_a, document, level, design.binary)
        covered.append((found.lo <= design.difference + 1e-12) & (design.difference - 1e-12 <= found.hi))
        rejected.append(found.p <= 1 - level)
        width.append(found.hi - found.lo)
        method = found.method[0]
    means = [float(np.concatenate(part).mean()) for part in (covered, rejected, width)]
    return Measured(round(means[0], 4), round(means[1], 4), round(means[2], 4), method)


def layout(
    design: Design, rng: np.random.Generator
) -> tuple[Bool[np.ndarray, " text"], Int[np.ndarray, " text"]]:
    """Gives each text's group and document."""
    sizes = []
    for documents in (design.documents_a, design.documents_b):
        even = np.full(documents, design.rows)
        sizes.append(rng.geometric(1 / design.rows, documents) if design.uneven else even)
    if design.both < 1:
        lost = rng.random(design.documents_a) >= design.both
        from_a = rng.random(design.documents_a) < 0.5
        sizes = [np.where(lost & gone, 0, size) for gone, size in zip((from_a, ~from_a), sizes, strict=True)]
    first = np.repeat(np.arange(design.documents_a), sizes[0])
    second = np.repeat(np.arange(design.documents_b), sizes[1])
    in_a = np.repeat([True, False], [first.size, second.size])
    return in_a, np.concatenate([first, second if design.paired else second + design.documents_a])


def draw(
    design: Design,
    in_a: Bool[np.ndarray, " text"],
    document: Int[np.ndarray, " text"],
    draws: int,
    rng: np.random.Generator,
) -> Float[np.ndarray, "text draw"]:
    """Gives scores whose rows correlate by rho inside a document, with the given means."""
    mean_a, mean_b = design.share + design.shift, design.share
    uniform = rng.random((int(document.max()) + 1, draws))
    by_document = [_latent(mean, design.rho, uniform) for mean in (mean_a, mean_b)]
    latent = np.where(in_a[:, None], by_document[0][document], by_document[1][document])
    if design.binary:
        return np.asarray(rng.random(latent.shape) < latent, dtype=float)
    noise = rng.random((5, *latent.shape)).mean(axis=0)
    return np.asarray(np.where(rng.random(latent.shape) < latent, 0.6 + 0.4 * noise, 0.4 * noise))


def _latent(
    mean: float, rho: float, uniform: Float[np.ndarray, "document draw"]
) -> Float[np.ndarray, "document draw"]:
    """A document's own mean: beta with this mean and variance rho mean (1 - mean)."""
    if rho == 0:
        return np.full(uniform.shape, mean)
    from scipy import stats

    total = 1 / rho - 1
    drawn: Float[np.ndarray, "document draw"] = stats.beta.ppf(uniform, mean * total, (1 - mean) * total)
    return drawn


def _line(design: Design, measured: Measured) -> str:
    same = "same" if design.both == 1 else f"{design.both:.0%} the same"
    documents = f"{design.documents_a}, {same if design.paired else design.documents_b}"
    rows = f"{'about ' if design.uneven else ''}{design.rows}"
    cells = (
        "0/1" if design.binary else "graded",
        documents,
        rows,
        design.rho,
        design.share,
        design.shift,
        measured.method,
        f"{measured.covered:.3f}",
        f"{measured.rejected:.3f}",
    )
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


if __name__ == "__main__":
    main()
