"""The embedded engine on other languages than English: a planted word is found and can be read."""

import itertools
import json

import numpy as np
import polars as pl
import pytest

from tasks.engines import embedded, languages
from tasks.engines.embedded import tokens
from tasks.engines.encoders import encoder
from tasks.records import Proposal
from tests.engines.test_embedded_engine import BagEncoder, frame, frozen, propose, study

# Language: who, does what, how, and the planted addition.
CORPORA: dict[str, tuple[list[str], list[str], list[str], str]] = {
    "Chinese": (
        ["老师", "医生", "农民", "学生", "工人", "记者"],
        ["昨天买了新的自行车", "在公园里散步", "写了一封长信", "喜欢喝绿茶", "参加了会议"],
        ["，天气很好", "，然后回家了", "，朋友们都知道", "，心情不错"],
        "因为疫情学校关门了",
    ),
    "Japanese": (
        ["先生", "医者", "農家", "学生", "記者", "店員"],
        ["は昨日自転車を買いました", "は公園を散歩しました", "は手紙を書きました", "は会議に出ました"],
        ["。天気が良かったです", "。それから家に帰りました", "。友達も来ました"],
        "。地震のため電車が止まりました",
    ),
    "Thai": (
        ["ครู", "หมอ", "ชาวนา", "นักเรียน", "นักข่าว", "คนขับรถ"],
        ["ซื้อจักรยานใหม่เมื่อวาน", "เดินเล่นในสวนสาธารณะ", "เขียนจดหมายถึงเพื่อน", "ไปตลาดตอนเช้า"],
        ["อากาศดีมาก", "แล้วกลับบ้าน", "เพื่อนมาด้วย"],
        "เพราะน้ำท่วมโรงเรียนจึงปิด",
    ),
    "Arabic": (
        ["المعلم", "الطبيب", "الفلاح", "الطالب", "الصحفي", "السائق"],
        ["اشترى دراجة جديدة", "مشى في الحديقة", "كتب رسالة طويلة", "ذهب إلى السوق"],
        ["في الصباح", "ثم عاد إلى البيت", "مع الأصدقاء"],
        "بسبب الفيضانات",
    ),
    "German": (
        ["Die Lehrerin", "Der Arzt", "Der Bauer", "Die Studentin", "Der Fahrer", "Die Wirtin"],
        ["kaufte ein neues Fahrrad", "ging im Park spazieren", "schrieb einen Brief", "fuhr zum Markt"],
        ["am Vormittag", "und kam spät nach Hause", "mit ihren Freunden"],
        "wegen des Bundesverfassungsgerichts",
    ),
    "emoji": (
        ["😀", "🎉", "🐱", "🚗", "🌧️", "🍞"],
        ["🎂🎈", "🐶🐭", "🚲🚦", "🌞🌊", "📖✏️"],
        ["👍", "🙃🙃", "🤷", "👩‍👩‍👧‍👦"],
        "🦠😷",
    ),
}


def corpus(name: str, n: int = 120) -> pl.DataFrame:
    """Half of A has the planted addition; the place of a number in it keeps texts apart."""
    who, what, how, planted = CORPORA[name]
    plain = list(itertools.product(who, what, how))
    order = np.random.default_rng(0).permutation(len(plain) * 8) % len(plain)
    rows, number = [], 0
    for i in range(n):
        for group in "AB":
            parts = plain[order[(2 * i + (group == "B")) % len(order)]]
            number += 1
            text = (" " if name in ("Arabic", "German") else "").join(parts)
            added = planted if group == "A" and i % 2 else ""
            tail = "🔢" * (number % 7) if name == "emoji" else str(number)
            rows.append((group, f"{text} {added} {tail}"))
    return frame(list(dict.fromkeys(rows)))


@pytest.mark.parametrize("name", CORPORA)
def test_a_planted_word_is_found_in_any_language(name: str) -> None:
    found = propose(corpus(name), propose={"families": ["words"], "max_predicates": 5})
    first, planted = found[0], tokens.joined(CORPORA[name][3])
    assert first.direction == "A"
    assert all(f" {term} " in planted for term in json.loads(first.definition)["terms"]), first
    assert first.explore_effect == pytest.approx(0.5, abs=0.03)
    texts = corpus(name)
    judged = embedded.judge(study()).judge([frozen(first)], texts, np.zeros((texts.height, 0))).score[:, 0]
    in_a = (texts["group"] == "A").to_numpy()
    assert judged[in_a].mean() - judged[~in_a].mean() == pytest.approx(first.explore_effect)


@pytest.mark.parametrize("name", ["Chinese", "Japanese", "Thai"])
def test_words_without_spaces_are_named_as_they_are_written(name: str) -> None:
    texts = corpus(name)
    for proposal in propose(texts, propose={"families": ["words"], "max_predicates": 8, "gate_z": 0}):
        for term in json.loads(proposal.definition)["terms"]:
            shown = term.replace(" ", "")
            assert f'"{shown}"' in proposal.predicate, proposal.predicate
            assert any(shown in text for text in texts["text"]), shown


