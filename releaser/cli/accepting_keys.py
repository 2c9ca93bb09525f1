"""Who says that a host's key is its own? A person who has compared it: at a terminal, or by naming its fingerprint."""

from collections.abc import Sequence

from releaser.cli.run import Run
from releaser.cli.views.setup import key_lines
from releaser.engine.setup.reach import Unknown
from releaser.errors import FailedError, UsageError

__all__ = ["accepted"]

COMPARE = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"


def accepted(run: Run, unknown: Sequence[Unknown], fingerprints: Sequence[str]) -> Sequence[Unknown]:
    """All of them, or an error: -y is no answer to this question. Raises UsageError where nobody can be asked, and
    FailedError where the person says no.
    """
    unnamed = [one for one in unknown if one.shown.fingerprint not in fingerprints]
    if not unnamed:
        return unknown
    if not run.asks:
        shown = "; ".join(f"{one.shown.host} shows {one.shown.fingerprint} ({one.shown.kind})" for one in unnamed)
        raise UsageError(
            f"host keys that nobody has compared yet, and no terminal to ask at: {shown}; compare each with what the host "
            f"itself says ({COMPARE}), then name it",
            fix=tuple(f"--accept-host-key {one.shown.fingerprint}" for one in unnamed),
            code="host-key-unknown",
        )
    run.note(*key_lines(unnamed))
    run.screen.question("Are these the hosts' own keys? [y/N] ")
    if run.stdin.readline().strip().lower() not in ("y", "yes"):
        raise FailedError(
            "no key was pinned, and nothing was sent to a host",
            fix=(f"on each host: {COMPARE}",),
            code="host-key-unknown",
        )
    return unknown
