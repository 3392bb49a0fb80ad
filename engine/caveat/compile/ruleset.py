"""A ruleset ready to be run: program, vocabulary, policy and bibliography, loaded from a folder.

What a folder compiles to is kept under its content's hash, as JSON, so that the next start does
not read YAML. A kept file is used only when its own hash is right; it is never pickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caveat.compile.program import Program
from caveat.compile.serial import canonical, load_program
from caveat.compile.site import SiteChange, notes_of, plain
from caveat.errors import CaveatError, RulesetError
from caveat.findings.report import RecordNote
from caveat.terminology.concepts import Terminology
from caveat.terminology.load import from_json, load_terminology, to_json

CACHE_FORMAT = "2"
_TEXTS = (".yaml", ".tsv")


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Compiled rules with everything they need; frozen and safe to share between threads.

    `covered` are the ingredients that some rule is about. `indicators` give a card's indicator by
    severity, and by `open` for what could not be assessed. `changes` are the decisions of the site's
    overlay, `notes` what every report says of them.
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
    indicators: tuple[tuple[str, str], ...] = ()
    overlay: str = ""
    changes: tuple[SiteChange, ...] = ()
    notes: tuple[RecordNote, ...] = field(init=False, repr=False, compare=False, default=())
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
        object.__setattr__(self, "notes", notes_of(self.changes))

    @property
    def version(self) -> str:
        """The version the ruleset folder states."""
        return self.program.version

    @property
    def disabled(self) -> tuple[tuple[str, str, str], ...]:
        """Rule, reason and owner of each rule that the site has switched off; they are not in the program."""
        return tuple((c.rule, c.reason, c.owner) for c in self.changes if c.kind == "disabled" and not c.over)

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


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a ruleset is made of: files that exist, and the day for which an overlay is read."""

    root: Path
    concepts: Path
    policy: Path | None
    overlay: Path | None = None
    day: str | None = None


def load(
    path: str | Path | None = None,
    *,
    policy: str | Path | None = None,
    overlay: str | Path | None = None,
    day: str | None = None,
    cache: bool = True,
) -> Ruleset:
    """The ruleset of a folder, of one rules file or of a bundle; None takes the bundled rulesets.

    A folder without `concepts/` of its own uses the bundled vocabulary. `policy` is a file, or the
    name of one in `policies/`. `overlay` is the file of a site's changes, and `day` (ISO) says which
    of them have ended; it is needed where one ends. The signatures of a bundle are not asked for
    here: `caveat.compile.bundle.load_bundle` does. Raises RulesetError with every problem found, and
    CaveatError when a path does not exist.
    """
    root = bundled() if path is None else Path(path)
    if not root.exists():
        raise CaveatError(f"{root}: no such file or folder. Name a folder of rulesets or a rules file")
    if root.is_file():
        from caveat.compile.bundle import load_bundle
        from caveat.rules.bundle import is_bundle

        if is_bundle(root):
            return load_bundle(root, require_signature=False, policy=policy, overlay=overlay, day=day)
    inputs = inputs_of(root, policy, overlay, day)
    key = _fingerprint(inputs)
    kept = _read_cache(key) if cache else None
    if kept is not None:
        return assemble(kept, root)
    content = compiled(inputs)
    if cache:
        _write_cache(key, content)
    return assemble(content, root)


def inputs_of(
    root: Path, policy: str | Path | None = None, overlay: str | Path | None = None, day: str | None = None
) -> Inputs:
    """The files that the options name. Raises CaveatError for one that does not exist."""
    base = root if root.is_dir() else root.parent
    concepts = base / "concepts" if (base / "concepts").is_dir() else bundled() / "concepts"
    changes = None if overlay is None else Path(overlay)
    if changes is not None and not changes.is_file():
        raise CaveatError(f"{changes}: no such file. An overlay is a file of the site's changes")
    return Inputs(root, concepts, policy_file(policy, base), changes, day)


def policy_file(policy: str | Path | None, base: Path) -> Path | None:
    """The file of a policy: of that name in `policies/` (the folder's own, the bundled), else as named."""
    name = "default" if policy is None else str(policy)
    plain_name = name.replace("-", "").isalnum()
    folders = (base / "policies", bundled() / "policies")
    for folder in folders if plain_name else ():
        if (folder / f"{name}.yaml").is_file():
            return folder / f"{name}.yaml"
    if policy is None:
        return None
    if Path(policy).is_file():
        return Path(policy)
    there = sorted({file.stem for folder in folders for file in folder.glob("*.yaml")})
    raise CaveatError(f"{policy}: no such policy. Name a file, or one of: {', '.join(there)}")


def _fingerprint(inputs: Inputs) -> str:
    """A hash over every text that decides the result, and over the code that reads it."""
    root, changes = inputs.root, inputs.overlay
    digest = hashlib.sha256(f"{CACHE_FORMAT} {_code_version()}".encode())
    files = [root] if root.is_file() else _texts_below(root)
    files += sorted(p for p in inputs.concepts.glob("*") if p.suffix in _TEXTS)
    version = (root if root.is_dir() else root.parent) / "VERSION"
    for file in (*files, inputs.policy, changes, version if version.is_file() else None):
        if file is not None:
            digest.update(str(file).encode() + b"\0")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    digest.update(f"{changes} {inputs.day if changes else None}".encode())
    return digest.hexdigest()


