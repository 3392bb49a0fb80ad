"""A gate with one trusted issuer."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.trust.issuer import Entrance


@pytest.fixture
def entrance(tmp_path: Path) -> Entrance:
    """Trusts ISS with a P-384 key `one` and an RSA key `two`, from a file."""
    return Entrance(tmp_path)
