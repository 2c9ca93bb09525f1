"""Does an nginx of somebody's own read its configuration, and use what releaser writes? PURE: from its own words to findings."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from releaser.core.values import SLOTS
from releaser.engine.doctor.finding import Finding, fail, ok, warn

__all__ = ["nginx_findings"]

Json = Mapping[str, Any]
PASSED = re.compile(r"^proxy_pass\s+https?://([A-Za-z0-9_.-]+)_\$\{?releaser_slot\b")


def nginx_findings(where: str, options: Any, told: Json) -> Iterator[Finding]:
    """`nginx -t`, and where the same program may print the configuration, the lines that a shift relies on."""
    test = " ".join(options.test)
    if told["status"] != 0:
        said = told["said"].splitlines()[0] if told["said"] else f"it ended with status {told['status']}"
        fix = f"mend nginx's configuration until this says yes on the host: {test}"
        yield fail("settings", where, f"`{test}` says no: {said}", fix, code="nginx-test")
    elif told["lines"] is None:
        yield warn(
            "settings",
            where,
            f"`{test}` says yes; what stands in the configuration was not shown (-T)",
            "allow the same with -T in place of -t",
        )
    else:
        found = list(_settings(where, options, told["lines"]))
        yield from found or [ok("settings", where, f"`{test}` says yes, and the split is used")]


def _settings(where: str, options: Any, lines: Sequence[str]) -> Iterator[Finding]:
    prefixes = sorted({match[1] for line in lines if (match := PASSED.match(line))})
    if not any(line.startswith("include") for line in lines) or not prefixes:
        unused = "no proxy_pass of nginx names $releaser_slot, so no shift would change what users get"
        yield fail(
            "settings",
            where,
            unused,
            "proxy_pass http://shop_$releaser_slot; with an upstream for each slot",
            code="split-unused",
        )
    upstreams = {line.split()[1] for line in lines if line.startswith("upstream ")}
    missing = [f"{prefix}_{slot}" for prefix in prefixes for slot in SLOTS if f"{prefix}_{slot}" not in upstreams]
    if missing:
        yield fail(
            "settings",
            where,
            f"nginx has no upstream {' and '.join(missing)}",
            f"upstream {missing[0]} {{ server ADDRESS:PORT max_fails=0; }}",
            code="no-upstream",
        )
    if not any(line.startswith(f"access_log {options.log}") for line in lines):
        blind = f"nowhere does nginx log to {options.log}, so no request would be counted"
        yield fail("settings", where, blind, f"access_log {options.log} releaser;", code="no-log")
    if not any(line.startswith("worker_shutdown_timeout") for line in lines):
        old = "without worker_shutdown_timeout old workers keep the old shares for as long as a client stays"
        yield warn("settings", where, old, "worker_shutdown_timeout 30s; in the main part of nginx.conf")
