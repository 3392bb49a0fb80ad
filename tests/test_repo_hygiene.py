"""The checkout holds no place of one machine, no index address, no rules without cases, no stale lock."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from scripts.check_skips import read_allowed, unexplained

# Put together from halves, so that this file does not contain what it looks for.
MACHINE_PATH = re.compile(
    r"(?<![\w.~-])/(?:wo" + r"rk|ro" + r"ot|tm" + r"p|ho" + r"me/\w+|Us" + r"ers/\w+)/[\w.]"
)
INDEX_HOSTS = ("py" + "pi.org", "pythonho" + "sted", "npm" + "js.", "deb.deb" + "ian", "proxy.gol" + "ang")
INDEX_HOST = re.compile("|".join(map(re.escape, INDEX_HOSTS)), re.IGNORECASE)
INDEX_OPTION = re.compile(r"--(?:extra-)?index-url|--find-links|--trusted-host|\w+://")
LOCKS_WITH_ADDRESSES = {
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "Pipfile.lock",
    "pylock.toml",
    "package-lock.json",
    "pnpm-lock.yaml",
    "yarn.lock",
}
NOT_OURS = {".git", ".venv", "build", "dist", "node_modules"}
PIN = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


def kept_files(root: Path) -> list[Path]:
    """Files under version control or on the way there; without git, all but what tools leave behind."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0 and listing.stdout:
        files = [root / name for name in listing.stdout.decode().split("\0") if name]
    else:
        files = [p for p in root.rglob("*") if not NOT_OURS & set(p.relative_to(root).parts)]
        files = [p for p in files if not any(part.endswith("_cache") for part in p.relative_to(root).parts)]
    return sorted(path for path in files if path.is_file())


def places_in(files: list[Path], root: Path) -> list[str]:
    """`file:line: what was found` for each machine path and index address in text files."""
    found = []
    for path in files:
        data = path.read_bytes()
        if b"\0" in data[:8192] or path.name == "LICENSE":
            continue
        text = data.decode("utf-8", errors="replace")
        for pattern in (MACHINE_PATH, INDEX_HOST):
            for match in pattern.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                found.append(f"{path.relative_to(root)}:{line}: {match[0]}")
    return found


def without_partner(folder: Path) -> list[str]:
    """Rules files without cases beside them, and cases without rules."""
    rules = {path.with_name(path.name.removesuffix(".rules.yaml")) for path in folder.rglob("*.rules.yaml")}
    cases = {path.with_name(path.name.removesuffix(".cases.yaml")) for path in folder.rglob("*.cases.yaml")}
    return sorted(
        [f"{stem.relative_to(folder)}.rules.yaml has no cases" for stem in rules - cases]
        + [f"{stem.relative_to(folder)}.cases.yaml has no rules" for stem in cases - rules]
    )


def unmet(requirements: list[str], lock: str) -> list[str]:
    """Requirements that the lock does not pin, or pins outside what they allow."""
    pins = {canonicalize_name(name): version for name, version in PIN.findall(lock)}
    return [
        text
        for text in requirements
        if (asked := Requirement(text))
        and not asked.specifier.contains(pins.get(canonicalize_name(asked.name), "0a0"), prereleases=False)
    ]


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, object]:
    with (root / "pyproject.toml").open("rb") as file:
        table: dict[str, object] = tomllib.load(file)["project"]
    return table


def test_no_machine_path_or_index_address(root: Path) -> None:
    files = kept_files(root)
    assert root / "pyproject.toml" in files
    assert not places_in(files, root)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("see /wo" + "rk/main/x", 1),
        ('path = "/tm' + 'p/x"', 1),
        ("/ho" + "me/ann/x", 1),
        ("https://py" + "pi.org/simple", 1),
        ("https://files.pythonho" + "sted.org/packages/ab", 1),
        ("a framework/of rules, and/or", 0),
        ("http://hl7.org/fhir/sid/ndc and home/care/visits", 0),
        ("docs/work/notes.md", 0),
    ],
)
def test_places_are_found(tmp_path: Path, text: str, count: int) -> None:
    path = tmp_path / "notes.md"
    path.write_text(f"first line\n{text}\n", "utf-8")
    found = places_in([path], tmp_path)
    assert len(found) == count
    assert all(place.startswith("notes.md:2: ") for place in found)


