"""The documentation as tests read it: its files, its commands, its headings and its links."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import REPO

FILES = (
    *(REPO / name for name in ("README.md", "GLOSSARY.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((REPO / "docs").rglob("*.md")),
)
_FENCE = re.compile(r"^ {0,3}(```+|~~~+)(.*?)^ {0,3}\1[ \t]*$", re.MULTILINE | re.DOTALL)
_SHELL = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4,}((?:python -m|natstat|make) .+)$", re.MULTILINE)
_SPAN = re.compile(r"(`+)(.+?)\1")
_COMMAND = re.compile(r"(?:python -m|natstat|make) \S")


def text(name: str) -> str:
    """A page, named from the project folder."""
    return (REPO / name).read_text(encoding="utf-8")


def named(file: Path) -> str:
    """As a person would write the page."""
    return file.relative_to(REPO).as_posix()


def shell_lines(file: Path) -> list[str]:
    """Command lines that stand by themselves: in shell blocks, or indented."""
    content = file.read_text(encoding="utf-8")
    lines = [line for block in _SHELL.findall(content) for line in block.splitlines()]
    lines += _INDENTED.findall(_FENCE.sub("", content))
    plain = [line.removeprefix("$ ").split("  #")[0].strip() for line in lines]
    return [line for line in plain if line and not line.startswith("#")]


def quoted_commands(file: Path) -> list[str]:
    """Commands within a sentence or a table."""
    spans = [code for _, code in _SPAN.findall(_FENCE.sub("", file.read_text(encoding="utf-8")))]
    return [code for code in spans if _COMMAND.match(code)]


def _prose(file: Path) -> str:
    """The page without code, in which brackets are no links."""
    return _FENCE.sub("", file.read_text(encoding="utf-8"))


def anchors(file: Path) -> set[str]:
    """What a link to a place in the page may name, as GitHub makes it of the headings."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*$", _prose(file), re.MULTILINE):
        words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    numbered = {f"{slug}-{n}" for slug, most in found.items() for n in range(1, most + 1)}
    return set(found) | numbered | set(re.findall(r'<a (?:id|name)="([^"]+)"', _prose(file)))


def links(file: Path) -> Iterator[str]:
    """Targets that are no addresses of the web."""
    prose = _SPAN.sub("code", _prose(file))
    inline = re.findall(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]*)>?(?:\s+\"[^\"]*\")?\)", prose)
    by_name = re.findall(r"^ {0,3}\[[^\]]+\]:\s*<?([^\s>]+)", prose, re.MULTILINE)
    html = re.findall(r"<(?:a|img)[^>]+(?:href|src)=\"([^\"]+)\"", prose)
    for target in (*inline, *by_name, *html):
        if not re.match(r"[a-z][a-z0-9+.-]*:|//", target):
            yield target
