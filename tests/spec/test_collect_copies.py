"""Near-duplicates, texts of both groups, what gives the group away: what collect makes of them, and says."""

import random
from typing import Any

import polars as pl
import pytest

from tasks.collect import stage as collect
from tasks.commands import check
from tasks.errors import CorpusError, ParamsError
from tasks.store import frames
from tasks.study import load
from tests.conftest import Project

WORDS = [
    a + b for a in ("bo", "da", "ke", "li", "mu", "na", "po", "ri") for b in ("ran", "tel", "vik", "zor")
]
STUDY: dict[str, Any] = {
    "goal": "what differs",
    "data": "posts.parquet",
    "collect": {"group": "label", "a": "A", "b": "B"},
    "embed": {"encoder": "none"},
    "propose": {"families": ["words", "style"]},
}


def prose(rng: random.Random, n: int = 9) -> str:
    return " ".join(rng.choices(WORDS, k=n))


def copied(n_families: int, n_copies: int, seed: int = 0) -> list[dict[str, Any]]:
    """Copies of each text with other signs, all of one group."""
    rng = random.Random(seed)
    bases = [(prose(rng), rng.choice("AB")) for _ in range(n_families)]
    return [{"text": f"{text}{'.' * i}", "label": label} for text, label in bases for i in range(n_copies)]


def collected(project: Project, rows: list[dict[str, Any]], **params: Any) -> collect.Collected:
    project.table("posts.parquet", rows)
    project.params(posts={**STUDY, "collect": {**STUDY["collect"], **params}})
    return collect.collected(load("posts"))


def told(project: Project) -> str:
    return "\n".join(check.lines(check.preview(load("posts"))))


def test_a_family_is_one_document_in_one_half(project: Project) -> None:
    found = collected(project, copied(60, 6))
    known = found.texts.join(found.documents, on="text_id")
    of_family = known.group_by("family_id").agg(pl.len(), pl.col("half", "document_id").n_unique())
    assert of_family.select("len", "half", "document_id").unique().rows() == [(6, 1, 1)]
    assert found.manifest["n_documents"] == 60
    copies = found.manifest["near_duplicates"]
    assert (copies["n_families"], copies["n_texts"], copies["share"], copies["largest"]) == (60, 360, 1, 6)
    assert collected(project, copied(60, 6), near_duplicates=None).manifest["n_documents"] == 360


def test_examples_are_of_the_exploration_half(project: Project) -> None:
    found = collected(project, copied(60, 6))
    explored = set(found.texts.filter(half="explore")["text"])
    shown = [text for one in found.manifest["near_duplicates"]["examples"] for text in one["texts"]]
    assert len(shown) == 6 and set(shown) <= explored
    assert "near-duplicates: 360 texts (100%) in 60 families, at most 6 in one" in told(project)


def test_documents_that_share_a_copy_are_one_and_commonplaces_join_none(project: Project) -> None:
    rng = random.Random(2)
    rows = [
        {"text": text, "label": "AB"[i % 2], "author": f"author-{i:02}"}
        for i in range(40)
        for text in (prose(rng), prose(rng), f"Thanks{'!' * i}")
    ]
    shared = prose(rng)
    rows += [{"text": f"{shared}{'!' * i}", "label": "AB"[i % 2], "author": f"author-{i:02}"} for i in (3, 8)]
    found = collected(project, rows, document="author")
    known = found.texts.join(found.documents, on="text_id")
    joined = known.filter(pl.col("source_document_id").is_in(["author-03", "author-08"]))
    assert joined["document_id"].unique().to_list() == ["author-03"] and joined["half"].n_unique() == 1
    assert found.manifest["n_documents"] == 39


def test_a_corpus_that_is_one_family_is_refused_with_what_to_do(project: Project) -> None:
    rng = random.Random(3)
    note = " ".join(rng.choices(WORDS, k=30))
    rows = [{"text": f"{note} {i}", "label": "AB"[i % 2]} for i in range(200)]
    rows += [{"text": f"{note}{'!' * i}", "label": "AB"[i % 2]} for i in range(1, 50)]
    with pytest.raises(CorpusError, match=r"80% of the texts are near-duplicates.*collect\.ignore.*null"):
        collected(project, rows)


