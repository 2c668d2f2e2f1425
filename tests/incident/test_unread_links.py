"""Captures of networks that are not read."""

from __future__ import annotations

from pathlib import Path

import pytest

import pcapdiag
from pcapdiag.errors import LinkTypeError
from pcapdiag.model.options import AnalyzeOptions, CapturePoint
from pcapdiag.pipeline import correlate
from tests.capture.build import Pcapng, pcap, write

WIFI, ETHERNET = 105, 1


def test_a_capture_that_nothing_can_be_read_of_is_refused(tmp_path: Path) -> None:
    """Its packets may hold any failure: "nothing failed" would be wrong."""
    path = write(tmp_path / "a.pcap", pcap([(1, bytes(60))], link=WIFI))
    with pytest.raises(LinkTypeError) as refused:
        pcapdiag.analyze(path)
    assert refused.value.byte == 20
    assert str(refused.value).startswith(f"{path}: byte 20: link type IEEE802_11 is not read: ")
    with pytest.raises(LinkTypeError):
        correlate(
            [CapturePoint("a", (str(path),)), CapturePoint("b", (str(path),))], AnalyzeOptions()
        )


def test_one_without_packets_is_not(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcap", pcap([], link=WIFI))
    assert pcapdiag.analyze(path).capture.packets == 0


def test_an_interface_that_is_not_read_is_told(tmp_path: Path) -> None:
    capture = Pcapng().interface(link=WIFI).interface(link=ETHERNET)
    path = write(tmp_path / "a.pcapng", capture.packet(1, bytes(60)).data)
    told = pcapdiag.analyze(path).capture
    assert told.undecoded_packets == 1
    assert told.notes == ["packets of link type IEEE802_11 were not looked into: it is not read"]
