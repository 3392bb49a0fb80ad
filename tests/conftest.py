"""Hypothesis profiles, the places tests read from, and the log of skipped tests."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# Rules and cases are many small objects that live on: to look through them seldom is a fifth of the time.
gc.set_threshold(100_000, 50, 100)

# dev explores anew each run; ci is the same each run, so that a red run is about the change it judges.
settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci",
    max_examples=400,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("CAVEAT_HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """Records of our own and sample records, one story each."""
    return ROOT / "fixtures"


@pytest.fixture(scope="session")
def rulesets_dir() -> Path:
    """The rules, concepts and cases that ship with the package."""
    return ROOT / "rulesets"


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of source data beside the checkout; tests that need it are skipped where it is absent."""
    path = ROOT.parent / "shared"
    if not path.is_dir():
        pytest.skip("needs the source data in ../shared; lay it beside the checkout to run this")
    return path


def _log_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    log = os.environ.get("CAVEAT_SKIP_LOG")
    if log and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        with Path(log).open("a", encoding="utf-8") as out:
            out.write(f"{report.nodeid}\t{' '.join(reason.split())}\n")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _log_skip(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Whole modules skipped while collecting; parallel runs do not report these otherwise."""
    _log_skip(report)
