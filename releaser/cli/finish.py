"""How does a command's answer reach whoever asked? For people in lines, for machines as one document, or a line an item."""

from typing import Any

from releaser.cli.answer import Answer, done
from releaser.cli.exits import INTERRUPTED
from releaser.cli.lines import Line, line
from releaser.cli.render import error_lines, json_text
from releaser.cli.run import Reply, Run

__all__ = ["finish"]


def finish(reply: Reply | None, run: Run, stray: str = "") -> int:
    """Print it and give the exit code. `stray` is what was printed past the screen: help, for a machine."""
    if reply is None:
        reply = Reply(done("", "what was asked for stands in text"), {"text": stray})
    if run.options.output == "table":
        _for_people(reply, run)
    else:
        _for_machines(reply, run)
    return reply.answer.exit


def _for_people(reply: Reply, run: Run) -> None:
    answer = reply.answer
    if reply.text:
        run.screen.text(reply.text)
    elif reply.lines:
        run.screen.data(reply.lines)
    if reply.text is not None:
        return
    if answer.exit in (1, 2, 4, 6, 7) and not reply.lines:
        run.screen.note(*error_lines(answer.message, answer.fix))
    elif answer.exit == INTERRUPTED:
        run.screen.note(line(answer.message))
    elif not reply.lines:
        run.screen.data(_sentence(answer))


def _sentence(answer: Answer) -> list[Line]:
    return [line(answer.message), *(line("  next: ", (fix, "strong")) for fix in answer.fix)]


def _for_machines(reply: Reply, run: Run) -> None:
    data: dict[str, Any] = dict(reply.data)
    if reply.text is not None:
        data.setdefault("text", reply.text)
    if run.options.output == "jsonl":
        for key, value in data.items():
            for item in value if isinstance(value, list) else [value]:
                run.screen.text(json_text({"schema": 1, key: item}, compact=True))
        run.screen.text(json_text(reply.answer.document(), compact=True))
        return
    document = {**reply.answer.document(), **data}
    if run.options.output == "yaml":
        run.screen.text(_yaml(document))
    else:
        run.screen.text(json_text(document))


def _yaml(document: dict[str, Any]) -> str:
    import json

    import yaml

    plain = json.loads(json_text(document))
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=False, width=100))
