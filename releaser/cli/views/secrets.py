"""Which secrets does a release bring, in which versions, and where do they lie then? References and versions, never values."""

from collections.abc import Mapping, Sequence
from typing import Any

from releaser.cli.lines import Line, row
from releaser.config.environment import Environment
from releaser.config.kept import reboot_needs, say_kept

__all__ = ["changed_secrets", "secret_lines"]

SHOWN = 5
"""References that are listed; the others are counted."""
Versions = Sequence[tuple[str, str]]
"""(reference, version)."""


def secret_lines(environment: Environment, versions: Versions, concerns: Sequence[str] = ()) -> list[Line]:
    """Nothing for an environment without secrets. `concerns`: what the stores find unwise."""
    lines = [row("secret", f"{reference} version {version}") for reference, version in versions[:SHOWN]]
    if len(versions) > SHOWN:
        lines.append(row("", f"and {len(versions) - SHOWN} more"))
    if versions:
        lines.append(row("kept", say_kept(environment)))
    reboot = reboot_needs(environment)
    lines += [row("reboot", (reboot, "warn"))] if reboot else []
    if environment.vault is not None and environment.vault.tls.minimum != "1.3":
        lines.append(row("vault", (f"spoken to with TLS {environment.vault.tls.minimum} (vault.tls.minimum)", "warn")))
    return [*lines, *(row("careful", (concern, "warn")) for concern in concerns)]


def changed_secrets(before: Mapping[str, Any], now: Versions) -> str:
    """What became of the versions of a saved plan, in words; empty where they are still the same."""
    found = dict(now)
    said = [
        f"{reference} was version {before[reference]} and is {found[reference]}"
        for reference in sorted(before.keys() & found.keys())
        if before[reference] != found[reference]
    ]
    return "; ".join(said)
