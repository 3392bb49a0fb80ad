"""Twelve of the bundled rules as SQL written by hand, for DuckDB over `flat`'s tables.

They are the simple ones: pairs with a class, clearance, age and dose. On plain records (every fact is
whole or absent) they find what caveat finds; on others they would be silent where caveat says that a
rule cannot be assessed. The exception for intrathecal use under a specialist is carried, since without
it the alerts would differ; whether it could be checked is not told.
"""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from benchmarks.cohort.catalogue import BACLOFEN
from benchmarks.cohort.flat import Flat
from benchmarks.cohort.settings import AS_OF
from caveat.compile.ruleset import Ruleset

_CLASSES = {
    "baclofen.interaction.central-depressant": "central-depressant",
    "baclofen.interaction.opioid": "opioid",
    "baclofen.interaction.antihypertensive": "antihypertensive",
}
_ORAL = "t.route IN ('oral', 'enteral-tube')"
_CLEARANCE = f"""
CASE WHEN age >= 18 AND measured >= DATE '{AS_OF}' - 90
THEN (140 - age) * weight / (72 * creatinine) * CASE sex WHEN 'female' THEN 0.85 ELSE 1 END END
"""
# one order each; `t` is the order with what is known of the patient
_ORDER_RULES = {
    "baclofen.renal.crcl-below-30": "clearance < 30 AND NOT "
    "(coalesce(t.route, '') = 'intrathecal' AND coalesce(overseen, false))",
    "baclofen.renal.crcl-30-to-50": f"clearance BETWEEN 30 AND 50 AND {_ORAL}",
    "baclofen.renal.crcl-30-to-50-over-5-mg": f"clearance BETWEEN 30 AND 50 AND {_ORAL} AND mg_a_day > 5",
    "baclofen.elderly.over-30-mg": f"age >= 65 AND {_ORAL} AND mg_a_day > 30",
    "baclofen.elderly.over-20-mg": f"age >= 65 AND {_ORAL} AND mg_a_day > 20",
    "baclofen.dose.oral-over-80-mg": f"{_ORAL} AND mg_a_day > 80",
    "baclofen.child.over-40-mg": f"age < 18 AND {_ORAL} AND mg_a_day > 40",
    "baclofen.withdrawal.on-hold": "status = 'on-hold'",
    "baclofen.child.oral-over-2-years": f"age > 2 AND age < 18 AND {_ORAL}",
}
RULES = (*_CLASSES, *_ORDER_RULES)


def duck(flat: Flat, ruleset: Ruleset) -> Callable[[], pa.Table]:
    """Patient, rule and the orders' places (-1: none) of every alert of the twelve rules."""
    members = [
        (number, flat.numbers[name])
        for number, group in enumerate(_CLASSES.values())
        for name in sorted(ruleset.terminology.class_members(group) - {BACLOFEN})
    ]
    columns = {"rule": [m[0] for m in members], "ingredient": [m[1] for m in members]}
    flat.connection.register("given", pa.table(columns))
    flat.connection.execute("CREATE OR REPLACE TABLE members AS SELECT * FROM given")
    flat.connection.unregister("given")
    query = _query(flat.numbers[BACLOFEN])
    return lambda: flat.connection.execute(query).to_arrow_table()


def _query(baclofen: int) -> str:
    first = len(_CLASSES)
    each = [
        f"SELECT patient, {first + n} AS rule, nth AS first, -1 AS second FROM t WHERE {when}"
        for n, when in enumerate(_ORDER_RULES.values())
    ]
    return f"""
WITH t AS MATERIALIZED (
  SELECT taken.*, age, overseen, {_CLEARANCE} AS clearance
  FROM taken JOIN people USING (patient) WHERE ingredient = {baclofen}
)
SELECT t.patient, m.rule, t.nth AS first, o.nth AS second
FROM t JOIN taken o ON o.patient = t.patient AND o.nth <> t.nth JOIN members m ON m.ingredient = o.ingredient
WHERE (t.stop IS NULL OR o.start IS NULL OR t.stop >= o.start)
  AND (o.stop IS NULL OR t.start IS NULL OR o.stop >= t.start)
GROUP BY ALL
UNION ALL {" UNION ALL ".join(each)}
"""
