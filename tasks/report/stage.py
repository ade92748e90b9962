"""Write the page a person reads, and the figures `dvc metrics` and `dvc plots` show.

Reads:      1_texts, 4_predicates, 5_verdicts, 6_scores, 7_discoveries; of 3_proposals the manifest; of
            6_scores also paths.parquet where the plan was sequential, groups.parquet where it was not,
            judges.parquet with gold verdicts, agreement.parquet of a panel; with `labels` the file in
            data/labels; what the study's kind shows of its own tables
Writes:     reports/<study>/{index.html, metrics.json, forest.json}
Guarantees: one file that needs no network, and a script only to sort and to search; corpora are escaped and
            neutralised; equal input gives equal bytes
Not here:   estimates, tests, or any choice of what counts as a discovery
"""

import base64
import hashlib
import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tasks import kinds, paths
from tasks.errors import StoreError
from tasks.records import Group
from tasks.report import concordance, counts, filters, trust, verdicts, walks
from tasks.report.scale import Scale
from tasks.store import frames
from tasks.study import Study, dialect

Row = dict[str, Any]
"""One tested predicate: its rows of predicates, scores and discoveries side by side."""

TEMPLATES = Path(__file__).parent / "templates"
MAX_FINDINGS, MAX_TEXTS = 100, 600
"""Findings whose texts are shown, and texts in all: the page stays under 2 MB. The rest is in the tables."""
_ANGLES = str.maketrans("<>", "\u2039\u203a")
MAX_FOREST_NULL = 12
"""Hypotheses drawn on the first screen where none held."""


@dataclass(frozen=True)
class Inputs:
    """Everything the report is made of."""

    rows: list[Row]
    baselines: list[Row]
    evidence: dict[str, dict[str, list[Row]]]
    """predicate_id -> role -> exhibits by rank."""
    run: Row
    split: list[Row]
    """Texts, documents and input rows by half and group."""
    collected: dict[str, Any]
    scored: dict[str, Any]
    recorded: dict[str, Any]
    compared: dict[str, Any]
    """verify's manifest where two texts were compared, else empty."""
    looks: dict[str, list[Row]]
    """Of a sequential plan: predicate_id -> what was known after each batch; else empty."""
    agreement: dict[str, list[Row]]
    """Of a panel: predicate_id -> how its judges agree; else empty."""
    proposed: dict[str, Any]
    """propose's manifest."""
    groups: dict[str, Row]
    """Of a fixed plan: group_id -> its predicates tested as one; else empty."""

    @property
    def is_sequential(self) -> bool:
        """Whether hypotheses were judged only until they were decided."""
        return self.scored.get("plan") == "sequential"


def run(study: Study) -> dict[str, Any]:
    """Writes the page and the figures; gives the figures."""
    inputs = read_inputs(study.name)
    figures = metrics(inputs)
    files = {
        "index.html": page(study, inputs, figures),
        "metrics.json": _json(figures),
        "forest.json": _json(forest(inputs.rows)),
    }
    with frames.writing(paths.output(study.name, "report")) as folder:
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8", errors="replace", newline="\n")
    return figures


