"""How is YAML that somebody else wrote read safely, with the line of every value?

The builder runs over parser events instead of recursing, so that depth, size and aliases are counted before they cost
anything. Only true/false, null, decimal numbers and strings are known: `yes`, 012 and 22:15 stay the text that they are.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import NoReturn

import yaml

from releaser.config.tree import Items, Node, Scalar, Table
from releaser.errors import ConfigError

__all__ = ["read_file", "read_text", "read_value"]

MOST_BYTES = 1_000_000
MOST_DEPTH = 32
MOST_VALUES = 20_000
"""After aliases are followed."""

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
DECIMAL = re.compile(r"[-+]?[0-9]{1,17}\.[0-9]{1,17}")
WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(slots=True)
class Open:
    """A map or list whose end has not been read yet."""

    node: Table | Items
    entries: dict[str, Node] = field(default_factory=dict)
    values: list[Node] = field(default_factory=list)
    anchor: str | None = None
    key: str | None = None
    key_line: int = 0


def read_file(path: FilePath, shown: str) -> Node:
    """The file's tree; `shown` names it in origins and messages. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{shown} does not exist", fix=("releaser init",), code="missing-file") from None
    except OSError as error:
        raise ConfigError(f"{shown} cannot be read: {error.strerror}; check the file and its rights") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(f"{shown}:{line}: this is not UTF-8 text; save the file as UTF-8") from None
    return read_text(text, lambda line: f"{shown}:{line}", shown)


def read_value(text: str, origin: str) -> Node:
    """One value of a variable or of --set, as YAML: 8, true, [a, b], or plain text. Raises ConfigError."""
    if not text.strip():
        return Scalar("", origin, "")
    if text.lstrip()[0] not in "[{\"'":
        return Scalar(_typed(text), origin, text)
    return read_text(text, lambda _: origin, origin)


def read_text(text: str, place: Callable[[int], str], shown: str) -> Node:
    """The tree of one YAML document; `place` turns a line number into an origin. Raises ConfigError."""
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{shown} is larger than 1 MB; a configuration is not: check what was put there")
    builder = Builder(place)
    try:
        for event in yaml.parse(text, Loader=LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(
            f"{place(line)}: this is not YAML ({error.problem or 'cut short'}); correct that line"
        ) from None
    except (yaml.YAMLError, ValueError):
        raise ConfigError(f"{shown}: there are characters in it that YAML does not allow; remove them") from None
    if builder.root is None:
        raise ConfigError(f"{shown} is empty; `releaser init` writes one to start from", code="empty-file")
    return builder.root


class Builder:
    """Folds parser events into one tree."""

    def __init__(self, place: Callable[[int], str]) -> None:
        self.place = place
        self.root: Node | None = None
        self.open: list[Open] = []
        self.anchors: dict[str, tuple[Node, int, int]] = {}
        self.count = 0

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            self.refuse(line, "a second document begins here; use one file per environment")
        if isinstance(event, yaml.NodeEvent):
            self.begin(event, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.end(line)

    def begin(self, event: yaml.NodeEvent, line: int) -> None:
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            self.refuse(line, f"the tag {tag[:60]!r} is not allowed; write the plain value")
        self.count_values(1, line)
        origin = self.place(self.open[-1].key_line if self.open and self.open[-1].key is not None else line)
        if isinstance(event, yaml.AliasEvent):
            self.alias(event.anchor or "", line)
        elif isinstance(event, yaml.ScalarEvent):
            self.scalar(event, line, origin)
        else:
            if len(self.open) >= MOST_DEPTH:
                self.refuse(line, f"maps and lists are nested deeper than {MOST_DEPTH} levels; flatten them")
            empty = Table({}, origin) if isinstance(event, yaml.MappingStartEvent) else Items((), origin)
            if self.wants_key():
                self.refuse(line, "a key is a map or list; use a plain name")
            self.open.append(Open(empty, anchor=event.anchor))

    def scalar(self, event: yaml.ScalarEvent, line: int, origin: str) -> None:
        if self.wants_key():
            self.key(event.value, line)
            return
        quoted = bool(event.style)  # None from the Python parser, "" from the C one
        node = Scalar(event.value if quoted else _typed(event.value), origin, event.value)
        self.remember(event.anchor, node, 1, 0)
        self.put(node)

    def alias(self, anchor: str, line: int) -> None:
        if self.wants_key():
            self.refuse(line, "an alias stands where a key is expected; write the key")
        if anchor not in self.anchors:
            self.refuse(line, f"*{anchor[:60]} is used before it is defined; write &{anchor[:60]} above it")
        node, values, depth = self.anchors[anchor]
        self.count_values(values, line)
        if len(self.open) + depth > MOST_DEPTH:
            self.refuse(line, f"maps and lists are nested deeper than {MOST_DEPTH} levels; flatten them")
        self.put(node)

    def end(self, line: int) -> None:
        done = self.open.pop()
        node: Node = (
            Table(done.entries, done.node.origin)
            if isinstance(done.node, Table)
            else Items(tuple(done.values), done.node.origin)
        )
        if done.anchor is not None:
            values, depth = _extent(node)
            self.count_values(values, line)
            self.remember(done.anchor, node, values, depth)
        self.put(node)

    def remember(self, anchor: str | None, node: Node, values: int, depth: int) -> None:
        if anchor is not None:
            self.anchors[anchor] = (node, values, depth)

    def wants_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].node, Table) and self.open[-1].key is None

    def key(self, name: str, line: int) -> None:
        top = self.open[-1]
        if not name.isprintable():
            self.refuse(line, f"the key {name[:60]!a} has characters that cannot be shown; use a plain name")
        if name == "<<":
            self.refuse(line, "merge keys (<<) are not allowed; use `extends`, or repeat the values")
        if name in top.entries:
            self.refuse(line, f"the key {name[:60]!r} is written twice in one map; keep one of them")
        top.key, top.key_line = name, line

    def put(self, node: Node) -> None:
        if not self.open:
            self.root = node
            return
        top = self.open[-1]
        if top.key is not None:
            top.entries[top.key] = node
            top.key = None
        else:
            top.values.append(node)

    def count_values(self, more: int, line: int) -> None:
        self.count += more
        if self.count > MOST_VALUES:
            self.refuse(line, f"there are more than {MOST_VALUES} values, aliases counted; a configuration has fewer")

    def refuse(self, line: int, what: str) -> NoReturn:
        raise ConfigError(f"{self.place(line)}: {what}")


def _typed(text: str) -> str | int | float | bool | None:
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    if DECIMAL.fullmatch(text):
        return float(text)
    return text


def _extent(node: Node) -> tuple[int, int]:
    """(values, depth) below and with this node; the caller has bounded both."""
    if isinstance(node, Scalar):
        return 1, 0
    children = node.entries.values() if isinstance(node, Table) else node.values
    below = [_extent(child) for child in children]
    return 1 + sum(values for values, _ in below), 1 + max((depth for _, depth in below), default=0)
