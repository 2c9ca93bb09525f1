"""What does `init` write? The ten lines of an environment and the shipped playbooks, and never over something."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from releaser.cli.answer import done
from releaser.cli.lines import line
from releaser.cli.run import Reply, Run
from releaser.config.names import good_name
from releaser.engine.places import shipped
from releaser.errors import ConfigError, UsageError

__all__ = ["begin", "ten_lines"]

PLAIN = re.compile(r"[A-Za-z./](?:[A-Za-z0-9_./{}@=-]|:(?=[^ ])| (?=[^ #]))*")
WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def begin(run: Run, given: Mapping[str, Any]) -> Reply:
    folder = Path(run.options.folder)
    values = _values(run, given, folder)
    for what in ("name", "app"):
        if not good_name(values[what]):
            raise UsageError(
                f"--{what} {values[what][:60]!r} is not a name; use letters, digits, '_' and '-'", code="usage"
            )
    path = folder / "environments" / f"{values['name']}.yaml"
    files = {path: ten_lines(values)}
    for source in sorted(shipped("playbooks").glob("*.yaml")):
        files[folder / "playbooks" / source.name] = source.read_text(encoding="utf-8")
    written = [one for one, text in files.items() if _write(one, text)]
    if path not in written:
        run.note(line(f"{path} is there already and was left as it is"))
    _check(run, values["name"], path, new=path in written)
    name = values["name"]
    local = values["hosts"] == ["local"]
    fix = (f"releaser config -e {name} --explain", f"releaser {'promote VERSION' if local else 'setup'} -e {name}")
    said = (
        f"wrote {', '.join(str(one.relative_to(folder)) for one in written)}"
        if written
        else "everything is there already"
    )
    return Reply(done(name, said, fix=fix), {"written": [str(one.relative_to(folder)) for one in written]})


def _values(run: Run, given: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Each value as given, else asked for; without a terminal those that have no good default must be given."""
    app = given["app"] or run.ask("What is the application called?", _plain_name(folder.resolve().name))
    hosts = (
        list(given["hosts"]) or run.ask("On which hosts? (`local`: this machine)", "local").replace(",", " ").split()
    )
    local = hosts == ["local"]
    start = given["start"] or run.ask("How does it start? ({port} is its port)", "")
    if not start:
        raise UsageError(
            "how the application starts is not known; add --run", fix=('--run "./bin/app --port {port}"',), code="usage"
        )
    router = "envoy://local:8080" if local else f"haproxy://{hosts[0]}/{app}"
    router = given["router"] or run.ask("What routes its traffic?", router)
    values = {
        "name": given["name"] or run.options.environment or run.ask("What is the environment called?", "production"),
        "app": app,
        "artifact": given["artifact"] or run.ask("Where is the artifact?", f"dist/{app}-{{version}}.tar.gz"),
        "hosts": hosts,
        "run": start,
        "health": given["health"] or run.ask("What answers when it is well?", "/healthz"),
        "router": router,
        "playbook": given["playbook"] or "canary",
    }
    if local:
        return {**values, "path": "./.releaser/" + app}
    url = given["url"] or (run.ask("How do users reach it?", _usual_url(router)) if run.asks else "")
    return {**values, **({"url": url} if url else {}), "user": given["user"] or run.ask("Who logs in there?", "deploy")}


def _usual_url(router: str) -> str:
    """Of a router's URL: the first of its hosts, by HTTP."""
    return "http://" + router.partition("://")[2].partition("/")[0].partition(",")[0]


def _plain_name(name: str) -> str:
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")
    return kept if kept and kept[0].isalpha() else "app"


def ten_lines(values: Mapping[str, Any]) -> str:
    """The environment's file; every value quoted where YAML needs it."""
    keys = ("app", "artifact", "url", "hosts", "user", "path", "run", "health", "router")
    lines = [f"{key}: {_yaml_value(values[key])}" for key in keys if key in values]
    return "\n".join(
        [
            f"# What {values['name']} is. `releaser config -e {values['name']} --explain` shows the long form and all defaults.",
            *lines,
            "env: { LOG_LEVEL: info }",
            f"playbook: {values['playbook']}",
            "",
        ]
    )


def _yaml_value(value: Any) -> str:
    """As a person would write it; as JSON, which is YAML too, where that could be read as something else."""
    if isinstance(value, list):
        return f"[{', '.join(_yaml_value(one) for one in value)}]"
    return value if PLAIN.fullmatch(value) and value not in WORDS else json.dumps(value)


def _write(path: Path, text: str) -> bool:
    """False: it is there already."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror}); choose another --folder", code="write"
        ) from error
    return True


def _check(run: Run, name: str, path: Path, *, new: bool) -> None:
    """What was written must hold together; if it does not, it is taken away again."""
    try:
        run.open(name)
    except ConfigError:
        if new:
            path.unlink(missing_ok=True)
        raise
