"""Predicates of pictures by the embedded engine: what is proposed, how it is said, and how it is judged."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

pytest.importorskip("PIL")

from tasks.engines.contrast import Contrast, significant
from tasks.engines.embedded import definitions, picture_forms, pictures, proposing, select
from tasks.engines.embedded.candidate import Candidate, Harvest
from tasks.engines.embedded.judging import EmbeddedJudge
from tasks.engines.pictures import wording
from tasks.engines.pictures.measures import NAMES
from tasks.engines.roles import unfrozen
from tasks.errors import EngineError
from tasks.records import Predicate
from tasks.store import frames

N = 400


def seen_of(measures: dict[str, Any], classes: Any = None) -> Any:
    """Looks at pictures with these measures; those that are not given are noise."""
    rng = np.random.default_rng(3)
    columns = {name: measures.get(name, rng.random(N)) for name in NAMES}
    return SimpleNamespace(measures=pl.DataFrame(columns), classes=classes)


@pytest.fixture
def contrast() -> Contrast:
    return Contrast(np.arange(N) % 2 == 0, np.arange(N))


def chosen_of(harvests: list[Harvest], contrast: Contrast) -> list[Candidate]:
    return select.choose(harvests, contrast, 20, 0.5, 2.0, lambda one: one, 5)


def test_pictures_of_a_that_are_mostly_blue_are_said_to_be(contrast: Contrast) -> None:
    rng = np.random.default_rng(1)
    # Of either group six in ten are half blue, of A a little more than half and of B a little less.
    half = np.where(contrast.in_a, 0.5, 0.4)
    share = np.where(rng.random(N) < 0.6, half, 0.1) + 0.1 * rng.random(N)
    harvest = pictures.harvest("picture", contrast, seen_of({"blue": share}), 0.02)
    best = chosen_of([harvest], contrast)[0]
    assert (best.phrase, best.grade, best.family) == ("is mostly blue", "exact", "picture")
    assert best.definition == {"kind": "measure", "measure": "blue", "more_than": 0.5}
    assert best.effect == pytest.approx(0.6, abs=0.1)
    # All thresholds that were looked at are counted, one of each measure is kept.
    assert harvest.root_measured is not None
    assert len(harvest.root_measured) > 4 * len(NAMES)
    assert len(harvest.candidates) <= len(NAMES)


def test_random_halves_of_pictures_bring_nothing_over_the_gate() -> None:
    n_passed = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        halves = Contrast(rng.permutation(N) < N // 2, np.arange(N))
        seen = seen_of({}, rng.dirichlet(np.full(30, 0.1), N).astype(np.float32))
        seen.measures = pl.DataFrame({name: rng.random(N) for name in NAMES})
        names = [f"class {i}" for i in range(30)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pictures, "class_names", lambda names=names: names)
            both = [pictures.harvest(family, halves, seen, 0.02) for family in pictures.FAMILIES]
        roots = [one.root_measured for one in both if one.root_measured is not None]
        assert len(roots) == 2
        n_passed += any(significant(one, select.GATE_RATE).any() for one in roots)
    # Two gates at a false discovery rate of one in ten: four in twenty are expected, if that many.
    assert n_passed <= 7


def test_a_class_that_more_pictures_of_a_show_is_a_proxy(
    contrast: Contrast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "class_names", lambda: ("ostrich", "sunglasses", "albatross"))
    classes = np.full((N, 3), 0.01, dtype=np.float32)
    classes[:, 1] = np.where(contrast.in_a, 0.6, 0.05)
    (found,) = pictures.harvest("shows", contrast, seen_of({}, classes), 0.02).candidates
    assert found.phrase == "shows something like sunglasses (class probability over 10 %)"
    assert found.grade == "proxy"
    assert found.effect == pytest.approx(1)
    assert found.definition == {"kind": "class", "index": 1, "name": "sunglasses", "more_than": 0.1}


def test_texts_without_classes_bring_none(contrast: Contrast) -> None:
    assert pictures.harvest("shows", contrast, seen_of({}), 0.02).candidates == []


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        ({"measure": "aspect", "more_than": 1.0}, "is wider than tall"),
        ({"measure": "aspect", "less_than": 1.0}, "is taller than wide"),
        ({"measure": "aspect", "more_than": 1.778}, "is more than 1.778 times as wide as tall"),
        ({"measure": "green", "more_than": 0.125}, "is green on more than 12.5 % of its area"),
        ({"measure": "lightness", "less_than": 0.3}, "is darker than 0.3 (0 black, 1 white)"),
        ({"measure": "tinted", "less_than": 0.01}, "is without colour (grey, black or white)"),
    ],
)
def test_phrases(bound: dict[str, Any], said: str) -> None:
    definition = {"kind": "measure", **bound}
    assert pictures.phrase(definition) == said
    assert definitions.read(definitions.written(definition), said) == definition


def test_every_measure_can_be_said_both_ways() -> None:
    assert set(pictures.SAYINGS) == set(NAMES)
    said = {getattr(one, side) for one in pictures.SAYINGS.values() for side in ("more", "less")}
    assert len(said) == 2 * len(NAMES)
    assert all(one.count("{}") == 1 for one in said)


@pytest.mark.parametrize(
    ("name", "said"),
    [("pole", "a pole"), ("ostrich", "an ostrich"), ("jeans", "jeans"), ("school bus", "a school bus"),
     ("hourglass", "an hourglass"), ("albatross", "an albatross"), ("unicycle", "a unicycle"),
     ("umbrella", "an umbrella"), ("triceratops", "a triceratops"), ("abacus", "an abacus")],
)  # fmt: skip
def test_articles(name: str, said: str) -> None:
    assert pictures.with_article(name) == said


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "measure", "measure": "beauty", "more_than": 0.1},
        {"kind": "measure", "measure": "edges"},
        {"kind": "measure", "measure": "edges", "more_than": 0.1, "less_than": 0.2},
        {"kind": "class", "index": -1, "name": "pole", "more_than": 0.1},
        {"kind": "class", "index": 3, "more_than": 0.1},
    ],
)
def test_definitions_that_cannot_be_judged_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(EngineError, match="wanted a definition with"):
        definitions.read(definitions.written(wrong), "is so")


def test_measures_below_a_threshold_count_as_measures_and_classes_do_not() -> None:
    assert select.is_of_measure({"kind": "measure", "measure": "aspect", "less_than": 1.0})
    assert select.is_of_measure({"kind": "style", "program": "words", "more_than": 18})
    assert not select.is_of_measure({"kind": "class", "index": 3, "name": "pole", "more_than": 0.1})


@pytest.fixture
def judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    """Writes what judging reads of three pictures, and gives their rows."""
    monkeypatch.chdir(tmp_path)
    texts = pl.DataFrame({"text_id": ["a", "b", "c"], "media": ["m2", "m0", "m1"], "text": ["", "", ""]})
    filled = texts.select(
        pl.col(name) if name in texts.columns else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in frames.TEXTS.items()
    )
    collected, embedded = (tmp_path / "data" / "s" / one for one in ("1_texts", "2_embeddings"))
    collected.mkdir(parents=True)
    embedded.mkdir()
    filled.write_parquet(collected / "texts.parquet")
    measures = {name: [0.0, 0.5, 1.0] for name in NAMES}
    pl.DataFrame({"media": ["m0", "m1", "m2"], **measures}).write_parquet(collected / "measures.parquet")
    np.save(embedded / "classes.npy", np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7]], dtype=np.float32))
    return filled


STUDY: Any = SimpleNamespace(name="s", embed=SimpleNamespace(encoder="bundled"))


def of(*definition: dict[str, Any]) -> list[Predicate]:
    return [unfrozen(f"p{i}", "is so", definition=definitions.written(d)) for i, d in enumerate(definition)]


def test_pictures_are_judged_by_their_hash_and_their_row(judged: pl.DataFrame) -> None:
    predicates = of(
        {"kind": "measure", "measure": "lightness", "more_than": 0.5},
        {"kind": "measure", "measure": "lightness", "less_than": 0.5},
        {"kind": "class", "index": 1, "name": "pole", "more_than": 0.75},
    )
    rows = judged[[2, 0]]
    judge = EmbeddedJudge(STUDY)
    assert judge.judge(predicates, judged, np.zeros((3, 0))).score.tolist() == [
        [1, 0, 0],
        [0, 1, 1],
        [0, 0, 0],
    ]
    assert judge.judge(predicates, rows, np.zeros((2, 0))).score.tolist() == [[0, 0, 0], [1, 0, 0]]
    strength = judge.strength(predicates, rows, np.zeros((2, 0)))
    assert strength == pytest.approx(np.array([[0.5, -0.5, 0.7], [1.0, -1.0, 0.1]]))


def test_a_space_without_classes_names_pictures_by_what_lies_nearest(
    judged: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "s" / "2_embeddings" / "classes.npy").unlink()
    monkeypatch.setattr(wording, "names", lambda: ("ostrich", "sunglasses", "pole"))
    study = SimpleNamespace(
        name="s",
        score=SimpleNamespace(min_effect=0.02),
        propose=SimpleNamespace(families=("shows", "theme")),
        collect=SimpleNamespace(a_name=None, b_name=None),
    )
    monkeypatch.setattr(proposing.names, "of_groups", lambda study: frozenset())
    encoder: Any = SimpleNamespace(name="clip", encode=lambda names: np.eye(3)[: len(names)])
    texts = judged.with_columns(group=pl.Series(["A", "B", "B"]), document_id=pl.col("text_id"))
    seen = np.array([[0.1, 0.9, 0.2], [0.8, 0.1, 0.3], [0.2, 0.1, 0.9]])
    look = proposing._Look(study, texts, seen, encoder)  # type: ignore[arg-type]
    assert [said.split(", ")[0] for said in look._described] == ["sunglasses", "ostrich", "pole"]
    # Without an encoder nothing is known of them but how they look.
    blind = proposing._Look(study, texts, seen[:, :0], None)  # type: ignore[arg-type]
    assert blind._described == []


def test_a_picture_without_measures_is_an_error(judged: pl.DataFrame) -> None:
    lost = judged.with_columns(media=pl.lit("m9"))
    predicates = of({"kind": "measure", "measure": "lightness", "more_than": 0.5})
    with pytest.raises(EngineError, match="measures of 3 pictures"):
        EmbeddedJudge(STUDY).judge(predicates, lost, np.zeros((3, 0)))


def test_an_encoder_without_classes_is_an_error(judged: pl.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "data" / "s" / "2_embeddings" / "classes.npy").unlink()
    predicates = of({"kind": "class", "index": 1, "name": "pole", "more_than": 0.75})
    with pytest.raises(EngineError, match="it has no classes"):
        EmbeddedJudge(STUDY).judge(predicates, judged, np.zeros((3, 0)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("side", ["more_than", "less_than"])
def test_own_sentences_about_measures_are_read_back(name: str, side: str) -> None:
    definition = {"kind": "measure", "measure": name, side: 0.375}
    assert picture_forms.part_of(pictures.phrase(definition)) == definition


@pytest.mark.parametrize(("name", "side", "cut", "said"), pictures.NATURAL)
def test_natural_cuts_are_read_back(name: str, side: str, cut: float, said: str) -> None:
    assert picture_forms.part_of(said) == {"kind": "measure", "measure": name, side: cut}


@pytest.mark.parametrize(
    ("sentence", "part"),
    [
        ("is darker than 0.3", {"kind": "measure", "measure": "lightness", "less_than": 0.3}),
        ("is blue on more than 20 % of its area", {"kind": "measure", "measure": "blue", "more_than": 0.2}),
        ("shows an Ostrich", {"kind": "class", "index": 0, "name": "ostrich", "more_than": 0.1}),
        (
            "shows sunglasses (probability over 0.5)",
            {"kind": "class", "index": 1, "name": "sunglasses", "more_than": 0.5},
        ),
        (
            "shows something like an ostrich (class probability over 2.5 %)",
            {"kind": "class", "index": 0, "name": "ostrich", "more_than": 0.025},
        ),
    ],
)
def test_own_sentences_about_pictures(
    sentence: str, part: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "class_names", lambda: ("ostrich", "sunglasses"))
    assert picture_forms.part_of(sentence) == part


@pytest.mark.parametrize("least", [0.02, 0.1, 0.137, 0.5, 0.9])
def test_own_sentences_about_classes_are_read_back(least: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "class_names", lambda: ("ostrich", "sunglasses"))
    definition = {"kind": "class", "index": 0, "name": "ostrich", "more_than": least}
    said = pictures.phrase(definition)
    assert picture_forms.part_of(said) == definition
    # What is less likely than all else together is not said to be there.
    assert said.startswith("shows an ostrich") == (least >= 0.5)


def test_what_is_no_class_is_a_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "class_names", lambda: ("ostrich", "sunglasses"))
    part = picture_forms.part_of("shows a wedding")
    assert part
    assert (part["kind"], part["basis"], part["anchor"]) == ("similarity", "topic", "wedding")


def test_sentences_about_captions_are_left_to_the_forms_of_texts() -> None:
    assert picture_forms.part_of('mentions "refund"') is None


def test_pictures_without_captions_have_no_words_and_no_themes_beside_their_classes(
    judged: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = SimpleNamespace(
        name="s",
        score=SimpleNamespace(min_effect=0.02),
        propose=SimpleNamespace(families=("words", "style", "theme", "axis", "picture", "shows")),
        collect=SimpleNamespace(a_name=None, b_name=None),
    )
    monkeypatch.setattr(proposing.names, "of_groups", lambda study: frozenset())
    encoder: Any = SimpleNamespace(name="bundled")
    texts = judged.with_columns(
        text=pl.lit(""), group=pl.Series(["A", "B", "B"]), document_id=pl.col("text_id")
    )
    look = proposing._Look(study, texts, np.eye(3), encoder)  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    assert [look.harvests(family, rng) for family in ("words", "style", "theme", "axis")] == [[]] * 4
