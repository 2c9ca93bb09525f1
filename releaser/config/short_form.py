"""What do the short ways to write things stand for? The ten-line form, a router's URL, an inventory file."""

from collections.abc import Mapping
from pathlib import Path as FilePath

from releaser.config.tree import DEFAULT, Items, Node, Scalar, Table, lift, merge, text_of
from releaser.errors import ConfigError

__all__ = ["LOCAL", "SHORT_KEYS", "with_hosts", "with_long_target", "written_out_router"]

LOCAL = "local"
"""The host name of this machine: no SSH."""
SHORT_TARGET = "web"
TARGET_KEYS = ("hosts", "hosts_from", "connection", "run", "router", "path", "ports", "shared", "ssh")
SHORT_KEYS = (*TARGET_KEYS, "user", "known_hosts", "health")
MOST_INVENTORY = 1_000_000
HAPROXY_KEPT = "/var/lib/releaser/haproxy"
"""Where whoever releases may write: the packages' own directories belong to root, and hold more than the split."""


def with_long_target(tree: Table) -> Table:
    """The ten-line form's keys, moved below targets.web and probes.up; what is written there in full wins."""
    short = {key: entry for key, entry in tree.entries.items() if key in SHORT_KEYS}
    if not short:
        return tree
    key, first = next(iter(short.items()))
    targets = tree.entries.get("targets")
    if isinstance(targets, Table) and set(targets.entries) - {SHORT_TARGET}:
        raise ConfigError(f"{first.origin}: {key} belongs to the short form; with `targets`, write it below its target")
    long: dict[str, Node] = {}
    if set(short) - {"health"}:
        long["targets"] = Table({SHORT_TARGET: _short_target(short, first.origin)}, first.origin)
    if "health" in short:
        path = short["health"]
        up = Table({"kind": lift("http", DEFAULT), "path": path}, path.origin)
        long["probes"] = Table({"up": up}, path.origin)
    rest = {key: entry for key, entry in tree.entries.items() if key not in SHORT_KEYS}
    return merge(Table(long, tree.origin), Table(rest, tree.origin))


def _short_target(short: Mapping[str, Node], origin: str) -> Table:
    target = {"kind": lift("hosts", DEFAULT)} | {key: short[key] for key in TARGET_KEYS if key in short}
    ssh = {key: short[key] for key in ("user", "known_hosts") if key in short}
    written = target.get("ssh", Table({}, origin))
    if ssh and isinstance(written, Table):
        target["ssh"] = merge(Table(ssh, origin), written)
    return Table(target, origin)


def written_out_router(router: Node, *, local: bool) -> Node:
    """haproxy://lb1.example.com,lb2.example.com/shop, or envoy://local:8080 for one that releaser runs itself."""
    if isinstance(router, Table):
        return _with_usual_paths(merge(Table({"hosts": lift([LOCAL], DEFAULT)}, DEFAULT), router) if local else router)
    text = text_of(router)
    kind, separator, rest = text.partition("://")
    if text == "none":
        raise ConfigError(
            f"{router.origin}: a target without a router is not there yet; name its router", code="not-yet"
        )
    if not separator or not rest:
        raise ConfigError(
            f"{router.origin}: {text[:60]!r} does not say which router answers; write for example "
            "haproxy://lb1.example.com/shop, or envoy://local:8080 for one on this machine"
        )
    hosts, _, backend = rest.partition("/")
    host, _, port = hosts.partition(":")
    if host == LOCAL:
        listen = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else port
        return lift({"kind": kind, "managed": True, "hosts": [LOCAL], "listen": listen}, router.origin)
    written = {"kind": kind, "hosts": hosts.split(","), **({"backend": backend} if backend else {})}
    return _with_usual_paths(Table({key: lift(value, router.origin) for key, value in written.items()}, router.origin))


def _with_usual_paths(router: Table) -> Table:
    """The socket of the distributions' packages, and files of our own; only for a HAProxy that releaser does not run itself.

    HAProxy has one state file for all its backends, and each backend a map for its own generation.
    """
    managed = router.entries.get("managed")
    if text_of(router.entries.get("kind")) != "haproxy" or (isinstance(managed, Scalar) and managed.value is True):
        return router
    backend = text_of(router.entries.get("backend")) or "app"
    usual = {
        "socket": "/run/haproxy/admin.sock",
        "state_file": f"{HAPROXY_KEPT}/servers.state",
        "map": f"{HAPROXY_KEPT}/{backend}.map",
    }
    return merge(Table({key: lift(path, DEFAULT) for key, path in usual.items()}, DEFAULT), router)


def with_hosts(target: Table, folder: FilePath) -> Table:
    """hosts_from: a file with a host a line and # comments, read from `folder`."""
    named = target.entries.get("hosts_from")
    if named is None:
        return target
    if "hosts" in target.entries:
        raise ConfigError(f"{named.origin}: hosts and hosts_from name the hosts twice; keep one of them")
    file = text_of(named)
    try:
        with (folder / file).open(encoding="utf-8") as lines:
            text = lines.read(MOST_INVENTORY)
    except (OSError, ValueError):
        raise ConfigError(f"{named.origin}: the inventory {file[:200]!r} cannot be read; check its name") from None
    names = [(number, line.partition("#")[0].strip()) for number, line in enumerate(text.splitlines(), 1)]
    hosts = tuple(Scalar(name, f"{file}:{number}", name) for number, name in names if name)
    rest = {key: entry for key, entry in target.entries.items() if key != "hosts_from"}
    return Table({**rest, "hosts": Items(hosts, named.origin)}, target.origin)
