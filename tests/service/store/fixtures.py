"""A SQLite file and a PostgreSQL database, empty, for each test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.store.postgres import Server, lacking, server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    if why := lacking():
        pytest.skip(why)
    with server() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """`url` and what goes with it, of an empty database of either kind."""
    if request.param == "sqlite":
        return {"url": f"sqlite:///{tmp_path / 'store.sqlite'}"}
    running: Server = request.getfixturevalue("postgres")
    return {"url": running.database(), "password_file": running.password_file}
