"""YAML as DVC reads it: version 1.2, by ruamel.yaml, so that a file means one thing to both.

`no`, `off` and `yes` are text, `1e-3` is a number. Plain values only: nothing that is read can run code.
Guarantees: what no two readers agree on (dates, 010, a key that stands twice or is no text) is an error with
            its line; aliases of aliases cannot fill the memory.
"""

import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode
from ruamel.yaml.resolver import VersionedResolver

MOST_NODES = 200_000
"""Of a file in which every alias is written out."""
_PLAIN = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map", "merge")
)
_DATE, _INT, _FLOAT, _STR, _MERGE = (
    f"tag:yaml.org,2002:{name}" for name in ("timestamp", "int", "float", "str", "merge")
)
_MAY_BE_A_CODE = re.compile(r"[-+]?0[0-9xob]|.*_")
"""What 010, 0x1F and 1_000 mean depends on who reads them."""
_NO_CHARACTER = re.compile("[\0\ud800-\udfff]")
"""What no name of a file can hold."""


class NotYaml(ValueError):
    """What stands there cannot be read, or not in one way; the message begins with the line."""


def read(text: str) -> Any:
    """What a YAML file holds, None of an empty one.

    Raises:
        NotYaml: it is no YAML, or says something that is read in two ways.
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(text)
        if root is None:
            return None
        _refuse_too_large(root)
        for node, is_key in _nodes(root):
            _refuse_two_meanings(node, is_key)
        return yaml.constructor.construct_document(root)
    except MarkedYAMLError as error:
        raise NotYaml(_told(error)) from None
    except YAMLError as error:
        raise NotYaml(" ".join(str(error).split())) from None
    except RecursionError:
        raise NotYaml("nested too deeply") from None
    except NotYaml:
        raise
    # What is tagged as a number or truth value and is none, and a number of 5,000 digits.
    except (ValueError, OverflowError, LookupError, TypeError) as error:
        raise NotYaml(f"a value cannot be read: {error}") from None


def written(content: Any) -> str:
    """Plain values as YAML that `read` reads as they are."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.allow_unicode, yaml.width = True, 88
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    stream = StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


def is_text(word: str) -> bool:
    """Whether a word without quotes is text, by the rules of 1.2 and by those of 1.1."""
    return all(
        VersionedResolver(version=version).resolve(ScalarNode, word, (True, False)) == _STR
        for version in ((1, 1), (1, 2))
    )


def _told(error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    line = f"line {mark.line + 1}: " if mark else ""
    return f"{line}{' '.join(str(error.problem or error.context).split())}"


def _refuse_too_large(root: Node) -> None:
    sizes: dict[int, int] = {}
    begun: set[int] = set()

    def size(node: Node) -> int:
        if isinstance(node, ScalarNode):
            return 1
        if id(node) in sizes:
            return sizes[id(node)]
        if id(node) in begun:
            raise NotYaml(f"{_line(node)}an alias stands inside of what it means")
        begun.add(id(node))
        sizes[id(node)] = 1 + sum(size(inner) for inner in _inside(node))
        return sizes[id(node)]

    if size(root) > MOST_NODES:
        raise NotYaml(
            f"wanted at most {MOST_NODES:,} values with every alias written out, got {size(root):,}"
        )


def _inside(node: Node) -> Iterator[Node]:
    for entry in node.value:
        yield from entry if isinstance(node, MappingNode) else (entry,)


def _nodes(root: Node) -> Iterator[tuple[Node, bool]]:
    """Every node once, in reading order, and whether it is a key."""
    seen: set[int] = set()
    queue = [(root, False)]
    while queue:
        node, is_key = queue.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node, is_key
        if isinstance(node, MappingNode):
            queue += [pair for key, value in node.value[::-1] for pair in ((value, False), (key, True))]
        elif not isinstance(node, ScalarNode):
            queue += [(inner, False) for inner in node.value[::-1]]


def _refuse_two_meanings(node: Node, is_key: bool) -> None:
    as_written = str(node.value) if isinstance(node, ScalarNode) else "a list or mapping"
    if is_key and node.tag not in {_STR, _MERGE}:
        raise NotYaml(
            f"{_line(node)}wanted text as a key, got {as_written}. Write a word that is no number, no date, "
            "and none of true, false, null"
        )
    if node.tag == _DATE:
        raise NotYaml(
            f'{_line(node)}{as_written} is a date, which DVC does not read. Quote it: "{as_written}"'
        )
    if node.tag in {_INT, _FLOAT} and _MAY_BE_A_CODE.match(as_written):
        raise NotYaml(
            f'{_line(node)}{as_written} may be a code or a number. Quote it: "{as_written}", or write '
            "the number in plain digits"
        )
    if _NO_CHARACTER.search(as_written):
        raise NotYaml(
            f"{_line(node)}wanted characters, got \\0 or half of one (\\ud800 to \\udfff). Leave it out"
        )
    if node.tag not in _PLAIN:
        raise NotYaml(f"{_line(node)}wanted plain values, got the tag {str(node.tag).rpartition(':')[2]}")
    if isinstance(node, MappingNode):
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, ScalarNode)):
            # ruamel.yaml passes over one that stands twice beside `<<`.
            if key.value in seen:
                raise NotYaml(f"{_line(key)}`{key.value}` stands twice")
            seen.add(key.value)


def _line(node: Node) -> str:
    return f"line {node.start_mark.line + 1}: "
