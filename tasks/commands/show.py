"""Print the discoveries of a finished study: the surest first, paraphrases under what they repeat."""

import argparse
from collections.abc import Mapping
from functools import partial
from typing import Any

import polars as pl

from tasks import kinds, paths, study
from tasks.commands import discovery, output
from tasks.errors import MissingStageError
from tasks.kinds.parts import of_pictures
from tasks.report import counts
from tasks.report.findings import findings
from tasks.store import duck, frames, media
from tasks.study import Study


def run(arguments: argparse.Namespace) -> None:
    """Prints them."""
    found = found_by(study.load(arguments.study))
    output(found, partial(lines, with_ids=arguments.ids), arguments.json)


def found_by(study: Study) -> dict[str, Any]:
    """The discoveries with what is told of each; `walk` of a sequential plan, `shuffled` of a fixed one.

    Raises:
        MissingStageError: the study has not run to its end.
    """
    recorded, scored = paths.output(study.name, "record"), paths.output(study.name, "score")
    tested = frames.read(recorded, "discoveries.parquet", frames.DISCOVERIES)
    scores = frames.read(scored, "scores.parquet", frames.SCORES)
    names = frames.read_manifest(recorded)["names"]
    manifest = frames.read_manifest(scored)
    by_gold = _by_gold(study)
    fragile = scores.select("predicate_id", "fragile")
    kept = findings(tested.join(fragile, on="predicate_id", maintain_order="left").to_dicts())
    columns = (
        "predicate_id",
        "predicate",
        "direction",
        "validity",
        "conservative_validity",
        "lo",
        "hi",
        "p",
        "q",
        "group_id",
        "grade",
    )
    report = paths.report_page(study.name).relative_to(paths.root())
    walk = {name: manifest[name] for name in ("n_judged", "n_grid", "share_judged") if name in manifest}
    return {
        "study": study.name,
        "kind": study.kind,
        "n_tested": tested.height,
        "n_contradicted": manifest.get("gold", {}).get("n_contradicted", 0),
        "asked": _asked(tested, scores),
        "n_gapped": scores.filter(why="too many gaps").height,
        "report": str(report),
        "headline": kinds.load(study.kind).headline(study),
        "useless": counts.useless(_proposed(study)),
        "walk": walk,
        "replicates": _replicated(study),
        "measured": frames.read_manifest(paths.output(study.name, "propose")).get("judge"),
        "shuffled": {
            name: manifest[f"null_{name}"]
            for name in ("shuffles", "runs_with_discovery", "most")
            if f"null_{name}" in manifest
        },
        "discoveries": [
            {
                "number": str(row["number"]),
                **{name: row[name] for name in columns},
                "more_in": names[row["direction"]],
                "is_fragile": row["fragile"],
                "is_blind": row["family"] == "blind",
                "is_asked": row["family"] == "user",
                "gold": by_gold.get(row["predicate_id"]),
            }
            for head in kept
            for row in (head, *head["members"])
        ],
    }


def lines(found: Mapping[str, Any], *, with_ids: bool = False) -> list[str]:
    """The same as a person reads it; with ids as `natstat trace` takes them."""
    kept, walk, kind = found["discoveries"], found["walk"], kinds.load(found["kind"])
    is_seen = media.are_there(found["study"])
    words = kind.speaks(of_pictures=is_seen)
    is_bits = kind.scale == "bits"
    digits = "+.3f" if is_bits else "+.2f"
    lines = [
        f"{found['study']}: {len(kept)} of {found['n_tested']} tested hypotheses are discoveries. Report: "
        f"{found['report']}"
    ]
    lines += alarm_lines(found["shuffled"], words.labels)
    told = kind.headline_lines(found["headline"])
    lines += [of_pictures(one) for one in told] if is_seen else told
    if old := found["replicates"]:
        lines.append(
            f"  tests {old['id']} of {old['study']} again, there {old['validity']:{digits}} "
            f"[{old['lo']:{digits}}, {old['hi']:{digits}}]: {came(old['again'])}"
        )
    if found["measured"]:
        lines.append(f"  the judge: {right(found['measured'])}")
    lines += [f"  {told}." for told in found["useless"]]
    if walk:
        lines.append(
            f"  judged until decided: {walk['n_judged']:,} of {walk['n_grid']:,} judgements "
            f"({walk['share_judged']:.0%})"
        )
    for row in kept:
        named = f"  {discovery.shown({**row, 'study': found['study']})}" if with_ids else ""
        if "." in row["number"]:
            lines.append(
                f"      {row['number']}  {row['conservative_validity']:+.2f} on nearly the same "
                f"{words.rows}: {row['predicate']}{' (asked by you)' if row['is_asked'] else ''}{named}"
            )
            continue
        lines.append(
            f"{row['number']:>4}  {row['conservative_validity']:{digits}} "
            f"[{row['lo']:{digits}}, {row['hi']:{digits}}] "
            f"{'bits ' if is_bits else ''}q={small(row['q'])}  "
            f"{'' if is_bits else row['more_in'] + ': '}{row['predicate']}"
            f"{' (fragile)' if row['is_fragile'] else ''}"
            f"{' (expected without data)' if row['is_blind'] else ''}"
            f"{' (asked by you)' if row['is_asked'] else ''}{_gold_words(row['gold'])}{named}"
        )
    if found["n_contradicted"]:
        lines.append(f"  {found['n_contradicted']} more were taken back: the gold verdicts contradict them.")
    lines += [
        f"  asked by you, no discovery ({one['why']}): {_measured(one, digits)}{one['predicate']}"
        for one in found["asked"]
        if not one["is_discovery"]
    ]
    if found["n_gapped"]:
        lines.append(
            f"  {found['n_gapped']} could not be tested: too many verdicts were refused or unparsable."
        )
    if not kept:
        lines.append(f"  nothing held up on the {words.corpus} that no proposer had seen.")
    return lines


