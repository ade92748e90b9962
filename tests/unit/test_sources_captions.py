"""Sentences from a grammar: one row per sentence, twins beside it, the same rows everywhere."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from tasks import study
from tasks.errors import SourceError
from tasks.store.sources import read_groups
from tasks.store.sources.captions import read_captions
from tasks.store.sources.grammar import is_grammar
from tests.conftest import REPO, Project

GRAMMAR: dict[str, Any] = {
    "seed": 1,
    "sentences": 6,
    "twins": {"role_swap": 2, "paraphrase": 2},
    "forms": {"agent": ["one", "many"], "act": ["base", "third"]},
    "words": {"act": ["chase, chases", "admire, admires"]},
    "domains": {
        "farm": {"agent": ["cow, cows", "ox, oxen", "hen, hens"]},
        "office": {"agent": ["clerk, clerks", "boss, bosses"], "place": ["at the desk"]},
    },
    "synonyms": {"chase": "pursue, pursues"},
    "opposites": {"cow": "ox, oxen"},
    "templates": [
        {
            "text": "a {agent} {act.third} a {agent2}",
            "role_swap": "a {agent2} {act.third} a {agent}",
            "paraphrase": ["a {agent} {act~.third} a {agent2}"],
        }
    ],
}


def _written(folder: Path, **changed: Any) -> Path:
    file = folder / "grammar.yaml"
    file.write_text(yaml.safe_dump({**GRAMMAR, **changed}, sort_keys=False), encoding="utf-8")
    return file


def _one(text: str, **more: Any) -> dict[str, Any]:
    return {"templates": [{"text": text, **more}], "twins": {}, "sentences": 1}


def test_a_scene_and_its_twins_stand_together(tmp_path: Path) -> None:
    frame = read_captions(_written(tmp_path))
    assert frame.columns == ["text", "domain", "kind", "scene"]
    assert frame["text"].n_unique() == frame.height == 10
    assert dict(frame.group_by("kind").len().iter_rows()) == {"base": 6, "role_swap": 2, "paraphrase": 2}
    assert frame["scene"].rle().len() == frame["scene"].n_unique() == 6
    for (_,), rows in frame.group_by("scene"):
        assert rows["domain"].n_unique() == 1
        kinds = dict(rows.select("kind", "text").iter_rows())
        nouns = {"cow", "ox", "hen", "clerk", "boss"}
        if "role_swap" in kinds:
            base, swapped = (kinds[kind].split() for kind in ("base", "role_swap"))
            assert [w for w in base if w in nouns] == [w for w in swapped if w in nouns][::-1]
        if "paraphrase" in kinds:
            assert kinds["paraphrase"] == kinds["base"].replace("chases", "pursues") != kinds["base"]


def test_articles_follow_the_word(tmp_path: Path) -> None:
    text = " ".join(read_captions(_written(tmp_path))["text"])
    assert "an ox" in text
    assert "a ox" not in text
    assert "an hen" not in text


def test_the_opposite_stands_where_it_is_asked_for(tmp_path: Path) -> None:
    file = _written(tmp_path, **_one("{agent.many} rest", other="{agent!.many} rest"), seed=3)
    file = _written(
        tmp_path,
        **{**_one("{agent.many} rest", other="{agent!.many} rest"), "sentences": 5, "twins": {"other": 0}},
    )
    assert set(read_captions(file)["text"]) == {
        f"{w} rest" for w in ("cows", "oxen", "hens", "clerks", "bosses")
    }
    domains = {"farm": {"agent": ["cow, cows"]}}
    file = _written(
        tmp_path,
        **{
            **_one("{agent.many} rest", other="{agent!.many} rest"),
            "twins": {"other": 1},
            "domains": domains,
        },
    )
    assert read_captions(file)["text"].to_list() == ["cows rest", "oxen rest"]


def test_the_file_alone_decides_the_rows(tmp_path: Path) -> None:
    first = read_captions(_written(tmp_path))
    assert first.equals(read_captions(_written(tmp_path)))
    assert not first.equals(read_captions(_written(tmp_path, seed=2)))


@pytest.mark.parametrize(
    ("text", "domain"),
    [("a {agent} {place}", "office"), ("a {agent}, a {agent2} and a {agent3}", "farm")],
)
def test_a_template_is_used_where_there_are_words_enough(tmp_path: Path, text: str, domain: str) -> None:
    file = _written(tmp_path, **{**_one(text), "sentences": 2})
    assert set(read_captions(file)["domain"]) == {domain}


def test_the_demo_grammar(tmp_path: Path) -> None:
    frame = read_captions(REPO / "demo" / "captions.yaml")
    counts = dict(frame.group_by("kind").len().iter_rows())
    asked = yaml.safe_load((REPO / "demo" / "captions.yaml").read_text())
    assert counts == {"base": asked["sentences"], **asked["twins"]}
    assert frame.height == frame["text"].n_unique() == 6000
    assert set(frame["domain"]) == {"street", "kitchen", "farm", "office", "park"}
    assert not frame["text"].str.contains(r"[{}~!]|\ba [aeio]|\ban [^aeiou]").any()
    # Neither half is about one domain.
    assert frame.group_by("domain").len()["len"].min() > 1000


def test_a_study_reads_a_grammar_as_one_pile(project: Project) -> None:
    (project.folder / "data").mkdir()
    shutil.copy(_written(project.folder), project.folder / "data" / "captions.yml")
    project.params(
        captions={
            "kind": "encoder_failures",
            "goal": "what it confuses",
            "data": "data",
            "collect": {"document": "scene", "where": "domain = 'farm'"},
        }
    )
    rows, _, read = read_groups(study.load("captions"))
    expected = read_captions(project.folder / "data" / "captions.yml").filter(pl.col("domain") == "farm")
    assert rows["text"].to_list() == expected["text"].to_list()
    assert rows["document_id"].to_list() == expected["scene"].to_list()
    assert "versions" not in read


@pytest.mark.parametrize(
    ("content", "is_one"),
    [
        ("packages: {}\n", False),
        ("domains: {}\n", True),
        ("templates: 3\npackages: {}\n", True),
        ("- domains\n", False),
        ("{", False),
        ("", False),
    ],
)
def test_a_grammar_is_known_by_its_keys(tmp_path: Path, content: str, is_one: bool) -> None:
    file = tmp_path / "some.yaml"
    file.write_text(content)
    assert is_grammar(file) is is_one


def test_a_catalogue_of_documentation_is_still_one(project: Project) -> None:
    (project.folder / "catalogue.yaml").write_text("packages:\n  rich: [rich]\n")
    project.params(
        docs={
            "kind": "encoder_failures",
            "goal": "what it confuses",
            "data": "catalogue.yaml",
            "collect": {"document": "name"},
        }
    )
    rows, _, read = read_groups(study.load("docs"))
    assert "inspect" in rows["document_id"].to_list()
    assert list(read["versions"]) == ["rich"]


DOMAIN = {"farm": {"agent": ["cow, cows"]}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sentence": 3}, "unknown key sentence; did you mean `sentences`"),
        ({"sentences": 0}, "sentences: wanted, not there"),
        ({"sentences": "many"}, "sentences: wanted a whole number from 0 to 1000000, got 'many'"),
        ({"sentences": 10**7}, "sentences: wanted a whole number"),
        ({"sentences": True}, "sentences: wanted a whole number"),
        ({"seed": -1}, "seed: wanted a whole number"),
        ({"templates": None}, "templates: wanted, not there"),
        ({"templates": "a {agent}"}, "templates: wanted a list"),
        ({"templates": ["a {agent}"]}, r"templates\[0\]: wanted names with values"),
        ({"templates": [{"role_swap": "a"}]}, r"templates\[0\]: wanted `text:`"),
        ({"twins": {"role_swop": 1}}, "twins: no template has a twin role_swop; did you mean `role_swap`"),
        ({"twins": {"role_swap": 7}}, "twins.role_swap: wanted 7, 6 sentences give [0-6]. Ask for fewer"),
        ({"sentences": 500, "twins": {}}, "sentences: wanted 500, the grammar gives about .* distinct"),
        (_one("a {agnt}"), r"templates\[0\]: no list of words called agnt; did you mean `agent`"),
        (_one("a {agent.plural}"), "agent has no form plural. Its forms: one, many"),
        (_one("a {agent"), "wanted slots such as {agent}"),
        (_one("a {agent.__class__}"), "wanted slots such as {agent}|has no form"),
        (_one("a {agent}", other="a {agent2}"), r"templates\[0\].other: wanted slots of its text only"),
        ({**_one("a {agent} {agent2}"), "domains": DOMAIN, "opposites": {}}, "no domain has words enough"),
        ({"words": {"act": ["chase"]}}, "words.act: wanted base, third, got 'chase'"),
        ({"words": {"act": "chase, chases, chased"}}, "words.act: wanted base, third"),
        ({"words": {"act": [True]}}, "words.act: wanted a list of texts; put `on`"),
        ({"words": {"act": []}}, "words.act: wanted a list of texts"),
        ({"domains": ["farm"]}, "domains: wanted names with values"),
        ({"synonyms": {"chaes": "pursue, pursues"}}, "synonyms: no list has chaes; did you mean `chase`"),
        ({"synonyms": {"chase": "pursue"}}, "synonyms.chase: wanted 2 forms, got 1"),
        ({"opposites": {"cow": 3}}, "opposites.cow: wanted words, got 3"),
        ({"forms": {"agent": 2}}, "forms.agent: wanted a list of texts"),
    ],
)
def test_a_grammar_that_cannot_be_meant(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(SourceError, match=message) as raised:
        read_captions(_written(tmp_path, **changed))
    assert "grammar.yaml: " in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_yaml(tmp_path: Path) -> None:
    file = tmp_path / "grammar.yaml"
    file.write_text("domains: [")
    with pytest.raises(SourceError, match="not valid YAML"):
        read_captions(file)
    file.write_bytes(b"domains: \xff")
    with pytest.raises(SourceError, match="wanted UTF-8"):
        read_captions(file)
