"""A study's outputs as report reads them, drawn by hand; and the page it writes, as a tree."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from typing import Any, Union

import numpy as np
import polars as pl

from tasks import paths
from tasks.report import stage as report
from tasks.score.discoveries import with_why
from tasks.store import frames
from tasks.study import load
from tasks.study.params import ScoreParams
from tests.conftest import Project

COLLECTED = {
    "names": {"A": "2020", "B": "2019"},
    "n_rows": 844,
    "n_blank": 3,
    "n_merged": 41,
    "n_overlap": 0,
    "n_texts": 800,
    "new_kind_of_count": 5,
    "read": {"files": [{"file": "news.csv", "rows": 900}], "rows": {"A": 430, "B": 414}},
    "split_hash": "5b117",
}
CANNOT_FIND = ["irony and other implied meaning", "who does what to whom"]


def held(name: str, **changes: Any) -> dict[str, Any]:
    """One tested predicate: a strong discovery in A unless told otherwise."""
    row = {
        "predicate_id": hashlib.sha256(name.encode()).hexdigest()[:16],
        "predicate": name,
        "direction": "A",
        "family": "words",
        "grade": "exact",
        "definition": json.dumps({"words": [name]}, ensure_ascii=False),
        "judge": "embedded/1",
        "threshold": 0.5,
        "planned_test": "fisher_mn",
        "method": "fisher_mn",
        "prompt_hash": "",
        "explore_effect": 0.21,
        "explore_z": 9.0,
        "weight": 1.0,
        "n_a": 210,
        "n_b": 190,
        "n_documents": 400,
        "n_refused": 0,
        "n_unparsable": 0,
        "n_absent": 0,
        "mean_a": 0.26,
        "mean_b": 0.0,
        "estimand": "difference of shares",
        "validity": 0.26,
        "lo": 0.21,
        "hi": 0.31,
        "p": 1e-9,
        "q": 2e-9,
        "conditional_validity": None,
        "adjusted_validity": None,
        "adjusted_lo": None,
        "adjusted_hi": None,
        "e_value": None,
        "decision": "fixed",
        "fragile": False,
        "is_discovery": True,
        "relevance": 1.2,
        "novelty": None,
        "novelty_blind": None,
        "novelty_past": None,
        "significance": None,
        **changes,
    }
    row.setdefault("group_id", row["predicate_id"])
    row.setdefault("conservative_validity", row["validity"])
    row.setdefault("missing_lo", row["validity"])
    row.setdefault("missing_hi", row["validity"])
    row.setdefault("why", why_not(row))
    return row


def why_not(row: dict[str, Any], bearing: str = "open") -> str | None:
    """As score says it."""
    columns = ("p", "q", "decision", "is_discovery", "validity")
    table = pl.DataFrame([{name: row[name] for name in columns}])
    return with_why(table, np.array([row["direction"] == "A"]), [bearing], ScoreParams())["why"].item()


def weak(name: str, **changes: Any) -> dict[str, Any]:
    """A tested predicate that did not hold."""
    flat = {"validity": 0.01, "lo": -0.03, "hi": 0.05, "mean_a": 0.11, "mean_b": 0.10, "p": 0.6, "q": 0.8}
    return held(name, **{**flat, "is_discovery": False, **changes})


def gold_of(row: dict[str, Any], bearing: str, **changes: Any) -> dict[str, Any]:
    """What 100 and 100 gold verdicts say of a predicate: a little less than the judge."""
    known: dict[str, Any] = {
        "predicate_id": row["predicate_id"],
        "n_gold_a": 100,
        "n_gold_b": 100,
        **{name: row[name] for name in ("p", "q")},
        **{name: row[name] - 0.02 for name in ("validity", "lo", "hi")},
        "weight": 0.8,
        "variance_ratio": 0.5,
        "method": "ppi_score",
        "bearing": bearing,
        **_rate("sensitivity", 0.9, 0.82, 0.95),
        **_rate("specificity", 0.97, 0.94, 0.99),
        **_rate("sensitivity_difference", 0.02, -0.08, 0.12),
        **_rate("specificity_difference", 0.0, -0.04, 0.04),
        **_rate("bias", 0.02, -0.02, 0.06),
        **_rate("kappa", 0.81, 0.7, 0.9),
        **changes,
    }
    return {name: known.get(name) for name in frames.JUDGES}


def _rate(name: str, estimate: float, lo: float, hi: float) -> dict[str, float]:
    return {name: estimate, f"{name}_lo": lo, f"{name}_hi": hi}


GOLD = {
    "judge": "llm/1 strong",
    "decides": False,
    "n_gold": 800,
    **_rate("sensitivity", 0.91, 0.88, 0.94),
    **_rate("specificity", 0.96, 0.95, 0.97),
}
"""The score manifest's figures of a gold judge."""


