"""What is the credential called that a unit loads its variables from, and which order seals it? Also asked where nothing is sealed."""

from __future__ import annotations

__all__ = ["NAME", "ORDER"]

NAME = "releaser.env"
"""Part of what is sealed: systemd opens it under this name only."""
ORDER = ("encrypt", "--with-key=host", f"--name={NAME}", "-", "-")
"""From stdin to stdout: no value stands in an argument, and who may only seal cannot open."""
