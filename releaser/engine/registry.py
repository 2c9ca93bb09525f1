"""Which adapters are there? Entry points by group and kind; built-ins always, those of others only by name.

An adapter that is not listed, or not used, is never imported.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution
from typing import Any, NoReturn

from pydantic import BaseModel

from releaser.errors import ConfigError, ReleaserError

__all__ = ["GROUPS", "Registry", "allowed_plugins"]

GROUPS = ("targets", "routers", "probes", "secrets", "notifiers")
OURS = "releaser"


class Registry(Mapping[tuple[str, str], type[BaseModel]]):
    """(group, kind) -> that adapter's Options, imported when it is first asked for; `adapter` answers the class itself.

    `allowed` names distributions whose adapters may be used beside the built-in ones.
    """

    def __init__(self, found: Iterable[EntryPoint], allowed: Collection[str] = ()) -> None:
        self._points: dict[tuple[str, str], EntryPoint] = {}
        self._walls: dict[str, Callable[[str], NoReturn]] = {}
        for point in found:
            owner = _name_of(point.dist)
            if owner != OURS and owner not in allowed:
                continue
            key = (point.group.removeprefix(f"{OURS}."), point.name)
            if key in self._points and self._points[key].value != point.value:
                raise ConfigError(
                    f"two plug-ins bring {key[0]} of kind {key[1]}: {self._points[key].value} and {point.value}; "
                    "allow only one of them"
                )
            self._points[key] = point

    @classmethod
    def installed(cls, allowed: Collection[str] = ()) -> "Registry":
        """What releaser and the `allowed` distributions bring: the others that are installed are not even looked at.

        Raises ConfigError where one of them is not installed in this Python.
        """
        return cls((point for name in (OURS, *sorted(allowed)) for point in _brought_by(name)), allowed)

    def walled(self, group: str, refuse: Callable[[str], NoReturn]) -> "Registry":
        """The same without the adapters of one group: `refuse` is handed the kind, and raises, where one is used."""
        other = Registry(())
        other._points, other._walls = self._points, {**self._walls, group: refuse}
        return other

    def adapter(self, group: str, kind: str) -> Any:
        """The adapter's class. Raises KeyError for an unknown one, ReleaserError for one that cannot be loaded."""
        if group in self._walls:
            self._walls[group](kind)
        point = self._points[group, kind]
        try:
            return point.load()
        except (ImportError, AttributeError) as error:
            raise ReleaserError(
                f"the adapter {point.value} for {group} of kind {kind} cannot be loaded ({error}); reinstall its package"
            ) from error

    def __getitem__(self, key: tuple[str, str]) -> type[BaseModel]:
        options = getattr(self.adapter(*key), "Options", None)
        if not (isinstance(options, type) and issubclass(options, BaseModel)):
            raise ReleaserError(f"the adapter {self._points[key].value} has no Options; its package must be corrected")
        return options

    def __contains__(self, key: object) -> bool:
        return key in self._points

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(sorted(self._points))

    def __len__(self) -> int:
        return len(self._points)


def allowed_plugins(environ: Mapping[str, str]) -> tuple[str, ...]:
    """RELEASER_PLUGINS: the distributions whose adapters may be used beside the built-in ones."""
    return tuple(name for name in environ.get("RELEASER_PLUGINS", "").split(",") if name)


@cache
def _name_of(owner: Distribution | None) -> str:
    """Once for each: it is read from the file METADATA, which takes a millisecond."""
    return owner.name if owner else ""


def _brought_by(name: str) -> list[EntryPoint]:
    try:
        points = distribution(name).entry_points
    except PackageNotFoundError:
        if name == OURS:
            why = "releaser runs without being installed, so its adapters are not found; pip install releaser"
        else:
            why = f"RELEASER_PLUGINS names {name}, which is not installed; pip install it, or leave it out"
        raise ConfigError(why, code="not-installed") from None
    return [point for point in points if point.group.removeprefix(f"{OURS}.") in GROUPS]
