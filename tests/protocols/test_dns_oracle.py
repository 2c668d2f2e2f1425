"""The lab's DNS messages as tshark reads them."""

from __future__ import annotations

import subprocess

import pytest

from pcapdiag.protocols.dns import read_message
from tests.captures import FIXTURES

pytestmark = [pytest.mark.once, pytest.mark.needs(program="tshark")]

FIELDS = (
    "udp.payload",
    "dns.id",
    "dns.flags.response",
    "dns.flags.truncated",
    "dns.flags.recdesired",
    "dns.flags.rcode",
    "dns.qry.name",
    "dns.qry.type",
    "dns.a",
    "dns.aaaa",
)


@pytest.mark.parametrize(
    "name",
    [
        "dns.failure-no-tcp/client.pcap",
        "dns.failure-refused/client.pcap",
        "dns.failure-nxdomain-removed/client.pcap",
        "dns.family_failing-ipv6-dropped/client.pcap",
        "healthy-dns-typos/client.pcap",
    ],
)
def test_messages_are_read_as_tshark_reads_them(name: str) -> None:
    words = [word for field in FIELDS for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(FIXTURES / "pcaps" / name), "-Y", "udp.port == 53 && dns"]
    done = subprocess.run(
        [*command, "-T", "fields", *words], capture_output=True, text=True, check=True
    )
    # Errors of ICMP quote messages, which are then listed twice.
    rows = [line.split("\t") for line in done.stdout.splitlines() if "," not in line.split("\t")[1]]
    assert len(rows) >= 8
    for row in rows:
        message = read_message(bytes.fromhex(row[0]))
        assert message is not None
        assert message.addresses is not None
        four = [one for one in message.addresses if ":" not in one]
        six = [one for one in message.addresses if ":" in one]
        assert [
            f"0x{message.id:04x}",
            f"{message.is_response:d}",
            f"{message.truncated:d}" if message.is_response else row[3],
            f"{message.recursive:d}",
            str(message.rcode) if message.is_response else "",
            message.name,
            str(message.type),
            ",".join(four),
            ",".join(six),
        ] == row[1:]
