"""What may stand in an environment or a playbook? JSON Schema for editors, from the same models that check them."""

from collections.abc import Callable
from types import GenericAlias
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model

from releaser.config.described import described, sections
from releaser.config.durations import DURATION, RATIO, SHARE, show_duration, show_ratio, show_share
from releaser.config.environment import Artifact, Environment, Kind, OptionsMap, Probe, Router, Ssh, Target
from releaser.config.playbook import Playbook

__all__ = ["environment_schema", "playbook_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FREE_KEYS: dict[str, Any] = {"^x-": {}}
DEFAULTED = frozenset({"hosts", "path"})
OURS: dict[str, type[Kind]] = {"routers": Router, "targets": Target, "probes": Probe}
KIND = "Which adapter; the other keys of this map are its options."
SHORT_FORM = {
    "extends": "Another environment's file in the same folder, merged underneath; `base` is merged where it is there.",
    "hosts": "Short form of `targets.web.hosts`; `[local]` is this machine.",
    "hosts_from": "Instead of `hosts`: a file with a host a line.",
    "connection": "Short form of `targets.web.connection`.",
    "user": "Short form of `targets.web.ssh.user`.",
    "known_hosts": "Short form of `targets.web.ssh.known_hosts`.",
    "ssh": "Short form of `targets.web.ssh`.",
    "path": "Short form of `targets.web.path`; `/srv/APP` if it is not given.",
    "ports": "Short form of `targets.web.ports`.",
    "shared": "Short form of `targets.web.shared`.",
    "run": "Short form of `targets.web.run.command`; `{port}` is the slot's port.",
    "health": "Short form of `probes.up.path`.",
    "router": "Short form of `targets.web.router`: `KIND://HOST,HOST/BACKEND`, or `envoy://local:PORT` for one that "
    "releaser runs on this machine.",
}
WRITTEN: dict[str, Callable[[Any], str]] = {DURATION: show_duration, SHARE: show_share, RATIO: show_ratio}


def playbook_schema() -> dict[str, Any]:
    schema = Playbook.model_json_schema(by_alias=True)
    texts = _texts(Playbook)
    return _finished(schema, "A playbook: how a release reaches everyone", texts, drop={"name"}, require={"steps"})


def environment_schema(options: OptionsMap) -> dict[str, Any]:
    """Both forms, the ten-line one and the long one, with the options of every adapter in `options`."""
    router = _one_of(Router, "routers", options, {})
    target = _one_of(Target, "targets", options, {"router": (router | str, ...)})
    probe = _one_of(Probe, "probes", options, {})
    stores = {kind: (options["secrets", kind] | None, None) for kind in ("vault",) if ("secrets", kind) in options}
    fields: dict[str, Any] = {
        **stores,
        "extends": (str | None, None),
        "artifact": (Artifact | str, ...),
        "targets": (_map_of(target) | None, None),
        "probes": (_map_of(probe | None) | None, None),
        "waves": (list[list[str]] | None, None),
        "env": (dict[str, str | int | float | bool], {}),
        "hosts": (list[str | dict[str, Any]] | None, None),
        "hosts_from": (str | None, None),
        "connection": (Literal["ssh", "local"] | None, None),
        "user": (str | None, None),
        "known_hosts": (str | None, None),
        "ssh": (Ssh | None, None),
        "path": (str | None, None),
        "ports": (dict[Literal["blue", "green"], int] | None, None),
        "shared": (list[str] | None, None),
        "run": (str | dict[str, str] | None, None),
        "health": (str | None, None),
        "router": (router | str | None, None),
    }
    file = create_model("EnvironmentFile", __base__=Environment, **fields)
    title = "An environment: what production is"
    texts = _texts(Environment) | _texts(*options.values())
    for (group, kind), theirs in options.items():
        own = OURS.get(group)
        if own is not None:
            texts |= _texts(own) | {_name(kind, own): {"kind": KIND, **described(theirs), **described(own)}}
    texts["EnvironmentFile"] = {**described(Environment), **SHORT_FORM}
    return _finished(file.model_json_schema(by_alias=True), title, texts, drop={"name"}, require={"app", "artifact"})


def _one_of(own: type[Kind], group: str, options: OptionsMap, more: dict[str, Any]) -> Any:
    """A choice by `kind`; each kind's map has our own keys and those of its adapter."""
    models = [_with_kind(own, kind, options[chosen, kind], more) for chosen, kind in sorted(options) if chosen == group]
    if not models:
        return dict[str, Any]
    chosen: Any = models[0]
    for model in models[1:]:
        chosen = chosen | model
    return Annotated[chosen, Field(discriminator="kind")] if len(models) > 1 else chosen


def _map_of(value: Any) -> Any:
    return GenericAlias(dict, (str, value))


def _with_kind(own: type[Kind], kind: str, theirs: type[BaseModel], more: dict[str, Any]) -> Any:
    ours = {
        name: (field.annotation, field) for name, field in own.model_fields.items() if name not in ("options", "kind")
    }
    started: Any = theirs.model_fields["run"].annotation if "run" in theirs.model_fields else None
    run = {"run": (started | str, ...)} if started else {}
    fields: dict[str, Any] = {**ours, **run, **more, "kind": (Literal[kind], ...)}
    return create_model(_name(kind, own), __base__=theirs, **fields)


def _name(kind: str, own: type[Kind]) -> str:
    return f"{kind.capitalize()}{own.__name__}"


Texts = dict[str, dict[str, str]]
"""By model: what each of its keys means."""


def _texts(*models: type[BaseModel]) -> Texts:
    """Of these models and of those in their fields."""
    found: Texts = {}
    for model in models:
        found[model.__name__] = described(model)
        for field in model.model_fields.values():
            found |= _texts(*sections(field.annotation))
    return found


def _finished(schema: dict[str, Any], title: str, texts: Texts, *, drop: set[str], require: set[str]) -> dict[str, Any]:
    """With free x- keys and what each key means; what another layer or a default may give is not required of one file."""
    for name, part in ((schema["title"], schema), *schema.get("$defs", {}).items()):
        for key, value in part.get("properties", {}).items():
            if key in texts.get(name, {}):
                value.setdefault("description", texts[name][key])
    schema["properties"] = {key: value for key, value in schema["properties"].items() if key not in drop}
    schema["required"] = sorted(require)
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:
            part["patternProperties"] = FREE_KEYS
            part["properties"] = {key: _as_written(key, value) for key, value in part["properties"].items()}
        if "kind" in part.get("required", ()):
            part["required"] = [key for key in part["required"] if key not in DEFAULTED]
    return {"$schema": DIALECT, **schema, "title": title}


def _as_written(key: str, value: dict[str, Any]) -> dict[str, Any]:
    """A property as a file has it: plain numbers among the variables, defaults with their units."""
    if key == "env":
        return {**value, "patternProperties": {}, "additionalProperties": {"type": ["string", "number", "boolean"]}}
    show = WRITTEN.get(value.get("pattern", ""))
    return {**value, "default": show(value["default"])} if show and "default" in value else value
