"""What the kernel's numbers and error notes are read as; on other systems nothing."""

from __future__ import annotations

import socket
import struct

import pytest

from pcapdiag.model.probe import ProbeOptions
from pcapdiag.probe import kernel
from pcapdiag.probe.recording import IcmpError
from pcapdiag.probe.run import probe
from tests.probe.servers import check, code

pytestmark = pytest.mark.once

ERROR = struct.Struct("=IBBBBII")


@pytest.mark.parametrize(
    ("origin", "sender", "expected"),
    [
        (
            2,
            struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton("10.0.0.1")),
            IcmpError(4, 3, 13, "10.0.0.1", 0),
        ),
        (
            3,
            struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, bytes(15) + b"\1", 0),
            IcmpError(6, 3, 13, "::1", 0),
        ),
        (2, b"", IcmpError(4, 3, 13, "", 0)),
        (1, b"", None),
    ],
)
def test_who_sent_an_icmp_error(origin: int, sender: bytes, expected: IcmpError | None) -> None:
    raw = ERROR.pack(113, origin, 3, 13, 0, 0, 0) + sender
    assert kernel._icmp(raw) == expected


def test_numbers_of_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())
        info = kernel.tcp_info(client)
    if not kernel.ON_LINUX:
        assert info is None
        return
    assert info is not None
    assert info.path_mtu > info.mss > 1000
    assert (info.unacked, info.repeats) == (0, 0)


def test_a_system_that_does_not_tell_of_icmp(monkeypatch: pytest.MonkeyPatch) -> None:
    """There a refusal may be an ICMP error, and an unreachable may be the path's."""
    monkeypatch.setattr(kernel, "TELLS_ICMP", False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    refused = check(probe(ProbeOptions("127.0.0.1", port)), "tcp").verdict
    assert refused is not None
    assert "An ICMP error would look the same" in refused.explanation

    def connect(_self: socket.socket, _address: object) -> None:
        raise OSError(113, "No route to host")

    class Socket(socket.socket):
        pass

    monkeypatch.setattr(Socket, "connect", connect)
    monkeypatch.setattr(socket, "socket", Socket)
    away = check(probe(ProbeOptions("127.0.0.1", port)), "tcp")
    assert code(away) == "icmp.unreachable"
    assert away.verdict is not None
    assert away.verdict.who.side == "unknown"
