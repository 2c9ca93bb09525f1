"""What may stand in an environment or a playbook? JSON Schema for editors, from the same models that check them."""

from collections.abc import Callable
from types import GenericAlias
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, create_model

from releaser.config.durations import DURATION, RATIO, SHARE, show_duration, show_ratio, show_share
from releaser.config.environment import Environment, Kind, OptionsMap, Probe, Router, Ssh, Target
from releaser.config.playbook import Playbook

__all__ = ["environment_schema", "playbook_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FREE_KEYS: dict[str, Any] = {"^x-": {}}
DEFAULTED = frozenset({"hosts", "path"})
WRITTEN: dict[str, Callable[[Any], str]] = {DURATION: show_duration, SHARE: show_share, RATIO: show_ratio}


def playbook_schema() -> dict[str, Any]:
    schema = Playbook.model_json_schema(by_alias=True)
    return _finished(schema, "A playbook: how a release reaches everyone", drop={"name"}, require={"steps"})


def environment_schema(options: OptionsMap) -> dict[str, Any]:
    """Both forms, the ten-line one and the long one, with the options of every adapter in `options`."""
    router = _one_of(Router, "routers", options, {})
    target = _one_of(Target, "targets", options, {"router": (router | str, ...), "run": (dict[str, str] | str, ...)})
    probe = _one_of(Probe, "probes", options, {})
    fields: dict[str, Any] = {
        "extends": (str | None, None),
        "artifact": (str | dict[str, str], ...),
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
    return _finished(file.model_json_schema(by_alias=True), title, drop={"name"}, require={"app", "artifact"})


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
    fields: dict[str, Any] = {**ours, **more, "kind": (Literal[kind], ...)}
    return create_model(f"{kind.capitalize()}{own.__name__}", __base__=theirs, **fields)


def _finished(schema: dict[str, Any], title: str, *, drop: set[str], require: set[str]) -> dict[str, Any]:
    """With free x- keys; what another layer or a default may give is not required of one file."""
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
