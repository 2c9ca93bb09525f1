"""What does a load balancer with HAProxy need? PURE: two files for releaser, its configuration, and the socket's rights."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releaser.adapters.routers.haproxy_stat import LOG_FORMAT
from releaser.engine.setup.steps import Step, quote

__all__ = ["PROGRAMS", "HAProxy", "steps"]

PROGRAMS = ("haproxy_cfg", "haproxy_runs")
ANSWERS_WITHIN = 10
"""Seconds after a reload in which HAProxy has to answer with the new configuration."""


@dataclass(frozen=True, slots=True)
class HAProxy:
    """`servers` is name -> address:port; `listen` the port for users, where nothing leads to the backend yet."""

    user: str
    python: str
    socket: str
    state_file: str
    map: str
    backend: str
    servers: Mapping[str, str]
    balance: str
    timeout: str
    listen: int | None
    log: str | None
    """Where HAProxy sends a line for each request, for the time that it took; None: nowhere."""
    config: str = "/etc/haproxy/haproxy.cfg"
    reload: str | None = None
    """A command; None: systemd's haproxy.service, else a signal to the process in /run/haproxy.pid."""

    def wanted(self) -> str:
        """What the programs below onhost/ read, as one shell word."""
        document: dict[str, Any] = {"socket": self.socket, "state_file": self.state_file, "map": self.map}
        document |= {"backend": self.backend, "servers": dict(self.servers), "balance": self.balance}
        document |= {"timeout": self.timeout, "listen": self.listen, "log": self.log, "log_format": LOG_FORMAT}
        return quote(json.dumps(document))


def steps(one: HAProxy) -> tuple[Step, ...]:
    folders = dict.fromkeys(file.rpartition("/")[0] or "/" for file in (one.state_file, one.map))
    placed = (*(_folder(one, folder) for folder in folders), _map(one), _state(one))
    return (_installed(one), *placed, _configured(one), _runs(one))


def _installed(one: HAProxy) -> Step:
    look = f"""\
command -v haproxy >/dev/null || cannot "there is no haproxy; install it (2.4 or later)"
[ -e {quote(one.config)} ] || cannot {quote(f"there is no {one.config}; name it: --haproxy-config FILE")}"""
    if one.reload is None:
        unknown = (
            "HAProxy runs neither by systemd nor with /run/haproxy.pid; say what reloads it: --haproxy-reload COMMAND"
        )
        look += f"\n[ -d /run/systemd/system ] || [ -s /run/haproxy.pid ] || cannot {quote(unknown)}"
    return Step("HAProxy is installed", look)


def _folder(one: HAProxy, folder: str) -> Step:
    """Both files are replaced by renaming, so that the directory must be writable too."""
    user = quote(one.user)
    other = f"{one.user} may not write there; name another place for router.state_file and router.map"
    look = f"""\
[ -d {quote(folder)} ] || return 1
id {user} >/dev/null || return 1
runuser -u {user} -- test -w {quote(folder)} || cannot {quote(other)}"""
    do = f'mkdir -p {quote(folder)}\ninstall -d -o {user} -g "$(id -gn {user})" -m 0755 {quote(folder)}'
    return Step(f"{folder}, where {one.user} keeps what HAProxy reads", look, do)


def _map(one: HAProxy) -> Step:
    file = quote(one.map)
    do = f"printf 'generation 0\\n' > {file}\nchown {quote(one.user)}: {file}"
    return Step(f"{one.map}: which write HAProxy applies", f"grep -q '^generation ' {file}", do)


def _state(one: HAProxy) -> Step:
    """Its weights as they are now, so that the reload below changes none; nothing where HAProxy does not answer."""
    file, socket = quote(one.state_file), quote(one.socket)
    ask = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
        "s.sendall(b'show servers state\\n'); sys.stdout.write(b''.join(iter(lambda: s.recv(65536), b'')).decode())"
    )
    do = f"""\
state=$({quote(one.python)} -I -c {quote(ask)} {socket} 2>/dev/null) || state=1
printf '%s\\n' "$state" > {file}
chown {quote(one.user)}: {file}"""
    return Step(f"{one.state_file}: its weights over a restart", f"[ -s {file} ]", do)


def _configured(one: HAProxy) -> Step:
    """The new text is checked by HAProxy itself before it replaces the old one, which comes back where it does not run."""
    config, new, user = quote(one.config), quote(f"{one.config}.releaser-new"), quote(one.user)
    call = f'haproxy_cfg {quote(one.python)} {config} "$wanted" {user} "$groups"'
    do = f"""\
cp -p {config} {new}
{call} {new}
checked=$(haproxy -c -q -f {new} 2>&1) || {{
    rm -f {new}
    cannot "haproxy -c says no to the new text, and nothing was changed: $(printf '%s\\n' "$checked" | grep -m 1 ALERT)"
}}
keep {config}
mv -f {new} {config}
if reload_haproxy && haproxy_runs {quote(one.python)} "$wanted" {ANSWERS_WITHIN}; then return 0; fi
cp -p {config}.before-releaser."$copies" {new}
mv -f {new} {config}
reload_haproxy || true
cannot "HAProxy does not run with the new text, and the old configuration is back; see its log"
"""
    # the primary group first; a user who is still to be made will have one of the same name
    groups = f'groups="$(id -gn {user} || echo {user}) $(id -nG {user} || true)"'
    return Step(
        f"{one.config}: backend {one.backend}, the socket, the state file",
        f"{groups}\n{call}",
        f"{groups}\n{do}",
        _given(one),
    )


def _runs(one: HAProxy) -> Step:
    """Asked as the one who releases. HAProxy keeps a socket over a reload, and with it the rights that it had before."""
    user, socket = quote(one.user), quote(one.socket)
    ask = f'haproxy_runs {quote(f"runuser -u {one.user} -- {one.python}")} "$wanted" 0'
    do = f"""\
if ! haproxy_runs {quote(one.python)} "$wanted" 0; then
    reload_haproxy
    haproxy_runs {quote(one.python)} "$wanted" {ANSWERS_WITHIN}
fi
if ! {ask}; then
    chgrp "$(id -gn {user})" {socket}
    chmod 0660 {socket}
fi
{ask}"""
    return Step(f"HAProxy runs with it, and {one.user} may use {one.socket}", ask, do, _given(one))


def _given(one: HAProxy) -> str:
    """What is wanted of HAProxy, and how it is made to read its configuration again."""
    usual = """\
if [ -d /run/systemd/system ]; then systemctl reload-or-restart haproxy; else kill -USR2 "$(head -n 1 /run/haproxy.pid)"; fi"""
    return f"wanted={one.wanted()}\nreload_haproxy() {{\n    {one.reload or usual}\n}}"
