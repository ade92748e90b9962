"""The embedded engine as the stages use it: propose from one half, judge, mark and rate."""

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks.planting import made_pool
from tasks.engines import embedded
from tasks.engines.contrast import Contrast
from tasks.engines.embedded import select, themes
from tasks.engines.encoders import encoder
from tasks.engines.roles import VALUE, Exploration
from tasks.errors import EngineError
from tasks.records import Predicate, Proposal
from tasks.store.frames import hashed
from tasks.study import Study
from tests.conftest import SHARED, pair, shared_file

BAD_TEXTS = {
    "empty": "",
    "blank": " \n\t\r ",
    "nul": "a\x00b \x00",
    "emoji": "👩‍👩‍👧‍👦 🇦🇺 ❤️" * 20,
    "right to left": "مرحبا بالعالم! \u202eabc שלום?",
    "chinese": "今天天气很好我们去公园" * 50,
    "combining": "e\u0301" * 500 + "\u0301",
    "one word": "x" * 100_000,
    "one symbol": "(" * 100_000,
    "spaces": " " * 100_000,
    "digits": "1 " * 50_000,
    "backticks": "`" * 99_999,
    "capitals": "A" * 100_000,
    "lines": "\n" * 100_000,
    "private use": "".join(map(chr, range(0xE000, 0xE100))),
    "dashes": "-" * 50_000 + "\n" * 10 + "a(" * 20_000,
    "long prose": "The committee was not amused; it will, perhaps, meet at 10:45? " * 1_600,
}


class BagEncoder:
    """Each word a fixed random direction: similar texts share words."""

    name, dim = "bag", 32

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        rows = []
        for text in texts:
            row = np.zeros(self.dim)
            for word in text.lower().replace(",", " ").split():
                seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "little")
                row += np.random.default_rng(seed).normal(size=self.dim)
            rows.append(row / (np.linalg.norm(row) or 1.0))
        return np.array(rows, dtype=np.float32).reshape(len(texts), self.dim)


@pytest.fixture
def bag(monkeypatch: pytest.MonkeyPatch) -> BagEncoder:
    made = BagEncoder()
    monkeypatch.setattr(encoder, "load", lambda study: made)
    return made


def study(**blocks: Any) -> Study:
    return Study.model_validate({
        "name": "news", "data": "d", "goal": "which topics were in the news",
        "collect": {"group": "g", "a": "A", "b": "B"}, **blocks,
    })  # fmt: skip


def frame(rows: Sequence[tuple[str, str]], documents: Sequence[str] | None = None) -> pl.DataFrame:
    """Texts of the exploration half: (group, text)."""
    ids = [hashed(group, text) for group, text in rows]
    return pl.DataFrame({
        "text_id": ids, "text_hash": ids, "text": [text for _, text in rows],
        "group": [group for group, _ in rows], "document_id": list(documents or ids),
        "half": ["explore"] * len(rows), "n_merged": [1] * len(rows), "context": [None] * len(rows),
        "media": [None] * len(rows),
    })  # fmt: skip


def news(n: int, planted_a: float, planted_b: float, seed: int = 0) -> pl.DataFrame:
    rows = pair(n, planted_a, planted_b, seed)
    return frame([("A" if row["year"] == 2020 else "B", row["text"]) for row in rows])


def propose(
    texts: pl.DataFrame, vectors: np.ndarray | None = None, seed: int = 0, **blocks: Any
) -> list[Proposal]:
    vectors = np.zeros((texts.height, 0), np.float32) if vectors is None else vectors
    engine = embedded.proposer(study(**blocks))
    return engine.propose(Exploration(texts, vectors, texts.height), np.random.default_rng([seed, 1]))


def frozen(proposal: Proposal) -> Predicate:
    return Predicate(
        "p", proposal.predicate, proposal.direction, proposal.family, proposal.grade, proposal.definition,
        "embedded/1", 0.5, "t", "s", "", proposal.explore_effect, proposal.explore_z,
    )  # fmt: skip


def defined(**definition: Any) -> Predicate:
    return frozen(Proposal("says so", "A", "words", "exact", json.dumps(definition), 0.0, 0.0))


def test_a_planted_word_comes_first_with_its_effect() -> None:
    found = propose(news(300, 0.3, 0.0))
    assert "covid" in found[0].predicate and found[0].direction == "A"
    assert found[0].explore_effect == pytest.approx(0.3, abs=0.06)
    assert found[0].explore_z > 7


