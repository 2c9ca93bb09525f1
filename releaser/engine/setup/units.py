"""Which systemd units does releaser need on a host? PURE: the application's own, written only where asked, and the guard's."""

from releaser.config.templates import fill
from releaser.engine.setup.steps import Step, quote
from releaser.errors import UsageError
from releaser.onhost.credential import NAME
from releaser.onhost.unit import instance

__all__ = ["application", "guard"]

MARK = "# written by releaser setup"
NO_SYSTEMD = "this host does not run systemd; write run: { command: ... } for it"
APPLICATION = """\
{mark}
[Unit]
Description={app}, slot %i
After=network-online.target
Wants=network-online.target

[Service]
User={user}
WorkingDirectory={path}/slots/%i
EnvironmentFile={path}/.releaser/run/%i.env
{more}ExecStart={start}
Restart=on-failure
RestartSec=1s
TimeoutStopSec={stop}s

[Install]
WantedBy=multi-user.target"""
SEALED = f"""\
LoadCredentialEncrypted={NAME}:{{path}}/.releaser/run/%i.sealed
EnvironmentFile=-/run/credentials/%n/{NAME}
ExecStartPre=/bin/true
"""
"""Credentials exist from the unit's first process on, so something runs before the application."""
GUARD = """\
{mark}
[Unit]
Description=releaser: takes back a shift that nobody watches over after a boot
Before=haproxy.service nginx.service envoy.service traefik.service
ConditionPathExists={state}/ledger.json

[Service]
Type=oneshot
RemainAfterExit=yes
User={user}
StandardInput=data
StandardInputText={{"state": "{state}"}}
ExecStart=/bin/sh -c 'exec {python} -I -S "$$(ls -dt {root}/agent/agent-*/ | head -n 1)" switch.guard'

[Install]
WantedBy=multi-user.target"""


def application(
    template: str, *, app: str, path: str, user: str, start: str | None, drain: float, sealed: bool = False
) -> Step:
    """The template unit. One that is there already is the host's own and stays; without `start` it must be there.

    Raises UsageError for a `start` that names what systemd does not know.
    """
    known = f"""\
[ -d /run/systemd/system ] || cannot {quote(NO_SYSTEMD)}
"""
    if start is None:
        missing = f"there is no unit {template}; write it, or have it written: --start COMMAND"
        look = f"{known}systemctl cat {quote(instance(template, 'blue'))} >/dev/null || cannot {quote(missing)}"
        return Step(f"the unit {template}", look)
    name = template.replace("{slot}", "")
    text = APPLICATION.format(
        mark=MARK,
        app=app,
        user=user,
        path=path,
        more=SEALED.format(path=path) if sealed else "",
        start=_exec(start, path),
        stop=max(10, round(drain) + 10),
    )
    file = f"/etc/systemd/system/{name}"
    look = f"""\
{known}if [ -e {quote(file)} ]; then
    if ! head -n 1 {quote(file)} | grep -qxF {quote(MARK)}; then return 0; fi
    holds {quote(file)} "$text"
else
    systemctl cat {quote(instance(template, "blue"))} >/dev/null
fi"""
    do = f'put {quote(file)} 0644 "$text"\nsystemctl daemon-reload'
    return Step(f"the unit {name}", look, do, f"text={quote(text)}")


def _exec(start: str, path: str) -> str:
    """As ExecStart= reads it: ./ is the slot's directory, and what releaser fills in comes from its EnvironmentFile."""
    values = {"port": "${PORT}", "version": "${RELEASER_VERSION}", "release": "${RELEASER_RELEASE}", "slot": "%i"}
    if "\n" in start or "{host}" in start:
        raise UsageError(
            "--start is one line, with {port}, {version}, {release} and {slot}; a unit does not know {host}",
            code="start",
        )
    told = fill(start.replace("%", "%%"), values)
    return f"{path}/slots/%i/{told[2:]}" if told.startswith("./") else told


def guard(environment: str, target: str, *, user: str, state: str, root: str, python: str) -> Step:
    """After a power cut on a load balancer, an armed switch of the boot before fires, whoever is away."""
    name = f"releaser-guard@{environment}-{target}.service"
    file = quote(f"/etc/systemd/system/{name}")
    text = quote(GUARD.format(mark=MARK, user=user, state=state, root=root, python=_absolute(python)))
    look = f"""\
[ -d /run/systemd/system ] || note "no systemd: after a boot in the middle of a release, run releaser recover"
holds {file} "$text"
systemctl is-enabled --quiet {quote(name)}"""
    do = f'put {file} 0644 "$text"\nsystemctl daemon-reload\nsystemctl enable --quiet {quote(name)}'
    return Step(f"the unit {name}, for a boot in the middle of a release", look, do, f"text={text}")


def _absolute(python: str) -> str:
    return python if python.startswith("/") else f"/usr/bin/env {python}"
