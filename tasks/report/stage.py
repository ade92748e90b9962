"""Write the page a person reads, and the figures `dvc metrics` and `dvc plots` show.

Reads:      1_texts, 4_predicates, 5_verdicts, 6_scores, 7_discoveries; of 3_proposals the manifest; of
            6_scores also paths.parquet where the plan was sequential, groups.parquet where it was not,
            judges.parquet with gold verdicts, agreement.parquet of a panel; with `labels` the file in
            data/labels; what the study's kind shows of its own tables; data checks of 1_texts and
            7_discoveries
Writes:     reports/<study>/{index.html, checks.html, metrics.json, forest.json}
Guarantees: one file that needs no network, and a script only to sort and to search; corpora are escaped and
            neutralised; equal input gives equal bytes
Not here:   estimates, tests, or any choice of what counts as a discovery
"""

import json
import math
from collections.abc import Sequence
from typing import Any

from tasks import kinds, paths
from tasks.kinds import answered
from tasks.records import Group
from tasks.report import checked, columns, concordance, counts, filters, terms, thumbnails, trust, walks
from tasks.report import map as maps
from tasks.report import warnings as warned
from tasks.report.figures import forest, metrics, missing
from tasks.report.findings import Row, findings, rejected
from tasks.report.inputs import Inputs, read_inputs
from tasks.report.pages import TEMPLATES, environment
from tasks.report.scale import Scale
from tasks.store import frames, media
from tasks.study import Study, dialect

SCRIPTS = ("report.js", "map.js")
SEARCH = "texts.js"
"""One after another they are the page's script, the last where it carries texts; then the kind's own."""
MAX_FINDINGS, MAX_TEXTS = 100, 600
"""Findings whose texts are shown, and texts in all: the page stays under 2 MB. The rest is in the tables."""
_FINE = {"share": 0.02, "bits": 0.1}
"""Under which typical width of an interval a third digit is no noise, by scale."""
MAX_FOREST_NULL = 12
"""Hypotheses drawn on the first screen where none held."""


def run(study: Study) -> dict[str, Any]:
    """Writes the page and the figures; gives the figures."""
    inputs = read_inputs(study.name)
    figures = metrics(inputs)
    files = {
        "index.html": page(study, inputs, figures),
        "checks.html": checked.page(study.name, inputs.run, environment((), 2, "share")),
        "metrics.json": _json(figures),
        "forest.json": _json(forest(inputs.rows)),
    }
    with frames.writing(paths.output(study.name, "report")) as folder:
        for name, content in files.items():
            (folder / name).write_text(content, encoding="utf-8", errors="replace", newline="\n")
    return figures


def page(study: Study, inputs: Inputs, figures: dict[str, Any]) -> str:
    """The report as one HTML file."""
    width = figures["median_interval_width"]
    kind = kinds.load(study.kind)
    decimals = 3 if width is not None and width < _FINE[kind.scale] else 2
    words = kind.speaks(of_pictures=media.are_there(study.name))
    shown = results(study, inputs, kind)
    template = environment(tuple(kind.folders), decimals, kind.scale).get_template("report.html")
    return template.render(
        **shown,
        **discoveries_shown(inputs, decimals, kind.scale),
        **background(study, inputs, kind, shown["section"], words),
        **concordance.section(study, inputs.rows),
        warned=warnings_shown(inputs, kind, figures, words),
        words=words,
        subject=words.subject,
        terms=map_shown(inputs, kind, decimals),
        figures=figures,
        script=scripts(study, kind, shown["section"]),
    )


