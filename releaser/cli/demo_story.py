"""What happens in the demo, chapter by chapter, and what was measured of each?"""

import json
import os
import platform
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from releaser.cli.answer import done
from releaser.cli.demo_page import Chapter, Figures, Page, document, page_lines
from releaser.cli.demo_screen import Stagehand
from releaser.cli.demo_stage import BASE_RATE, Stage, staged
from releaser.cli.run import Reply, Run
from releaser.core.phrases import say_seconds
from releaser.core.plan import Plan
from releaser.core.rollout import Rollout
from releaser.core.values import Outcome
from releaser.engine.session import Session, Show
from releaser.errors import FailedError
from releaser.testing.app import logged
from releaser.testing.load import Load, Sent, summary

__all__ = ["play"]

KILLED_AT = 1
"""Index of the step at which the third release's process is killed."""
BACK_WITHIN = 30.0


class Interrupted(Exception):  # noqa: N818 - not an error: a person had seen enough
    """A person or the system ended the demo."""


def play(run: Run, *, fast: bool, keep: Path | None, port: int | None) -> Reply:
    """The whole demo. The answer's exit is 0 only if every chapter ended as it must and nobody's request was failed by us."""
    began = time.monotonic()
    with _interruptible(), staged(run.environ, fast=fast, port=port) as stage, Stagehand(run) as hand:
        hand.chapter("Bringing up a router and the first version; users arrive once it answers")
        session = stage.session()
        first = _promoted(session, "1.0.0", hand)
        with stage.traffic() as load:
            hand.load = load
            chapters = [
                _good(session, hand, load),
                _by_hand(session, hand, load),
                _bad(session, hand, load),
                _killed(stage, session, hand, load),
            ]
            hand.chapter("Done; waiting for the last answers")
        page = _page(stage, session, chapters, load, first, time.monotonic() - began)
        if keep is not None:
            _keep(stage, keep, page)
    lines = page_lines(page)
    said = "every chapter ended as it must" if page.good else "something did not end as it must: see the page"
    answer = done("demo", said)
    if not page.good:
        answer = replace(answer, outcome=Outcome.ERROR, exit=1, reason="demo")
    if run.machine:
        return Reply(answer, {"demo": document(page)})
    run.screen.text("\n".join(lines))
    return Reply(answer)


def _promoted(session: Session, version: str, hand: Stagehand) -> Rollout:
    plan = session.plan(version)
    if not isinstance(plan, Plan):
        raise FailedError(f"{version} cannot be promoted in the demo: {plan}")
    return _watched(session.drive(plan, show=Show((hand,), notice=hand.say)))


def _watched(rollout: Rollout) -> Rollout:
    if rollout.turned and rollout.turned.cause == "signal":
        raise Interrupted
    return rollout


def _good(session: Session, hand: Stagehand, load: Load) -> Chapter:
    hand.chapter("1 of 4: 1.1.0 is good. It gets 10 %, 50 %, then everyone")
    began, since = time.monotonic(), len(load.results)
    rollout = _promoted(session, "1.1.0", hand)
    return _told(rollout, "A good version,", Outcome.PROMOTED, began, load.results[since:])


def _bad(session: Session, hand: Stagehand, load: Load) -> Chapter:
    hand.chapter("3 of 4: 1.2.0 fails one request in five. Its users' requests will tell")
    began, since = time.monotonic(), len(load.results)
    rollout = _promoted(session, "1.2.0", hand)
    told = _told(rollout, "A bad version,", Outcome.ROLLED_BACK, began, load.results[since:])
    by_the_judge = rollout.turned is not None and rollout.turned.cause == "judge"
    return replace(told, good=told.good and by_the_judge)


def _told(r: Rollout, title: str, must: Outcome, began: float, sent: list[Sent]) -> Chapter:
    """A chapter that ended with this rollout."""
    finished, plan = r.finished, r.plan
    facts = [
        ("rehearsed", f"the guard took {name} back in {say_seconds(s)}") for name, s in sorted(r.rehearsed.items())
    ]
    if finished and finished.seconds_to_stable is not None:
        back, budget = say_seconds(finished.seconds_to_stable), say_seconds(plan.budget.rollback)
        facts.append(("back on stable", f"{back} after the decision; the budget is {budget}"))
    of_candidate = [one for one in sent if one.version == plan.to.version]
    if plan.kind == "promote" and of_candidate:
        failed = sum(one.failed for one in of_candidate)
        harmed = max(0.0, failed - BASE_RATE * len(of_candidate))
        facts.append(
            ("its users", f"{len(of_candidate):,} requests, {failed} failed, about {harmed:.0f} more than usual")
        )
    return Chapter(
        f"{title} {plan.to.version}",
        str(finished.outcome).replace("_", " ") if finished else "not over",
        finished is not None and finished.outcome is must,
        finished.why if finished else "",
        time.monotonic() - began,
        tuple(facts),
    )


