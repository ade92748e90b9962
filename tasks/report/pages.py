"""How pages are made: where templates lie, what they may call, and the policy that every page carries.

A page is one file that loads nothing. Its Content-Security-Policy names its style sheet and its script by
their SHA-256: no other runs, whatever a corpus holds, and no element brings a style or a script of its own.
"""

import base64
import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.report import filters

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "templates"


@functools.cache
def environment(own: tuple[Path, ...], decimals: int, scale: str) -> "jinja2.Environment":
    """Where a page's templates come from and what they may call; compiled once.

    Args:
        own: folders of further templates, as `kind/NAME`: a kind's part of a report lies in its folder, or in
            that of kinds like it.
        decimals: of effects.
        scale: what effects are measured in, as `Kind.scale`.
    """
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [
                jinja2.FileSystemLoader(TEMPLATES),
                jinja2.PrefixLoader({"kind": jinja2.FileSystemLoader(own)}),
            ]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=filters.neutral,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        effect=lambda value: filters.effect(value, decimals),
        end=lambda value: filters.end(value, decimals),
        # Where effects are bits their digits say nothing of those of a share.
        share=lambda value: filters.share(value, decimals if scale == "share" else 2),
        digest=digest,
        **{name: getattr(filters, name) for name in filters.PLAIN},
    )
    return made


def digest(content: str) -> str:
    """What a Content-Security-Policy calls a style sheet or a script: `sha256-...`."""
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
