"""A ruleset ready to be run: program, vocabulary, policy and bibliography, loaded from a folder.

What a folder compiles to is kept under its content's hash, as JSON, so that the next start does
not read YAML. A kept file is used only when its own hash is right; it is never pickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caveat.compile.program import Program
from caveat.compile.serial import canonical, load_program
from caveat.errors import CaveatError, RulesetError
from caveat.terminology.concepts import Terminology
from caveat.terminology.load import from_json, load_terminology, to_json

CACHE_FORMAT = "1"
_TEXTS = (".yaml", ".tsv")


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Compiled rules with everything they need; frozen and safe to share between threads.

    `covered` are the ingredients that some rule is about.
    """

    program: Program
    terminology: Terminology
    tiers: tuple[tuple[str, str], ...]
    open_tiers: tuple[tuple[str, str], ...]
    rule_tiers: tuple[tuple[str, str], ...]
    policy: str
    sources: tuple[tuple[str, str], ...]
    root: Path
    digest: str
    covered: frozenset[str] = frozenset()
    _tiers: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)
    _open_tiers: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)
    _rule_tiers: dict[str, str] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        for table, pairs in (
            (self._tiers, self.tiers),
            (self._open_tiers, self.open_tiers),
            (self._rule_tiers, self.rule_tiers),
        ):
            table.update(reversed(pairs))

    @property
    def version(self) -> str:
        """The version the ruleset folder states."""
        return self.program.version

    def tier(self, rule: str, severity: str, *, open: bool = False) -> str:
        """The tier that the site's policy gives an alert, or (`open`) what could not be assessed."""
        if open:
            return self._open_tiers.get(severity, "interruptive")
        return self._rule_tiers.get(rule) or self._tiers.get(severity, "interruptive")


