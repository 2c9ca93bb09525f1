"""Releases that are judged on evidence and taken back within a rehearsed time."""

__version__ = "0.1.0"
