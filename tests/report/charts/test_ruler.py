"""Text in a picture: only what the font has, as wide as it is drawn, cut where it must be."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

from pcapdiag.report.charts.canvas import drawing
from pcapdiag.report.charts.ruler import drawable, elided, font, width, wrapped

pytestmark = pytest.mark.once


def test_what_steers_or_turns_a_line_or_has_no_glyph_is_escaped() -> None:
    assert drawable("a\x1b[31m\u202eb\nc") == "a\\x1b[31m\\u202eb\\x0ac"
    assert drawable("\u05d0\u0628\u4e2d") == "\\u05d0\\u0628\\u4e2d"
    assert drawable("caf\u00e9 \u2192 $x$") == "caf\u00e9 \u2192 $x$"
    assert drawable("GET /?token=abc") == "GET /?token=***"


@pytest.mark.parametrize("bold", [False, True])
def test_widths_are_those_that_are_drawn(bold: bool) -> None:
    text = "upstream: did it 10.0.2.7:8443"
    drawn = TextPath((0, 0), text, size=40, prop=font(bold)).get_extents().width
    assert width(text, 40, bold) == pytest.approx(drawn, rel=0.02)


@pytest.mark.parametrize("dpi", [72, 90, 144])
def test_widths_are_the_same_at_every_resolution(dpi: int) -> None:
    text = "packets got lost between proxy and upstream, on their way to upstream"
    with drawing():
        figure = Figure(dpi=dpi)
        drawn = figure.text(0, 0.5, text, fontproperties=font(), fontsize=8.5)
        across = drawn.get_window_extent().width * 72 / dpi
    assert width(text, 8.5) == pytest.approx(across, rel=0.02)


def test_a_long_name_loses_its_middle() -> None:
    name = "very-long-name-of-a-service.namespace.svc.cluster.local"
    short = elided(name, 120, 8)
    assert short.startswith("very-")
    assert short.endswith("local")
    assert "\u2026" in short
    assert width(short, 8) <= 120
    assert elided(name, 1000, 8) == name
    assert elided(name, 1, 8) == "\u2026"


def test_lines_are_broken_at_blanks_and_the_last_one_is_cut() -> None:
    text = "one two three four five six seven eight nine ten"
    lines = wrapped(text, 90, 8, most=2)
    assert len(lines) == 2
    assert all(width(line, 8) <= 90 for line in lines)
    assert lines[1].endswith("\u2026")
    assert wrapped("short", 90, 8) == ["short"]
    assert " ".join(wrapped(text, 90, 8, most=9)) == text
    assert len(wrapped("x" * 500, 90, 8)) == 1
