"""Where this user's things lie: the journal and its spool, the playbooks and environments that come with the package."""

import os
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_state_path

__all__ = ["journal_path", "shipped", "state_folder"]


def state_folder(environ: Mapping[str, str]) -> Path:
    """RELEASER_STATE, else the user's state directory."""
    named = environ.get("RELEASER_STATE")
    return Path(named).expanduser() if named else user_state_path("releaser", appauthor=False)


def journal_path(environ: Mapping[str, str]) -> Path:
    return state_folder(environ) / "journal.db"


def shipped(kind: str) -> Path:
    """The package's own `environments` or `playbooks`: beside it in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "shipped" / kind
    return inside if inside.is_dir() else Path(os.fspath(package.parent)) / kind
