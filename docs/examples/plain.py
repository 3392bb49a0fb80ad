"""Judge one record from a script: `python plain.py`."""

import json

import caveat
from caveat.render.json import report_json

rules = caveat.load()
patient = caveat.Patient(
    id="p1",
    age="71 a",
    creatinine_clearance="24 mL/min",
    orders=[{"id": "o1", "text": "Lioresal 10 mg tablet", "route": "oral", "status": "proposed"}],
)
report = caveat.screen(patient, rules, as_of="2026-01-15")
for alert in report.alerts:
    print(f"{alert.severity}: {alert.summary}. {alert.text('action')}")
print(f"{len(report.cannot_assess)} rules could not be assessed; clear: {report.is_clear}")
print(json.dumps(report_json(report)["ruleset"]))
