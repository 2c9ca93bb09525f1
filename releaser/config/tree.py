"""What does a configuration look like before it is checked? Values that each know where they came from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "DEFAULT",
    "Items",
    "Node",
    "Path",
    "Scalar",
    "Table",
    "dotted",
    "lift",
    "merge",
    "nearest",
    "plain",
    "text_of",
    "walk",
]

DEFAULT = "default"
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. `text` is how it was written: 1.10 stays "1.10" where a string is wanted."""

    value: str | int | float | bool | None
    origin: str
    text: str


@dataclass(frozen=True, slots=True)
class Items:
    values: tuple["Node", ...]
    origin: str


@dataclass(frozen=True, slots=True)
class Table:
    entries: Mapping[str, "Node"]
    origin: str


Node = Scalar | Items | Table


def plain(node: Node) -> Any:
    """The value without its origins: dicts, lists and scalars."""
    match node:
        case Scalar(value=value):
            return value
        case Items(values=values):
            return [plain(item) for item in values]
        case Table(entries=entries):
            return {key: plain(entry) for key, entry in entries.items()}


def lift(value: Any, origin: str) -> Node:
    """A tree from plain values that all come from one place."""
    if isinstance(value, Mapping):
        return Table({str(key): lift(entry, origin) for key, entry in value.items()}, origin)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return Items(tuple(lift(item, origin) for item in value), origin)
    return Scalar(value, origin, "" if value is None else str(value))


def merge(lower: Table, upper: Table) -> Table:
    """Maps merge, everything else is replaced by `upper`. A map's own place is where it was first written down."""
    merged = dict(lower.entries)
    for key, entry in upper.entries.items():
        below = merged.get(key)
        merged[key] = merge(below, entry) if isinstance(below, Table) and isinstance(entry, Table) else entry
    return Table(merged, upper.origin if lower.origin == DEFAULT else lower.origin)


def nearest(tree: Node, path: Path) -> Node:
    """The node at `path`, or the deepest one on the way to it."""
    node = tree
    for part in path:
        if isinstance(node, Table) and part in node.entries:
            node = node.entries[str(part)]
        elif isinstance(node, Items) and isinstance(part, int) and part < len(node.values):
            node = node.values[part]
        else:
            break
    return node


def children(node: Node) -> Iterator[tuple[str | int, Node]]:
    """What lies directly below, by key or index."""
    match node:
        case Table(entries=entries):
            yield from entries.items()
        case Items(values=values):
            yield from enumerate(values)
        case Scalar():
            return


def walk(node: Node, path: Path = ()) -> Iterator[tuple[Path, Scalar]]:
    """Every scalar with its path, in order."""
    if isinstance(node, Scalar):
        yield path, node
    for key, child in children(node):
        yield from walk(child, (*path, key))


def dotted(path: Path) -> str:
    """targets.web.hosts[1].name"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def text_of(node: Node | None) -> str:
    """The text of a string, and "" for everything else: the check that follows names what is wrong."""
    return node.value if isinstance(node, Scalar) and isinstance(node.value, str) else ""
