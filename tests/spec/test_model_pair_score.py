"""score of model_pair: verdicts on pairs in, what tells models apart, is liked, and is well-defined."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy import stats

from benchmarks import model_pair as benchmark
from tasks import paths
from tasks.engines import roles
from tasks.kinds.model_pair import KIND, beside, surface, tables
from tasks.kinds.model_pair.compared import compared
from tasks.score.baselines import null_rate
from tasks.score.groups import adjusted_effects
from tasks.score.stage import score_judged
from tasks.store import frames
from tasks.study import load
from tasks.verdicts.judged import Judged
from tests.conftest import Project
from tests.spec.test_verify import predicate

NAMES = ("p1", "p2", "p3", "p4")


@pytest.fixture
def pairs(project: Project) -> Project:
    """A project with one study, `two`."""
    project.params(two={"kind": "model_pair", "goal": "how the answers differ", "data": "answers.parquet"})
    return project


def judged(
    d: Any, document: Sequence[int] | None = None, texts: Sequence[tuple[str, str]] | None = None
) -> Judged:
    """Pairs whose traits are shown more by A (1), by B (-1) or by neither (0), or refused (NaN)."""
    d = np.asarray(d, dtype=float)
    d = d.reshape(len(d), -1)
    n = len(d)
    document, texts = document or range(n), texts or [("one", "other")] * n
    rows = pl.DataFrame(
        {
            "text_id": [f"t{i:04d}{group}" for i in range(n) for group in "AB"],
            "text_hash": [f"h{i:04d}" for i in range(n) for _ in "AB"],
            "text": [text for both in texts for text in both],
            "group": ["A", "B"] * n,
            "document_id": [f"d{k:04d}" for k in document for _ in "AB"],
            "half": ["confirm"] * 2 * n,
            "n_merged": [1] * 2 * n,
            "context": ["?"] * 2 * n,
        },
        schema=frames.TEXTS,
    ).with_columns(pair=pl.col("text_hash"))
    score = np.stack([(1 + d) / 2, (1 - d) / 2], axis=1).reshape(2 * n, -1)
    status = np.where(np.isnan(score), roles.REFUSAL, roles.VALUE).astype(np.uint8)
    asked = [replace(predicate(name), threshold=None) for name in NAMES[: d.shape[1]]]
    return Judged(load("two"), rows, asked, score, status)


def known(of: Judged, **columns: Any) -> None:
    """Leaves what collect knows of the pairs."""
    told = (
        compared(of)
        .pair.to_frame("pair")
        .with_columns(
            model_a=pl.lit("one"),
            model_b=pl.lit("two"),
            category=pl.lit(None, pl.String),
            preference=pl.lit(None, pl.Float64),
        )
    )
    told = told.with_columns(pl.Series(name, values, strict=False) for name, values in columns.items())
    folder = paths.output("two", "collect")
    folder.mkdir(parents=True, exist_ok=True)
    frames.write(told, folder / "pairs.parquet", tables.PAIRS)


def tell(of: Judged) -> dict[str, pl.DataFrame]:
    """The tables beside the scores."""
    return beside.beside(of, least=0.2)


def test_v_is_the_share_of_pairs_that_one_shows_more_less_the_share_that_the_other_does(
    pairs: Project,
) -> None:
    (row,) = KIND.estimates(judged([1] * 6 + [-1] * 2 + [0] * 2), 0.95).to_dicts()
    assert (row["n_a"], row["n_b"], row["n_documents"]) == (10, 10, 10)
    assert (row["mean_a"], row["mean_b"]) == (0.6, 0.2)
    assert row["validity"] == pytest.approx(0.4)
    assert row["p"] == pytest.approx(stats.binomtest(6, 8).pvalue)
    assert row["lo"] < 0 < 0.4 < row["hi"]
    assert row["method"] == "sign_flip"


def test_the_other_model_first_turns_the_sign_and_nothing_else(pairs: Project) -> None:
    of = judged([[1, 0], [1, -1], [-1, 0], [1, 1]], document=[0, 0, 1, 2])
    other = of.regrouped(pl.Series("group", ["B", "A"] * 4))
    one, two = (KIND.estimates(x, 0.95) for x in (of, other))
    np.testing.assert_allclose(one["validity"], -two["validity"])
    np.testing.assert_allclose(one["lo"], -two["hi"])
    assert one["p"].equals(two["p"]) and one["mean_a"].equals(two["mean_b"].alias("mean_a"))


def test_near_duplicate_prompts_count_as_one(pairs: Project) -> None:
    alone = KIND.estimates(judged([1] * 10), 0.95)
    alike = KIND.estimates(judged([1] * 10, document=[0] * 8 + [1, 2]), 0.95)
    assert alone["p"].item() == pytest.approx(2 / 2**10)
    assert alike["p"].item() == pytest.approx(2 / 2**3)
    assert alike["n_documents"].item() == 3


def test_a_pair_without_a_verdict_is_left_out_counted_and_bounded(pairs: Project) -> None:
    of = judged([1] * 6 + [-1] * 2 + [np.nan] * 2)
    (row,) = KIND.estimates(of, 0.95).to_dicts()
    assert (row["n_a"], row["validity"]) == (8, 0.5)
    assert (row["missing_lo"], row["missing_hi"]) == pytest.approx(((4 - 2) / 10, (4 + 2) / 10))
    (score,) = score_judged(of).scores
    assert score.n_refused == 4, "both answers of a pair are rows"


def test_nothing_judged_at_all_is_no_discovery(pairs: Project) -> None:
    (score,) = score_judged(judged([np.nan] * 6)).scores
    assert (score.p, score.lo, score.hi, score.is_discovery, score.why) == (1, -1, 1, False, "too many gaps")


@pytest.mark.usefixtures("all_shuffles")
@pytest.mark.parametrize("ties", [0.0, 0.6, 1.0], ids=["no ties", "many", "ties alone"])
def test_shuffled_pairs_seldom_give_a_discovery_though_prompts_repeat(pairs: Project, ties: float) -> None:
    rng = np.random.default_rng(1)
    document = np.sort(rng.integers(0, 40, 120))
    said = np.sign(rng.normal(size=(40, 4)) + 0.7)[document]  # copies of a prompt get the same verdict
    of = judged(np.where(rng.random(said.shape) < ties, 0, said), document.tolist())
    assert ties == 1 or (KIND.estimates(of, 0.95)["p"] < 0.05).any()
    told = null_rate(of)
    assert told["null_runs_with_discovery"] <= told["null_most"]


def test_shuffling_trades_places_within_a_document_as_one(pairs: Project) -> None:
    of = judged([1] * 60, document=[i // 3 for i in range(60)])
    group = KIND.shuffled(of, np.random.default_rng(0)).rows["group"]
    d = compared(of.regrouped(group)).d[:, 0].reshape(20, 3)
    assert (d == d[:, :1]).all() and set(d[:, 0]) == {-1, 1}


def test_the_effect_at_equal_length_is_at_that_of_the_other_answer(pairs: Project) -> None:
    rng = np.random.default_rng(0)
    longer = np.where(rng.random(400) < 0.8, 1, -1)
    base = rng.integers(50, 5000, 400)
    texts = [("x" * int(k * 1.3**side), "x" * int(k)) for k, side in zip(base, longer, strict=True)]
    noise = np.where(rng.random(400) < 0.9, longer, -longer)  # follows from being the longer one
    of = judged(noise, texts=texts)
    (adjusted,) = adjusted_effects(of, np.array([True]), np.array([0]))
    plain = KIND.estimates(of, 0.95)["validity"].item()
    assert adjusted[0] is not None and abs(adjusted[0]) < plain / 3


# Orders and panels.


def said(of: Judged, name: str, first: np.ndarray, second: np.ndarray) -> None:
    """Leaves what a judge said of A's answer in each order: the other answer got the rest to 1."""
    folder = paths.output("two", "verify")
    folder.mkdir(parents=True, exist_ok=True)
    rows = pl.DataFrame(
        [
            {"predicate_id": p.predicate_id, "text_id": text_id, "judge": name, "first": x, "second": y}
            for k, p in enumerate(of.predicates)
            for i in range(len(first))
            for text_id, x, y in (
                (of.rows["text_id"][2 * i], first[i, k], second[i, k]),
                (of.rows["text_id"][2 * i + 1], 1 - second[i, k], 1 - first[i, k]),
            )
            if not np.isnan(x + y)
        ]
    )
    frames.write(rows, folder / f"orders-{name}.parquet", frames.ORDERS)


