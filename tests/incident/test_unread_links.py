"""Captures of networks that are not read."""

from __future__ import annotations

from pathlib import Path

import pytest

import pcapdiag
from pcapdiag.errors import LinkTypeError
from pcapdiag.model.options import AnalyzeOptions, CapturePoint
from pcapdiag.pipeline import correlate
from tests.capture.build import Pcapng, pcap, write

USB, ETHERNET, WIFI = 189, 1, 105


def test_a_capture_that_nothing_can_be_read_of_is_refused(tmp_path: Path) -> None:
    """Its packets may hold any failure: "nothing failed" would be wrong."""
    path = write(tmp_path / "a.pcap", pcap([(1, bytes(60))], link=USB))
    with pytest.raises(LinkTypeError) as refused:
        pcapdiag.analyze(path)
    assert refused.value.byte == 20
    assert str(refused.value).startswith(f"{path}: byte 20: link type USB_LINUX is not read: ")
    with pytest.raises(LinkTypeError):
        correlate(
            [CapturePoint("a", (str(path),)), CapturePoint("b", (str(path),))], AnalyzeOptions()
        )


def test_one_without_packets_is_not(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcap", pcap([], link=USB))
    assert pcapdiag.analyze(path).capture.packets == 0


def test_an_interface_that_is_not_read_is_told(tmp_path: Path) -> None:
    capture = Pcapng().interface(link=USB).interface(link=ETHERNET)
    path = write(tmp_path / "a.pcapng", capture.packet(1, bytes(60)).data)
    told = pcapdiag.analyze(path).capture
    assert told.undecoded_packets == 1
    assert told.notes == ["packets of link type USB_LINUX were not looked into: it is not read"]


def encrypted(number: int) -> list[tuple[int, bytes]]:
    return [(at, b"\x08\x41" + bytes(60)) for at in range(number)]


def test_what_is_recognised_and_cannot_be_read_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcap", pcap(encrypted(1200), link=WIFI))
    told = pcapdiag.analyze(path).capture
    assert (told.undecoded_packets, told.counts.other_protocols) == (0, 1200)
    assert told.notes == [
        "1,200 packets were not looked into: Wi-Fi frames that are encrypted "
        "(airdecap-ng decrypts them with the network's password)"
    ]


@pytest.mark.parametrize(("others", "notes"), [(19, 1), (20, 0)])
def test_a_few_such_packets_among_others_are_not_worth_a_word(
    others: int, notes: int, tmp_path: Path
) -> None:
    packets = encrypted(1) + [(9, bytes(60))] * others
    told = pcapdiag.analyze(write(tmp_path / "a.pcap", pcap(packets, link=WIFI))).capture
    assert len(told.notes) == notes
