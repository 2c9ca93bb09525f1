import json
from pathlib import Path

import pytest

from releaser.adapters.routers.dialect import Dialect
from releaser.adapters.routers.envoy import EnvoyOptions
from releaser.adapters.routers.haproxy import HAProxyOptions
from releaser.adapters.routers.managed import lay_out, managed
from releaser.adapters.routers.managed_kinds import ManagedRouter, render
from releaser.adapters.routers.managed_program import available_kind, binary
from releaser.adapters.routers.nginx import NginxOptions
from releaser.adapters.routers.traefik import TraefikOptions
from releaser.core.values import Slot, Split
from releaser.errors import ConfigError

PORTS: dict[Slot, int] = {"blue": 8001, "green": 8002}
ENVOY = EnvoyOptions(managed=True, listen=8080)
HAPROXY = HAProxyOptions(managed=True, listen=8080)
DIRECTORY = Path("/srv/shop/router")


def test_an_envoy_is_a_command_two_files_and_a_sign_of_life() -> None:
    router = render(ENVOY, DIRECTORY, PORTS, binary="/opt/envoy", admin=9901)
    assert router.argv == (
        *("/opt/envoy", "-c", "/srv/shop/router/envoy.json"),
        *("--disable-hot-restart", "--concurrency", "2", "--log-level", "warn"),
    )
    assert list(router.fresh) == ["/srv/shop/router/envoy.json"]
    assert list(router.kept) == ["/srv/shop/router/routes.json"]
    assert json.loads(router.kept["/srv/shop/router/routes.json"])["version_info"] == "0"
    assert router.ready == ({"do": "http", "url": "http://127.0.0.1:9901/ready", "expect": "^LIVE", "within": 2.0},)
    (operation,) = router.dialect.write(Split.all_to("1.0-00000001"), (("blue", "1.0-00000001"),), 1)
    assert operation["path"] == "/srv/shop/router/routes.json"


def test_a_haproxy_is_a_command_three_files_and_a_sign_of_life() -> None:
    router = render(HAPROXY, DIRECTORY, PORTS, binary="/usr/sbin/haproxy", admin=5140)
    assert "log 127.0.0.1:5140 format raw local0" in router.fresh["/srv/shop/router/haproxy.cfg"]
    assert router.dialect.count()[-1]["address"] == "127.0.0.1:5140"
    assert router.argv == ("/usr/sbin/haproxy", "-db", "-f", "/srv/shop/router/haproxy.cfg")
    assert "server local_blue 127.0.0.1:8001 weight 0" in router.fresh["/srv/shop/router/haproxy.cfg"]
    assert router.kept == {
        "/srv/shop/router/servers.state": "1\n",
        "/srv/shop/router/generation.map": "generation 0\n",
    }
    assert router.ready[0]["path"] == "/srv/shop/router/haproxy.sock"


def test_an_nginx_is_a_command_two_files_and_a_sign_of_life() -> None:
    router = render(NginxOptions(managed=True, listen=8080), DIRECTORY, PORTS, binary="/usr/sbin/nginx", admin=8099)
    assert router.argv[0] == "/usr/sbin/nginx"
    assert list(router.fresh) == ["/srv/shop/router/nginx.conf"]
    assert list(router.kept) == ["/srv/shop/router/split.conf"]
    assert router.ready[0]["url"] == "http://127.0.0.1:8099/releaser"
    *_, reload = router.dialect.write(Split.all_to("1.0-00000001"), (("blue", "1.0-00000001"),), 1)
    assert reload["argv"] == [*router.argv, "-s", "reload"]


