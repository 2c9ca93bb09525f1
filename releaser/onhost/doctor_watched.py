"""What does a router that watches releaser's file say of it: an Envoy by its admin interface, a Traefik by its API?

Changes nothing. Of a whole configuration only names and paths are told: it may hold passwords.
"""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

from releaser.onhost import httpget, recipe
from releaser.onhost.answers import Refusal

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["envoy", "envoy_facts", "traefik", "traefik_facts"]

WITHIN = 2.0
"""Seconds for an answer."""
SETTLING = 1.0
"""Seconds for a router to take up what stands in its file: somebody may be releasing just now."""
LONGEST = 200
IN_ENVOYS_FILE = re.compile(r'"generation"\s*:\s*(\d+)')
IN_TRAEFIKS_FILE = re.compile(r"x-releaser-generation[\"']?\s*:\s*[\"']?(\d+)", re.IGNORECASE)


def envoy(request: dict[str, Any], until: float) -> dict[str, Any]:
    """{admin, rds, route} -> {said: why it does not answer, file: of the file's generation, sources, clusters, applied}"""
    told = {"said": "", "file": _in_file(request["rds"], IN_ENVOYS_FILE)}
    try:
        dump = _steady(
            lambda: envoy_facts(_json(f"http://{request['admin']}/config_dump", until), request["route"]), told, until
        )
    except (OSError, ValueError) as error:
        return {**told, "said": _why(error)}
    return {**told, **dump}


def envoy_facts(dump: dict[str, Any], route: str) -> dict[str, Any]:
    """{sources: [[name of routes, file]], clusters: [name], applied: generation of our routes, or none} PURE."""
    dicts = list(_dicts(dump["configs"]))
    asked = [one for one in dicts if "route_config_name" in one]
    sources = sorted({(str(one["route_config_name"]), _path_of(one.get("config_source") or {})) for one in asked})
    routes = [one["route_config"] for one in dicts if "route_config" in one and "version_info" in one]
    marks = [mark for one in routes if one.get("name") == route for mark in _marks(one)]
    clusters = {str(one["cluster"]["name"]) for one in dicts if "name" in _a_dict(one.get("cluster"))}
    return {
        "sources": [list(source) for source in sources],
        "clusters": sorted(clusters),
        "applied": marks[0] if marks else None,
    }


def traefik(request: dict[str, Any], until: float) -> dict[str, Any]:
    """{api, file, service, middleware, sample: {url, host}} -> {said, file, metrics: whether they are there, sampled: why no
    answer of its own carries the generation} and what traefik_facts tells
    """
    told: dict[str, Any] = {"said": "", "file": _in_file(request["file"], IN_TRAEFIKS_FILE)}
    base = f"http://{request['api']}"
    try:
        facts = _steady(lambda: traefik_facts(_json(f"{base}/api/rawdata", until), request), told, until)
        metrics = "traefik_" in httpget.get(f"{base}/metrics", _soon(until))
    except (OSError, ValueError) as error:
        return {**told, "said": _why(error)}
    return {**told, **facts, "metrics": metrics, "sampled": _sampled(request["sample"], facts["applied"], until)}


def _sampled(sample: dict[str, Any], generation: int | None, until: float) -> str:
    """Why no answer on the users' way carries the generation that the API tells; empty: one does."""
    if generation is None:
        return ""
    asked = {"do": "sample", **sample, "header": "x-releaser-generation", "value": generation, "times": 1}
    try:
        recipe.run([{**asked, "within": SETTLING}], until)
    except Refusal as refusal:
        return refusal.message
    return ""


def traefik_facts(raw: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """{services: [names of the file provider], weighted: whether ours is one, applied, routes: [{name, marked, error}]} PURE."""
    service, middleware = request["service"], request["middleware"]
    services = raw.get("services") or {}
    headers = _a_dict(_a_dict((raw.get("middlewares") or {}).get(f"{middleware}@file")).get("headers"))
    applied = next(
        (
            int(value)
            for name, value in _a_dict(headers.get("customResponseHeaders")).items()
            if name.lower() == "x-releaser-generation" and str(value).isdigit()
        ),
        None,
    )
    routes = [
        {
            "name": name,
            "marked": any(_plain(one) == middleware for one in route.get("middlewares") or ()),
            "error": "; ".join(str(why) for why in route.get("error") or ())[:LONGEST],
        }
        for name, route in sorted((raw.get("routers") or {}).items())
        if _plain(str(route.get("service"))) == service
    ]
    return {
        "services": sorted(_plain(name) for name in services if name.endswith("@file")),
        "weighted": "weighted" in _a_dict(services.get(f"{service}@file")),
        "applied": applied,
        "routes": routes,
    }


def _steady(ask: Any, told: dict[str, Any], until: float) -> dict[str, Any]:
    """What it says once it has had the time to read the file, where it says something else at first."""
    limit = min(until, time.monotonic() + SETTLING)
    while True:
        facts: dict[str, Any] = ask()
        if facts["applied"] == told["file"]["generation"] or time.monotonic() + recipe.POLL > limit:
            return facts
        time.sleep(5 * recipe.POLL)


def _in_file(name: str, mark: re.Pattern[str]) -> dict[str, Any]:
    """{generation, said}: what the file says that releaser writes, or why not."""
    try:
        found = mark.search(Path(name).read_text("utf-8", "replace"))
    except OSError as error:
        return {"generation": None, "said": error.strerror or type(error).__name__}
    return {"generation": int(found.group(1)) if found else None, "said": "" if found else "it has no generation"}


def _json(url: str, until: float) -> dict[str, Any]:
    document = json.loads(httpget.get(url, _soon(until)))
    if not isinstance(document, dict) or not ("configs" in document or "services" in document):
        raise ValueError("its answer is none of a router's")
    return document


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document, itself first."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _path_of(source: dict[str, Any]) -> str:
    """Empty: its routes come from elsewhere, over the network."""
    return str(_a_dict(source.get("path_config_source")).get("path") or source.get("path") or "")


def _marks(route: dict[str, Any]) -> Iterator[int]:
    for one in _dicts(route):
        mark = _a_dict(_a_dict(one.get("filter_metadata")).get("releaser")).get("generation")
        if isinstance(mark, (int, float)):
            yield int(mark)


def _a_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _plain(name: str) -> str:
    return re.sub("@file$", "", name)


def _soon(until: float) -> float:
    return min(until, time.monotonic() + WITHIN)


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, OSError):
        return (error.strerror or str(error) or type(error).__name__)[:LONGEST]
    return f"its answer cannot be read ({str(error)[:LONGEST]})"
