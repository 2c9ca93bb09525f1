import json
from pathlib import Path
from typing import Any

import pytest

from releaser.config.environment import Environment, canonical, config_digest, router_refs, target_refs
from releaser.config.layers import environment_names
from releaser.config.read import load_environment, read_resolved
from releaser.config.tree import nearest
from releaser.engine.registry import Registry
from releaser.errors import ConfigError

TEN_LINES = """\
app: shop
artifact: dist/shop-{version}.tar.gz
hosts: [web1.example.com, web2.example.com]
user: deploy
run: ./bin/shop --port {port}
health: /healthz
router: haproxy://lb1.example.com/shop
env: { DATABASE_URL: "file:./secrets.env#DATABASE_URL" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    environments = tmp_path / "environments"
    environments.mkdir()
    (environments / "production.yaml").write_text(TEN_LINES)
    return environments


def load(folder: Path, options: Registry, name: str = "production", **layers: Any) -> Environment:
    return load_environment(folder, name, options, **layers)[0]


def refusal(folder: Path, options: Registry, name: str = "production", **layers: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, options, name, **layers)
    assert caught.value.exit_code == 2
    return " | ".join((caught.value.message, *caught.value.fix))


def test_the_ten_lines_stand_for_the_long_form(folder: Path, options: Registry) -> None:
    environment = load(folder, options)
    web = environment.targets["web"]
    assert web.ssh is not None
    assert (web.kind, web.connection, web.ssh.user, web.ssh.known_hosts) == (
        "hosts",
        "ssh",
        "deploy",
        "~/.ssh/known_hosts",
    )
    assert web.options.path == "/srv/shop"
    assert (web.options.ports.blue, web.options.ports.green) == (8001, 8002)
    assert web.options.run.command == "./bin/shop --port {port}"
    assert [host.name for host in web.options.hosts] == ["web1.example.com", "web2.example.com"]
    assert (web.router.kind, web.router.hosts, web.router.options.backend) == ("haproxy", ("lb1.example.com",), "shop")
    assert {name: probe.kind for name, probe in environment.probes.items()} == {"up": "http", "errors": "router"}
    assert environment.probes["up"].options.path == "/healthz"
    assert environment.playbook == "canary"
    assert environment.waves == (("web",),)
    assert environment.freeze_after_rollback == 3600
    assert [ref.name for ref in router_refs(environment)] == ["web/lb1.example.com"]


def test_a_router_on_this_machine_is_run_by_releaser(folder: Path, options: Registry) -> None:
    environment = load(folder, options, settings=["hosts=[local]", "router=envoy://local:8080", "path=./here"])
    web = environment.targets["web"]
    assert (web.connection, web.router.managed, web.router.hosts) == ("local", True, ("local",))
    assert web.router.options.listen == 8080


def test_the_fleet_is_handed_to_targets_that_ask(folder: Path, options: Registry) -> None:
    web = load(folder, options, settings=["fleet.drain=5s", "fleet.keep=9"]).targets["web"]
    assert (web.options.drain, web.options.keep) == (5.0, 9)


def test_the_application_gets_its_variables_as_they_were_written(folder: Path, options: Registry) -> None:
    environment = load(folder, options, settings=["env.V=1.10", "env.FLAG=true", "env.MODE=yes", "env.N=007"])
    assert environment.env == {
        "DATABASE_URL": "file:./secrets.env#DATABASE_URL", "V": "1.10", "FLAG": "true", "MODE": "yes", "N": "007",
    }  # fmt: skip


def test_stronger_layers_win_and_say_so(folder: Path, options: Registry) -> None:
    (folder / "base.yaml").write_text("fleet: { keep: 3, drain: 1s }\nurl: https://base.example.com\nx-note: free\n")
    (folder / "production.yaml").write_text("extends: base\nfleet: { drain: 2s }\nx-more: { y: 1 }\n" + TEN_LINES)
    variables = {
        "RELEASER_FLEET__PARALLEL": "4",
        "RELEASER_ENV__LOG_LEVEL": "debug",
        "RELEASER_ENV": "production",
        "PATH": "x",
    }
    variables |= {"RELEASER_TARGETS__WEB__PORTS__BLUE": "9001", "RELEASER_FLEET__DRAIN": "3s"}
    environment, tree = load_environment(
        folder, "production", options, variables=variables, settings=["fleet.drain=4s", "url=https://set.example.com"]
    )
    assert (environment.fleet.keep, environment.fleet.parallel, environment.fleet.drain) == (3, 4, 4.0)
    assert environment.env["LOG_LEVEL"] == "debug"
    assert environment.targets["web"].options.ports.blue == 9001
    origins = {key: nearest(tree, ("fleet", key)).origin for key in ("keep", "parallel", "drain")}
    assert origins == {
        "keep": "environments/base.yaml:1",
        "parallel": "variable RELEASER_FLEET__PARALLEL",
        "drain": "--set fleet.drain",
    }
    assert environment_names(folder) == ("production",)


def test_lists_replace(folder: Path, options: Registry) -> None:
    environment = load(folder, options, settings=["hosts=[one.example.com]"])
    assert [host.name for host in environment.targets["web"].options.hosts] == ["one.example.com"]


def test_hosts_come_from_an_inventory(folder: Path, options: Registry) -> None:
    (folder.parent / "inventory.txt").write_text("# the web servers\nweb1.example.com\n\nweb2.example.com # new\n")
    text = TEN_LINES.replace("hosts: [web1.example.com, web2.example.com]", "hosts_from: inventory.txt")
    (folder / "production.yaml").write_text(text)
    environment = load(folder, options)
    assert [host.name for host in environment.targets["web"].options.hosts] == ["web1.example.com", "web2.example.com"]
    assert "cannot be read" in refusal(folder, options, settings=["hosts_from=no.txt"])
    assert "twice" in refusal(folder, options, settings=["hosts=[a]"])


def test_a_resolved_environment_can_be_read_again(folder: Path, options: Registry) -> None:
    for settings in (
        [],
        ["hosts=[local]", "router=envoy://local:8080"],
        ["fleet.drain=250ms", "url=https://x.example.com/a"],
    ):
        environment = load(folder, options, settings=settings)
        again = read_resolved(json.loads(canonical(environment)), options)
        assert again == environment
        assert canonical(again) == canonical(environment)
    with pytest.raises(ConfigError, match="not a map"):
        read_resolved([], options)


def test_the_release_changes_with_what_runs_and_not_with_how_it_is_brought(folder: Path, options: Registry) -> None:
    digest = config_digest(load(folder, options))
    assert len(digest) == 64
    same = ["fleet.drain=1s", "playbook=hotfix", "user=other", "probes.up.every=3s", "freeze_after_rollback=5m"]
    assert {config_digest(load(folder, options, settings=[setting])) for setting in same} == {digest}
    other = ["env.LOG_LEVEL=debug", "run=./bin/other --port {port}", "ports.blue=9001", "hosts=[web1.example.com]"]
    assert len({digest, *(config_digest(load(folder, options, settings=[setting])) for setting in other)}) == 5


def test_targets_move_in_waves(folder: Path, options: Registry) -> None:
    target = """
  {name}:
    kind: hosts
    hosts: [{name}.example.com]
    run: ./run {{port}}
    router: haproxy://lb-{name}.example.com/x
