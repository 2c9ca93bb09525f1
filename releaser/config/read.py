"""Does the tree hold together? Checks it against the models and each adapter's Options, and answers an Environment."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from releaser.config.environment import Environment, Fleet, OptionsMap
from releaser.config.expand import expanded
from releaser.config.kinds import known_keys, read_probe, read_store, read_target
from releaser.config.layers import layered
from releaser.config.names import did_you_mean
from releaser.config.problems import Problem, config_error, told
from releaser.config.references import Reference, find_reference
from releaser.config.short_form import LOCAL, SHORT_KEYS
from releaser.config.templates import allowed_names, check_template
from releaser.config.tree import Path, Table, lift, nearest, plain, text_of, walk
from releaser.errors import ConfigError

__all__ = ["load_environment", "read_environment", "read_resolved"]

LATER_KEYS = ("hooks", "promotes_from", "state")
TOP_KEYS = tuple(sorted({*Environment.model_fields, *SHORT_KEYS, *LATER_KEYS} - {"name"}))
SECRET_PLACES = frozenset({"env", "headers"})


def load_environment(
    folder: FilePath,
    name: str,
    options: OptionsMap,
    *,
    variables: Mapping[str, str] | None = None,
    settings: Sequence[str] = (),
) -> tuple[Environment, Table]:
    """Environment `name` of `folder` (environments/), and the expanded tree that knows every value's origin.

    Relative names inside start from the folder's parent. Raises ConfigError.
    """
    merged = layered(folder, name, variables=variables or {}, settings=settings, keys=TOP_KEYS)
    tree = expanded(merged, folder.parent)
    return read_environment(tree, name, options), tree


def read_resolved(document: Any, options: OptionsMap) -> Environment:
    """The environment that `environment.canonical` wrote (parsed JSON), as a plan or a journal carries it."""
    tree = lift(document, "the resolved environment")
    if not isinstance(tree, Table):
        raise ConfigError("the resolved environment in the journal is not a map; `releaser audit verify` says more")
    rest = Table({key: entry for key, entry in tree.entries.items() if key != "name"}, tree.origin)
    return read_environment(rest, text_of(tree.entries.get("name")), options)


def read_environment(tree: Table, name: str, options: OptionsMap) -> Environment:
    """The checked environment of an expanded tree. Raises ConfigError with file, line and remedy."""
    raw = plain(tree)
    problems: list[Problem] = []

    def parts(key: str, read: Callable[[Path, Any], tuple[Any, list[Problem]]]) -> Any:
        given = raw.get(key)
        if not isinstance(given, dict):
            return given
        checked = {}
        for part, value in given.items():
            checked[part], found = read((key, part), value)
            problems.extend(found)
        return checked

    fleet = _fleet(raw.get("fleet"))
    vault, found = read_store("vault", raw.get("vault"), options)
    problems.extend(found)
    whole = {
        **raw,
        "name": name,
        "vault": vault,
        "targets": parts("targets", lambda path, given: read_target(path, given, options, fleet)),
        "probes": parts("probes", lambda path, given: read_probe(path, given, options)),
    }
    environment = _whole({key: value for key, value in whole.items() if value is not None}, problems)
    if environment is None or problems:
        raise config_error(sorted(problems, key=lambda problem: "there is no key" not in problem[1]), tree)
    _check_waves(environment, tree)
    _check_connections(environment, tree)
    _check_probes(environment, tree)
    _check_sealing(environment, tree)
    _check_texts(tree, frozenset(kind for group, kind in options if group == "secrets"), vault=vault is not None)
    return environment


def _whole(raw: Mapping[str, Any], problems: list[Problem]) -> Environment | None:
    """The whole environment; adds to `problems`, of which the targets and probes have told theirs already."""
    told_before = {path[:2] for path, _ in problems}
    try:
        return Environment.model_validate(raw)
    except ValidationError as error:
        fresh = [detail for detail in error.errors(include_url=False) if detail["loc"][:2] not in told_before]
        problems.extend(told(detail, (), known_keys(Environment, detail["loc"][:-1])) for detail in fresh)
    return None


def _fleet(given: Any) -> Fleet:
    try:
        return Fleet.model_validate(given if isinstance(given, dict) else {})
    except ValidationError:
        return Fleet()  # what is wrong with it is told where the whole environment is checked


def _check_waves(environment: Environment, tree: Table) -> None:
    named = [target for wave in environment.waves for target in wave]
    origin = nearest(tree, ("waves",)).origin
    for target in named:
        if target not in environment.targets:
            hint = did_you_mean(target, environment.targets)
            raise ConfigError(f"{origin}: waves name {target!r}, and there is no such target; {hint}")
    if sorted(named) != sorted(environment.targets):
        wrong = sorted({t for t in named if named.count(t) > 1} | set(environment.targets) - set(named))
        raise ConfigError(f"{origin}: every target moves in exactly one wave; correct {', '.join(wrong)}")


def _check_connections(environment: Environment, tree: Table) -> None:
    """A router that releaser runs itself stands on this machine, and so do the slots behind it."""
    for name, target in environment.targets.items():
        if target.connection == LOCAL and len(getattr(target.options, "hosts", ())) > 1:
            origin = nearest(tree, ("targets", name, "hosts")).origin
            raise ConfigError(f"{origin}: this machine is one host; write `hosts: [local]` for target {name}")
        origin = nearest(tree, ("targets", name, "router")).origin
        if len(set(target.router.hosts)) != len(target.router.hosts):
            raise ConfigError(f"{origin}: a router host is named twice; name each once")
        if target.router.managed and (target.connection != LOCAL or target.router.hosts != (LOCAL,)):
            raise ConfigError(
                f"{origin}: releaser runs a router only on this machine; write `hosts: [local]` for target {name}, "
                "or leave out managed and name the router's hosts"
            )


def _check_probes(environment: Environment, tree: Table) -> None:
    if all(probe.kind == "router" for probe in environment.probes.values()):
        origin = nearest(tree, ("probes",)).origin
        raise ConfigError(
            f"{origin}: no probe asks the candidate before users reach it; add `up: {{ kind: http, path: /healthz }}`"
        )


def _check_sealing(environment: Environment, tree: Table) -> None:
    """What is sealed only systemd opens, so nothing else can be started with it."""
    if environment.secrets.at_rest != "sealed":
        return
    for name, target in environment.targets.items():
        if getattr(getattr(target.options, "run", None), "systemd", None) is None:
            raise ConfigError(
                f"{nearest(tree, ('secrets', 'at_rest')).origin}: only units of systemd can open what is sealed, and "
                f"target {name} runs a command; write at_rest: file, or run: {{ systemd: ... }}"
            )


def _check_texts(tree: Table, schemes: frozenset[str], *, vault: bool) -> None:
    """References to secrets and {names} are right, wherever they stand."""
    for path, scalar in walk(tree):
        if isinstance(scalar.value, str):
            if SECRET_PLACES & set(path):
                _check_reference(find_reference(scalar.value, schemes, scalar.origin), scalar.origin, vault=vault)
            names = allowed_names(path)
            if names is not None:
                check_template(scalar.value, names, scalar.origin)


def _check_reference(reference: Reference | None, origin: str, *, vault: bool) -> None:
    if reference is None:
        return
    if reference.scheme == "vault" and not vault:
        raise ConfigError(
            f"{origin}: the value is in Vault, and nothing says where Vault is; "
            'write vault: { address: "https://HOST:8200", auth: ... } beside env',
            code="no-vault",
        )
