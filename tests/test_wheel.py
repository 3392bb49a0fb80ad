"""The wheel carries the rulesets and works in a clean environment, from any folder, without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest


def run(*command: str | Path, cwd: Path) -> str:
    """What the command prints; its errors are the message of the failure."""
    leaks = ("PYTHON", "CAVEAT", "COV", "VIRTUAL_ENV")
    env = {k: v for k, v in os.environ.items() if not k.startswith(leaks)}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built by the installed backend: no network."""
    out = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, root, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def clean_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it; what caveat runs on is read from where the tests have it."""
    home = tmp_path_factory.mktemp("clean") / "environment"
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=home.parent)
    python = home / "bin" / "python"
    # A folder named in a .pth file is searched, but its own .pth files are not read: the editable
    # install of the checkout stays out of sight.
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    purelib = Path(run(python, "-c", ask, cwd=home).strip())
    (purelib / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index",
        "--ignore-installed", wheel, cwd=home)  # fmt: skip
    return home


def test_wheel_holds_every_ruleset_file(root: Path, wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "caveat/py.typed" in names
    assert "caveat/service/store/migrations/versions/m0001_audit.py" in names
    rulesets = root / "rulesets"
    expected = {
        f"caveat/_rulesets/{path.relative_to(rulesets).as_posix()}"
        for path in rulesets.rglob("*")
        if path.is_file() and path.suffix in (".yaml", ".tsv", ".json", ".md")
    }
    assert expected <= names, sorted(expected - names)
    assert not [n for n in names if n.startswith(("tests/", "benchmarks/", "fixtures/", "scripts/"))]


def test_wheel_is_imported_from_the_clean_environment(clean_environment: Path, tmp_path: Path) -> None:
    code = "import caveat; print(caveat.__file__)"
    where = run(clean_environment / "bin" / "python", "-c", code, cwd=tmp_path).strip()
    assert Path(where).is_relative_to(clean_environment.resolve())


def test_wheel_screens_a_record_from_another_folder(
    fixtures_dir: Path, clean_environment: Path, tmp_path: Path
) -> None:
    record = sorted((fixtures_dir / "fhir").rglob("*.json"))[0]
    copy = tmp_path / record.name
    copy.write_bytes(record.read_bytes())
    caveat = clean_environment / "bin" / "caveat"
    printed = run(caveat, "screen", copy.name, "--as-of", "2026-01-15", "--format", "json", cwd=tmp_path)
    reports = [json.loads(line) for line in printed.splitlines()]
    assert len(reports) == 1
    assert reports[0]["ruleset"]["digest"].startswith("sha256:")
    assert {"patient", "is_clear", "alerts", "cannot_assess"} <= reports[0].keys()