def test_files_without_git_are_walked(tmp_path: Path) -> None:
    for name in ("kept.py", ".venv/lib/left.py", "x/.mypy_cache/left.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", "utf-8")
    assert kept_files(tmp_path) == [tmp_path / "kept.py"]


def test_every_rules_file_has_cases(root: Path) -> None:
    assert not without_partner(root / "rulesets")


def test_missing_partner_is_found(tmp_path: Path) -> None:
    for name in ("a/a.rules.yaml", "a/a.cases.yaml", "b/b.rules.yaml", "c/c.cases.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert without_partner(tmp_path) == ["b/b.rules.yaml has no cases", "c/c.cases.yaml has no rules"]


def test_no_lock_records_addresses(root: Path) -> None:
    assert not [path for path in kept_files(root) if path.name in LOCKS_WITH_ADDRESSES]
    locks = sorted((root / "requirements").glob("*.txt"))
    assert locks
    assert not [path.name for path in locks if INDEX_OPTION.search(path.read_text("utf-8"))]


def test_locks_pin_with_hashes(root: Path) -> None:
    for path in (root / "requirements").glob("*.txt"):
        entries = re.split(r"\n(?=\S)", path.read_text("utf-8"))
        bare = [entry for entry in entries if entry[0] != "#" and "--hash=sha256:" not in entry]
        assert not bare, f"{path.name}: {bare}"


def test_locks_hold_what_the_project_asks_for(root: Path, project: dict[str, object]) -> None:
    extras = project["optional-dependencies"]
    assert isinstance(extras, dict)
    asked = {"core": project["dependencies"], **{name: extras[name] for name in ("dev", "durable", "bench")}}
    for name, requirements in asked.items():
        assert isinstance(requirements, list)
        missing = unmet(requirements, (root / "requirements" / f"{name}.txt").read_text("utf-8"))
        assert not missing, f"run scripts/lock.sh: requirements/{name}.txt does not meet {missing}"


def test_unmet_requirements_are_found() -> None:
    lock = "click==8.1.0 \\\n    --hash=sha256:0\n# note\nPyYAML==6.0 ; python_version > '3'\n"
    assert unmet(["click>=8", "pyyaml"], lock) == []
    assert unmet(["click>=8.2", "rich"], lock) == ["click>=8.2", "rich"]


def test_locks_agree(root: Path) -> None:
    pins: dict[str, dict[str, str]] = {}
    for path in sorted((root / "requirements").glob("*.txt")):
        for name, version in PIN.findall(path.read_text("utf-8")):
            pins.setdefault(canonicalize_name(name), {})[path.name] = version
    assert not {name: where for name, where in pins.items() if len(set(where.values())) > 1}


def test_changelog_names_the_version(root: Path, project: dict[str, object]) -> None:
    assert f"## {project['version']}" in (root / "CHANGELOG.md").read_text("utf-8")


def test_oldest_python_is_the_same_everywhere(root: Path, project: dict[str, object]) -> None:
    assert SpecifierSet(str(project["requires-python"])).contains("3.11.0")
    assert 'oldest="3, 11"' in (root / "scripts" / "environment.sh").read_text("utf-8")


def test_skips_need_a_reason(root: Path) -> None:
    read_allowed((root / "tests" / "allowed_skips.txt").read_text("utf-8"))
    allowed = read_allowed("# note\n\nneeds a browser :: none where the check runs\n")
    log = "tests/a.py::b\tneeds a browser\ntests/a.py::c\tnot yet\ntests/a.py::c\tnot yet\n"
    assert unexplained(log, allowed) == ["tests/a.py::c\tnot yet"]
    with pytest.raises(ValueError, match="line 1"):
        read_allowed("no reason given\n")
