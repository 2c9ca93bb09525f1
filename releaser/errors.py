"""The error tree. Each error says whose fault it is, and what to do next.

ReleaserError                    exit 1   a fault of ours or of the machine
|-- UsageError                   exit 2   the command line does not say what to do
|-- ConfigError                  exit 2   a file, variable or --set that does not hold together
|-- NotAllowedError              exit 4   the person may not do this
|-- RefusedError                 exit 6   refused before any effect: frozen, bad, drift, outdated, unsafe plan
|   `-- JournalCorruptError      exit 6   the journal was edited, cut or reordered; nothing goes forward on it
|-- HeldError                    exit 7   another release holds the environment
`-- PortError                    exit 1   what a port answers when the world does not do as asked:
    |-- FailedError                       it said no, and why; a repeat gives the same answer
    |-- UnreachableError                  nothing was sent; safe to repeat
    |-- UnknownError                      something was sent and no answer came: read back before a repeat
    |-- FencedError                       a newer holder wrote first: we are out, for good
    `-- JournalUnavailableError           the journal did not take an event in time: full disk, lock, slow disk
"""

from typing import ClassVar

__all__ = [
    "ConfigError",
    "FailedError",
    "FencedError",
    "HeldError",
    "JournalCorruptError",
    "JournalUnavailableError",
    "NotAllowedError",
    "PortError",
    "RefusedError",
    "ReleaserError",
    "UnknownError",
    "UnreachableError",
    "UsageError",
]


class ReleaserError(Exception):
    """`message` is one sentence for the operator; `fix` are commands or changes to try; `code` is for machines."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, fix: tuple[str, ...] = (), code: str = "error") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.code = code


class UsageError(ReleaserError):
    exit_code = 2


class ConfigError(UsageError):
    pass


class NotAllowedError(ReleaserError):
    exit_code = 4


class RefusedError(ReleaserError):
    exit_code = 6


class JournalCorruptError(RefusedError):
    pass


class HeldError(ReleaserError):
    exit_code = 7


class PortError(ReleaserError):
    pass


class FailedError(PortError):
    pass


class UnreachableError(PortError):
    pass


class UnknownError(PortError):
    pass


class FencedError(PortError):
    pass


class JournalUnavailableError(PortError):
    pass
