"""Sentences of the user's own: read, frozen and tested like all others, first, and marked."""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from flows import fingerprint
from tasks import paths
from tasks.__main__ import main
from tasks.commands import check, show
from tasks.engines import embedded, roles
from tasks.engines.embedded import proposing
from tasks.engines.embedded.judging import EmbeddedJudge
from tasks.engines.roles import Exploration
from tasks.errors import ParamsError
from tasks.records import Proposal
from tasks.store import frames
from tasks.study import load
from tasks.study.asked import Asked
from tests.conftest import PAIR_STUDY, REPO, Project, pair
from tests.engines.test_embedded_engine import bag, frame, news, study
from tests.engines.test_replay import REPLAY, recorded_rows

__all__ = ["bag"]
LOOSE = {**PAIR_STUDY["collect"], "near_duplicates": None}
COVID = "mentions covid or virus"
ALSO = [COVID, "/spring holida./", "b: is longer than 8 words", "mentions the moon"]


def asking(also: Any, **propose: Any) -> dict[str, Any]:
    return {**PAIR_STUDY, "propose": {**PAIR_STUDY["propose"], "also": also, **propose}}


def prepared(project: Project, also: Any, n: int = 150, **propose: Any) -> None:
    project.table("news.parquet", pair(n, 0.3, 0.0))
    project.params(news=asking(also, **propose))


def proposed(project: Project) -> list[dict[str, Any]]:
    project.run("news", "collect", "embed", "propose")
    return frames.read(paths.output("news", "propose"), "proposals.parquet", frames.PROPOSALS).to_dicts()


def refused(project: Project, capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, str]:
    code = main([*command, "--study", "news"])
    return code, capsys.readouterr().err


def test_they_go_first_and_come_through_to_the_end(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared(project, ALSO)
    project.run("news")
    manifest = frames.read_manifest(paths.output("news", "propose"))
    asked = {one["said"]: one["predicate"] for one in manifest["asked"]}
    assert list(asked) == ALSO and manifest["n_asked"] == 4
    predicates = frames.read(paths.output("news", "formalise"), "predicates.parquet", frames.PREDICATES)
    assert predicates["predicate"].to_list()[:4] == list(asked.values())
    assert predicates["family"].to_list()[:5].count("user") == 4 and predicates.height > 4
    found = {row["predicate"]: row for row in show.found_by(load("news"))["asked"]}
    assert found[asked[COVID]]["is_discovery"] and found[asked[COVID]]["direction"] == "A"
    assert found[asked[ALSO[1]]]["is_discovery"] and found[asked[ALSO[1]]]["direction"] == "B"
    assert found["is longer than 8 words"]["direction"] == "B"
    assert found['mentions "moon"']["why"] == "not significant"
    page = (paths.reports() / "news" / "index.html").read_text(encoding="utf-8")
    assert page.count("asked by you") >= 4
    assert main(["show", "--study", "news"]) == 0
    said = capsys.readouterr().out
    assert f"{asked[COVID]} (asked by you)" in said
    one = found['mentions "moon"']
    figures = f"{one['validity']:+.2f} [{one['lo']:+.2f}, {one['hi']:+.2f}]"
    assert f'asked by you, no discovery (not significant): {figures} mentions "moon"' in said
    assert main(["query", "asked", "study=news"]) == 0
    assert "matches /spring holida./" in capsys.readouterr().out


def test_only_tests_them_alone_and_calls_no_proposer(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposing.EmbeddedProposer, "propose", None)
    prepared(project, ALSO, only=True)
    assert [row["family"] for row in proposed(project)] == ["user"] * 4
    assert load("news").most_predicates == 4
    found = check.preview(load("news"))
    assert found["smallest_effect"]["of_many"] < 0.5


def test_what_is_proposed_too_is_merged_and_the_cap_counts_both(project: Project) -> None:
    prepared(project, ['mentions "covid outbreak"'], max_predicates=3)
    rows = proposed(project)
    assert len(rows) == 3 and rows[0]["family"] == "user"
    assert [row["predicate"] for row in rows].count('mentions "covid outbreak"') == 1
    manifest = frames.read_manifest(paths.output("news", "propose"))
    assert manifest["n_asked_and_proposed"] == 1


def test_its_direction_is_the_users_or_as_explored(project: Project) -> None:
    prepared(project, ["a: /spring holida./", {"b": COVID}, "more in A: contains a digit"], only=True)
    rows = {row["predicate"]: row for row in proposed(project)}
    assert [row["direction"] for row in rows.values()] == ["A", "B", "A"]
    assert rows["matches /spring holida./"]["explore_effect"] < 0


def test_a_file_has_a_sentence_a_line(project: Project) -> None:
    place = project.folder / "hypotheses"
    place.mkdir()
    lines = f"\ufeff# mine\n\n  {COVID}\r\ntexts that are longer than 8 words.\nTexts that mention the moon\n"
    (place / "mine.txt").write_text(lines, encoding="utf-8")
    prepared(project, "hypotheses/mine.txt", only=True)
    said = [row["predicate"] for row in proposed(project)]
    assert said == ['mentions "covid" or "virus"', "is longer than 8 words", 'mentions "moon"']


def test_a_change_of_the_file_makes_propose_stale(project: Project) -> None:
    (project.folder / "dvc.yaml").write_text((REPO / "dvc.yaml").read_text(encoding="utf-8"), "utf-8")
    (project.folder / "hypotheses").mkdir()
    mine = project.folder / "hypotheses" / "mine.txt"
    mine.write_text(COVID, encoding="utf-8")
    prepared(project, "hypotheses/mine.txt")
    before = [fingerprint.of("news", stage) for stage in ("collect", "propose")]
    mine.write_text("contains a digit", encoding="utf-8")
    after = [fingerprint.of("news", stage) for stage in ("collect", "propose")]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False]


