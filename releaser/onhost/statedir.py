"""Which files does one router site keep, and what does each one mean?

ledger.json             who holds the site, what is current, good and bad
ledger.lock             held while anything here or on the router changes; created once, never renamed or deleted
armed.<fence>.<n>.json  a dead-man's switch that will restore the split in it
fired.<fence>.<n>.json  the same file, renamed by the guard: its restoration is under way
restored.*, disarmed.*  how that one ended; the last few are kept for people
inbox/<id>.json         requests from other machines
guard.json, .lock, .log the guard that runs, or ran
"""

from __future__ import annotations

import re
from pathlib import Path

from releaser.onhost import clock, files
from releaser.onhost.answers import Refusal
from releaser.onhost.lock import locked

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

FORMAT = 1
EMPTY: dict[str, Any] = {
    "format": FORMAT,
    "environment": "",
    "fence": 0,
    "written": 0,
    "rollout": "",
    "holder": None,
    "current": None,
    "good": [],
    "bad": {},
    "evidence": None,
    "releases": {},
    "slots": {},
    "generation": 0,
    "split": None,
    "before": None,
    "candidate": None,
    "settled": None,
    "frozen": None,
    "journal": None,
    "fired": None,
    "taken": [],
    "away": {},
}
SWITCH = re.compile(r"(armed|fired)\.(\d+)\.(\d+)\.json")
PAST = re.compile(r"(restored|disarmed)\.(\d+)\.(\d+)\.json")
KEPT = 5
REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class SwitchFile:
    """`status` is "armed" or "fired"."""

    __slots__ = ("fence", "number", "path", "status")

    def __init__(self, status: str, fence: int, number: int, path: Path) -> None:
        self.status = status
        self.fence = fence
        self.number = number
        self.path = path


def site(request: dict[str, Any]) -> Path:
    state = Path(str(request["state"])).expanduser()
    if not state.is_absolute():
        raise Refusal(
            "usage", f"the state directory of a router must be an absolute path, not {request['state']!r}", "state"
        )
    return state


def inside(state: Path, until: float) -> AbstractContextManager[None]:
    """The site's lock; the directory is made on the first visit."""
    # In two steps: of several that are missing, only the last one would get the mode.
    state.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    state.mkdir(exist_ok=True, mode=0o700)
    return locked(state / "ledger.lock", until)


def load(state: Path) -> dict[str, Any]:
    """The ledger; an empty one where nothing was ever released. Keys of later versions are kept."""
    found = files.read_json(state / "ledger.json")
    if found is None:
        return dict(EMPTY)
    if found.get("format") != FORMAT:
        raise Refusal(
            "refused",
            f"{state}/ledger.json has format {found.get('format')!r}, and this releaser knows format {FORMAT}",
            "format",
            ("use the newest releaser that ever released to this environment",),
        )
    return {**EMPTY, **found}


def save(state: Path, ledger: dict[str, Any]) -> None:
    files.write_json(state / "ledger.json", ledger)


def switches(state: Path) -> list[SwitchFile]:
    """What is armed or being restored, oldest first."""
    return [SwitchFile(status, fence, number, path) for status, fence, number, path in _numbered(state, SWITCH)]


def next_number(state: Path) -> int:
    taken = [number for pattern in (SWITCH, PAST) for _, _, number, _ in _numbered(state, pattern)]
    return max(taken, default=0) + 1


def arm(state: Path, number: int, body: dict[str, Any]) -> None:
    """Write or replace armed.<fence>.<number>.json."""
    document = {"format": FORMAT, "n": number, **body}
    files.write_json(state / f"armed.{body['fence']}.{number}.json", document)


def fire(switch: SwitchFile) -> SwitchFile | None:
    """Exactly one of expiry and settlement gets the armed file. None: the other one did."""
    path = switch.path.with_name(f"fired.{switch.fence}.{switch.number}.json")
    return SwitchFile("fired", switch.fence, switch.number, path) if files.rename(switch.path, path) else None


def put_away(switch: SwitchFile, ending: str) -> bool:
    """`ending` is "restored" or "disarmed". False: somebody else was quicker."""
    state = switch.path.parent
    moved = files.rename(switch.path, state / f"{ending}.{switch.fence}.{switch.number}.json")
    past = sorted(_numbered(state, PAST), key=lambda file: file[2])
    for _, _, _, path in past[:-KEPT]:
        path.unlink()
    return moved


def disarm(state: Path) -> None:
    """Nothing may change traffic here by itself any more."""
    for switch in switches(state):
        put_away(switch, "disarmed")


def expired(body: dict[str, Any], now: clock.Now) -> bool:
    return left(body, now) <= 0.0


def left(body: dict[str, Any], now: clock.Now) -> float:
    """Seconds until the switch fires; none are left where it was armed in another boot."""
    return float(body["renewed"] + body["timer"] - now.at) if body["boot"] == now.boot else 0.0


def inbox(state: Path) -> list[dict[str, Any]]:
    """Requests that wait, sorted by id."""
    found = [files.read_json(path) for path in sorted((state / "inbox").glob("*.json")) if path.name[0] != "."]
    return [request for request in found if request is not None]


def post(state: Path, request: dict[str, Any]) -> None:
    (state / "inbox").mkdir(exist_ok=True, mode=0o700)
    files.write_json(_letter(state, request["id"]), request)


def take(state: Path, request_id: str) -> None:
    letter = _letter(state, request_id)
    if letter.exists():
        letter.unlink()


def _letter(state: Path, request_id: str) -> Path:
    if not REQUEST_ID.fullmatch(request_id):
        raise Refusal(
            "usage", f"{request_id[:80]!r} is not a request's id: use letters, digits, '.', '_' and '-'", "id"
        )
    return state / "inbox" / f"{request_id}.json"


def _numbered(state: Path, pattern: re.Pattern[str]) -> list[tuple[str, int, int, Path]]:
    """(word, fence, number, path) of the files whose whole name matches."""
    names = [pattern.fullmatch(path.name) for path in state.glob("*.json")]
    found = [(m.group(1), int(m.group(2)), int(m.group(3)), state / m.group(0)) for m in names if m]
    return sorted(found, key=lambda file: (file[1], file[2]))