def read_inputs(name: str) -> Inputs:
    """The outputs of the earlier stages.

    Raises:
        MissingStageError: one of them has not run.
        StoreError: they belong to different runs.
    """
    collect, score, record = (paths.output(name, stage) for stage in ("collect", "score", "record"))
    texts = frames.read(collect, "texts.parquet", frames.TEXTS)
    predicates = frames.read(paths.output(name, "formalise"), "predicates.parquet", frames.PREDICATES)
    scores = frames.read(score, "scores.parquet", frames.SCORES)
    discoveries = frames.read(record, "discoveries.parquet", frames.DISCOVERIES)
    rows = discoveries.join(
        scores.select("predicate_id", *sorted(set(frames.SCORES) - set(frames.DISCOVERIES))),
        on="predicate_id",
        maintain_order="left",
    ).join(
        predicates.select("predicate_id", *sorted(set(frames.PREDICATES) - set(frames.DISCOVERIES))),
        on="predicate_id",
        maintain_order="left",
    )
    # NULL where a group had no verdict; a number that is none, so that comparisons stay comparisons.
    rows = rows.with_columns(
        pl.col("validity", "conservative_validity", "mean_a", "mean_b").fill_null(float("nan"))
    )
    # Where a walk stopped early its own estimate leans away from zero: the page shows what is known.
    rows = rows.rename({"validity": "at_stop", "conservative_validity": "validity"})
    if not rows.height == discoveries.height == scores.height == predicates.height:
        raise StoreError(
            f"{record}: wanted one discovery row for each of {scores.height} scores and "
            f"{predicates.height} frozen predicates, got {rows.height}. Rerun score and record."
        )
    scored = frames.read_manifest(score)
    judges = read_by(score, "judges", "predicate_id") if "gold" in scored else {}
    evidence: dict[str, dict[str, list[Row]]] = {}
    exhibits = frames.read(record, "evidence.parquet", frames.EVIDENCE).sort("predicate_id", "role", "rank")
    for exhibit in exhibits.iter_rows(named=True):
        evidence.setdefault(exhibit["predicate_id"], {}).setdefault(exhibit["role"], []).append(exhibit)
    counted = texts.group_by("half", "group").agg(
        pl.len().alias("n_texts"),
        pl.col("document_id").n_unique().alias("n_documents"),
        pl.col("n_merged").sum().alias("n_rows"),
    )
    this_run = frames.read(record, "runs.parquet", frames.RUNS).row(0, named=True)
    compares = json.loads(this_run["params"])["verify"]["form"] == "two_text"
    return Inputs(
        rows=sorted((trust.with_gold(row, judges) for row in rows.iter_rows(named=True)), key=by_certainty),
        baselines=list(frames.read(score, "baselines.parquet", frames.BASELINES).iter_rows(named=True)),
        evidence=evidence,
        run=this_run,
        split=list(counted.sort("half", "group", descending=[True, False]).iter_rows(named=True)),
        collected=frames.read_manifest(collect),
        proposed=frames.read_manifest(paths.output(name, "propose")),
        scored=scored,
        recorded=frames.read_manifest(record),
        compared=frames.read_manifest(paths.output(name, "verify")) if compares else {},
        looks=read_by(score, "paths", "predicate_id") if scored.get("plan") == "sequential" else {},
        agreement=read_by(score, "agreement", "predicate_id") if "panel" in scored else {},
        groups={group_id: rows[0] for group_id, rows in read_by(score, "groups", "group_id").items()}
        if (score / "groups.parquet").is_file()
        else {},
    )


def read_by(folder: Path, name: str, key: str) -> dict[str, list[Row]]:
    """Rows of a table of score by a column, in their order."""
    found: dict[str, list[Row]] = {}
    for row in frames.read(folder, f"{name}.parquet", getattr(frames, name.upper())).iter_rows(named=True):
        found.setdefault(row[key], []).append(row)
    return found


def by_certainty(row: Row) -> tuple[bool, float, str]:
    """Sort key: the end of the interval nearest to zero, in the claimed direction, largest first."""
    nearest = row["lo"] if row["direction"] == "A" else -row["hi"]
    return (not row["is_discovery"], -nearest if math.isfinite(nearest) else math.inf, row["predicate_id"])


