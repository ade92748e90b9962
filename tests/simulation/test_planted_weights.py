"""Models whose parameters are sentences, on planted data: weights, shares and jumps inside their intervals as
often as promised; where nothing is planted, gains and jumps as rare as promised.

The small case of each runs always, more repetitions under the marker.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy import sparse, special, stats

from tasks.stats import multinomial, normal, tilting, wording
from tasks.stats.changes import changes
from tasks.stats.gains import Gains, gains
from tasks.stats.multiplicity import pvalues_adjusted_bh
from tasks.stats.resampled import interval, weights_by_document

LEVEL = 0.95
ALPHA = 0.05
LONG = pytest.mark.simulation


def most(draws: int, rate: float) -> float:
    """The largest share of draws that chance lets pass once in ten thousand."""
    return float(stats.binom.isf(1e-4, draws, rate)) / draws


def verdicts(n: int, rng: np.random.Generator) -> np.ndarray:
    """Two that overlap, one that holds only where the first does, and one apart."""
    first = rng.random(n) < 0.4
    second = rng.random(n) < np.where(first, 0.5, 0.2)
    return np.column_stack([first, second, first & (rng.random(n) < 0.4), rng.random(n) < 0.15]) * 1.0


THREE_GROUPS = np.array([[0.3, 0.2, -0.5], [1, -0.5, -0.5], [-0.8, 0.8, 0], [0, 0.7, -0.7], [0, 0, 0]])
RARE = np.array([[1.95, -1.95], [1, -1], [-0.4, 0.4], [0, 0], [0.5, -0.5]])
"""A class of 2 %: six of three hundred texts."""
RATING = np.array([3.0, 0.8, -0.5, 0.4, 0.0])


@pytest.mark.parametrize("runs", [15, pytest.param(300, marks=LONG)])
@pytest.mark.parametrize("truth", [THREE_GROUPS, RARE], ids=["three groups", "a class of 2 %"])
def test_weights_of_classes_are_inside_their_intervals(truth: np.ndarray, runs: int) -> None:
    covered = []
    for seed in range(runs):
        rng, ridge = np.random.default_rng(seed), 0.1
        z, document, classes = verdicts(300, rng), np.arange(300) // 2, truth.shape[1]
        label = (truth[0] + z @ truth[1:] + rng.gumbel(size=(300, classes))).argmax(axis=1)
        model = multinomial.fit(z, label, classes, ridge)
        draws = np.array(
            [
                multinomial.fit(z, label, classes, ridge, mass, model.weight).weight
                for mass in weights_by_document(document, 30, rng)
            ]
        )
        lo, hi = interval(draws, model.weight, LEVEL, multinomial.weight_error(model, z, ridge))
        covered.append((lo <= truth) & (truth <= hi))
    assert 1 - np.mean(covered) <= most(runs * (truth.size - truth.shape[0]), ALPHA)


@pytest.mark.parametrize("runs", [40, pytest.param(400, marks=LONG)])
def test_weights_of_a_rating_are_inside_their_intervals(runs: int) -> None:
    """Ratings of 1 to 5, rounded and with errors that documents share."""
    covered = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        z, document = verdicts(400, rng), np.arange(400) // 2
        exact = RATING[0] + z @ RATING[1:] + 0.5 * rng.normal(size=200)[document] + 0.6 * rng.normal(size=400)
        score = np.clip(np.rint(exact), 1, 5)
        model = normal.fit(z, score)
        draws = np.array(
            [normal.fit(z, score, mass=mass).weight for mass in weights_by_document(document, 60, rng)]
        )
        lo, hi = interval(draws, model.weight, LEVEL, normal.weight_error(model, z))
        covered.append(((lo <= RATING) & (hi >= RATING))[1:])
    # Cut to 1 and 5 a rating is not quite linear: a little over and above chance.
    assert 1 - np.mean(covered) <= most(runs * 4, ALPHA + 0.01)


@pytest.mark.parametrize("runs", [10, pytest.param(200, marks=LONG)])
def test_shares_that_drift_are_inside_their_intervals(runs: int) -> None:
    at = np.linspace(0.05, 0.95, 10)

    def truth(time: np.ndarray) -> np.ndarray:
        drifting = [special.expit(-1.5 + 2 * (time - 0.5)), special.expit(-0.5 - (time - 0.5))]
        return np.column_stack([*drifting, np.full(time.size, 0.3)])

    covered = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        document = np.arange(400) // 2
        time = rng.random(200)[document]
        z = (rng.random((400, 3)) < truth(time)) * 1.0
        model = tilting.fit(z, time, 300.0)
        found = tilting.shares(model, at)
        draws = np.array(
            [
                tilting.shares(tilting.fit(z, time, 300.0, mass=mass, start=model.weight), at)
                for mass in weights_by_document(document, 30, rng)
            ]
        )
        lo, hi = interval(draws, found, LEVEL, tilting.share_error(model, time, at))
        covered.append((lo <= truth(at)) & (truth(at) <= hi))
    # Ten times of one drift are about three looks at it.
    assert 1 - np.mean(covered) <= most(runs * 9, ALPHA)


@pytest.mark.parametrize(("texts", "runs"), [(1, 100), (3, 30), pytest.param(3, 300, marks=LONG)])
def test_a_jump_is_inside_its_interval(texts: int, runs: int) -> None:
    """In 90 of 100 studies or more, of those that see it; nearly all do."""
    inside, seen = 0, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        document = np.arange(600) // texts
        time = rng.random(600 // texts)[document]
        held = _alike(np.where(time < 0.6, 0.15, 0.55), document, rng)
        found = changes(held, time, document, LEVEL, rng, most=1)
        seen += len(found)
        inside += sum(one.lo < 0.6 <= one.hi for one in found)
    assert seen >= 0.9 * runs
    assert inside >= 0.9 * seen


def _alike(share: np.ndarray, document: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Texts of a document agree more often than chance would have it."""
    common, own = rng.random(document.max() + 1)[document], rng.random(document.size)
    return (np.where(rng.random(document.size) < 0.5, common, own) < share) * 1.0


