"""Imports point inward only; heavy packages, the clock, FHIR names and big modules stay where they belong.

`problems_in` judges any tree of modules, so the guards are themselves tested on small trees.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = "caveat"

# Innermost first. A module imports from its own part and from parts of lower levels; the parts of the first
# level may also import one another. A part that is not listed here is a fault: decide where it belongs.
LEVELS: tuple[tuple[str, ...], ...] = (
    ("errors", "truth", "units", "dates", "intervals"),
    ("terminology",),
    ("findings",),
    ("facts",),
    ("columns",),
    ("rules",),
    ("compile",),
    ("evaluators",),
    ("adapters", "render"),
    ("authoring",),
    ("batch",),
    ("service",),
    ("cli",),
)
LEVEL_OF = {part: level for level, parts in enumerate(LEVELS) for part in parts}
ADAPTERS_NEVER = {"rules", "compile", "evaluators"}
# The package itself is what embedding code imports: it may reach everything but the command line.
OUTSIDE = {"cli", "service"}

HEAVY = frozenset(
    "alembic altair clips cryptography duckdb durable fastapi httpcore httpx jinja2 joserfc numpy pandas "
    "polars prometheus_client psycopg pyarrow pyspark scipy sqlalchemy starlette structlog uvicorn "
    "vl_convert zen".split()
)
CLOCK = frozenset(
    "datetime.date.today datetime.datetime.now datetime.datetime.today datetime.datetime.utcnow time.time "
    "time.time_ns time.localtime time.gmtime time.ctime".split()
)
MAY_READ_CLOCK = ("cli", "service", "batch.edges")
# Resource types whose names mean nothing outside FHIR (Patient or Condition are words of our own too).
FHIR_NAME = re.compile(
    r"\b(Medication(?:Request|Statement|Administration|Dispense|Knowledge)|AllergyIntolerance|DetectedIssue|"
    r"OperationOutcome|CapabilityStatement|GuidanceResponse|DiagnosticReport|ExplanationOfBenefit|resourceType)\b"
)
MAY_SPEAK_FHIR = ("adapters.fhir", "render", "service")
LONGEST = 400


@dataclass(frozen=True)
class Module:
    """One parsed file; `name` is dotted below the package, empty for the package itself."""

    path: Path
    name: str
    is_package: bool
    tree: ast.Module
    lines: int

    @property
    def part(self) -> str:
        return self.name.partition(".")[0]

    def within(self, places: Iterable[str]) -> bool:
        return any(self.name == place or self.name.startswith(place + ".") for place in places)


def read_modules(package: Path) -> list[Module]:
    modules = []
    for path in sorted(package.rglob("*.py")):
        parts = list(path.relative_to(package).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        text = path.read_text("utf-8")
        modules.append(Module(path, name, is_package, ast.parse(text), len(text.splitlines())))
    return modules


def imported(module: Module, known: frozenset[str]) -> Iterator[tuple[int, str]]:
    """Line and absolute dotted name of every import; `from caveat import x` is caveat.x where x is a part."""
    here = [PACKAGE, *module.name.split(".")] if module.name else [PACKAGE]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                kept = here[: len(here) - node.level + (1 if module.is_package else 0)]
                base = ".".join([*kept, base] if base else kept)
            if base == PACKAGE:
                yield from (
                    (node.lineno, f"{base}.{a.name}" if a.name in known else base) for a in node.names
                )
            else:
                yield node.lineno, base


def below(target: str, part: str) -> bool:
    level = LEVEL_OF.get(target, len(LEVELS))
    return level < LEVEL_OF[part] or level == LEVEL_OF[part] == 0


def wrong_direction(module: Module, known: frozenset[str]) -> Iterator[str]:
    if module.name and module.name != "__main__" and module.part not in LEVEL_OF:
        yield f"1: {module.part} has no level; give it one in LEVELS"
        return
    for line, name in imported(module, known):
        root, _, rest = name.partition(".")
        if root != PACKAGE:
            continue
        target = rest.partition(".")[0]
        if not module.name:
            if target in OUTSIDE:
                yield f"{line}: the package imports {target}, which stands outside it"
        elif module.name != "__main__" and target != module.part:
            if not target:
                yield f"{line}: imports the package itself, which stands above every part"
            elif not below(target, module.part):
                yield f"{line}: {module.part} imports {target}, which is not below it"
            elif module.part == "adapters" and target in ADAPTERS_NEVER:
                yield f"{line}: adapters import {target}; records in, facts and notes out, no rules"


def _loaded_with_module(nodes: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported: not function bodies, not `if TYPE_CHECKING`."""
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield from _loaded_with_module(node.orelse)
            continue
        for field in ("body", "orelse", "finalbody"):
            yield from _loaded_with_module(getattr(node, field, []))
        for handler in getattr(node, "handlers", []):
            yield from _loaded_with_module(handler.body)


