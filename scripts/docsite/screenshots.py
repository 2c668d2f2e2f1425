"""Takes the pictures of the HTML report that docs/html-report.md shows.

python scripts/screenshots.py        needs chromium, and playwright from PyPI
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from docsite.places import DOCS, ROOT
from pcapdiag import pipeline
from pcapdiag.model.options import AnalyzeOptions, CapturePoint
from pcapdiag.report.html.page import render_html

INCIDENT = Path("fixtures/pcaps/http.local_reply-points-haproxy-forged-reset")
"""A client's 502, and the device between proxy and upstream that caused it."""
POINTS = ("client", "proxy", "upstream")
PICTURES = {
    "html-report.png": ("", 900),
    "html-report-connection.png": ("#stream-3@proxy", 830),
}
"""Where the page is opened, and how high the picture is."""
WIDTH = 1280


def main() -> None:
    os.chdir(ROOT)
    points = [CapturePoint(name, (str(INCIDENT / f"{name}.pcap"),)) for name in POINTS]
    report = pipeline.correlate(points, AnalyzeOptions(pictures=True))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder, "report.html")
        page_file.write_text("".join(render_html(report)), encoding="utf-8")
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, (at, height) in PICTURES.items():
            page = browser.new_page(viewport={"width": WIDTH, "height": height})
            page.goto(page_file.as_uri() + at)
            page.wait_for_selector("html[data-ready]", state="attached")
            page.screenshot(path=DOCS / "images" / name)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
