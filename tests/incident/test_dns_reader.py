"""DNS of whole captures: over UDP, in fragments, over IPv6, over TCP, and cut by the snaplen."""

from __future__ import annotations

from pathlib import Path

from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6
from scapy.packet import Packet, Raw
from scapy.utils import PcapWriter

from pcapdiag.capture import Capture
from pcapdiag.incident.analysis import Analysis
from pcapdiag.incident.fleet import collect_fleet
from pcapdiag.model.dns import DnsFacts
from pcapdiag.model.options import AnalyzeOptions

CLIENT, SERVER = "10.0.0.5", "10.0.9.53"
ASK = IP(src=CLIENT, dst=SERVER) / UDP(sport=4000, dport=53)
REPLY = IP(src=SERVER, dst=CLIENT) / UDP(sport=53, dport=4000)


def query(name: str = "api.example") -> DNS:
    return DNS(id=7, rd=1, qd=[DNSQR(qname=name)])


def answer(*addresses: str, name: str = "api.example") -> DNS:
    records = [DNSRR(rrname=name, ttl=30, rdata=one) for one in addresses]
    return DNS(id=7, qr=1, rd=1, qd=[DNSQR(qname=name)], an=records)


def facts(folder: Path, *packets: Packet, snaplen: int = 65_535) -> DnsFacts:
    path = folder / "dns.pcap"
    writer = PcapWriter(str(path), linktype=101)
    writer.write_header(None)
    for number, packet in enumerate(packets):
        data = bytes(packet)
        writer.write_packet(
            data[:snaplen], sec=1_700_000_000, usec=1_000 * (number + 1), wirelen=len(data)
        )
    writer.close()
    capture = Capture.open([path])
    analysis = Analysis(capture, AnalyzeOptions())
    for batch in capture.batches():
        if batch is not None:
            analysis.take(batch)
    analysis.finish()
    return collect_fleet(analysis, analysis.surroundings.roles().topology()).dns


def test_a_question_and_its_answer_in_mixed_case(tmp_path: Path) -> None:
    found = facts(tmp_path, ASK / query("aPi.eXample"), REPLY / answer("10.0.2.7"))
    (resolver,) = found.resolvers
    assert (resolver.address, resolver.answered, resolver.clients) == (SERVER, 1, {CLIENT})
    assert found.names == {"10.0.2.7": ["api.example"]}


def test_an_answer_in_fragments(tmp_path: Path) -> None:
    whole = REPLY / answer(*(f"10.0.2.{n}" for n in range(60)))
    pieces = fragment(whole, 600)
    assert len(pieces) > 1
    found = facts(tmp_path, ASK / query(), *pieces)
    assert len(found.answers[0].held) == 60
    assert found.resolvers[0].answered == 1


def test_ipv6(tmp_path: Path) -> None:
    client, server = "2001:db8::5", "2001:db8::53"
    found = facts(
        tmp_path,
        IPv6(src=client, dst=server) / UDP(sport=4000, dport=53) / query(),
        IPv6(src=server, dst=client) / UDP(sport=53, dport=4000) / answer("10.0.2.7"),
    )
    assert (found.resolvers[0].address, found.resolvers[0].answered) == (server, 1)


def test_a_cut_answer_holds_unknown_addresses(tmp_path: Path) -> None:
    found = facts(tmp_path, ASK / query(), REPLY / answer("10.0.2.7", "10.0.2.8"), snaplen=80)
    assert (found.answers, [one.good for one in found.failed]) == ([], [1])


