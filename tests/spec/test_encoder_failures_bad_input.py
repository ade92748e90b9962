"""Kind encoder_failures: what a user gets wrong ends in one clear message, its exit code and no output.

The table says at which stage: as early as it can be known.
"""

import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks import paths
from tasks.__main__ import main
from tasks.errors import EngineError
from tasks.kinds.encoder_failures.embedded.generating import SentenceEditor
from tasks.store import frames
from tests.captions_study import Words, captions_study, open_made, save_captions
from tests.conftest import STAGES, Project
from tests.tiny_encoder import save_tiny_encoder

NAME = "captions"
PARAMS, SOURCE, CORPUS, FROZEN, ENGINE = 10, 11, 12, 14, 16
WORDS: dict[str, Any] = {"embed": {"encoder": "words"}}


class NotFinite(Words):
    """What a broken model does: the check is that of real encoders."""

    name = "nan"

    def encode(self, texts: Any) -> np.ndarray:
        raise EngineError("encoder nan: wanted a finite vector, got NaN, infinity or zero for 'a'.")


def rows(texts: list[str], **more: Any) -> Callable[[Project], None]:
    """A table of texts in place of the grammar."""

    def write(project: Project) -> None:
        project.table("captions.parquet", [{"text": text, **more} for text in texts])

    return write


def grammar(**changed: Any) -> Callable[[Project], None]:
    return lambda project: save_grammar(project, **changed)


def save_grammar(project: Project, **changed: Any) -> None:
    save_captions(project.folder, **changed)


def no_rows(project: Project) -> None:
    pl.DataFrame(schema={"text": pl.String}).write_parquet(project.folder / "captions.parquet")


def broken_model(project: Project) -> None:
    """A sentence encoder all of whose weights are NaN."""
    import torch
    from transformers import BertModel

    save_captions(project.folder)
    folder = save_tiny_encoder(project.folder / "broken")
    model = BertModel.from_pretrained(folder)
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(float("nan"))
    model.save_pretrained(folder)


GERMAN = [
    f"{wer} {tut} {wen} {wo}"
    for wer in ("ein Hund", "eine Katze", "ein Pferd")
    for tut in ("jagt", "beißt", "sieht", "hört")
    for wen in ("einen Mann", "einen Vogel", "einen Fisch")
    for wo in ("im Park", "am Strand", "auf der Straße")
]
TABLE = {"data": "captions.parquet", "collect": {}}


@dataclass(frozen=True)
class Case:
    """One thing a user gets wrong."""

    name: str
    stage: str
    """The stage that must fail; those before must pass."""
    exit_code: int
    wanted: tuple[str, ...]
    """Each of these must stand in the message."""
    prepare: Callable[[Project], None] = save_grammar
    study: dict[str, Any] = field(default_factory=dict)