def ordered(n: int = 120, seed: int = 0) -> tuple[Judged, np.ndarray, np.ndarray]:
    """A judge that knows the first trait, leans to the first answer in 3 of 10, and guesses the second."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((n, 2)) < 0.9).astype(float)
    leans = rng.random((n, 2)) < 0.3
    first, second = np.where(leans, 1.0, truth), np.where(leans, 0.0, truth)
    first[:, 1], second[:, 1] = (rng.random(n) < 0.5 for _ in range(2))
    d = (first + second) - 1
    return judged(d), first, second


def test_a_trait_on_which_the_orders_do_not_agree_is_no_discovery(pairs: Project) -> None:
    of, first, second = ordered()
    said(of, "judge", first, second)
    verified = paths.output("two", "verify")
    agreed = KIND.agreed(of, verified)
    assert agreed is not None and agreed.tolist() == [True, False]
    found = {s.predicate_id: s for s in score_judged(replace(of, agreed=agreed)).scores}
    assert (found["p1"].is_discovery, found["p2"].why, found["p2"].p) == (True, "ill-defined", 1.0)


def test_bias_and_agreement_are_told_of_each_judge(pairs: Project) -> None:
    of, first, second = ordered()
    said(of, "one", first, second)
    said(of, "two", 1 - first, 1 - second)
    orders = tell_orders(of)
    assert orders["judge"].to_list() == ["one", "one", "two", "two"]
    row = orders.filter(judge="one", predicate_id="p1").to_dicts()[0]
    assert row["n"] == 120 and row["kappa_lo"] < row["kappa"] < row["kappa_hi"]
    assert row["bias_lo"] < 0.3 < row["bias_hi"], "the planted leaning"


def tell_orders(of: Judged) -> pl.DataFrame:
    """The table of orders."""
    known(of)
    return tell(of)["orders"]


def test_a_panel_decides_by_how_its_judges_agree_with_each_other(pairs: Project) -> None:
    rng = np.random.default_rng(3)
    one = (rng.random((80, 2)) < 0.6).astype(float)
    two = np.column_stack([one[:, 0], rng.random(80) < 0.5])  # each is sure of itself in both orders
    of = judged(one + two - 1)
    for name, each in (("one", one), ("two", two)):
        said(of, name, each, each)
    panel = [
        {"predicate_id": p.predicate_id, "text_id": of.rows["text_id"][2 * i + side], "judge": name,
         "score": each[i, k] if side == 0 else 1 - each[i, k]}
        for k, p in enumerate(of.predicates)
        for name, each in (("one", one), ("two", two))
        for i in range(80)
        for side in (0, 1)
    ]  # fmt: skip
    frames.write(pl.DataFrame(panel), paths.output("two", "verify") / "panel-0000.parquet", frames.PANEL)
    agreed = KIND.agreed(of, paths.output("two", "verify"))
    assert agreed is not None and agreed.tolist() == [True, False]
    orders = tell_orders(of)
    assert orders.filter(judge="one")["is_defined"].all()
    panel_rows = orders.filter(judge="panel")
    assert panel_rows["is_defined"].to_list() == [True, False] and panel_rows["bias"].null_count() == 2
    assert panel_rows["n"].to_list() == [80, 80]


def test_what_is_computed_has_no_orders_and_is_well_defined(pairs: Project) -> None:
    of = judged([1, -1, 1])
    paths.output("two", "verify").mkdir(parents=True)
    assert KIND.agreed(of, paths.output("two", "verify")) is None
    known(of)
    assert "orders" not in tell(of)


# Tables beside the scores.


def liking(n: int = 300, seed: int = 0) -> tuple[Judged, np.ndarray]:
    """The first trait tells the model and is liked, the second is noise; the longer answer is liked, too."""
    rng = np.random.default_rng(seed)
    d = np.column_stack([np.where(rng.random(n) < 0.85, 1, -1), rng.choice([-1, 0, 1], n)])
    long = rng.choice([-1, 1], n)
    texts = [("word " * (20 + 10 * int(k)), "word " * 20) for k in long]
    odds = 1.5 * (d[:, 0] - d[:, 0].mean()) + 1.0 * long
    preference = np.where(rng.random(n) < 1 / (1 + np.exp(-odds)), 1.0, -1.0)
    return judged(d, texts=texts), preference


def test_traits_tell_the_model_and_the_preference_beside_surface_length_and_majority(pairs: Project) -> None:
    of, preference = liking()
    known(of, preference=preference)
    told = tell(of)["telling"]
    assert told.select("target", "by").rows() == [
        (target, by)
        for target in ("model", "preference")
        for by in ("traits", "surface", "length", "majority")
    ]
    rows = {(row["target"], row["by"]): row for row in told.to_dicts()}
    model = rows["model", "traits"]
    assert model["n"] == 300 and model["lo"] < 0.85 < model["hi"] and model["lift"] is None
    assert rows["model", "surface"]["lift_lo"] > 0, "length says nothing of the model"
    assert rows["model", "majority"]["accuracy"] == 0.5
    length = rows["preference", "length"]
    assert length["lo"] > 0.5
    assert length["lift"] == pytest.approx(rows["preference", "traits"]["accuracy"] - length["accuracy"])


def test_what_is_liked_is_told_given_length_and_which_model_it_is(pairs: Project) -> None:
    of, preference = liking()
    known(of, preference=preference)
    one, two = tell(of)["liked"].to_dicts()
    assert one["n"] == 300 and one["lo"] < 1.5 < one["hi"] and one["lo"] > 0 and one["q"] < 0.01
    assert two["lo"] < 0 < two["hi"] and two["q"] > 0.05


def test_a_trait_that_is_not_well_defined_is_not_liked(pairs: Project) -> None:
    of, preference = liking()
    known(of, preference=preference)
    one, two = tell(replace(of, agreed=np.array([False, True])))["liked"].to_dicts()
    assert (one["coefficient"], one["p"], one["q"]) == (None, 1.0, 1.0)
    assert two["coefficient"] is not None


def test_a_trait_that_is_length_is_liked_though_length_is_held_equal_for_others(pairs: Project) -> None:
    of, preference = liking()
    chars = of.rows["text"].str.len_chars().cast(pl.Int64).to_numpy().reshape(-1, 2)
    texts = (of.rows["text"].gather_every(2, offset).to_list() for offset in (0, 1))
    of = judged(np.sign(chars[:, 0] - chars[:, 1]), texts=list(zip(*texts, strict=True)))
    known(of, preference=preference)
    (row,) = tell(of)["liked"].to_dicts()
    assert row["coefficient"] is not None and row["lo"] > 0


def test_without_preferences_nothing_is_said_of_liking(pairs: Project) -> None:
    of, _ = liking(60)
    known(of)
    found = tell(of)
    assert "liked" not in found and set(found["telling"]["target"]) == {"model"}


def test_ties_and_silence_are_no_preference_and_are_left_out(pairs: Project) -> None:
    of, preference = liking(100)
    preference[:30], preference[30:40] = 0, np.nan
    known(of, preference=preference)
    found = tell(of)
    assert set(found["telling"].filter(target="preference")["n"]) == {60}
    assert found["liked"]["n"].to_list() == [90, 90], "a tie says that neither is liked more"


def test_categories_of_ten_prompts_or_more_tell_where_it_shows(pairs: Project) -> None:
    category = ["code"] * 20 + ["poems"] * 20 + ["rare"] * 5 + [None] * 5
    of = judged([1] * 20 + [-1, 1] * 10 + [0] * 10)
    known(of, category=category)
    rows = {row["category"]: row for row in tell(of)["categories"].to_dicts()}
    assert set(rows) == {"code", "poems"}
    assert (rows["code"]["validity"], rows["poems"]["validity"], rows["code"]["n"]) == (1, 0, 20)
    assert rows["code"]["lo"] > 0.5


def test_of_several_models_each_is_compared_with_the_first(pairs: Project) -> None:
    of = judged([1, -1] * 20, document=[i // 2 for i in range(40)])
    known(of, model_b=["two", "three"] * 20)
    rows = {row["model"]: row["validity"] for row in tell(of)["models"].to_dicts()}
    assert rows == {"two": 1.0, "three": -1.0}
    known(of)
    assert "models" not in tell(of)


def test_baselines_are_comparisons_of_counts(pairs: Project) -> None:
    of = judged([0] * 12, texts=[("- one\n- two", "three!")] * 12)
    known(of)
    rows = {row["baseline"]: row["validity"] for row in tell(of)["baselines"].to_dicts()}
    assert rows["has more list items"] == rows["has more lines"] == rows["has more characters"] == 1
    assert rows["has more exclamation marks"] == -1 and rows["has more emoji"] == 0


@pytest.mark.parametrize(
    ("text", "name", "n"),
    [
        ("# A\n\n## B\n#no", "headings", 2),
        ("**a** and **b c**, 2 ** 3", "bold", 2),
        ("- a\n  * b\n3. c\n4) d\nx - y", "list items", 4),
        ("`x` and\n```\ny\n```", "code", 2),
        ("[a](b) https://c.d", "links", 2),
        ("I say: I'm not an island, am I? My!", "first person", 4),
        ("Ja 👍👍", "emoji", 2),
        ("a\n\n \nb", "lines", 2),
        ("", "characters", 0),
    ],
)
def test_what_is_counted_of_an_answer(text: str, name: str, n: int) -> None:
    counted = surface.counted(pl.DataFrame({"text": [text]}, schema={"text": pl.String}))
    assert counted[0, list(surface.COUNTS).index(name)] == n


# A whole study.


def answers(n: int = 90, seed: int = 0) -> pl.DataFrame:
    """The second model's answers are shorter in nine of ten; the rest is chance."""
    rng = np.random.default_rng(seed)
    words = [f"{a}{b}{c}" for a in "bdklmn" for b in "aeiou" for c in "prstz"]

    def answer(k: int) -> str:
        return " ".join(rng.choice(words, k)) + "."

    sizes = [(12, 30) if rng.random() < 0.1 else (30, 12) for _ in range(n)]
    return pl.DataFrame(
        {
            "prompt": [answer(9) for _ in range(n)],
            "answer_1": [answer(a + int(rng.integers(8))) for a, _ in sizes],
            "answer_2": [answer(b + int(rng.integers(8))) for _, b in sizes],
        }
    )


