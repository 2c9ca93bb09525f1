"""Which verbs are there, where does each live, and in which order does a person meet them?

Each module is imported when its verb is used, and not before: the one-line help stands here.
"""

from dataclasses import dataclass

__all__ = ["SECTIONS", "VERBS", "Verb"]


@dataclass(frozen=True, slots=True)
class Verb:
    """`module` holds a click command named `command`."""

    name: str
    help: str
    module: str = ""

    @property
    def path(self) -> str:
        return f"releaser.cli.{self.module or self.name}"


SECTIONS: tuple[tuple[str, tuple[Verb, ...]], ...] = (
    (
        "Begin",
        (
            Verb("demo", "see a good release, a bad one and the way back, on this machine"),
            Verb("init", "write environments/ and playbooks/ for your application"),
            Verb("setup", "prepare hosts and load balancers; --print gives the script"),
            Verb("adopt", "take what runs now as the stable release; no traffic moves"),
            Verb("config", "what an environment means, and where each value comes from"),
        ),
    ),
    (
        "Release",
        (
            Verb("plan", "what promote would do, what it can see, and the way back"),
            Verb("promote", "bring a version to an environment, step by step"),
            Verb("rollback", "go back to the last good release, at once"),
        ),
    ),
    (
        "Look",
        (
            Verb("status", "what runs, what users get, the evidence, the way back"),
            Verb("watch", "follow a running release to its end"),
            Verb("logs", "the application's own output"),
            Verb("doctor", "would a release and its way back go through; how to mend it"),
            Verb("history", "the releases so far"),
            Verb("show", "the story of one release"),
        ),
    ),
    (
        "While a release runs",
        (
            Verb("approve", "say yes to the step that waits for a person"),
            Verb("pause", "stay at this weight; the judge goes on"),
            Verb("resume", "end a pause or a hold"),
            Verb("advance", "pass one step on your word instead of the evidence"),
            Verb("abort", "traffic back; the version is not marked bad"),
            Verb("recover", "take over a release whose process died"),
        ),
    ),
    (
        "Keep",
        (
            Verb("freeze", "let no release go forward; rollbacks still do"),
            Verb("unfreeze", "lift a freeze"),
            Verb("down", "stop what releaser runs for an environment on this machine"),
            Verb("audit", "check that the journal was not edited or cut"),
            Verb("journal", "back up, check, restore and shorten the journal"),
            Verb("completion", "the script that completes commands in your shell"),
        ),
    ),
)
VERBS = {verb.name: verb for _, verbs in SECTIONS for verb in verbs}