CASES = [
    # params.yaml
    Case(
        "group keys",
        "collect",
        PARAMS,
        ("no group, a, b or results under collect",),
        study={"collect": {"group": "domain", "a": "town", "b": "camp"}},
    ),
    Case(
        "a group alone",
        "collect",
        PARAMS,
        ("no group, a, b or results under collect",),
        study={"collect": {"group": "domain"}},
    ),
    Case(
        "gold sample",
        "collect",
        PARAMS,
        ("no `gold`", "encoder_failures"),
        study={"gold": {"texts": 50}, "llm": {"gold": {"model": "m"}}},
    ),
    Case("gold labels", "collect", PARAMS, ("no `gold`",), study={"labels": "labels.csv"}),
    Case(
        "replay",
        "collect",
        PARAMS,
        ("engine: embedded",),
        study={"engine": "replay", "verdicts": "captions.yaml"},
    ),
    Case("two texts", "collect", PARAMS, ("form: one_text",), study={"verify": {"form": "two_text"}}),
    Case(
        "encoder none",
        "collect",
        PARAMS,
        ("wanted embed.encoder", "encoder that is tested"),
        study={"embed": {"encoder": "none"}},
    ),
    Case(
        "reference none",
        "collect",
        PARAMS,
        ("failures.reference", "lexical"),
        study={**WORDS, "encoder_failures": {"reference": "none"}},
    ),
    Case(
        "transfer to none",
        "collect",
        PARAMS,
        ("failures.transfer",),
        study={**WORDS, "encoder_failures": {"transfer": ["none"]}},
    ),
    Case(
        "transfer to lexical",
        "collect",
        PARAMS,
        ("failures.transfer",),
        study={**WORDS, "encoder_failures": {"transfer": ["lexical"]}},
    ),
    Case(
        "an encoder twice",
        "collect",
        PARAMS,
        ("failures.transfer: wanted each encoder once, got 'texts' twice",),
        study={"encoder_failures": {"transfer": ["texts", "texts"]}},
    ),
    Case(
        "transfer to the one under test",
        "collect",
        PARAMS,
        ("wanted other encoders than `words` under encoder_failures.transfer",),
        study={**WORDS, "encoder_failures": {"transfer": ["texts", "words"]}},
    ),
    Case(
        "threshold 0",
        "collect",
        PARAMS,
        ("failures.threshold: wanted a number in (0, 1] or `auto`",),
        study={"encoder_failures": {"threshold": 0}},
    ),
    Case(
        "threshold over 1",
        "collect",
        PARAMS,
        ("failures.threshold: wanted",),
        study={"encoder_failures": {"threshold": 1.1}},
    ),
    Case(
        "margin below 0",
        "collect",
        PARAMS,
        ("failures.margin: wanted",),
        study={"encoder_failures": {"margin": -0.1}},
    ),
    Case(
        "three new pairs",
        "collect",
        PARAMS,
        ("failures.fresh: wanted", "got 3"),
        study={"encoder_failures": {"fresh": 3}},
    ),
    Case(
        "misspelt",
        "collect",
        PARAMS,
        ("failures.treshold: unknown key; did you mean `threshold`",),
        study={"encoder_failures": {"treshold": 0.9}},
    ),
    # the corpus
    Case(
        "one text",
        "collect",
        CORPUS,
        ("at least 5 texts", "Add texts"),
        rows(["a king chases a queen"]),
        TABLE,
    ),
    Case(
        "two texts of one pair",
        "collect",
        CORPUS,
        ("at least 5 texts", "Add texts"),
        rows(["a king chases a queen", "a queen chases a king"]),
        TABLE,
    ),
    Case(
        "all duplicates",
        "collect",
        CORPUS,
        ("all 50 texts are the same one",),
        rows(["a king chases a queen"] * 50),
        TABLE,
    ),
    Case("only empty lines", "collect", CORPUS, ("only empty texts",), rows(["", "  ", "\n\n"] * 20), TABLE),
    Case("no text at all", "collect", SOURCE, ("but no rows",), no_rows, TABLE),
    # encoders
    Case(
        "no such folder",
        "embed",
        ENGINE,
        ("wanted a folder that holds a model", "missing"),
        study={"embed": {"encoder": "./missing"}},
    ),
    Case(
        "no such reference",
        "embed",
        ENGINE,
        ("wanted a folder that holds a model", "elsewhere"),
        study={**WORDS, "encoder_failures": {"reference": "./elsewhere"}},
    ),
    Case(
        "no such model to compare with",
        "embed",
        ENGINE,
        ("wanted a folder that holds a model", "nowhere"),
        study={**WORDS, "encoder_failures": {"transfer": ["texts", "./nowhere"]}},
    ),
    Case(
        "a name that no model has",
        "embed",
        ENGINE,
        ("wanted a sentence-transformers or CLIP model, got 'no-such-model'",),
        study={**WORDS, "encoder_failures": {"reference": "no-such-model"}},
    ),
    Case(
        "a folder without a model",
        "embed",
        ENGINE,
        ("wanted a sentence-transformers or CLIP model", "data"),
        study={**WORDS, "encoder_failures": {"transfer": ["./data"]}},
    ),
    Case(
        "a model of NaN",
        "embed",
        ENGINE,
        ("wanted a finite vector, got NaN",),
        broken_model,
        {"embed": {"encoder": "broken"}},
    ),
    Case(
        "a reference of NaN",
        "embed",
        ENGINE,
        ("wanted a finite vector, got NaN",),
        broken_model,
        {**WORDS, "encoder_failures": {"reference": "broken"}},
    ),
    Case(
        "NaN on other encoders",
        "score",
        ENGINE,
        ("wanted a finite vector, got NaN",),
        study={**WORDS, "encoder_failures": {"transfer": ["nan"]}},
    ),
    # nothing to be found
    Case(
        "its own reference",
        "propose",
        CORPUS,
        ("Reference and encoder under test are the same", "Name another reference"),
        study={**WORDS, "encoder_failures": {"reference": "words"}},
    ),
    Case(
        "a reference that confuses the same",
        "propose",
        CORPUS,
        (
            "for none of them is the reference (twin) lower by 0.05",
            "it confuses the same",
            "Name another reference, or lower the margin",
        ),
        study={**WORDS, "encoder_failures": {"reference": "twin"}},
    ),
    Case(
        "a threshold that nothing reaches",
        "propose",
        CORPUS,
        ("failures.threshold: no pair of", "reaches 0.999", "selects 1"),
        study={"embed": {"encoder": "texts"}, "encoder_failures": {"threshold": 0.999}},
    ),
    Case(
        "no language of the word lists",
        "propose",
        CORPUS,
        ("found nothing to suggest", "n_not_read", "engine: llm"),
        rows(GERMAN),
        {**TABLE, "embed": {"encoder": "words"}, "encoder_failures": {"threshold": 0.8, "margin": 0}},
    ),
]


