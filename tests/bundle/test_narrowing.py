"""The part of a capture that shows the same as the whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapdiag.bundle import narrowing
from pcapdiag.bundle.choosing import Chosen
from pcapdiag.bundle.comparing import Comparison, Difference, compare
from pcapdiag.bundle.narrowing import failed, narrow
from pcapdiag.bundle.original import study
from pcapdiag.bundle.parts import Frames
from pcapdiag.capture import Capture
from pcapdiag.errors import ProofError
from pcapdiag.model.report import Report
from tests.bundle.make import PCAPS, REFUSED, request
from tests.captures import stored

CASES = [
    "tcp.reset_before_response-rotated-by-time/*_0*.pcap*",
    "capture-gzip/upstream.pcapng.gz",
    "capture-slight-disorder/*.pcap.gz",
    "dns.failure-envoy/proxy.pcap",
    "http.local_reply-pcapng-two-interfaces/proxy.pcapng",
    "icmp.unreachable-router-reject/client.pcap",
    "tcp.connection_refused-behind-dnat/router.pcap",
    "tcp.reset_before_response-clock-steps-back/*.pcap",
    "tcp.reset_in_response-ip-fragments/*.pcap.gz",
    "tcp.injected_reset-in-vxlan/*.pcap",
]


def times(paths: list[str]) -> list[tuple[int, int, bytes]]:
    found = []
    for batch in Capture.open(paths).in_frame_order():
        for i in range(batch.count):
            start = batch.offsets[i]
            data = bytes(batch.buffer[start : start + batch.captured[i]])
            found.append((batch.times[i], batch.lengths[i], data))
    return found


@pytest.mark.parametrize("pattern", CASES)
def test_it_shows_the_same_and_has_every_packet_as_it_was(pattern: str, tmp_path: Path) -> None:
    names = stored(pattern)
    wish = request(*names, sanitise=False)
    original = study(wish) if _fails(names) else None
    if original is None:
        return
    narrowed = narrow(original, wish, str(tmp_path))
    assert narrowed.comparison.holds
    assert narrowed.comparison.compared
    whole = times([str(PCAPS / name) for name in names])
    here = times([narrowed.sources[0].path])
    assert here == [whole[frame - 1] for frame in narrowed.cuts[0].frames.original]


def _fails(names: list[str]) -> bool:
    import pcapdiag

    report = pcapdiag.analyze(*(PCAPS / name for name in names))
    return bool(report.summary.failed)


def test_it_is_less_than_the_whole_and_says_where_frames_were(tmp_path: Path) -> None:
    wish = request("tcp.stale_connection-nginx-race/proxy.pcap", sanitise=False)
    original = study(wish)
    narrowed = narrow(original, wish, str(tmp_path))
    frames = narrowed.cuts[0].frames
    assert narrowed.width == "implicated"
    assert 0 < len(frames) < original.report.capture.packets
    assert [frames.here(frame) for frame in frames.original] == [*range(1, len(frames) + 1)]
    assert frames.here(0) == 0
    head, *rows = frames.table().splitlines()
    assert head == "frame,original_frame,file,frame_in_file"
    assert rows[0] == f"1,{frames.original[0]},1,{frames.original[0]}"


def test_what_rests_on_others_takes_them_along(tmp_path: Path) -> None:
    wish = request(REFUSED, sanitise=False)
    narrowed = narrow(study(wish), wish, str(tmp_path))
    assert narrowed.width == "endpoints"
    assert narrowed.comparison.holds


def test_no_bundle_where_nothing_shows_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = request(REFUSED, sanitise=False)
    original = study(wish)

    def never(before: Report, after: Report, frames: Frames, chosen: Chosen) -> Comparison:
        found = compare(before, after, frames, chosen)
        found.differences.append(Difference(3, "side", "upstream", "path"))
        return found

    monkeypatch.setattr(narrowing, "compare", never)
    with pytest.raises(ProofError, match=r"stream 3: side was upstream, in the bundle path"):
        narrow(original, wish, str(tmp_path))
    assert original.parts[0].wanted.everything


def test_of_many_differences_a_few_are_told_and_the_rest_counted() -> None:
    found = Comparison()
    found.differences = [Difference(n, "side", "upstream", "path") for n in range(7)]
    error = failed(found, "sanitised")
    assert str(error).count("side was upstream") == 5
    assert "; and 2 more" in str(error)
    assert "--no-sanitize" in str(error)
    found.differences = found.differences[:5]
    assert "more" not in str(failed(found, "cut out"))
    assert "--no-sanitize" not in str(failed(found, "cut out"))
