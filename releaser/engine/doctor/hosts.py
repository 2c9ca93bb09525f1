"""What do a host's facts mean for a release? PURE: from what the agent told to findings, each with its remedy."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from releaser.config.environment import Environment
from releaser.core.values import SLOTS
from releaser.engine.doctor.asking import Asked
from releaser.engine.doctor.finding import Finding, fail, ok, unknown, warn
from releaser.errors import ReleaserError, UnknownError

__all__ = [
    "CHECK_OF",
    "SILENT",
    "SPARE",
    "allowed",
    "boot_findings",
    "host_findings",
    "silent_finding",
    "slot_findings",
]

Json = Mapping[str, Any]

SPARE = 64 << 20
"""Bytes that stay free when a release is placed; with less nothing is."""
COMFORT = 4 * SPARE
SPARE_INODES, COMFORT_INODES = 1000, 10_000
CLOCK = 2.0
"""Seconds that two clocks may differ before people read their logs in the wrong order."""
BUSY = frozenset({"running", "waiting", "stopping"})
ON = frozenset({"enabled", "enabled-runtime", "linked", "linked-runtime"})
STAYS = frozenset({"static", "indirect", "generated", "transient", "alias"})
CHECK_OF = {
    "host-key-unknown": "host key",
    "host-key-changed": "host key",
    "host-key-revoked": "host key",
    "auth": "login",
    "exec": "login",
    "sudo": "sudo",
    "sudo-tty": "sudo",
    "python": "python",
}
"""Which question an error of the way to a host answers; the others are whether it can be reached."""
SILENT = frozenset({"reach", *CHECK_OF.values()})
"""A host that fails one of these was asked nothing else."""


def silent_finding(asked: Asked, trouble: ReleaserError) -> Finding:
    """Why a host told nothing."""
    check = CHECK_OF.get(trouble.code, "reach")
    said = trouble.message.removeprefix(f"{asked.host}: ").removeprefix(f"{asked.host} ")
    if isinstance(trouble, UnknownError):
        return unknown(check, asked.label, said, *trouble.fix)
    ping = f"see whether it is up, and whether a firewall is in between: ping {asked.host}"
    fix = trouble.fix or (
        ("correct the name in the environment, or the DNS of this machine",) if trouble.code == "resolve" else (ping,)
    )
    return fail(check, asked.label, said, *fix, code=trouble.code)


def host_findings(asked: Asked, told: Json, span: tuple[float, float] | None) -> Iterator[Finding]:
    """What every host is asked. `span`: our own clock before and after, None where it is this machine's."""
    yield ok("reach", asked.label, "answers")
    if asked.ssh:
        yield ok("host key", asked.label, "is the pinned one")
    how = f"as {told['user']}" + (", by sudo without a password" if asked.sudo else "")
    yield ok("sudo" if asked.sudo else "login", asked.label, how)
    yield ok("python", asked.label, told["python"])
    if span is not None:
        yield _clock(asked.label, told["wall"], span)
    places = list(zip(asked.roles, told["places"], strict=True))
    wrong = {role: one for (role, _), place in places if (one := _place(asked.label, role, place, told["user"]))}
    found = [one for role, one in wrong.items() if not (role == "own" and "path" in wrong)]
    yield from found or [ok("path", asked.label, f"{told['user']} may write where it must")]
    disks = {role: place for (role, _), place in places if role in ("path", "state")}
    if not any(one.check == "disk" for one in found):
        yield from (_disk(asked.label, place) for place in list(disks.values())[:1])
    if told.get("target"):
        yield from _units(asked.label, told["target"]["units"], told["user"])


def slot_findings(asked: Asked, told: Json) -> Iterator[Finding]:
    """Whose ports they are, and what runs in the slots."""
    slots, ports = told["target"]["slots"], asked.request["target"]["ports"]
    found = [finding for slot in SLOTS if (finding := _port(asked, slot, ports[slot], slots[slot], told))]
    yield from found or [
        ok("ports", asked.label, " and ".join(str(ports[slot]) for slot in SLOTS) + " are free or ours")
    ]
    alone = [slots[slot] for slot in SLOTS if _alone(slots[slot], told)]
    if alone:
        gone = f"the supervisor of {alone[0]['release']} is gone, so nobody would start it again; the next release gives it one"
        yield warn("slots", asked.label, gone)


def allowed(found: Sequence[Finding], asked: Sequence[Asked], environment: Environment) -> list[Finding]:
    """Hosts out of reach, as many as the fleet goes without in each wave, stop no release: WARN in place of FAIL."""
    away = {one.where for one in found if one.check == "reach" and one.level == "FAIL"}
    spared: set[str] = set()
    for wave in environment.waves:
        of_wave = {one.label for one in asked if one.target in wave and one.label in away and not one.routes}
        spared |= of_wave if len(of_wave) <= environment.fleet.max_unreachable else set()
    return [_spared(one) if one.where in spared and one.check == "reach" else one for one in found]


