"""files.egress: addresses of the Internet, and those of this machine and its network."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laws import law
from maxbridge.files.egress import is_public, literal, resolve

PUBLIC = ["8.8.8.8", "95.163.32.1", "2a00:1148::1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]  # fmt: skip
INNER = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",  # noqa: S104
    "169.254.169.254",  # where clouds keep their keys
    "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "2002:7f00:1::", "2002:a00:1::1", "2001:0:808:808::80ff:fffe",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", INNER)
def test_addresses_of_this_machine_or_network(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@given(st.ip_addresses(v=4))
@law
def test_an_address_within_another_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    for outer in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert is_public(ipaddress.ip_address(outer)) == is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "8.8.8.8"])
def test_a_host_may_be_an_address_itself(host: str) -> None:
    assert str(literal(host)) == host


@pytest.mark.parametrize("host", ["localhost", "i.oneme.ru", "127.1", "0x7f.1", "2130706433", ""])
def test_what_only_a_resolver_reads_as_an_address_is_a_name(host: str) -> None:
    assert literal(host) is None


async def test_this_machines_resolver_is_asked() -> None:
    assert set(await resolve("localhost", 80)) <= {"127.0.0.1", "::1"}
    # What only looks like a name is judged by what it means.
    found = [ipaddress.ip_address(each) for each in await resolve("127.1", 80)]
    assert found
    assert not any(is_public(each) for each in found)
