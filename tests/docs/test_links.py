"""Every link between pages leads somewhere, and every page can be found from the index."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.conftest import REPO
from tests.docs import pages


def _broken(file: Path) -> list[str]:
    """What is wrong with the page's links."""
    wrong = []
    for target in pages.links(file):
        path, _, anchor = unquote(target).partition("#")
        to = (file.parent / path).resolve() if path else file
        if path.startswith("/") or not to.is_relative_to(REPO):
            wrong.append(f"({target}): wanted a path relative to the page, inside the project")
        elif not to.exists():
            wrong.append(f"({target}): there is no {to.relative_to(REPO)}")
        elif anchor and anchor not in pages.anchors(to):
            wrong.append(f"({target}): no such heading; there are {', '.join(sorted(pages.anchors(to)))}")
    return wrong


@pytest.mark.parametrize("file", pages.FILES, ids=pages.named)
def test_every_link_leads_somewhere(file: Path) -> None:
    assert not _broken(file), f"{pages.named(file)}: {_broken(file)}"


def test_the_index_lists_every_page() -> None:
    index = REPO / "docs" / "index.md"
    listed = {(index.parent / target.partition("#")[0]).resolve() for target in pages.links(index)}
    unlisted = [pages.named(f) for f in pages.FILES if f not in listed | {index}]
    assert not unlisted, f"docs/index.md lists all pages but {unlisted}"


def test_the_readme_stays_short_and_leads_to_the_index() -> None:
    readme = REPO / "README.md"
    assert len(readme.read_text(encoding="utf-8").splitlines()) <= 150
    assert "docs/index.md" in set(pages.links(readme))


PAGE = """# A page: with `code`, twice

## Twice
See [the other](other.md#an-anchor "title"), [web](https://example.org), `[no](link.md)`, [below](#twice-1).

```sh
# no heading
natstat show --study press   # [no](link.md)
```

## Twice
Also `natstat load` and `made up`.

    python -m benchmarks.encode
"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    file = tmp_path / "page.md"
    file.write_text(PAGE, encoding="utf-8")
    return file


def test_headings_are_anchors_as_on_github(page: Path) -> None:
    assert pages.anchors(page) == {"a-page-with-code-twice", "twice", "twice-1"}


def test_links_are_found_outside_of_code_alone(page: Path) -> None:
    assert list(pages.links(page)) == ["other.md#an-anchor", "#twice-1"]


def test_commands_are_found_wherever_they_stand(page: Path) -> None:
    assert pages.shell_lines(page) == ["natstat show --study press", "python -m benchmarks.encode"]
    assert pages.quoted_commands(page) == ["natstat load"]


def test_broken_links_are_told(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{__name__}.REPO", page.parent)
    assert _broken(page) == ["(other.md#an-anchor): there is no other.md"]
    (page.parent / "other.md").write_text("# Another anchor\n", encoding="utf-8")
    assert _broken(page) == ["(other.md#an-anchor): no such heading; there are another-anchor"]
