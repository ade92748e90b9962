"""The entrance for notebooks: what the commands do and tell, as frames and dicts.

Everything is relative to the current folder, where params.yaml lies, and is read anew on each call: a key
that was changed meanwhile counts. Errors are those of `tasks/errors.py`.
Not here:   any logic of its own; each member calls what the command of its name calls
"""

import html
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks import paths
from tasks.errors import MissingStageError, NatstatError, ParamsError, nearest

# Imported where they are used: `from tasks import api` takes no time.
if TYPE_CHECKING:
    import polars as pl

    from tasks.kinds import Kind
    from tasks.study import Study

__all__ = ["OpenStudy", "open", "query", "studies"]

_TABLES_IN = ("propose", "verify", "score")
"""The stages that write tables of a kind."""
_MAX_ROWS = 20
"""Discoveries that are shown where a study stands alone in a cell."""


def studies() -> list[str]:
    """Names of the studies in params.yaml, in file order.

    Raises:
        ParamsError: params.yaml is missing or broken.
    """
    from tasks import study

    return study.names()


def open(name: str) -> "OpenStudy":
    """The study of that name, whether it has run or not.

    Raises:
        ParamsError: there is none, or params.yaml says something of it that cannot be meant.
    """
    return OpenStudy(name)


def query(question: str, /, **params: Any) -> "pl.DataFrame":
    """The answer to a ready question (`natstat query` lists them) or to SQL, over all recorded studies.

    Args:
        question: the question's name, or SQL.
        params: the question's parameters, or values of `$name` in the SQL.

    Raises:
        MissingStageError: nothing has been recorded yet.
        ParamsError: no such question or parameter, a value that does not fit, or wrong SQL.
        StoreError: the database is damaged or held by another program.
    """
    from tasks.store import duck

    return duck.query(question, params)


