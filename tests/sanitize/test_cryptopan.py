"""Crypto-PAn against the vectors of its authors' sample trace."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapdiag.sanitize.cryptopan import CryptoPan

pytestmark = pytest.mark.once

KEY = bytes.fromhex("1522178d33a4cf80130a5b1649907d10d8988f837979652762574c2d2a842202")
"""Of the reference implementation's sample (Georgia Tech, cryptopan.1.0)."""

SAMPLE = """
    128.11.68.132 135.242.180.132      129.118.74.4 134.136.186.123
    130.132.252.244 133.68.164.234     141.223.7.43 141.167.8.160
    141.233.145.108 141.129.237.235    152.163.225.39 151.140.114.167
    156.29.3.236 147.225.12.42         165.247.96.84 162.9.99.234
    166.107.77.190 160.132.178.185     192.102.249.13 252.138.62.131
    192.215.32.125 252.43.47.189       193.150.244.223 253.169.52.216
    195.205.63.100 255.186.223.5       198.26.132.101 249.36.123.202
    202.49.198.20 245.206.7.234        203.12.160.252 244.248.163.4
    204.184.162.189 243.192.77.90      205.178.38.67 242.108.198.51
    207.25.71.27 241.33.119.156        208.147.89.59 227.237.98.191
    209.246.74.109 226.22.124.76       212.120.124.31 228.135.163.231
    216.35.217.178 235.195.157.81      24.0.250.221 100.15.198.226
    38.15.67.68 64.3.66.187            4.3.88.225 124.60.155.63
    63.14.55.111 95.9.215.7            64.14.118.196 0.255.183.58
    10.185.25.118 117.161.29.118
    ::1 78ff:f001:9fc0:20df:8380:b1f1:704:ed
    ::2 78ff:f001:9fc0:20df:8380:b1f1:704:ef
    ::ffff 78ff:f001:9fc0:20df:8380:b1f1:704:f838
    2001:db8::1 4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e
    2001:db8::2 4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c
""".split()  # noqa: SIM905
"""IPv4: sample_trace_raw.dat and sample_trace_sanitized.dat of the reference implementation; IPv6:
the vectors that implementations for it share (github.com/Yawning/cryptopan, yacryptopan)."""


@pytest.mark.parametrize(("original", "image"), [*zip(SAMPLE[::2], SAMPLE[1::2], strict=True)])
def test_published_vectors(original: str, image: str) -> None:
    address = ip_address(original)
    found = CryptoPan(KEY).image(int(address), address.max_prefixlen)
    assert type(address)(found) == ip_address(image)


@given(a=st.integers(0, (1 << 32) - 1), b=st.integers(0, (1 << 32) - 1))
def test_as_many_bits_stay_common(a: int, b: int) -> None:
    pan = CryptoPan(KEY)
    x, y = pan.image(a, 32), pan.image(b, 32)
    assert (a ^ b).bit_length() == (x ^ y).bit_length()


def test_kept_bits_stay() -> None:
    pan = CryptoPan(KEY)
    private = int(IPv4Address("10.1.2.3"))
    assert pan.image(private, 32, kept=8) >> 24 == 10
    assert pan.image(private, 32, kept=32) == private
    assert IPv6Address(pan.image(int(IPv6Address("fe80::1")), 128, kept=64)) in IPv6Network(
        "fe80::/64"
    )


def test_the_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="16 bytes, not 32"):
        CryptoPan(KEY[:16])
