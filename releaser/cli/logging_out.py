"""How do an application's lines reach the reader? As they come, each with its host, nothing in them obeyed."""

from releaser.cli.answer import done
from releaser.cli.chosen_hosts import HostChoice, chosen_hosts
from releaser.cli.lines import line
from releaser.cli.render import json_text
from releaser.cli.run import Reply, Run

__all__ = ["logs"]


def logs(run: Run, release: str | None, lines: int, choice: HostChoice, *, follow: bool) -> Reply:
    session = run.session()
    if not choice.everything:
        session.narrow(chosen_hosts(session.environment, choice))
    collected: list[dict[str, str]] = []
    count = 0
    try:
        for host, text in session.logs(release, follow=follow, lines=lines):
            count += 1
            if run.options.output == "table":
                run.screen.data([line((host, "strong"), "  ", text.rstrip("\n"))])
            elif run.options.output == "jsonl":
                run.screen.text(json_text({"schema": 1, "host": host, "line": text.rstrip("\n")}, compact=True))
            else:
                collected.append({"host": host, "line": text.rstrip("\n")})
    except KeyboardInterrupt:
        if not follow:
            raise
    answer = done(session.name, f"{count} lines", release=release)
    if run.options.output in ("json", "yaml"):
        return Reply(answer, {"logs": collected})
    return Reply(answer, text="" if run.options.output == "table" else None)
