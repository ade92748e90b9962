"""Kind directions where a name would be false: activations dealt anew, a probe that found another thing."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from jaxtyping import Float
from scipy.stats import binom

from tasks.engines.encoders import units
from tasks.engines.encoders.encoder import opened
from tasks.engines.encoders.parts import Decomposed
from tests.conftest import Project, place, sentences
from tests.contrast_search import probed
from tests.planted_units import study
from tests.tiny_encoder import save_tiny_encoder

ALPHA = 0.05
STAGES = ("collect", "embed", "propose", "formalise", "verify", "score")
TEXTS = sentences(400, 0.5, 0)
ATTRIBUTE, DISTRACTOR = ("approved", "refused"), ("banana", "shed")


def discoveries(
    folder: Path, texts: list[str], values: Float[np.ndarray, "text unit"], seed: int
) -> pl.DataFrame:
    """Of a study of these activations, with what is beside them."""
    folder.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr("tasks.score.baselines.NULL_SHUFFLES", 0)
        project = Project(folder)
        (folder / "inputs").mkdir()
        ids = [f"input {i}" for i in range(len(texts))]
        project.table("inputs/texts.parquet", [{"id": a, "text": b} for a, b in zip(ids, texts, strict=True)])
        np.save(folder / "inputs" / "a.npy", values)
        (folder / "inputs" / "ids.txt").write_text("\n".join(ids), encoding="utf-8")
        project.params(units=study(seed, activations="a.npy", ids="ids.txt"))
        project.run("units", *STAGES)
    scored = folder / "data" / "units" / "6_scores"
    scores = pl.read_parquet(scored / "scores.parquet").filter("is_discovery")
    return scores.join(pl.read_parquet(scored / "readings.parquet"), on="predicate_id")


@pytest.fixture(scope="module")
def controls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Units of an encoder with random weights: its parts, and random directions of what its MLP adds."""
    folder = save_tiny_encoder(tmp_path_factory.mktemp("tiny") / "model")
    decomposed = Decomposed(opened(str(folder)), "tiny", "float64", 16)
    outputs, neurons = np.empty((len(TEXTS), 16)), np.empty((len(TEXTS), 16))
    column = decomposed.parts.names.index("m0")
    for batch in decomposed.contributions(TEXTS):
        outputs[batch.rows], neurons[batch.rows] = batch.parts[:, column], batch.neurons[:, 0]
    known = decomposed.parts.names
    parts = units.names(decomposed, units.HEADS)
    moments = units.moments(decomposed.contributions(TEXTS), [known.index(one) for one in parts])
    found = [one for part, of in zip(parts, moments, strict=True) for one in units.principal(part, of)]
    heads, _ = units.along(decomposed.contributions(TEXTS), found, known, len(TEXTS))
    random = np.random.default_rng(7).normal(size=(16, 20))
    return {
        "untrained encoder": np.column_stack([heads, neurons]),
        "random directions": outputs @ (random / np.linalg.norm(random, axis=0)),
    }


def studies_with_discovery(folder: Path, values: np.ndarray, seeds: int) -> int:
    """Studies in which each text has the activations of another one."""
    found = 0
    for seed in range(seeds):
        dealt = values[np.random.default_rng([seed, 5]).permutation(len(values))]
        found += discoveries(folder / str(seed), TEXTS, dealt, seed).height > 0
    return found


@pytest.mark.parametrize("control", ["untrained encoder", "random directions"])
def test_activations_that_were_dealt_anew_give_nothing(
    control: str, controls: dict[str, np.ndarray], tmp_path: Path
) -> None:
    seeds = 3
    n = studies_with_discovery(tmp_path, controls[control], seeds)
    assert n <= binom.ppf(0.999, seeds, ALPHA)


@pytest.mark.long
@pytest.mark.parametrize("control", ["untrained encoder", "random directions"])
def test_activations_that_were_dealt_anew_give_nothing_in_a_hundred_studies(
    control: str, controls: dict[str, np.ndarray], tmp_path: Path
) -> None:
    seeds = 100
    n = studies_with_discovery(tmp_path, controls[control], seeds)
    print(f"{control}: {n} of {seeds}")
    assert n <= binom.ppf(0.99, seeds, ALPHA)


def test_words_drive_an_untrained_encoder_and_its_units_are_named_by_them(
    controls: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """So that it is dealing anew, and not the lack of any difference, that leaves nothing to be found."""
    found = discoveries(tmp_path / "own", TEXTS, controls["untrained encoder"], 0)
    assert found["unit"].n_unique() >= 5


def contrasts(seed: int, n: int) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Texts, vectors of each with the answer yes and no, and which attribute and distractor each has.

    The answer moves a vector along the attribute, and three times as far along the distractor: a feature of
    the text that has nothing to do with the question (Farquhar et al. 2023, section 4).
    """
    rng = np.random.default_rng(seed)
    has, other = rng.random((2, n)) < 0.5
    names = rng.integers(10_000, size=(n, 6))
    texts = [
        f"the request of {' '.join(place(int(one)) for one in row)} was {ATTRIBUTE[a]} {DISTRACTOR[d]}"
        for row, a, d in zip(names, has.astype(int), other.astype(int), strict=True)
    ]
    axes = np.linalg.qr(rng.normal(size=(32, 32)))[0]
    moved = np.outer(2.0 * has - 1, axes[0]) + 3 * np.outer(2.0 * other - 1, axes[1]) + axes[2]
    base = rng.normal(size=(n, 32))
    yes, no = (base + sign * moved + 0.3 * rng.normal(size=(n, 32)) for sign in (1, -1))
    return texts, yes, no, has, other


def check_contrast_consistent_search(folder: Path, seed: int) -> None:
    texts, yes, no, has, other = contrasts(seed, 500)
    probe = probed(yes, no, seed)
    right = [max((said := ((probe > 0.5) == truth).mean()), 1 - said) for truth in (has, other)]
    assert right[0] < 0.65
    assert right[1] > 0.95
    found = discoveries(folder, texts, probe[:, None], seed)
    assert found.height
    # None is of the attribute alone; `approved shed` is of the shed.
    assert found["sentence"].str.contains("|".join(DISTRACTOR)).all()


def test_a_probe_that_found_a_distractor_is_not_named_by_the_attribute(tmp_path: Path) -> None:
    check_contrast_consistent_search(tmp_path / "0", 0)


@pytest.mark.long
def test_a_probe_that_found_a_distractor_is_not_named_by_the_attribute_in_twenty_studies(
    tmp_path: Path,
) -> None:
    for seed in range(20):
        check_contrast_consistent_search(tmp_path / str(seed), seed)