def put_table(name: str, rows: Sequence[dict[str, Any]]) -> None:
    """A further table of score, to be there before `put`."""
    folder, schema = paths.output("news", "score"), getattr(frames, name.upper())
    folder.mkdir(parents=True, exist_ok=True)
    frames.write(pl.DataFrame(rows, schema=schema), folder / f"{name}.parquet", schema)


def put_gold(
    project: Project, rows: list[dict[str, Any]], gold: Sequence[dict[str, Any]], **changes: Any
) -> str:
    """As `put`, with what gold verdicts say."""
    put_table("judges", gold)
    bearing = {one["predicate_id"]: one["bearing"] for one in gold}
    rows = [{**row, "why": why_not(row, bearing.get(row["predicate_id"], "open"))} for row in rows]
    told = {**GOLD, **changes.pop("noted", {})}
    scored = {"null_shuffles": 100, "null_runs_with_discovery": 3, "null_most": 11, "gold": told}
    return put(project, rows, score=scored, **changes)


def decided(row: dict[str, Any], decision: str, n_judged: int) -> dict[str, Any]:
    """The predicate as a sequential plan leaves it, after that many of 400 texts."""
    half = n_judged // 2
    judged = {"n_a": half, "n_b": half, "n_judgements": n_judged, "n_absent": 400 - n_judged}
    stopped = {**row, **judged, "decision": decision, "e_value": 2345.6}
    return {**stopped, "why": why_not(stopped)}


def looks(row: dict[str, Any], every: int = 64) -> list[dict[str, Any]]:
    """What was known of it after each batch: an interval that narrows to the one it ended with."""
    stops = [*range(every, row["n_judgements"], every), row["n_judgements"]]
    return [
        {
            "predicate_id": row["predicate_id"],
            "look": number,
            "n_judged": n,
            "estimate": row["validity"] * (1.2 - 0.2 * n / stops[-1]),
            "lo": max(-1.0, row["validity"] - (row["validity"] - row["lo"]) * (stops[-1] / n) ** 0.5),
            "hi": min(1.0, row["validity"] + (row["hi"] - row["validity"]) * (stops[-1] / n) ** 0.5),
            "q": row["q"],
            "decision": row["decision"] if n == stops[-1] else "undecided",
        }
        for number, n in enumerate(stops, 1)
    ]


def put_walked(project: Project, rows: list[dict[str, Any]], **changes: Any) -> str:
    """As `put`, for a sequential plan over 400 texts."""
    n_judged, n_grid = sum(row["n_judgements"] for row in rows), 400 * len(rows)
    folder = paths.output("news", "score")
    folder.mkdir(parents=True, exist_ok=True)
    path = pl.DataFrame([look for row in rows for look in looks(row)], schema=frames.PATHS)
    frames.write(path, folder / "paths.parquet", frames.PATHS)
    scored = {
        "plan": "sequential",
        "n_judged": n_judged,
        "n_grid": n_grid,
        "share_judged": n_judged / n_grid,
        "null_shuffles": 0,
    }
    scored |= changes.pop("score", {})
    record = {"n_judgements": n_judged, **changes.pop("record", {})}
    verify = {"plan": "sequential", **changes.pop("verify", {})}
    return put(project, rows, score=scored, record=record, verify=verify, **changes)


def exhibit(row: dict[str, Any], role: str, text: str, spans: str = "[]", rank: int = 1) -> dict[str, Any]:
    group = row["direction"] if role == "supports" else "AB".replace(row["direction"], "")
    return {
        "run_id": "run1",
        "predicate_id": row["predicate_id"],
        "role": role,
        "rank": rank,
        "text_id": f"t{rank}",
        "group": group,
        "text": text,
        "score": 1.0,
        "spans": spans,
    }


