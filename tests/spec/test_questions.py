"""The ready questions (tasks/store/sql), as a specification: recorded runs in, answers out."""

import polars as pl
import pytest

from tasks.commands import query
from tasks.errors import ParamsError
from tasks.records import Call
from tasks.store import duck, frames
from tasks.study.params import Price
from tests.conftest import Project
from tests.recorded_study import FOUND, NOT_FOUND, PRESS, Row, put_study

pytestmark = pytest.mark.usefixtures("project")


SMALL = Price(input=1.0, output=2.0, cached=0.5)


def call(request_hash: str, model: str, tokens_in: int = 1000) -> Call:
    """A judge's answer of 100 tokens to 1,000, of which the server had 800."""
    about = (frames.hashed('mentions "covid"'),)
    return Call(request_hash, "verify", "judge", model, about, tokens_in, 100, 800)


@pytest.fixture
def memory(project: Project) -> None:
    """press: two runs on two splits; reviews: one run with another goal."""
    put_study("press", "run-1", PRESS, split_hash="split-1", cost_usd=3.0)
    duck.record("press")
    later: list[Row] = [
        ('mentions "covid"', "A", 0.25, 0.01, 0.001, FOUND, 'mentions "covid"'),
        ("is a question", "B", 0.01, 0.04, 0.6, NOT_FOUND, "is a question"),
    ]
    put_study("press", "run-2", later, split_hash="split-2")
    duck.record("press")
    reviews: list[Row] = [
        ('mentions "covid"', "B", -0.1, 0.05, 0.01, FOUND, 'mentions "covid"'),
        ("has a positive tone", "A", 0.79, 0.02, 0.001, FOUND, "has a positive tone"),
    ]
    put_study(
        "reviews",
        "run-3",
        reviews,
        goal="what makes 100% of guests happy",
        split_hash="split-3",
        asked=[
            call("h1", "judge-small"),
            call("h2", "judge-small"),
            call("h3", "judge-large", tokens_in=2000),
        ],
        prices={"judge-small": SMALL},
        cost_usd=None,
    )
    duck.record("reviews")


@pytest.mark.usefixtures("memory")
def test_every_question_answers_with_its_defaults() -> None:
    assert sorted(duck.questions()) == [
        "asked", "calls", "changes", "cost", "evidence", "held-up", "holdout-use", "news", "past-discoveries",
        "rejected", "replications", "strongest", "studies",
    ]  # fmt: skip
    for name, title in duck.questions().items():
        assert title != name
        # Nobody asked for a hypothesis here: tests/spec/test_own_hypotheses.py has some who did.
        # Nor has any a time.
        assert (duck.query(name).height > 0) == (name not in {"asked", "changes", "replications"})


@pytest.mark.usefixtures("memory")
def test_studies() -> None:
    columns = ["study", "n_predicates", "n_discoveries", "n_runs", "cost_usd"]
    assert duck.query("studies").select(columns).rows() == [
        ("press", 2, 1, 2, 3.0),
        ("reviews", 2, 2, 1, None),
    ]


def test_an_answer_that_two_runs_rest_on_counts_once_in_its_study() -> None:
    for run_id, hashes in (("run-1", ("h1", "h2")), ("run-2", ("h2", "h3"))):
        asked = [call(h, "judge-small") for h in hashes]
        put_study(run_id=run_id, asked=asked, prices={"judge-small": SMALL}, cost_usd=0.0016)
        duck.record("press")
    assert duck.query("studies")["cost_usd"].to_list() == [pytest.approx(0.0024)]
    assert duck.query("cost").select("n_calls", "n_tokens", "cost_usd").rows() == [(2, 2200, 0.0016)] * 2


def test_strongest_orders_by_the_nearer_end_and_folds_paraphrases() -> None:
    put_study()
    duck.record("press")
    answer = duck.query("strongest").select("predicate", "validity", "n_alike").rows()
    assert answer == [('mentions "covid"', 0.27, 1), ("is a question", -0.05, 0)]
    assert duck.query("strongest", {"limit": "1"})["predicate"].to_list() == ['mentions "covid"']


@pytest.mark.usefixtures("memory")
def test_strongest_of_one_study() -> None:
    assert duck.query("strongest", {"study": "reviews"})["predicate"].to_list() == [
        "has a positive tone",
        'mentions "covid"',
    ]


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("COVID year", [("press", 2)]),
        ("covid", [("press", 2), ("reviews", 1)]),
        ("guests tone", [("reviews", 1)]),
        ("100%", [("reviews", 1), ("reviews", 1)]),
        ("co%id happy", [("reviews", 1)]),
        ("nowhere", []),
        ("' OR 1=1 --", []),
    ],
)
def test_past_discoveries_by_words(words: str, expected: list[tuple[str, int]]) -> None:
    answer = duck.query("past-discoveries", {"words": words})
    assert sorted(answer.select("study", "n_runs").rows()) == expected


