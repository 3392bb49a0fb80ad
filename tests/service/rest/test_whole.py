"""The whole application, hooks and overrides included, against its own OpenAPI document."""

from __future__ import annotations

import asyncio
from pathlib import Path

from caveat.service.app import build_app
from caveat.service.config import Config, Storing
from caveat.service.start import build_state
from service.rest.conftest import Silent
from service.rest.test_openapi import FULL, failures


def test_a_fuzzer_that_knows_the_document_finds_nothing_in_the_whole_service(tmp_path: Path) -> None:
    config = Config(
        production=False,
        insecure_dev=True,
        state=str(tmp_path / "state"),
        store=Storing(url=f"sqlite:///{tmp_path / 'store.sqlite'}", spool=str(tmp_path / "spool")),
    )
    state = build_state(config, log=Silent())
    try:
        tried, found = failures(build_app(state), examples=200 if FULL else 12, coverage=FULL)
    finally:
        asyncio.run(state.store.close())
        state.metrics.close()
    assert found == []
    assert tried > 100