def scripts(study: Study, kind: kinds.Kind, own: kinds.Section | None) -> str:
    """All that the page runs, as one script."""
    files = [TEMPLATES / name for name in (*SCRIPTS, *((SEARCH,) if study.report.texts else ()))]
    if own and own.script:
        files.append(next(folder / own.script for folder in kind.folders if (folder / own.script).is_file()))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def results(study: Study, inputs: Inputs, kind: kinds.Kind) -> dict[str, Any]:
    """What held and what did not, as the template shows it."""
    min_effect = inputs.recorded["min_effect"]
    found = findings(inputs.rows)
    others = rejected(inputs.rows)
    first = found or others[:MAX_FOREST_NULL]
    corrected = trust.corrected_rows(inputs.rows)
    # In bits baselines are whole models: they stand on an axis of their own.
    is_bits = kind.scale == "bits"
    baselines = [] if is_bits else inputs.baselines
    listed = others[: study.report.n_rejected]
    n_evidence = study.report.n_evidence
    shown = found[: min(MAX_FINDINGS, max(1, MAX_TEXTS // max(1, 2 * n_evidence)))]
    own = own_section(study, inputs, kind, found)
    pictured = [*(own["section"].inputs if own["section"] else ()), *_exhibited(inputs, shown, n_evidence)]
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
        "shown": shown,
        "n_evidence": n_evidence,
        "evidence": inputs.evidence,
        "thumbnails": thumbnails.of(study.name, pictured),
        "rejected": listed,
        "n_rejected": len(others),
        "why": [row["why"] for row in others],
        "is_weighted": len({row["weight"] for row in inputs.rows}) > 1,
        "n_intervals_off_zero": sum(row["lo"] > 0 or row["hi"] < 0 for row in others),
        "baselines": inputs.baselines,
        "surface": max(baselines, key=lambda row: _size(row["validity"]), default=None),
        "missing": missing(inputs),
        "compared": bool(inputs.compared),
        "kind": kind,
        **own,
        "graded": any(row["threshold"] is None for row in inputs.rows),
        "is_bits": is_bits,
        "scale": Scale.over([*first, *listed, *baselines, *corrected], min_effect, from_zero=is_bits),
    }


def _exhibited(inputs: Inputs, shown: Sequence[Row], n_evidence: int) -> list[str]:
    """text_ids of the evidence on the page, finding by finding."""
    each = [inputs.evidence.get(row["predicate_id"], {}) for row in shown]
    return [one["text_id"] for roles in each for kept in roles.values() for one in kept[:n_evidence]]


def discoveries_shown(inputs: Inputs, decimals: int, scale: str) -> dict[str, Any]:
    """The table of discoveries, and whether their ratings say anything."""
    found = findings(inputs.rows)
    if not found:
        return {"table": None, "rated": False}
    is_graded = any(row["threshold"] is None for row in inputs.rows)
    share_is = "share of wins" if inputs.compared else "mean score" if is_graded else "share"
    level = filters.percent(inputs.recorded["level"])
    return {
        "table": columns.table(found, inputs.recorded["names"], level, decimals, share_is, scale),
        "rated": columns.are_rated(found[0]["rated_by"]),
    }


def map_shown(inputs: Inputs, kind: kinds.Kind, decimals: int) -> Row | None:
    """The map of terms; None where texts are in no two groups, or have too few words in common."""
    if not kind.has_groups:
        return None
    counted, sizes = terms.counted(inputs.explored)
    recorded = inputs.recorded
    return maps.terms_map(counted, sizes, recorded["names"], recorded["min_effect"], decimals)


def warnings_shown(
    inputs: Inputs, kind: kinds.Kind, figures: dict[str, Any], words: kinds.Words
) -> list[warned.Warned]:
    """What a data check found, for the first screen."""
    params = json.loads(inputs.run["params"])
    return warned.warnings(
        collected=inputs.collected,
        proposed=inputs.proposed,
        scored=inputs.scored,
        verified=inputs.verified,
        split=inputs.split,
        names=inputs.recorded["names"] if kind.has_groups else {},
        unread=counts.unread(inputs.proposed, inputs.split, params["embed"]["encoder"]),
        figures=figures,
        missing=missing(inputs),
        holdout=holdout(inputs),
        is_written=bool(kind.written),
        words=words,
    )


def own_section(study: Study, inputs: Inputs, kind: kinds.Kind, found: Sequence[Row]) -> dict[str, Any]:
    """The kind's own part of the page, and what it shows."""
    folder = {stage: paths.output(study.name, stage) for stage in paths.STAGES}
    own = kind.section(kinds.Outputs(study, folder, json.loads(inputs.run["params"]), inputs.rows, found))
    return {"section": own, "own": own.values if own else {}, "said": own.said if own else {}}


def walks_shown(inputs: Inputs, listed: Sequence[Row]) -> Row | None:
    """The paths of discoveries and of the listed others; None where all were judged on every text."""
    if not inputs.is_sequential:
        return None
    held = [row for row in inputs.rows if row["is_discovery"]][:MAX_FINDINGS]
    return walks.walks_section([*held, *listed], inputs.rows, inputs.looks, inputs.scored, inputs.recorded)


def background(
    study: Study, inputs: Inputs, kind: kinds.Kind, own: kinds.Section | None, words: kinds.Words
) -> dict[str, Any]:
    """What was asked, of which data, and how to ask it again."""
    names: dict[Group, str] = inputs.recorded["names"]
    params = json.loads(inputs.run["params"])
    return {
        "study": study.name,
        "title": study.report.title or (own.page if own else "") or f"{names['A']} and {names['B']}",
        "goal": study.goal,
        "user": study.user,
        "names": names,
        "is_null": params["collect"]["group"] == "random",
        "overlap": params["collect"]["overlap"],
        "max_texts": inputs.compared["n_texts"] // 2 if inputs.compared else params["verify"]["max_texts"],
        "positions": inputs.scored.get("position_bias"),
        "split": inputs.split,
        "sizes": {part["half"] + part["group"]: part["n_texts"] for part in inputs.split},
        # What is compared stands in both groups, each answer in its own.
        "collected": counts.collected_lines(inputs.collected, words, ("n_overlap",) if kind.compares else ()),
        "warnings": [
            *inputs.collected.get("warnings", []),
            *answered.lines(inputs.collected.get("read", {})),
            *inputs.collected.get("notes", []),
            *inputs.collected.get("remarks", []),
        ],
        "unread": counts.unread(inputs.proposed, inputs.split, params["embed"]["encoder"]),
        "useless": counts.useless(inputs.proposed),
        "replicated": inputs.proposed.get("replicates"),
        "replication": inputs.recorded.get("replication"),
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


def _json(content: Any) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
