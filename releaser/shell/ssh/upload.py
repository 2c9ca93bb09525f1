"""How does a file get to a host? By SFTP, or through a command's stdin where SFTP is refused or another user has to write it.

SSH itself guards every byte on its way, and the size is compared at the end; whoever unpacks the file compares its digest. What
comes through stdin could end early, so that a script on the host compares the digest before the file has its name.
"""

import posixpath
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic

import paramiko

from releaser.errors import UnreachableError
from releaser.shell.ssh.channel import Ran, leave, run, session
from releaser.shell.ssh.connect import Link, cut
from releaser.shell.ssh.deadlines import Deadlines
from releaser.shell.ssh.scripts import receive_command

CHUNK = 32768
"""What every SFTP server takes in one write."""

__all__ = ["Progress", "Upload", "upload"]

Progress = Callable[[str, int, int], None]
"""(host, bytes sent, bytes of the file); called from the thread that uploads."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One file on its way."""

    local: Path
    remote: str
    size: int
    python: str
    sudo: str | None


def upload(connection: Link, what: Upload, deadlines: Deadlines, progress: Progress, *, until: float) -> None:
    """Raises UnreachableError with nothing at `what.remote` that was not there before."""
    try:
        if what.sudo or not _by_sftp(connection, what, deadlines, progress, until):
            _by_stdin(connection, what, deadlines, until)
            progress(connection.host, what.size, what.size)
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise UnreachableError(
            f"{what.local} was not copied to {what.remote} on {connection.host}: {error or type(error).__name__}",
            code="copy",
        ) from error


def _by_stdin(connection: Link, what: Upload, deadlines: Deadlines, until: float) -> None:
    content = what.local.read_bytes()
    command = receive_command(what.python, what.remote, len(content), sha256(content).hexdigest(), sudo=what.sudo)
    ran = run(connection, command, content, deadlines, until=until)
    if ran.status != 0:
        raise OSError(_why(ran))


def _by_sftp(connection: Link, what: Upload, deadlines: Deadlines, progress: Progress, until: float) -> bool:
    """False where the host speaks no SFTP."""
    folder, name = posixpath.split(what.remote)
    part = f"{folder}/.{name}.{secrets.token_hex(4)}.part"
    with deadlines.until(until, lambda: cut(connection.transport.sock)):
        sftp = _sftp(connection, until)
        if sftp is None:
            return False
        try:
            _write(sftp, what, part, lambda sent: progress(connection.host, sent, what.size), until)
            sftp.posix_rename(part, what.remote)
        except (paramiko.SSHException, EOFError, OSError):
            with suppress(paramiko.SSHException, EOFError, OSError):  # else it is garbage with a name that nobody uses
                sftp.remove(part)
            raise
        finally:
            leave(sftp.sock)
    return True


def _write(sftp: paramiko.SFTPClient, what: Upload, part: str, moved: Callable[[int], None], until: float) -> None:
    """Pipelined: the answers to the writes are read at the end, so that no write waits for the one before."""
    with what.local.open("rb") as source, sftp.open(part, "wx") as copy:
        copy.chmod(0o600)
        copy.set_pipelined(pipelined=True)
        for chunk in iter(lambda: source.read(CHUNK), b""):
            copy.write(chunk)
            moved(source.tell())
            if monotonic() > until:
                raise TimeoutError("it took too long")
    found = sftp.stat(part).st_size
    if found != what.size:
        raise OSError(f"{found} bytes of {what.size} arrived")


def _sftp(connection: Link, until: float) -> paramiko.SFTPClient | None:
    channel = session(connection, until)
    channel.settimeout(max(0.1, until - monotonic()))
    try:
        channel.invoke_subsystem("sftp")
        return paramiko.SFTPClient(channel)
    except (paramiko.SSHException, EOFError, OSError):
        leave(channel)
        return None


def _why(ran: Ran) -> str:
    last = ran.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200]
    return last or ("the connection was lost" if ran.lost == "connection" else "it took too long")
