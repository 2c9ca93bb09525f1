"""What does `doctor` answer? The findings, and in the exit code whether a release would go through."""

from typing import Any

from releaser.cli.answer import Answer, done
from releaser.cli.chosen_hosts import HostChoice, chosen_hosts
from releaser.cli.exits import REFUSED
from releaser.cli.run import Reply, Run
from releaser.cli.views.doctor import finding_lines
from releaser.core.values import Outcome
from releaser.engine.doctor.examine import Examination, examine
from releaser.engine.doctor.finding import Finding

__all__ = ["answer_of", "document_of", "examined"]

UNCHECKED = 1


def examined(run: Run, choice: HostChoice) -> Reply:
    session = run.session()
    only = None if choice.everything else chosen_hosts(session.environment, choice, routers=True)
    found = examine(session, only)
    data = {"findings": [document_of(one) for one in found.findings], "hosts": found.hosts}
    answer = answer_of(found)
    return Reply(answer, data, tuple(finding_lines(found, answer.message, each=run.options.verbose > 0)))


def answer_of(found: Examination) -> Answer:
    """6 before 1: what is known to stop a release counts more than what nobody knows."""
    bad = [one for one in found.findings if one.level == "FAIL"]
    silent = [one for one in found.findings if one.level == "UNKNOWN"]
    warnings = sum(one.level == "WARN" for one in found.findings)
    name, seconds = found.environment, round(found.seconds, 3)
    fix = tuple(dict.fromkeys(line for one in (*bad, *silent) for line in one.fix))
    if bad:
        said = f"{_many(len(bad), 'problem')}: a release would be refused, or could not be taken back"
        return Answer(Outcome.REFUSED, REFUSED, said, bad[0].code, name, seconds=seconds, fix=fix)
    if silent:
        said = f"{_many(len(silent), 'question')} without an answer"
        return Answer(Outcome.ERROR, UNCHECKED, said, "unchecked", name, seconds=seconds, fix=fix)
    well = "all is well" + (f", with {_many(warnings, 'warning')}" if warnings else "")
    return done(name, well, seconds=seconds)


def document_of(one: Finding) -> dict[str, Any]:
    """`host` is null where it is about this machine, or about the environment as a whole."""
    return {
        "level": one.level,
        "check": one.check,
        "host": one.where or None,
        "found": one.found,
        "code": one.code or None,
        "fix": list(one.fix),
    }


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
