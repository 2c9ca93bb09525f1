"""`status` of a fleet: targets of different waves differ while a release is under way, and hosts behind have a line of their own."""

from releaser.cli.lines import KEYS, wrapped
from releaser.cli.status_of import State, Status, document_of, exit_of
from releaser.cli.views.status import status_lines
from releaser.core.values import Split
from releaser.engine.behind import Behind
from releaser.engine.observe import Observed
from releaser.ports import LedgerState, RouterState

OLD, NEW = "1.0-00000001", "1.1-00000002"
LEDGERS = {
    name: LedgerState(name, fence=3, current=OLD, slots={"blue": OLD, "green": NEW})
    for name in ("canary/lb1", "rest/lb1")
}


def text(state: State, *behind: Behind, second: str = OLD) -> str:
    routers = {"canary/lb1": RouterState(Split.all_to(NEW), 1), "rest/lb1": RouterState(Split.all_to(second), 1)}
    lines = status_lines(Status("production", state, Observed(LEDGERS, routers), behind=behind), 0.0)
    return "\n".join("".join(word for word, _ in piece) for one in lines for piece in wrapped(one, 80, KEYS))


def test_between_two_waves_nothing_is_wrong() -> None:
    assert "canary: 1.1 100 %   rest: 1.0 100 %" in text("running")
    assert "ROUTERS DIFFER" not in text("running")
    assert "ROUTERS DIFFER" in text("differ")


def test_two_hundred_hosts_behind_are_one_line_and_the_command() -> None:
    away = [Behind("rest", f"web{n}", "unreachable", away=True) for n in range(200)]
    shown = text("serving", *away, Behind("rest", "web900", f"holds {OLD}, running"), second=NEW)
    assert "web0, web1, web2, web3, web4 and 195 more (unreachable), web900" in " ".join(shown.split())
    assert "releaser recover -e production | " in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80


def test_a_machine_gets_all_of_them() -> None:
    status = Status("production", "serving", Observed(LEDGERS), behind=(Behind("rest", "web1", "stopped"),))
    assert document_of(status)["behind"] == [{"target": "rest", "host": "web1", "why": "stopped"}]
    assert exit_of(status) == 1
