"""Can this host's units run the slots at all? Asked before anything is placed, also for what only the way back will need."""

from __future__ import annotations

from typing import Any

from releaser.onhost import unit, unit_env, unit_seal
from releaser.onhost.answers import Refusal
from releaser.onhost.home import SLOTS, Home
from releaser.onhost.unit import Facts, Unit

__all__ = ["ORDERS", "expect_able", "expect_loaded", "expect_values"]

ORDERS = (("start", "--no-block"), ("stop", "--no-block"), ("reset-failed",), ("enable",), ("disable",))
"""All that is ever told to a unit."""


def expect_able(place: Home, run: dict[str, Any]) -> None:
    """systemd, the units of both slots, with sudo the right to every order, and sealing where it is asked for.
    Raises Refusal; changes nothing.

    Without sudo nobody can say beforehand what the host's policy will answer.
    """
    unit.expect_systemd()
    wanted = [Unit(unit.instance(str(run["systemd"]), slot), bool(run.get("sudo"))) for slot in SLOTS]
    for one in wanted:
        expect_loaded(one, unit.facts(one.name))
    missing = [argv for one in wanted if one.sudo for argv in map(one.order, ORDERS) if not unit.allowed(argv)]
    if missing:
        raise unit.without_rights(missing, sudo=True)
    if run.get("sealed"):
        unit_seal.expect_sealing(place, run)


def expect_loaded(one: Unit, said: Facts) -> None:
    if said.load != "loaded":
        raise Refusal(
            "failed",
            f"the host has no usable unit {one.name}: systemd says {said.load}",
            "unit-missing",
            (f"install it below {unit.WANTS}, then: systemctl daemon-reload",),
        )


def expect_values(env: dict[str, Any]) -> None:
    """Control characters: systemd would leave such a variable out, and print it."""
    wrong = unit_env.unfit({str(name): str(value) for name, value in env.items()})
    if wrong:
        raise Refusal(
            "usage",
            f"{', '.join(wrong)}: systemd takes no control characters in a variable, only tabs and line ends",
            "unit-env",
            ("encode the value (base64, say), or put it into a file that is shared",),
        )
