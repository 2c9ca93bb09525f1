"""What is asked and said when hosts are prepared: host keys first, then what is to do, a yes, and what came of it."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from releaser.cli.accepting_keys import accepted
from releaser.cli.answer import Answer, done
from releaser.cli.chosen_hosts import HostChoice, chosen_hosts
from releaser.cli.exits import REFUSED
from releaser.cli.lines import Line, Style, line
from releaser.cli.run import Reply, Run
from releaser.cli.views.setup import document, named, setup_lines
from releaser.core.values import Outcome
from releaser.engine.setup.carry import Found, carry_out, look, shut_out
from releaser.engine.setup.public_key import read_public_key, usual_public_key
from releaser.engine.setup.reach import Reach, logins
from releaser.engine.setup.script import Script, render
from releaser.engine.setup.wanted import Asked, preparations
from releaser.errors import FailedError, ReleaserError, UsageError

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["set_up"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One run of setup: the script is the same for all hosts."""

    session: "Session"
    script: Script
    hosts: tuple[str, ...]
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.session.name

    def reach(self, login: str | None) -> Reach:
        """As `login`; None: as the users who release."""
        known = logins(self.session.environment, login)
        return Reach({host: known[host] for host in self.hosts}, self.session.folder)


def set_up(run: Run, given: Mapping[str, Any]) -> Reply:
    session = run.session()
    chosen = chosen_hosts(session.environment, HostChoice(given["hosts"], given["groups"]), routers=True)
    asked = _asked(session, given)
    prepared = [one for one in preparations(session.environment, getuser(), asked) if one.host in chosen and one.steps]
    setting = Setting(session, render(session.name, prepared), tuple(one.host for one in prepared), given)
    if not prepared:
        return Reply(
            done(session.name, f"{session.name} needs no preparation: releaser runs all of it on this machine")
        )
    if given["print"]:
        return Reply(done(session.name, "the script stands in text"), text=setting.script.text)
    with closing(setting.reach(given["login"])) as reach:
        return _prepared(run, setting, reach)


def _prepared(run: Run, setting: Setting, reach: Reach) -> Reply:
    while unknown := reach.unknown():
        reach.pin(accepted(run, unknown, setting.given["accepted"]))
    found = look(reach, setting.script, setting.hosts)
    todo = [host for host in setting.hosts if _states(found, host) & {"todo"}]
    blocked = [
        host for host in setting.hosts if isinstance(found[host], ReleaserError) or "cannot" in _states(found, host)
    ]
    if blocked:
        return _stopped(setting, found, blocked)
    if not todo:
        return _reply(setting, found, "nothing to do")
    if not run.options.yes:
        run.note(*setup_lines(found))
    if not run.confirm(f"Do this on {named(todo)}?", without="setup"):
        return Reply(done(setting.name, "nothing was done", outcome=Outcome.CANCELLED, exit=130), document(found))
    came = carry_out(reach, setting.script, todo)
    failed = [
        host for host in todo if isinstance(came[host], ReleaserError) or _states(came, host) & {"failed", "cannot"}
    ]
    if failed:
        return _failed(setting, came, failed)
    return _reply(setting, {**found, **came}, f"{named(todo)} prepared")


def _asked(session: "Session", given: Mapping[str, Any]) -> Asked:
    file = Path(given["authorize"]).expanduser() if given["authorize"] else _key_of(session, given["login"])
    return Asked(
        start=given["start"],
        service_user=given["service_user"],
        authorize=read_public_key(file) if file else None,
        haproxy_config=given["haproxy_config"],
        haproxy_reload=given["haproxy_reload"],
    )


def _key_of(session: "Session", login: str | None) -> Path | None:
    """Whoever logs in as somebody else for this will want to log in as the user who releases."""
    users = [
        ssh for ssh in logins(session.environment, None).values() if ssh is not None and ssh.user not in (None, login)
    ]
    if login is None or not users:
        return None
    found = usual_public_key(users[0], session.folder, Path.home())
    if found is None:
        raise UsageError(
            f"which public key shall {users[0].user} be let in with? none of the usual ones is there; name it: --authorize FILE.pub",
            code="key",
        )
    return found


def _states(found: Found, host: str) -> set[str]:
    findings = found[host]
    return set() if isinstance(findings, ReleaserError) else {finding.state for finding in findings}


def _stopped(setting: Setting, found: Found, blocked: Sequence[str]) -> Reply:
    """Nothing was done anywhere: a host that cannot be seen, or a thing that a person must decide."""
    errors = [error for error in found.values() if isinstance(error, ReleaserError)]
    _check_rights(setting, {host: error for host, error in found.items() if isinstance(error, ReleaserError)})
    said = f"nothing was done: {named(blocked)} must be put right first"
    outcome, code = (Outcome.ERROR, 1) if errors else (Outcome.REFUSED, REFUSED)
    reason = errors[0].code if errors else "unprepared"
    fix = tuple(dict.fromkeys(one for error in errors for one in error.fix))
    answer = Answer(outcome, code, said, reason, setting.name, fix=fix)
    return Reply(answer, document(found), (*setup_lines(found), line((said, "bad"))))


def _check_rights(setting: Setting, errors: Mapping[str, ReleaserError]) -> None:
    """One message, however many hosts say the same. Raises FailedError."""
    codes = {error.code for error in errors.values()}
    login = setting.given["login"]
    root = f"releaser setup -e {setting.name} --login root"
    if codes == {"no-root"}:
        why = next(iter(errors.values())).message.rpartition("(")[2].rstrip(")")
        raise FailedError(
            f"to prepare {named(tuple(errors))} takes root, and who logs in there may not become root without a password ({why})",
            fix=(
                f"releaser setup -e {setting.name} --print   (a script for whoever has root)",
                *([] if login else [root]),
                f"releaser doctor -e {setting.name}   (what is missing, as far as it can be seen without root)",
            ),
            code="no-root",
        )
    if codes == {"auth"} and not login:
        raise FailedError(
            f"{named(tuple(errors))} do not let the user in who releases; log in as somebody who is there already",
            fix=(root, f"releaser setup -e {setting.name} --print   (a script for whoever has root)"),
            code="auth",
        )


def _failed(setting: Setting, came: Found, failed: Sequence[str]) -> Reply:
    said = f"{named(failed)} not prepared to the end; what was done is well, and the same command does the rest"
    answer = Answer(Outcome.ERROR, 1, said, "setup", setting.name, fix=(f"releaser setup -e {setting.name}",))
    return Reply(answer, document(came), (*setup_lines(came), *_end(answer)))


def _reply(setting: Setting, found: Found, said: str) -> Reply:
    """All is prepared. Where somebody else logged in for that, whoever releases must get in too."""
    name = setting.name
    if setting.given["login"]:
        with closing(setting.reach(None)) as reach:
            out = shut_out(reach, setting.hosts)
        if out:
            answer = Answer(Outcome.ERROR, 1, f"{said}, but not for whoever releases", "auth", name)
            return Reply(answer, document({**found, **out}), (*setup_lines(out), *_end(answer)))
    fix = (f"releaser promote VERSION -e {name}", f"releaser adopt -e {name}   (where something serves already)")
    answer = done(name, said, fix=fix)
    return Reply(answer, document(found), (*setup_lines(found), *_end(answer)))


def _end(answer: Answer) -> tuple[Line, ...]:
    style: Style = "bad" if answer.exit else "good"
    return (line((answer.message, style)), *(line("  next: ", (fix, "strong")) for fix in answer.fix))
