"""What an Envoy and a Traefik of somebody's own say of the file that they watch, and what doctor makes of it."""

from types import SimpleNamespace
from typing import Any

import pytest

from releaser.adapters.routers import envoy_config
from releaser.engine.doctor.finding import Finding
from releaser.engine.doctor.watched import envoy_findings, traefik_findings
from releaser.onhost.doctor_watched import envoy_facts, traefik_facts

RDS = "/etc/envoy/releaser/shop.json"
ENVOY = SimpleNamespace(
    admin="127.0.0.1:9901", rds=RDS, route="shop", clusters={"blue": "shop-blue", "green": "shop-green"}
)
TRAEFIK = SimpleNamespace(
    api="127.0.0.1:8081",
    file="/etc/traefik/dynamic/releaser-shop.yml",
    service="shop",
    services={"blue": "shop-blue", "green": "shop-green"},
)
TYPE = "type.googleapis.com/envoy.admin.v3."
ASKED = {"service": "shop", "middleware": "shop-generation"}


def dump(generation: int = 7) -> dict[str, Any]:
    """As /config_dump has it: the bootstrap, clusters, and routes that came from the file."""
    upstreams = {"shop-blue": ("10.0.0.1", 8001), "shop-green": ("10.0.0.1", 8002)}
    bootstrap = envoy_config.bootstrap(
        listen=("0.0.0.0", 80),
        admin=("127.0.0.1", 9901),
        rds=RDS,
        name="shop",
        upstreams=upstreams,
    )
    clusters = [{"cluster": one, "last_updated": ""} for one in bootstrap["static_resources"]["clusters"]]
    routes = envoy_config.open_routes("shop", ENVOY.clusters, {"blue": 95, "green": 5}, generation, "15s")
    return {
        "configs": [
            {"@type": f"{TYPE}BootstrapConfigDump", "bootstrap": bootstrap},
            {"@type": f"{TYPE}ClustersConfigDump", "static_clusters": clusters},
            {
                "@type": f"{TYPE}RoutesConfigDump",
                "dynamic_route_configs": [{"version_info": "7", "route_config": routes}],
            },
        ]
    }


def rawdata() -> dict[str, Any]:
    """As /api/rawdata has it."""
    weights = [{"name": "shop-blue", "weight": 95}, {"name": "shop-green", "weight": 5}]
    route = {"service": "shop", "middlewares": ["shop-generation@file"], "status": "enabled"}
    return {
        "routers": {"shop@file": route, "api@internal": {"service": "api@internal"}},
        "middlewares": {"shop-generation@file": {"headers": {"customResponseHeaders": {"x-releaser-generation": "7"}}}},
        "services": {
            "shop@file": {"weighted": {"services": weights}},
            "shop-blue@file": {"loadBalancer": {}},
            "shop-green@file": {"loadBalancer": {}},
            "noop@internal": {},
        },
    }


def envoy(**wrong: Any) -> list[Finding]:
    well = {"said": "", "file": {"generation": 7, "said": ""}, **envoy_facts(dump(), "shop")}
    return list(envoy_findings("lb1", ENVOY, well | wrong))


def traefik(raw: dict[str, Any] | None = None, **wrong: Any) -> list[Finding]:
    facts = traefik_facts(rawdata() if raw is None else raw, ASKED)
    well = {"said": "", "file": {"generation": 7, "said": ""}, "metrics": True, "sampled": "", **facts}
    return list(traefik_findings("lb1", TRAEFIK, well | wrong))


def test_sound_ones_are_told_of_with_the_generation_that_they_apply() -> None:
    for found in (envoy(), traefik()):
        assert [(one.level, one.check) for one in found] == [("OK", "socket"), ("OK", "settings")]
        assert "(generation 7)" in found[-1].found


def test_of_a_whole_configuration_a_host_sends_only_names_and_paths() -> None:
    assert envoy_facts(dump(), "shop") == {
        "sources": [["shop", RDS]],
        "clusters": ["shop-blue", "shop-green"],
        "applied": 7,
    }
    assert envoy_facts(dump(), "other")["applied"] is None
    assert set(traefik_facts(rawdata(), ASKED)) == {"services", "weighted", "applied", "routes"}


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        ({"said": "Connection refused"}, "admin", "does not answer at 127.0.0.1:9901: Connection refused"),
        ({"sources": [["shop", "/etc/other.json"]]}, "not-watched", "it watches /etc/other.json"),
        ({"sources": []}, "not-watched", f"no listener of Envoy takes its routes from {RDS}"),
        ({"sources": [["users", RDS]]}, "route-name", "the routes named users, and releaser writes shop"),
        ({"clusters": ["shop-blue"]}, "no-cluster", "Envoy has no cluster shop-green: its users would get 503"),
        ({"file": {"generation": 8, "said": ""}}, "stale", "says generation 8, and Envoy applies generation 7"),
        ({"applied": None}, "stale", "Envoy applies nothing of it"),
        ({"file": {"generation": None, "said": "No such file"}}, "no-file", "cannot be compared"),
    ],
)
def test_an_envoy_that_would_not_follow(wrong: dict[str, Any], code: str, said: str) -> None:
    (found,) = [one for one in envoy(**wrong) if one.level == "FAIL"]
    assert (found.code, said in found.found) == (code, True), found
    assert found.fix


@pytest.mark.parametrize(
    ("wrong", "code", "said"),
    [
        ({"said": "Connection refused"}, "api", "Traefik's API does not answer at 127.0.0.1:8081: Connection refused"),
        ({"metrics": False}, "no-metrics", "no request would be counted"),
        ({"file": {"generation": 8, "said": ""}}, "stale", "says generation 8, and Traefik applies generation 7"),
        ({"sampled": "http://127.0.0.1/ never answered"}, "sample", "never answered"),
    ],
)
def test_a_traefik_that_would_not_follow(wrong: dict[str, Any], code: str, said: str) -> None:
    (found,) = [one for one in traefik(**wrong) if one.level == "FAIL"]
    assert (found.code, said in found.found) == (code, True), found
    assert found.fix


def test_a_traefik_whose_other_files_do_not_use_the_split() -> None:
    def spoilt(part: str, name: str, **change: Any) -> Finding:
        raw = rawdata()
        raw[part][name] = {**raw[part][name], **change} if change else {}
        found = [one for one in traefik(raw) if one.level == "FAIL"]
        assert len(found) == 1, found
        assert found[0].fix
        return found[0]

    assert spoilt("routers", "shop@file", service="other").code == "split-unused"
    assert spoilt("routers", "shop@file", middlewares=[]).code == "no-generation"
    assert "no such entry point" in spoilt("routers", "shop@file", error=["no such entry point"]).found
    assert spoilt("services", "shop@file").code == "not-watched"
    missing = rawdata()
    del missing["services"]["shop-green@file"]
    (found,) = [one for one in traefik(missing) if one.level == "FAIL"]
    assert (found.code, found.found) == ("no-service", "Traefik's file provider knows no service shop-green")
