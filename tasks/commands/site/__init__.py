"""Write one page of all studies and all that they tested: reports/index.html.

It lies beside the reports and leads to them, so that the folder can be read, copied or served as it is. The
page is one file that loads nothing; without its script it is two plain tables.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tasks import paths
from tasks.commands import output, show
from tasks.report import filters, pages
from tasks.report.findings import numbers
from tasks.store import disk, duck, listing
from tasks.store.version import code_version

_HERE = Path(__file__).parent
_DECIMALS = {"bits per text": 3}
"""Of effects, by estimand; else two."""
Row = dict[str, Any]


def run(arguments: argparse.Namespace) -> None:
    """Writes it, and says where."""
    studies, listed = listing.studies(), listing.listed()
    file = paths.site_page()
    written = page(studies, listed, tested_again())
    temporary = disk.copy_beside(file)
    try:
        with disk.reported(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(written, encoding="utf-8", errors="replace", newline="\n")
            temporary.replace(file)
    finally:
        disk.remove(temporary)
    told = {
        "page": file.relative_to(paths.root()).as_posix(),
        "n_studies": studies.height,
        "n_tested": listed.height,
        "n_held": listed.filter(state=listing.HELD).height,
    }
    output(told, lines, arguments.json)


def lines(told: Mapping[str, Any]) -> list[str]:
    """Where it is, and what is on it."""
    n = told["n_studies"]
    return [
        f"{told['page']}: {n} {'study' if n == 1 else 'studies'}; {told['n_held']:,} of {told['n_tested']:,} "
        "tested hypotheses hold"
    ]


def page(studies: pl.DataFrame, listed: pl.DataFrame, again: Mapping[str, str]) -> str:
    """The page.

    Args:
        studies: rows of `listing.studies`.
        listed: rows of `listing.listed`.
        again: of `tested_again`.
    """
    template = pages.environment((_HERE,), 2, "share").get_template("kind/site.html")
    rows = [
        {**row, "report": _report(row["study"]), "again": again.get(row["run_id"])}
        for row in studies.iter_rows(named=True)
    ]
    at = {row["study"]: place for place, row in enumerate(rows)}
    return template.render(
        studies=rows,
        rows=[_row(row, at[row["study"]]) for row in _ordered(listed)],
        kinds=sorted(set(studies["kind"])),
        goals=sorted(set(studies["goal"])),
        states=listing.STATES,
        first=listing.HELD,
        n_held=listed.filter(state=listing.HELD).height,
        script=(_HERE / "site.js").read_text(encoding="utf-8"),
        version=code_version(),
    )


def tested_again() -> dict[str, str]:
    """By run of a replication: what came of it, beside the number of attempts at that discovery."""
    return {
        row["again_run"]: f"tests a discovery of {row['study'] or 'a study'} again: {show.came(row)}"
        for row in duck.query("replications").iter_rows(named=True)
    }


def _report(study: str) -> str:
    """Where its report lies, from the page; empty where there is none."""
    file = paths.report_page(study)
    return file.relative_to(paths.site_page().parent).as_posix() if file.is_file() else ""


def _ordered(listed: pl.DataFrame) -> Sequence[Row]:
    """What holds first, then by the size of the effect; effects in bits and in shares have no order."""
    order = pl.col("state").replace_strict({state: i for i, state in enumerate(listing.STATES)})
    ordered = listed.with_columns(number=_numbers(listed)).sort(
        order, "estimand", pl.col("validity").abs(), descending=[False, True, True], nulls_last=True
    )
    return ordered.to_dicts()


def _numbers(listed: pl.DataFrame) -> pl.Series:
    """The number of each in its study's report; empty where its run has none there."""
    known: dict[tuple[str, str], str] = {}
    for (study,), rows in listed.filter(pl.col("state") != listing.UNTESTED).group_by("study"):
        tested = rows.with_columns(pl.col("lo", "hi").fill_null(float("nan"))).to_dicts()
        known |= {(str(study), one): number for one, number in numbers(tested).items()}
    is_newest = listed["state"] != listing.UNTESTED
    keys = zip(listed["study"], listed["predicate_id"], is_newest, strict=True)
    return pl.Series([known[study, id_] if newest else "" for study, id_, newest in keys], dtype=pl.String)


def _row(row: Row, study: int) -> Row:
    """A line of the table, its values written."""
    decimals = _DECIMALS.get(row["estimand"], 2)
    lo, hi = (filters.end(row[name], decimals) for name in ("lo", "hi"))
    value = row["validity"]
    return {
        **row,
        "at": study,
        "size": "" if value is None else abs(value),
        "side": "a" if row["direction"] == "A" else "b",
        "effect": filters.effect(value, decimals),
        "interval": f"[{lo}, {hi}]",
        "is_bits": row["estimand"] == "bits per text",
        "date": row["found_at"].date().isoformat(),
        "anchor": _anchor(row),
    }


def _anchor(row: Row) -> str:
    """Where its report has it; nowhere, where its newest run did not test it."""
    if row["state"] == listing.HELD:
        return f"#finding-{row['number'].split('.')[0]}"
    return "" if row["state"] == listing.UNTESTED else "#rejected"