def heavy_at_import(module: Module, known: frozenset[str]) -> Iterator[str]:
    for node in _loaded_with_module(module.tree.body):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        for name in names:
            if name.partition(".")[0] in HEAVY:
                yield f"{node.lineno}: {name} is loaded with the module; import it where it is used"


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value, names)
        return f"{base}.{node.attr}" if base else ""
    return ""


def clock_reads(module: Module, known: frozenset[str]) -> Iterator[str]:
    """Also a bare reference: a clock handed on as a default is read later."""
    if module.within(MAY_READ_CLOCK):
        return
    names: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            names |= {a.asname or a.name: a.name for a in node.names if a.name in ("time", "datetime")}
        elif isinstance(node, ast.ImportFrom) and node.module in ("time", "datetime"):
            names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and _dotted(node, names) in CLOCK:
            yield f"{node.lineno}: reads the clock ({_dotted(node, names)}); take as_of as an argument"


def fhir_names(module: Module, known: frozenset[str]) -> Iterator[str]:
    """In names and in text that is not a docstring."""
    if module.within(MAY_SPEAK_FHIR):
        return
    docstrings = {id(node.value) for node in ast.walk(module.tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(module.tree):
        texts: list[str] = []
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            texts = [node.value]
        elif isinstance(node, ast.Name):
            texts = [node.id]
        elif isinstance(node, ast.Attribute):
            texts = [node.attr]
        elif isinstance(node, ast.ClassDef):
            texts = [node.name]
        for text in texts:
            if found := FHIR_NAME.search(text):
                line = getattr(node, "lineno", 0)
                yield f"{line}: {found[1]} is a FHIR name; it belongs in adapters/fhir, render or service"


def too_long(module: Module, known: frozenset[str]) -> Iterator[str]:
    if module.lines > LONGEST:
        yield f"{module.lines}: more than {LONGEST} lines; split it by what it is about"


GUARDS = {
    "direction": wrong_direction,
    "heavy": heavy_at_import,
    "clock": clock_reads,
    "fhir": fhir_names,
    "length": too_long,
}


def problems_in(package: Path, guard: str) -> list[str]:
    """`file:line: fault` for each fault the guard finds below the package folder."""
    modules = read_modules(package)
    known = frozenset(module.part for module in modules if module.name) | LEVEL_OF.keys()
    return [f"{m.path.relative_to(package)}:{fault}" for m in modules for fault in GUARDS[guard](m, known)]


@pytest.mark.parametrize("guard", GUARDS)
def test_package_holds(root: Path, guard: str) -> None:
    package = root / "engine" / PACKAGE
    assert read_modules(package), "no modules found: the guard would hold for nothing"
    problems = problems_in(package, guard)
    assert not problems, "\n".join(problems)


# guard, file, text, and whether it is at fault
TREES = [
    ("direction", "units.py", "from caveat.errors import UnitError", False),
    ("direction", "units.py", "from caveat.facts import Patient", True),
    ("direction", "facts/__init__.py", "from caveat.terminology.codes import Code", False),
    ("direction", "facts/__init__.py", "from caveat.rules import Rule", True),
    ("direction", "facts/__init__.py", "def f():\n    import caveat.rules.model", True),
    ("direction", "facts/derive/bmi.py", "from ..values import Observation", False),
    ("direction", "facts/derive/bmi.py", "from ...rules import Rule", True),
    ("direction", "facts/patient.py", "from .values import Observation", False),
    ("direction", "facts/patient.py", "from caveat import rules", True),
    ("direction", "facts/patient.py", "from caveat import screen", True),
    ("direction", "facts/patient.py", "import caveat", True),
    ("direction", "evaluators/reference.py", "from caveat.compile import Program", False),
    ("direction", "evaluators/reference.py", "from caveat.render import text", True),
    ("direction", "adapters/fhir/read.py", "from caveat.facts import Patient", False),
    ("direction", "adapters/fhir/read.py", "from caveat.rules import Rule", True),
    ("direction", "adapters/fhir/read.py", "from caveat.evaluators import reference", True),
    ("direction", "render/text.py", "from caveat.adapters import fhir", True),
    ("direction", "authoring/explain.py", "from caveat.render import text", False),
    ("direction", "authoring/explain.py", "from caveat.cli import main", True),
    ("direction", "cli/screen.py", "from caveat.authoring import explain", False),
    ("direction", "__init__.py", "from caveat.evaluators import inprocess", False),
    ("direction", "__init__.py", "from caveat.cli import main", True),
    ("direction", "__main__.py", "from caveat.cli import main", False),
    ("direction", "helpers.py", "x = 1", True),
    ("heavy", "evaluators/durable.py", "from durable.engine import Host", True),
    (
        "heavy",
        "evaluators/durable.py",
        "try:\n    import numpy as np\nexcept ImportError:\n    np = None",
        True,
    ),
    ("heavy", "evaluators/durable.py", "class A:\n    import polars", True),
    ("heavy", "evaluators/durable.py", "def f():\n    from durable.engine import Host", False),
    ("heavy", "evaluators/durable.py", "if TYPE_CHECKING:\n    import pyarrow", False),
    ("heavy", "evaluators/durable.py", "from .durable import x", False),
    ("clock", "facts/age.py", "from datetime import date\nx = date.today()", True),
    ("clock", "facts/age.py", "import datetime as dt\nx = dt.datetime.now(tz=dt.UTC)", True),
    ("clock", "facts/age.py", "from time import time as t\nx = t()", True),
    ("clock", "facts/age.py", "import time\nfield(default_factory=time.time)", True),
    ("clock", "facts/age.py", "import time\nx = time.perf_counter()", False),
    ("clock", "facts/age.py", "from datetime import date\nx = date.fromordinal(1)", False),
    ("clock", "cli/screen.py", "from datetime import date\nx = date.today()", False),
    ("clock", "batch/edges.py", "import time\nx = time.time()", False),
    ("clock", "batch/run.py", "import time\nx = time.time()", True),
    ("fhir", "facts/orders.py", "KIND = 'MedicationRequest'", True),
    ("fhir", "facts/orders.py", "x = f'{y}/AllergyIntolerance/1'", True),
    ("fhir", "facts/orders.py", "class DetectedIssue: ...", True),
    ("fhir", "facts/orders.py", "def f():\n    'What a MedicationRequest becomes.'", False),
    ("fhir", "facts/orders.py", "class Patient: ...\nx = 'Observation'", False),
    ("fhir", "adapters/fhir/read.py", "KIND = 'MedicationRequest'", False),
    ("fhir", "adapters/omop.py", "KIND = 'MedicationRequest'", True),
    ("fhir", "render/detected_issue.py", "KIND = 'DetectedIssue'", False),
    ("length", "facts/orders.py", "x = 1\n" * LONGEST, False),
    ("length", "facts/orders.py", "x = 1\n" * (LONGEST + 1), True),
]


@pytest.mark.parametrize(("guard", "file", "text", "at_fault"), TREES)
def test_guard_judges_small_tree(tmp_path: Path, guard: str, file: str, text: str, at_fault: bool) -> None:
    path = tmp_path / PACKAGE / file
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")
    problems = problems_in(tmp_path / PACKAGE, guard)
    assert bool(problems) is at_fault, problems
    assert all(problem.startswith(file) for problem in problems)
