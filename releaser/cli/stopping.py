"""What is asked and said when an environment on this machine is stopped?"""

from releaser.cli.answer import Answer, done
from releaser.cli.exits import INTERRUPTED
from releaser.cli.lines import Line, row
from releaser.cli.run import Reply, Run
from releaser.cli.views.names import version_of
from releaser.core.values import Outcome

__all__ = ["down"]


def down(run: Run) -> Reply:
    from releaser.engine.down import stop_all

    session = run.session()
    if run.asks and not run.confirm(f"Stop {session.name}? Users get no answers from it then.", without="down"):
        return Reply(Answer(Outcome.CANCELLED, INTERRUPTED, "nothing was stopped", "declined", session.name))
    ended = stop_all(session, wait=run.pause)
    current = next((one.current for one in session.observe().ledgers.values() if one.current), None)
    again = (f"releaser rollback -e {session.name} --to {version_of(current)}",) if current and ended.stopped else ()
    said = f"{session.name} is stopped" if ended.stopped else f"{session.name}: nothing that releaser started runs"
    lines: list[Line] = [row("stopped", what) for what in ended.stopped]
    lines += [row("left", f"{what}: releaser took it in and did not start it") for what in ended.left]
    lines += [row("disabled", f"{unit}: a boot does not start it any more") for unit in ended.disabled]
    lines += [row("next", (command, "strong")) for command in again]
    answer = done(session.name, said, release=current, fix=again)
    return Reply(
        answer,
        {"stopped": list(ended.stopped), "left": list(ended.left), "disabled": list(ended.disabled)},
        tuple(lines),
    )
