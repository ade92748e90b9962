"""Which code made a row."""

from functools import lru_cache
from pathlib import Path

from tasks.store.frames import hashed

VERSION = "0.1.0"
_ONLY_SHOWS = {"__main__.py", "api.py", "commands", "report"}
_SHOWS_OF_KINDS = {"lines.py", "loads.py", "page.py"}


@lru_cache(maxsize=1)
def code_version() -> str:
    """Release and a hash of all code that can change a result, e.g. `0.1.0+3f2a9c01`."""
    package = Path(__file__).parents[1]
    files = sorted(
        file
        for file in package.rglob("*")
        if file.suffix in {".py", ".md", ".yaml"}
        and file.relative_to(package).parts[0] not in _ONLY_SHOWS
        and file.name not in _SHOWS_OF_KINDS
    )
    contents = (f"{f.relative_to(package).as_posix()}\n{f.read_text(encoding='utf-8')}" for f in files)
    return f"{VERSION}+{hashed(*contents)[:8]}"
