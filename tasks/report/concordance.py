"""The texts that the page can search: the confirmation texts with their verdicts, as far as size allows.

They stand in the page as one block of JSON that nothing executes; texts.js reads it. What does not fit is
left out by the order of the texts' hashes, as many of A as of B: the same study gives the same page.
"""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from tasks.report import filters, thumbnails, verdicts
from tasks.report.findings import Row, numbers
from tasks.study import Study

MAX_BYTES = 4_000_000
"""Of all texts with their verdicts: a page that can still be sent by mail."""
MAX_CHARS = 2_000
"""Characters kept of a text."""
VALUE_CHARS = 80
"""Characters kept of a text's value."""
PROMPT_CHARS = 400
"""Characters kept of what a text answers."""
_SIGNS = {verdicts.YES: "1", verdicts.NO: "0", "refusal": "r", "unparsable": "u", verdicts.ABSENT: "-"}
_NOT_ITS_OWN = " "
"""In place of a verdict where a row is for another predicate."""
_PER_TEXT, _PER_SCORE = 12, 5
"""Bytes beside a text's own and its ids; of a graded score."""
# Within a script element nothing may end it, and no browser may take a line end in a string for one.
_ESCAPED = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def section(study: Study, rows: Sequence[Row]) -> dict[str, Any]:
    """What the template shows: under `concordance` the block and its counts; None where it is not wanted.

    Args:
        study: whose `report.texts` says whether it is.
        rows: all tested predicates.
    """
    if not study.report.texts:
        return {"concordance": None}
    import markupsafe

    tested = verdicts.read(study)
    texts = fitting(tested)
    shown = embedded(tested, texts, rows)
    return {
        "concordance": {
            "json": markupsafe.Markup(escaped(shown)),  # noqa: S704 - escaped as JSON within a script
            "n": texts.height,
            "n_all": tested.rows.height,
            "n_cut": int(texts["is_cut"].sum()),
            "max_chars": MAX_CHARS,
            "is_one": len(tested.names) == 1,
            "has_looks": any(shown.get("look", [])),
        }
    }


def fitting(tested: verdicts.Tested) -> pl.DataFrame:
    """The rows under test that fit into MAX_BYTES, in the order of their ids, texts as the page has them."""
    columns = ("text_id", "text", "group", "document_id", "n_merged", "context", "path")
    turn = pl.int_range(pl.len()).over("group")
    # Rows that were written for a test answer nothing.
    rows = tested.rows if "context" in tested.rows.columns else tested.rows.with_columns(context=None)
    known = tested.paths()
    rows = rows.with_columns(path=None) if known is None else rows.join(known, on="text_id", how="left")
    ordered = (
        rows.with_columns(pl.col("context", "path").cast(pl.String))
        .select(columns)
        .sort("text_id")
        .sort(turn, "group", maintain_order=True)
    )
    beside = _PER_TEXT + tested.predicates.height + _PER_SCORE * len(tested.graded())
    left, kept = MAX_BYTES, []
    for row in ordered.iter_rows(named=True):
        whole = filters.neutral(row["text"])
        shown = {
            **row,
            "document_id": filters.neutral(row["document_id"]),
            "text": filters.clip(whole, MAX_CHARS),
            "context": filters.clip(filters.neutral(row["context"] or ""), PROMPT_CHARS),
            "path": filters.neutral(row["path"] or ""),
            "is_cut": len(whole) > MAX_CHARS,
        }
        parts = (escaped(shown[name]) for name in ("text", "text_id", "document_id", "context", "path"))
        left -= beside + sum(len(part.encode("utf-8", "replace")) for part in parts)
        if left < 0:
            break
        kept.append(shown)
    return pl.DataFrame(kept, schema={**ordered.schema, "is_cut": pl.Boolean}).sort("text_id")


def embedded(tested: verdicts.Tested, texts: pl.DataFrame, rows: Sequence[Row]) -> dict[str, Any]:
    """The texts and, for each predicate, a sign for each text; scores only where they say more than that."""
    number = numbers(rows)
    is_found = {row["predicate_id"] for row in rows if row["is_discovery"]}
    ids, at = list(number), texts.select("text_id").with_row_index("column")
    said = tested.of(ids, texts["text_id"]).join(at, on="text_id")
    sentences = dict(tested.predicates.select("predicate_id", "predicate").iter_rows())
    graded, has_paths = tested.graded(), bool((texts["path"] != "").any())
    predicates = []
    for predicate_id in ids:
        of = said.filter(predicate_id=predicate_id)
        gold = of.drop_nulls("gold")
        predicates.append(
            {
                "id": predicate_id,
                "number": number[predicate_id],
                "predicate": filters.neutral(sentences[predicate_id]),
                "found": predicate_id in is_found,
                "verdicts": _signs(of, texts.height),
                "scores": _thousandths(of, texts.height) if predicate_id in graded else None,
                "gold": dict(zip(map(str, gold["column"]), gold["gold"].round(3), strict=True)),
            }
        )
    return {
        "study": tested.study.name,
        "names": {group: filters.neutral(name) for group, name in tested.names.items()},
        "columns": [*verdicts.COLUMNS, *(["path"] if has_paths else [])],
        "predicates": predicates,
        "group": "".join(texts["group"]),
        **{name: texts[name].to_list() for name in ("text", "text_id", "document_id", "n_merged")},
        **_values(tested, texts),
        # Where pictures were read, where texts are captions; and how the first of them look.
        **({"path": texts["path"].to_list(), "look": _looks(tested, texts)} if has_paths else {}),
        # What texts answer, where they are answers.
        **({"context": texts["context"].to_list()} if (texts["context"] != "").any() else {}),
    }


def _values(tested: verdicts.Tested, texts: pl.DataFrame) -> dict[str, list[str]]:
    """The value of each text, where texts have one."""
    known = tested.values()
    if known is None:
        return {}
    value = texts.select("text_id").join(known, on="text_id", how="left", maintain_order="left")["value"]
    return {"value": [filters.clip(filters.neutral(one or ""), VALUE_CHARS) for one in value]}


def _looks(tested: verdicts.Tested, texts: pl.DataFrame) -> list[str]:
    """Small pictures as data URIs, as many as thumbnails.MOST; of the rest nothing."""
    small = thumbnails.of(tested.study.name, texts["text_id"].to_list())
    return [small[one].uri if one in small else "" for one in texts["text_id"]]


def _signs(of: pl.DataFrame, n_texts: int) -> str:
    signs = np.full(n_texts, _NOT_ITS_OWN)
    signs[of["column"].to_numpy()] = of["verdict"].replace_strict(_SIGNS).to_numpy()
    return "".join(signs)


def _thousandths(of: pl.DataFrame, n_texts: int) -> list[int | None]:
    scores: list[int | None] = [None] * n_texts
    for column, score in of.drop_nulls("score").select("column", "score").iter_rows():
        scores[column] = round(1000 * score)
    return scores


def escaped(content: Any) -> str:
    """The content as JSON that may stand within a script element."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPED)