@pytest.mark.parametrize("plan", ["fixed", "sequential"])
def test_a_planted_difference_is_found_end_to_end(project: Project, plan: str) -> None:
    answers().write_parquet("answers.parquet")
    project.params(
        two={
            "kind": "model_pair",
            "goal": "how the answers differ",
            "data": "answers.parquet",
            "embed": {"encoder": "none"},
            "verify": {"plan": plan},
        }
    )
    project.run("two", "collect", "embed", "propose", "formalise", "verify", "score")
    folder = Path("data/two/6_scores")
    scores = pl.read_parquet(folder / "scores.parquet")
    assert scores["is_discovery"].any()
    assert (scores.filter("is_discovery")["validity"].abs() > 0.5).any()
    assert (folder / "baselines.parquet").is_file()
    assert (folder / "telling.parquet").is_file() == (plan == "fixed")
    if plan == "fixed":
        told = pl.read_parquet(folder / "telling.parquet").filter(by="traits")
        assert told["accuracy"].item() > 0.8
        headline = KIND.headline(load("two"))
        assert headline["model"]["traits"] == told["accuracy"].item()


# The benchmark reads files of others.


def test_the_benchmark_reads_columns_of_its_own_names_and_of_others() -> None:
    plain = pl.DataFrame({"prompt": ["p"], "answer_1": ["a"], "answer_2": ["b"], "second_preferred": [0.25]})
    nothing = dict.fromkeys(("prompt", "first", "second", "preference", "category"))
    assert benchmark.read(plain, nothing).equals(plain)
    arena = pl.DataFrame({"question": ["p"], "preference": ["m2"], "m1": ["a"], "m2": ["b"]})
    wanted = plain.with_columns(second_preferred=pl.lit(1.0))
    assert benchmark.read(arena, nothing).equals(wanted)
    turned = benchmark.read(arena, nothing | {"first": "m2", "second": "m1"})
    assert turned["second_preferred"].item() == 0 and turned["answer_1"].item() == "b"


