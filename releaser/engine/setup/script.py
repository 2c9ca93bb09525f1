"""How do the steps of several hosts become one POSIX sh script, and what does its output say? PURE but for our own files.

The same text is printed for whoever has root and sent over SSH: `sh SCRIPT HOST` does, `sh SCRIPT HOST look` only looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import get_args

from releaser.engine.setup.steps import Finding, Preparation, State, Step, quote

__all__ = ["Script", "render"]

HEAD = """\
#!/bin/sh
# Prepares the hosts of {environment} for releaser. Run it as root on each of them:   sh SCRIPT HOST
# To look only:   sh SCRIPT HOST look
# It may be run again: what is as it should be is left alone. A file that is changed is kept beside it as
# FILE.before-releaser.N.
set -u
umask 022
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL

cannot() {{ echo "$*"; exit 3; }}
note() {{ echo "$*"; exit 4; }}

# keep FILE: a copy beside it, under a name of its own
keep() {{
    copies=1
    while [ -e "$1.before-releaser.$copies" ]; do copies=$((copies + 1)); done
    cp -p "$1" "$1.before-releaser.$copies"
}}

# put FILE MODE TEXT: replaced as a whole; what was there is kept
put() {{
    printf '%s\\n' "$3" > "$1.releaser-new"
    chmod "$2" "$1.releaser-new"
    if [ -e "$1" ]; then keep "$1"; fi
    mv -f "$1.releaser-new" "$1"
}}

# holds FILE TEXT: whether that is all that stands in it
holds() {{ [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }}

# home USER: whoever runs this may have been given another one than the system knows
home() {{
    if [ "$(id -un)" = "$1" ] && [ -z "${{SUDO_USER-}}" ]; then echo "$HOME"; else getent passwd "$1" | cut -d: -f6; fi
}}
"""
TAIL = """\
# look N: sets state and said
look() {
    said=$(set -e; "look_$1" 2>/dev/null </dev/null)
    case $? in 0) state=ok ;; 3) state=cannot ;; 4) state=note ;; *) state=todo ;; esac
}

tell() { printf '%s\\t%s\\t%s\\t%s\\n' "$state" "$1" "$(title "$1")" "$(printf '%s\\n' "$said" | tail -n 1)"; }

main() {
    blocked=no
    for n in $numbers; do
        look "$n"
        if [ "$state" = cannot ]; then blocked=yes; fi
        if [ "$mode" = look ] || [ "$state" = cannot ]; then tell "$n"; fi
    done
    if [ "$mode" = look ]; then exit 0; fi
    if [ "$blocked" = yes ]; then exit 1; fi
    for n in $numbers; do
        look "$n"
        if [ "$state" = todo ]; then
            tried=$(set -e; "do_$n" 2>&1 </dev/null)
            if [ $? -eq 0 ]; then
                look "$n"
                case $state in ok | note) state=done ;; *) state=failed; said=${said:-$tried} ;; esac
            else
                state=failed said=$tried
            fi
        fi
        tell "$n"
        if [ "$state" = failed ]; then exit 1; fi
    done
}

if [ "$(id -u)" -ne 0 ]; then echo "this needs root" >&2; exit 1; fi
main
"""
END = "END_OF_PYTHON"


@dataclass(frozen=True, slots=True)
class Script:
    """`steps` are numbered in the text from 1."""

    text: str
    steps: tuple[Step, ...]

    def findings(self, output: str) -> tuple[Finding, ...]:
        """What a run of it printed, line by line; other lines (a login's own profile) are passed over."""
        found = []
        for line in output.splitlines():
            state, _, rest = line.partition("\t")
            number, _, rest = rest.partition("\t")
            if state in get_args(State) and number.isdigit() and 0 < int(number) <= len(self.steps):
                detail = rest.partition("\t")[2].strip()
                found.append(Finding(state, self.steps[int(number) - 1].title, detail))  # type: ignore[arg-type]  # checked
        return tuple(found)


def render(environment: str, preparations: Sequence[Preparation]) -> Script:
    """One text for all hosts; a step that several need stands there once."""
    steps = tuple(dict.fromkeys(step for one in preparations for step in one.steps))
    programs = sorted({name for one in preparations for name in one.programs})
    parts = [
        HEAD.format(environment=environment),
        *(_step(number, step) for number, step in enumerate(steps, 1)),
        *(_program(name) for name in programs),
        _titles(steps),
        _choice(preparations, steps),
        TAIL,
    ]
    return Script("\n".join(parts), steps)


def _program(name: str) -> str:
    """A shell function PYTHON WORDS..., whose program stands in the script as it is; PYTHON may be several words."""
    source = files("releaser.engine.setup.onhost").joinpath(f"{name}.py").read_text(encoding="utf-8")
    return f"{name}() {{\n    python=$1\n    shift\n    $python -I - \"$@\" <<'{END}'\n{source}{END}\n}}\n"


def _step(number: int, step: Step) -> str:
    given = f"given_{number}\n" if step.given else ""
    parts = [("given", step.given)] if step.given else []
    parts += [("look", given + step.look), ("do", given + step.do)]
    return "\n".join([f"# {step.title}", *(_function(f"{name}_{number}", body) for name, body in parts)])


def _function(name: str, body: str) -> str:
    """Not indented: a text in quotes may go over several lines."""
    return f"{name}() {{\n{body.strip(chr(10))}\n}}\n"


def _titles(steps: Sequence[Step]) -> str:
    lines = [f"    {number}) echo {quote(step.title)} ;;" for number, step in enumerate(steps, 1)]
    return "\n".join(["title() {", "    case $1 in", *lines, "    esac", "}", ""])


def _choice(preparations: Sequence[Preparation], steps: Sequence[Step]) -> str:
    """Which steps the host that is named needs."""
    number = {step: place for place, step in enumerate(steps, 1)}
    hosts: dict[str, list[str]] = {}
    for one in preparations:
        hosts.setdefault(" ".join(str(number[step]) for step in one.steps), []).append(one.host)
    lines = [f"{' | '.join(map(quote, names))}) numbers={quote(chosen)} ;;" for chosen, names in hosts.items()]
    known = ", ".join(one.host for one in preparations)
    usage = quote(f"usage: sh SCRIPT HOST [look], where HOST is one of {known}")
    return "\n".join(['case "${1-}" in', *lines, f"*) echo {usage} >&2; exit 2 ;;", "esac", "mode=${2-apply}", ""])
