"""A router site in a temporary directory whose router is a file, driven in this process; its guard is this process too."""

import json
import os
from pathlib import Path
from typing import Any

from releaser.onhost import clock, guard
from releaser.onhost.__main__ import answer


class Refused(Exception):  # noqa: N818 - it mirrors the agent's word for an answer
    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.kind, self.code, self.message, self.fix = (error[key] for key in ("kind", "code", "message", "fix"))


class Site:
    """What the tests say to a site. Releases are named by version; the router's configuration is one JSON file."""

    def __init__(self, home: Path) -> None:
        self.state = home / "state"
        self.router = home / "router.json"

    def call(self, verb: str, **request: Any) -> dict[str, Any]:
        told = answer(verb, json.loads(json.dumps({"state": str(self.state), "within": 5.0, **request})))
        if "error" in told:
            raise Refused(told["error"])
        return dict(told["ok"])

    def read(self) -> dict[str, Any]:
        return self.call("ledger.read")

    def acquire(
        self, rollout: str = "r1", fence: int = 1, *, force: bool = False, environment: str = "", **claim: Any
    ) -> dict[str, Any]:
        version = claim.pop("version", "2.0")
        said = {
            "holder": f"{rollout}@laptop",
            "rollout": rollout,
            "release": release(version),
            "before": {identity("1.0"): 100},
            "binding": [["blue", identity("1.0")], ["green", identity(version)]],
            "lease": 20.0,
            "playbook": "canary",
            "journal": None,
            "unfreeze": False,
            "expected_fence": None,
        }
        return self.call("ledger.acquire", claim=said | claim, fence=fence, force=force, environment=environment)

    def settle(self, settlement: str, rollout: str = "r1", fence: int = 1, **settling: Any) -> dict[str, Any]:
        said = {"current": None, "bad": None, "freeze": None, "journal": None}
        return self.call(
            "ledger.settle", settling=said | {"settlement": settlement, "rollout": rollout} | settling, fence=fence
        )

    def order(self, weight: int, generation: int, fence: int) -> dict[str, Any]:
        split = {identity("1.0"): 100 - weight, identity("2.0"): weight} if weight else {identity("1.0"): 100}
        text = json.dumps({"split": split, "generation": generation})
        look = {"do": "run", "argv": ["grep", "-F", f'"generation": {generation}}}', str(self.router)]}
        write = [{"do": "replace", "path": str(self.router), "text": text}]
        return {"fence": fence, "split": split, "generation": generation, "look": [look], "write": write}

    def write(self, weight: int, generation: int, fence: int = 1) -> dict[str, Any]:
        return self.call("router.write", **self.order(weight, generation, fence))

    def arm(self, generation: int = 1001, fence: int = 1, timer: float = 20.0, weight: int = 0) -> dict[str, Any]:
        order = self.order(weight, generation, fence)
        return self.call("switch.arm", **order, revert=order["write"], timer=timer)

    def applied(self) -> dict[str, Any]:
        """What the router itself applies."""
        return dict(json.loads(self.router.read_text()))

    def reboot(self, boot: str = "another-boot") -> None:
        (self.state / "boot_id").write_text(boot)

    def become_guard(self) -> None:
        """This process passes for the guard, so that none is started; `turn` is then its next look."""
        self.state.mkdir(exist_ok=True)
        known = {"pid": os.getpid(), "start": clock.started(os.getpid()), "boot": clock.boot(self.state)}
        (self.state / "guard.json").write_text(json.dumps(known))

    def turn(self) -> list[str]:
        return guard._turn(self.state)[1]

    def files(self, word: str) -> list[str]:
        return sorted(path.name for path in self.state.glob(f"{word}.*.*.json"))


def identity(version: str) -> str:
    return f"{version}-00000000"


def release(version: str) -> dict[str, str]:
    return {"id": identity(version), "version": version, "artifact": "a" * 64, "config": "c" * 64, "secrets": ""}
