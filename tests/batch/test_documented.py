"""docs/runs.md names every column and every field of a run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import caveat.batch.report
from batch.conftest import Runner
from batch.fake import FakeCohort, made_up
from caveat.adapters.native import read_native
from caveat.batch import schemas
from caveat.columns.records import to_batch


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "runs.md").read_text("utf-8")


def section(page: str, name: str) -> str:
    found = re.search(rf"^### {re.escape(name)}\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


@pytest.mark.parametrize("name", schemas.FILES)
def test_each_column(page: str, name: str) -> None:
    named = set(re.findall(r"`([a-z_]+)`", section(page, f"{name}.parquet")))
    assert set(schemas.schema_of(name).names) <= named


def test_each_field_of_the_manifest(page: str, runner: Runner, tmp_path: Path) -> None:
    manifest = runner(FakeCohort((5, 5)), tmp_path / "out").manifest
    named = set(re.findall(r"`([a-z_]+)`", section(page, "run.json")))
    assert manifest.keys() <= named
    counts = manifest["counts"].keys() - {"judged_again_because"}
    assert counts <= named
    assert manifest["unrecognised"].keys() <= named
    assert manifest["rules"][0].keys() - {"rule", "title", "kind", "severity", "status", "patients"} <= named


def test_the_example_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = to_batch([read_native(json.dumps(made_up(number)).encode()) for number in range(3)])
    pq.write_table(pa.Table.from_batches([batch]), tmp_path / "extract.parquet")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(caveat.batch.report, "write", lambda folder, **_: folder)
    example = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert example
    names: dict[str, object] = {}
    exec(example[1].replace("\noutcome.manifest", "\nscreened = outcome.manifest"), names)
    assert names["screened"] == 3