def test_a_traefik_is_a_command_three_files_and_a_sign_of_life() -> None:
    router = render(TraefikOptions(managed=True, listen=8080), DIRECTORY, PORTS, binary="/usr/bin/traefik", admin=8081)
    assert router.argv == ("/usr/bin/traefik", "--configFile=/srv/shop/router/traefik.yml")
    assert list(router.fresh) == ["/srv/shop/router/traefik.yml", "/srv/shop/router/watched/app.yml"]
    assert list(router.kept) == ["/srv/shop/router/watched/split.yml"]
    assert router.ready[0]["url"] == "http://127.0.0.1:8081/api/rawdata"


def test_named_paths_are_used() -> None:
    options = HAPROXY.model_copy(update={"socket": "/run/h.sock"})
    assert render(options, DIRECTORY, PORTS, binary="haproxy").ready[0]["path"] == "/run/h.sock"
    options_of_envoy = ENVOY.model_copy(update={"admin": "127.0.0.1:9", "rds": "/srv/r.json"})
    router = render(options_of_envoy, DIRECTORY, PORTS, binary="envoy")
    assert (router.ready[0]["url"], list(router.kept)) == ("http://127.0.0.1:9/ready", ["/srv/r.json"])


def test_a_socket_path_that_is_too_long_is_refused() -> None:
    with pytest.raises(ConfigError, match="longer than 90 bytes"):
        render(HAPROXY, Path("/" + "x" * 90), PORTS, binary="haproxy")


def test_a_router_without_a_port_for_users_is_refused() -> None:
    own = EnvoyOptions(admin="127.0.0.1:9901", rds="/r.json")
    with pytest.raises(ConfigError, match="port that users reach"):
        render(own, DIRECTORY, PORTS, binary="envoy")


def test_laying_out_again_keeps_the_last_split_and_renews_the_rest(tmp_path: Path) -> None:
    fresh, kept = tmp_path / "sub" / "config", tmp_path / "sub" / "routes"
    router = ManagedRouter("envoy", (), {str(fresh): "new"}, {str(kept): "empty"}, (), render_dialect())
    lay_out(router)
    assert (fresh.read_text(), kept.read_text()) == ("new", "empty")
    fresh.write_text("old")
    kept.write_text("last split")
    lay_out(router)
    assert (fresh.read_text(), kept.read_text()) == ("new", "last split")
    assert sorted(path.name for path in (tmp_path / "sub").iterdir()) == ["config", "routes"]


def test_a_free_admin_port_is_chosen_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_envoy(tmp_path / "site", monkeypatch)
    first = managed(ENVOY, tmp_path / "router", PORTS)
    assert not (tmp_path / "router").exists(), "who only looks writes nothing"
    lay_out(first)
    assert managed(ENVOY, tmp_path / "router", PORTS).ready == first.ready
    assert first.argv[0] == str(tmp_path / "site" / "envoy" / "_bin" / "envoy")


def test_envoy_is_taken_where_its_wheel_is_installed_else_haproxy_else_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "envoy").mkdir()  # the older, unrelated package of this name
    (tmp_path / "envoy" / "__init__.py").touch()
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    places = [str(tmp_path / "sbin")]
    with pytest.raises(ConfigError, match="no router that releaser could run") as caught:
        available_kind(places)
    assert caught.value.fix == ("pip install 'releaser[local]'",)
    with pytest.raises(ConfigError, match="envoy is not installed"):
        binary("envoy", places)
    with pytest.raises(ConfigError, match="haproxy is not installed"):
        binary("haproxy", places)
    executable(tmp_path / "sbin" / "haproxy")
    assert (available_kind(places), binary("haproxy", places)) == ("haproxy", str(tmp_path / "sbin" / "haproxy"))
    executable(tmp_path / "envoy" / "_bin" / "envoy")
    assert (available_kind(places), binary("envoy", places)) == ("envoy", str(tmp_path / "envoy" / "_bin" / "envoy"))


def install_envoy(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(site / "envoy" / "_bin" / "envoy")
    (site / "envoy" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(site))


def executable(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def render_dialect() -> Dialect:
    return render(ENVOY, DIRECTORY, PORTS, binary="envoy", admin=1).dialect