def test_answers_over_tcp(tmp_path: Path) -> None:
    ask = IP(src=CLIENT, dst=SERVER)
    reply = IP(src=SERVER, dst=CLIENT)
    there = {"sport": 4000, "dport": 53}
    back = {"sport": 53, "dport": 4000}
    asked = b"".join(_framed(query(name)) for name in ("a.example", "b.example"))
    told = _framed(answer("10.0.2.7", name="a.example"))
    told += _framed(answer("10.0.2.8", name="b.example"))
    after, end = 101 + len(asked), 501 + len(told)
    found = facts(
        tmp_path,
        ask / TCP(flags="S", seq=100, **there),
        reply / TCP(flags="SA", seq=500, ack=101, **back),
        ask / TCP(flags="A", seq=101, ack=501, **there),
        ask / TCP(flags="PA", seq=101, ack=501, **there) / Raw(asked),
        reply / TCP(flags="PA", seq=501, ack=after, **back) / Raw(told),
        ask / TCP(flags="FA", seq=after, ack=end, **there),
        reply / TCP(flags="FA", seq=end, ack=after + 1, **back),
        ask / TCP(flags="A", seq=after + 1, ack=end + 1, **there),
    )
    assert found.names == {"10.0.2.7": ["a.example"], "10.0.2.8": ["b.example"]}
    assert found.resolvers[0].answered == 2


def _framed(message: DNS) -> bytes:
    data = bytes(message)
    return len(data).to_bytes(2, "big") + data


def test_what_is_no_dns_on_its_port_is_counted(tmp_path: Path) -> None:
    found = facts(tmp_path, ASK / Raw(b"\xff" * 40), REPLY / Raw(bytes(40)), ASK / Raw(b"short"))
    assert (found.messages, found.unreadable, found.resolvers) == (2, 2, [])


def test_a_closed_port_answers_by_icmp(tmp_path: Path) -> None:
    error = IP(src=SERVER, dst=CLIENT) / ICMP(type=3, code=3) / bytes(ASK / query())[:28]
    found = facts(tmp_path, ASK / query(), error)
    assert [one.failures for one in found.failed] == [{"port_closed": 1}]
    assert (found.failed[0].frames, found.resolvers[0].unanswered) == ([2], 1)


def test_another_icmp_error_over_ipv6(tmp_path: Path) -> None:
    client, server, router = "2001:db8::5", "2001:db8::53", "2001:db8::1"
    asked = IPv6(src=client, dst=server) / UDP(sport=4000, dport=53) / query()
    back = IPv6(src=router, dst=client)
    for code, failure in ((4, "port_closed"), (3, "unreachable")):
        error = back / ICMPv6DestUnreach(code=code) / bytes(asked)
        found = facts(tmp_path, asked, error)
        assert [one.failures for one in found.failed] == [{failure: 1}]


def test_an_answer_counts_whatever_icmp_says_and_so_does_one_to_another_port(
    tmp_path: Path,
) -> None:
    error = IP(src=SERVER, dst=CLIENT) / ICMP(type=3, code=3)
    to_it, to_another = error / (ASK / query()), error / IP(src=CLIENT, dst=SERVER) / UDP(dport=99)
    found = facts(tmp_path, ASK / query(), to_it, REPLY / answer("10.0.2.7"))
    assert (found.failed[0].failures, found.failed[0].good) == ({}, 1)
    assert facts(tmp_path, ASK / query(), to_another).failed == []


def test_the_servers_own_refusal_of_a_late_answer_is_no_error_to_a_question(tmp_path: Path) -> None:
    error = IP(src=CLIENT, dst=SERVER) / ICMP(type=3, code=3) / (REPLY / answer("10.0.2.7"))
    found = facts(tmp_path, ASK / query(), error)
    assert found.failed == []


def test_what_the_next_server_says_is_what_the_client_is_left_with(tmp_path: Path) -> None:
    other = "10.0.9.54"
    error = IP(src=SERVER, dst=CLIENT) / ICMP(type=3, code=3) / (ASK / query())
    again = IP(src=CLIENT, dst=other) / UDP(sport=4001, dport=53) / query()
    denied = IP(src=other, dst=CLIENT) / UDP(sport=53, dport=4001) / query()
    denied[DNS].qr, denied[DNS].rcode = 1, 3
    found = facts(tmp_path, ASK / query(), error, again, denied)
    assert [(one.failures, one.servers) for one in found.failed] == [({"nxdomain": 1}, {other: 1})]
