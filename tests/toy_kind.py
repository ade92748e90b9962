"""The kind that docs/adding-a-kind.md adds, and a study of it."""

import re

from tests.conftest import PAIR_STUDY, REPO

PAGE = (REPO / "docs" / "adding-a-kind.md").read_text(encoding="utf-8")
TOY_STUDY = {**PAIR_STUDY, "kind": "openings", "openings": {"n_words": 7}}


def toy_files() -> list[tuple[str, str]]:
    """Its files by name, as they stand on the page."""
    return re.findall(r"`tasks/kinds/(openings/[\w.]+)`[^\n]*\n\n```\w+\n(.*?)```", PAGE, re.DOTALL)
