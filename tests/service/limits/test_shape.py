"""Depth and entries of a body."""

from __future__ import annotations

import json
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.service.limits.shape import check_json, count_entries, is_deeper
from caveat.service.problems import Refused


def depth_of(value: Any) -> int:
    """By the data themselves."""
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


nasty = st.text(alphabet="[]{}\"\\',:x\u00e9\n", max_size=12)
values = st.recursive(
    st.none() | st.integers() | nasty,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(nasty, inner, max_size=4),
    max_leaves=25,
)


@given(value=values, limit=st.integers(1, 12), indent=st.sampled_from([None, 1]), plain=st.booleans())
def test_depth_is_that_of_the_data(value: Any, limit: int, indent: int | None, plain: bool) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=plain).encode()
    assert is_deeper(body, limit) == (depth_of(value) > limit)


@given(body=st.text(alphabet='[]{}"\\ x', max_size=60).map(str.encode), limit=st.integers(1, 5))
def test_text_that_is_no_json_is_never_a_fault(body: bytes, limit: int) -> None:
    assert is_deeper(body, limit) in (True, False)


@pytest.mark.parametrize(
    ("body", "depth"),
    [
        (b"1", 0),
        (b"[]", 1),
        (b'{"a": []}', 2),
        (b'{"[[[[": "]]]]{{{{"}', 1),
        (b'["\\"", [["\\\\"], "]"]]', 3),
        (b'["\\\\\\"[[[["]', 1),
        (b'["","","[",""]', 1),
        (b"[[],[],[[]]]", 3),
    ],
)
def test_brackets_in_texts_do_not_count(body: bytes, depth: int) -> None:
    assert depth_of(json.loads(body)) == depth
    assert not is_deeper(body, depth)
    assert depth == 0 or is_deeper(body, depth - 1)


def code_of(body: bytes, depth: int = 40, entries: int | None = None) -> tuple[int, str]:
    """Status and code of the refusal; nothing where the body passes."""
    try:
        check_json(body, depth, entries)
    except Refused as error:
        return error.status, error.faults[0].code
    return 0, ""


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'[{"a":' * 50_000,
        b'{"prefetch": ' + b"[" * 41 + b"]" * 41 + b"}",
        (b"[" * 41 + b"]" * 41 + b",") * 1000,
    ],
)
def test_deep_bodies_are_refused(body: bytes) -> None:
    assert code_of(body) == (413, "too-deep")


def test_depth_at_the_limit_passes() -> None:
    assert code_of(b"[" * 40 + b"]" * 40) == (0, "")
    assert code_of(b"[" * 41 + b"]" * 41) == (413, "too-deep")


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 5_000_000,
        b"]" * 5_000_000,
        b'"[' * 2_500_000,
        b"\\" * 5_000_000,
        b"[" * 40 + b"[]" * 2_500_000,
        (b"[" * 40 + b"]" * 40) * 62_500,
        b'"' * 5_000_000,
        b'"\\"' * 1_600_000,
    ],
)
def test_five_megabytes_of_brackets_take_no_more_than_seconds(body: bytes) -> None:
    began = perf_counter()
    is_deeper(body, 40)
    assert perf_counter() - began < 10


def bundle(count: int) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"resource": {"entry": [1, 2]}}] * count}


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (bundle(0), 0),
        (bundle(7), 7),
        ({"entry": [{}] * 9}, 9),
        ({"prefetch": {"a": bundle(3), "b": None, "c": {"resourceType": "Patient"}, "d": bundle(2)}}, 5),
        ({"context": {"draftOrders": bundle(4), "selections": ["x"]}, "prefetch": {"a": bundle(3)}}, 7),
        ({"prefetch": [bundle(3)], "context": "x", "entry": {"a": 1}}, 0),
        ({"context": {"draftOrders": [bundle(3)]}}, 0),
        ({"orders": [1, 2, 3]}, 0),
        ([bundle(3)], 0),
        ("x", 0),
    ],
)
def test_entries_are_counted_wherever_bundles_may_stand(value: Any, count: int) -> None:
    assert count_entries(json.dumps(value).encode()) == count


def test_names_written_with_escapes_are_counted() -> None:
    assert count_entries(b'{"\\u0065ntry": [1, 2, 3]}') == 3


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"entry": [}', b"[" * 50_000])
def test_entries_of_what_is_no_json_are_none(body: bytes) -> None:
    assert count_entries(body) == 0


def test_too_many_entries_are_refused() -> None:
    body = json.dumps(bundle(11)).encode()
    assert code_of(body, entries=11) == (0, "")
    assert code_of(body, entries=10) == (413, "too-many-entries")
    with pytest.raises(Refused) as error:
        check_json(body, 40, 10)
    assert error.value.problem() == {
        "type": "about:blank",
        "title": "the body has too many entries",
        "status": 413,
        "detail": "it has 11 Bundle entries; the limit is 10",
        "errors": [
            {
                "code": "too-many-entries",
                "message": "it has 11 Bundle entries; the limit is 10",
                "path": "$",
                "hint": "Send what concerns this patient now, or split it",
            }
        ],
    }


@given(value=values, limit=st.integers(0, 12), indent=st.sampled_from([None, 1]))
def test_no_body_is_let_off_being_counted_that_has_too_many(
    value: Any, limit: int, indent: int | None
) -> None:
    bundle = {"resourceType": "Bundle", "entry": value if isinstance(value, list) else [value]}
    body = json.dumps({"prefetch": {"a": bundle, "b": bundle}}, indent=indent).encode()
    if count_entries(body) <= limit:
        check_json(body, 40, limit)
    else:
        with pytest.raises(Refused):
            check_json(body, 40, limit)
