"""`python -m benchmarks.run`: measures everything and writes benchmarks/RESULTS.md.

`--quick` measures a little of everything and only prints. `--only NAME` measures one section and
only prints.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import fhir, record, same_rules, startup
from benchmarks.measure import contention
from benchmarks.results import Section, document, machine

SECTIONS: dict[str, Callable[..., Section]] = {
    "record": record.measure,
    "peers": same_rules.measure_peers,
    "growth": same_rules.measure_growth,
    "startup": startup.measure,
    "fhir": fhir.measure,
}
RESULTS = Path(__file__).with_name("RESULTS.md")


def report(names: Sequence[str], *, quick: bool) -> str:
    """The text of the results."""
    from caveat.compile.ruleset import load

    load_before = os.getloadavg()
    with tempfile.TemporaryDirectory() as cache:
        # compiled rules of this run are kept with it, not with the user's
        os.environ["CAVEAT_CACHE"] = cache
        quiet = contention()
        sections = []
        for name in names:
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            sections.append(SECTIONS[name](quick=quick))
        rules = load()
    best, median = contention()
    quiet = (min(quiet[0], best), max(quiet[1], median))
    return document(machine(load_before, quiet, f"{rules.version} {rules.digest[:19]}"), sections)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; a full run is also written to benchmarks/RESULTS.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small run; nothing is written")
    parser.add_argument("--only", choices=SECTIONS, help="one section; nothing is written")
    chosen = parser.parse_args(arguments)
    text = report([chosen.only] if chosen.only else list(SECTIONS), quick=chosen.quick)
    print(text)
    if not chosen.quick and not chosen.only:
        RESULTS.write_text(text, encoding="utf-8")
        print(f"written to {RESULTS.name}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