@pytest.mark.parametrize(
    ("also", "wanted"),
    [
        ("mine.txt", r"a file in the folder hypotheses/, got 'mine.txt'.*`also: hypotheses/mine.txt`"),
        ("hypotheses/../mine.txt", "a file in the folder hypotheses/"),
        ([""], r"got '', which says nothing"),
        (["A:  . "], "says nothing"),
        ([COVID, f"The text {COVID.upper()}."], "each sentence once"),
        (["has a link", "contains a URL"], "both judged as `contains a URL`"),
        (["x" * 201], "at most 200 characters, got 201"),
        (["is formal in group A"], "names a group"),
        ([{"mentions refund": "or money"}], "Put a sentence with a colon in quotes"),
        ([7], "got 7. Put a sentence in quotes"),
        ({"a": "mentions refund"}, "wanted a list of sentences, or a file of them"),
        (["contains a digit"] * 0, "wanted sentences under propose.also with `only: true`"),
        ([f"mentions word{i}" for i in range(21)], "at most 20 sentences, got 21. Raise"),
        (["is sarcastic", "/(?=x)/"], r"`is sarcastic`: .*; `/\(\?=x\)/`: .*look-around.*engine: llm"),
        (["is about delivery"], "needs an encoder, and embed.encoder is none"),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(
    also: Any, wanted: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared(project, also, n=20, only=True)
    code, said = refused(project, capsys, "check")
    assert code == 10 and said.startswith("error: studies.news") and said.count("\n") == 1
    with pytest.raises(ParamsError, match=wanted):
        project.run("news", "collect", "embed", "propose")
    assert not paths.output("news", "propose").exists()


@pytest.mark.parametrize(
    ("content", "wanted"),
    [(None, "is not there"), (b"contains a digit\ncaf\xe9\n", "line 2: no UTF-8"), (b"# none\n", "got none")],
)
def test_a_file_that_cannot_be_read_is_told(
    content: bytes | None, wanted: str, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (project.folder / "hypotheses").mkdir()
        (project.folder / "hypotheses" / "mine.txt").write_bytes(content)
    prepared(project, "hypotheses/mine.txt", n=20)
    code, said = refused(project, capsys, "check")
    assert code in {10, 11} and wanted in said and said.count("\n") == 1


def test_words_of_another_language_are_no_english_list(project: Project) -> None:
    french = [f"Le ministre a ouvert le nouveau pont au jour {i} de la foire" for i in range(40)]
    project.table("news.parquet", [{"text": t, "year": 2019 + i % 2} for i, t in enumerate(french)])
    project.params(news=asking(["is positive", "hedges", "mentions pont"]) | {"collect": LOOSE})
    with pytest.raises(
        ParamsError, match=r"`is positive`: its list of words is English, .* French; `hedges`"
    ):
        check.preview(load("news"))


def test_what_is_typed_otherwise_is_found_in_texts_of_one_form(project: Project) -> None:
    rows = pair(60, 0.0, 0.0)
    for row in rows[::2]:
        row["text"] += " beside the café"
    project.table("news.parquet", rows)
    decomposed, pattern = "mentions cafe\u0301", "/cafe\u0301/"
    project.params(news=asking([decomposed, pattern], only=True))
    found = {one["predicate"]: one for one in proposed(project)}
    assert sorted(found) == ["matches /café/", 'mentions "café"']


def test_check_says_how_each_is_judged(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    prepared(project, ALSO)
    assert main(["check", "--study", "news"]) == 0
    said = capsys.readouterr().out
    assert 'mentions covid or virus  ->  mentions "covid" or "virus"  (by these words, as they stand)' in said
    assert "/spring holida./  ->  matches /spring holida./  (by this pattern)" in said
    assert json.loads(json.dumps(check.preview(load("news"))["asked"]))[2]["direction"] == "B"


def test_check_warns_of_words_that_its_dictionary_lacks(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    chinese = [f"第{i}家酒店性价比高，服务也很好，早餐不错，下次还会再来住" for i in range(40)]
    project.table("news.parquet", [{"text": t, "year": 2019 + i % 2} for i, t in enumerate(chinese)])
    project.params(news=asking(["mentions 性价比 or 服务", "mentions 酒店"]) | {"collect": LOOSE})
    assert main(["check", "--study", "news"]) == 0
    said = capsys.readouterr().out
    assert "in part overlooked: /性价比/ finds all)" in said
    assert 'mentions "酒店"  (by these words, as they stand)' in said


def test_an_encoders_failures_are_no_place_for_them(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared(project, [COVID])
    project.params(news={**asking([COVID]), "kind": "encoder_failures", "collect": {}})
    code, said = refused(project, capsys, "check")
    assert code == 10 and "wanted no propose.also with `kind: encoder_failures`" in said


def test_recorded_ones_are_tested_alone_or_first(project: Project) -> None:
    project.table("recorded.parquet", recorded_rows(60))
    project.params(news={**REPLAY, "propose": {"also": ["The text holds alike."], "max_predicates": 1}})
    rows = proposed(project)
    assert [(row["predicate"], row["family"]) for row in rows] == [
        ("holds alike", "user"),
        ("holds more in A", "recorded"),
    ]
    project.params(news={**REPLAY, "propose": {"also": ["holds like that"], "only": True}})
    with pytest.raises(ParamsError, match=r"no verdict of it is recorded in recorded\.parquet; did you mean"):
        check.preview(load("news"))


def test_a_pattern_is_judged_and_marked_as_it_stands() -> None:
    texts = frame([("A", "I want a REFUND, now"), ("B", "no money back"), ("B", "refunds\nrefunded")])
    definition = json.dumps({"kind": "pattern", "pattern": r"(?i)\brefund(s|ed)?\b"})
    predicate = roles.unfrozen("p", "matches", definition=definition)
    judge = embedded.judge(study())
    score = judge.judge([predicate], texts, np.zeros((3, 0))).score[:, 0]
    assert dict(zip(texts["text"], score, strict=True))["no money back"] == 0 and score.sum() == 2
    assert judge.spans(predicate, "refunds\nrefunded") == [(0, 7), (8, 16)]


def read_back(texts: pl.DataFrame, vectors: np.ndarray, proposals: list[Proposal]) -> list[Proposal]:
    reader = embedded.reader(study(embed={"encoder": "bundled"}), texts, None)
    asked = [Asked(one.predicate, None, one.predicate) for one in proposals]
    return reader.read(asked, Exploration(texts, vectors, texts.height), np.random.default_rng(0))


def test_all_that_the_engine_proposes_is_read_back(bag: Any) -> None:
    rows = news(200, 0.3, 0.0).with_columns(
        text=pl.when(pl.int_range(pl.len()) % 3 == 0)
        .then(pl.col("text") + "?")
        .when(pl.col("group") == "A")
        .then(pl.col("text") + " 12, 1,234 good very")
        .otherwise("text")
    )
    vectors = bag.encode(rows["text"].to_list())
    wanted = {"max_predicates": 60, "gate_z": 0, "max_phi": 1.0}
    proposer = embedded.proposer(study(propose=wanted))
    found = proposer.propose(Exploration(rows, vectors, rows.height), np.random.default_rng([0, 1]))
    back = read_back(rows, vectors, found)
    assert {p.family for p in found} == {"words", "style", "theme", "axis"}
    for one, again in zip(found, back, strict=True):
        definition = json.loads(one.definition)
        if definition["kind"] in ("words", "style"):
            definition.pop("carried_by", None)
            assert json.loads(again.definition) == definition, one.predicate
            assert again.explore_effect == pytest.approx(one.explore_effect)
        elif definition["kind"] == "similarity" and one.grade == "proxy":
            # A vector that is anchored in sentences, and a share of the texts, are nothing that was chosen.
            other = json.loads(again.definition)
            assert (other["vector"], other["threshold"]) == (definition["vector"], definition["threshold"])
            assert again.predicate == one.predicate


def test_twenty_sentences_find_nothing_where_nothing_is() -> None:
    words = ("harbour", "bridge", "road", "budget", "hall", "railway", "covid", "holiday", "garden")
    parts = ("opens", "plans|sells", "^the", "^a ", "^my", "our team", "paints", "in b")
    sizes = ("is longer than 12 words", "is longer than 60 characters", "has more than 2 commas")
    said = [*[f"mentions {word}" for word in words], *[f"/{part}/" for part in parts], *sizes]
    asked = [Asked(one, None, one) for one in said]
    assert len(asked) == 20
    n_runs, n_false = 20, 0
    for seed in range(n_runs):
        rows = news(200, 0.2, 0.2, seed=1_000 + 10 * seed)
        is_seen = pl.Series(np.random.default_rng(seed).random(rows.height) < 0.5)
        seen, held_out = rows.filter(is_seen), rows.filter(~is_seen)
        of = study(embed={"encoder": "none"})
        reader = embedded.reader(of, seen, None)
        frozen = reader.read(
            asked, Exploration(seen, np.zeros((seen.height, 0)), 0), np.random.default_rng(0)
        )
        n_false += _has_discovery(of, held_out, frozen)
    # Binomial: at 0.05 more than 4 of 20 would come up once in 400.
    assert n_false <= 4


def _has_discovery(of: Any, held_out: pl.DataFrame, frozen: list[Proposal]) -> bool:
    from tasks.score.tests import decide
    from tasks.verdicts.judged import judged_from

    predicates = [
        roles.unfrozen(
            str(i),
            p.predicate,
            direction=p.direction,
            definition=p.definition,
            threshold=0.5,
            family=p.family,
        )
        for i, p in enumerate(frozen)
    ]
    vectors = np.zeros((held_out.height, 0))
    judged = EmbeddedJudge(of).judge(predicates, held_out, vectors)
    table = decide(judged_from(of, held_out, predicates, judged.score, judged.status)).table
    return bool(table["is_discovery"].any())