@pytest.mark.usefixtures("memory")
def test_past_discoveries_shows_the_last_finding() -> None:
    answer = duck.query("past-discoveries", {"words": "covid year"})
    assert answer["validity"].to_list() == [0.25]


@pytest.mark.usefixtures("memory")
def test_held_up() -> None:
    columns = ["predicate", "study", "again_in", "again_validity", "other_split", "held_up"]
    assert duck.query("held-up").select(columns).rows() == [
        ("is a question", "press", "press", 0.01, True, False),
        ('mentions "covid"', "press", "press", 0.25, True, True),
        ('mentions "covid"', "press", "reviews", -0.1, True, False),
    ]


def test_held_up_says_when_the_texts_were_the_same() -> None:
    for run_id in ("run-1", "run-2"):
        put_study(run_id=run_id, rows=PRESS[:1])
        duck.record("press")
    assert duck.query("held-up").select("other_split", "held_up").rows() == [(False, True)]


@pytest.mark.usefixtures("memory")
def test_cost() -> None:
    columns = ["run_id", "judgements_per_discovery", "cost_usd_per_discovery"]
    assert duck.query("cost", {"study": "press"}).select(columns).rows() == [
        ("run-1", 40, 1.0),
        ("run-2", 120, 0.0),
    ]


@pytest.mark.usefixtures("memory")
def test_cost_is_unknown_where_a_price_is() -> None:
    columns = ["n_calls", "n_tokens", "cost_usd", "cost_usd_per_discovery"]
    assert duck.query("cost", {"study": "reviews"}).select(columns).rows() == [(3, 4300, None, None)]


@pytest.mark.usefixtures("memory")
def test_calls_by_stage_role_and_model() -> None:
    columns = ["stage", "role", "model", "n_calls", "tokens_in", "tokens_out", "share_cached", "cost_usd"]
    assert duck.query("calls", {"study": "reviews"}).select(columns).sort("model").rows() == [
        ("verify", "judge", "judge-large", 1, 2000, 100, 0.4, None),
        # 200 tokens at 1, 800 at 0.5 and 100 at 2 USD per million, twice
        ("verify", "judge", "judge-small", 2, 2000, 200, 0.8, pytest.approx(0.0016)),
    ]
    assert duck.query("calls", {"study": "press"}).is_empty()


def test_rejected_says_why() -> None:
    put_study()
    duck.record("press")
    assert duck.query("rejected").select("predicate", "why").rows() == [
        ("is long", "under the minimum"),
        ("is short", "other direction"),
        ("contains 100% digits", "not significant"),
    ]


@pytest.mark.usefixtures("memory")
def test_evidence_by_id_or_words() -> None:
    tone = frames.hashed("has a positive tone")
    by_id = duck.query("evidence", {"predicate_id": tone})
    assert by_id.select("study", "predicate", "text").rows() == [
        ("reviews", "has a positive tone", "covid rises")
    ]
    assert duck.query("evidence", {"words": "tone has"}).equals(by_id)
    assert duck.query("evidence", {"words": "tone", "limit": "0"}).is_empty()


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        (
            "strongst",
            {},
            r"did you mean `strongest`\?.*There are: asked, calls, changes, cost, evidence, held-up",
        ),
        (
            "strongest",
            {"stody": "press"},
            r"unknown parameter 'stody'; did you mean `study`\?.*It takes: study, limit",
        ),
        ("studies", {"study": "press"}, r"unknown parameter 'study'.*It takes: none"),
        ("strongest", {"limit": "many"}, r"query strongest: .*Could not convert string 'many'"),
        ("SELECT * FROM nothing", {}, r"query SELECT \* FROM nothing: .*nothing"),
        ("SELECT $words AS x", {}, "words"),
        ("../store/sql/studies", {}, "wanted a ready question"),
    ],
)
def test_a_wrong_question_says_what_is_wrong(name: str, params: dict[str, str], message: str) -> None:
    put_study()
    duck.record("press")
    with pytest.raises(ParamsError, match=message):
        duck.query(name, params)


def test_values_are_bound_in_sql_of_ones_own() -> None:
    put_study()
    duck.record("press")
    assert duck.query("SELECT $x || '!' AS said", {"x": "it's"}).rows() == [("it's!",)]


def test_an_answer_of_many_columns_is_a_line_a_value() -> None:
    wide = pl.DataFrame({f"c{i}": [i / 3, None] for i in range(17)} | {"said": ["two\nlines", "x" * 300]})
    first, second = query.table(wide).split("\n\n")
    assert first.splitlines()[1:3] == ["c1    0.333", "c2    0.667"] and first.endswith("said  two lines")
    assert second.splitlines()[0] == "c0" and second.endswith("x…") and len(second.splitlines()[-1]) < 170
    assert "│" in query.table(wide[:, :16])
