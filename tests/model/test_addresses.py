"""What an address's text tells is what the library says of it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapdiag.model.addresses import is_loopback, key_of, network_of

pytestmark = pytest.mark.once

ADDRESSES = st.ip_addresses().map(str) | st.sampled_from(
    ["127.0.0.1", "127.255.255.255", "126.0.0.1", "128.0.0.1", "::1", "::", "::2", "1270::1"]
)


@given(ADDRESSES)
def test_the_text_tells_what_the_library_does(address: str) -> None:
    known = ip_address(address)
    number = int(known)
    bits = 24 if known.version == 4 else 64
    assert key_of(address) == (known.version, number >> 64, number & (1 << 64) - 1)
    assert network_of(address) == str(ip_network(f"{address}/{bits}", strict=False))
    mapped = known.version == 6 and known.ipv4_mapped is not None
    assert mapped or is_loopback(address) == known.is_loopback


@pytest.mark.parametrize("text", ["", "10.0.0.256", "10.0.0.a", "fe80::g"])
def test_what_is_no_address_has_no_key(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        key_of(text)
