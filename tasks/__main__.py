"""The command line: `python -m tasks <command>`. No statistics here."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import paths
from tasks.errors import NatstatError

if TYPE_CHECKING:
    import polars as pl

Command = Callable[[argparse.Namespace], None]

STAGE_HELP = {
    "collect": "read sources, merge duplicates, split by document",
    "embed": "encode every text",
    "propose": "suggest hypotheses from the exploration half",
    "formalise": "freeze predicates, judge, threshold and test",
    "verify": "judge the frozen predicates on the confirmation half",
    "score": "effects, intervals, p and q",
    "record": "check and remember the discoveries",
    "report": "write reports/NAME/index.html",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and gives its exit code (tasks/errors.py draws them)."""
    arguments = _parser().parse_args(argv)
    return exit_code(lambda: arguments.run(arguments))


def exit_code(run: Callable[[], None]) -> int:
    """Runs a command: a user's error is one line and its exit code, a bug is a traceback."""
    try:
        run()
    except NatstatError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; rerun to go on where it stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tasks",
        description="natstat: what differs between two piles of text, and is it true?",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: Command, help_text: str, *, study: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_text, description=help_text)
        if study:
            command.add_argument("--study", required=True, metavar="NAME", help="an entry of params.yaml")
        command.set_defaults(run=run)
        return command

    for stage in paths.STAGES:
        add(stage, _stage, STAGE_HELP[stage]).set_defaults(stage=stage)
    add("check", _check, "tell what would be used, before anything runs").add_argument(
        "--json", action="store_true", help="as JSON"
    )
    add("cost", _cost, "preview judgements, calls, tokens and money before spending").add_argument(
        "--json", action="store_true", help="as JSON"
    )
    label = add("label", _label, "write a blank sheet for people to judge a sample of the confirmation texts")
    label.add_argument("--texts", type=int, default=100, metavar="N", help="texts of each group, about (100)")
    label.add_argument("--found", action="store_true", help="only the discoveries, not all frozen predicates")
    add("show", _show, "print the discoveries of a finished study")
    explain = add("explain", _explain, "describe the keys of params.yaml", study=False)
    explain.add_argument("key", nargs="?", default="", help="a block or key, e.g. score.alpha")
    query = add("query", _query, "run a ready question or SQL on all past discoveries", study=False)
    query.add_argument("question", nargs="?", help="a ready question, or SQL; without it: the list")
    query.add_argument("values", nargs="*", metavar="NAME=VALUE", help="the question's parameters")
    query.add_argument("--json", action="store_true", help="as JSON lines")
    add("load", _load, "rebuild data/discoveries.duckdb from the recorded Parquet", study=False)
    return parser


def _stage(arguments: argparse.Namespace) -> None:
    from tasks import run as stage
    from tasks import study

    manifest = stage.run(study.load(arguments.study), arguments.stage)
    print(f"{arguments.stage} {arguments.study}: {summary(manifest)}")


def summary(manifest: dict[str, Any]) -> str:
    """The counts and names of a manifest on one line."""
    plain = {
        k: v for k, v in manifest.items() if isinstance(v, str | int | float) and not k.endswith("_hash")
    }
    return ", ".join(f"{key} {value}" for key, value in plain.items())


def _check(arguments: argparse.Namespace) -> None:
    from tasks import study
    from tasks.commands import check

    found = check.preview(study.load(arguments.study))
    if arguments.json:
        print(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False))
        return
    for line in check.told(found):
        print(line)


def _cost(arguments: argparse.Namespace) -> None:
    from tasks import study
    from tasks.commands import cost

    found = cost.preview(study.load(arguments.study))
    if arguments.json:
        print(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False))
        return
    for line in cost.told(found):
        print(line)


def _label(arguments: argparse.Namespace) -> None:
    from tasks import study
    from tasks.commands import label

    loaded = study.load(arguments.study)
    for line in label.told(label.write(loaded, arguments.texts, arguments.found), loaded):
        print(line)


