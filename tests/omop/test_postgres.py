"""A real PostgreSQL: the same facts as from DuckDB, and a password that is never shown."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from caveat.adapters.cohort.omop import OmopCohort, person, sniff
from caveat.errors import InputError
from omop.builder import STORIES, Read, duckdb_file, folder
from omop.builder import person as person_row
from omop.server import Cluster, cluster, fill, lacking, server_url


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    if why := lacking():
        pytest.skip(why)
    with cluster() as running:
        fill(running, STORIES)
        yield running


def test_every_fact_is_that_of_duckdb(server: Cluster, tmp_path: Path) -> None:
    from_file = Read(duckdb_file(STORIES, tmp_path / "cdm.duckdb"))
    from_server = Read(server_url(server))
    assert [c.batch for c in from_server.chunks] == [c.batch for c in from_file.chunks]
    same = from_server.about.keys() - {"database"}
    assert {k: from_server.about[k] for k in same} == {k: from_file.about[k] for k in same}


def test_one_person(server: Cluster) -> None:
    assert person(server_url(server), 1) == person(STORIES, 1)


def test_schemas(server: Cluster, tmp_path: Path) -> None:
    tables = folder(tmp_path / "cdm", person=[person_row(7)])
    fill(server, tables, "cdm_two")
    assert [p.id for p in Read(server_url(server, schema="cdm_two")).patients] == ["7"]
    assert len(Read(server_url(server)).patients) == 6  # the search path decides
    with pytest.raises(InputError, match="Looked in the schema nowhere; person is in cdm_two, public"):
        Read(server_url(server, schema="nowhere"))


def test_a_vocabulary_in_a_schema_of_its_own(server: Cluster, tmp_path: Path) -> None:
    import shutil

    clinical, vocabulary = tmp_path / "clinical", tmp_path / "vocabulary"
    for part in (clinical, vocabulary):
        part.mkdir()
    for file in STORIES.glob("*.csv"):
        kept = file.stem in ("concept", "concept_ancestor", "drug_strength")
        shutil.copy(file, (vocabulary if kept else clinical) / file.name)
    fill(server, clinical, "clinical")
    fill(server, vocabulary, "vocabulary")
    url = server_url(server, schema="clinical", vocabulary_schema="vocabulary")
    assert [c.batch for c in Read(url).chunks] == [c.batch for c in Read(STORIES).chunks]


def test_the_password_is_nowhere(server: Cluster, tmp_path: Path) -> None:
    secret = server.password[:16]
    cohort = sniff([server_url(server)])
    assert cohort is not None
    cohort.prepare(tmp_path, lambda _: None)
    told = [repr(cohort), json.dumps(cohort.about()), repr(cohort.inputs()), repr(pickle.dumps(cohort))]
    assert not any(secret in text for text in told)
    assert cohort.inputs()[0].path == f"postgresql://reader@127.0.0.1:{server.port}/cdm"
    files = [file for file in tmp_path.rglob("*") if file.is_file() and not file.is_symlink()]
    assert files
    assert not any(secret.encode() in file.read_bytes() for file in files)


def test_a_copy_reads_without_the_server(server: Cluster, tmp_path: Path) -> None:
    cohort = OmopCohort(server_url(server))
    cohort.prepare(tmp_path, lambda _: None)
    copy = pickle.loads(pickle.dumps(cohort))
    assert [c.batch for c in copy.read(0)] == [c.batch for c in cohort.read(0)]


def test_the_fingerprint_sees_rows_that_come(server: Cluster, tmp_path: Path) -> None:
    fill(server, folder(tmp_path / "a", person=[person_row(1)]), "growing")
    url = server_url(server, schema="growing")
    before = OmopCohort(url).inputs()
    assert before == OmopCohort(url).inputs()
    fill(server, folder(tmp_path / "b", death=[{"person_id": 1, "death_date": "2020-01-01"}]), "growing")
    after = OmopCohort(url).inputs()
    assert (before[0].size, after[0].size) == (1, 2)
    assert before[0].sha256 != after[0].sha256


def test_a_wrong_password(server: Cluster) -> None:
    url = f"postgresql://reader:not-this-one@{server.host}:{server.port}/cdm"
    with pytest.raises(InputError, match="the PostgreSQL server cannot be reached") as caught:
        Read(url)
    assert "not-this-one" not in str(caught.value)
    assert "password=" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_no_server() -> None:
    if why := lacking():
        pytest.skip(why)
    with pytest.raises(InputError, match="the PostgreSQL server cannot be reached") as caught:
        Read("postgresql://reader:s3cret@127.0.0.1:1/cdm")
    assert "s3cret" not in str(caught.value)


def test_no_extension(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("caveat.adapters.omop.postgres.PACKAGE", "no_such_package")
    with pytest.raises(InputError, match=r"Install caveat\[postgres\]"):
        Read("postgresql://reader@127.0.0.1:1/cdm")


def test_names_in_upper_case_and_views(server: Cluster, tmp_path: Path) -> None:
    import duckdb

    from caveat.adapters.omop.place import literal, place
    from caveat.adapters.omop.postgres import load

    info = place(server_url(server)).server
    assert info is not None
    statements = (
        'CREATE SCHEMA "Upper"',
        'CREATE TABLE "Upper"."PERSON" ("PERSON_ID" integer, "YEAR_OF_BIRTH" integer)',
        'INSERT INTO "Upper"."PERSON" VALUES (3, 1950)',
        'CREATE VIEW "Upper"."DEATH" AS SELECT "PERSON_ID" FROM "Upper"."PERSON"',
    )
    with duckdb.connect() as con:
        load(con, tmp_path)
        con.execute(f"ATTACH {literal(info.conninfo)} AS pg (TYPE postgres)")
        for statement in statements:
            con.execute(f"CALL postgres_execute('pg', {literal(statement)})")
    patient = Read(server_url(server, schema="Upper")).one
    assert (patient.id, str(patient.birth_date), patient.deceased) == ("3", "1950", True)
