"""Documentation of installed packages: one row per public function or method."""

import shutil
import sys
import textwrap
from pathlib import Path

import polars as pl
import pytest

from tasks.errors import SourceError
from tasks.store.sources import docstrings
from tasks.store.sources.docstrings import read_docstrings
from tests.conftest import REPO, Project

MODULE = '''
"""A package to read."""
from json import dumps  # not its own
import os               # a module
LIMIT = 3

def sort(x):
    """Sorts.

    Examples
    --------
    >>> sort([2, 1])
    [1, 2]

    Stable.
    """

def silent(): ...
def _private():
    """Never read."""

class Base:
    def shared(self):
        """From the base."""

class Accessor:
    """A descriptor: these words are about itself."""

class Table(Base):
    """A table."""
    text = Accessor()
    limit = 3
    def sort(self):
        """Sorts rows."""
    @property
    def height(self):
        """Number of rows."""
    @classmethod
    def empty(cls):
        """Gives no rows."""
    @staticmethod
    def version():
        """Half a pair: \\ud83d."""
    class Inner:
        """Not a method."""
'''


@pytest.fixture
def package(project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `tabular`, installed for this test, and the catalogue to write."""
    (project.folder / "tabular.py").write_text(textwrap.dedent(MODULE), encoding="utf-8")
    monkeypatch.syspath_prepend(str(project.folder))
    monkeypatch.setattr(docstrings, "_version", lambda file, package: "1.2")
    monkeypatch.delitem(sys.modules, "tabular", raising=False)
    return project.folder / "catalogue.yaml"


def _names(frame: pl.DataFrame) -> dict[str, str]:
    return dict(frame.select("object", "text").rows())


def test_public_functions_methods_and_properties_are_read(package: Path) -> None:
    package.write_text("packages:\n  tabular: [tabular, tabular.Table]\n")
    frame, versions = read_docstrings(package)
    assert _names(frame) == {
        "tabular.sort": "Sorts.\n\nExamples\n--------\n\nStable.",
        "tabular.Table.sort": "Sorts rows.",
        "tabular.Table.height": "Number of rows.",
        "tabular.Table.empty": "Gives no rows.",
        "tabular.Table.version": "Half a pair: \ufffd.",
        "tabular.Table.shared": "From the base.",
    }
    assert frame.filter(pl.col("name") == "sort")["object"].to_list() == [
        "tabular.sort",
        "tabular.Table.sort",
    ]
    assert set(frame["package"]) == {"tabular"}
    assert versions == {"tabular": "1.2"}


def test_examples_are_kept_where_asked(package: Path) -> None:
    package.write_text("examples: true\npackages:\n  tabular: [tabular]\n")
    assert ">>> sort([2, 1])\n[1, 2]" in _names(read_docstrings(package)[0])["tabular.sort"]


@pytest.mark.parametrize(
    ("catalogue", "wanted"),
    [
        ("packages: [tabular]", "wanted `packages:` with a list"),
        ("", "wanted `packages:`"),
        ("packages:\n  tabular: tabular", "packages.tabular: wanted a list of names"),
        ("packages:\n  tabular: [os.path]", "os.path lies outside the package"),
        ("packages:\n  tabular: [tabular.Tabel]", "tabular.Tabel is not there; did you mean `Table`"),
        ("packages:\n  tabular: [tabular.sort]", "wanted a module or a class, got function"),
        ("packages:\n  tabular: [tabular]\nexample: true", "unknown key example; did you mean `examples`"),
        ("packages:\n  tabular: [tabular]\nexamples: 3", "wanted true or false, got 3"),
        ("packages: {", "not valid YAML"),
    ],
)
def test_a_catalogue_that_cannot_be_meant(package: Path, catalogue: str, wanted: str) -> None:
    package.write_text(catalogue)
    with pytest.raises(SourceError, match=wanted):
        read_docstrings(package)


def test_a_package_that_is_not_installed(project: Project) -> None:
    (project.folder / "c.yaml").write_text("packages:\n  no_such_package: [no_such_package]")
    with pytest.raises(SourceError, match="no such package is installed"):
        read_docstrings(project.folder / "c.yaml")


def test_the_demo_reads_two_libraries(project: Project) -> None:
    shutil.copy(REPO / "demo/docstrings.yaml", project.folder / "demo.yaml")
    frame, versions = read_docstrings(project.folder / "demo.yaml")
    sizes = dict(frame.group_by("package").len().iter_rows())
    assert min(sizes["pandas"], sizes["polars"]) > 500
    assert sorted(versions) == ["pandas", "polars"]
    sort = frame.filter(pl.col("name") == "sort")
    assert {"polars.DataFrame.sort", "polars.Expr.sort"} <= set(sort["object"])
    assert not frame["text"].str.contains(">>>", literal=True).any()
    assert frame.select(pl.col("text").str.strip_chars().str.len_chars().min()).item() > 0
    assert frame.equals(read_docstrings(project.folder / "demo.yaml")[0])
