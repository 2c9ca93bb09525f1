"""Which long form does a file stand for, with the defaults that depend on other values written in?

Works on the tree, before any check, so that every value keeps the line that it came from. Expanding twice changes nothing.
"""

from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import Any

from releaser.config.later import ENVIRONMENT_LATER, refuse_later
from releaser.config.names import good_name
from releaser.config.short_form import LOCAL, with_hosts, with_long_target, written_out_router
from releaser.config.templates import fill
from releaser.config.tree import DEFAULT, Items, Node, Scalar, Table, lift, merge, plain, text_of

__all__ = ["expanded"]

PORTS = {"blue": 8001, "green": 8002}
PROBES = {"up": {"kind": "http"}, "errors": {"kind": "router"}}
HEALTH = "/healthz"


def expanded(tree: Table, folder: FilePath) -> Table:
    """The long form of an environment's tree; `folder` is what relative file names start from. Raises ConfigError."""
    refuse_later(tree, ENVIRONMENT_LATER)
    top = _replace(with_long_target(tree), "artifact", _artifact)
    top = _replace(top, "env", _as_text)
    app = text_of(top.entries.get("app"))
    targets = top.entries.get("targets")
    if isinstance(targets, Table):
        each = {name: _target(entry, app, folder) for name, entry in targets.entries.items()}
        waves = {"waves": lift([list(each)], DEFAULT)}
        top = Table({**waves, **top.entries, "targets": Table(each, targets.origin)}, top.origin)
    return _with_probes(top)


def _target(target: Node, app: str, folder: FilePath) -> Node:
    if not isinstance(target, Table):
        return target
    target = with_hosts(target, folder)
    hosts = target.entries.get("hosts")
    local = hosts is not None and plain(hosts) == [LOCAL]
    local = local or text_of(target.entries.get("connection")) == LOCAL
    defaults: dict[str, Any] = {"connection": LOCAL} if local else {"ssh": {}}
    if text_of(target.entries.get("kind")) == "hosts":
        defaults |= {"ports": PORTS} | ({"path": f"/srv/{app}"} if good_name(app) else {})
    target = merge(_defaults(defaults), target)
    target = _replace(target, "hosts", _hosts)
    target = _replace(target, "run", _run)
    target = _replace(target, "path", lambda path: _filled(path, {"app": app}))
    return _replace(target, "router", lambda router: written_out_router(router, local=local))


def _with_probes(tree: Table) -> Table:
    """`up` and `errors` are asked unless they are written as null."""
    given = tree.entries.get("probes", Table({}, DEFAULT))
    if not isinstance(given, Table):
        return tree
    merged = merge(_defaults(PROBES), given).entries
    asked = {name: probe for name, probe in merged.items() if not (isinstance(probe, Scalar) and probe.value is None)}
    up = asked.get("up")
    if isinstance(up, Table) and text_of(up.entries.get("kind")) == "http":
        asked["up"] = merge(_defaults({"path": HEALTH}), up)
    return Table({**tree.entries, "probes": Table(asked, given.origin)}, tree.origin)


def _artifact(artifact: Node) -> Node:
    return Table({"file": artifact}, artifact.origin) if isinstance(artifact, Scalar) else artifact


def _run(run: Node) -> Node:
    return Table({"command": run}, run.origin) if isinstance(run, Scalar) else run


def _hosts(hosts: Node) -> Node:
    if not isinstance(hosts, Items):
        return hosts
    values = (_replace(host, "env", _as_text) if isinstance(host, Table) else host for host in hosts.values)
    return Items(tuple(values), hosts.origin)


def _as_text(env: Node) -> Node:
    """The application's variables are text as written: 1.10 stays 1.10, and true stays true."""
    if not isinstance(env, Table):
        return env
    texts: dict[str, Node] = {
        key: Scalar(entry.text, entry.origin, entry.text)
        for key, entry in env.entries.items()
        if isinstance(entry, Scalar) and entry.value is not None
    }
    return Table({**env.entries, **texts}, env.origin)


def _filled(path: Node, values: Mapping[str, str]) -> Node:
    text = text_of(path)
    return lift(fill(text, values), path.origin) if text else path


def _replace(table: Table, key: str, change: Callable[[Node], Node]) -> Table:
    return Table({**table.entries, key: change(table.entries[key])}, table.origin) if key in table.entries else table


def _defaults(values: Mapping[str, Any]) -> Table:
    return Table({key: lift(value, DEFAULT) for key, value in values.items()}, DEFAULT)
