"""Kind encoder_failures from corpus to report, on encoders whose confusions are known.

`words` sees a text as a bag of words in which synonyms are one: it confuses all swaps and all paraphrases.
`texts` confuses nothing.
"""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import paths, study
from tasks.__main__ import main
from tasks.engines import pairs
from tasks.engines.roles import ABSENT, UNPARSABLE, VALUE
from tasks.kinds import encoder_failures
from tasks.kinds.encoder_failures import fresh, transfer, views
from tasks.kinds.encoder_failures.collision import CollisionJudge
from tasks.kinds.encoder_failures.embedded.edits import edit
from tasks.kinds.encoder_failures.embedded.generating import SentenceEditor
from tasks.kinds.encoder_failures.embedded.meaning import EditMeaning
from tasks.kinds.encoder_failures.roles import NewPair
from tasks.records import Predicate
from tasks.store import frames
from tasks.store.sources.captions import read_captions
from tasks.study.reading import study_of
from tasks.verify import stage as verify
from tests.captions_study import Texts, Words, captions_study, made, open_made
from tests.conftest import STAGES, Project
from tests.spec.report_made import Node
from tests.tiny_clip import save_tiny_clip
from tests.tiny_encoder import save_tiny_encoder

NAME = "captions"
SWAP = "who does what to whom"
N_FRESH = 20
UNTIL_FROZEN = STAGES[:4]
ENCODERS: dict[str, Any] = {
    "embed": {"encoder": "words"},
    "encoder_failures": {"reference": "texts", "margin": 0.3, "transfer": ["texts", "one"]},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A finished study of `words` with `texts` as its reference; tests read it and leave it as it is."""
    with pytest.MonkeyPatch.context() as patch:
        project = _project(tmp_path_factory.mktemp("failures"), patch)
        made(project, **ENCODERS)
        project.run(NAME)
        yield project


def _project(folder: Path, patch: pytest.MonkeyPatch) -> Project:
    patch.chdir(folder)
    open_made(patch)
    return Project(folder)


@pytest.fixture
def there(whole: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """`whole`, as the folder in which the test runs."""
    monkeypatch.chdir(whole.folder)
    return whole


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty project that knows the encoders."""
    return _project(tmp_path, monkeypatch)


def _read(stage: str, name: str) -> pl.DataFrame:
    return pl.read_parquet(paths.output(NAME, stage) / f"{name}.parquet")


def _texts() -> pl.DataFrame:
    return _read("collect", "texts")


def _predicates() -> list[Predicate]:
    return [Predicate(**row) for row in _read("formalise", "predicates").iter_rows(named=True)]


def _verdicts() -> pl.DataFrame:
    return frames.scan_verdicts(paths.output(NAME, "verify")).collect()


def _judged() -> pl.DataFrame:
    """Fresh pairs with score and status of their own verdict."""
    fresh_rows = _read("verify", "fresh")
    return fresh_rows.join(_verdicts(), on=["predicate_id", "text_id"], how="left", maintain_order="left")


def _scores() -> dict[str, dict[str, Any]]:
    rows = _read("score", "scores").join(_read("formalise", "predicates"), on="predicate_id")
    return {row["predicate"]: row for row in rows.iter_rows(named=True)}


def _bytes(*stages: str) -> dict[str, bytes]:
    """Every table of these stages, by its path."""
    files = [file for stage in stages for file in sorted(paths.output(NAME, stage).glob("*.parquet"))]
    assert files
    return {f"{file.parent.name}/{file.name}": file.read_bytes() for file in files}


# --- what is encoded and mined


def test_each_view_is_by_its_own_encoder(there: Project) -> None:
    folder, texts = paths.output(NAME, "embed"), _texts()["text"].to_list()
    for view, model in (("embeddings", Words()), ("reference", Texts())):
        rows = np.load(folder / f"{view}.npy", allow_pickle=False)
        np.testing.assert_array_equal(rows, model.encode(texts))
    manifest = frames.read_manifest(folder)
    assert (manifest["encoder"], manifest["dim"]) == ("words", 2048)
    assert manifest["reference"] == {"encoder": "texts", "dim": 256}


def test_the_lexical_reference_is_encoded_by_nobody(new: Project) -> None:
    made(new, embed={"encoder": "words"})
    new.run(NAME, "collect", "embed")
    assert [file.name for file in paths.output(NAME, "embed").glob("*.npy")] == ["embeddings.npy"]


def test_mined_pairs_are_those_that_brute_force_finds_in_the_exploration_half(there: Project) -> None:
    texts, mined = _texts(), _read("propose", "pairs")
    half = dict(texts.select("text_id", "half").iter_rows())
    assert {half[i] for side in ("left_id", "right_id") for i in mined[side]} == {"explore"}
    explored = texts.filter(pl.col("half") == "explore").sort("text_id")["text"].to_list()
    cosine, other = (rows @ rows.T for rows in (Words().encode(explored), Texts().encode(explored)))
    upper = np.triu(np.ones_like(cosine, dtype=bool), 1)
    collides = upper & (cosine >= 0.9)
    found = int((collides & (cosine - other >= 0.3)).sum())
    manifest = frames.read_manifest(paths.output(NAME, "propose"))
    assert (manifest["n_collisions"], manifest["n_hits"]) == (int(collides.sum()), found)
    assert 0 < mined.height <= found
    assert mined["similarity"].is_sorted(descending=True)
    assert mined["similarity"].min() >= 0.9
    assert (mined["similarity"] - mined["reference"]).min() >= 0.3
    assert pl.concat([mined["left_id"], mined["right_id"]]).value_counts()["count"].max() <= 3
    np.testing.assert_allclose(mined["overlap"], pairs.lexical_overlap(mined["left"], mined["right"]))


def test_a_proposal_names_the_mined_pairs_it_rests_on(there: Project) -> None:
    mined, proposed = _read("propose", "pairs"), _read("propose", "proposals")
    assert set(proposed["family"]) == {"edits", "blind"}
    together = {frozenset(pair): edit(*texts) for *pair, texts in _with_texts(mined)}
    for row in proposed.iter_rows(named=True):
        kind = json.loads(row["definition"])["failure"]
        of_kind = [found for found in together.values() if found.kind == kind and found.same_meaning is False]
        examples = row["example_ids"]
        if row["family"] == "blind":
            assert (examples, row["explore_effect"], len(of_kind)) == ([], 0.0, 0)
            continue
        assert 2 <= len(examples) <= 6
        assert all(any(i in pair for pair in together) for i in examples)
        assert together[frozenset(examples[:2])].kind == kind
        assert row["explore_effect"] == pytest.approx(len(of_kind) / mined.height)
    assert SWAP in proposed.filter(family="edits")["predicate"].to_list()


def _with_texts(mined: pl.DataFrame) -> list[tuple[str, str, tuple[str, str]]]:
    columns = mined.select("left_id", "right_id", "left", "right").iter_rows()
    return [(a, b, (left, right)) for a, b, left, right in columns]


def test_paraphrases_collide_and_are_proposed_by_nobody(there: Project) -> None:
    mined = _read("propose", "pairs")
    kinds = [edit(left, right).kind for *_, (left, right) in _with_texts(mined)]
    assert kinds.count("synonym") > 5
    told = " ".join(_read("propose", "proposals")["predicate"]) + " ".join(_scores())
    assert "synonym" not in told
    assert "paraphrase" not in told
    assert frames.read_manifest(paths.output(NAME, "propose"))["n_same_meaning"] >= kinds.count("synonym")


# --- what it is tested on


def test_fresh_pairs_are_sentences_that_no_proposer_saw_and_what_nobody_wrote(there: Project) -> None:
    written, texts = _read("verify", "fresh"), _texts()
    of = dict(texts.filter(half="confirm").select("text", "document_id").iter_rows())
    assert set(written["left"]) <= set(of)
    known = {" ".join(text.casefold().split()) for text in texts["text"]}
    new = written.filter(group="A")["right"]
    assert known.isdisjoint(" ".join(text.casefold().split()) for text in new)
    # A document gives one pair to each failure.
    for _, rows in written.filter(group="A").group_by("predicate_id"):
        assert len({of[left] for left in rows["left"]}) == rows.height
    counted = dict(written.group_by("group").len().iter_rows())
    assert counted["A"] == counted["B"]
    # Pairs for which there is no fair control are left out.
    assert 0.5 < counted["A"] / (N_FRESH * len(_predicates())) <= 1
    assert written["text_id"].n_unique() == written.height


def test_a_pair_and_its_control_are_one_document(there: Project) -> None:
    for _, rows in _read("verify", "fresh").group_by("predicate_id", "document_id"):
        assert sorted(rows["group"]) == ["A", "B"]
        assert rows["left"].n_unique() == 1
        assert rows["right"].n_unique() == 2


def test_controls_exchange_words_of_the_same_class(there: Project) -> None:
    names = dict(_read("formalise", "predicates").select("predicate_id", "predicate").iter_rows())
    of = {
        names[row["predicate_id"]]: set(row["word_class"])
        for row in _read("verify", "fresh").group_by("predicate_id").agg("word_class").iter_rows(named=True)
    }
    assert of[SWAP] == {"noun"}
    assert of.get("whether something is denied", {"small word"}) == {"small word"}
    assert of.get("which things or people are there", {"noun"}) == {"noun"}


def test_fresh_pairs_are_measured_by_both_encoders(there: Project) -> None:
    written = _read("verify", "fresh")
    left, right = written["left"].to_list(), written["right"].to_list()
    for column, model in (("similarity", Words()), ("reference", Texts())):
        cosine = np.einsum("ij,ij->i", model.encode(left), model.encode(right), dtype=np.float64)
        np.testing.assert_allclose(written[column], cosine, atol=1e-6)
    np.testing.assert_allclose(written["overlap"], pairs.lexical_overlap(left, right))


def test_controls_share_about_as_many_words_as_their_pairs(there: Project) -> None:
    swap = _read("verify", "fresh").filter(predicate_id=_scores()[SWAP]["predicate_id"])
    overlap = dict(swap.group_by("group").agg(pl.col("overlap").mean()).iter_rows())
    assert overlap["A"] == 1.0
    assert 0.6 < overlap["B"] < 1.0


def test_a_fresh_pair_that_stands_in_the_corpus_is_left_out(
    there: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = _texts()["text"][0]
    offered = [
        NewPair("a hen bites a fox", known.upper(), "d1"),
        NewPair("a king greets a queen in the park", "a queen greets a king in the park", "d2"),
    ]
    monkeypatch.setattr(SentenceEditor, "pairs", lambda *_: list(offered))
    rows = encoder_failures.KIND.write(
        study.load(NAME), _texts(), _predicates(), encoder_failures.KIND.actors("embedded")
    ).rows
    assert set(rows.filter(group="A")["right"]) == {offered[1].right}


def test_a_sentence_that_was_explored_is_not_edited_however_it_is_spelt(there: Project) -> None:
    texts = _texts()
    seen, other = (texts.filter(half=half)["text"][0] for half in ("explore", "confirm"))
    as_well = texts.with_columns(
        text=pl.when(pl.col("text") == other).then(pl.lit(f"  {seen.upper()} .")).otherwise("text")
    )
    loaded = study.load(NAME)
    before, after = (
        {source.text for source in fresh.held_out_sentences(loaded, rows)} for rows in (texts, as_well)
    )
    assert other in before
    assert before - after == {other}
    assert not {" ".join(pairs.words(one)) for one in after} & set(texts.filter(half="explore")["text"])


def test_long_texts_are_cut_into_sentences(there: Project) -> None:
    long = "A dog runs through the park. " * 3 + " ".join(f"word{i}" for i in range(60)) + ". Two cats sleep!"
    texts = _texts().with_columns(
        text=pl.when(pl.col("half") == "confirm").then(pl.lit(long)).otherwise("text")
    )
    found = fresh.held_out_sentences(study.load(NAME), texts)
    assert {source.text for source in found} == {"A dog runs through the park.", "Two cats sleep!"}


@pytest.mark.parametrize("shard_size", [10_000, 7])
def test_row_order_and_shards_change_no_byte(there: Project, tmp_path: Path, shard_size: int) -> None:
    captions = read_captions(there.folder / "captions.yaml")
    verified, scored = _bytes("verify"), _bytes("score")
    parts = _verdicts().sort("predicate_id", "text_id")
    with pytest.MonkeyPatch.context() as patch:
        other = _project(tmp_path, patch)
        other.table("captions.parquet", captions.sample(fraction=1.0, shuffle=True, seed=7).to_dicts())
        entry = captions_study(**ENCODERS, data="captions.parquet", verify={"shard_size": shard_size})
        other.params(captions=entry)
        other.run(NAME, *STAGES[:6])
        assert _bytes("verify")["5_verdicts/fresh.parquet"] == verified["5_verdicts/fresh.parquet"]
        assert _verdicts().sort("predicate_id", "text_id").equals(parts)
        assert _bytes("score") == scored
        n_parts = len(list(paths.output(NAME, "verify").glob("part-*.parquet")))
        assert n_parts == -(-_read("verify", "fresh").height // shard_size)


class Killed(BaseException):
    """Stands for a signal."""


def test_a_killed_verify_goes_on_where_it_was(
    there: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = _bytes("verify")["5_verdicts/fresh.parquet"], _verdicts().sort("predicate_id", "text_id")
    new = _project(tmp_path, monkeypatch)
    made(new, **ENCODERS, verify={"shard_size": 15})
    new.run(NAME, *UNTIL_FROZEN)
    judged: list[int] = []
    judge_part = verify.part.judge_part

    def killed_in_the_third(plan: Any, part: int, *rest: Any) -> None:
        if part == 2 and judged == [0, 1]:
            raise Killed
        judged.append(part)
        judge_part(plan, part, *rest)

    monkeypatch.setattr(verify.part, "judge_part", killed_in_the_third)
    with pytest.raises(Killed):
        new.run(NAME, "verify")
    assert not paths.output(NAME, "verify").exists()
    verify._planned.cache_clear()  # as in another process
    judged.append(-1)
    monkeypatch.setattr(fresh, "fresh_pairs", _never)
    new.run(NAME, "verify")
    assert judged[:4] == [0, 1, -1, 2]
    assert sorted(judged[3:]) == judged[3:]
    assert _bytes("verify")["5_verdicts/fresh.parquet"] == undisturbed[0]
    assert _verdicts().sort("predicate_id", "text_id").equals(undisturbed[1])


def _never(*_: Any) -> None:
    raise AssertionError("pairs that are there were written again")


@pytest.mark.parametrize(
    ("changed", "column"), [({"fresh": 12}, "left"), ({"reference": "lexical"}, "reference")]
)
def test_pairs_left_by_a_killed_run_are_not_taken_for_other_params(
    new: Project, monkeypatch: pytest.MonkeyPatch, changed: dict[str, Any], column: str
) -> None:
    made(new, **ENCODERS)
    new.run(NAME, *UNTIL_FROZEN)
    with monkeypatch.context() as patch:
        patch.setattr(verify.part, "judge_part", _killed)
        with pytest.raises(Killed):
            new.run(NAME, "verify")
    left = list((new.folder / "data" / ".cache" / "parts").rglob("fresh.parquet"))
    assert len(left) == 1
    before = pl.read_parquet(left[0])
    made(new, **{**ENCODERS, "encoder_failures": {**ENCODERS["encoder_failures"], **changed}})
    new.run(NAME, "verify")
    assert before[column].sort().to_list() != _read("verify", "fresh")[column].sort().to_list()


def _killed(*_: Any) -> None:
    raise Killed


# --- verdicts


def test_every_pair_is_judged_for_its_own_failure_alone(there: Project) -> None:
    verdicts, ids = _verdicts(), [p.predicate_id for p in _predicates()]
    written = _read("verify", "fresh")
    assert verdicts.height == written.height * len(ids)
    own = verdicts.join(written.select("text_id", own="predicate_id"), on="text_id")
    assert set(own.filter(pl.col("predicate_id") != pl.col("own"))["status"]) == {"absent"}
    assert "absent" not in set(own.filter(pl.col("predicate_id") == pl.col("own"))["status"])
    score = own.filter(status="value")["score"]
    assert set(score) <= {0.0, 1.0}


def test_a_pair_fails_where_it_collides_and_its_meanings_differ(there: Project) -> None:
    rows = _judged()
    assert {"value"} <= set(rows["status"]) <= {"value", "unparsable"}
    for row in rows.iter_rows(named=True):
        same = edit(row["left"], row["right"]).same_meaning
        if row["similarity"] < 0.9:
            assert (row["score"], row["status"]) == (0.0, "value")
        elif same is None:
            assert (row["score"], row["status"]) == (None, "unparsable")
        else:
            assert row["score"] == float(not same)
    assert rows.filter(pl.col("similarity") >= 0.9).height > 5


def _row(left: str, right: str, similarity: float, of: str = "f") -> dict[str, Any]:
    return {"left": left, "right": right, "similarity": similarity, "predicate_id": of}


@pytest.mark.parametrize(
    ("left", "right", "similarity", "score", "status"),
    [
        ("a king chases a queen", "a queen chases a king", 0.95, 1.0, VALUE),
        ("a king chases a queen", "a queen chases a king", 0.9, 1.0, VALUE),
        ("a king chases a queen", "a queen chases a king", 0.8999, 0.0, VALUE),
        ("a king chases a queen", "a king pursues a queen", 0.99, 0.0, VALUE),
        ("a king chases a queen", "a queen is chased by a king", 0.99, 0.0, VALUE),
        ("a king chases a queen", "a king chases a queen", 1.0, 0.0, VALUE),
        ("zorp glib frund", "wumple drent sarg kol", 0.99, None, UNPARSABLE),
        ("zorp glib frund", "wumple drent sarg kol", 0.2, 0.0, VALUE),
    ],
)
def test_the_judge(left: str, right: str, similarity: float, score: float | None, status: int) -> None:
    judge = CollisionJudge(study_of("s", captions_study(embed={"encoder": "words"})), EditMeaning())
    frozen = [Predicate.__new__(Predicate), Predicate.__new__(Predicate)]
    for one, predicate_id in zip(frozen, ("f", "g"), strict=True):
        object.__setattr__(one, "predicate_id", predicate_id)
    rows = pl.DataFrame([_row(left, right, similarity), _row(left, right, similarity, "g")])
    found = judge.judge(frozen, rows, np.empty((2, 0), dtype=np.float32))
    np.testing.assert_array_equal(found.status, [[status, ABSENT], [ABSENT, status]])
    wanted = np.nan if score is None else score
    np.testing.assert_array_equal(found.score, [[wanted, np.nan], [np.nan, wanted]])


def test_pairs_that_nobody_can_read_bound_the_estimate(new: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    # Both words of one bag: a collision that no list can read; one in ten.
    odd = [NewPair(f"zorp king glib {i}x", f"king zorp glib {i}x", f"o{i}") for i in range(2)]
    even = [NewPair(f"a king chases a nurse {i}x", f"a nurse chases a king {i}x", f"e{i}") for i in range(18)]
    made(new, embed={"encoder": "words"}, record={"max_refusal_share": 1.0})
    new.run(NAME, *UNTIL_FROZEN)
    monkeypatch.setattr(SentenceEditor, "pairs", lambda *_: [*odd, *even])
    new.run(NAME, *STAGES[4:])
    row = _scores()[SWAP]
    rows = _judged().filter(predicate_id=row["predicate_id"], group="A")
    unread = rows.filter(status="unparsable")
    assert set(unread["left"]) == {pair.left for pair in odd}
    # Of 18 pairs it was told, and 2 count as no failure.
    assert (row["n_a"], row["mean_a"]) == (18, 0.9)
    assert row["n_unparsable"] >= 2
    # Had they been told apart, or read: 18 of 20, or 20 of 20.
    assert row["missing_lo"] == pytest.approx(row["validity"])
    assert row["missing_hi"] > row["validity"]


# --- scores


def _counted(judged: pl.DataFrame, group: str) -> float:
    """Share that fails; of whom nobody can tell, a pair counts as none and a control as one."""
    share = judged.filter(group=group)["score"].fill_null(0.0 if group == "A" else 1.0).mean()
    assert isinstance(share, float)
    return share


def test_validity_is_success_less_that_of_controls(there: Project) -> None:
    rows = _judged()
    for row in _scores().values():
        own = rows.filter(predicate_id=row["predicate_id"])
        mean = {g: _counted(own, g) for g in "AB"}
        assert row["mean_a"] == pytest.approx(mean["A"])
        assert row["mean_b"] == pytest.approx(mean["B"])
        assert row["validity"] == pytest.approx(mean["A"] - mean["B"])
        assert row["lo"] <= row["validity"] <= row["hi"]
        assert row["method"] == "cluster_score"
        assert N_FRESH / 2 < row["n_documents"] <= N_FRESH
        assert row["p"] <= row["q"]
    swap = _scores()[SWAP]
    assert (swap["is_discovery"], swap["mean_a"]) == (True, 1.0)
    assert swap["mean_b"] < 0.3
    manifest = frames.read_manifest(paths.output(NAME, "score"))
    assert manifest["null_shuffles"] >= 20
    assert manifest["null_runs_with_discovery"] / manifest["null_shuffles"] <= 0.1


def test_baselines(there: Project) -> None:
    rows = {row["baseline"]: row for row in _read("score", "baselines").iter_rows(named=True)}
    names = (
        "controls that exchange small words (not, two, under) that fail",
        "controls that exchange other words that fail",
    )
    judged, is_small = _judged(), pl.col("word_class") == "small word"
    for name, of in zip(names, (is_small, ~is_small), strict=True):
        if row := rows.pop(name, None):
            assert row["validity"] == pytest.approx(_counted(judged.filter(of), "B"))
    assert len(rows) == 3
    for row in rows.values():
        assert row["lo"] <= row["validity"] <= row["hi"]
    random, controls, blind = rows.values()
    texts = _texts().filter(half="confirm")["text"].to_list()
    cosine = Words().encode(texts) @ Words().encode(texts).T
    share = (cosine[np.triu_indices_from(cosine, 1)] >= 0.9).mean()
    assert random["lo"] <= share <= random["hi"]
    judged = _judged()
    assert controls["validity"] == pytest.approx(_counted(judged, "B"))
    names = dict(_read("formalise", "predicates").select("predicate_id", "family").iter_rows())
    own = judged.filter(pl.col("predicate_id").replace_strict(names) == "blind")
    mean = {g: _counted(own, g) for g in "AB"}
    assert blind["validity"] == pytest.approx(mean["A"] - mean["B"])


def test_other_encoders_are_compared_at_one_rate_of_confused_controls(there: Project) -> None:
    rows, judged, scores = _read("score", "transfer"), _judged(), _scores()
    found = {row["predicate_id"] for row in scores.values() if row["is_discovery"]}
    assert rows["encoder"].unique(maintain_order=True).to_list() == ["words", "texts", "one"]
    assert rows.height == 3 * len(found)
    assert set(rows["predicate_id"]) == found
    control = judged.filter(group="B")
    share = (control["similarity"] >= 0.9).mean()
    left, right = control["left"].to_list(), control["right"].to_list()
    for name, model in (("texts", Texts()), ("one", views.encoder.open_named("one", study.load(NAME)))):
        near = np.einsum("ij,ij->i", model.encode(left), model.encode(right), dtype=np.float64)
        at = rows.filter(encoder=name)["threshold"]
        assert at.n_unique() == 1
        assert (near >= at[0]).mean() >= share
    of_id = {row["predicate_id"]: row for row in scores.values()}
    for row in rows.filter(encoder="words").iter_rows(named=True):
        score = of_id[row["predicate_id"]]
        assert (row["n"], row["success"], row["control"]) == (score["n_a"], score["mean_a"], score["mean_b"])
        assert [row[k] for k in ("validity", "lo", "hi")] == [score[k] for k in ("validity", "lo", "hi")]
    # An encoder that takes all texts for one fails on controls just as often.
    swap = {r["encoder"]: r for r in rows.filter(predicate_id=scores[SWAP]["predicate_id"]).to_dicts()}
    assert swap["words"]["threshold"] == 0.9
    assert swap["words"]["success"] == 1.0
    assert swap["texts"]["validity"] < 0.5
    assert swap["one"]["validity"] == pytest.approx(0.0, abs=0.1)


def test_an_encoder_without_confused_controls_has_a_threshold_above_them_all() -> None:
    near = np.array([0.1, 0.7, 0.3])
    assert transfer._matched(near, 0.0) > 0.7
    assert transfer._matched(near, 1 / 3) == 0.7
    assert transfer._matched(near, 1.0) == 0.1


def test_a_search_for_the_twin_finds_the_text_before_all_of_the_corpus(there: Project) -> None:
    rows, judged = _read("score", "retrieval"), _judged()
    corpus = Words().encode(_texts().filter(half="confirm")["text"].to_list()).astype(np.float64)
    assert set(rows["predicate_id"]) == {r["predicate_id"] for r in _scores().values() if r["is_discovery"]}
    for row in rows.iter_rows(named=True):
        for group, first, median in (
            ("A", "share_first", "median_rank"),
            ("B", "share_first_control", "median_rank_control"),
        ):
            own = judged.filter(predicate_id=row["predicate_id"], group=group)
            query = Words().encode(own["right"].to_list()).astype(np.float64)
            near = (query * Words().encode(own["left"].to_list())).sum(axis=1)
            # The sentence itself is one of the corpus.
            rank = 1 + (query @ corpus.T > near[:, None] + 1e-5).sum(axis=1)
            assert row[first] == pytest.approx((rank == 1).mean())
            assert row[median] == pytest.approx(np.median(rank))
    assert rows.filter(predicate_id=_scores()[SWAP]["predicate_id"])["share_first"].item() == 1.0


# --- what is remembered and shown


def test_evidence_is_the_worst_confusions(there: Project) -> None:
    evidence, judged = _read("record", "evidence"), _judged()
    swap = _scores()[SWAP]["predicate_id"]
    supports = evidence.filter(predicate_id=swap, role="supports").sort("rank")
    own = judged.filter(predicate_id=swap, group="A", score=1.0)
    assert supports.height == 5
    shown = own.filter(pl.col("text_id").is_in(supports["text_id"].implode()))
    assert shown.height == 5
    others = own.filter(~pl.col("text_id").is_in(supports["text_id"].implode()))
    assert shown["similarity"].min() >= others["similarity"].max() - 1e-12
    for row in supports.join(own, on="text_id").iter_rows(named=True):
        assert row["text"] == f"{row['left']}\n{row['right']}"
    against = evidence.filter(role="contradicts").join(judged, on=["text_id", "predicate_id"])
    assert set(against["group"]) <= {"B"}


def test_the_command_line_tells_it(there: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--study", NAME]) == 0
    shown = capsys.readouterr().out
    n_found = sum(row["is_discovery"] for row in _scores().values())
    assert f"{n_found} of {len(_predicates())} tested hypotheses are discoveries" in shown
    assert re.search(rf"\+\d\.\d\d \[.*new pairs: {SWAP}", shown)
    assert main(["query", "strongest", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["predicate"] for row in rows} >= {SWAP}
    assert main(["query", f"select count(*) as n from discoveries where study = '{NAME}'", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"n": len(_predicates())}]
    assert main(["query", "select kind from runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"kind": "encoder_failures"}]


def _page() -> str:
    return (paths.output(NAME, "report") / "index.html").read_text(encoding="utf-8")


def test_the_report_shows_cards_a_heat_map_and_the_search(there: Project) -> None:
    page = _page()
    told = html.unescape(re.sub(r"<[^>]+>", "", page))
    row = _scores()[SWAP]
    assert json.loads(row["definition"])["description"] in told
    worst = _read("record", "evidence").filter(predicate_id=row["predicate_id"], role="supports", rank=1)
    assert worst["text"].item().split("\n")[0] in told
    heads = [
        html.unescape(re.sub(r"<[^>]+>", " ", h)) for h in re.findall(r"<th scope=\"col\".*?</th>", page)
    ]
    assert {"words", "texts", "one"} <= {word for head in heads for word in head.split()}
    assert page.count("<circle") > N_FRESH or page.count('class="dot') > N_FRESH
    for name in ("median place", "comes first"):
        assert name in told


def test_hostile_texts_stay_texts(new: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = [
        "<script>alert(1)</script> in a kitchen",
        '"><img src=x onerror=alert(2)>',
        "\u202eevil\u202c \u200f\u05e9\u05dc\u05d5\u05dd",
        "\U0001f600 {{ 7 * 7 }} \ud7ff",
    ]
    swaps = [
        NewPair(f"{junk} a king chases a nurse {i}x", f"{junk} a nurse chases a king {i}x", f"{n} {i}")
        for n, junk in enumerate(hostile)
        for i in range(5)
    ]
    # Few of their controls can be read; the page is to show them all the same.
    made(
        new,
        embed={"encoder": "words"},
        report={"n_evidence": 20},
        encoder_failures={"domain": hostile[0]},
        record={"max_refusal_share": 1.0},
        score={"alpha": 0.99, "min_effect": 0.0},
        verify={"sequential": {"alpha": 0.99, "min_effect": 0.0}},
    )
    new.run(NAME, *UNTIL_FROZEN)
    monkeypatch.setattr(SentenceEditor, "pairs", lambda *_: list(swaps))
    new.run(NAME, *STAGES[4:])
    page = _page()
    assert _scores()[SWAP]["is_discovery"]
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "\u202e" not in page
    assert "\U0001f600" in page
    assert "{{ 7 * 7 }}" in page.replace("&#123;", "{")


# --- other plans


def test_a_sequential_plan_stops_early(new: Project, capsys: pytest.CaptureFixture[str]) -> None:
    plan = {"plan": "sequential", "sequential": {"look_every": 20}}
    made(new, embed={"encoder": "words"}, encoder_failures={"fresh": 100}, verify=plan)
    new.run(NAME)
    written, manifest = _read("verify", "fresh"), frames.read_manifest(paths.output(NAME, "verify"))
    assert manifest["n_grid"] == written.height > 1.2 * 100 * len(_predicates())
    judged = _judged()
    n_asked = judged.filter(pl.col("status") != "absent").height
    assert manifest["n_asked"] == n_asked < written.height
    row = _scores()[SWAP]
    assert (row["decision"], row["is_discovery"]) == ("confirmed", True)
    own = judged.filter(predicate_id=row["predicate_id"])
    assert own.filter(status="absent").height > own.height / 2
    assert row["n_absent"] == own.filter(status="absent").height
    figures = json.loads((paths.output(NAME, "report") / "metrics.json").read_text())
    assert figures["n_grid"] == written.height
    assert 0 < figures["share_judged"] == pytest.approx(n_asked / written.height, abs=0.01)
    # What the walk did not come to is in no figure.
    fresh_judged = own.filter(group="A").filter(pl.col("status") != "absent").height
    transferred = _read("score", "transfer").filter(predicate_id=row["predicate_id"], encoder="words")
    assert transferred["n"].item() == row["n_a"] <= fresh_judged < 100
    assert _read("score", "retrieval").filter(predicate_id=row["predicate_id"])["n"].item() == fresh_judged
    assert "the meaning could not be told" not in _page()
    capsys.readouterr()
    assert main(["show", "--study", NAME]) == 0
    assert f"{n_asked:,} of {written.height:,} judgements" in capsys.readouterr().out


def test_a_domain_is_written_for_and_success_is_told_inside_and_outside(new: Project) -> None:
    domain = "captions for self-driving scenes: cars and trucks on the road"
    made(new, embed={"encoder": "words"}, encoder_failures={"domain": domain})
    new.run(NAME)
    written = _read("verify", "fresh")
    counted = dict(written.filter(group="A").group_by("inside").len().iter_rows())
    wanted = N_FRESH // 2 * len(_predicates())
    assert all(0.3 * wanted < counted[side] <= wanted for side in (True, False))
    street = re.compile(r"\b(driver|cyclist|pedestrian|car|truck|bus|motorcycl|street|road|highway)")
    share = {
        side: np.mean([bool(street.search(t)) for t in written.filter(group="A", inside=side)["left"]])
        for side in (True, False)
    }
    assert share[True] > share[False]
    for side in (True, False):
        both = written.filter(inside=side)
        assert (
            both.filter(group="A")["document_id"].sort().equals(both.filter(group="B")["document_id"].sort())
        )
    told = html.unescape(re.sub(r"<[^>]+>", " ", _page()))
    assert domain in told
    assert "inside" in told.casefold() or "for the domain" in told.casefold()
    assert "outside" in told.casefold() or "others" in told.casefold()


def test_a_study_with_all_defaults(new: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    open_made(monkeypatch, bundled=Words())
    made(new)
    content = captions_study()
    content["encoder_failures"] = {}
    new.params(captions=content)
    new.run(NAME)
    loaded = study.load(NAME)
    assert (loaded.embed.encoder, loaded.encoder_failures.reference) == ("bundled", "lexical")
    manifest = frames.read_manifest(paths.output(NAME, "propose"))
    assert 0.5 < manifest["threshold"] <= 1
    assert f">= {manifest['threshold']:g}" in _predicates()[0].judge
    assert _scores()[SWAP]["is_discovery"]
    assert _read("score", "transfer")["encoder"].unique().to_list() == ["bundled"]
    assert (paths.output(NAME, "report") / "index.html").is_file()


# --- real encoders


def test_encoders_from_folders(project: Project) -> None:
    save_tiny_encoder(project.folder / "tiny")
    save_tiny_clip(project.folder / "clip")
    made(
        project,
        embed={"encoder": "tiny"},
        encoder_failures={
            "threshold": 0.98,
            "margin": 0.0,
            "reference": "clip",
            "transfer": ["clip", "./tiny"],
        },
        record={"max_refusal_share": 1.0},
    )
    project.run(NAME, *STAGES[:6])
    manifest = frames.read_manifest(paths.output(NAME, "embed"))
    assert (manifest["dim"], manifest["reference"]["dim"]) == (16, 8)
    loaded, texts, written = study.load(NAME), _texts()["text"].to_list(), _read("verify", "fresh")
    for name, view, column in (("tiny", "embeddings", "similarity"), ("clip", "reference", "reference")):
        model = views.encoder.open_named(name, loaded)
        rows = np.load(paths.output(NAME, "embed") / f"{view}.npy", allow_pickle=False)
        np.testing.assert_array_equal(rows, model.encode(texts))
        left, right = (model.encode(written[side].to_list()) for side in ("left", "right"))
        np.testing.assert_allclose(written[column], (left * right).sum(axis=1), atol=1e-6)
    # The same encoder by another name has the same vectors, and is compared at the same rate.
    rows = _read("score", "transfer")
    for one in rows["predicate_id"].unique():
        own = {row["encoder"]: row for row in rows.filter(predicate_id=one).iter_rows(named=True)}
        assert set(own) == {"tiny", "clip", "./tiny"}
        assert own["./tiny"]["control"] == own["tiny"]["control"]


def test_the_bundled_encoder_confuses_roles_and_no_paraphrase_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    made(project, grammar={"sentences": 200, "twins": {"role_swap": 50, "paraphrase": 90}})
    project.run(NAME, *STAGES[:6])
    swap, mined = _scores()[SWAP], _read("propose", "pairs")
    assert (swap["family"], swap["is_discovery"]) == ("edits", True)
    assert swap["mean_a"] >= 0.8
    assert swap["mean_b"] <= 0.2
    assert swap["lo"] >= 0.5
    # It takes paraphrases for the same, and rightly so.
    same = [edit(left, right).same_meaning for *_, (left, right) in _with_texts(mined)]
    assert same.count(True) >= 3


def test_all_pairs_of_a_failure_can_be_listed(there: Project, capsys: pytest.CaptureFixture[str]) -> None:
    predicate_id = _predicates()[0].predicate_id
    assert main(["texts", "--study", NAME, "--predicate", predicate_id, "--verdict", "all", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    own = _judged().filter(predicate_id=predicate_id)
    assert {row["text"] for row in told["texts"]} == set(own["text"]), "both texts of its own pairs"
    assert told["predicates"][0]["n_texts"] == own.height
    assert {row["group_name"] for row in told["texts"]} == {"new pairs", "controls"}
    assert main(["texts", "--study", NAME, "--predicate", predicate_id, "--limit", "1"]) == 0
    printed = capsys.readouterr().out
    assert f"of {own.height} pairs" in printed
    page = Node((paths.output(NAME, "report") / "index.html").read_text(encoding="utf-8"))
    block = json.loads("".join(map(str, page.one("script", id="texts-data").children)))
    (of,) = (one for one in block["predicates"] if one["id"] == predicate_id)
    assert len(of["verdicts"].replace(" ", "")) == own.height, "a pair for another failure is not its own"