def _spared(one: Finding) -> Finding:
    return replace(one, level="WARN", found=f"{one.found} (the fleet may go without: max_unreachable)")


def _clock(where: str, wall: float, span: tuple[float, float]) -> Finding:
    off = max(span[0] - wall, wall - span[1], 0.0)
    if off <= CLOCK:
        return ok("clock", where, f"within {CLOCK:g} s of this machine's")
    way = "behind" if wall < span[0] else "ahead of"
    return warn(
        "clock",
        where,
        f"{off:.0f} s {way} this machine's, so that logs disagree; leases do not mind",
        "timedatectl set-ntp true",
    )


def _place(where: str, role: str, place: Json, user: str) -> Finding | None:
    """None: it is as it must be. `own` need not be there: it lies in what is checked already."""
    path, nearest = place["path"], place["nearest"]
    if role == "own" and place["kind"] == "nothing":
        return None
    if place["kind"] not in ("directory", "nothing"):
        return fail(
            "path", where, f"{path} is a {place['kind']} and must be a directory", f"mv {path} {path}.old", code="path"
        )
    if place["read_only"]:
        why = f"the file system of {nearest} may only be read"
        return fail(
            "disk",
            where,
            why,
            f"find out why (dmesg), then: sudo mount -o remount,rw $(df --output=target {nearest} | tail -1)",
            code="read-only",
        )
    if place["writes"]:
        return None
    make = f"sudo install -d -o {user} -m 0755 {path}"
    if place["kind"] == "nothing":
        return fail("path", where, f"{path} is not there, and {user} may not make it in {nearest}", make, code="path")
    whose = f"{path} belongs to {place['owner']} (mode {place['mode']})"
    remedy = f"sudo chown -R {user} {path}" if role in ("own", "state") else make
    if role == "files":
        remedy = f"give {user} a directory of its own for the router's files, or: sudo setfacl -m u:{user}:rwx {path}"
    return fail("path", where, f"{whose}, and {user} may not write there", remedy, code="path")


def _disk(where: str, place: Json) -> Finding:
    at, free, inodes = place["nearest"], place["free"], place["inodes"]
    fix = ("free some room there", "or keep fewer releases (fleet.keep)")
    if free < SPARE:
        few = f"{free >> 20} MiB are free at {at}, and {SPARE >> 20} must stay free beside a release"
        return fail("disk", where, few, *fix, code="no-room")
    if inodes is not None and inodes < SPARE_INODES:
        few = f"{inodes} inodes are free at {at}, and {SPARE_INODES} must stay free beside a release"
        return fail("disk", where, few, "remove small files there", code="no-inodes")
    if free < COMFORT or (inodes is not None and inodes < COMFORT_INODES):
        few = f"only {free >> 20} MiB" + (f" and {inodes} inodes" if inodes is not None else "") + f" are free at {at}"
        return warn("disk", where, few, *fix)
    return ok("disk", where, f"{free / (1 << 30):.1f} GiB free at {at}")


def _port(asked: Asked, slot: str, port: int, view: Json, told: Json) -> Finding | None:
    if view["stranger"]:
        taken = f"the port {port} of slot {slot} is taken by {view['stranger']}, which releaser did not start"
        fix = (
            "stop that process",
            "or give the target other `ports`",
            "or, where it is the application itself: releaser adopt",
        )
        return fail("ports", asked.label, taken, *fix, code="port-taken")
    if view["state"] == "running" and told["target"]["ports"][slot] is None:
        mute = f"{view['release']} runs in slot {slot}, and nobody listens on its port {port}"
        return warn("ports", asked.label, mute, f"releaser logs --release {view['release']}")
    return None


def _alone(view: Json, told: Json) -> bool:
    return view["state"] == "running" and not (view["supervised"] or view["adopted"] or told["target"]["units"])


def _units(where: str, units: Json | None, user: str) -> Iterator[Finding]:
    if units is None:
        return
    refusal = units["refusal"]
    names = " and ".join(unit["name"] for unit in units["slots"].values())
    if refusal:
        yield fail("units", where, refusal["message"], *refusal["fix"], code=refusal["code"])
    elif not (units["used"] or units["sudo"] or user == "root"):
        asked = f"{names} are there; without sudo nobody can say beforehand whether systemd obeys {user}"
        yield warn(
            "units", where, asked, "write run: { systemd: ..., sudo: true }, and the line for sudoers that setup names"
        )
    else:
        yield ok("units", where, f"{names} are there")


def boot_findings(asked: Asked, told: Json, slot: str | None) -> Iterator[Finding]:
    """Whether a boot brings back the slot that holds the committed release."""
    units = told["target"]["units"] if told.get("target") else None
    unit = units["slots"].get(slot) if units and slot else None
    if unit and unit["load"] == "loaded" and unit["enabled"] not in ON | STAYS:
        off = f"{unit['name']} runs the committed release and is {unit['enabled'] or 'not enabled'}, so a reboot would not bring it back"
        yield warn("units", asked.label, off, f"sudo systemctl enable {unit['name']}")
