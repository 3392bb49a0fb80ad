"""What docs/embedding.md promises: the examples run, threads agree, and screening touches no network."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import ModuleType

import pytest

import caveat
from caveat.adapters import read_native, read_records
from caveat.adapters.reject import Reject
from caveat.compile.ruleset import Ruleset
from caveat.facts.patient import Patient
from caveat.render.json import report_line

EXAMPLES = Path("docs/examples")
THREADS = 16


@pytest.fixture(scope="module")
def rules() -> Ruleset:
    return caveat.load(cache=False)


@pytest.fixture(scope="module")
def stories(root: Path) -> list[Patient]:
    found = read_records([root / "fixtures" / "patients", root / "fixtures" / "fhir" / "stories"])
    patients = [one for one in found if not isinstance(one, Reject)]
    assert len(patients) > 20
    return patients


def module(root: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, root / EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_the_script_prints_the_contraindication(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, root / EXAMPLES / "plain.py"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("contraindicated: Baclofen (oral) with creatinine clearance 24 mL/min.")
    assert "clear: False" in done.stdout


def test_the_script_of_the_page_is_the_script_that_runs(root: Path) -> None:
    [shown] = re.findall(r"```python\n(.*?)```", (root / "docs" / "embedding.md").read_text("utf-8"), re.S)
    script = (root / EXAMPLES / "plain.py").read_text("utf-8")
    assert shown.partition("\n\n")[2].strip() in script


def test_fastapi_answers_with_a_report_and_refuses_what_is_no_record(root: Path) -> None:
    import httpx

    app = module(root, "with_fastapi").app
    record = json.loads((root / "fixtures/patients/baclofen-clearance-24.json").read_bytes())

    async def calls() -> tuple[httpx.Response, httpx.Response]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
            return await client.post("/check", json=record), await client.post("/check", json={"idd": "p1"})

    import asyncio

    good, bad = asyncio.run(calls())
    assert good.json()["alerts"]
    assert (bad.status_code, "did you mean 'id'?" in bad.text) == (422, True)


def test_django_answers_with_a_report_and_refuses_what_is_no_record(root: Path) -> None:
    record = (root / "fixtures/patients/baclofen-clearance-24.json").read_text("utf-8")
    script = f"""
import sys, json, django
from django.conf import settings
sys.path.insert(0, {str(root / EXAMPLES)!r})
settings.configure(ROOT_URLCONF="with_django", ALLOWED_HOSTS=["testserver"], SECRET_KEY="k")
django.setup()
from django.test import Client
post = lambda body: Client().post("/check", data=body, content_type="application/json")
good, bad = post({record!r}), post('{{"idd": "p1"}}')
print(json.dumps([good.status_code, len(good.json()["alerts"]), bad.status_code, bad.json()["error"]]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    good, alerts, bad, error = json.loads(done.stdout)
    assert (good, alerts > 0, bad, "did you mean 'id'?" in error) == (200, True, 422, True)


def test_sixteen_threads_say_the_same_to_the_byte(rules: Ruleset, stories: list[Patient]) -> None:
    alone = [report_line(caveat.screen(one, rules, as_of="2026-01-15")) for one in stories]
    together = Barrier(THREADS)

    def screened(number: int) -> list[bytes]:
        order = stories[number:] + stories[:number]
        together.wait(30)
        found = [report_line(caveat.screen(one, rules, as_of="2026-01-15")) for one in order]
        cut = len(stories) - number
        return found[cut:] + found[:cut]

    with ThreadPoolExecutor(THREADS) as pool:
        for found in pool.map(screened, range(THREADS)):
            assert found == alone


def test_loading_in_threads_gives_one_digest() -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        digests = set(pool.map(lambda _: caveat.load().digest, range(THREADS)))
    assert len(digests) == 1


def test_screening_opens_no_socket(
    monkeypatch: pytest.MonkeyPatch, rules: Ruleset, stories: list[Patient]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the Python API opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    caveat.load(cache=False)
    for one in stories:
        caveat.screen(one, rules, as_of="2026-01-15")


def test_importing_the_api_loads_nothing_of_the_service(root: Path) -> None:
    script = (
        "import sys, caveat; r = caveat.load(); caveat.screen(caveat.Patient(id='p'), r, as_of='2026-01-15');"
        "print([m for m in sys.modules if m.split('.')[0] in "
        "('fastapi', 'starlette', 'uvicorn', 'sqlalchemy', 'httpx', 'joserfc', 'cryptography', 'structlog') "
        "or m.startswith('caveat.service')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_native_record_reads_the_same_from_text_and_mapping(root: Path) -> None:
    data = (root / "fixtures/patients/baclofen-clearance-24.json").read_bytes()
    assert read_native(data) == read_native(json.loads(data))
