"""Which steps each host of an environment gets, and what they run by their exact text."""

from pathlib import Path

import pytest

from releaser.config.environment import Environment
from releaser.config.read import load_environment
from releaser.engine.registry import Registry
from releaser.engine.setup.public_key import read_public_key
from releaser.engine.setup.script import render
from releaser.engine.setup.wanted import Asked, preparations
from releaser.errors import ConfigError, ReleaserError, UsageError

TEN_LINES = """\
app: shop
artifact: dist/shop-{version}.tar.gz
hosts: [web1, web2]
user: deploy
run: ./bin/shop --port {port}
router: haproxy://lb1/shop
"""
UNIT = TEN_LINES.replace("./bin/shop --port {port}", "{ systemd: shop@.service, sudo: true }")


def environment(folder: Path, text: str) -> Environment:
    (folder / "production.yaml").write_text(text)
    return load_environment(folder, "production", Registry.installed(), variables={}, settings=())[0]


def titles(folder: Path, text: str, asked: Asked | None = None) -> dict[str, list[str]]:
    found = preparations(environment(folder, text), "ada", asked or Asked())
    return {one.host: [step.title for step in one.steps] for one in found}


def test_a_command_needs_a_user_and_a_directory(tmp_path: Path) -> None:
    found = titles(tmp_path, TEN_LINES)
    assert found["web1"] == found["web2"] == [
        "python3 is Python 3.7 or later",
        "the user deploy",
        "the directory /srv/shop belongs to deploy",
    ]  # fmt: skip
    assert found["lb1"] == [
        *found["web1"],
        "the unit releaser-guard@production-web.service, for a boot in the middle of a release",
        "HAProxy is installed",
        "/var/lib/releaser/haproxy, where deploy keeps what HAProxy reads",
        "/var/lib/releaser/haproxy/shop.map: which write HAProxy applies",
        "/var/lib/releaser/haproxy/servers.state: its weights over a restart",
        "/etc/haproxy/haproxy.cfg: backend shop, the socket, the state file",
        "HAProxy runs with it, and deploy may use /run/haproxy/admin.sock",
    ]


def test_a_unit_needs_rights_and_somebody_who_reads_its_journal(tmp_path: Path) -> None:
    found = titles(tmp_path, UNIT, Asked(start="./bin/shop", service_user="shop"))
    assert found["web1"][3:] == [
        "the user shop, for the application alone",
        "deploy is in the group systemd-journal, to read the application's output",
        "sudo lets deploy run 10 commands of systemctl, and nothing else is added",
        "the unit shop@.service",
    ]
    assert "the unit shop@.service" not in found["lb1"]


def test_whoever_sudo_makes_of_the_user_gets_the_directory_and_one_sudoers_line(tmp_path: Path) -> None:
    text = TEN_LINES + "ssh: { sudo: shop }\n"
    found = preparations(environment(tmp_path, text), "ada", Asked())
    steps = {step.title: step for one in found if one.host == "web1" for step in one.steps}
    assert "the directory /srv/shop belongs to shop" in steps
    assert "the user shop, for the application alone" in steps
    line = "deploy ALL=(shop) NOPASSWD: /usr/bin/python3"
    assert line in steps["sudo lets deploy run /usr/bin/python3, and nothing else is added"].given


def test_a_host_that_does_both_has_each_step_once(tmp_path: Path) -> None:
    found = titles(tmp_path, TEN_LINES.replace("lb1", "web1"))
    assert set(found) == {"web1", "web2"}
    assert len(found["web1"]) == len(set(found["web1"]))
    assert "HAProxy is installed" in found["web1"]


def test_sudoers_has_the_commands_that_are_run_and_visudo_reads_them_first(tmp_path: Path) -> None:
    (one, *_) = [one for one in preparations(environment(tmp_path, UNIT), "ada", Asked()) if one.host == "web1"]
    (step,) = [step for step in one.steps if step.title.startswith("sudo")]
    assert step.given.count("deploy ALL=(root) NOPASSWD: /usr/bin/systemctl ") == 10
    assert "deploy ALL=(root) NOPASSWD: /usr/bin/systemctl start --no-block shop@blue.service\n" in step.given
    assert step.do.index("visudo -cqf") < step.do.index('put /etc/sudoers.d/releaser-production-web 0440 "$text"')


