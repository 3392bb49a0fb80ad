"""Web addresses that are understood in one way only, and network addresses that may be connected to."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.errors import InputError
from caveat.service.fetch.addresses import is_loopback_host, parse, refused


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("https://ehr.example.org/fhir", "https://ehr.example.org/fhir"),
        ("HTTPS://EHR.Example.org:443/fhir/", "https://ehr.example.org/fhir"),
        ("https://ehr.example.org", "https://ehr.example.org"),
        ("https://ehr.example.org:8443/r4", "https://ehr.example.org:8443/r4"),
        ("http://localhost:80/fhir", "http://localhost/fhir"),
        ("https://10.0.0.1/fhir", "https://10.0.0.1/fhir"),
        ("https://[2001:DB8:0:0::1]/fhir", "https://[2001:db8::1]/fhir"),
        ("https://xn--bcher-kva.example/fhir", "https://xn--bcher-kva.example/fhir"),
    ],
)
def test_one_canonical_form(text: str, canonical: str) -> None:
    assert str(parse(text).base) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ehr.example.org/fhir",
        "//ehr.example.org/fhir",
        "ftp://ehr.example.org/fhir",
        "file:///etc/passwd",
        "https://user@ehr.example.org/fhir",
        "https://user:secret@ehr.example.org/fhir",
        "https://ehr.example.org@evil.example/fhir",
        "https://ehr.example.org\\@evil.example/fhir",
        "https://ehr.example.org#@evil.example/fhir",
        "https://ehr.example.org/fhir#x",
        "https://ehr.example.org/fhir ",
        " https://ehr.example.org/fhir",
        "https://ehr.exa\tmple.org/fhir",
        "https://ehr.example.org/fhir\n",
        "https://ehr.example.org\r\nX: y/fhir",
        "https://ehr.example.org./fhir",
        "https://ehr..example.org/fhir",
        "https://-ehr.example.org/fhir",
        "https://ehr.example.org:/fhir",
        "https://ehr.example.org:0/fhir",
        "https://ehr.example.org:65536/fhir",
        "https://ehr.example.org:443:443/fhir",
        "https:///fhir",
        "https://2130706433/fhir",
        "https://0x7f000001/fhir",
        "https://0x7f.0.0.1/fhir",
        "https://0177.0.0.1/fhir",
        "https://127.1/fhir",
        "https://127.0.0.1.2/fhir",
        "https://127.0.0.256/fhir",
        "https://[::1/fhir",
        "https://[fe80::1%25eth0]/fhir",
        "https://[v1.x]/fhir",
        "https://\u0435hr.example.org/fhir",
        "https://ehr\u3002example\u3002org/fhir",
        "https://\u24d4hr.example.org/fhir",
        "https://ehr.example.org/fhir/../admin",
        "https://ehr.example.org/fhir/..",
        "https://ehr.example.org/./fhir",
        "https://ehr.example.org//fhir",
        "https://ehr.example.org/fhir/%2e%2e/admin",
        "https://ehr.example.org/fhir%2Fadmin",
        "https://ehr.example.org/fhir%00",
        "https://ehr.example.org/fhir%252e",
        "https://ehr.example.org/fhir;x",
        "https://" + "a" * 9000,
    ],
)
def test_anything_unusual_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.code == "address"
    assert not text or text not in str(caught.value)


def test_a_base_holds_what_lies_below_it_alone() -> None:
    base = parse("https://ehr.example.org/tenant/fhir").base
    for inside in (
        "https://ehr.example.org/tenant/fhir",
        "https://ehr.example.org:443/tenant/fhir/",
        "https://EHR.example.org/tenant/fhir?_getpages=1&_offset=20",
        "https://ehr.example.org/tenant/fhir/Condition?page=2",
    ):
        assert base.holds(parse(inside)), inside
    for outside in (
        "https://ehr.example.org/tenant",
        "https://ehr.example.org/tenant/fhir2",
        "https://ehr.example.org/other/fhir",
        "https://ehr.example.org:8443/tenant/fhir",
        "http://ehr.example.org/tenant/fhir",
        "https://ehr.example.org.evil.example/tenant/fhir",
    ):
        assert not base.holds(parse(outside)), outside
    assert parse("https://ehr.example.org").holds(parse("https://ehr.example.org/Condition"))


PUBLIC = (
    "8.8.8.8",
    "93.184.216.34",
    "2606:2800:220:1:248:1893:25c8:1946",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
)
LOCAL = ("127.0.0.1", "127.8.9.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd00::1")
LOCAL_INSIDE = ("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a00:1::1")
NEVER = (
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "fe80::1",
    "fe80::1%eth0",
    "fd00::1%eth0",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "::ffff:0.0.0.0",
    "224.0.0.1",
    "239.255.255.250",
    "ff02::1",
    "240.0.0.1",
    "255.255.255.255",
    "fec0::1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "localhost",
    "",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_connected_to(address: str) -> None:
    assert not refused(address, private=False)
    assert not refused(address, private=True)


@pytest.mark.parametrize("address", LOCAL)
def test_addresses_of_this_machine_and_network_need_a_private_server(address: str) -> None:
    assert refused(address, private=False)
    assert not refused(address, private=True)


@pytest.mark.parametrize("address", LOCAL_INSIDE)
def test_local_addresses_in_disguise_are_seen_through(address: str) -> None:
    assert refused(address, private=False)


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("private", [False, True])
def test_metadata_multicast_and_nowhere_are_never_connected_to(address: str, private: bool) -> None:
    assert refused(address, private=private)


@given(st.ip_addresses())
def test_no_address_but_a_global_one_is_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    inside = getattr(address, "ipv4_mapped", None)
    if not refused(str(address), private=False):
        assert (inside or address).is_global
        assert not address.is_multicast
    if not refused(str(address), private=True):
        assert [address.is_multicast, address.is_link_local, address.is_unspecified] == [False] * 3


@pytest.mark.parametrize(
    ("text", "is_local"),
    [
        ("http://localhost/", True),
        ("http://127.0.0.1:9/", True),
        ("http://[::1]/", True),
        ("http://localhost.evil.example/", False),
        ("http://10.0.0.1/", False),
        ("http://ehr.example/", False),
    ],
)
def test_loopback_by_its_own_words(text: str, is_local: bool) -> None:
    assert is_loopback_host(parse(text)) is is_local