def test_the_direction_is_the_group_where_it_holds_more() -> None:
    found = propose(news(300, 0.0, 0.3))
    assert "covid" in found[0].predicate and found[0].direction == "B" and found[0].explore_effect < 0


def test_every_proposal_is_judged_as_it_was_measured(bag: BagEncoder) -> None:
    texts = news(300, 0.3, 0.0)
    vectors = bag.encode(texts["text"].to_list())
    found = propose(texts, vectors, propose={"max_predicates": 40, "gate_z": 0, "max_phi": 1.0})
    judged = embedded.judge(study()).judge([frozen(p) for p in found], texts, vectors)
    in_a = (texts["group"] == "A").to_numpy()
    effects = judged.score[in_a].mean(axis=0) - judged.score[~in_a].mean(axis=0)
    assert (judged.status == VALUE).all()
    for proposal, effect in zip(found, effects, strict=True):
        if proposal.grade != "theme":  # a theme's comes from the texts it was not made from
            assert proposal.explore_effect == pytest.approx(effect, abs=1e-12), proposal.predicate


def test_all_families_speak_where_there_are_vectors(bag: BagEncoder) -> None:
    rows = news(300, 0.3, 0.0)
    found = [
        p
        for family in ("words", "style", "theme", "axis")
        for p in propose(rows, bag.encode(rows["text"].to_list()), propose={"families": [family]})
    ]
    assert {p.family for p in found} == {"words", "style", "theme", "axis"}
    themes = [p for p in found if p.grade == "theme"]
    assert any("covid" in p.predicate or "outbreak" in p.predicate for p in themes)
    assert all(p.predicate.startswith(("is about ", "resembles texts ")) for p in themes)
    assert all(p.predicate.startswith("leans towards ") for p in found if p.grade == "proxy")


def test_without_vectors_the_semantic_families_are_silent() -> None:
    found = propose(news(200, 0.3, 0.0))
    assert found and {p.family for p in found} <= {"words", "style"}
    assert propose(news(200, 0.3, 0.0), propose={"families": ["theme", "axis"]}) == []


def test_row_order_changes_nothing(bag: BagEncoder) -> None:
    texts = news(200, 0.4, 0.1)
    vectors = bag.encode(texts["text"].to_list())
    order = np.random.default_rng(5).permutation(texts.height)
    assert propose(texts, vectors) == propose(texts[order], vectors[order])


def test_swapped_groups_turn_every_direction_round() -> None:
    texts = news(200, 0.4, 0.1)
    swapped = texts.with_columns(
        group=pl.when(pl.col("group") == "A").then(pl.lit("B")).otherwise(pl.lit("A"))
    )
    there = {p.predicate: p.explore_effect for p in propose(texts, propose={"families": ["words"]})}
    back = {p.predicate: -p.explore_effect for p in propose(swapped, propose={"families": ["words"]})}
    assert there == pytest.approx(back)


def test_chosen_predicates_overlap_no_more_than_allowed() -> None:
    texts = news(300, 0.3, 0.0)
    found = propose(texts, propose={"max_predicates": 20, "max_phi": 0.3, "gate_z": 0})
    score = (
        embedded.judge(study()).judge([frozen(p) for p in found], texts, np.zeros((texts.height, 0))).score
    )
    phi = np.corrcoef(score.T) - np.eye(len(found))
    assert len(found) > 3 and np.abs(phi).max() <= 0.3 + 1e-9
    assert len({p.predicate for p in found}) == len(found)