"""
    text = "app: shop\nartifact: a-{version}.tar\nwaves: [[eu], [us]]\ntargets:"
    (folder / "world.yaml").write_text(text + target.format(name="eu") + target.format(name="us"))
    environment = load(folder, options, "world")
    assert [(ref.name, ref.wave) for ref in router_refs(environment)] == [
        ("eu/lb-eu.example.com", 0), ("us/lb-us.example.com", 1),
    ]  # fmt: skip
    assert {ref.wave for ref in target_refs(environment, together=True)} == {0}
    assert "exactly one wave; correct us" in refusal(folder, options, "world", settings=["waves=[[eu]]"])
    assert "exactly one wave; correct eu" in refusal(folder, options, "world", settings=["waves=[[eu],[us,eu]]"])
    assert "no such target; did you mean 'eu'?" in refusal(folder, options, "world", settings=["waves=[[eur],[us]]"])


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("flet.drain=1s", "--set flet.drain: there is no key 'flet'; did you mean 'fleet'?"),
        ("fleet.dran=1s", "--set fleet.dran: there is no key 'fleet.dran'; did you mean 'drain'?"),
        ("fleet.drain=30", "fleet.drain is '30': a duration is a number with its unit"),
        ("fleet.parallel=many", "fleet.parallel is 'many': it should be a valid integer"),
        ("targets.web.pth=/x", "--set targets.web.pth: there is no key 'targets.web.pth'; did you mean 'path'?"),
        ("targets.web.ports.bleu=1", "did you mean 'blue'?"),
        ("targets.web.kind=hsts", "'hsts' is none of the targets; did you mean 'hosts'?"),
        ("targets.web.kind=kubernetes", "kubernetes is not there yet"),
        ("probes.p95.kind=prometheus", "prometheus is not there yet"),
        ("probes.up=[1]", "probes.up is a map"),
        ("targets.web=3", "targets.web is a map"),
        ("router=haproxy", "does not say which router answers"),
        ("router=none", "not there yet"),
        ("router=envoy://local:8080", "releaser runs a router only on this machine"),
        ("router=haproxy://lb1,lb1/shop", "named twice"),
        ("connection=local", "this machine is one host"),
        ("env.X=vault:secret/shop#key", "nothing says where Vault is; write vault: { address:"),
        ("env.X=vault:secret/shop", "a reference to Vault names its mount, the path there, the key"),
        ("probes.up.headers.Authorization=vault:secret/shop#probe", "nothing says where Vault is; write vault:"),
        ("secrets={at_rest: file, reboot: needs-vault}", "outlives a reboot"),
        ("secrets.at_rest=sealed", "only units of systemd can open what is sealed, and target web runs a command"),
        ("env.X=file:../secrets.env#X", "without '..'"),
        ("env.X=file:./secrets.env", "does not say which value"),
        ("env.X=[1]", "env.X: it should be a valid string"),
        ("run=./run {prot}", "{prot} is not known here"),
        ("run=./run {{port}}", "single braces"),
        ("artifact=dist/{slot}.tar", "nothing replaces {slot} here"),
        ("artifact.image=registry/x", "not there yet"),
        ("hooks.before=[]", "hooks (hooks) is not there yet"),
        ("vault.address=https://v", "vault.auth is missing"),
        (
            "vault={address: http://v, auth: {token: {env: T}}}",
            "over TLS only, without a path or a login in its address",
        ),
        ("vault={address: https://u:p@v, auth: {token: {env: T}}}", "over TLS only, without a path or a login"),
        ("vault={address: https://v, auth: {}}", "one way to log in is needed: give `approle` or `token`"),
        ("vault={address: https://v, auth: {token: {}}}", "either in a file or in a variable"),
        ("vault={address: https://v, auth: {token: {env: T}}, tsl: {}}", "no key 'vault.tsl'; did you mean 'tls'?"),
        ("vault=https://v", "vault is a map: write its address, auth, namespace, tls"),
        ("secrets.at_rest=disk", "secrets.at_rest is 'disk'"),
        ("state=postgresql://x", "not there yet"),
        ("promotes_from.env=staging", "not there yet"),
        ("app=../etc", "app is '../etc'"),
        ("app=-rf", "app is '-rf'"),
        ("url=javascript:x", "a URL starts with https://"),
        ("url=https://user:pass@x", "without user or password"),
        ("probes={up: null, errors: null}", "no probe asks the candidate"),
        ("nonsense", "is not key=value"),
        ("=x", "is not key=value"),
        ("a..b=x", "is not key=value"),
    ],
)
def test_each_mistake_gets_one_sentence_with_its_remedy(
    folder: Path, options: Registry, setting: str, said: str
) -> None:
    assert said in refusal(folder, options, settings=[setting])


def test_variables_with_unknown_keys_are_refused_and_others_left_alone(folder: Path, options: Registry) -> None:
    said = refusal(folder, options, variables={"RELEASER_TARGTES__WEB__PATH": "/x"})
    assert "did you mean 'targets'?" in said
    load(
        folder, options, variables={"RELEASER_NO_COLOR": "1", "RELEASER_STATE": "/tmp/x", "RELEASER_ENV": "production"}
    )


def test_files_that_do_not_hold_together_are_named_with_their_line(folder: Path, options: Registry) -> None:
    (folder / "typo.yaml").write_text("app: shop\nartifct: x\n")
    said = refusal(folder, options, "typo")
    assert said.startswith("environments/typo.yaml:2: there is no key 'artifct'; did you mean 'artifact'?")
    assert "artifact is missing" in said
    (folder / "list.yaml").write_text("- app\n")
    assert "environments/list.yaml:1: the file is not a map" in refusal(folder, options, "list")
    (folder / "circle.yaml").write_text("extends: round\n")
    (folder / "round.yaml").write_text("extends: circle\n")
    assert "break the circle" in refusal(folder, options, "circle")
    (folder / "lost.yaml").write_text("app: x\nextends: nothing\n")
    assert "environments/lost.yaml:2: extends 'nothing'" in refusal(folder, options, "lost")
    (folder / "odd.yaml").write_text("extends: [a]\n")
    assert "extends names one environment" in refusal(folder, options, "odd")
    (folder / "up.yaml").write_text("extends: ../../etc/passwd\n")
    assert "is not the name of an environment" in refusal(folder, options, "up")
    for number in range(12):
        (folder / f"chain{number}.yaml").write_text(f"extends: chain{number + 1}\n")
    assert "more than 8 files" in refusal(folder, options, "chain0")
    assert "did you mean 'production'?" in refusal(folder, options, "prodction")
    assert "is not the name of an environment" in refusal(folder, options, "../production")


def test_the_short_form_and_other_targets_do_not_mix(folder: Path, options: Registry) -> None:
    (folder / "mixed.yaml").write_text(TEN_LINES + "targets: { api: { kind: hosts } }\n")
    assert "belongs to the short form" in refusal(folder, options, "mixed")


def test_wrong_values_of_variables_are_not_repeated(folder: Path, options: Registry) -> None:
    assert "hunter2" not in refusal(folder, options, settings=["env.PASSWORD={x: hunter2}"])
    assert "hunter2" not in refusal(folder, options, settings=["env.PASSWORD=file:hunter2 hunter2"])
    given = "vault={address: https://v, auth: {approle: {role: 'hunter2 hunter2', secret_id_file: x}}}"
    assert "hunter2" not in refusal(folder, options, settings=[given])
