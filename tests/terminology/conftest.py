"""The bundled terminology, loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from caveat.terminology.concepts import Terminology
from caveat.terminology.load import load_terminology


@pytest.fixture(scope="session")
def concepts_dir(rulesets_dir: Path) -> Path:
    return rulesets_dir / "concepts"


@pytest.fixture(scope="session")
def terminology(concepts_dir: Path) -> Terminology:
    return load_terminology(concepts_dir)
