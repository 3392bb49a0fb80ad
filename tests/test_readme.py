"""What the README shows is run, so that it stays true."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from caveat.cli.group import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [body for name, body in BLOCK.findall(README) if name == language]


def commands() -> list[str]:
    return [line for body in blocks("sh") for line in body.splitlines() if line.startswith("caveat ")]


def run(command: str, cache: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", *command.split()]
    environment = os.environ | {"CAVEAT_CACHE": str(cache), "NO_COLOR": "1", "COLUMNS": "100"}
    return subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("command", commands())
def test_command_runs(command: str, tmp_path: Path) -> None:
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_make_screen_judges_the_bundled_records_and_ends_well(tmp_path: Path) -> None:
    """The command of the Makefile, as it stands there: nothing is rejected, and there is something to see."""
    recipe = re.search(
        r"^screen:\n.*\n\t@\$\(bin\)/(.*) \$\(ARGS\)$", (ROOT / "Makefile").read_text("utf-8"), re.M
    )
    assert recipe is not None
    done = run(recipe[1], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "85 patients as of 2026-01-15" in done.stderr
    assert " 0 rejected " in done.stderr


def test_the_shown_output_is_what_is_printed(tmp_path: Path) -> None:
    printed = run(commands()[0], tmp_path).stdout
    shown = next(body for body in blocks("") if body.startswith("Patient "))
    assert shown in printed


def test_the_misspelt_drug_is_named_with_candidates(tmp_path: Path) -> None:
    printed = run(commands()[1], tmp_path).stdout
    assert '"baclofn 10 mg tablet"' in printed
    assert "Did you mean baclofen" in printed


def test_a_cohort_in_two_commands(tmp_path: Path) -> None:
    body = next(body for body in blocks("") if "--out results" in body)
    setting_up, screening = body.strip().splitlines()
    assert setting_up == "make screen"
    words = screening.removeprefix(".venv/bin/").replace("--out results", f"--out {tmp_path / 'results'}")
    done = run(words, tmp_path)
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "results").iterdir()}
    assert {"findings.parquet", "patients.parquet", "rejects.parquet", "run.json", "report.html"} <= names


@pytest.mark.parametrize("body", blocks("python"))
def test_python_example_holds(body: str) -> None:
    exec(compile(body, "README.md", "exec"), {})


def test_every_command_is_named() -> None:
    assert [name for name in COMMANDS if f"caveat {name}" not in README] == []


def test_every_linked_page_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
