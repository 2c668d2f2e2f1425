"""PROXY headers made anonymous: both versions stay valid, and what they announce is renamed."""

from __future__ import annotations

import ipaddress

import pytest

from pcapdiag.protocols.http.proxy_header import SIGNATURE, read_proxy_header
from pcapdiag.protocols.packet_buffer import Moment
from pcapdiag.sanitize.renamer import Renamer
from tests.sanitize.conversation import KEY, client_says, cut, replaced

pytestmark = pytest.mark.once

REQUEST = b"GET /acmecorp HTTP/1.1\r\n\r\n"
LINES = (
    b"PROXY TCP4 203.0.113.7 10.20.30.40 54321 443\r\n",
    b"PROXY TCP6 2001:db8::17 fd00:1:2::abcd 54321 443\r\n",
    b"PROXY UNKNOWN\r\n",
)


@pytest.mark.parametrize("line", LINES)
def test_a_line_stays_one_and_its_addresses_change(line: bytes) -> None:
    new = client_says(line + REQUEST)
    header = read_proxy_header(new, Moment(1, 0))
    assert header is not None
    assert header.length == len(line)
    old = read_proxy_header(line, Moment(1, 0))
    assert old is not None
    if old.source:
        assert header.source.rpartition(":")[2] == "54321"
        assert header.source != old.source
        assert header.target != old.target
    assert new[len(line) :].startswith(b"GET /")
    assert b"acmecorp" not in new


@pytest.mark.parametrize("family", [(0x11, 4), (0x21, 16)])
def test_version_2(family: tuple[int, int]) -> None:
    kind, size = family
    source, target = bytes(range(32, 32 + size)), bytes(range(64, 64 + size))
    values = b"\x02\0\x11pay.acme.internal" + b"\x01\0\x02h2" + b"\x05\0\x04uuid"
    tls = b"\x01" + bytes(4) + b"\x21\0\x07TLSv1.3" + b"\x22\0\x08jane.doe"
    values += b"\x20" + len(tls).to_bytes(2, "big") + tls
    body = source + target + b"\xd4\x31\x01\xbb" + values
    header = SIGNATURE + bytes((0x21, kind)) + len(body).to_bytes(2, "big") + body
    new = client_says(header + REQUEST)
    renamer = Renamer(KEY)
    assert new[:16] == header[:16]
    assert new[16 : 16 + size] == renamer.address(source)
    assert new[16 + size : 16 + 2 * size] == renamer.address(target)
    assert b"\xd4\x31\x01\xbb" in new
    assert b"\x01\0\x02h2" in new
    assert b"TLSv1.3" in new
    for secret in (b"acme", b"uuid", b"jane"):
        assert secret not in new
    read = read_proxy_header(new, Moment(1, 0))
    assert read is not None
    assert str(ipaddress.ip_address(renamer.address(source))) in read.source


def test_a_header_in_pieces_and_one_that_is_cut_off() -> None:
    header = LINES[0] + REQUEST
    assert b"".join(replaced(cut(header, 3))) == client_says(header)
    new = client_says(header[:25])
    assert new.startswith(b"PROXY TCP4 ")
    assert b"203.0.113.7" not in new


def test_version_2_of_a_socket_without_a_network() -> None:
    """Its addresses are paths of 108 bytes each; what stands behind them is read as usual."""
    paths = b"/run/acme/front.sock".ljust(108, b"\0") + b"/run/acme/back.sock".ljust(108, b"\0")
    body = paths + b"\x02\0\x11pay.acme.internal" + b"\x01\0\x02h2"
    header = SIGNATURE + bytes((0x21, 0x31)) + len(body).to_bytes(2, "big") + body
    new = client_says(header + REQUEST)
    assert new[:16] == header[:16]
    assert b"acme" not in new
    assert new[16 : 16 + 216].strip(new[16:17]) == b""
    assert new[16 + 216 : 16 + 219] == b"\x02\0\x11"
    assert b"\x01\0\x02h2" in new
