"""What a predicate adds in bits: verdicts in, estimates out."""

from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest

from tasks.engines import roles
from tasks.kinds.classes.model import Labels
from tasks.kinds.fitted import beside, effects, frozen
from tasks.kinds.fitted.effects import Dealt
from tasks.kinds.fitted.observed import Observed
from tasks.kinds.fitted.refitted import Refitted
from tasks.stats.gains import document_mass
from tasks.study import Study
from tasks.verdicts.judged import Judged
from tests.spec.test_verify import predicate

STUDY = Study.model_validate({"name": "s", "kind": "classes", "data": "x", "goal": "g"})
N = 600
IDS = ["strong", "weak", "nothing"]


def half(seed: int, texts: int = 1) -> tuple[np.ndarray, Observed]:
    """Verdicts of three predicates, and labels that hang on the first two, in documents of so many texts."""
    rng = np.random.default_rng(seed)
    z = (rng.random((N, 3)) < [0.5, 0.3, 0.2]).astype(float)
    odds = np.column_stack([2 * z[:, 0], 1.2 * z[:, 1], np.full(N, 0.8)]) + rng.gumbel(size=(N, 3))
    said = tuple("abc"[k] for k in odds.argmax(axis=1))
    return z, Observed(np.arange(N) // texts, ("",) * N, said, np.full(N, np.nan))


def judged(score: np.ndarray, of: Observed, status: np.ndarray | None = None) -> Dealt:
    """Verdicts with the model of another half, as if it had been read."""
    z, explored = half(0)
    model = frozen.fitted(Labels(explored), IDS, z, explored)
    rows = pl.DataFrame(
        {
            "text_id": [f"t{i:04d}" for i in range(N)],
            "group": "A",
            "document_id": [f"d{i:04d}" for i in of.document],
        }
    )
    none = np.zeros(score.shape, dtype=np.uint8)
    return Dealt(
        STUDY,
        rows,
        [predicate(one) for one in IDS],
        score,
        none if status is None else status,
        model=model,
        of=of,
    )


def estimated(of: Judged) -> dict[str, dict[str, float]]:
    found = effects.estimates(of, 0.95)
    return dict(zip(IDS, found.to_dicts(), strict=True))


def test_a_gain_is_what_the_full_model_says_beyond_that_without() -> None:
    z, of = half(1)
    found = estimated(judged(z, of))
    assert found["strong"]["validity"] > found["weak"]["validity"] > 0.01
    for one in found.values():
        assert one["validity"] == pytest.approx(one["mean_a"] - one["mean_b"])
        assert one["lo"] < one["validity"] < one["hi"]
        assert one["missing_lo"] == one["validity"] == one["missing_hi"]
        assert (one["n_a"], one["n_b"], one["n_documents"]) == (N, 0, N)
    assert found["strong"]["p"] < 1e-6
    assert found["nothing"]["p"] > 0.05


def test_documents_are_the_unit() -> None:
    z, of = half(1)
    doubled = Observed(np.repeat(np.arange(N // 2), 2), of.text, of.said, of.number)
    found = estimated(
        judged(
            np.repeat(z[: N // 2], 2, axis=0), replace(doubled, said=tuple(np.repeat(of.said or (), 2)[:N]))
        )
    )
    once = effects.compare(*_compared(z[: N // 2], of.take(np.arange(N // 2))))
    assert found["strong"]["n_documents"] == N // 2
    assert found["strong"]["validity"] == pytest.approx(np.mean(once.full[:, 0] - once.without[:, 0]))
    alone = estimated(judged(z, of))
    assert found["strong"]["hi"] - found["strong"]["lo"] > 1.2 * (
        alone["strong"]["hi"] - alone["strong"]["lo"]
    )


def _compared(
    z: np.ndarray, of: Observed
) -> tuple[frozen.Frozen, np.ndarray, Observed, np.ndarray, list[tuple[int, ...]]]:
    model = judged(*half(1)).model
    assert model is not None
    return model, z, of, z, [()] * 3


def test_a_text_without_a_verdict_does_not_count_and_bounds_the_gain() -> None:
    z, of = half(1)
    score, status = z.copy(), np.zeros(z.shape, dtype=np.uint8)
    score[:60, 0], status[:60, 0] = np.nan, roles.REFUSAL
    found = estimated(judged(score, of, status))
    assert found["strong"]["n_a"] == N - 60
    assert found["weak"]["n_a"] == N
    assert found["strong"]["missing_lo"] < found["strong"]["validity"] < found["strong"]["missing_hi"]
    whole = estimated(judged(z, of))
    assert found["strong"]["missing_lo"] < whole["strong"]["validity"] < found["strong"]["missing_hi"]
    # Another predicate's gap is filled with its share: the text still counts for this one.
    assert found["weak"]["missing_lo"] == found["weak"]["validity"]
    assert found["weak"]["validity"] == pytest.approx(whole["weak"]["validity"], abs=0.02)


def test_without_any_verdict_nothing_is_known() -> None:
    z, of = half(1)
    score = z.copy()
    score[:, 2] = np.nan
    found = estimated(judged(score, of, np.where(np.isnan(score), roles.REFUSAL, 0).astype(np.uint8)))
    assert found["nothing"]["p"] == 1
    assert found["nothing"]["n_a"] == 0
    assert found["strong"]["p"] < 1e-6


def test_an_evalue_is_large_where_there_is_a_gain_and_small_where_there_is_none() -> None:
    z, of = half(1)
    with_model = judged(z, of)
    assert with_model.model is not None
    plain = Judged(**{one.name: getattr(with_model, one.name) for one in fields(Judged)})
    compared = effects.compare(*_compared(z, of))
    e = effects.evalues(plain, with_model.model, z, of, compared)
    assert e[0] > 1e6
    assert e[2] < 1
    # By hand: the model without it of maximum likelihood on these texts.
    best = with_model.model.model.most_likely(None, frozen.others(z, 0), of, document_mass(of.document))
    assert best is not None
    assert np.log2(e[0]) == pytest.approx((compared.full[:, 0] - best).sum())


def test_shuffled_values_leave_nothing_to_find_and_keep_what_they_are() -> None:
    z, of = half(1, texts=2)
    was = judged(z, of)
    rng = np.random.default_rng(0)
    found = [effects.shuffled(was, rng) for _ in range(20)]
    assert all(sorted(one.of.said) == sorted(of.said) for one in found if one.of and one.of.said and of.said)
    assert all((one.score == z).all() for one in found)
    assert sum(bool((effects.estimates(one, 0.95)["p"] < 0.01).any()) for one in found) <= 2
    gains = np.array([effects.estimates(one, 0.95)["validity"].to_numpy() for one in found])
    assert abs(gains.mean()) < 0.01


def test_none_holds() -> None:
    nan = float("nan")
    held = np.array([[0, 0], [0, 1], [nan, 0], [nan, 1]])
    assert np.array_equal(beside.none_holds(held), [1, 0, nan, 0], equal_nan=True)


def test_coverage_counts_texts_with_a_verdict() -> None:
    z, of = half(1)
    score = z.copy()
    score[:100, 1] = np.nan
    was = judged(score, of)
    assert was.model is not None
    parts = {"a": np.array([one == "a" for one in of.said or ()])}
    table = beside.coverage(Refitted(was, was.model, of), parts, ["strong"])
    rows = {(row["predicate_id"], row["slot"]): row for row in table.to_dicts()}
    assert rows["weak", ""]["n"] == N - 100
    assert rows["strong", ""]["share"] == pytest.approx(z[:, 0].mean())
    assert rows["strong", "a"]["lo"] > rows["strong", ""]["hi"]
    assert rows["unexplained", ""]["share"] == pytest.approx(1 - z[:, 0].mean())
    none = beside.coverage(Refitted(was, was.model, of), {}, [])
    assert "unexplained" not in none["predicate_id"].to_list()


def test_weights_are_refitted_beside_the_frozen_ones() -> None:
    z, of = half(1)
    was = judged(z, of)
    assert was.model is not None
    table = beside.weights(Refitted(was, was.model, of))
    assert table.height == 4 * 3
    strong = table.filter(predicate_id="strong", slot="a").row(0, named=True)
    assert strong["lo"] < 2 * 2 / 3 < strong["hi"]
    assert strong["lo"] < strong["weight"] < strong["hi"]
    assert strong["frozen"] == pytest.approx(was.model.full.weight[1, 0])
    again = beside.weights(Refitted(was, was.model, of))
    assert again.equals(table)


def test_of_very_many_slots_those_of_the_largest_frozen_weights_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(beside, "MOST_SLOTS", 2)
    monkeypatch.setattr(beside, "TOP_SLOTS", 1)
    z, of = half(1)
    was = judged(z, of)
    assert was.model is not None
    table = beside.weights(Refitted(was, was.model, of))
    assert table.select("predicate_id", "slot").rows()[:2] == [("strong", "a"), ("weak", "b")]
    assert table.height == 3