def bundled() -> Path:
    """The folder of rulesets that comes with the package, installed or in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_rulesets", package.parent.parent / "rulesets"):
        if (folder / "concepts").is_dir():
            return folder
    raise CaveatError("the bundled rulesets are missing; reinstall caveat, or name a folder of rulesets")


def load(path: str | Path | None = None, *, policy: str | Path | None = None, cache: bool = True) -> Ruleset:
    """The ruleset of a folder or of one rules file; None takes the bundled rulesets.

    A folder without `concepts/` of its own uses the bundled vocabulary. Raises RulesetError with
    every problem found, and CaveatError when the path does not exist.
    """
    root = bundled() if path is None else Path(path)
    if not root.exists():
        raise CaveatError(f"{root}: no such file or folder. Name a folder of rulesets or a rules file")
    base = root if root.is_dir() else root.parent
    concepts = base / "concepts" if (base / "concepts").is_dir() else bundled() / "concepts"
    policy_file = Path(policy) if policy is not None else _policy_of(base)
    key = _fingerprint(root, concepts, policy_file)
    kept = _read_cache(key) if cache else None
    if kept is not None:
        return assemble(kept, root)
    content = _compile(root, concepts, policy_file)
    if cache:
        _write_cache(key, content)
    return assemble(content, root)


def _policy_of(base: Path) -> Path | None:
    for folder in (base, bundled()):
        file = folder / "policies" / "default.yaml"
        if file.is_file():
            return file
    return None


def _fingerprint(root: Path, concepts: Path, policy: Path | None) -> str:
    """A hash over every text that decides the result, and over the code that reads it."""
    digest = hashlib.sha256(f"{CACHE_FORMAT} {_code_version()}".encode())
    files = (
        [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.suffix in _TEXTS and p.is_file())
    )
    files += sorted(p for p in concepts.glob("*") if p.suffix in _TEXTS)
    version = (root if root.is_dir() else root.parent) / "VERSION"
    for file in (*files, *([policy] if policy else []), *([version] if version.is_file() else [])):
        digest.update(str(file).encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _code_version() -> str:
    """The size and time of every module that shapes a compiled ruleset."""
    package = Path(__file__).resolve().parent.parent
    parts = []
    for folder in ("rules", "compile", "terminology", "units"):
        for file in sorted((package / folder).glob("*.py")):
            stat = file.stat()
            parts.append(f"{file.name}:{stat.st_size}:{stat.st_mtime_ns}")
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _compile(root: Path, concepts: Path, policy_file: Path | None) -> dict[str, Any]:
    from caveat.compile.compiler import compile_texts
    from caveat.rules.folder import read_texts
    from caveat.rules.policy import FALLBACK, read_policy

    terminology = load_terminology(concepts)
    texts = read_texts(root)
    program = compile_texts(texts, terminology, _version(root))
    chosen = read_policy(policy_file, texts.problems) if policy_file is not None else None
    policy = chosen or FALLBACK
    known = {rule.id for rule in program.rules}
    for change in policy.rules:
        if change.rule not in known and policy_file is not None:
            from caveat.rules.diagnostics import Place, did_you_mean

            texts.problems.add(
                "C020",
                f"unknown rule {change.rule!r}",
                Place(str(policy_file)),
                why="The policy changes a rule that does not exist.",
                hint=did_you_mean(change.rule, known),
            )
    if texts.problems.errors:
        raise RulesetError(texts.problems.errors)
    return {
        "program": canonical(program.version, program.rules).decode(),
        "terminology": to_json(terminology).decode(),
        "tiers": sorted(policy.tiers.items()),
        "open_tiers": sorted((policy.cannot_assess or policy.tiers).items()),
        "rule_tiers": sorted((change.rule, change.tier) for change in policy.rules),
        "policy": policy.id,
        "sources": sorted((s.id, f"{s.publisher}. {s.title}. {s.version}") for s in texts.sources.values()),
    }


def _version(root: Path) -> str:
    file = (root if root.is_dir() else root.parent) / "VERSION"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else "0"


def assemble(content: dict[str, Any], root: Path) -> Ruleset:
    """The ruleset of what was kept of it: program, vocabulary, policy and sources as plain data."""
    program = load_program(content["program"].encode())
    terminology = from_json(content["terminology"].encode())
    whole = json.dumps(
        [program.digest, terminology.digest, content["tiers"], content["open_tiers"], content["rule_tiers"]]
    )
    return Ruleset(
        program=program,
        terminology=terminology,
        tiers=tuple((a, b) for a, b in content["tiers"]),
        open_tiers=tuple((a, b) for a, b in content["open_tiers"]),
        rule_tiers=tuple((a, b) for a, b in content["rule_tiers"]),
        policy=content["policy"],
        sources=tuple((a, b) for a, b in content["sources"]),
        root=root,
        covered=frozenset(name for rule in program.rules for name in (*rule.first, *rule.second)),
        digest="sha256:" + hashlib.sha256(whole.encode()).hexdigest(),
    )


def cache_folder() -> Path | None:
    """Where compiled rulesets are kept: CAVEAT_CACHE, else the user's cache folder; None when unset to ''."""
    named = os.environ.get("CAVEAT_CACHE")
    if named is not None:
        return Path(named) if named else None
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "caveat"


def _read_cache(key: str) -> dict[str, Any] | None:
    folder = cache_folder()
    if folder is None:
        return None
    try:
        raw = (folder / f"{key}.json").read_bytes()
    except OSError:
        return None
    digest, _, body = raw.partition(b"\n")
    if digest.decode("ascii", "replace") != hashlib.sha256(body).hexdigest():
        return None
    content: dict[str, Any] = json.loads(body)
    return content


def _write_cache(key: str, content: dict[str, Any]) -> None:
    """Keep the result; a folder that cannot be written is no reason to fail."""
    folder = cache_folder()
    if folder is None:
        return
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=folder, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        Path(name).replace(folder / f"{key}.json")
    except OSError:
        return