@pytest.fixture
def gate_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What chance explains fills up to five, not to forty."""
    choose = select.choose
    monkeypatch.setattr(select, "choose", lambda *seen, least: choose(*seen, least=min(least, 5)))


def test_as_many_are_tested_as_may_be_whether_or_not_they_pass(bag: BagEncoder) -> None:
    texts = news(300, 0.2, 0.2, seed=0)
    vectors = bag.encode(texts["text"].to_list())
    found = propose(texts, vectors, 0)
    # None passes: they share the error level by their rank.
    assert [one.weight for one in found] == [1 / rank for rank in range(1, 41)]
    for most in (1, 20, 30):
        assert len(propose(texts, vectors, 0, propose={"max_predicates": most})) == most


def test_where_twenty_pass_nothing_fills_up(bag: BagEncoder) -> None:
    texts = news(2000, 0.5, 0.1, seed=0)
    vectors = bag.encode(texts["text"].to_list())
    many = propose(texts, vectors, 0, propose={"max_predicates": 60, "max_phi": 0.9})
    assert sum(one.weight == 1 for one in many) > 21
    assert [one.weight for one in propose(texts, vectors, 0, propose={"max_phi": 0.9})] == [1.0] * 20


def test_what_passes_shares_alike_and_what_only_fills_up_has_less(bag: BagEncoder) -> None:
    found = propose(news(300, 0.4, 0.1, seed=0), seed=0)
    weight = [one.weight for one in found]
    n_passed = next(i for i in range(1, len(weight)) if weight[i : i + 2] == [1.0, 0.5])
    assert 0 < n_passed < 20 and weight[:n_passed] == [1.0] * n_passed
    assert len(found) == 26 and weight[n_passed:] == [1 / (1 + i) for i in range(len(found) - n_passed)]


@pytest.mark.usefixtures("gate_alone")
def test_random_halves_pass_few_and_never_none(bag: BagEncoder) -> None:
    counts = []
    for seed in range(6):
        texts = news(300, 0.2, 0.2, seed=10 * seed)
        counts.append(len(propose(texts, bag.encode(texts["text"].to_list()), seed)))
    assert all(count >= 5 for count in counts)
    assert np.median(counts) == 5, counts


@pytest.mark.usefixtures("gate_alone")
def test_one_to_twenty_without_a_difference_favours_no_group() -> None:
    pool, towards, counts = made_pool(per_topic=100).texts, [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        texts = [pool[i] for i in rng.choice(len(pool), 600, replace=False)]
        in_a = rng.permutation(600) < 29
        found = propose(frame([("A" if a else "B", t) for a, t in zip(in_a, texts, strict=True)]), seed=seed)
        towards += [p.direction for p in found]
        counts.append(len(found))
    assert 0.25 < towards.count("A") / len(towards) < 0.75
    assert np.median(counts) == 5, "only what fills up"


SAID = {
    # Shares of the spam and of the other messages of a well-known collection of short messages.
    "free": (0.23, 0.012), "txt": (0.19, 0.002), "prize": (0.11, 0.0), "www": (0.13, 0.0004),
    "mobile": (0.16, 0.003), "claim": (0.14, 0.0), "call": (0.45, 0.045), "later": (0.001, 0.026),
    "sorry": (0.003, 0.03), "ok": (0.005, 0.05), "da": (0.0, 0.028), "lor": (0.0, 0.031),
    "gt": (0.0, 0.045), "home": (0.003, 0.03), "tonight": (0.005, 0.01), "morning": (0.001, 0.02),
    "love": (0.01, 0.04), "oh": (0.0, 0.022), "hey": (0.004, 0.02), "dear": (0.01, 0.02),
    "lol": (0.0, 0.015), "sleep": (0.0, 0.012), "happy": (0.003, 0.022), "wat": (0.0, 0.02),
    "pick": (0.0, 0.016), "cos": (0.0, 0.015), "lunch": (0.0, 0.011), "gonna": (0.0, 0.011),
    "thing": (0.0, 0.02), "ask": (0.0, 0.015), "smile": (0.0, 0.01), "leave": (0.0, 0.014),
    # And words of talk, no one of them frequent.
    **{f"chat{i}": (0.0, 0.03) for i in range(20)},
    "yeah": (0.0, 0.017), "feel": (0.0, 0.014), "wait": (0.0, 0.015), "anything": (0.0, 0.014),
}  # fmt: skip


def test_what_a_small_group_says_is_proposed_before_what_it_never_says() -> None:
    rng = np.random.default_rng(0)
    spoken = " ".join(made_pool(per_topic=50).texts).lower().translate(str.maketrans("", "", ".,"))
    other = [word for word in dict.fromkeys(spoken.split()) if word not in SAID]
    rank = 1 / np.arange(1, len(other) + 1)
    rows: list[tuple[str, str]] = []
    for group, n, side in (("A", 374, 0), ("B", 2414, 1)):
        for _ in range(n):
            said = [word for word, shares in SAID.items() if rng.random() < shares[side]]
            words = [*said, *rng.choice(other, 8, p=rank / rank.sum())]
            rows.append((group, " ".join(rng.permutation(words))))
    rows = list(dict.fromkeys(rows))
    found = propose(frame(rows), propose={"families": ["words"]})
    named = " ".join(p.predicate for p in found if p.direction == "A")
    assert all(f'"{word}"' in named for word in ("free", "txt", "prize", "www", "mobile")), named


def test_topics_are_the_same_whichever_texts_are_of_a(bag: BagEncoder) -> None:
    texts = news(200, 0.4, 0.1)["text"].to_list()
    vectors = bag.encode(texts)
    made = []
    for seed in (0, 1):
        in_a = np.random.default_rng(seed).permutation(len(texts)) < 40
        harvest = themes.topics(
            Contrast(in_a, np.arange(len(texts))), vectors, "bag", np.random.default_rng(7)
        )
        made.append([(c.definition["vector"], c.definition["threshold"]) for c in harvest.candidates])
    assert made[0] and made[0] == made[1]


def test_the_number_of_proposals_is_capped() -> None:
    assert len(propose(news(300, 0.3, 0.0), propose={"max_predicates": 2})) == 2


def test_one_sided_texts_have_nothing_to_contrast() -> None:
    assert propose(frame([("A", "one text"), ("A", "another text")])) == []


def test_tiny_corpora_get_by() -> None:
    assert propose(frame([("A", "one text?"), ("B", "another text")]))


def test_languages_are_told_apart() -> None:
    english = [f"The minister opened the new bridge on day {i} of the fair" for i in range(60)]
    french = [f"Le ministre a ouvert le nouveau pont au jour {i} de la foire" for i in range(60)]
    texts = frame([("A", t) for t in english] + [("B", t) for t in french])
    found = propose(texts, propose={"families": ["style"], "max_phi": 1.0})
    assert "is written in French" in {p.predicate for p in found}
    either = [defined(kind="language", code=code, among=["en", "fr"]) for code in ("en", "fr")]
    rows = frame([("A", english[0]), ("B", french[0]), ("B", "12 !")])
    judged = embedded.judge(study()).judge(either, rows, np.zeros((3, 0)))
    assert judged.score.tolist() == [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_every_bad_text_gets_a_value_quickly(name: str) -> None:
    text = BAD_TEXTS[name]
    from tasks.engines.embedded.programs import programs

    predicates = [defined(kind="style", program=program) for program in programs()]
    predicates += [
        defined(kind="style", program="repetition", more_than=10),
        defined(kind="words", terms=["committee", "今 天", "x y"]),
        defined(kind="sentiment", pole="positive", least=0.05),
        defined(kind="language", code="en", among=["en", "zh"]),
        defined(kind="similarity", basis="theme", encoder="bag", vector=[1.0, 0.0], threshold=-0.5),
    ]
    started = time.process_time()
    judge = embedded.judge(study())
    judged = judge.judge(predicates, frame([("A", text)]), np.zeros((1, 2), np.float32))
    assert judged.score.shape == (1, len(predicates)) and np.isin(judged.score, (0.0, 1.0)).all()
    assert judged.score[0, -1] == 0, "a text without a vector leans nowhere"
    for predicate in predicates:
        for start, end in judge.spans(predicate, text):
            assert 0 <= start < end <= len(text)
    assert time.process_time() - started < 20


def test_bad_texts_among_others_do_not_stop_the_proposer(bag: BagEncoder) -> None:
    rows = news(150, 0.4, 0.0)
    bad = frame([("A" if i % 2 else "B", text) for i, text in enumerate(BAD_TEXTS.values())])
    texts = pl.concat([rows, bad])
    found = propose(texts, bag.encode([t[:200] for t in texts["text"].to_list()]))
    assert any("covid" in p.predicate for p in found)


@pytest.mark.parametrize(
    "definition",
    [
        "", "null", "[]", "{}", '{"kind":"oracle"}', '{"kind":["words"]}', '{"kind":"words"}',
        '{"kind":"words","terms":[]}', '{"kind":"words","terms":["Covid"]}', '{"kind":"words","terms":[""]}',
        '{"kind":"words","terms":"covid"}', '{"kind":"style","program":"nothing"}', '{"kind":"style"}',
        '{"kind":"style","program":"url","more_than":3}',
        '{"kind":"style","program":"words","more_than":"3"}',

        '{"kind":"style","program":"words","more_than":NaN}', '{"kind":"style","program":["url"]}',
        '{"kind":"sentiment","pole":"mixed","least":1}', '{"kind":"sentiment","pole":"positive","least":0}',
        '{"kind":"language","code":"fr","among":["fr"]}',
        '{"kind":"language","code":"xx","among":["xx","en"]}',

        '{"kind":"language","code":"fr","among":[["en"],"fr"]}',
        '{"kind":"similarity","vector":[],"threshold":1}',
        '{"kind":"similarity","vector":["a"],"threshold":1,"encoder":"e"}',
        '{"kind":"similarity","vector":[1],"threshold":1}',
    ],
)  # fmt: skip
def test_an_unknown_definition_is_an_error(definition: str) -> None:
    predicate = replace(defined(kind="x"), definition=definition)
    judge = embedded.judge(study())
    with pytest.raises(EngineError, match=r"says so.*wanted a definition"):
        judge.judge([predicate], frame([("A", "text")]), np.zeros((1, 0)))
    with pytest.raises(EngineError):
        judge.spans(predicate, "text")


def test_vectors_of_another_encoder_are_refused() -> None:
    theme = defined(kind="similarity", basis="theme", encoder="bag", vector=[1.0, 0.0], threshold=0.1)
    with pytest.raises(EngineError, match="wanted embeddings of 2 dimensions by bag, got 0"):
        embedded.judge(study()).judge([theme], frame([("A", "text")]), np.zeros((1, 0)))


def test_a_verdict_does_not_depend_on_its_neighbours() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(400, 16)).astype(np.float32)
    texts = frame([("A", f"text {i}") for i in range(400)])
    direction = rng.normal(size=16)
    cut = float(vectors[7].astype(np.float64) @ direction)
    theme = defined(kind="similarity", basis="theme", encoder="e", vector=direction.tolist(), threshold=cut)
    judge = embedded.judge(study())
    whole = judge.judge([theme], texts, vectors).score
    parts = [judge.judge([theme], texts[i : i + 37], vectors[i : i + 37]).score for i in range(0, 400, 37)]
    assert whole.sum() > 0 and (whole == np.concatenate(parts)).mean() >= 399 / 400


def test_relevance_and_novelty_are_measured(bag: BagEncoder) -> None:
    rater = embedded.rater(study(goal="sport and the weather"))
    on_goal, guessed, other = rater.rate([
        replace(defined(kind="x"), predicate="speaks of sport and the weather"),
        replace(defined(kind="x"), predicate="is about sport"),
        replace(defined(kind="x"), predicate='mentions "zebra", "quartz" or "fjord"'),
    ])  # fmt: skip
    assert rater.rated_by == "embedded: relevance, novelty measured"
    assert on_goal.relevance > other.relevance and guessed.novelty < other.novelty
    assert guessed.novelty == 0
    for rating in (on_goal, guessed, other):
        assert 0 <= rating.relevance <= 2 and 0 <= rating.novelty <= 2 and rating.significance is None


def test_without_an_encoder_nothing_is_rated() -> None:
    rater = embedded.rater(study(embed={"encoder": "none"}))
    rating = rater.rate([defined(kind="x")])[0]
    assert (rating.relevance, rating.novelty, rating.significance) == (None, None, None)
    assert rater.rated_by == "embedded: nothing measured (no encoder)"


@shared_file("headlines.parquet")
def test_the_pandemic_is_the_first_thing_found_in_real_headlines() -> None:
    rows = pl.read_parquet(SHARED / "data" / "headlines.parquet").unique("text", keep="none").sort("text")
    rows = rows.sample(6000, seed=1, shuffle=True)
    made = [("A" if year == 2020 else "B", text) for text, year in rows.select("text", "year").iter_rows()]
    # Any vectors: the words are grouped by the bundled encoder's own.
    first = propose(frame(made[:3000]), np.zeros((3000, 384)), propose={"families": ["words"]})[0]
    assert "covid" in first.predicate and "coronavirus" in first.predicate
    judged = (
        embedded.judge(study()).judge([frozen(first)], frame(made[3000:]), np.zeros((3000, 0))).score[:, 0]
    )
    in_a = np.array([group == "A" for group, _ in made[3000:]])
    assert judged[in_a].mean() - judged[~in_a].mean() == pytest.approx(0.27, abs=0.03)