def _show(arguments: argparse.Namespace) -> None:
    from tasks import study
    from tasks.store import frames

    loaded = study.load(arguments.study)
    folder = paths.output(loaded.name, "record")
    found = frames.read(folder, "discoveries.parquet", frames.DISCOVERIES)
    kept = found.filter("is_discovery")
    report = (paths.output(loaded.name, "report") / "index.html").relative_to(paths.root())
    print(
        f"{loaded.name}: {kept.height} of {found.height} tested hypotheses are discoveries. Report: {report}"
    )
    scored = paths.output(loaded.name, "score")
    walk = frames.read_manifest(scored)
    if walk.get("plan") == "sequential":
        print(
            f"  judged until decided: {walk['n_judged']:,} of {walk['n_grid']:,} judgements "
            f"({walk['share_judged']:.0%})"
        )
    scores = frames.read(scored, "scores.parquet", frames.SCORES)
    fragile = set(scores.filter("fragile")["predicate_id"])
    by_gold = _by_gold(scored)
    names = frames.read_manifest(folder)["names"]
    leaders = kept.filter(kept["group_id"] == kept["predicate_id"])
    ordered = leaders.sort(leaders["validity"].abs(), descending=True)
    for row in ordered.iter_rows(named=True):
        where = names[row["direction"]]
        print(
            f"  {row['validity']:+.2f} [{row['lo']:+.2f}, {row['hi']:+.2f}] q={_small(row['q'])}  "
            f"{where}: {row['predicate']}{' (fragile)' if row['predicate_id'] in fragile else ''}"
            f"{' (expected without data)' if row['family'] == 'blind' else ''}"
            f"{by_gold.get(row['predicate_id'], '')}"
        )
        folded = (kept["group_id"] == row["predicate_id"]) & (kept["predicate_id"] != row["predicate_id"])
        for member in kept.filter(folded).iter_rows(named=True):
            print(f"    {member['validity']:+.2f} on nearly the same texts: {member['predicate']}")
    n_contradicted = frames.read_manifest(scored).get("gold", {}).get("n_contradicted", 0)
    if n_contradicted:
        print(f"  {n_contradicted} more were taken back: the gold verdicts contradict them.")
    if not kept.height:
        print("  nothing held up on the texts that no proposer had seen.")


def _by_gold(scored: Path) -> dict[str, str]:
    """What gold verdicts say of each predicate; nothing where there are none."""
    from tasks.store import frames

    if not (scored / "judges.parquet").is_file():
        return {}
    judges = frames.read(scored, "judges.parquet", frames.JUDGES)
    return {
        row["predicate_id"]: "  gold: "
        + (
            row["bearing"]
            if row["validity"] is None
            else f"{row['validity']:+.2f} [{row['lo']:+.2f}, {row['hi']:+.2f}] {row['bearing']}"
        )
        for row in judges.iter_rows(named=True)
    }


def _small(q: float) -> str:
    """A q that went below what a float holds is small, not zero."""
    return f"{q:.2g}" if q > 0 else "<1e-300"


def _explain(arguments: argparse.Namespace) -> None:
    from tasks import study

    for line in study.explain(arguments.key):
        print(line)


def _query(arguments: argparse.Namespace) -> None:
    from tasks.errors import ParamsError
    from tasks.store import duck

    if arguments.question is None:
        for name, title in duck.questions().items():
            print(f"{name:<18} {title}")
        return
    wrong = [v for v in arguments.values if "=" not in v]
    if wrong:
        raise ParamsError(f"query: wanted NAME=VALUE, got {wrong[0]!r}.")
    answer = duck.query(arguments.question, dict(v.split("=", 1) for v in arguments.values))
    if arguments.json:
        print(answer.write_ndjson(), end="")
        return
    import polars as pl

    with pl.Config(
        tbl_rows=200,
        tbl_cols=30,
        fmt_str_lengths=60,
        tbl_width_chars=160,
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
        float_precision=3,
    ):
        print(_readable(answer) if answer.height else "(no rows)")


def _readable(answer: "pl.DataFrame") -> "pl.DataFrame":
    """p and q to two digits however small, times to the minute."""
    import polars as pl

    shown = [
        pl.col(name).map_elements(_small, return_dtype=pl.String)
        for name, dtype in answer.schema.items()
        if name.endswith(("p", "q")) and dtype == pl.Float64
    ]
    return answer.with_columns(shown).with_columns(pl.selectors.datetime().dt.strftime("%Y-%m-%d %H:%M"))


def _load(arguments: argparse.Namespace) -> None:
    from tasks.store import duck

    print(f"loaded {duck.load_all()} studies into {paths.discoveries_db()}")


if __name__ == "__main__":
    sys.exit(main())
