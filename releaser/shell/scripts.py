"""What is copied to a host, and how is it started there? The same bytes on every machine."""

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from releaser import onhost

__all__ = ["agent_argv", "agent_bytes", "agent_files", "agent_name"]

EPOCH = (1980, 1, 1, 0, 0, 0)
START = b"import sys\n\nfrom releaser.onhost.__main__ import main\n\nsys.exit(main())\n"


def agent_name() -> str:
    """agent-<12 hex>: named for its content, so that one host can keep the agents of several versions."""
    return f"agent-{sha256(agent_bytes()).hexdigest()[:12]}"


def agent_argv(python: str, agent: str, verb: str) -> list[str]:
    """`agent` is the directory or the packed file. Nothing variable but two paths and a verb of ours: nothing to quote,
    nothing to hide from ps.
    """
    return [python, "-I", "-S", agent, verb]


@cache
def agent_files() -> Mapping[str, bytes]:
    """Relative path -> content of the agent laid out as a directory, where Python keeps what it compiled.

    That halves the time of a verb against the packed file, whose modules are compiled in every process again.
    """
    members = {"__main__.py": START, "releaser/__init__.py": b""}
    for source in Path(onhost.__file__).parent.glob("*.py"):
        members[f"releaser/onhost/{source.name}"] = source.read_bytes().replace(b"\r\n", b"\n")
    return MappingProxyType(dict(sorted(members.items())))


@cache
def agent_bytes() -> bytes:
    """The same as one file, a zipapp: sorted names, fixed times, stored (compiling is quicker without inflating)."""
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_STORED) as archive:
        for name, content in agent_files().items():
            member = ZipInfo(name, EPOCH)
            member.create_system = 3  # Unix on every machine, or the digest would differ
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)
    return packed.getvalue()
