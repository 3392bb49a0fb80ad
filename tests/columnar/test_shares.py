"""How much of a cohort is judged one record at a time, and that what is taken apart makes no difference."""

from __future__ import annotations

import pytest

from caveat.columns.records import to_batch, to_patient
from caveat.compile.ruleset import Ruleset, load
from caveat.evaluators.columnar import Columnar, screening
from columnar.agreement import compare, findings
from columnar.test_agreement import DAY, generated, of

pytest.importorskip("duckdb", reason="cohorts need the batch packages")

from benchmarks.cohort import kernel
from benchmarks.cohort.settings import AS_OF, DEFAULT


@pytest.fixture(scope="module")
def bundled() -> Ruleset:
    return load(cache=False)


def test_hardly_anyone_is_judged_alone(bundled: Ruleset) -> None:
    """General prescribing with its gaps and oddities under all the bundled rules; and reference agrees."""
    (batch,) = kernel.cohort(4_000, DEFAULT, size=4_000, seed=3)
    columnar = Columnar(bundled, as_of=AS_OF)
    screened = columnar.screen(batch)
    assert screened.findings.num_rows > 4_000
    assert screened.one_by_one <= 8  # 2 in a thousand
    part = batch.slice(0, 300)
    records = [to_patient(part, row) for row in range(part.num_rows)]
    found = compare(columnar.screen(part), records, bundled, AS_OF)
    assert not found, found[0]


@pytest.mark.parametrize("most", [0.0, 1.0])
def test_patients_taken_apart_are_judged_the_same(most: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether those that rules can concern are looked at by themselves is a matter of speed alone."""
    expected = {}
    for seed in range(12):
        program, records = generated(seed)
        expected[seed] = findings(Columnar(of(program), as_of=DAY).screen(to_batch(records)))
    monkeypatch.setattr(screening, "MOST_TAKEN", most)
    for seed, wanted in expected.items():
        program, records = generated(seed)
        assert findings(Columnar(of(program), as_of=DAY).screen(to_batch(records))) == wanted