def test_a_corpus_that_is_mostly_one_family_is_told_before_all_else(project: Project) -> None:
    rng = random.Random(3)
    note = " ".join(rng.choices(WORDS, k=30))
    rows = [{"text": f"{note} {i}", "label": "AB"[i % 2]} for i in range(200)]
    rows += [{"text": prose(rng), "label": "AB"[i % 2]} for i in range(100)]
    (warning,) = collected(project, rows).manifest["warnings"]
    assert warning.startswith("this study rests on few documents: 67% of the texts are near-duplicates")
    assert told(project).splitlines()[0] == warning


def test_a_corpus_of_one_pattern_is_told(project: Project) -> None:
    rng = random.Random(4)
    rows = [
        {"text": f"the mayor of {rng.choice(WORDS)}{rng.choice(WORDS)} will soon visit {prose(rng, 2)}",
         "label": "AB"[i % 2]}
        for i in range(300)
    ]  # fmt: skip
    found = collected(project, rows).manifest
    assert found["n_documents"] > 0.9 * found["n_texts"] and not found["warnings"]
    (note,) = found["notes"]
    assert (
        "of the texts vary one pattern, such as" in note
        and "collect.document" in note
        and note in told(project)
    )


def labels_by_chance(seed: int, n: int = 4000, n_common: int = 400) -> list[dict[str, Any]]:
    """A third of the rows are one of some texts that recur; one row of 21 is in A."""
    rng = random.Random(seed)
    common = [f"great delivery {prose(rng, 6)}" for _ in range(n_common)]
    return [
        {"text": rng.choice(common) if rng.random() < 0.35 else prose(rng),
         "label": "A" if rng.random() < 1 / 21 else "B"}
        for _ in range(n)
    ]  # fmt: skip


def gap(rule: str, seed: int) -> float:
    """Share of A with the topic of the common texts, minus that of B."""
    cleaned = pl.DataFrame(labels_by_chance(seed)).select(
        "text", pl.col("label").alias("group"), pl.lit(None, pl.String).alias("document_id"),
        pl.col("text").alias("normalised"),
    )  # fmt: skip
    kept, _ = collect.resolve_overlap(collect.merge(cleaned), rule, seed)
    shares = kept.group_by("group").agg(pl.col("text").str.starts_with("great delivery").mean())
    share = dict(shares.iter_rows())
    return share["A"] - share["B"]


def test_labels_by_chance_stay_labels_by_chance_where_texts_recur() -> None:
    """The mean difference of 20 corpora: none where one row is drawn; texts left out or kept twice lean."""
    gaps = {rule: [gap(rule, seed) for seed in range(20)] for rule in ("draw", "drop", "keep")}
    mean = {rule: sum(of) / len(of) for rule, of in gaps.items()}
    assert abs(mean["draw"]) < 0.02
    assert mean["drop"] < -0.05 and mean["keep"] > 0.05


def test_a_drawn_text_stands_for_all_its_rows_whatever_else_is_there(project: Project) -> None:
    rows = [{"text": f"note {word} {i}", "label": "AB"[i % 2]} for word in WORDS for i in range(4)]
    rows += [{"text": "the same for all", "label": label} for label in "AABBBB"]
    found = collected(project, rows, near_duplicates=None)
    drawn = found.texts.filter(text="the same for all")
    assert drawn["n_merged"].to_list() == [6] and found.manifest["n_overlap"] == 1
    more = collected(project, [*rows[::-1], {"text": "another", "label": "A"}], near_duplicates=None)
    assert more.texts.filter(text="the same for all").equals(drawn)
    assert "texts that stand in both groups, each put in one by chance: 1" in told(project)