def _prepared(project: Project, monkeypatch: pytest.MonkeyPatch, case: Case) -> None:
    open_made(monkeypatch, nan=NotFinite(), twin=Words())
    case.prepare(project)
    project.params(**{NAME: captions_study(**{"embed": {"encoder": "words"}, **case.study})})


def _told(stderr: str) -> str:
    """The message, which is the last line: bars and warnings of others stand before it."""
    assert "Traceback" not in stderr
    assert stderr.count("error: ") == 1, stderr
    return stderr.partition("error: ")[2]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_wrong_input_is_one_message(
    case: Case, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _prepared(project, monkeypatch, case)
    for stage in STAGES[: STAGES.index(case.stage)]:
        assert main([stage, "--study", NAME]) == 0, capsys.readouterr().err
    capsys.readouterr()
    assert main([case.stage, "--study", NAME]) == case.exit_code
    message = _told(capsys.readouterr().err)
    for part in case.wanted:
        assert part in message
    assert len(message) < 800
    assert not paths.output(NAME, case.stage).exists()


@pytest.mark.parametrize("folder", ["./missing", "./nowhere"])
def test_check_says_before_anything_that_an_encoder_is_missing(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    key = {
        "./missing": {"embed": {"encoder": folder}},
        "./nowhere": {"encoder_failures": {"transfer": [folder]}},
    }
    _prepared(project, monkeypatch, Case("", "", 0, (), study=key[folder]))
    assert main(["check", "--study", NAME]) == ENGINE
    assert folder.removeprefix("./") in _told(capsys.readouterr().err)
    assert not (project.folder / "data").exists()


def test_check_passes_where_all_encoders_are_there(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _prepared(project, monkeypatch, Case("", "", 0, (), study={"encoder_failures": {"transfer": ["texts"]}}))
    assert main(["check", "--study", NAME]) == 0
    assert "240" not in capsys.readouterr().err


def test_shards_are_not_begun_where_an_encoder_is_missing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks import embed, study

    _prepared(
        project, monkeypatch, Case("", "", 0, (), study={"encoder_failures": {"transfer": ["./nowhere"]}})
    )
    assert main(["collect", "--study", NAME]) == 0
    with pytest.raises(EngineError, match="nowhere"):
        embed.shards(study.load(NAME))
    assert not paths.vector_cache().exists()


class Grown(Words):
    """The model that lies in the folder now."""

    name = "words-2"
    dim = 4096


@pytest.mark.parametrize("stage", ["verify", "score"])
def test_an_encoder_that_changed_since_embed_is_refused(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stage: str
) -> None:
    _prepared(project, monkeypatch, Case("", "", 0, ()))
    project.run(NAME, *STAGES[: STAGES.index(stage)])
    open_made(monkeypatch, words=Grown())
    assert main([stage, "--study", NAME]) == FROZEN
    message = _told(capsys.readouterr().err)
    assert "encoded by words, but embed.encoder (words) is words-2 now" in message
    assert "dvc repro -f embed@captions" in message
    assert not paths.output(NAME, stage).exists()


# --- what is much, odd or hostile, and works


def test_everything_is_confused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    _prepared(project, monkeypatch, Case("", "", 0, (), study={
        "embed": {"encoder": "one"}, "encoder_failures": {"threshold": 0.01, "margin": 0.0, "top": 500},
        "record": {"max_refusal_share": 1.0},
    }))  # fmt: skip
    save_grammar(project, sentences=1200, twins={})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    project.run(NAME, *STAGES[:6])
    manifest = frames.read_manifest(paths.output(NAME, "propose"))
    n = manifest["n_searched"]
    assert n > 500
    assert manifest["n_collisions"] == n * (n - 1) // 2
    assert manifest["n_mined"] <= 500
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 600_000
    scores = pl.read_parquet(paths.output(NAME, "score") / "scores.parquet")
    # All controls fail as well: nothing is confused more than texts that merely share words.
    assert scores["is_discovery"].sum() == 0


def test_more_new_pairs_than_can_be_written(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _prepared(project, monkeypatch, Case("", "", 0, (), study={"encoder_failures": {"fresh": 30}}))
    pairs = SentenceEditor.pairs
    # Sentences that run out after a few.
    monkeypatch.setattr(
        SentenceEditor,
        "pairs",
        lambda self, predicate, n, *rest: pairs(self, predicate, min(n, 12), *rest),
    )
    project.run(NAME)
    written = pl.read_parquet(paths.output(NAME, "verify") / "fresh.parquet")
    n_predicates = written["predicate_id"].n_unique()
    assert 0.7 < written.height / (2 * 12 * n_predicates) <= 1  # less those without a fair control
    assert written["text_id"].n_unique() == written.height


def test_no_pair_is_written(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _prepared(project, monkeypatch, Case("", "", 0, ()))
    project.run(NAME, *STAGES[:4])
    monkeypatch.setattr(SentenceEditor, "pairs", lambda *_: [])
    assert main(["verify", "--study", NAME]) == CORPUS
    assert "no new pair was written for any of" in _told(capsys.readouterr().err)


def test_one_failure_without_pairs_is_a_rejected_row(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _prepared(project, monkeypatch, Case("", "", 0, ()))
    project.run(NAME, *STAGES[:4])
    pairs = SentenceEditor.pairs
    monkeypatch.setattr(
        SentenceEditor,
        "pairs",
        lambda self, predicate, *rest: [] if predicate.family == "blind" else pairs(self, predicate, *rest),
    )
    project.run(NAME, *STAGES[4:])
    scores = pl.read_parquet(paths.output(NAME, "score") / "scores.parquet")
    empty = scores.filter(pl.col("n_a") == 0)
    assert empty.height > 0
    assert not empty["is_discovery"].any()
    assert scores["is_discovery"].any()
    assert (paths.output(NAME, "report") / "index.html").is_file()


def test_long_texts_empty_lines_and_stray_characters(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _prepared(project, monkeypatch, Case("", "", 0, (), study={"data": "captions.parquet", "collect": {}}))
    agents = ("king", "queen", "nurse", "baker", "pirate", "driver", "lawyer", "knight")
    swaps = [f"a {one} chases a {other}" for one in agents for other in agents if one != other]
    swaps += [f"a {one} helps a {other}" for one in agents for other in agents if one < other]
    odd = [
        "",
        "   ",
        "\n",
        "x" * 1_000_000,
        "word " * 200_000,
        "\0\0",
        "\u202e",
        "\U0001f600",
        "<b>&amp;</b>",
    ]
    rows([*swaps, *odd])(project)
    project.run(NAME)
    manifest = frames.read_manifest(paths.output(NAME, "collect"))
    # Of NUL alone, or of a mark of direction, nothing is left.
    assert (manifest["n_blank"], manifest["n_cut"]) == (5, 2)
    found = pl.read_parquet(paths.output(NAME, "record") / "discoveries.parquet")
    assert "who does what to whom" in found["predicate"].to_list()


def test_a_corpus_without_pairs_that_differ_names_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    case = Case("", "", 0, (), prepare=grammar(sentences=240, twins={"paraphrase": 110}))
    _prepared(
        project, monkeypatch, Case("", "", 0, (), case.prepare, {"encoder_failures": {"threshold": 0.97}})
    )
    project.run(NAME, "collect", "embed")
    code = main(["propose", "--study", NAME])
    if code == 0:  # by chance two scenes may be swaps of each other
        proposed = pl.read_parquet(paths.output(NAME, "propose") / "proposals.parquet")
        assert "synonym" not in " ".join(proposed["definition"])
    else:
        assert code == CORPUS
        assert "n_same_meaning" in _told(capsys.readouterr().err)


def test_no_access_to_what_a_model_brings_along(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model folder with code of its own is refused, and the code is not run."""
    folder = project.folder / "evil"
    folder.mkdir()
    (folder / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "evil.Evil"}]')
    (folder / "evil.py").write_text(
        f"import os\nos.mkdir({str(project.folder / 'ran')!r})\nclass Evil: pass\n"
    )
    _prepared(project, monkeypatch, Case("", "", 0, (), study={"encoder_failures": {"transfer": ["./evil"]}}))
    assert main(["collect", "--study", NAME]) == 0
    assert main(["embed", "--study", NAME]) == ENGINE
    assert not (project.folder / "ran").exists()