def _killed(stage: Stage, session: Session, hand: Stagehand, load: Load) -> Chapter:
    """The process that releases 1.3.0 is killed with its whole group: from then on only the guard is there."""
    hand.chapter("4 of 4: 1.3.0 is good, but the process that releases it gets kill -9 in the middle")
    began, since = time.monotonic(), len(load.results)
    process = stage.promote("1.3.0")
    try:
        stable = _kill_at_step(process, hand)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    killed = time.monotonic()
    hand.sentence = "4 of 4: nobody drives 1.3.0 any more. The router's own timer runs"
    hand.say("kill -9 to the whole process group: nobody renews the router's timer now")
    back = _until_back(session, stable, killed)
    told = f"{say_seconds(round(back, 1))} after the kill" if back is not None else f"not within {BACK_WITHIN:g} s"
    hand.say(f"the guard beside the router brought the old split back {told}")
    hand.sentence = "4 of 4: the next releaser command cleans up behind the dead process"
    taken = session.recover(reason="the demo killed its process", show=Show((hand,), notice=hand.say))
    outcome = taken[0].finished if taken else None
    timer = taken[0].plan.budget.deadman if taken else 0.0
    sent = [one for one in load.results[since:] if one.version == "1.3.0"]
    facts = (
        ("the guard", f"restored the split {told}; its timer is {timer:g} s, and 1 s more is allowed"),
        ("its users", f"{len(sent):,} requests, {sum(one.failed for one in sent)} failed"),
    )
    good = back is not None and back <= timer + 1.0 and outcome is not None and outcome.outcome is Outcome.ROLLED_BACK
    return Chapter(
        "A release whose process was killed, 1.3.0",
        str(outcome.outcome).replace("_", " ") if outcome else "not taken over",
        good,
        outcome.why if outcome else "",
        time.monotonic() - began,
        facts,
    )


def _kill_at_step(process: Any, hand: Stagehand) -> str:
    """Read the process's events until the step is set; kill; the release that answered before."""
    stable = ""
    if "1.3.0" not in hand.versions:
        hand.versions.append("1.3.0")
    for text in process.stdout:
        told = json.loads(text)
        event = told.get("event", {})
        if "text" in told:
            hand.say(told["text"], told.get("at"))
        if event.get("kind") == "Opened":
            stable = event["plan"]["origin"]
        if event.get("kind") == "Shifted" and event["generation"] % 1000 == KILLED_AT + 1:
            time.sleep(0.5)  # some users on the new version, as in mid-release
            os.killpg(process.pid, signal.SIGKILL)
            return str(stable)
    raise FailedError(
        "the release of 1.3.0 ended before it could be killed", fix=("run the demo again with --keep DIR",)
    )


def _until_back(session: Session, stable: str, killed: float) -> float | None:
    """Seconds from the kill until the router itself says that everyone is on `stable`; None: not within the limit."""
    name = next(iter(session.world.sites))
    while time.monotonic() - killed < BACK_WITHIN:
        state = session.observe().routers.get(name)
        if state is not None and state.split is not None and state.split.weight(stable) == 100:
            return time.monotonic() - killed
    return None


def _by_hand(session: Session, hand: Stagehand, load: Load) -> Chapter:
    hand.chapter("2 of 4: one command goes back from 1.1.0 to 1.0.0, which was kept warm")
    began, since = time.monotonic(), len(load.results)
    plan = session.plan_rollback(mark_bad=False, freeze=0.0)
    if not isinstance(plan, Plan):
        raise FailedError(f"there is no way back in the demo: {plan}")
    rollout = _watched(session.drive(plan, reason="somebody wants the old one", show=Show((hand,), notice=hand.say)))
    return _told(rollout, "A rollback by hand, to", Outcome.ROLLED_BACK, began, load.results[since:])


def _page(stage: Stage, session: Session, chapters: list[Chapter], load: Load, first: Rollout, seconds: float) -> Page:
    sent = list(load.results)
    told = summary(sent)
    versions, problems = {}, []
    for version, counted in told["versions"].items():
        if version:
            versions[version] = _figures(stage, version, [one for one in sent if one.version == version], counted)
            if versions[version].logged != counted["requests"]:
                problems.append(f"the log of {version} does not have every request that the client counted")
    if first.outcome is not Outcome.PROMOTED:
        problems.append("the first version was not promoted")
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    router = next(iter(session.environment.targets.values())).router.kind
    return Page(
        chapters,
        versions,
        told["requests"],
        told["failed_by_us"],
        told["latency"],
        seconds,
        router,
        machine,
        tuple(problems),
    )


def _figures(stage: Stage, version: str, sent: list[Sent], counted: Mapping[str, int]) -> Figures:
    known = logged(stage.log(version))
    agreed = sum(known.get(one.id) == str(one.status) for one in sent)
    return Figures(counted["requests"], counted["failed"], agreed)


def _keep(stage: Stage, folder: Path, page: Page) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.txt").write_text("\n".join(page_lines(page)) + "\n", encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(document(page), indent=2) + "\n", encoding="utf-8")
    (folder / "journal.db").write_bytes((stage.root / "state" / "journal.db").read_bytes())


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, between releases as in one."""

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    except Interrupted:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGTERM, before)
