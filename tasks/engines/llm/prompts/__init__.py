"""What is asked of a model: prompt files with a versioned header, and data that cannot leave its line.

A prompt file has a header (`version`, `purpose`) between `---` lines, then `# system`, the part that stays
the same from call to call, and `# user`, the part that changes.
"""

import json
import re
from base64 import b32encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

import jinja2

from tasks.errors import EngineError
from tasks.store import media
from tasks.store.frames import hashed
from tasks.study import Study, dialect

FOLDER = Path(__file__).resolve().parent

# Messages are no HTML: nothing is to be escaped here, and data is escaped by `lines`.
_ENVIRONMENT = jinja2.Environment(  # noqa: S701
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_FILE = re.compile(r"---\n(.*?)\n---\n+# system\n+(.*?)\n+# user\n+(.*)", re.DOTALL)
# Control characters and line ends, of which JSON leaves some as they are, and what a server may read as its
# own marks around a message (`<|im_end|>`, `</s>`, `[INST]`): in a JSON string the escape means the same.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]|<(?=[|｜/!?A-Za-z_])|\[(?=/?[A-Z_]+\])")


@dataclass(frozen=True)
class Prompt:
    """One prompt file."""

    name: str
    """Stage and file, e.g. verify/predicates."""
    version: int
    hash: str
    """Of the whole file, header included: answers are remembered under it."""
    _system: jinja2.Template = field(repr=False, compare=False)
    _user: jinja2.Template = field(repr=False, compare=False)

    def render(self, **values: object) -> tuple[str, str]:
        """The system and the user message; values are put in as they are, never read as templates.

        Raises:
            jinja2.UndefinedError: the file names a value that is not given.
        """
        return self._system.render(values).strip(), self._user.render(values).strip()


@cache
def load(name: str, folder: Path = FOLDER) -> Prompt:
    """The prompt in `<folder>/<name>.md`; this engine's own where no other folder is named.

    Raises:
        EngineError: the file is not there or not of this form.
    """
    file = folder / f"{name}.md"
    try:
        content = file.read_text(encoding="utf-8").strip()
        parts = _FILE.fullmatch(content)
        header = dialect.read(parts[1]) if parts else None
        if parts is None or not isinstance(header, dict) or set(header) != {"version", "purpose"}:
            raise ValueError("wanted a header with version and purpose, `# system` and `# user`")
        version = int(header["version"])
        system, user = (_ENVIRONMENT.from_string(parts[part]) for part in (2, 3))
    except (OSError, ValueError, TypeError, jinja2.TemplateSyntaxError) as error:
        raise EngineError(f"{file}: no usable prompt: {error}.") from None
    return Prompt(name, version, hashed(content), system, user)


def lines(rows: Iterable[Mapping[str, object]]) -> str:
    """Data for a message: one JSON object per line, which nothing inside it can end."""
    return "\n".join(_safe(json.dumps(row, ensure_ascii=False, separators=(",", ":"))) for row in rows)


Noun = Literal["text", "picture"]


def noun(study: Study) -> Noun:
    """What one row of a study is called, once it is collected."""
    return "picture" if media.are_there(study.name) else "text"


def question(predicate: str) -> str:
    """A predicate as a question about one text, on one line."""
    return f"Could one say that the text {phrase(predicate)}?"


def question_of_picture(predicate: str) -> str:
    """The same about one picture."""
    return f"Could one say that the picture {phrase(predicate)}?"


def phrase(sentence: str) -> str:
    """A sentence without its end, as part of another: on one line, and without a server's own marks."""
    return _safe(" ".join(sentence.split()).rstrip(".!? ") or sentence.strip())


def _safe(line: str) -> str:
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", line)


def item_ids(keys: Sequence[str], *salt: str) -> list[str]:
    """Six letters and digits for each key: distinct, the same in every run, unknown without the salt."""
    given: list[str] = []
    taken: set[str] = set()
    for key in keys:
        again = 0
        while (made := _item_id(key, *salt, *["again"] * again)) in taken:
            again += 1
        given.append(made)
        taken.add(made)
    return given


def _item_id(*parts: str) -> str:
    return b32encode(bytes.fromhex(hashed("item", *parts)))[:6].decode().lower()
