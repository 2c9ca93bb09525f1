"""Does the stable release answer at all? One that runs and hangs looks well to whoever looks at processes only."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from releaser.config.compile import health_rule
from releaser.core.values import Reading
from releaser.engine.carrying import closing_probes
from releaser.engine.observe import Observed
from releaser.ports import LedgerState, Probe, SlotState

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["MUTE", "as_heard"]

MUTE = "runs and gives no answer"
"""What is said of a slot whose process accepts, or is there, and never answers."""


def as_heard(session: "Session", observed: Observed) -> Observed:
    """The same with the slots of the release that the ledgers call current as they answer, asked once within the probe's time-out.

    Any answer counts, also an error: whether it is well is for the judge. A host that cannot be asked from here is left as it is.
    """
    newest = max(observed.ledgers.values(), key=lambda ledger: ledger.fence, default=None)
    if newest is None or newest.current not in newest.releases:
        return observed
    held = {name: slot for name in observed.slots if (slot := _running(observed, name, newest.current)) is not None}
    asked = {name: session.wiring.answer_probe(session.environment.targets[name]) for name in held}
    probes = {name: probe for name, probe in asked.items() if probe is not None}
    if not probes:
        return observed
    within = health_rule(session.environment).timeout
    with closing_probes(replace(session.world, probes=probes)) as world:
        readings = world.together([partial(_ask, probes[name], newest, held[name], within) for name in probes])
    mute = {name: _mute(held[name], reading) for name, reading in zip(probes, readings, strict=True)}
    slots = {name: tuple(mute[name] if one is held.get(name) else one for one in found) if name in mute else found
             for name, found in observed.slots.items()}  # fmt: skip
    return replace(observed, slots=slots)


def _running(observed: Observed, target: str, release: str | None) -> SlotState | None:
    """The slot that holds it, where it runs on some host."""
    found = next((slot for slot in observed.slots[target] if slot.release == release), None)
    return found if found is not None and "running" in found.hosts.values() else None


def _ask(probe: Probe, ledger: LedgerState, slot: SlotState, within: float) -> Reading:
    still = [host for host, word in slot.hosts.items() if word != "running"]
    return probe.read(ledger.releases[str(ledger.current)], slot.slot, within=within, without=still)


def _mute(slot: SlotState, reading: Reading) -> SlotState:
    silent = {one.host for one in reading.unwell if one.how == "failed"}
    if not silent:
        return slot
    hosts: Mapping[str, str] = {host: MUTE if host in silent else word for host, word in slot.hosts.items()}
    return replace(slot, hosts=hosts, running=False)
