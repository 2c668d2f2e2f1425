"""Real captures made anonymous: the analysis comes to the same conclusions, and the scan to none.

All of fixtures/pcaps (1,071 captures, 3,448 connections) were compared so when this was written;
here are those that rest on what payloads say, one of each kind.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest

from pcapdiag.model.options import AnalyzeOptions
from pcapdiag.model.report import Connection
from pcapdiag.pipeline import analyze
from pcapdiag.sanitize.packet import PacketSanitizer
from pcapdiag.sanitize.renamer import Renamer
from pcapdiag.sanitize.scan import leaks
from pcapdiag.sanitize.streams import StreamSanitizer
from tests.captures import FIXTURES
from tests.sanitize.conversation import KEY
from tests.sanitize.going_through import MAX_ROUNDS, Taken, file_of, read

pytestmark = pytest.mark.once

SCENARIOS = (
    *("grpc.error-envoy-unavailable/proxy.pcap", "http.local_reply-envoy-grpc/proxy.pcap"),
    *("http.local_reply-haproxy-refused/proxy.pcap", "http.local_reply-nginx-closed/proxy.pcap"),
    *("http.local_reply-squid-refused/proxy.pcap", "http.malformed_response-chunk-size/client.pcap"),
    *("http.no_healthy_upstream-envoy-checks/proxy.pcap", "http2.goaway-envoy-frame-size/client.pcap"),
    *("http2.goaway-node-compression/client.pcap", "http2.enhance_your_calm-grpc/client.pcap"),
    *("http.stream_idle_timeout-nginx-websocket/proxy.pcap", "health.check_failing-kubelet-503/client.pcap"),
    *("protocol.plaintext_to_tls-nginx/client.pcap", "protocol.tls_to_plaintext-smtp/client.pcap"),
    *("protocol.tls_to_plaintext-haproxy-python/proxy.pcap", "tls.alert-bad-psk/client.pcap"),
    *("protocol.unexpected_proxy_header-envoy-tls/proxy.pcap", "tls.alpn_mismatch-nginx/client.pcap"),
    *("tls.certificate_expired-envoy/proxy.pcap", "tls.certificate_name_mismatch-curl/client.pcap"),
    *("tls.certificate_untrusted-postgres/client.pcap", "tls.certificate_untrusted-snaplen-128/client.pcap"),
    *("tls.client_certificate_required-envoy-tls12/client.pcap", "tls.sni_rejected-envoy-nginx/proxy.pcap"),
    *("healthy-ldap-starttls/client.pcap", "capture-starts-late-kept/client.pcap"),
    *("socks.refused-dante-name/client.pcap", "socks.refused-dante-login/client.pcap"),
    *("socks.refused-dante-version-4/client.pcap", "http.local_reply-socks/client.pcap"),
    "capture-ip-fragments/client.pcap.gz",
)  # fmt: skip
COMPARED = ("code", "failed", "ended_by", "frames", "phase")


def anonymous(packets: list[Taken]) -> tuple[list[Taken], Renamer]:
    """Return packets as a bundle has them."""
    renamer = Renamer(KEY)
    for _ in range(MAX_ROUNDS):
        streams = StreamSanitizer(renamer)
        sanitizer = PacketSanitizer(renamer, streams)
        for one in packets:
            sanitizer.take(one.data, one.link_type, one.length)
        streams.conclude()
        new = [
            one._replace(data=sanitizer.sanitize(one.data, one.link_type, one.length))
            for one in packets
        ]
        if not renamer.originals.clashes() and not renamer.originals.misfits():
            break
        renamer = renamer.with_originals(renamer.originals)
    return new, renamer


def connections(content: bytes, path: Path) -> list[Connection]:
    path.write_bytes(content)
    return list(analyze([path], AnalyzeOptions(all_connections=True)).connections)


@pytest.fixture(params=SCENARIOS)
def both(request: pytest.FixtureRequest) -> tuple[bytes, bytes, Renamer]:
    """A capture before and after."""
    packets = read(FIXTURES / "pcaps" / request.param)
    new, renamer = anonymous(packets)
    return file_of(packets), file_of(new), renamer


def test_the_conclusions_stay(both: tuple[bytes, bytes, Renamer], tmp_path: Path) -> None:
    before = connections(both[0], tmp_path / "before.pcapng")
    after = connections(both[1], tmp_path / "after.pcapng")
    assert len(before) == len(after) > 0
    for old, new in zip(before, after, strict=True):
        for name in COMPARED:
            assert getattr(new.verdict, name) == getattr(old.verdict, name), name
        ours, theirs = new.verdict.attribution, old.verdict.attribution
        assert (ours.side, ours.party) == (theirs.side, theirs.party)
        assert new.verdict.confidence == pytest.approx(old.verdict.confidence, abs=0.05)


def test_the_scan_finds_nothing(both: tuple[bytes, bytes, Renamer], tmp_path: Path) -> None:
    told = msgspec.json.encode(connections(both[1], tmp_path / "after.pcapng"))
    members = {"case.pcapng": both[1], "report.json": told}
    assert leaks(members, both[2].originals) == []
    assert both[2].originals.addresses


@pytest.mark.needs(program="tshark")
@pytest.mark.parametrize("scenario", SCENARIOS[::5])
def test_tshark_reads_it_without_a_complaint_of_its_own(scenario: str, tmp_path: Path) -> None:
    packets = read(FIXTURES / "pcaps" / scenario)
    new, _ = anonymous(packets)
    before = malformed(file_of(packets), tmp_path / "before.pcapng")
    assert malformed(file_of(new), tmp_path / "after.pcapng") <= before


def malformed(content: bytes, path: Path) -> int:
    path.write_bytes(content)
    command = ["tshark", "-n", "-r", str(path), "-Y", "_ws.malformed"]
    return len(subprocess.run(command, capture_output=True, check=True).stdout.splitlines())
