"""What should serve here and does not? The stable release's slots, and the routers that releaser itself runs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from releaser.adapters.hosts.slot_states import TAKEN
from releaser.config.environment import Fleet
from releaser.core.values import Slot
from releaser.engine.observe import Observed
from releaser.ports import RouterState, SlotState

if TYPE_CHECKING:
    from releaser.engine.wiring import Wiring

__all__ = ["as_started", "idle_routers", "stable_trouble", "taken_slots"]


QUIET = frozenset({"running", "stopped"})
"""What is said of a slot that is as somebody left it."""


def stable_trouble(observed: Observed, fleet: Fleet) -> str:
    """Why the release that the ledgers call current does not serve, host by host; empty: it does, or there is none."""
    newest = max(observed.ledgers.values(), key=lambda ledger: ledger.fence, default=None)
    if newest is None or newest.current is None:
        return ""
    allowed = fleet.max_failed + fleet.max_unreachable
    said = [_trouble(target, slots, newest.current, allowed) for target, slots in sorted(observed.slots.items())]
    return "; ".join(filter(None, said))


def _trouble(target: str, slots: Sequence[SlotState], release: str, allowed: int) -> str:
    held = next((slot for slot in slots if slot.release == release), None)
    if held is None:
        silent = sorted({f"{host} {word}" for slot in slots for host, word in slot.hosts.items() if word not in QUIET})
        return f"{target}: {', '.join(silent)}" if silent else f"no slot of {target} holds it"
    down = {host: word for host, word in sorted(held.hosts.items()) if word != "running"}
    if held.running or (len(down) <= allowed and len(down) < len(held.hosts)):
        return ""
    told = ", ".join(f"{host} {word}" for host, word in list(down.items())[:5])
    return f"{target}: {told}{' ...' if len(down) > 5 else ''}" if down else f"{target}: it does not run"


def taken_slots(observed: Observed) -> Mapping[Slot, str]:
    """Slots that cannot be used because somebody else listens on their port: who, and where."""
    found: dict[Slot, str] = {}
    for target, slots in sorted(observed.slots.items()):
        for slot in slots:
            for host, word in sorted(slot.hosts.items()):
                if word.startswith(TAKEN):
                    found[slot.slot] = (
                        f"on {host} of {target} the port of slot {slot.slot} is taken by {word.removeprefix(TAKEN)}"
                    )
    return found


def idle_routers(wiring: "Wiring", observed: Observed) -> frozenset[str]:
    """Silent routers (TARGET/HOST) that releaser runs itself and that stand still: a release starts them.

    Raises RefusedError where a stranger has the port of one.
    """
    silent = [name for name in observed.silent if name in observed.ledgers]
    return frozenset(name for name in silent if wiring.stands_still(name))


def as_started(observed: Observed, idle: frozenset[str]) -> Observed:
    """As it will be once these routers run: each comes up with the split and generation that were written to it last."""
    states = {name: RouterState(observed.ledgers[name].split, observed.ledgers[name].generation) for name in idle}
    silent = {name: why for name, why in observed.silent.items() if name not in idle}
    return replace(observed, routers={**observed.routers, **states}, silent=silent)
