"""What is copied to a host, and how is it started there? The same bytes on every machine."""

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

__all__ = ["agent_argv", "agent_bytes", "agent_name"]

EPOCH = (1980, 1, 1, 0, 0, 0)
START = b"import sys\n\nfrom releaser.onhost.__main__ import main\n\nsys.exit(main())\n"


def agent_name() -> str:
    """agent-<12 hex>.pyz: named for its content, so that one host can keep the agents of several versions."""
    return f"agent-{sha256(agent_bytes()).hexdigest()[:12]}.pyz"


def agent_argv(python: str, agent: str, verb: str) -> list[str]:
    """Nothing variable but two paths and a verb of ours: nothing to quote, nothing to hide from ps."""
    return [python, "-I", "-S", agent, verb]


@cache
def agent_bytes() -> bytes:
    """A zipapp of releaser.onhost: sorted names, fixed times, stored (compiling is quicker without inflating)."""
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_STORED) as archive:
        for name, content in sorted(_members()):
            member = ZipInfo(name, EPOCH)
            member.create_system = 3  # Unix on every machine, or the digest would differ
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
    return packed.getvalue()


def _members() -> Iterator[tuple[str, bytes]]:
    yield "__main__.py", START
    yield "releaser/__init__.py", b""
    for source in files("releaser.onhost").iterdir():
        if source.name.endswith(".py"):
            yield f"releaser/onhost/{source.name}", source.read_bytes().replace(b"\r\n", b"\n")
