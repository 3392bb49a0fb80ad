"""A small ruleset, records, and calls of the command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from caveat.cli import run
from cli.small import AS_OF, write_rules


@dataclass(frozen=True)
class Called:
    """What one call came to."""

    code: int
    out: str
    err: str


Caller = Callable[..., Called]


@pytest.fixture(scope="session")
def small_rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small ruleset."""
    return write_rules(tmp_path_factory.mktemp("rules"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where compiled rules are kept meanwhile."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cache: Path) -> Caller:
    """Run `caveat` with arguments; nothing of the user's cache is touched."""
    monkeypatch.setenv("CAVEAT_CACHE", str(cache))
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS", raising=False)

    def called(*arguments: object) -> Called:
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Called(code, captured.out, captured.err)

    return called


@pytest.fixture
def screen(call: Caller, small_rules: Path) -> Caller:
    """Run `caveat screen` with the small ruleset on a fixed day."""

    def called(*arguments: object) -> Called:
        return call("screen", *arguments, "--rules", small_rules, "--as-of", AS_OF)

    return called
