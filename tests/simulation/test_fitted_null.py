"""Models of labels, scores and times where values mean nothing: nothing is found, whatever is fitted.

The small case runs always; 100 seeds of each case and size, and whole studies, under the marker.
"""

from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from tasks.kinds.classes.model import Labels, Scores
from tasks.kinds.fitted import effects, frozen
from tasks.kinds.fitted.model import Model
from tasks.kinds.fitted.observed import Observed
from tasks.kinds.timeline.model import Times
from tasks.score.discoveries import holds, q_of
from tasks.stats.gains import document_mass, gains, log_evalue
from tasks.study.params import ScoreParams
from tests import written_texts
from tests.conftest import Project

ALPHA = 0.05
SHARES = np.array([0.5, 0.3, 0.2, 0.1, 0.05, 0.02])
STAGES = ("collect", "embed", "propose", "formalise", "verify", "score")
CUTS = {
    "two classes": [0.6],
    "a class of 2 %": [0.98],
    "three classes": [0.5, 0.8],
    "five classes": [0.3, 0.6, 0.8, 0.98],
    "a rating": [0.1, 0.2, 0.5, 0.7],
}
CASES = [*CUTS, "heavy tails", "times", "years"]


def most(draws: int) -> int:
    """So many of the draws chance lets miss a level of 0.95 once in a thousand times."""
    return int(stats.binom.isf(1e-3, draws, ALPHA))


def half(case: str, texts: int, n: int, rng: np.random.Generator) -> tuple[np.ndarray, Observed]:
    """Verdicts on n texts, `texts` to a document and alike there; and values, one a document."""
    document = np.arange(n) // texts
    n_documents = int(document[-1]) + 1
    alike = 1.5 * rng.normal(size=(n_documents, len(SHARES))) * (texts > 1)
    z = (rng.random((n, len(SHARES))) < 1 / (1 + (1 / SHARES - 1) * np.exp(-alike[document]))).astype(float)
    # One holds nearly only where another does.
    z[:, 1] *= np.maximum(z[:, 0], rng.random(n) < 0.3)
    value = rng.random(n_documents)
    if case in CUTS:
        value = np.digitize(value, CUTS[case]).astype(float)
    elif case == "heavy tails":
        value = rng.standard_t(2.5, n_documents)
    elif case == "years":
        value = np.floor(12 * value)
    number = value[document]
    return z, Observed(document, ("",) * n, tuple(map(str, number)), number)


def form(case: str, explored: Observed) -> Model:
    assert explored.number is not None
    if case in {"times", "years"}:
        return Times(1.0, explored.number)
    return Scores() if case in {"a rating", "heavy tails"} else Labels(explored)


def outcome(
    case: str, texts: int, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """p, gain and the logarithm of the e-value of each predicate: all that a study does with its verdicts."""
    (z, explored), (new, of) = (half(case, texts, n, rng) for _ in range(2))
    model = frozen.fitted(form(case, explored), [str(k) for k in range(len(SHARES))], z, explored)
    compared = effects.compare(model, new, of, new, [()] * len(SHARES))
    found = gains(compared.full, compared.without, of.document, 0.95, compared.variance)
    logs, mass = [], document_mass(of.document)
    full = model.model.bits(model.full, new, of)
    for k, one in enumerate(model.without):
        best = model.model.most_likely(one, frozen.others(new, k), of, mass)
        assert best is not None
        logs.append(log_evalue(full, best[:, None], of.document)[0])
    return found.p, found.mean, np.array(logs)


def nothing_is_found(case: str, texts: int, n: int, seeds: int) -> None:
    """Few studies discover anything, without a least effect too; few e-values are large."""
    wanted, found, large = ScoreParams(min_effect=0.0), 0, 0
    for seed in range(seeds):
        p, gain, log_e = outcome(case, texts, n, np.random.default_rng([seed, n, texts]))
        found += bool(holds(q_of(p, gain, wanted), gain, wanted).any())
        large += bool((log_e > np.log(len(SHARES) / ALPHA)).any())
    told = f"{case}, {texts} a document, {n} texts: of {seeds} studies {found} found something, {large} by e"
    print(told)
    assert max(found, large) <= most(seeds), told


@pytest.mark.parametrize("texts", [1, 3])
@pytest.mark.parametrize("case", ["a class of 2 %", "five classes", "a rating", "times"])
def test_values_that_mean_nothing_are_not_explained_small(case: str, texts: int) -> None:
    nothing_is_found(case, texts, 150, 4)


@pytest.mark.simulation
@pytest.mark.parametrize("n", [150, 500, 1500])
@pytest.mark.parametrize("texts", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_values_that_mean_nothing_are_not_explained(case: str, texts: int, n: int) -> None:
    nothing_is_found(case, texts, n, 100)


def rows(kind: str, n: int, texts: int, rng: np.random.Generator) -> pl.DataFrame:
    """Texts of words by chance, some common and some rare; values by chance, one a document."""
    words = np.array(written_texts.FILL)
    chance = 1 / np.arange(1, len(words) + 1)
    said = [" ".join(rng.choice(words, int(rng.integers(6, 20)), p=chance / chance.sum())) for _ in range(n)]
    document = np.arange(n) // texts
    value = rng.random(int(document[-1]) + 1)
    columns: dict[str, Any] = {"text": said, "document": [f"d{i}" for i in document]}
    if kind == "timeline":
        days = np.datetime64("2015-01-01") + (2000 * value).astype(int)
        return pl.DataFrame({**columns, "time": days[document].astype(str)})
    return pl.DataFrame(
        {**columns, "label": np.array(["a", "b", "c"])[np.digitize(value, [0.5, 0.9])][document]}
    )


def nothing_is_discovered(project: Project, kind: str, texts: int, n: int, seeds: int) -> None:
    """Runs whole studies, from texts to discoveries."""
    project.params(
        noise={
            "kind": kind,
            "goal": "what there is",
            "data": "rows.parquet",
            "embed": {"encoder": "none"},
            "collect": {"document": "document"},
        }
    )
    found = 0
    for seed in range(seeds):
        rows(kind, n, texts, np.random.default_rng([seed, n])).write_parquet("rows.parquet")
        project.run("noise", *STAGES)
        found += bool(pl.read_parquet("data/noise/6_scores/scores.parquet")["is_discovery"].any())
    told = f"{kind}, {texts} a document: of {seeds} studies of {n} texts {found} found something"
    print(told)
    assert found <= most(seeds), told


@pytest.fixture
def _one_shuffle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many studies are asked, not one study many times."""
    monkeypatch.setattr("tasks.score.baselines.NULL_SHUFFLES", 1)


@pytest.mark.usefixtures("_one_shuffle")
@pytest.mark.parametrize("kind", ["classes", "timeline"])
def test_whole_studies_of_nothing_find_nothing_small(project: Project, kind: str) -> None:
    nothing_is_discovered(project, kind, 1, 120, 1)


@pytest.mark.simulation
@pytest.mark.usefixtures("_one_shuffle")
@pytest.mark.parametrize("texts", [1, 3])
@pytest.mark.parametrize("kind", ["classes", "timeline"])
def test_whole_studies_of_nothing_find_nothing(project: Project, kind: str, texts: int) -> None:
    nothing_is_discovered(project, kind, texts, 400, 25)
