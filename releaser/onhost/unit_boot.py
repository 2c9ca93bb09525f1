"""Which units does a boot start? The committed slot's, and no other: a power cut brings back what was committed."""

from __future__ import annotations

from typing import Any

from releaser.onhost import unit
from releaser.onhost.answers import Refusal
from releaser.onhost.home import SLOTS, Home, home, ruled
from releaser.onhost.slot import look
from releaser.onhost.unit_slot import unit_of

__all__ = ["enable_only", "rest"]

STAYS = frozenset({"static", "indirect", "generated", "transient", "alias"})
"""Unit files that nobody enables or disables: something else starts them."""
ON = frozenset({"enabled", "enabled-runtime", "linked", "linked-runtime"})


def enable_only(place: Home, release: str) -> None:
    """Enable the unit of the slot that holds `release`, then disable the other's. Safe to repeat, read back, on the disk.

    In between both are enabled: a boot then starts the committed one and one more, never none.
    """
    views = [look(place, slot) for slot in SLOTS]
    if not any(view.release == release for view in views):
        return
    for view in sorted(views, key=lambda view: view.release != release):
        if not view.status.get("unit"):
            continue
        name, wanted = unit_of(view.status).name, view.release == release
        state = unit.facts(name).enabled
        if state in STAYS or (state in ON) == wanted:
            continue
        unit.tell(unit_of(view.status), "enable" if wanted else "disable")
        unit.sync_wants(name)
        if wanted and unit.facts(name).enabled not in ON:
            raise Refusal(
                "failed",
                f"{name} cannot be enabled, so a reboot would not bring {release} back",
                "unit-install",
                ("give the unit an [Install] section with WantedBy=multi-user.target, then: systemctl daemon-reload",),
            )


def rest(request: dict[str, Any]) -> dict[str, Any]:
    """No boot starts what was stopped on purpose. What was taken in stays as it is. Safe to repeat.

    {path, fence} -> {disabled: [units]}
    """
    place, disabled = home(request), []
    with ruled(place, request):
        for view in (look(place, slot) for slot in SLOTS):
            if not view.status.get("unit") or view.status.get("adopted"):
                continue
            wanted = unit_of(view.status)
            if unit.facts(wanted.name).enabled in ON:
                unit.tell(wanted, "disable")
                unit.sync_wants(wanted.name)
                disabled.append(wanted.name)
    return {"disabled": disabled}