def test_single_characters_are_not_joined_because_an_encoder_knows_no_better(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Blind(BagEncoder):
        """Takes all Chinese for the same, as an English encoder does."""

        name = "bundled-blind"

        def encode(self, texts):  # type: ignore[no-untyped-def]
            return np.tile(np.eye(1, self.dim, dtype=np.float32), (len(texts), 1))

    blind = Blind()
    monkeypatch.setattr(encoder, "load", lambda study: blind)
    texts = corpus("Chinese")
    found = propose(texts, blind.encode(texts["text"].to_list()), propose={"max_predicates": 20, "gate_z": 0})
    groups = [json.loads(p.definition)["terms"] for p in found if p.family == "words"]
    assert groups and all(len(terms) == 1 for terms in groups)


def _families(texts: pl.DataFrame, encoder_name: str, monkeypatch: pytest.MonkeyPatch) -> list[Proposal]:
    made = BagEncoder()
    made.name = encoder_name
    monkeypatch.setattr(encoder, "load", lambda study: made)
    wanted = {"max_predicates": 40, "gate_z": 0, "max_phi": 1.0}
    return propose(texts, made.encode(texts["text"].to_list()), propose=wanted)


def test_an_encoder_proposes_no_themes_in_a_language_it_does_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    german = corpus("German")
    unread = _families(german, "bundled-1234", monkeypatch)
    assert {p.family for p in unread} <= {"words", "style"}
    read = _families(german, "multilingual-e5-small-1234", monkeypatch)
    assert {"theme", "words"} <= {p.family for p in read}


def test_english_word_lists_are_kept_from_other_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    # "die" is a negative word to VADER, "man" a person to the list.
    rows = [("A", f"Die Frau sah die Stadt, und man ging nach Hause, Nummer {i}") for i in range(80)]
    rows += [("B", f"Ein Mann sah ein Haus, und er ging in den Wald, Nummer {i}") for i in range(80)]
    found = propose(
        frame(rows), propose={"families": ["style"], "gate_z": 0, "max_predicates": 60, "max_phi": 1.0}
    )
    said = [p.predicate for p in found]
    assert not [one for one in said if "tone" in one or "woman" in one or "person (I" in one], said


def test_a_mixed_corpus_tells_its_languages_and_its_planted_word() -> None:
    english = [f"The teacher went to the market in the morning, number {i}" for i in range(150)]
    chinese = corpus("Chinese", 75)["text"].to_list()
    rows = [("A" if i % 2 else "B", text) for i, text in enumerate(english)]
    rows += [("A" if "疫情" in text else "B", text) for text in chinese]
    found = [p.predicate for p in propose(frame(rows), propose={"max_predicates": 12, "max_phi": 1.0})]
    assert any("疫情" in one for one in found), found
    assert any(one.startswith("is written in ") for one in found), found


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        (["The minister opened a bridge today, and many people came."] * 10, ["en"]),
        (["今天天气很好，我们去公园散步。"] * 9 + ["The minister opened a new bridge today."], ["zh", "en"]),
        (["วันนี้อากาศดีมาก เราไปสวนสาธารณะ"] * 10, ["th"]),
        (["😀🎉", "🐱 12"] * 5, ["zxx"]),
        ([], []),
    ],
)
def test_languages_of_a_corpus(texts: list[str], wanted: list[str]) -> None:
    assert list(languages.shares(texts)) == wanted


@pytest.mark.parametrize(
    ("encoder_name", "unread"),
    [
        ("bundled-0a1b2c-float32-v2", ["zh"]),
        ("sentence-transformers/all-MiniLM-L6-v2", ["zh"]),
        ("BAAI/bge-small-en-v1.5", ["zh"]),
        ("openai/clip-vit-base-patch32", ["zh"]),
        ("sentence-transformers/clip-ViT-B-32-multilingual-v1", []),
        ("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", []),
        ("intfloat/multilingual-e5-small", []),
        ("openai:text-embedding-3-small", []),
        ("/models/my-own", []),
        ("none", []),
    ],
)
def test_which_languages_an_encoder_does_not_read(encoder_name: str, unread: list[str]) -> None:
    held = {"en": 0.8, "zh": 0.2}
    assert languages.unread(held, encoder_name) == unread
    told = languages.warning(held, encoder_name)
    assert ("Chinese 20%" in told and "multilingual" in told) if unread else told == ""


def test_a_few_texts_in_another_language_leave_the_encoder_of_use() -> None:
    assert languages.is_read({"en": 0.95, "fr": 0.05}, "bundled-1")
    assert not languages.is_read({"en": 0.8, "fr": 0.2}, "bundled-1")
    assert "not proposed" not in languages.warning({"en": 0.95, "fr": 0.05}, "bundled-1")


SHORT = {
    "opinions": ("ok", "yes", "great product", "bad", "thanks", "lol", "nope", "A+++", "no", "terrible"),
    "product codes": tuple(f"SKU-{chr(65 + i)}{100 + 7 * i}-X" for i in range(20)),
    "code": ("import os", "SELECT * FROM t", "const a = () => {}", "x = [1,2]"),
    "handles": ("@joe @maria", "#win", "RT @u"),
}


@pytest.mark.parametrize("name", SHORT)
def test_what_is_too_short_to_tell_is_taken_for_no_other_language(name: str) -> None:
    held = languages.shares(list(SHORT[name]) * 20)
    assert list(held) == ["en"]
    assert languages.warning(held, "bundled") == ""


def test_short_texts_are_in_the_language_of_those_that_are_surely_in_one() -> None:
    texts = ["Das Wetter ist heute sehr schön", "Die Lieferung war schnell", "gut", "ok", "na ja"] * 20
    assert languages.shares(texts) == {"de": 1.0}


def test_texts_without_a_letter_are_called_so() -> None:
    said = languages.warning(languages.shares(["12", "34"]), "bundled")
    assert "texts are without letters (no letters 100%)" in said and "other languages" not in said
