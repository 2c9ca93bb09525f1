"""What does a host need before releaser can place and start versions there? PURE."""

from collections.abc import Sequence

from releaser.core.values import SLOTS
from releaser.engine.setup.steps import Step, quote
from releaser.onhost.credential import ORDER as SEAL
from releaser.onhost.unit import in_sudoers, instance

__all__ = ["account", "directory", "group", "key", "place", "python", "service_account", "sudoers"]

ORDERS = ("start --no-block", "stop --no-block", "reset-failed", "enable", "disable")
"""What releaser tells systemd about a slot's unit, as sudoers has to name it."""


def python(name: str) -> Step:
    old = f"{name} is older than Python 3.7; install a later one, or name it: ssh: {{ python: /usr/bin/python3.9 }}"
    look = f"""\
command -v {quote(name)} >/dev/null || cannot {quote(f"there is no {name}; install Python 3.7 or later")}
{quote(name)} -c 'import sys; sys.exit(sys.version_info < (3, 7))' || cannot {quote(old)}"""
    return Step(f"{name} is Python 3.7 or later", look)


def account(user: str) -> Step:
    """Who releases: somebody who can log in, with a home."""
    return Step(
        f"the user {user}", f"id {quote(user)} >/dev/null", f"useradd --create-home --shell /bin/sh {quote(user)}"
    )


def service_account(user: str) -> Step:
    """Whom the application runs as: nobody can log in as that one."""
    do = f'useradd --system --no-create-home --shell "$(command -v nologin || echo /bin/false)" {quote(user)}'
    return Step(f"the user {user}, for the application alone", f"id {quote(user)} >/dev/null", do)


def key(user: str, line: str, shown: str) -> Step:
    """`line` is a public key as authorized_keys has it, `shown` its fingerprint."""
    file = '"$keys/authorized_keys"'
    keys = f'keys="$(home {quote(user)})/.ssh"'
    do = f"""\
{keys}
install -d -o {quote(user)} -g "$(id -gn {quote(user)})" -m 0700 "$keys"
if [ -e {file} ]; then
    keep {file}
    if [ -n "$(tail -c 1 {file})" ]; then echo >> {file}; fi
fi
printf '%s\\n' {quote(line)} >> {file}
chown {quote(user)}: {file}
chmod 0600 {file}"""
    return Step(f"{user} may log in with the key {shown}", f"{keys}\ngrep -qxF {quote(line)} {file}", do)


def group(user: str, name: str, why: str) -> Step:
    look = f"""\
getent group {quote(name)} >/dev/null || note {quote(f"there is no group {name} here")}
id -nG {quote(user)} | tr ' ' '\\n' | grep -qx {quote(name)}"""
    return Step(f"{user} is in the group {name}, {why}", look, f"usermod -aG {quote(name)} {quote(user)}")


def place(path: str, user: str) -> str:
    """A path of the environment as a shell word; ~/ is the home of whoever does the work there."""
    return f'"$(home {quote(user)})"/{quote(path[2:])}' if path.startswith("~/") else quote(path)


def directory(path: str, user: str) -> Step:
    """A directory that is somebody else's and has content is never taken over."""
    where = place(path, user)
    look = f"""\
[ -d {where} ] || return 1
owner=$(stat -L -c %U {where})
[ "$owner" = {quote(user)} ] || [ -z "$(ls -A {where})" ] ||
    cannot {quote(path)} "belongs to $owner and is not empty; if it is the right one:" {quote(f"chown {user} {path}")}
[ "$owner" = {quote(user)} ]"""
    do = f'install -d -o {quote(user)} -g "$(id -gn {quote(user)})" -m 0755 {where}'
    return Step(f"the directory {path} belongs to {user}", look, do)


def sudoers(name: str, user: str, commands: Sequence[tuple[str, str]]) -> Step:
    """/etc/sudoers.d/NAME: `commands` are (as whom, an absolute command), and no others. Checked by visudo before it is there."""
    lines = [f"{user} ALL=({whom}) NOPASSWD: {command}" for whom, command in commands]
    text = quote("\n".join(["# written by releaser setup", *lines]))
    file = quote(f"/etc/sudoers.d/{name}")
    whom, last = commands[-1]
    look = f"""\
command -v sudo >/dev/null || cannot "there is no sudo; install it, or have root log in"
holds {file} "$text"
[ "$(stat -c %a {file})" = 440 ]
sudo -n -l -U {quote(user)} -u {quote(whom)} {last} >/dev/null"""
    do = f"""\
checked=$(mktemp)
printf '%s\\n' "$text" > "$checked"
if command -v visudo >/dev/null; then visudo -cqf "$checked"; fi
rm "$checked"
put {file} 0440 "$text"
"""
    return Step(f"sudo lets {user} run {_what(commands)}, and nothing else is added", look, do, f"text={text}")


def _what(commands: Sequence[tuple[str, str]]) -> str:
    programs = sorted({command.split()[0].rpartition("/")[2] for _, command in commands})
    return f"{len(commands)} commands of {', '.join(programs)}" if len(commands) > 1 else commands[0][1]


def unit_orders(template: str, *, sealed: bool = False) -> list[tuple[str, str]]:
    """For `sudoers`: everything that is done to a template unit's two slots, and `sealed` variables are made with."""
    orders = [f"systemctl {order} {instance(template, slot)}" for order in ORDERS for slot in SLOTS]
    more = [in_sudoers(" ".join(("systemd-creds", *SEAL)))] if sealed else []
    return [("root", f"/usr/bin/{order}") for order in (*orders, *more)]
