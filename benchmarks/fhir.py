"""FHIR reading, bundle bytes to Patient, beside orjson's bare parsing of the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from benchmarks.measure import block_by_block, ratio
from benchmarks.results import Aim, Section, shown, table
from benchmarks.startup import ROOT
from caveat.adapters.fhir.bundle import read_bundle
from caveat.compile.ruleset import load
from caveat.facts.patient import Patient
from caveat.terminology.codes import Code

_SHARE = 0.4
_ORJSON, _BOUND, _ALL = "orjson.loads", "read_bundle, bound codes", "read_bundle, every observation"


def known_codes() -> Callable[[Code], bool]:
    """Whether an observation concept of the bundled vocabulary knows a code."""
    loinc = load().terminology.tables.loinc
    return lambda code: code.system == "loinc" and code.code in loinc


def measure(*, quick: bool) -> Section:
    """The section on FHIR."""
    rounds, repeats = (3, 1) if quick else (25, 3)
    bound = known_codes()

    def kept(data: bytes) -> list[Any]:
        return read_bundle(data, bound=bound)

    section = Section(
        "Reading FHIR",
        "Raw Synthea bundles, bytes to `Patient` (`read_bundle`), and `orjson.loads` of the same bytes, "
        f"which stops at dicts; {rounds} rounds taking turns. *Bound codes* keeps observations whose codes "
        "the vocabulary knows and counts the rest. *Share* is orjson's time divided by the row's.",
    )
    rows = []
    shares: dict[str, list[float]] = {_BOUND: [], _ALL: []}
    for number, path in enumerate(sorted((ROOT / "fixtures" / "fhir" / "synthea").glob("*.json")), 1):
        data = path.read_bytes()
        if not any(isinstance(found, Patient) for found in read_bundle(data)):
            raise RuntimeError(f"no patient was read from {path.name}")
        items = [data] * repeats
        ways: dict[str, tuple[Callable[[Any], object], list[bytes]]] = {
            _ORJSON: (orjson.loads, items),
            _BOUND: (kept, items),
            _ALL: (read_bundle, items),
        }
        timings = block_by_block(ways, rounds)
        size = len(data) / 1e6
        for name, timing in timings.items():
            share = ratio(timings[_ORJSON], timing)
            if name in shares:
                shares[name].append(share)
            cells = (f"{share:.2f}", f"{size / (timing.mean() / 1e6):.0f}", shown(timing.mean() / 1000))
            rows.append(
                (f"{name}, bundle {number}, {size:.2f} MB", *cells, shown(timing.mean("wall") / 1000))
            )
    section.tables.append(table(("", "share", "MB/s", "ms cpu", "ms wall"), rows))
    worst = {name: min(values) for name, values in shares.items() if values}
    section.aims.append(
        Aim(
            f"FHIR, bundle bytes to Patient: at least {_SHARE} of orjson's own parsing speed",
            f"{worst[_BOUND]:.2f} with bound codes, {worst[_ALL]:.2f} with every observation (worst bundle)"
            if worst
            else "no bundle in fixtures/fhir/synthea",
            worst[_BOUND] >= _SHARE if worst else None,
        )
    )
    return section
