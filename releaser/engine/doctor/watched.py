"""Does an Envoy or a Traefik of somebody's own read the file that releaser writes, and use it? PURE: from its own words to findings."""

from collections.abc import Iterator, Mapping
from typing import Any

from releaser.core.values import SLOTS
from releaser.engine.doctor.finding import Finding, fail, ok

__all__ = ["envoy_findings", "traefik_findings"]

Json = Mapping[str, Any]
HOW_TO = "write the file once as docs/how-to/use-{kind}.md shows it"


def envoy_findings(where: str, options: Any, told: Json) -> Iterator[Finding]:
    """The admin interface, the file, the routes and the clusters."""
    if told["said"]:
        silent = f"Envoy's admin interface does not answer at {options.admin}: {told['said']}"
        host, _, port = options.admin.rpartition(":")
        line = f"envoy.yaml: admin: {{ address: {{ socket_address: {{ address: {host}, port_value: {port} }} }} }}"
        yield fail("socket", where, silent, line, "or correct router.admin", code="admin")
        return
    yield ok("socket", where, f"Envoy's admin interface answers at {options.admin}")
    found = [*_envoy_source(where, options, told), *_envoy_clusters(where, options, told)]
    if not found:
        found = list(_file(where, "Envoy", options.rds, told))
    yield from found or [
        ok("settings", where, f"Envoy takes its routes from {options.rds} (generation {told['applied']})")
    ]


def _envoy_source(where: str, options: Any, told: Json) -> Iterator[Finding]:
    names = [name for name, path in told["sources"] if path == options.rds]
    source = f"config_source: {{ resource_api_version: V3, path_config_source: {{ path: {options.rds} }} }}"
    line = f"envoy.yaml, http_connection_manager: rds: {{ route_config_name: {options.route}, {source} }}"
    if not names:
        others = sorted({path for _, path in told["sources"] if path})
        instead = f"; it watches {', '.join(others)}" if others else ""
        unread = f"no listener of Envoy takes its routes from {options.rds}, so no shift would change what users get{instead}"
        yield fail("settings", where, unread, line, "or correct router.rds", code="not-watched")
    elif options.route not in names:
        other = f"Envoy asks {options.rds} for the routes named {', '.join(names)}, and releaser writes {options.route}"
        yield fail("settings", where, other, f"router.route: {names[0]}", code="route-name")


def _envoy_clusters(where: str, options: Any, told: Json) -> Iterator[Finding]:
    missing = [options.clusters[slot] for slot in SLOTS if options.clusters[slot] not in told["clusters"]]
    if missing:
        without = f"Envoy has no cluster {' and '.join(missing)}: its users would get 503"
        line = f"envoy.yaml, clusters: one named {missing[0]} with the application's hosts"
        yield fail("settings", where, without, line, "or correct router.clusters", code="no-cluster")


def traefik_findings(where: str, options: Any, told: Json) -> Iterator[Finding]:
    """The API and the metrics, the file, the routes and the services."""
    if told["said"]:
        silent = f"Traefik's API does not answer at {options.api}: {told['said']}"
        line = f"traefik.yml: api: {{ insecure: true }} and entryPoints: traefik: {{ address: {options.api} }}"
        yield fail("socket", where, silent, line, "or correct router.api", code="api")
        return
    yield ok("socket", where, f"Traefik's API answers at {options.api}")
    found = list(_traefik_services(where, options, told))
    if not found:
        found = [*_file(where, "Traefik", options.file, told), *_traefik_routes(where, options, told)]
    if not told["metrics"]:
        blind = f"Traefik shows no metrics at {options.api}, so no request would be counted"
        line = "traefik.yml: metrics: { prometheus: { entryPoint: traefik, addServicesLabels: true } }; then restart Traefik"
        found.append(fail("settings", where, blind, line, code="no-metrics"))
    if not found and told["sampled"]:
        line = f"give the route of router.sample the middleware {options.service}-generation, or correct router.sample"
        found = [fail("settings", where, told["sampled"], line, code="sample")]
    yield from found or [
        ok("settings", where, f"Traefik takes its split from {options.file} (generation {told['applied']})")
    ]


def _traefik_services(where: str, options: Any, told: Json) -> Iterator[Finding]:
    if not told["weighted"]:
        strange = (
            f"Traefik's file provider knows no weighted service {options.service}, so it does not read {options.file}"
        )
        line = "let router.file be in the directory of providers.file in traefik.yml (watch: true)"
        yield fail("settings", where, strange, line, HOW_TO.format(kind="traefik"), code="not-watched")
    missing = [options.services[slot] for slot in SLOTS if options.services[slot] not in told["services"]]
    if missing:
        without = f"Traefik's file provider knows no service {' and '.join(missing)}"
        line = f"http.services: {missing[0]}: {{ loadBalancer: ... }} in a file of that provider"
        yield fail("settings", where, without, line, "or correct router.services", code="no-service")


def _traefik_routes(where: str, options: Any, told: Json) -> Iterator[Finding]:
    routes, marking = told["routes"], f"{options.service}-generation"
    if not routes:
        unused = f"no route of Traefik leads to the service {options.service}, so no shift would change what users get"
        yield fail("settings", where, unused, f"http.routers: service: {options.service}", code="split-unused")
    for route in routes:
        if route["error"]:
            broken = f"Traefik does not use its route {route['name']}: {route['error']}"
            yield fail("settings", where, broken, "mend that route in Traefik's files", code="route-error")
        elif not route["marked"]:
            unmarked = (
                f"Traefik's route {route['name']} answers without the generation, so no shift there could be proven"
            )
            yield fail("settings", where, unmarked, f"http.routers: middlewares: [{marking}]", code="no-generation")


def _file(where: str, kind: str, file: str, told: Json) -> Iterator[Finding]:
    """Read back: what stands in the file is what the router applies."""
    here, applied = told["file"], told["applied"]
    if here["generation"] is None:
        unread = f"{file} cannot be compared with what {kind} applies: {here['said']}"
        yield fail("settings", where, unread, HOW_TO.format(kind=kind.lower()), code="no-file")
    elif here["generation"] != applied:
        shown = "nothing of it" if applied is None else f"generation {applied}"
        stale = f"{file} says generation {here['generation']}, and {kind} applies {shown}: it refused that file, or does not watch it"
        yield fail("settings", where, stale, f"see why in {kind}'s log on the host", code="stale")
