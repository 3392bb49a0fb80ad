"""What a URL says, and what of it is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.adapters.omop.place import place, quoted
from caveat.errors import InputError


@pytest.mark.parametrize(
    ("url", "shown", "info"),
    [
        ("postgresql://h/db", "postgresql://h/db", "host='h' dbname='db'"),
        (
            "postgres://u:p%40ss@h:5433/db?schema=cdm&sslmode=require",
            "postgresql://u@h:5433/db?sslmode=require&schema=cdm",
            "host='h' port='5433' user='u' password='p@ss' dbname='db' sslmode='require'",
        ),
        ("postgresql:///db?host=there&password=x&sslpassword=y", "postgresql:///db?host=there", None),
        ("postgresql://[::1]:5432/db", "postgresql://[::1]:5432/db", "host='::1' port='5432' dbname='db'"),
    ],
)
def test_urls(url: str, shown: str, info: str | None) -> None:
    server = place(url).server
    assert server is not None
    assert (server.url, repr(server)) == (shown, f"Server({shown!r})")
    assert info is None or server.conninfo == info


def test_a_port_that_is_none() -> None:
    with pytest.raises(InputError, match="the port of a PostgreSQL URL is a number"):
        place("postgresql://h:port/db")


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=6))
def test_a_password_is_hidden_wherever_it_stands(secret: str) -> None:
    from urllib.parse import quote

    server = place(f"postgresql://u:{quote(secret, safe='')}@h/db").server
    assert server is not None
    assert server.secrets == (secret,)
    said = server.hide(f"no: {server.conninfo} and {secret} and password={quoted(secret)} to")
    assert secret not in said.replace(server.url, "")
