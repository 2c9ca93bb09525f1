"""How does a release go on in a process of its own on this machine, and when would that process be killed?"""

import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from releaser.cli.answer import Answer, done
from releaser.cli.run import Reply, Run
from releaser.core.codec import plan_digest
from releaser.core.plan import Plan
from releaser.core.values import Outcome
from releaser.errors import RefusedError

if TYPE_CHECKING:
    from releaser.cli.promotion import Wanted
    from releaser.engine.session import Session

__all__ = ["check_may_detach", "command_line", "detached"]

KILLERS = {
    "GITHUB_ACTIONS": "GitHub Actions",
    "GITLAB_CI": "GitLab CI",
    "JENKINS_URL": "Jenkins",
    "TF_BUILD": "Azure Pipelines",
    "BUILDKITE": "Buildkite",
    "CIRCLECI": "CircleCI",
    "TEAMCITY_VERSION": "TeamCity",
    "CI": "a CI job",
}
"""Variable -> who ends every process of a job when the job ends."""
WAITS = 30.0
"""Seconds until the new process must have opened its release."""


def check_may_detach(environ: Mapping[str, str], vault: Any) -> None:
    """Raises RefusedError where the process would not outlive this job, or could not log in to Vault once more."""
    if vault is not None and vault.auth.approle is not None and vault.auth.approle.wrapped:
        raise RefusedError(
            "a wrapped secret id of Vault opens once, and a detached release is planned twice: here and in its own process; "
            "promote without --detach, or give vault.auth.approle a secret id that is not wrapped",
            code="detach",
        )
    for variable, name in KILLERS.items():
        if environ.get(variable):
            raise RefusedError(
                f"{name} ends all processes of a job with it, a detached release too; promote without --detach",
                fix=("releaser promote ... --timeout 2h",),
                code="detach",
            )


def command_line(run: Run, session: "Session", plan: Plan, wanted: "Wanted", name: str) -> list[str]:
    """What the new process is told: the same, held to the plan that was shown."""
    options = run.options
    words = ["promote", wanted.version, "-e", session.name, "-y", "--folder", str(options.folder)]
    words += ["--attached-to", name, "--expect-plan", plan_digest(plan)]
    words += ["--playbook", wanted.playbook] if wanted.playbook else []
    words += ["--reason", options.reason] if options.reason else []
    words += [word for setting in options.settings for word in ("--set", setting)]
    flags = {"--stable-is-down": wanted.stable_is_down, "--retry-bad": wanted.retry_bad, "--unfreeze": wanted.unfreeze}
    return [sys.executable, "-m", "releaser", *words, *(flag for flag, given in flags.items() if given)]


def detached(run: Run, session: "Session", plan: Plan, wanted: "Wanted") -> Reply:
    """Start it, wait until its release is open in the journal, and leave."""
    name = secrets.token_hex(4)
    log = session.journal.path.parent / f"detached-{name}.log"
    known = {summary.rollout for summary in session.journal.open_rollouts(session.name)}
    child = _started(command_line(run, session, plan, wanted, name), log, run.environ)
    deadline = run.now() + WAITS
    while run.now() < deadline and child.poll() is None:
        opened = [one for one in session.journal.open_rollouts(session.name) if one.rollout not in known]
        if opened:
            return _under_way(session, plan, opened[0].rollout, log)
        run.pause(0.1)
    last = _last_line(log)
    code = child.poll()
    why = (
        f"the detached process ended with {code}: {last}"
        if code is not None
        else "the detached process opened no release yet"
    )
    return Reply(Answer(Outcome.ERROR, code or 1, f"{why}; its output is in {log}", "detach", session.name))


def _started(words: list[str], log: Path, environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """In a session of its own, so that a hang-up of this terminal does not reach it."""
    alone: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        alone = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    with log.open("wb") as file:
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=dict(environ), **alone)


def _under_way(session: "Session", plan: Plan, rollout: str, log: Path) -> Reply:
    answer = done(
        session.name,
        f"{rollout} goes on by itself; its output is in {log}",
        Outcome.RUNNING,
        release=plan.to.id,
        version=plan.to.version,
        origin=plan.origin,
        plan_digest=plan_digest(plan),
        rollout=rollout,
        fix=(f"releaser watch -e {session.name}", f"releaser abort -e {session.name}"),
    )
    return Reply(answer)


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="backslashreplace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
