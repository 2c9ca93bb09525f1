"""Fifty secrets that can be recognised in whatever form they come out, and a look at every process and file for them."""

import base64
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote

__all__ = ["Planted", "watched"]

AROUND = (
    ("postgres://shop:", '@db/shop?a=1&b="2"'),
    ("", ""),
    ("line one\n", "\nline three\ttabbed"),
    ("<b>", "</b> é ü 漢"),
    ("$(echo ", ") `id` ; rm -rf ~ 'x'"),
    ('{"key": "', '"}'),
    ("%41%42", "\\n\\\\ \\u0041"),
    (" " * 20, "#" * 300),
)
"""What stands before and after the recognisable part: what shells, URLs, JSON and terminals make something else of."""
FORMS = ("raw", "base64", "base64 from the second byte", "base64 from the third byte", "hex", "HEX", "URL", "JSON")


@dataclass(frozen=True)
class Planted:
    """Every value has `mark` inside, so that one look finds any of them. It is letters and digits, which JSON, URLs, shells
    and Python's repr leave as they are; base64 and hexadecimal change it, by where in its group of three a byte stands.
    """

    mark: str = field(default_factory=lambda: f"hunter{token_hex(9)}")

    def value(self, number: int) -> str:
        before, after = AROUND[number % len(AROUND)]
        return f"{before}{self.mark}n{number:02}{after}"

    def line(self, number: int) -> str:
        """The same where only one line of ASCII will do."""
        return f"Bearer {self.mark}n{number:02}"

    @property
    def needles(self) -> Mapping[str, bytes]:
        raw = self.mark.encode()
        groups = {
            "base64": base64.b64encode(raw),
            "base64 from the second byte": base64.b64encode(b"-" + raw)[4:-4],
            "base64 from the third byte": base64.b64encode(b"--" + raw)[4:-4],
        }
        return {"raw, URL or JSON": raw, **groups, "hex": raw.hex().encode(), "HEX": raw.hex().upper().encode()}

    def found_in(self, text: bytes | str) -> list[str]:
        """The forms in which any of them stands there."""
        data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
        return [form for form, needle in self.needles.items() if needle in data]

    def files_with(self, folder: Path) -> list[Path]:
        found = []
        for path in folder.rglob("*"):
            with suppress(FileNotFoundError):  # it was a temporary one
                if path.is_file() and not path.is_symlink() and self.found_in(path.read_bytes()):
                    found.append(path)
        return sorted(found)

    def leak(self, form: str, number: int = 7) -> bytes:
        """One of them as a leak of this form would have it."""
        value = self.value(number)
        raw = value.encode()
        return {
            "raw": raw,
            "base64": base64.b64encode(raw),
            "base64 from the second byte": base64.b64encode(b"x" + raw),
            "base64 from the third byte": base64.b64encode(b"xy" + raw),
            "hex": raw.hex().encode(),
            "HEX": raw.hex().upper().encode(),
            "URL": quote(value, safe="").encode(),
            "JSON": ascii(value).encode(),
        }[form]


def line_of(process: Path) -> bytes:
    return (process / "cmdline").read_bytes()


@contextmanager
def watched(planted: Planted, *, may: bytes) -> Iterator[set[str]]:
    """Every process of this machine at any look: the command lines in which a secret stood, also if only among the
    variables. The variables of the processes whose command line has `may` in it are theirs to have.
    """
    found: set[str] = set()
    known: dict[str, bytes] = {}
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):  # it ended meanwhile
                    variables = (
                        b"" if known.get(process.name) == line_of(process) else (process / "environ").read_bytes()
                    )
                    line = line_of(process)  # after the variables: an exec changes both
                    if planted.found_in(line if may in line else line + variables):
                        found.add(line.replace(b"\0", b" ").decode(errors="replace"))
                    known[process.name] = line

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
