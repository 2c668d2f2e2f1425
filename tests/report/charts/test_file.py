"""Pictures as files: valid, the same bytes each time, text that stays text, nothing on stderr."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib
import pytest
from matplotlib.image import imread

from pcapdiag.report.charts import canvas
from pcapdiag.report.charts.file import draw_capture, draw_connection
from pcapdiag.report.charts.look import Form, Look
from pcapdiag.report.palette import PAPER
from tests.report.charts.made import activity, cut_off
from tests.report.fabricate import report

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[3]
LIGHT = Look()
FORMS: tuple[Form, ...] = ("png", "svg", "pdf")
SVG = "{http://www.w3.org/2000/svg}"


def connection_file(form: Form, look: Look = LIGHT) -> bytes:
    made = cut_off()
    return draw_connection(report([made]), made, look, form, 100)


def test_a_png_has_the_pixels_asked_for_and_the_paper_s_colour() -> None:
    assert width_and_paper(connection_file("png")) == (1000, PAPER.light)
    dark = Look(width=8, dark=True)
    assert width_and_paper(connection_file("png", dark)) == (800, PAPER.dark)


def test_a_png_never_has_more_pixels_than_can_be_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canvas, "MAX_PIXELS", 40_000)
    pixels = imread(io.BytesIO(connection_file("png")), format="png")
    assert 30_000 < pixels.shape[0] * pixels.shape[1] < 41_000


def width_and_paper(png: bytes) -> tuple[int, str]:
    pixels = imread(io.BytesIO(png), format="png")
    corner = "".join(f"{round(part * 255):02x}" for part in pixels[1, 1, :3])
    return pixels.shape[1], f"#{corner}"


def test_text_of_an_svg_is_text_and_parts_have_names() -> None:
    root = ET.fromstring(connection_file("svg"))
    said = [element.text for element in root.iter(f"{SVG}text")]
    assert "tcp.injected_reset by the device on the path" in said
    assert any("DejaVu Sans" in (e.get("style") or "") for e in root.iter(f"{SVG}text"))
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert "responder-again" in ids
    assert not any("http" in (e.get("href") or "") for e in root.iter())


def test_a_pdf_is_one_and_has_the_font_in_it() -> None:
    data = connection_file("pdf")
    assert data.startswith(b"%PDF-1.")
    assert data.rstrip().endswith(b"%%EOF")
    assert b"DejaVuSans" in data


def test_the_same_report_gives_the_same_bytes(tmp_path: Path) -> None:
    """In another process too, with another hash seed, and whatever a user's settings say."""
    program = f"""
import sys
from pathlib import Path
from tests.report.charts.test_file import FORMS, connection_file
for form in FORMS:
    Path({str(tmp_path)!r}, form).write_bytes(connection_file(form))
assert "matplotlib.pyplot" not in sys.modules
"""
    mine = ROOT / "tests" / "report" / "charts" / "matplotlibrc"
    env = {**os.environ, "PYTHONHASHSEED": "7", "MATPLOTLIBRC": str(mine), "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, cwd=ROOT, env=env
    )
    assert done.stderr == b""
    for form in FORMS:
        assert (tmp_path / form).read_bytes() == connection_file(form), form


def test_settings_of_the_process_are_given_back() -> None:
    before = dict(matplotlib.rcParams)
    made = report([cut_off()])
    made.activity = activity()
    assert draw_capture(made, Look(), "svg", 100)
    assert dict(matplotlib.rcParams) == before
