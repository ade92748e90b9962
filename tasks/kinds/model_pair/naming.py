"""When two names are one."""

import re


def folded(name: str) -> str:
    """A name as it is however it is spelled: in any case, with blanks, `_` or `-`."""
    return re.sub(r"[\s_\-]+", "-", name.casefold()).strip("-")
