"""Which verb is asked for, and what does it answer? One JSON request on stdin, one JSON answer on stdout."""

from __future__ import annotations

import errno
import importlib
import json
import sys

from releaser.onhost.answers import Refusal
from releaser.onhost.files import FULL

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

VERBS = {
    # the ledger, the router and the dead-man's switch of a router site
    "ledger.read": "ledger:read",
    "ledger.acquire": "ledger:acquire",
    "ledger.settle": "ledger:settle",
    "ledger.edit": "ledger:edit",
    "router.read": "router:read",
    "router.write": "router:write",
    "router.cut": "router:cut",
    "switch.arm": "switch:arm",
    "switch.renew": "switch:renew",
    "switch.rehearse": "switch:rehearse",
    "switch.guard": "switch:guard",
    "guard": "guard:guard",
    "listen": "hear:listen",
    # releases and slots of a target
    "target.prepare": "place:prepare",
    "target.place": "place:place",
    "target.start": "slots:start",
    "target.put_back": "put_back:put_back",
    "target.stop": "slots:stop",
    "target.adopt": "slots:adopt",
    "target.inspect": "slot:inspect",
    "target.logs": "logs:logs",
    "target.collect": "collect:collect",
    "target.rest": "unit_boot:rest",
    "supervise": "supervise:supervise",
    "unit.retire": "unit_retire:retire",
    # what a release would meet here
    "doctor.host": "doctor:host",
    # several of those above that change nothing, in one process
    "batch": "batch:batch",
    # any of these, over a connection that may be lost
    "call": "call:call",
    "call.ask": "call:ask",
}
"""Verb -> "module:function" below releaser.onhost; each is `def name(request: dict) -> dict` and raises Refusal."""


def answer(verb: str, request: dict[str, Any]) -> dict[str, Any]:
    """{"ok": ...} or {"error": {"kind", "code", "message", "fix"}}; never raises for what a host can do wrong."""
    if verb not in VERBS:
        why = f"this agent has no verb {verb[:40]!r}; it is of another version of releaser"
        return {"error": Refusal("usage", why, "verb").answer()}
    module, _, name = VERBS[verb].partition(":")
    try:
        return {"ok": getattr(importlib.import_module("releaser.onhost." + module), name)(request)}
    except Refusal as refusal:
        return {"error": refusal.answer()}
    except OSError as error:
        return {"error": _said_no(verb, error).answer()}


def _said_no(verb: str, error: OSError) -> Refusal:
    if error.errno in FULL:
        return Refusal("failed", f"no room on the host for {verb}: {error}", "no-room", ("free some room there",))
    code = errno.errorcode.get(error.errno or 0, "os").lower()
    return Refusal("failed", f"the host could not do {verb}: {error}", code)


def main() -> int:
    request = json.load(sys.stdin)
    json.dump(answer(sys.argv[1] if len(sys.argv) > 1 else "", request), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
