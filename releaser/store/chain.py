"""How does one row of the journal vouch for all rows before it? (pure)

Each row's hash is sha256 over the hash before it and the row's canonical text; the first row follows the journal's id. So a
row that was changed, removed or moved no longer fits the one after it. The chain is not keyed: who can write the file can
build another chain, and that is what the (length, head) in the routers' ledgers is for.
"""

from hashlib import sha256
from typing import Any

__all__ = ["fits", "genesis", "link", "row_text"]


def genesis(journal_id: str) -> bytes:
    """What the first row's hash follows: another journal's rows do not fit here."""
    return sha256(b"releaser journal " + journal_id.encode()).digest()


def row_text(row: tuple[Any, ...]) -> str:
    """One text for one row, in which no value can pass for a part of its neighbour: lengths stand before free text.

    `row` is (position, rollout, seq, at, boot, wall, event), or whatever a damaged file answers with instead; only a row
    as it was written gives the text that was hashed.
    """
    position, rollout, seq, at, boot, wall, event = row
    rollout, boot = str(rollout), str(boot)
    return f"{position}|{seq}|{at!r}|{wall!r}|{len(rollout)}|{rollout}|{len(boot)}|{boot}|{event}"


def link(previous: bytes, row: str) -> bytes:
    """The hash of a row: 32 bytes. Bytes that are not UTF-8 in the file stand as surrogates in `row`."""
    return sha256(previous + row.encode("utf-8", "surrogateescape")).digest()


def fits(previous: Any, row: tuple[Any, ...], digest: Any) -> bool:
    """Whether this row, with this hash, follows one with the hash `previous`, as the file has them."""
    return isinstance(previous, bytes) and link(previous, row_text(row)) == digest