@pytest.mark.parametrize(("rule", "said"), [("drop", "were left out"), ("keep", "count once in each")])
def test_other_rules_say_what_they_estimate_where_groups_are_unequal(
    project: Project, rule: str, said: str
) -> None:
    rows = labels_by_chance(0, 2000)
    (warning,) = collected(project, rows, overlap=rule).manifest["warnings"]
    assert said in warning and "collect.overlap: draw" in warning
    assert collected(project, rows).manifest["warnings"] == []


def signed(n: int = 300) -> list[dict[str, Any]]:
    """A's texts end with a signature and name a handle, B's point to a host."""
    rng = random.Random(5)
    rows = [{"text": f"@SouthAir {prose(rng)}\nSent from my Phone", "label": "A"} for _ in range(n)]
    return rows + [{"text": f"{prose(rng)} https://t.example/{i} 7", "label": "B"} for i in range(n)]


def test_what_gives_the_group_away_is_named_with_what_to_write(project: Project) -> None:
    found = collected(project, signed())
    leaks = {leak["feature"]: leak for leak in found.manifest["leaks"]}
    assert {"Sent from my Phone", "@southair", "https://t.example"} <= set(leaks)
    assert leaks["@southair"] == {
        "kind": "the handle", "feature": "@southair", "share_a": 1, "share_b": 0, "mask": "handles",
    }  # fmt: skip
    assert (
        'the handle "@southair" gives the group away: it is in 100% of A and 0% of B. To look past it write '
        'collect: {ignore: ["@southair"]} or collect: {mask: [handles]}'
    ) in told(project)


def test_texts_without_words_are_read_past(project: Project) -> None:
    rows = [
        *signed(),
        *({"text": sign * (i + 1), "label": "A"} for i in range(5) for sign in ("!", "\U0001f642")),
    ]
    assert "@southair" in {leak["feature"] for leak in collected(project, rows).manifest["leaks"]}


def test_words_that_a_sign_parts_are_no_phrase_that_could_be_ignored(project: Project) -> None:
    rng = random.Random(8)
    rows = [{"text": f"Dear Sir, thanks! {prose(rng)}", "label": "A"} for _ in range(200)]
    rows += [{"text": prose(rng), "label": "B"} for _ in range(200)]
    found = [leak["feature"] for leak in collected(project, rows).manifest["leaks"]]
    assert found == ["dear sir", "thanks"]
    assert 'the words "dear sir" give the group away: they are in 100% of A' in told(project)
    assert collected(project, rows, ignore=found).manifest["warnings"] == []


def test_a_word_of_a_quarter_of_a_group_is_a_finding_and_no_leak(project: Project) -> None:
    rng = random.Random(6)
    rows = [
        {"text": prose(rng) + " covid" * (label == "A" and rng.random() < 0.26), "label": label}
        for label in "AB" * 400
    ]
    assert collected(project, rows).manifest["leaks"] == []


def test_what_is_ignored_and_masked_is_in_no_text_and_is_counted(project: Project) -> None:
    found = collected(
        project,
        signed(),
        ignore=["@southair", "/(?m)^Sent from .*$/", "nowhere", "@southair"],
        mask=["urls", "numbers"],
    )
    told_of = found.manifest["masked"]
    assert told_of == {
        "@southair": 300,
        "/(?m)^Sent from .*$/": 300,
        "nowhere": 0,
        "urls": 300,
        "numbers": 300,
    }
    assert not found.texts["text"].str.contains("(?i)southair|Sent|https|7").any()
    assert found.texts.filter(group="B")["text"].str.ends_with(" URL 0").all()
    assert "url 0" in {one["feature"] for one in found.manifest["leaks"]}, "a stand-in may be one, too"
    assert 'collect.ignore: "nowhere" is in no text' in found.manifest["warnings"]
    assert '"@southair" is hidden in 300 texts' in told(project)