@pytest.mark.parametrize(
    ("table", "asked", "message"),
    [
        ({"prompt": ["p"], "x": ["a"]}, {}, "a prompt and two answers"),
        ({"prompt": ["p"], "x": ["a"], "y": ["b"]}, {"first": "z", "second": "y"}, "wanted z"),
        ({"prompt": ["p"], "x": ["a"], "y": ["b"], "preference": ["w"]}, {}, "got w"),
        ({"prompt": ["p"], "x": ["a"], "y": ["b"], "preference": [3]}, {}, "from 0 to 1"),
    ],
    ids=["one answer", "no such column", "nobody", "no share"],
)
def test_the_benchmark_says_what_is_wrong_with_a_file(
    table: dict[str, Any], asked: dict[str, str], message: str
) -> None:
    nothing = dict.fromkeys(("prompt", "first", "second", "preference", "category"))
    with pytest.raises(SystemExit, match=message):
        benchmark.read(pl.DataFrame(table), nothing | asked)


def test_studies_of_several_splits_are_summed_up() -> None:
    def run(accuracy: float, lo: float, *found: tuple[str, float]) -> dict[str, Any]:
        identity = {"accuracy": accuracy, "lo": lo, "hi": 0.9, "surface": 0.6, "length": 0.5}
        discoveries = [{"predicate": name, "validity": v} for name, v in found]
        return {"n": 9, "identity": identity, "preference": None, "discoveries": discoveries}

    longer, bold = "is longer", "uses bold text more"
    runs = [run(0.8, 0.7, (longer, -0.6), (bold, 0.2)), run(0.6, 0.4, (longer, -0.8)), run(0.5, 0.4)]
    summed = benchmark.over_seeds(runs)["seeds"]
    assert (summed["n"], summed["with_discovery"], summed["covers_half"]) == (3, 2, 2)
    assert summed["mean_accuracy"] == pytest.approx(1.9 / 3)
    assert summed["first"] == {longer: {"n": 2, "mean": pytest.approx(0.7), "min": 0.6, "max": 0.8}}
    assert "1 discoveries (first: is longer -0.800); identity 0.600" in benchmark.line(4, runs[1])
    assert "0 discoveries; identity" in benchmark.line(5, runs[2])
    assert benchmark.over_seeds(runs[2:])["seeds"]["first"] == {}


def test_shuffled_answers_stay_with_their_prompt_and_their_preference() -> None:
    n = 40
    table = pl.DataFrame(
        {
            "prompt": [f"p{i}" for i in range(n)],
            "answer_1": [f"good {i}" for i in range(n)],
            "answer_2": [f"bad {i}" for i in range(n)],
            "second_preferred": [0.1] * n,
        }
    )
    found = benchmark.shuffled(table, 0)
    is_swapped = found["answer_1"].str.starts_with("bad")
    assert 0 < is_swapped.sum() < n
    assert (
        found["second_preferred"] == pl.select(pl.when(is_swapped).then(0.9).otherwise(0.1)).to_series()
    ).all()
    for row in found.to_dicts():
        assert row["answer_1"].split()[1] == row["answer_2"].split()[1] == row["prompt"][1:]