def test_the_unit_that_is_written(tmp_path: Path) -> None:
    asked = Asked(start="./bin/shop --port {port} --share 5% --as {version}/{slot}", service_user="shop")
    found = preparations(environment(tmp_path, UNIT), "ada", asked)
    (step,) = {step for one in found for step in one.steps if step.title == "the unit shop@.service"}
    start = "ExecStart=/srv/shop/slots/%i/bin/shop --port ${PORT} --share 5%% --as ${RELEASER_VERSION}/%i\n"
    for line in (start, "User=shop\n", "EnvironmentFile=/srv/shop/.releaser/run/%i.env\n", "TimeoutStopSec=40s\n"):
        assert line in step.given
    assert "systemctl daemon-reload" in step.do


def test_sealed_variables_get_their_lines_in_the_unit_and_the_right_to_seal(tmp_path: Path) -> None:
    found = preparations(
        environment(tmp_path, UNIT + "secrets: { at_rest: sealed }\n"), "ada", Asked(start="./bin/shop")
    )
    (step,) = {step for one in found for step in one.steps if step.title == "the unit shop@.service"}
    assert "LoadCredentialEncrypted=releaser.env:/srv/shop/.releaser/run/%i.sealed\n" in step.given
    assert "EnvironmentFile=-/run/credentials/%n/releaser.env\nExecStartPre=/bin/true\nExecStart=" in step.given
    sudo = next(step for one in found for step in one.steps if step.title.startswith("sudo"))
    assert "/usr/bin/systemd-creds encrypt --with-key\\=host --name\\=releaser.env - -" in sudo.given


def test_haproxy_is_told_of_every_host_and_slot(tmp_path: Path) -> None:
    text = (
        TEN_LINES.replace("[web1, web2]", "[web1, { name: web2, ports: { blue: 9001, green: 9002 } }]")
        + "url: http://shop:81\n"
    )
    asked = Asked(haproxy_config="/opt/h.cfg", haproxy_reload="svc reload h")
    (balancer,) = [one for one in preparations(environment(tmp_path, text), "ada", asked) if one.host == "lb1"]
    (step,) = [step for step in balancer.steps if step.title.startswith("/opt/h.cfg")]
    servers = (
        '{"web1_blue": "web1:8001", "web1_green": "web1:8002", "web2_blue": "web2:9001", "web2_green": "web2:9002"}'
    )
    assert f'"servers": {servers}' in step.given
    assert '"listen": 81' in step.given
    assert step.do.index("haproxy -c -q -f /opt/h.cfg.releaser-new") < step.do.index(
        "mv -f /opt/h.cfg.releaser-new /opt/h.cfg"
    )
    assert "svc reload h" in step.given
    assert balancer.programs == ("haproxy_cfg", "haproxy_runs")


def test_no_port_is_opened_for_https_or_without_a_url(tmp_path: Path) -> None:
    for url in ("", "url: https://shop.example.com\n"):
        script = render("production", preparations(environment(tmp_path, TEN_LINES + url), "ada", Asked()))
        assert '"listen": null' in script.text


def test_what_releaser_runs_itself_needs_nothing(tmp_path: Path) -> None:
    text = TEN_LINES.replace("[web1, web2]", "[local]").replace("haproxy://lb1/shop", "envoy://local:8080")
    assert titles(tmp_path, text.replace("user: deploy\n", "path: ./shop\n")) == {"local": []}


@pytest.mark.parametrize(
    ("text", "asked", "error", "said"),
    [
        (TEN_LINES + 'path: "/srv/a b"\n', Asked(), ConfigError, "plainer"),
        (UNIT + "path: ~/shop\n", Asked(start="x"), ConfigError, "absolute"),
        (UNIT, Asked(start="x {host}"), UsageError, "{host}"),
        (UNIT, Asked(start="x\nUser=root"), UsageError, "one line"),
    ],
)
def test_what_no_script_should_have_to_quote_is_refused(
    tmp_path: Path, text: str, asked: Asked, error: type[ReleaserError], said: str
) -> None:
    with pytest.raises(error) as caught:
        titles(tmp_path, text, asked)
    assert said in caught.value.message


def test_a_public_key_is_read_and_a_private_one_is_not(tmp_path: Path) -> None:
    public = tmp_path / "id.pub"
    public.write_text("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEEfJ6mZJrxNq5JvSOnZB5HCc2Y3bHTlGZDWf5wCR4Ly ada@laptop\n")
    line, shown = read_public_key(public)
    assert line.endswith("R4Ly")
    assert shown.startswith("SHA256:")
    for text in ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n", "", "ssh-ed25519 AAAA x", "rsa ####"):
        public.write_text(text)
        with pytest.raises(UsageError):
            read_public_key(public)
    with pytest.raises(UsageError):
        read_public_key(tmp_path / "none")