def test_a_text_that_is_kept_in_both_groups_is_no_near_duplicate(project: Project) -> None:
    rng = random.Random(9)
    rows = [{"text": prose(rng), "label": label} for label in "AB" * 100]
    rows += [{"text": text, "label": label} for text in (prose(rng), prose(rng)) for label in "AB"]
    found = collected(project, rows, overlap="keep").manifest
    assert (found["n_overlap"], found["near_duplicates"]["n_families"]) == (2, 0)


def test_documents_that_only_texts_of_both_groups_join_are_not_laid_to_near_duplicates(
    project: Project,
) -> None:
    rng = random.Random(10)
    rows = [{"text": prose(rng), "label": label, "author": f"{i % 20}"} for label in "AB" for i in range(200)]
    rows += [
        {"text": f"ok {i}", "label": label, "author": f"{i + (label == 'B')}"}
        for label in "AB"
        for i in range(12)
    ]
    told_of = collected(project, rows, document="author", overlap="keep", near_duplicates=None).manifest
    assert "Equal texts of both groups join documents, too; collect.overlap: draw" in told_of["warnings"][0]
    assert collected(project, rows, document="author", near_duplicates=None).manifest["warnings"] == []


def test_a_text_of_nothing_else_is_blank_and_copies_meet(project: Project) -> None:
    rows = [*signed(), {"text": " @southair ", "label": "A"}]
    bare = [{"text": row["text"].split("\n")[0].removeprefix("@SouthAir "), "label": "A"} for row in rows[:5]]
    found = collected(project, [*rows, *bare], ignore=["@SouthAir", "sent from my phone"])
    assert found.manifest["n_blank"] == 1
    assert found.manifest["n_merged"] == 5


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({"ignore": ["/(?=a)b/"]}, r"collect\.ignore: wanted /pattern/ in the syntax of Rust's regex"),
        ({"ignore": ["/((a{1000}){1000}){1000}/"]}, r"collect\.ignore: wanted /pattern/"),
        ({"ignore": ["/(?x) a # b/"]}, r"collect\.ignore: wanted /pattern/ in the syntax"),
        ({"ignore": [r"/\d*/"]}, r"collect\.ignore: wanted a /pattern/ that takes at least one character"),
        ({"ignore": [r"/\b/"]}, r"collect\.ignore: wanted a /pattern/ that takes at least one character"),
        ({"ignore": "foo"}, r"collect\.ignore: wanted a list, got 'foo'\. Write \[foo\]"),
        ({"ignore": [" "]}, r"collect\.ignore: wanted a word or a /pattern/, got ' '"),
        ({"ignore": ["//"]}, r"collect\.ignore: wanted a word or a /pattern/"),
        ({"mask": ["names"]}, r"collect\.mask.*'handles', 'urls', 'numbers' or 'emails'"),
        ({"near_duplicates": 0.2}, r"collect\.near_duplicates: wanted .*0\.5"),
        ({"overlap": "merge"}, r"collect\.overlap: wanted 'draw', 'drop' or 'keep'"),
    ],
)
def test_bad_values_are_one_clear_error(project: Project, params: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ParamsError, match=wanted):
        collected(project, signed(), **params)


def test_patterns_that_would_never_end_elsewhere_are_quick(project: Project) -> None:
    rows = [{**row, "text": f"{'a' * 20_000} {row['text']}"} for row in signed(40)]
    found = collected(project, rows, ignore=["/(a+)+$/", "/(a|a)*b/"], near_duplicates=None)
    assert found.texts.height == 80


def test_rows_of_a_family_are_in_the_table_of_documents(project: Project) -> None:
    project.table("posts.parquet", copied(60, 6))
    project.params(posts=STUDY)
    collect.run(load("posts"))
    folder = project.folder / "data/posts/1_texts"
    documents = frames.read(folder, "documents.parquet", frames.DOCUMENTS)
    assert documents["text_id"].equals(frames.read(folder, "texts.parquet", frames.TEXTS)["text_id"])
    assert documents["family_id"].n_unique() == 60 and documents["source_document_id"].null_count() == 360
