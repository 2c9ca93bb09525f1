"""What does `config` print: every value of an environment, or the schema of a file?"""

from releaser.cli.answer import done
from releaser.cli.lines import aligned, line
from releaser.cli.render import json_text
from releaser.cli.run import Reply, Run
from releaser.config.explain import explain
from releaser.config.schema import environment_schema, playbook_schema
from releaser.engine.registry import Registry

__all__ = ["explained", "schema_of"]


def explained(run: Run, *, origins: bool) -> Reply:
    session = run.session()
    found = explain(session.environment, session.tree)
    rows = [(line(one.key), line(one.value), line(("# " + one.origin) if origins else "")) for one in found]
    data = [{"key": one.key, "value": one.value, "origin": one.origin} for one in found]
    return Reply(done(session.name, f"{session.name} holds together"), {"config": data}, tuple(aligned(rows)))


def schema_of(kind: str) -> Reply:
    schema = playbook_schema() if kind == "playbook" else environment_schema(Registry.installed())
    return Reply(done("", f"the schema of {kind} files"), {"json_schema": schema}, text=json_text(schema))
