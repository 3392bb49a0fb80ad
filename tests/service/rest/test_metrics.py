"""What is counted, over all workers, and that no label carries what a record said."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

from caveat.service.metrics import Metrics, clear
from caveat.service.question import Answer, Judged, Shown
from caveat.service.state import State
from service.rest.conftest import kept

ANSWER = Answer(
    200,
    "application/json",
    b"",
    (
        Judged(
            "p1",
            (
                Shown("f1", "r", "dosing", "fires", "major", "passive"),
                Shown("f2", "r", "dosing", "fires", "major", "passive", override="o"),
                Shown("f3", "r", "dosing", "cannot-assess", "minor", "silent-log"),
                Shown("f4", "r", "dosing", "suppressed", "minor", "passive"),
            ),
            2,
            1,
            unrecognised=3,
            errors=4,
        ),
        Judged("p2", (), is_clear=True),
    ),
)


def samples(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample by name and labels."""
    from prometheus_client.parser import text_string_to_metric_families

    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_an_answer_is_counted_by_grade(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    metrics.answered("screen", ANSWER, 0.004, "stored")
    metrics.answered("explain", ANSWER, 0.1, "spooled")
    found = samples(metrics.render()[0])
    assert found["caveat_alerts_total", (("severity", "major"), ("tier", "passive"))] == 2
    assert found["caveat_cannot_assess_total", (("severity", "minor"), ("tier", "silent-log"))] == 1
    assert {name: value for (name, labels), value in found.items() if not labels} == {
        "caveat_unrecognised_total": 3,
        "caveat_errors_total": 4,
        "caveat_overridden_total": 1,
        "caveat_clear_total": 1,
    }
    assert found["caveat_patients_total", (("kind", "screen"),)] == 2
    assert found["caveat_evaluations_total", (("kept", "spooled"), ("kind", "explain"))] == 1
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in found.items()
        if name == "caveat_evaluation_seconds_bucket" and ("kind", "screen") in labels
    }
    assert (buckets["0.0025"], buckets["0.005"], buckets["+Inf"]) == (0, 1, 1)
    assert found["caveat_evaluation_seconds_count", (("kind", "screen"),)] == 1
    assert found["caveat_evaluation_seconds_sum", (("kind", "screen"),)] == 0.004
    metrics.close()


def _worker(folder: str, count: int) -> None:
    metrics = Metrics(Path(folder))
    for _ in range(count):
        metrics.called("/v1/screen", 200, 0.3)
        metrics.answered("screen", ANSWER, 0.002, "stored")
    metrics.close()


def test_sums_are_right_over_processes_that_ended_too(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_worker, args=(str(tmp_path), count)) for count in (3, 5)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    own = Metrics(tmp_path)
    own.called("/v1/screen", 200, 0.3)
    found = samples(own.render()[0])
    assert found["caveat_calls_total", (("route", "/v1/screen"), ("status", "200"))] == 9
    assert found["caveat_call_seconds_count", (("route", "/v1/screen"),)] == 9
    assert found["caveat_alerts_total", (("severity", "major"), ("tier", "passive"))] == 16
    own.close()
    clear(tmp_path)
    assert samples(Metrics(tmp_path).render()[0]) == {}


def test_two_services_in_one_process_count_apart(tmp_path: Path) -> None:
    one, two = Metrics(tmp_path / "a"), Metrics(tmp_path / "b")
    one.refused("expired")
    two.refused("expired")
    two.refused("expired")
    key = ("caveat_refused_total", (("reason", "expired"),))
    assert (samples(one.render()[0])[key], samples(two.render()[0])[key]) == (1, 2)
    one.close()
    two.close()


def test_metrics_say_which_rules_are_served_and_what_waits(client: Any, state: State) -> None:
    kept(state).state = {"database": "away", "spooled": 17, "spool_limit": 100}
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(response.content)
    assert found["caveat_audit_spooled", ()] == 17
    (labels,) = [dict(labels) for name, labels in found if name == "caveat_ruleset"]
    assert labels["digest"] == state.holder.live.rules.digest


def test_no_label_carries_what_a_record_said(client: Any) -> None:
    canary = "canary-4f2e"
    record = {"id": canary, "orders": [{"id": canary, "text": canary}]}
    for path in ("/v1/screen", f"/v1/rules/{canary}", f"/{canary}"):
        client.post(path, json=record)
        client.get(path)
    client.post("/v1/screen", content=json.dumps(record), headers={"content-type": "application/x-ndjson"})
    text = client.get("/metrics").text
    assert "caveat_unrecognised_total 2.0" in text
    assert canary not in text
