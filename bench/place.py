"""Where are releases measured? A whole local environment in a directory of its own, taken away at the end."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from releaser.cli.demo_stage import clear
from releaser.core.events import Entry
from releaser.core.plan import Plan
from releaser.core.rollout import Rollout
from releaser.core.values import Slot
from releaser.engine.places import journal_path, shipped
from releaser.engine.session import Session, Show
from releaser.ports import Notifier
from releaser.store.sqlite import SqliteJournal
from releaser.testing.app import logged
from releaser.testing.app_artifact import write_artifact
from releaser.testing.free_ports import free_ports
from releaser.testing.load import Sent

BASE_RATE = 0.002
"""Errors of every version, good or bad: real applications have some."""
ENVIRONMENT = """\
app: shop
artifact: dist/shop-{{version}}
versions: mutable
hosts: [local]
path: ./at
ports: {{ blue: {blue}, green: {green} }}
run: {python} app.py --port {{port}} --version {{version}}
probes: {{ up: {{ version: "$.version"{every} }} }}
router: {router}://local:{listen}
fleet: {{ drain: 1s, keep_warm: 1h }}
playbook: canary
freeze_after_rollback: 0s
"""
BAKE = ("bake: 10m", "bake: 10s")
"""All that is changed of the shipped canary."""
HELD = """\
strategy: canary
steps: [ { weight: 10%, at_least: 10m }, { weight: 100% } ]
judge: { errors: { not_worse_than: 1.1x, within: 0.5% } }
budget: { step: 15m, release: 1h, rollback: 60s, deadman: 20s }
"""
DIES = """\
# A candidate that is well until its first user comes: then its port is dead, and the process goes on.
import asyncio, sys
import shop

servers = []
create, decide = asyncio.base_events.BaseEventLoop.create_server, shop.Application.decide

async def created(loop, *given, **named):
    servers.append(await create(loop, *given, **named))
    return servers[-1]

def dying(application, request):
    if request.path == "/healthz":
        return decide(application, request)
    for server in servers:
        server.close()
    return shop.Answer(status=None)

asyncio.base_events.BaseEventLoop.create_server = created
shop.Application.decide = dying
sys.exit(shop.main(sys.argv[1:] + {arguments!r}))
"""


@dataclass(frozen=True)
class Place:
    """`root` holds everything; `environ` keeps the user's own journal out of it."""

    root: Path
    environ: Mapping[str, str]
    listen: int
    ports: Mapping[Slot, int]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listen}/"

    def log(self, version: str) -> Path:
        """A line for each request that this version was asked: ID STATUS VERSION."""
        return self.root / f"requests-{version}.log"

    def unlogged(self, sent: Sequence[Sent]) -> list[Sent]:
        """Answers in the name of a version whose own log does not know the request, or knows another status of it."""
        logs = {version: logged(self.log(version)) for version in {one.version for one in sent} - {""}}
        return [one for one in sent if one.version and logs[one.version].get(one.id) != str(one.status)]

    def build(self, version: str, fault: str = "none") -> None:
        """`fault` as the sample application knows them, or "dies"."""
        artifact = self.root / "dist" / f"shop-{version}"
        arguments = ["--error-rate", str(BASE_RATE), "--log", str(self.log(version))]
        write_artifact(artifact, *arguments, "--fault", "none" if fault == "dies" else fault)
        if fault == "dies":
            (artifact / "app.py").write_text(DIES.format(arguments=arguments), encoding="utf-8")

    def session(self) -> Session:
        return Session.open("bench", self.root, environ=self.environ, by="bench")

    def drive(self, version: str, *, playbook: str, listeners: tuple[Notifier, ...] = ()) -> Rollout:
        """In this process. Raises RuntimeError where there is no plan."""
        session = self.session()
        try:
            plan = session.plan(version, playbook=playbook)
            if isinstance(plan, Plan):
                return session.drive(plan, show=Show(listeners))
            raise RuntimeError(f"{version}: {plan}")
        finally:
            session.close()

    def promote(self, version: str) -> "subprocess.Popen[bytes]":
        """`releaser promote` by the shipped canary, as a process of its own."""
        argv = [sys.executable, "-m", "releaser", "promote", version, "-e", "bench", "-y", "-o", "jsonl"]
        return subprocess.Popen(
            [*argv, "--folder", str(self.root)],
            stdin=subprocess.DEVNULL,
            stdout=(self.root / f"promote-{version}.jsonl").open("wb"),
            env=dict(self.environ),
            start_new_session=True,
        )

    def entries(self, version: str) -> list[Entry]:
        """The journal of the last rollout that brought `version`."""
        with SqliteJournal(journal_path(self.environ)) as journal:
            found = [one.rollout for one in journal.rollouts("bench") if one.rollout.startswith(f"{version}.")]
            return list(journal.read(found[0])) if found else []


@contextmanager
def place(router: str = "envoy", *, every: str = "") -> Iterator[Place]:
    """`every`: how often the probe asks, if not as usual."""
    root = Path(tempfile.mkdtemp(prefix="rb-", dir=os.environ.get("BENCH_DIR"))).resolve()
    blue, green, listen = free_ports(3)
    made = Place(root, {**os.environ, "RELEASER_STATE": str(root / "state")}, listen, {"blue": blue, "green": green})
    try:
        for kind in ("environments", "playbooks"):
            (root / kind).mkdir()
        text = ENVIRONMENT.format(
            blue=blue,
            green=green,
            listen=listen,
            router=router,
            python=sys.executable,
            every=every and f", every: {every}",
        )
        (root / "environments" / "bench.yaml").write_text(text, encoding="utf-8")
        canary = (shipped("playbooks") / "canary.yaml").read_text(encoding="utf-8")
        if BAKE[0] not in canary:
            raise RuntimeError(f"the shipped canary has no {BAKE[0]!r} any more")
        (root / "playbooks" / "canary.yaml").write_text(canary.replace(*BAKE), encoding="utf-8")
        (root / "playbooks" / "held.yaml").write_text(HELD, encoding="utf-8")
        made.build("1.0.0")
        made.drive("1.0.0", playbook="canary")
        yield made
    finally:
        clear(root)
