"""What stands in a secrets file? `file:./secrets.env#NAME`: a dotenv file, or a JSON object of strings."""

import json
import os
import stat
from collections.abc import Mapping
from hashlib import scrypt
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from releaser.errors import FailedError

__all__ = ["FileSecrets", "FileSecretsOptions", "fingerprint", "parse_dotenv", "readable_by_others"]

MOST_BYTES = 1_000_000
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$"}


class FileSecretsOptions(BaseModel):
    """Nothing is asked beside the reference."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FileSecrets:
    """Relative names start from `folder`. A file's version is a slow, short fingerprint of the value."""

    Options: ClassVar = FileSecretsOptions

    def __init__(self, folder: Path, variables: Mapping[str, str], options: FileSecretsOptions) -> None:  # noqa: ARG002 - every store is built the same way
        self._folder = folder

    def resolve(self, reference: str, *, within: float) -> tuple[str, str]:  # noqa: ARG002 - the port has it; this looks at this machine only
        """(value, version). Raises FailedError; no message repeats what stands in the file."""
        path, key = self._place(reference)
        shown = f"{reference[:200]}"
        try:
            with path.open("rb") as file:
                raw = file.read(MOST_BYTES + 1)
        except OSError as error:
            raise FailedError(
                f"{shown}: the file cannot be read ({error.strerror}); check its name and rights"
            ) from None
        if len(raw) > MOST_BYTES:
            raise FailedError(f"{shown}: the file is larger than 1 MB; a secrets file is not")
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise FailedError(f"{shown}: the file is not UTF-8 text; save it as UTF-8") from None
        values = _parse_json(text, shown) if path.suffix == ".json" else parse_dotenv(text, shown)
        if key not in values:
            raise FailedError(f"{shown}: the file has no value of that name; add it, or correct the reference")
        return values[key], fingerprint(reference, values[key])

    def concerns(self, reference: str) -> tuple[str, ...]:
        """What is unwise about the file, in words: others on this machine may read it."""
        return readable_by_others(self._place(reference)[0])

    def _place(self, reference: str) -> tuple[Path, str]:
        path, hash_, key = reference.removeprefix("file:").partition("#")
        if not path or not hash_ or not key or "@" in key:
            raise FailedError("a file reference is written file:./secrets.env#NAME, without a version; correct it")
        return self._folder / Path(path).expanduser(), key


def readable_by_others(path: Path) -> tuple[str, ...]:
    """What to do about a file whose mode lets others on this machine at it; nothing where it cannot be looked at."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return ()
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        return (f"{path} can be read by others on this machine; chmod 600 {path}",)
    return ()


def fingerprint(reference: str, value: str) -> str:
    """8 hex digits that change with the value. Slow and short on purpose: a weak secret is not found from it by trying."""
    return scrypt(value.encode(), salt=reference.encode(), n=2**14, r=8, p=1, dklen=4).hex()


def parse_dotenv(text: str, shown: str) -> Mapping[str, str]:
    """NAME=value lines: `export ` and # comments allowed, quotes as in a shell. Raises FailedError naming the line."""
    values: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip().removeprefix("export ").lstrip()
        if not bare or bare.startswith("#"):
            continue
        name, equals, value = bare.partition("=")
        if not equals or not name.strip().isidentifier():
            raise FailedError(f"{shown}: line {number} of the file is not NAME=value; correct that line")
        unquoted = _unquoted(value.strip())
        if unquoted is None:
            raise FailedError(f"{shown}: line {number} of the file has a quote without its end; correct that line")
        values[name.strip()] = unquoted
    return values


def _unquoted(value: str) -> str | None:
    """The value without quotes and trailing comment; None: the quote is not closed."""
    if value.startswith("'"):
        inner, closed, _ = value[1:].partition("'")
        return inner if closed else None
    if not value.startswith('"'):
        return value.partition(" #")[0].rstrip()
    text: list[str] = []
    letters = iter(value[1:])
    for letter in letters:
        if letter == '"':
            return "".join(text)
        if letter == "\\":
            escaped = next(letters, "")
            text.append(ESCAPES.get(escaped, "\\" + escaped))
        else:
            text.append(letter)
    return None


def _parse_json(text: str, shown: str) -> Mapping[str, str]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise FailedError(f"{shown}: the file is not JSON; correct it, or name it .env") from None
    if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
        raise FailedError(f'{shown}: the file is not one JSON object with strings; write {{"NAME": "value"}}')
    return document
