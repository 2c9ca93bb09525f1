"""Release managers run Windows laptops: the client's path to other hosts needs no POSIX-only module or attribute.

A process in which those are taken away runs the verbs: once against fake hosts, to their ends, and once over the real
wiring and SSH, to a host that refuses. Linux's own standard library and the libraries that have a part of their own for
Windows are loaded first, since here they take the other one.
"""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real
HERE = Path(__file__).parents[2] / "unit" / "cli"

TAKEN_AWAY = """
import asyncio, importlib, concurrent.futures, contextlib, ctypes, getpass, glob, importlib.metadata, importlib.util, json, logging
import multiprocessing, os, pathlib, platform, select, selectors, shutil, signal, socket, sqlite3, ssl, subprocess, sys
import tarfile, tempfile, threading, time, urllib.request, uuid, zipfile
import fabric, httpx, hvac, paramiko, platformdirs, rich.live  # have a part of their own for Windows

MODULES = {"fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "syslog", "crypt", "spwd", "nis", "readline", "curses",
           "posix_ipc", "pyinotify", "uvloop"}
for name in MODULES:
    sys.modules.pop(name, None)

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}, as on Windows", name=name)

sys.meta_path.insert(0, Blocked())

KEPT = {"SIGINT", "SIGTERM", "SIGABRT", "SIGFPE", "SIGILL", "SIGSEGV", "SIG_DFL", "SIG_IGN"}
for name in [one for one in vars(signal) if one.startswith("SIG") and one.isupper() and one not in KEPT]:
    delattr(signal, name)
for name in ("alarm", "setitimer", "getitimer", "pthread_sigmask", "pthread_kill", "sigwait", "sigpending", "siginterrupt", "pause"):
    delattr(signal, name)
for name in ("fork", "forkpty", "setsid", "getsid", "getuid", "geteuid", "getgid", "getegid", "getgroups", "setuid", "setgid",
             "killpg", "getpgid", "setpgid", "getpgrp", "chown", "lchown", "fchown", "fchmod", "mkfifo", "mknod", "uname", "statvfs",
             "fstatvfs", "getloadavg", "posix_fallocate", "posix_fadvise", "sched_getaffinity", "sched_yield", "wait3", "wait4", "nice",
             "fdatasync", "sync", "openpty", "login_tty", "ttyname", "sysconf", "pread", "pwrite", "preadv", "pwritev", "sendfile",
             "O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_SYNC", "O_DSYNC", "chroot", "umask_", "ctermid",
             "memfd_create", "eventfd", "pidfd_open", "setxattr", "getxattr", "listxattr", "copy_file_range", "initgroups"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("AF_UNIX", "TCP_USER_TIMEOUT", "SO_REUSEPORT", "MSG_NOSIGNAL", "SO_PEERCRED", "TCP_DEFER_ACCEPT", "SOCK_CLOEXEC",
             "SOCK_NONBLOCK", "send_fds", "recv_fds"):
    if hasattr(socket, name):
        delattr(socket, name)
for name in ("poll", "epoll"):
    delattr(select, name)
for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC", "CLOCK_MONOTONIC_RAW", "CLOCK_REALTIME", "clock_gettime", "tzset", "pthread_getcpuclockid"):
    delattr(time, name)
"""

STORY = """
sys.path.insert(0, {here!r})
import releaser.cli.main, releaser.engine.session, releaser.cli.live
for module in ("planning", "promotion", "looking", "going_back", "watching", "recovering", "detach", "requesting", "logging_out"):
    importlib.import_module("releaser.cli." + module)

blocked = sys.meta_path.pop(0)  # the fakes are hosts: they run the hosts' own rules, and hosts are not Windows
import releaser.testing.fakes_site
sys.meta_path.insert(0, blocked)
for name in MODULES:
    sys.modules.pop(name, None)
from cli_world import Place

place = Place(pathlib.Path({folder!r}))
place.build("1.4.1", "1.4.2", "1.4.3")
place.environ.pop("RELEASER_BY")
place.environ["USERNAME"] = "ada"

def expect(code, *words):
    answered = place.run(*words)
    assert answered.code == code, (words, answered)
    return answered

expect(0, "status")
expect(0, "plan", "1.4.1")
expect(0, "promote", "1.4.1")
expect(0, "promote", "1.4.2", "-o", "json")
expect(0, "status", "--check")
place.bad.add("1.4.3")
expect(3, "promote", "1.4.3", "-o", "jsonl")
expect(0, "rollback", "--to", "1.4.1")
for words in (["history"], ["show", "1.4.2"], ["watch"], ["config"], ["audit", "verify"], ["abort"], ["recover"], ["rollback", "--list"]):
    expect(0, *words)
expect(0, "unfreeze", "--reason", "fixed")
LOCAL
print("told")
"""

LOCAL = """
assert not (found := {"releaser.shell.local", "releaser.engine.local_router", "releaser.engine.down"} & set(sys.modules)), found
"""

REMOTE = """
from releaser.cli.main import run
import io

root = pathlib.Path({folder!r})
(root / "environments").mkdir()
(root / "known_hosts").write_text("{known}")
(root / "environments" / "production.yaml").write_text('''
app: shop
artifact: dist/shop-{{version}}
hosts: [127.0.0.1]
ssh: {{ user: deploy, port: 1, known_hosts: ./known_hosts, agent: false }}
run: ./bin/shop --port {{port}}
router: haproxy://127.0.0.1/shop
''')
(root / "dist" / "shop-1.4.2").mkdir(parents=True)
(root / "dist" / "shop-1.4.2" / "shop").write_text("echo 1.4.2")
environ = {{"RELEASER_STATE": str(root / "state"), "USERNAME": "ada"}}

def expect(code, reason, *words):
    out, err = io.StringIO(), io.StringIO()
    answered = run([*words, "-o", "json", "--folder", str(root)], environ=environ, stdin=io.StringIO(), out=out, err=err)
    document = json.loads(out.getvalue())
    assert (answered, document["reason"]) == (code, reason), (words, answered, document, err.getvalue())

expect(0, "", "plan", "1.4.2", "--offline")
expect(6, "unreachable", "plan", "1.4.2")
expect(6, "unreachable", "promote", "1.4.2", "-y")
expect(6, "unreachable", "rollback")
expect(0, "unreachable", "status")
expect(1, "unreachable", "status", "--check")
LOCAL
of_hosts = {{name.rpartition(".")[2] for name in sys.modules if name.startswith("releaser.onhost.")}}
assert of_hosts <= {{"tree", "command", "clock"}}, of_hosts
os.environ["USERNAME"] = "ada"
expect(0, "", "setup", "--print")
expect(1, "connect", "setup", "-y")
print("told")
"""
KNOWN = "[127.0.0.1]:1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS"


def told(story: str) -> None:
    whole = TAKEN_AWAY + story.replace("LOCAL\n", LOCAL)
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == "told"


def test_the_clients_path_needs_nothing_that_windows_does_not_have(tmp_path: Path) -> None:
    told(STORY.format(here=str(HERE), folder=str(tmp_path)))


def test_the_real_wiring_to_other_hosts_needs_nothing_of_this_machine(tmp_path: Path) -> None:
    told(REMOTE.format(folder=str(tmp_path), known=KNOWN))