def put(
    project: Project,
    rows: list[dict[str, Any]],
    exhibits: Sequence[dict[str, Any]] = (),
    *,
    record: Mapping[str, Any] | None = None,
    score: Mapping[str, Any] | None = None,
    proposed: Mapping[str, Any] | None = None,
    verified: Mapping[str, Any] | None = None,
    collected: Mapping[str, Any] | None = None,
    said: Sequence[str] = ("x",),
    **study: Any,
) -> str:
    """Writes everything report reads, runs it, and gives the page."""
    groups = {"group": "year", "a": 2020, "b": 2019}
    entry = {"goal": "what changed in the news", "data": "news.csv", "collect": groups, **study}
    # No verdicts are drawn; texts and their search: test_texts.py.
    entry["report"] = {"texts": False, **study.get("report", {})}
    project.params(news=entry)
    whole = [{**run_row(rows), **row} for row in rows]
    texts = [
        {
            "text_id": f"{half[0]}{group}{i}",
            "text_hash": f"{half[0]}{group}{i}",
            "text": said[(i + (group == "B")) % len(said)],
            "group": group,
            "document_id": f"{half[0]}{group}{i}",
            "half": half,
        }
        for half in ("explore", "confirm")
        for group, n in (("A", 210), ("B", 190))
        for i in range(n)
    ]
    baseline = {"baseline": "longer than 40 characters", "validity": -0.03, "lo": -0.06, "hi": 0.0, "p": 0.05}
    tables: dict[str, dict[str, Any]] = {
        "collect": {"texts": [{**text, "n_merged": 2, "context": None, "media": None} for text in texts]},
        "formalise": {"predicates": whole},
        "score": {"scores": whole, "baselines": [baseline]},
        "record": {"discoveries": whole, "evidence": exhibits, "runs": [run_row(rows)]},
    }
    recorded = {
        "names": {"A": "2020", "B": "2019"},
        "cannot_find": CANNOT_FIND,
        "versions": {"polars": "2.1.0"},
    }
    figures = {
        "n_judgements": 400 * len(rows),
        "cost_usd": 0.0,
        "alpha": 0.05,
        "level": 0.95,
        "min_effect": 0.02,
    }
    manifests = {
        "collect": {**COLLECTED, **(collected or {})},
        "score": score or {"null_shuffles": 100, "null_runs_with_discovery": 3, "null_most": 11},
        "record": {**recorded, **figures, **(record or {})},
        "propose": dict(proposed or {}),
        "verify": dict(verified or {}),
    }
    for stage, files in {"propose": {}, "verify": {}, **tables}.items():
        folder = paths.output("news", stage)
        folder.mkdir(parents=True, exist_ok=True)
        frames.write_manifest(folder, manifests.get(stage, {}))
        for name, content in files.items():
            schema = getattr(frames, name.upper())
            columns = {column: [row[column] for row in content] for column in schema}
            frames.write(pl.DataFrame(columns, schema=schema), folder / f"{name}.parquet", schema)
    report.run(load("news"))
    return written("index.html")


def run_row(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The run, with what all its discoveries share."""
    params = load("news").model_dump(mode="json", exclude={"report", "name"})
    same: dict[str, Any] = dict.fromkeys(("corrected_validity", "corrected_lo", "corrected_hi"))
    return {
        **same,
        "run_id": "run1",
        "study": "news",
        "kind": "corpus_pair",
        "engine": "embedded",
        "model": "MiniLM",
        "goal": "what changed in the news",
        "params": json.dumps(params, sort_keys=True),
        "split_hash": "5b117",
        "code_version": "0.1.0+abc",
        "rated_by": "embedded",
        "n_texts": 800,
        "n_predicates": len(rows),
        "n_discoveries": sum(row["is_discovery"] for row in rows),
        "n_judgements": 400,
        "cost_usd": 0.0,
    }


def written(name: str, study: str = "news") -> str:
    return (paths.output(study, "report") / name).read_text(encoding="utf-8")


VOID = {"meta", "link", "br", "img", "input", "hr"}
BLOCKS = {
    "td",
    "th",
    "tr",
    "dt",
    "dd",
    "li",
    "p",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "blockquote",
    "summary",
    "svg",
}


class Node(HTMLParser):
    """The page as a tree; every tag must close the one it opened."""

    def __init__(self, html: str = "", tag: str = "", attrs: Sequence[tuple[str, str | None]] = ()) -> None:
        super().__init__()
        self.tag, self.attrs, self.children = tag, dict(attrs), list[Union["Node", str]]()
        if html:
            self.open = [self]
            self.feed(html)
            self.close()
            assert len(self.open) == 1, f"not closed: {[node.tag for node in self.open[1:]]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag=tag, attrs=attrs)
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Node(tag=tag, attrs=attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def nodes(self, tag: str = "", **attrs: str) -> list["Node"]:
        """All nodes below with this tag and these words among their attributes (class_ for class)."""
        found = [
            node for child in self.children if isinstance(child, Node) for node in (child, *child.nodes())
        ]
        wanted = {name.rstrip("_"): word for name, word in attrs.items()}
        return [
            node
            for node in found
            if tag in ("", node.tag)
            and all(w in (node.attrs.get(a) or "").split() for a, w in wanted.items())
        ]

    def one(self, tag: str = "", **attrs: str) -> "Node":
        (node,) = self.nodes(tag, **attrs)
        return node

    @property
    def text(self) -> str:
        """What is read, on one line; style and script are not."""
        return " ".join(self._raw.split())

    @property
    def _raw(self) -> str:
        if self.tag in ("style", "script"):
            return ""
        inner = "".join(child if isinstance(child, str) else child._raw for child in self.children)
        return f" {inner} " if self.tag in BLOCKS else inner
