"""How is a map with a `kind` checked? Its own keys by our model, the others by the Options of the adapter it chooses."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from releaser.config.durations import show_duration
from releaser.config.environment import Fleet, Kind, OptionsMap, Probe, Router, Target
from releaser.config.later import KINDS_LATER
from releaser.config.names import did_you_mean
from releaser.config.problems import Problem, told
from releaser.config.tree import Path, dotted

__all__ = ["known_keys", "read_probe", "read_store", "read_target"]

KindT = TypeVar("KindT", bound=Kind)
ModelT = TypeVar("ModelT", bound=BaseModel)
SECONDS = frozenset({"drain", "every", "keep_warm", "timeout"})


def read_target(path: Path, given: Any, options: OptionsMap, fleet: Fleet) -> tuple[Target | None, list[Problem]]:
    """The checked target, or what is wrong with it. The fleet's figures are handed on to adapters that ask for them."""
    if not isinstance(given, dict):
        return None, [(path, f"{dotted(path)} is a map: write its kind, hosts, run and router")]
    router: Router | None = None
    problems: list[Problem] = []
    if isinstance(given.get("router"), dict):
        router, problems = _read(Router, (*path, "router"), given["router"], "routers", options, {})
        given = {**given, "router": router}
    target, more = _read(Target, path, given, "targets", options, dict(fleet))
    if problems:
        more = [problem for problem in more if problem[0] != (*path, "router")]
    return target, [*problems, *more]


def read_probe(path: Path, given: Any, options: OptionsMap) -> tuple[Probe | None, list[Problem]]:
    if not isinstance(given, dict):
        return None, [(path, f"{dotted(path)} is a map: write its kind, or null to leave it out")]
    return _read(Probe, path, given, "probes", options, {})


def read_store(kind: str, given: Any, options: OptionsMap) -> tuple[BaseModel | None, list[Problem]]:
    """What a store of secrets is told: a map named as its scheme, checked by its own Options."""
    if given is None:
        return None, []
    chosen = options["secrets", kind]
    if not isinstance(given, dict):
        return None, [((kind,), f"{kind} is a map: write its {', '.join(known_keys(chosen, ()))}")]
    found, details = _checked(chosen, given)
    return found, [told(detail, (kind,), known_keys(chosen, detail["loc"][:-1])) for detail in details]


def known_keys(model: type[BaseModel], path: Iterable[str | int]) -> tuple[str, ...]:
    """The keys of the map at `path` below `model`; empty where the names are free."""
    here: type[BaseModel] | None = model
    for part in path:
        if here is None:
            return ()
        field = here.model_fields.get(part) if isinstance(part, str) else None
        here = next(_models(field.annotation), None) if field else here if isinstance(part, int) else None
    return tuple(field.alias or name for name, field in here.model_fields.items()) if here else ()


def _read(
    model: type[KindT], path: Path, given: Mapping[str, Any], group: str, options: OptionsMap, lent: Mapping[str, Any]
) -> tuple[KindT | None, list[Problem]]:
    kind = given.get("kind")
    chosen = options.get((group, kind)) if isinstance(kind, str) else None
    if chosen is None:
        return None, [_no_kind(path, kind, group, options)]
    own_keys = model.model_fields.keys() - {"options"}
    theirs = {key: value for key, value in given.items() if key not in own_keys}
    problems: list[Problem] = []
    own, details = _checked(model, {key: value for key, value in given.items() if key in own_keys})
    problems += [told(detail, path, known_keys(model, detail["loc"][:-1])) for detail in details]
    shared = {**lent, **(dict(own) if own else {})}
    for name, field in chosen.model_fields.items():
        key = field.alias or name
        if key in shared and key != "options" and key not in theirs and shared[key] is not None:
            theirs[key] = show_duration(shared[key]) if key in SECONDS and field.annotation is str else shared[key]
    settled, details = _checked(chosen, theirs)
    keys = {*known_keys(chosen, ()), *own_keys}
    for detail in details:
        deep = detail["loc"][:-1]
        problems.append(told(detail, path, known_keys(chosen, deep) if deep else keys))
    if own is None or settled is None:
        return None, problems
    return own.model_copy(update={"options": settled}), problems


def _checked(model: type[ModelT], given: Mapping[str, Any]) -> tuple[ModelT | None, list[Any]]:
    try:
        return model.model_validate(dict(given)), []
    except ValidationError as error:
        return None, list(error.errors(include_url=False))


def _no_kind(path: Path, kind: Any, group: str, options: OptionsMap) -> Problem:
    known = [name for chosen, name in options if chosen == group]
    where = (*path, "kind")
    if kind is None:
        return where, f"{dotted(where)} is missing; {did_you_mean('', known)}"
    if isinstance(kind, str) and kind in KINDS_LATER[group]:
        return where, f"{dotted(where)}: {kind} is not there yet; {did_you_mean('', known)}"
    return where, f"{dotted(where)}: {str(kind)[:60]!r} is none of the {group}; {did_you_mean(kind, known)}"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
