"""The records as flat tables, for the peers: what of it is recognition is done by caveat, outside the time.

DuckDB takes the nested records apart with SQL written by hand. What a text or a code means is handed to
it as a table of every way to write an order that occurs (`names`, `routes`, `forms`), which no SQL
could recognise. The tables hold what a site would have after such a step: current orders by
ingredient with route, daily dose and days; patients with age, sex and the latest numbers.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from benchmarks.cohort.draw import TODAY_NUMBER
from benchmarks.cohort.settings import AS_OF
from caveat.compile.ruleset import Ruleset
from caveat.facts.clinical import Order
from caveat.facts.identify import identify

_KEY = """
coalesce(o.text, '') || '|'
|| coalesce(array_to_string(list_transform(o.codes, lambda c: c.system || ':' || c.code), ','), '')
|| '|' || coalesce(array_to_string(o.ingredients, ','), '')
"""
_SPELT = f"""
SELECT DISTINCT {_KEY} AS key, o.text AS text, o.codes AS codes, o.ingredients AS ingredients,
  o.route AS route, o.form AS form
FROM (SELECT unnest(orders) AS o FROM records)
"""
# every current order, once for each of its ingredients
_ORDERS = f"""
CREATE OR REPLACE TABLE taken AS
SELECT patient, nth, n.ingredient::SMALLINT AS ingredient, n.route, o.status,
  try_cast(o.start AS DATE) AS start, try_cast(o.stop AS DATE) AS stop,
  o.dose.value * o.frequency.value * CASE o.dose.unit WHEN 'mg' THEN 1 WHEN 'ug' THEN 0.001 END AS mg_a_day
FROM (
  SELECT row AS patient, unnest(orders) AS o, generate_subscripts(orders, 1) - 1 AS nth FROM records
)
JOIN names n ON n.key = {_KEY} AND n.route_key = coalesce(o.route, '') || '|' || coalesce(o.form, '')
WHERE coalesce(o.status, 'unknown') NOT IN ('completed', 'stopped', 'cancelled', 'entered-in-error')
  AND (o.stop IS NULL OR o.stop >= '{AS_OF}')
  AND NOT (o.status IS NULL AND coalesce(o.origin, '') IN ('administration', 'dispense')
           AND o.start IS NOT NULL AND o.stop IS NULL AND o.start::DATE < DATE '{AS_OF}' - 30)
"""
_PATIENTS = f"""
CREATE OR REPLACE TABLE people AS
WITH seen AS (
  SELECT row, o.value.value * CASE o.value.unit WHEN 'umol/L' THEN 1 / 88.4 WHEN '[lb_av]' THEN 0.45359237
    ELSE 1 END AS value, coalesce(o.codes[1].code, o.concept, o.text) AS what, o.at::DATE AS day
  FROM (SELECT row, unnest(observations) AS o FROM records)
)
SELECT r.row AS patient, date_diff('year', r.birth_date::DATE, DATE '{AS_OF}')
    - (strftime(r.birth_date::DATE, '%m%d') > strftime(DATE '{AS_OF}', '%m%d'))::INT AS age,
  r.sex, r.context.specialist_oversight AS overseen, weight, creatinine, measured, potassium
FROM records r LEFT JOIN (
  SELECT row, arg_max(value, day) FILTER (WHERE what IN ('29463-7', 'weight')) AS weight,
    arg_max(value, day) FILTER (WHERE what IN ('2160-0', 'serum_creatinine', 'creatinine')) AS creatinine,
    max(day) FILTER (WHERE what IN ('2160-0', 'serum_creatinine', 'creatinine')) AS measured,
    arg_max(value, day) FILTER (WHERE what IN ('2823-3', 'potassium')) AS potassium
  FROM seen GROUP BY row
) USING (row)
"""


class Flat:
    """A DuckDB connection with the records, what their words mean, and the flat tables once made.

    `numbers` gives each ingredient its number; the tables are in memory.
    """

    def __init__(self, records: pa.Table, ruleset: Ruleset, *, threads: int = 1) -> None:
        self.numbers = {name: n for n, name in enumerate(sorted(ruleset.terminology.ids("ingredient")))}
        self.connection = duckdb.connect(config={"threads": str(threads)})
        columns = ("birth_date", "sex", "context", "orders", "observations")
        rows = pa.array(range(records.num_rows), pa.int32())
        kept = records.select(columns).append_column("row", rows)
        self.connection.register("records", kept)
        self.connection.register("names", self._names(ruleset))
        self.connection.execute("CREATE TABLE meant AS SELECT DISTINCT * FROM names")
        self.connection.unregister("names")
        self.connection.execute("ALTER TABLE meant RENAME TO names")

    def _names(self, ruleset: Ruleset) -> pa.Table:
        """What each way to write an order is recognised as: a row for each of its ingredients."""
        found: dict[str, list[Any]] = {"key": [], "route_key": [], "ingredient": [], "route": []}
        for row in self.connection.execute(_SPELT).to_arrow_table().to_pylist():
            told = {name: row[name] for name in ("text", "ingredients", "route", "form")}
            order = Order.model_validate({"id": "o", **told, "codes": _codes(row)})
            view = identify(order, ruleset.terminology, TODAY_NUMBER, "active")
            for name in view.ingredients:
                found["key"].append(row["key"])
                found["route_key"].append(f"{row['route'] or ''}|{row['form'] or ''}")
                found["ingredient"].append(self.numbers[name])
                found["route"].append(view.route)
        return pa.table(found)

    def flatten(self) -> None:
        """Make `taken` and `people` from the records."""
        self.connection.execute(_ORDERS)
        self.connection.execute(_PATIENTS)

    def table(self, name: str) -> pa.Table:
        """A table as Arrow, in the order of the patients."""
        return self.connection.execute(f"SELECT * FROM {name} ORDER BY patient").to_arrow_table()


def _codes(row: dict[str, Any]) -> list[dict[str, str]]:
    return [{k: v for k, v in code.items() if v is not None} for code in row["codes"] or ()]
