"""Every code that can be printed is documented, and every code that is documented can be printed."""

from __future__ import annotations

import re
from pathlib import Path

from caveat.authoring.checks import CHECKS


def documented(root: Path) -> dict[str, str]:
    text = (root / "docs" / "checks.md").read_text("utf-8")
    return {m[1]: m[2].strip() for m in re.finditer(r"^\| (C\d{3}) \| (\w+) \|", text, re.MULTILINE)}


def test_codes_in_the_code_and_in_the_page_are_the_same(root: Path) -> None:
    used: set[str] = set()
    for file in (root / "engine" / "caveat").rglob("*.py"):
        used |= set(re.findall(r'"(C0\d{2})"', file.read_text("utf-8")))
    assert set(documented(root)) == used


def test_levels_are_those_of_the_checks(root: Path) -> None:
    levels = documented(root)
    assert {check.code: check.level for check in CHECKS} == {
        check.code: levels[check.code] for check in CHECKS
    }


def test_each_code_stands_once(root: Path) -> None:
    text = (root / "docs" / "checks.md").read_text("utf-8")
    codes = re.findall(r"^\| (C\d{3}) \|", text, re.MULTILINE)
    assert len(codes) == len(set(codes))


def test_each_check_stands_in_a_file_of_its_own(root: Path) -> None:
    folder = root / "engine" / "caveat" / "authoring" / "checks"
    owners = [f.name for f in folder.glob("*.py") if "CHECK = Check(" in f.read_text("utf-8")]
    assert len(owners) == len(CHECKS)