def findings(rows: Sequence[Row]) -> list[Row]:
    """Discoveries by paraphrase group: the leader (or the best that held) with `members` folded under it."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row["is_discovery"]:
            groups.setdefault(row["group_id"], []).append(row)
    found = []
    for group_id, members in groups.items():
        head = next((row for row in members if row["predicate_id"] == group_id), members[0])
        folded = [row for row in members if row is not head]
        found.append({**head, "members": folded})
    return [{**row, "number": i} for i, row in enumerate(sorted(found, key=by_certainty), start=1)]


def metrics(inputs: Inputs) -> dict[str, Any]:
    """The figures `dvc metrics show` compares between runs."""
    rows, found = inputs.rows, findings(inputs.rows)
    gaps = {name: sum(row[f"n_{name}"] for row in rows) for name in ("refused", "unparsable", "absent")}
    asked = sum(row["n_a"] + row["n_b"] for row in rows) + gaps["refused"] + gaps["unparsable"]
    widths = [row["hi"] - row["lo"] for row in rows if math.isfinite(row["hi"] - row["lo"])]
    surface = [abs(row["validity"]) for row in inputs.baselines if math.isfinite(row["validity"])]
    shuffles = inputs.scored.get("null_shuffles")
    walked = (
        {name: inputs.scored[name] for name in ("n_grid", "share_judged")} if inputs.is_sequential else {}
    )
    return {
        "n_texts": sum(part["n_texts"] for part in inputs.split),
        "n_texts_confirm": sum(part["n_texts"] for part in inputs.split if part["half"] == "confirm"),
        "n_tested": len(rows),
        "n_discoveries": sum(row["is_discovery"] for row in rows),
        "n_findings": len(found),
        "strongest_validity": _rounded(found[0]["validity"]) if found else None,
        "median_interval_width": _rounded(statistics.median(widths)) if widths else None,
        "baseline_max_abs_validity": _rounded(max(surface)) if surface else None,
        "null_rate": _rounded(inputs.scored["null_runs_with_discovery"] / shuffles) if shuffles else None,
        "share_refused": _rounded(gaps["refused"] / asked) if asked else None,
        "share_unparsable": _rounded(gaps["unparsable"] / asked) if asked else None,
        "n_absent": gaps["absent"],
        "n_judgements": inputs.recorded["n_judgements"],
        "cost_usd": inputs.recorded["cost_usd"],
        **walked,
        **trust.figures(inputs.rows, inputs.scored),
    }


def missing(inputs: Inputs) -> dict[str, Any]:
    """How far the refused and unparsable verdicts could move the estimates."""
    asked = [row for row in inputs.rows if row["n_refused"] or row["n_unparsable"]]
    worst = max(asked, key=_shift, default=None)
    return {
        "n_refused": sum(row["n_refused"] for row in asked),
        "n_unparsable": sum(row["n_unparsable"] for row in asked),
        "largest_shift": _shift(worst) if worst else 0.0,
        "predicate": worst["predicate"] if worst else "",
        "n_fallen": sum(row["is_discovery"] and row["fragile"] for row in asked),
    }


def _shift(row: Row) -> float:
    if math.isnan(row["at_stop"]):
        return 0.0
    return float(max(row["at_stop"] - row["missing_lo"], row["missing_hi"] - row["at_stop"]))


def forest(rows: Sequence[Row]) -> list[Row]:
    """Every tested predicate with its interval, for `dvc plots`.

    DVC pastes them into the script of a page of its own: a `<` of a corpus could end that script there,
    whatever JSON does about it, so it is another sign.
    """
    return [
        {
            "predicate": filters.neutral(row["predicate"]).translate(_ANGLES),
            **{name: _rounded(row[name]) for name in ("validity", "lo", "hi", "q")},
            "is_discovery": row["is_discovery"],
        }
        for row in rows
    ]


def page(study: Study, inputs: Inputs, figures: dict[str, Any]) -> str:
    """The report as one HTML file."""
    import jinja2

    width = figures["median_interval_width"]
    decimals = 3 if width is not None and width < 0.02 else 2
    kind = kinds.load(study.kind)
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.FileSystemLoader(TEMPLATES),
                # A kind's own part of the page lies in its folder.
                jinja2.PrefixLoader({"kind": jinja2.FileSystemLoader(kind.folder)}),
            ]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=filters.neutral,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        effect=lambda value: filters.effect(value, decimals),
        end=lambda value: filters.end(value, decimals),
        share=lambda value: filters.share(value, decimals),
        **{name: getattr(filters, name) for name in filters.PLAIN},
    )
    names = ("report.js", "texts.js") if study.report.texts else ("report.js",)
    script = "\n".join((TEMPLATES / name).read_text(encoding="utf-8") for name in names)
    return environment.get_template("report.html").render(
        **results(study, inputs, kind),
        **background(study, inputs),
        **concordance.section(study, inputs.rows, findings(inputs.rows)),
        figures=figures,
        script=script,
        # The page's policy lets this script run and no other, whatever a corpus holds.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def results(study: Study, inputs: Inputs, kind: kinds.Kind) -> dict[str, Any]:
    """What held and what did not, as the template shows it."""
    min_effect = inputs.recorded["min_effect"]
    found = findings(inputs.rows)
    rejected = verdicts.rejected(inputs.rows)
    first = found or rejected[:MAX_FOREST_NULL]
    corrected = trust.corrected_rows(inputs.rows)
    listed = rejected[: study.report.n_rejected]
    n_evidence = study.report.n_evidence
    return {
        "walks": walks_shown(inputs, listed),
        "fragile": any(row["is_discovery"] and row["fragile"] for row in inputs.rows),
        "trust": trust.trust_section(
            inputs.rows, inputs.scored, inputs.agreement, inputs.proposed.get("judge")
        ),
        "groups": inputs.groups,
        "dependent": [row["number"] for row in found if trust.is_dependent(row)],
        "findings": found,
        "first": first,
        "shown": found[: min(MAX_FINDINGS, max(1, MAX_TEXTS // max(1, 2 * n_evidence)))],
        "n_evidence": n_evidence,
        "evidence": inputs.evidence,
        "rejected": listed,
        "n_rejected": len(rejected),
        "why": [row["why"] for row in rejected],
        "n_intervals_off_zero": sum(row["lo"] > 0 or row["hi"] < 0 for row in rejected),
        "baselines": inputs.baselines,
        "surface": max(inputs.baselines, key=lambda row: _size(row["validity"]), default=None),
        "missing": missing(inputs),
        "compared": bool(inputs.compared),
        "kind": kind,
        "subject": kind.words.subject,
        **own_section(study, inputs, kind, found),
        "graded": any(row["threshold"] is None for row in inputs.rows),
        "scale": Scale.over([*first, *listed, *inputs.baselines, *corrected], min_effect),
    }


def own_section(study: Study, inputs: Inputs, kind: kinds.Kind, found: Sequence[Row]) -> dict[str, Any]:
    """The kind's own part of the page, and what it shows."""
    folder = {stage: paths.output(study.name, stage) for stage in paths.STAGES}
    own = kind.section(kinds.Outputs(study, folder, json.loads(inputs.run["params"]), inputs.rows, found))
    return {"section": own, "own": own.values if own else {}}