class OpenStudy:
    """A study of params.yaml: run it, and read what its stages wrote."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._read = self._study()

    def _study(self) -> "Study":
        from tasks import study

        self._read = study.load(self.name)
        return self._read

    def _kind(self) -> "Kind":
        from tasks import kinds

        return kinds.load(self._study().kind)

    @property
    def kind(self) -> str:
        """Its kind."""
        return self._read.kind

    @property
    def goal(self) -> str:
        """What is asked."""
        return self._read.goal

    def run(self, stage: str | None = None) -> dict[str, dict[str, Any]]:
        """Runs the stages that are missing or stale, or the one that is named; gives all manifests by stage.

        Stale is a stage that is older than its data or than a stage before it, and the whole study where it
        was recorded under other keys of params.yaml. `dvc repro` sees more: changed code, changed labels.

        Raises:
            ParamsError: params.yaml says something that cannot be meant, or there is no such stage.
            MissingStageError: a stage before the one that is named has not run.
            NatstatError: whatever else the stage raises.
        """
        from tasks.commands import stage as command

        study = self._study()
        for each in paths.STAGES[_first_stale(study) :] if stage is None else [stage]:
            command.run_stage(study, each)
        return self._manifests()

    def check(self) -> dict[str, Any]:
        """What would be used and could be found, as `natstat check` tells it.

        Raises:
            SourceError: a source cannot be read.
            CorpusError: its texts cannot answer the question.
            EngineError: an encoder that is to be tested, or compared with, is not there.
        """
        from tasks.commands import check

        return check.preview(self._study())

    def cost(self) -> dict[str, Any]:
        """Judgements, calls, tokens and money at most, as `natstat cost --no-judge` tells them.

        Raises:
            SourceError: a source cannot be read.
            CorpusError: its texts cannot answer the question.
        """
        from tasks.commands import cost

        return cost.preview(self._study())

    def judge(self) -> dict[str, Any]:
        """What the judge is worth at questions with known answers, as `natstat judge` tells it; it is asked.

        Raises:
            ParamsError: no language model judges texts in this study.
            EngineError: it cannot be asked, or the budget is reached.
        """
        from tasks.commands import judge

        return judge.measured(self._study())

    def show(self) -> dict[str, Any]:
        """The discoveries with what is told of each, as `natstat show` tells them.

        Raises:
            MissingStageError: the study has not run to its end.
        """
        from tasks.commands import show

        return show.found_by(self._study())

    @property
    def texts(self) -> "pl.DataFrame":
        """All texts, with group, document and half.

        Raises:
            MissingStageError: collect has not run.
        """
        return self._table("collect", "texts")

    @property
    def predicates(self) -> "pl.DataFrame":
        """The frozen predicates.

        Raises:
            MissingStageError: formalise has not run.
        """
        return self._table("formalise", "predicates")

    @property
    def verdicts(self) -> "pl.DataFrame":
        """All verdicts, in memory at once.

        Raises:
            MissingStageError: verify has not run.
        """
        from tasks.store import frames

        return frames.scan_verdicts(paths.output(self.name, "verify")).collect()

    @property
    def scores(self) -> "pl.DataFrame":
        """Effect, interval, p and q of every predicate, and in `why` for what reason it is no discovery.

        Raises:
            MissingStageError: score has not run.
        """
        return self._table("score", "scores")

    @property
    def discoveries(self) -> "pl.DataFrame":
        """What was recorded of every tested predicate; `is_discovery` says which are discoveries.

        Raises:
            MissingStageError: record has not run.
        """
        return self._table("record", "discoveries")

    def table(self, name: str) -> "pl.DataFrame":
        """A table that only studies of its kind have.

        Raises:
            ParamsError: its kind has no such table.
            MissingStageError: the stage that writes it has not run.
        """
        from tasks.store import frames

        known = self._kind().tables
        if name not in known:
            raise ParamsError(
                f"table {name}: wanted one of {', '.join(known) or '(none)'} of kind {self.kind}"
                f"{nearest(name, known)}."
            )
        folders = [paths.output(self.name, stage) for stage in _TABLES_IN]
        there = [folder for folder in folders if (folder / f"{name}.parquet").is_file()]
        if not there:
            raise MissingStageError(
                f"table {name} of {self.name}: wanted from {', '.join(_TABLES_IN)}, not there. Run the study."
            )
        return frames.read(there[0], f"{name}.parquet", known[name])

    @property
    def report(self) -> "Report":
        """The written report, shown where it stands alone in a cell.

        Raises:
            MissingStageError: report has not run.
        """
        return Report(paths.output(self.name, "report") / "index.html")

    def _table(self, stage: str, name: str) -> "pl.DataFrame":
        from tasks.store import frames

        return frames.read(paths.output(self.name, stage), f"{name}.parquet", getattr(frames, name.upper()))

    def _manifests(self) -> dict[str, dict[str, Any]]:
        from tasks.store import frames

        # The figures of a report are what other stages call their manifest.
        names = {stage: "metrics" if stage == "report" else "manifest" for stage in self._there()}
        return {
            stage: frames.read_manifest(paths.output(self.name, stage), name) for stage, name in names.items()
        }

    def _there(self) -> list[str]:
        return [stage for stage in paths.STAGES if _left_by(self.name, stage).is_file()]

    def _state(self) -> str:
        there = self._there()
        missing = [stage for stage in paths.STAGES if stage not in there]
        return f"there: {', '.join(there) or 'nothing'}; missing: {', '.join(missing) or 'nothing'}"

    def __repr__(self) -> str:
        goal = " ".join(self.goal.split())
        return f"OpenStudy {self.name} ({self.kind}): {goal} [{self._state()}]"

    def _repr_html_(self) -> str:
        """Its discoveries, or which stages are there."""
        from tasks.commands import show

        head = f"<b>{_safe(self.name)}</b> ({_safe(self.kind)}): {_safe(self.goal)}"
        try:
            found = self.show()
        except NatstatError:
            return f"<p>{head}<br>{_safe(self._state())}</p>"
        rows = [
            (
                f"{row['validity']:+.2f}",
                f"[{row['lo']:+.2f}, {row['hi']:+.2f}]",
                show.small(row["q"]),
                row["more_in"],
                row["predicate"],
            )
            for row in found["discoveries"]
        ]
        n_more = len(rows) - _MAX_ROWS
        more = f"<p>{n_more} more: <code>show()</code></p>" if n_more > 0 else ""
        alarm = "".join(f"<p><b>{_safe(line)}</b></p>" for line in show.alarm_lines(found["shuffled"]))
        return (
            f"<p>{head}<br>{len(rows)} of {found['n_tested']} tested hypotheses are discoveries</p>"
            f"{alarm}"
            f"<table>{_row(('effect', 'interval', 'q', 'more in', 'hypothesis'), 'th')}"
            f"{''.join(_row(row, 'td') for row in rows[:_MAX_ROWS])}</table>{more}"
        )


class Report:
    """A written report: `path` is its file, and a cell shows it."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise MissingStageError(f"{path}: wanted the report, not there. Run the study.")
        self.path = path

    def __repr__(self) -> str:
        return f"Report {self.path}"

    def _repr_html_(self) -> str:
        """The page in a frame of its own, which reaches neither the notebook nor the network."""
        page = self.path.read_text(encoding="utf-8")
        # In a frame without an address a bare #place would lead to the notebook.
        page = page.replace('<a href="#', '<a href="about:srcdoc#')
        # Nor is there a page beside it.
        page = re.sub(r'<a href="checks\.html">(.*?)</a>', r"\1", page)
        return (
            f'<iframe srcdoc="{html.escape(page)}" sandbox="allow-scripts allow-downloads" width="100%" '
            'height="800" style="border: 0"></iframe>'
        )


def _safe(value: str) -> str:
    """Text from outside, made harmless."""
    from tasks.report import filters

    return html.escape(filters.neutral(value))


def _row(cells: tuple[str, ...], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{_safe(cell)}</{tag}>' for cell in cells)}</tr>"


def _first_stale(study: "Study") -> int:
    """The number of the first stage to run, as far as times and recorded keys tell."""
    if _was_recorded_otherwise(study):
        return 0
    data = study.data_path
    newest = data.stat().st_mtime_ns if data.is_file() else 0
    for number, stage in enumerate(paths.STAGES):
        left = _left_by(study.name, stage)
        if not left.is_file() or left.parent.stat().st_mtime_ns < newest:
            return number
        newest = left.parent.stat().st_mtime_ns
    return len(paths.STAGES)


def _left_by(name: str, stage: str) -> Path:
    """What is there once the stage has run; `dvc repro` may leave the folder of a report without its page."""
    return paths.output(name, stage) / ("index.html" if stage == "report" else "manifest.json")


def _was_recorded_otherwise(study: "Study") -> bool:
    """Whether a key that was recorded has another value now, or the record cannot be read."""
    from tasks.store import frames

    folder = paths.output(study.name, "record")
    if not folder.is_dir():
        return False
    try:
        recorded = json.loads(frames.read(folder, "runs.parquet", frames.RUNS)["params"].item())
    except NatstatError:
        return True
    now = study.model_dump(mode="json")
    return any(now.get(key) != value for key, value in recorded.items())
