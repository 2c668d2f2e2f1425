"""What is asked about each packet."""

from __future__ import annotations

from pcapdiag.bundle.wanted import Sieve, Wanted, end, host
from pcapdiag.decode import headers
from pcapdiag.decode.headers import Packet
from pcapdiag.flow.packet_ends import PacketEnd, pair

ONE, OTHER, THIRD = end("10.0.0.1", 4000), end("10.0.0.2", 80), end("10.0.0.3", 5000)


def packet(source: PacketEnd, target: PacketEnd) -> Packet:
    made = Packet()
    made.source_high, made.source_low, made.source_port = source
    made.target_high, made.target_low, made.target_port = target
    return made


def takes(wanted: Wanted, source: PacketEnd, target: PacketEnd, kind: int = headers.TCP) -> bool:
    return Sieve(wanted, {}).takes(kind, packet(source, target), 7, 100)


def test_a_connection_is_wanted_in_both_directions_and_in_quotes() -> None:
    wanted = Wanted(pairs={pair(ONE, OTHER)})
    assert takes(wanted, ONE, OTHER)
    assert takes(wanted, OTHER, ONE)
    assert takes(wanted, ONE, OTHER, headers.ICMP_ERROR)
    assert not takes(wanted, THIRD, OTHER)


def test_the_answers_of_a_redirected_call_are_wanted_with_it() -> None:
    redirects: dict[tuple[int, ...], tuple[int, int, int]] = {(*THIRD, *ONE): OTHER}
    sieve = Sieve(Wanted(pairs={pair(ONE, OTHER)}), redirects)
    assert sieve.takes(headers.TCP, packet(THIRD, ONE), 7, 100)


def test_widening_takes_endpoints_then_hosts_then_all() -> None:
    assert takes(Wanted(endpoints={OTHER}), THIRD, OTHER)
    assert not takes(Wanted(endpoints={end("10.0.0.2", 81)}), THIRD, OTHER)
    assert takes(Wanted(hosts={host("10.0.0.2")}), THIRD, OTHER)
    assert takes(Wanted(everything=True), THIRD, OTHER, headers.OTHER)


def test_arp_and_fragments_of_hosts_nearby() -> None:
    wanted = Wanted(near={host("10.0.0.1"), host("10.0.0.2")})
    assert takes(wanted, THIRD, OTHER, headers.ARP)
    assert takes(wanted, ONE, OTHER, headers.FRAGMENT)
    assert not takes(wanted, THIRD, OTHER, headers.FRAGMENT)


def test_one_packet_of_the_first_and_last_moment() -> None:
    sieve = Sieve(Wanted(moments={100}), {})
    assert sieve.takes(headers.OTHER, packet(ONE, OTHER), 7, 100)
    assert not sieve.takes(headers.OTHER, packet(ONE, OTHER), 8, 100)


def test_addresses_of_both_families() -> None:
    assert host("::1") == (0, 1)
    assert host("2001:db8::5") == (0x20010DB8 << 32, 5)
    assert host("0.0.0.7") == (0, 7)


def test_a_lookup_is_wanted_for_its_name_where_one_end_is_near() -> None:
    query = b"\0\7\1\0\0\1\0\0\0\0\0\0\3app\7example\0\0\1\0\1"
    asked = packet(ONE, OTHER)
    asked.payload, asked.payload_captured = 4, len(query)
    near = {host("10.0.0.1")}
    for name, fits in (("app.example", True), ("other.example", False)):
        sieve = Sieve(Wanted(near=near, names={name}), {})
        assert sieve.takes(headers.DNS, asked, 7, 100, b"head" + query) is fits
    assert not Sieve(Wanted(names={"app.example"}), {}).takes(headers.DNS, asked, 7, 100, query)
