"""What a plan is told of hosts that go without a release, and when an allowance cannot be kept."""

from pathlib import Path

from releaser.config.absences import absences, cannot_leave_out
from releaser.config.environment import Environment
from releaser.config.observed import Seen
from releaser.config.read import load_environment
from releaser.core.plan import Absence
from releaser.core.values import Binding
from releaser.engine.registry import Registry
from releaser.ports import LedgerState

FILE = """\
app: shop
artifact: dist/shop-{version}
targets:
  web:
    kind: hosts
    hosts: [web1, web2]
    run: ./bin/shop --port {port}
    path: /srv/shop
    router: { kind: haproxy, hosts: [lb1, lb2], socket: /s, state_file: /f, map: /m }
fleet: { max_unreachable: 1 }
"""
BINDING: Binding = (("blue", "1.0-00000001"), ("green", "1.1-00000002"))


def environment(folder: Path, text: str = FILE) -> Environment:
    (folder / "production.yaml").write_text(text)
    return load_environment(folder, "production", Registry.installed(()), variables={}, settings=())[0]


def test_the_router_that_was_written_last_knows(tmp_path: Path) -> None:
    one = LedgerState("web/lb1", fence=4, away={"1.1-00000002": ("web1",)})
    other = LedgerState("web/lb2", fence=5, away={"1.1-00000002": ("web2",), "0.9-00000009": ("web1",)})
    seen = (Seen("web/lb2", other, None), Seen("web/lb1", one, None))
    assert absences(environment(tmp_path), seen, BINDING) == (Absence("web", "1.1-00000002", ("web2",)),)
    assert absences(environment(tmp_path), (Seen("web/lb1", None, None),), BINDING) == ()


def test_hosts_may_go_without_only_where_the_router_can_leave_them_out(tmp_path: Path) -> None:
    (refusal,) = cannot_leave_out(environment(tmp_path), {"web"})
    assert refusal.code == "leave-out"
    assert "would send them to those too" in refusal.why
    assert cannot_leave_out(environment(tmp_path), ()) == []
    assert cannot_leave_out(environment(tmp_path, FILE.replace("max_unreachable: 1", "keep: 3")), {"web"}) == []
    assert cannot_leave_out(environment(tmp_path, FILE.replace("[web1, web2]", "[web1]")), {"web"}) == []
