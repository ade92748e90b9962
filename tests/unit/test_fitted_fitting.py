"""The loop of a fit, with a judge who knows: planted predicates are found, few judgements are asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import kinds
from tasks.engines import roles
from tasks.errors import CorpusError
from tasks.kinds.classes.model import Labels
from tasks.kinds.fitted import agreeing, fitting, look, racing
from tasks.kinds.fitted.found import Found
from tasks.kinds.fitted.judging import Answers
from tasks.kinds.fitted.look import Look
from tasks.kinds.fitted.observed import Observed
from tasks.kinds.parts import Seen
from tasks.records import Predicate, Proposal
from tasks.study.reading import study_of

TRUE = ("one", "two", "three")


def seen(n: int = 800, **own: Any) -> Seen:
    study = study_of("s", {"kind": "classes", "goal": "g", "data": "d.csv", "classes": own})
    ids = [f"{i:05d}" for i in range(n)]
    texts = pl.DataFrame({"text_id": ids, "document_id": ids, "text": ids})
    return Seen(study, texts, {"embeddings": np.zeros((n, 0))}, n)


@dataclass
class Known:
    """Proposes columns by name in the first round, and judges by looking up; nobody may be asked twice."""

    columns: dict[str, np.ndarray]
    refused: tuple[str, ...] = ()
    asked: set[tuple[str, str]] = field(default_factory=set)
    name = model = "known"

    def proposed(self, z: np.ndarray, advance: Callable[[], None]) -> list[Proposal]:
        return [proposal(name) for name in self.columns]

    def judge(self, predicates: Sequence[Predicate], texts: pl.DataFrame, vectors: Any) -> roles.Judgements:
        rows = [int(one) for one in texts["text_id"]]
        pairs = {(p.predicate, one) for p in predicates for one in texts["text_id"]}
        assert not pairs & self.asked
        self.asked |= pairs
        score = np.column_stack([self.columns[p.predicate][rows] for p in predicates]).astype(float)
        status = np.zeros(score.shape, dtype=np.uint8)
        for k, one in enumerate(predicates):
            if one.predicate in self.refused:
                status[::2, k] = roles.REFUSAL
        score[status != roles.VALUE] = np.nan
        return roles.Judgements(score, status)


def proposal(name: str) -> Proposal:
    return Proposal(name, "A", "known", "exact", name, 0.0, 0.0)


def planted(n: int = 800, noise: int = 60, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.random((n, 3)) < (0.5, 0.4, 0.3)
    logit = z @ np.array([[2.5, 0.0, 0.0], [0.0, 2.5, 0.0], [-2.0, -2.0, 2.0]])
    label = (logit + rng.gumbel(size=(n, 3))).argmax(axis=1)
    columns = {f"chance {i}": rng.random(n) < rng.uniform(0.05, 0.6) for i in range(noise)}
    wrong = {f"{name}, nearly": z[:, k] ^ (rng.random(n) < 0.15) for k, name in enumerate(TRUE)}
    return columns | wrong | {name: z[:, k] for k, name in enumerate(TRUE)}, label


def looked(of: Seen, label: np.ndarray) -> Look:
    n = of.texts.height
    observed = Observed(np.arange(n), tuple(of.texts["text"]), tuple(str(one) for one in label))
    rng = np.random.default_rng(7)
    model: Any = Labels(observed)
    return Look(of.texts, np.zeros((n, 0)), observed, model, rng.random(n), rng.random(n))


def found(of: Seen, judge: Known, label: np.ndarray, fixed: int | None = None) -> Found:
    at = looked(of, label)
    answers = Answers(of.study, judge, at.texts, at.vectors)  # type: ignore[arg-type]
    return fitting.search(of, at, answers, judge, fixed)


def names(result: Found) -> list[str]:
    return [result.answers.candidates[k].predicate for k in result.chosen.columns]


def test_the_true_ones_are_chosen_and_few_verdicts_asked_for() -> None:
    columns, label = planted()
    judge = Known(columns)
    result = found(seen(), judge, label)
    assert set(TRUE) <= set(names(result)) and len(names(result)) <= 4
    assert result.answers.n_judged == len(judge.asked)
    assert result.noted["share_judged"] == round(len(judge.asked) / (len(columns) * 800), 4)
    assert float(str(result.noted["share_judged"])) < 0.3


def test_few_texts_first_then_twice_as_many() -> None:
    assert racing.sizes(717) == [89, 179, 358, 717]
    assert racing.sizes(60) == [60]


def test_every_step_is_told_with_its_interval() -> None:
    columns, label = planted()
    result = found(seen(), Known(columns), label)
    kept = [step for step in result.chosen.path if step.move == "add" and step.kept]
    assert len(kept) >= 3 and all(step.lo > 0 for step in kept)
    assert all(step.lo <= step.gain <= step.hi for step in result.chosen.path)


@pytest.mark.parametrize("k", [2, 5])
def test_as_many_as_the_user_wants(k: int) -> None:
    columns, label = planted()
    result = found(seen(predicates=k), Known(columns), label, k)
    assert len(names(result)) == k
    assert len(set(names(result)) & set(TRUE)) == min(k, 3)


def test_fewer_than_wanted_are_told() -> None:
    columns, label = planted()
    two = {name: columns[name] for name in TRUE[:2]}
    result = found(seen(predicates=5), Known(two), label, 5)
    assert set(names(result)) == set(two) and result.noted["n_short"] == 3


def test_what_is_asked_for_stays_and_is_first() -> None:
    columns, label = planted()
    of = replace(seen(), asked=(proposal("chance 3"),))
    result = found(of, Known(columns), label)
    assert names(result)[0] == "chance 3" and set(TRUE) <= set(names(result))
    assert result.chosen.path[0].move == "asked"


def test_refusals_are_filled_and_too_many_drop_a_candidate() -> None:
    columns, label = planted()
    result = found(seen(), Known(columns, refused=("two",)), label)
    assert "two" not in names(result) and {"one", "three"} <= set(names(result))
    assert int(str(result.noted["n_gaps"])) > 0 and result.noted["n_too_many_gaps"] == 1


def test_without_anything_to_find_a_few_stay_and_are_said_not_to_be_borne_out() -> None:
    columns, label = planted()
    chance = {name: column for name, column in columns.items() if name.startswith("chance")}
    result = found(seen(), Known(chance), np.random.default_rng(1).permutation(label))
    assert 1 <= len(names(result)) <= 3


def test_constant_columns_are_no_candidates() -> None:
    _, label = planted()
    result = found(seen(), Known({"always": np.ones(800), "never": np.zeros(800)}), label)
    assert names(result) == []


def test_the_same_again() -> None:
    columns, label = planted()
    first, second = (found(seen(), Known(columns), label) for _ in range(2))
    assert first.chosen.path == second.chosen.path and names(first) == names(second)


def test_a_nearly_right_one_gives_its_place_to_the_right_one() -> None:
    columns, label = planted()
    at = looked(seen(), label)
    answers = Answers(seen().study, Known(columns), at.texts, at.vectors)  # type: ignore[arg-type]
    pool = answers.add([proposal("one, nearly"), *map(proposal, TRUE)])
    answers.ask(pool, np.arange(800))
    result = Found(at, answers, fitting.Chosen([0, 2, 3], 0), pool, 4, None)
    fitting.choosing.swapped(result.gauge(), result.chosen, pool)
    assert names(result) == ["one", "two", "three"] and result.chosen.n_swaps == 1


def test_restarts_agree_on_what_is_clear() -> None:
    columns, label = planted()
    result = found(seen(), Known(columns), label)
    judged = result.answers.n_judged
    frame = agreeing.restarts(result, names(result), 3)
    assert frame.height == 3 * len(names(result)) and result.answers.n_judged == judged
    again = frame.filter(pl.col("predicate_id").is_in(TRUE))["phi"] > 0.9
    # A tune part of 240 texts may miss one of three.
    assert again.sum() >= len(again) - 1


def test_too_few_texts_are_refused() -> None:
    few = seen(8)
    with pytest.raises(CorpusError, match="10 documents"):
        look.prepared(kinds.load("classes"), few)
    with pytest.raises(CorpusError, match="distinct"):
        look.prepared(kinds.load("classes"), _alike(seen(40, predicates=3)))


def _alike(of: Seen) -> Seen:
    return replace(of, texts=of.texts.with_columns(text=pl.lit("the same")))