@pytest.mark.parametrize("runs", [60, pytest.param(1000, marks=LONG)])
@pytest.mark.parametrize(("slope", "texts"), [(0.0, 1), (0.0, 3), (1.0, 1), (4.0, 3)])
def test_a_constant_and_a_drift_are_no_jump(slope: float, texts: int, runs: int) -> None:
    jumps = 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        document = np.arange(300) // texts
        time = rng.random(300 // texts)[document]
        held = _alike(special.expit(-1 + slope * (time - 0.5)), document, rng)
        jumps += bool(changes(held, time, document, LEVEL, rng))
    assert jumps / runs <= most(runs, ALPHA)


@dataclass(frozen=True)
class Form:
    """A model, and data of documents that no predicate has to do with."""

    drawn: Callable[[np.ndarray, np.random.Generator], Any]
    fit: Callable[[np.ndarray, Any], Any]
    bits: Callable[[Any, np.ndarray, Any], np.ndarray]
    variance: Callable[[Any, Any, int, np.ndarray, Any], np.ndarray]


def _bursts(document: np.ndarray, rng: np.random.Generator) -> sparse.csr_array:
    """Eight words a text, of which each document has its favourites."""
    chance = rng.dirichlet(20 / np.arange(1, 41) / 4, size=document.max() + 1)[document]
    return sparse.csr_array(rng.multinomial(8, chance))


def _by_document(chance: list[float], document: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(len(chance), size=document.max() + 1, p=chance)[document]


FORMS = {
    "a class of 2 %": Form(
        lambda document, rng: _by_document([0.98, 0.02], document, rng),
        lambda z, label: multinomial.fit(z, label, 2),
        multinomial.log2_likelihood,
        lambda full, less, k, z, _: multinomial.gain_variance(full, less, k, z),
    ),
    "five classes": Form(
        lambda document, rng: _by_document([0.5, 0.3, 0.15, 0.03, 0.02], document, rng),
        lambda z, label: multinomial.fit(z, label, 5),
        multinomial.log2_likelihood,
        lambda full, less, k, z, _: multinomial.gain_variance(full, less, k, z),
    ),
    "a rating": Form(
        lambda document, rng: 1.0 + _by_document([0.02, 0.03, 0.05, 0.2, 0.7], document, rng),
        normal.fit,
        normal.log2_likelihood,
        lambda full, less, k, z, _: normal.gain_variance(full, less, k, z),
    ),
    "times": Form(
        lambda document, rng: rng.random(document.max() + 1)[document],
        lambda z, time: tilting.fit(z, time, float(time.size)),
        tilting.log2_ratio,
        lambda full, less, k, _, time: tilting.gain_variance(full, less, k, time),
    ),
    "words": Form(
        _bursts,
        lambda z, counts: wording.fit(z, counts, 10.0),
        wording.log2_likelihood,
        wording.gain_variance,
    ),
}


def null_study(form: Form, n: int, texts: int, share: float, rng: np.random.Generator) -> tuple[Gains, Gains]:
    """Three predicates fitted on one half, tested on the other; with what the model expects, and without."""
    document = np.arange(n) // texts

    def half() -> tuple[np.ndarray, Any]:
        z = np.column_stack([_alike(np.full(n, share), document, rng) for _ in range(3)])
        return z, form.drawn(document, rng)

    (z, old), (new, data) = half(), half()
    full = form.fit(z, old)
    less = [form.fit(np.delete(z, k, axis=1), old) for k in range(3)]
    own = form.bits(full, new, data)
    rest = np.column_stack([form.bits(one, np.delete(new, k, axis=1), data) for k, one in enumerate(less)])
    variance = np.column_stack([form.variance(full, one, k, new, data) for k, one in enumerate(less)])
    return gains(own, rest, document, LEVEL, variance), gains(own, rest, document, LEVEL)


@pytest.mark.parametrize("runs", [25, pytest.param(500, marks=LONG)])
@pytest.mark.parametrize(("texts", "share"), [(1, 0.5), (1, 0.02), (4, 0.1)])
@pytest.mark.parametrize("form", FORMS)
def test_what_has_nothing_to_do_with_it_gains_as_rarely_as_promised(
    form: str, texts: int, share: float, runs: int
) -> None:
    p = [null_study(FORMS[form], 300, texts, share, np.random.default_rng(seed))[0].p for seed in range(runs)]
    assert (np.array(p) <= ALPHA).mean() <= most(3 * runs, ALPHA)
    discoveries = [(pvalues_adjusted_bh(of_study) <= ALPHA).any() for of_study in p]
    assert np.mean(discoveries) <= most(runs, ALPHA)


def test_students_test_alone_would_have_failed() -> None:
    """Rare losses that are not among the texts: what the least variance is for."""
    form = FORMS["a class of 2 %"]
    p = [null_study(form, 500, 1, 0.02, np.random.default_rng(seed))[1].p for seed in range(40)]
    assert (np.array(p) <= ALPHA).mean() > 0.3


@pytest.mark.parametrize("runs", [30, pytest.param(300, marks=LONG)])
def test_planted_predicates_are_told_from_one_that_is_not(runs: int) -> None:
    """Careful is not blind: six hundred texts tell three predicates of three groups."""
    found = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        halves = []
        for _ in range(2):
            z = verdicts(600, rng)
            label = (THREE_GROUPS[0] + z @ THREE_GROUPS[1:] + rng.gumbel(size=(600, 3))).argmax(axis=1)
            halves.append((z, label))
        (z, old), (new, label) = halves
        full = multinomial.fit(z, old, 3)
        less = [multinomial.fit(np.delete(z, k, axis=1), old, 3) for k in range(4)]
        bits = multinomial.log2_likelihood
        rest = [bits(one, np.delete(new, k, axis=1), label) for k, one in enumerate(less)]
        variance = [multinomial.gain_variance(full, one, k, new) for k, one in enumerate(less)]
        own = bits(full, new, label)
        found.append(gains(own, np.column_stack(rest), np.arange(600), LEVEL, np.column_stack(variance)).p)
    power = (np.array(found) <= ALPHA).mean(axis=0)
    assert (power[:2] > 0.8).all()
    assert power[3] <= most(runs, ALPHA)