def walks_shown(inputs: Inputs, listed: Sequence[Row]) -> Row | None:
    """The paths of discoveries and of the listed others; None where all were judged on every text."""
    if not inputs.is_sequential:
        return None
    held = [row for row in inputs.rows if row["is_discovery"]][:MAX_FINDINGS]
    return walks.walks_section([*held, *listed], inputs.rows, inputs.looks, inputs.scored, inputs.recorded)


def background(study: Study, inputs: Inputs) -> dict[str, Any]:
    """What was asked, of which data, and how to ask it again."""
    names: dict[Group, str] = inputs.recorded["names"]
    params = json.loads(inputs.run["params"])
    return {
        "study": study.name,
        "title": study.report.title or f"{names['A']} and {names['B']}",
        "goal": study.goal,
        "user": study.user,
        "names": names,
        "is_null": params["collect"]["group"] == "random",
        "overlap": params["collect"]["overlap"],
        "max_texts": inputs.compared["n_texts"] // 2 if inputs.compared else params["verify"]["max_texts"],
        "position": inputs.scored.get("position_bias"),
        "split": inputs.split,
        "sizes": {part["half"] + part["group"]: part["n_texts"] for part in inputs.split},
        "collected": counts.collected_lines(inputs.collected),
        "warnings": [*inputs.collected.get("warnings", []), *inputs.collected.get("notes", [])],
        "unread": counts.unread(inputs.proposed, inputs.split, params["embed"]["encoder"]),
        "useless": counts.useless(inputs.proposed),
        "scored": inputs.scored,
        "recorded": inputs.recorded,
        "holdout": holdout(inputs),
        "control": params["verify"]["sequential"]["control"],
        "run": inputs.run,
        "asked": inputs.recorded.get("calls", {"n_calls": 0}),
        "entry": entry(study, inputs.run, inputs.recorded.get("prices", {})),
    }


def holdout(inputs: Inputs) -> Row | None:
    """What these confirmation texts had answered before; None where this run was the first to ask them."""
    use: Row = inputs.recorded.get("holdout", {"n_runs": 0})
    if not use["n_runs"]:
        return None
    standing = [row["is_discovery"] and row["q"] <= use["alpha"] for row in inputs.rows]
    return {**use, "n_standing": sum(standing)}


def entry(study: Study, run: Row, prices: dict[str, Any]) -> str:
    """The study as it stands under `studies:` in params.yaml, every default written out.

    Of how it was asked (`spend`) only the prices belong to the result.
    """
    shown = {"spend": {"prices": prices} if prices else {}, "report": study.report.model_dump(mode="json")}
    params = {**json.loads(run["params"]), **shown}
    order = [key for key in type(study).model_fields if key in params]
    ordered = {study.name: {key: params[key] for key in order}}
    return dialect.written({"studies": ordered})


def _size(value: float) -> float:
    return abs(value) if math.isfinite(value) else -1.0


def _rounded(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