def _texts_below(root: Path) -> list[Path]:
    """Every text of a folder, in order, without those of packs that are off."""
    off = "optional"  # as caveat.rules.folder has it, which is not imported where the cache serves
    found = (p for p in root.rglob("*") if p.suffix in _TEXTS and off not in p.relative_to(root).parts[:-1])
    return sorted(p for p in found if p.is_file())


def _code_version() -> str:
    """The size and time of every module that shapes a compiled ruleset."""
    package = Path(__file__).resolve().parent.parent
    parts = []
    for folder in ("rules", "compile", "terminology", "units"):
        for file in sorted((package / folder).glob("*.py")):
            stat = file.stat()
            parts.append(f"{file.name}:{stat.st_size}:{stat.st_mtime_ns}")
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def compiled(inputs: Inputs) -> dict[str, Any]:
    """What the files come to, as plain data for `assemble`. Raises RulesetError with every problem."""
    from caveat.compile.compiler import compile_texts
    from caveat.compile.outranked import outrank
    from caveat.compile.site import indicators_of, settle
    from caveat.rules.folder import read_texts
    from caveat.rules.overlay import read_overlay
    from caveat.rules.policy import FALLBACK, read_policy

    root, file = inputs.root, inputs.policy
    terminology = load_terminology(inputs.concepts)
    texts = read_texts(root)
    program = compile_texts(texts, terminology, _version(root))
    chosen = read_policy(file, texts.problems) if file is not None else None
    policy = chosen or FALLBACK
    known = {rule.id for rule in program.rules}
    for change in policy.rules:
        if change.rule not in known and file is not None:
            from caveat.rules.diagnostics import Place, did_you_mean

            texts.problems.add(
                "C020",
                f"unknown rule {change.rule!r}",
                Place(str(file)),
                why="The policy changes a rule that does not exist.",
                hint=did_you_mean(change.rule, known),
            )
    overlay = read_overlay(inputs.overlay, texts.problems) if inputs.overlay is not None else None
    if overlay is not None and overlay[0].dated and inputs.day is None:
        raise CaveatError(
            f"{inputs.overlay}: a change in it ends on some day (until), so that it needs the day to be "
            "read for. Give the day, as in load(path, overlay=..., day='2026-01-15')"
        )
    site = settle(program, policy, overlay, inputs.day, texts.problems, named=str(file or "policy"))
    if texts.problems.errors:
        raise RulesetError(texts.problems.errors)
    rules = outrank(site.program.rules, texts.outranked)
    sources = [(s.id, f"{s.publisher}. {s.title}. {s.version}") for s in texts.sources.values()]
    return {
        "program": canonical(site.program.version, rules).decode(),
        "terminology": to_json(terminology).decode(),
        "tiers": sorted(policy.tiers.items()),
        "open_tiers": sorted((policy.cannot_assess or policy.tiers).items()),
        "rule_tiers": sorted(site.rule_tiers),
        "policy": policy.id,
        "sources": sorted((*sources, *site.sources)),
        "indicators": indicators_of(policy),
        "overlay": overlay[0].id if overlay is not None else "",
        "changes": [plain(change) for change in site.changes],
    }


def _version(root: Path) -> str:
    file = (root if root.is_dir() else root.parent) / "VERSION"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else "0"


_PLAIN = (
    "tiers",
    "open_tiers",
    "rule_tiers",
    "policy",
    "sources",
    "indicators",
    "overlay",
    "changes",
)
"""What decides or accompanies an answer besides the program and the vocabulary."""


def assemble(content: Mapping[str, Any], root: Path) -> Ruleset:
    """The ruleset of what was kept of it: program, vocabulary, policy and sources as plain data.

    Its digest is taken over all of them: two rulesets of one digest give the same answers.
    """
    program = load_program(content["program"].encode())
    terminology = from_json(content["terminology"].encode())
    whole = json.dumps(
        [program.digest, terminology.digest, *(content[name] for name in _PLAIN)],
        separators=(",", ":"),
    )
    return Ruleset(
        program=program,
        terminology=terminology,
        tiers=_pairs(content["tiers"]),
        open_tiers=_pairs(content["open_tiers"]),
        rule_tiers=_pairs(content["rule_tiers"]),
        policy=content["policy"],
        sources=_pairs(content["sources"]),
        root=root,
        covered=frozenset(name for rule in program.rules for name in (*rule.first, *rule.second)),
        digest="sha256:" + hashlib.sha256(whole.encode()).hexdigest(),
        indicators=_pairs(content["indicators"]),
        overlay=content["overlay"],
        changes=tuple(SiteChange(*change) for change in content["changes"]),
    )


def _pairs(content: Any) -> tuple[tuple[str, str], ...]:
    return tuple((a, b) for a, b in content)


def content_of(rules: Ruleset) -> dict[str, Any]:
    """The plain data that `assemble` makes the same ruleset of."""
    found: dict[str, Any] = {name: getattr(rules, name) for name in _PLAIN}
    found["changes"] = [plain(change) for change in rules.changes]
    found["program"] = canonical(rules.program.version, rules.program.rules).decode()
    found["terminology"] = to_json(rules.terminology).decode()
    return found


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