def _asked(tested: pl.DataFrame, scores: pl.DataFrame) -> list[dict[str, Any]]:
    """What came of the sentences that the user asked to be tested."""
    columns = ("predicate_id", "predicate", "direction", "validity", "lo", "hi", "q", "is_discovery")
    asked = tested.filter(family="user").select(columns)
    why = scores.select("predicate_id", "why")
    return asked.join(why, on="predicate_id", maintain_order="left").to_dicts()


def _replicated(study: Study) -> dict[str, Any] | None:
    """The discovery that was tested again, and what came `again` by `query replications`; None: none was."""
    if study.propose.replicates is None:
        return None
    told = frames.read_manifest(paths.output(study.name, "propose"))["replicates"]
    try:
        tested = duck.query("replications", {"study": study.name})
    except MissingStageError:
        return {**told, "again": None}
    run_id = frames.read_manifest(paths.output(study.name, "record"))["run_id"]
    mine = tested.filter(again_in=study.name, again_run=run_id)
    return {**told, "again": mine.row(0, named=True) if mine.height else None}


def came(again: Mapping[str, Any] | None) -> str:
    """What came of testing it again, beside how often that was tried."""
    if again is None:
        return "run natstat load to compare"
    if again["n_attempts"] == 1:
        return str(again["outcome"])
    all_came = ("held", "weakened", "not confirmed", "reversed")
    counts = {name: again[f"n_{name.replace(' ', '_')}"] for name in all_came}
    counted = ", ".join(f"{n} {name}" for name, n in counts.items() if n)
    told = f"{again['outcome']}, attempt {again['attempt']} of {again['n_attempts']} ({counted})"
    if not again["again_is_discovery"] or again["is_standing"]:
        return told
    return (
        f"{told}; no discovery at alpha {again['shared_alpha']:.2g}, which it would have were the level "
        "shared among the attempts"
    )


def _measured(one: Mapping[str, Any], digits: str) -> str:
    if one["why"] == "untested":
        return ""
    return f"{one['validity']:{digits}} [{one['lo']:{digits}}, {one['hi']:{digits}}] "


def right(measured: Mapping[str, Any]) -> str:
    """What the judges got right at questions with known answers."""
    told = (f"{one['model']} got {one['n_right']} of {one['n_questions']}" for one in measured["judges"])
    return f"{', '.join(told)} questions with known answers right"


def alarm_lines(shuffled: Mapping[str, int], labels: str = "group labels") -> list[str]:
    """The line that goes before all findings where labels that mean nothing give discoveries, too."""
    if "most" not in shuffled or shuffled["runs_with_discovery"] <= shuffled["most"]:
        return []
    return [
        f"  beware: with {labels} that mean nothing, {shuffled['runs_with_discovery']} of "
        f"{shuffled['shuffles']} shuffles gave a discovery; by chance at most {shuffled['most']} would. The "
        "test does not keep its level on these texts: what is found is no evidence until it is known why."
    ]


def _proposed(study: Study) -> dict[str, Any]:
    """propose's manifest; nothing where its folder was taken away."""
    try:
        return frames.read_manifest(paths.output(study.name, "propose"))
    except MissingStageError:
        return {}


def _by_gold(study: Study) -> dict[str, dict[str, Any]]:
    """What gold verdicts say of each predicate; nothing where there are none."""
    scored = paths.output(study.name, "score")
    if not (scored / "judges.parquet").is_file():
        return {}
    judges = frames.read(scored, "judges.parquet", frames.JUDGES)
    columns = ("validity", "lo", "hi", "bearing")
    return {
        row["predicate_id"]: {name: row[name] for name in columns} for row in judges.iter_rows(named=True)
    }


def _gold_words(gold: Mapping[str, Any] | None) -> str:
    if gold is None:
        return ""
    effect = (
        "" if gold["validity"] is None else f"{gold['validity']:+.2f} [{gold['lo']:+.2f}, {gold['hi']:+.2f}] "
    )
    return f"  gold: {effect}{gold['bearing']}"


def small(q: float) -> str:
    """A q that went below what a float holds is small, not zero."""
    return f"{q:.2g}" if q > 0 else "<1e-300"
