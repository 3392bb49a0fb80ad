"""What can be wrong with concept files."""

from __future__ import annotations

from caveat.errors import CaveatError


class TerminologyError(CaveatError):
    """A concept file that is missing, or says something that cannot hold; the message names file and row."""
