"""Models of labels, scores and times behind one form."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tasks.kinds.classes.model import Labels, Scores
from tasks.kinds.fitted import frozen
from tasks.kinds.fitted.model import Model, foreseen, reader
from tasks.kinds.fitted.observed import Observed, dealt
from tasks.kinds.timeline.model import Times, weight_at
from tasks.stats.gains import document_mass
from tasks.stats.tilting import Tilting

N = 240
IDS = ["one", "two", "three"]


def observed(kind: str, z: np.ndarray, rng: np.random.Generator) -> Observed:
    """Values that hang on the first verdict."""
    number = z[:, 0] + rng.normal(size=len(z))
    if kind == "labels":
        number = np.digitize(number, [0.0, 1.5]).astype(float)
    if kind == "times":
        number = np.round(1000 * rng.random(len(z)) ** (1 + z[:, 0]))
    said = tuple(map(str, number))
    return Observed(np.arange(len(z)), ("",) * len(z), said, number)


def form(kind: str, of: Observed) -> Model:
    if kind == "labels":
        return Labels(of)
    return Scores() if kind == "scores" else Times(1.0, of.number if of.number is not None else np.empty(0))


@pytest.fixture(params=["labels", "scores", "times"])
def case(request: pytest.FixtureRequest) -> tuple[Model, np.ndarray, Observed]:
    rng = np.random.default_rng(0)
    z = (rng.random((N, 3)) < [0.5, 0.3, 0.1]).astype(float)
    z[0, 1] = 0.3  # A gap that was filled.
    of = observed(request.param, z, rng)
    return form(request.param, of), z, of


def test_a_model_is_what_its_table_says(case: tuple[Model, np.ndarray, Observed]) -> None:
    model, z, of = case
    was = frozen.fitted(model, IDS, z, of)
    table = frozen.model_frame(model, IDS, was.full, was.without)
    assert table["slot"].n_unique() == len(model.slots)
    read = model.frozen(reader(table, "", IDS, model.slots), z, of)
    assert model.bits(read, z, of) == pytest.approx(model.bits(was.full, z, of))
    less = model.frozen(reader(table, "two", ["one", "three"], model.slots), z[:, [0, 2]], of)
    assert model.bits(less, z[:, [0, 2]], of) == pytest.approx(model.bits(was.without[1], z[:, [0, 2]], of))


def test_what_is_explained_is_gained(case: tuple[Model, np.ndarray, Observed]) -> None:
    model, z, of = case
    was = frozen.fitted(model, IDS, z, of)
    full = model.bits(was.full, z, of)
    gain = [(full - model.bits(one, frozen.others(z, k), of)).mean() for k, one in enumerate(was.without)]
    assert gain[0] > 0.03
    assert max(abs(one) for one in gain[1:]) < 0.03
    variance = model.gain_variance(was.full, was.without[0], 0, z, of)
    assert np.sqrt(variance.mean()) == pytest.approx(
        (full - model.bits(was.without[0], z[:, 1:], of)).std(), rel=0.5
    )


def test_nothing_is_likelier_than_the_likeliest(case: tuple[Model, np.ndarray, Observed]) -> None:
    model, z, of = case
    frozen_one = model.fit(z, of)
    rng = np.random.default_rng(1)
    new = (rng.random((N, 3)) < [0.4, 0.3, 0.2]).astype(float)
    fresh = of.take(rng.permutation(N))
    fresh = Observed(np.arange(N) // 2, fresh.text, fresh.said, fresh.number)
    mass = document_mass(fresh.document)
    best = model.most_likely(frozen_one, new, fresh, mass)
    assert best is not None
    assert np.isfinite(best).all()
    if isinstance(frozen_one, Tilting):
        # Changes that are nearly twice as large are among what is allowed.
        steeper = replace(frozen_one, weight=1.9 * frozen_one.weight)
        assert mass @ best >= mass @ model.bits(steeper, new, fresh)
    for other in (frozen_one, *(model.fit(new, fresh, m) for m in (mass, None))):
        rough = isinstance(model, Times) and other is not frozen_one
        if not rough:  # Fits to other texts may be rougher than what the frozen one allows.
            assert mass @ best >= mass @ model.bits(other, new, fresh) - 1e-6


def test_a_fit_ends_where_it_would_wherever_it_begins(case: tuple[Model, np.ndarray, Observed]) -> None:
    model, z, of = case
    mass = np.random.default_rng(2).integers(0, 3, N).astype(float)
    begun = model.fit(z, of, mass, model.fit(z, of))
    assert model.weights(begun) == pytest.approx(model.weights(model.fit(z, of, mass)), abs=1e-3)


def test_a_class_that_exploration_has_not_says_nothing() -> None:
    rng = np.random.default_rng(3)
    z = (rng.random((60, 1)) < 0.5).astype(float)
    seen = Observed(np.arange(60), ("",) * 60, tuple("ab"[int(v)] for v in z[:, 0]))
    model = Labels(seen)
    new = Observed(np.arange(3), ("",) * 3, ("a", "b", "c"))
    assert model.known(new).tolist() == [True, True, False]
    full, none = model.fit(z, seen), model.fit(z[:, :0], seen)
    gain = model.bits(full, np.array([[0.0], [1.0], [1.0]]), new) - model.bits(none, np.zeros((3, 0)), new)
    assert (gain[:2] > 0).all()
    assert gain[2] == 0
    only = Observed(np.arange(2), ("",) * 2, ("c", "c"))
    best = model.most_likely(full, np.ones((2, 1)), only, np.ones(2))
    assert best.tolist() == [0, 0]


def test_one_class_alone_is_a_model_too() -> None:
    of = Observed(np.arange(20), ("",) * 20, ("a",) * 20)
    model = Labels(of)
    z = np.eye(20)[:, :1]
    fitted = model.fit(z, of)
    assert model.weights(fitted).shape == (2, 1)
    assert model.bits(model.frozen(model.weights(fitted), z, of), z, of) == pytest.approx(
        model.bits(fitted, z, of)
    )


@pytest.mark.parametrize(("times", "texts"), [(50, 500), (500, 500)])
def test_stiffness_does_not_hang_on_how_many_times_there_are(times: int, texts: int) -> None:
    rng = np.random.default_rng(4)
    time = np.sort(rng.integers(0, times, texts) / times)
    time = np.unique(time, return_inverse=True)[1] / times
    z = (rng.random((texts, 1)) < 0.2 + 0.5 * time[:, None]).astype(float)
    of = Observed(np.arange(texts), ("",) * texts, tuple(map(str, time)), time)
    weight = weight_at(Times(1.0, time).fit(z, of), np.array([time.min(), time.max()]))[:, 0]
    assert 0.7 < weight[1] - weight[0] < 2.3


def test_times_beyond_the_ends_are_as_the_ends() -> None:
    rng = np.random.default_rng(5)
    z = (rng.random((80, 2)) < 0.5).astype(float)
    of = observed("times", z, rng)
    assert of.number is not None
    fitted = Times(1.0, of.number).fit(z, of)
    ends = weight_at(fitted, np.array([-1e9, of.number.min(), of.number.max(), 1e9]))
    assert ends[0].tolist() == ends[1].tolist()
    assert ends[2].tolist() == ends[3].tolist()


def test_directions_find_what_tells_values_apart_and_not_what_is_told_already() -> None:
    rng = np.random.default_rng(6)
    target = rng.normal(size=(300, 1))
    vectors = np.column_stack([target + 0.1 * rng.normal(size=(300, 1)), rng.normal(size=(300, 5))])
    found = foreseen(vectors, np.zeros((300, 0)), target, 3)
    assert abs(np.corrcoef(found[:, 0], target[:, 0])[0, 1]) > 0.9
    told = foreseen(vectors, target, target, 3)
    assert abs(told).max() < 1e-6
    bare = foreseen(np.zeros((300, 0)), np.zeros((300, 0)), target, 3)
    assert bare[:, 0] == pytest.approx(target[:, 0] - target.mean())


@pytest.mark.parametrize("kind", ["labels", "scores", "times"])
def test_every_kind_has_directions(kind: str) -> None:
    rng = np.random.default_rng(7)
    z = (rng.random((N, 2)) < 0.5).astype(float)
    of = observed(kind, z, rng)
    found = form(kind, of).directions(rng.normal(size=(N, 8)), z, of, 3, rng)
    assert found.shape[0] == N
    assert 1 <= found.shape[1] <= 3
    assert np.isfinite(found).all()


def test_values_are_dealt_out_in_blocks() -> None:
    document = np.repeat(np.arange(30), 3)
    given = dealt(document, np.random.default_rng(8))
    assert sorted(given.tolist()) == list(range(90))
    assert all(len({document[i] for i in given[at : at + 3]}) == 1 for at in range(0, 90, 3))
    assert (document[given] != document).mean() > 0.8


def test_tables_of_models_are_in_their_own_order() -> None:
    table = pl.DataFrame(
        {"without": ["", ""], "predicate_id": ["b", ""], "slot": ["y", "x"], "weight": [2.0, 1.0]}
    )
    assert reader(table, "", ["a", "b"], ["x", "y"]).tolist() == [[1, 0], [0, 0], [0, 2]]
