"""Takes the pictures of docs/ that show the HTML report; scripts/pictures runs it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from docsite.places import DOCS, ROOT
from pcapdiag import pipeline
from pcapdiag.model.options import AnalyzeOptions, CapturePoint
from pcapdiag.model.report import Report
from pcapdiag.report.html.page import render_html

INCIDENT = Path("fixtures/pcaps/http.local_reply-points-haproxy-forged-reset")
"""A client's 502, and the device between proxy and upstream that caused it."""
POINTS = ("client", "proxy", "upstream")
TUTORIAL = Path("fixtures/pcaps/http.local_reply-points-envoy-refused/proxy.pcap")
"""The capture that docs/tutorial.md reads."""
WIDTH = 1280
PICTURES = DOCS / "images"


def main() -> None:
    os.chdir(ROOT)
    options = AnalyzeOptions(pictures=True)
    points = [CapturePoint(name, (str(INCIDENT / f"{name}.pcap"),)) for name in POINTS]
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        several = pipeline.correlate(points, options)
        views = {"html-report": ("", 900), "html-report-connection": ("#stream-3@proxy", 830)}
        take(browser, several, views)
        alone = pipeline.analyze([TUTORIAL], options)
        take(browser, alone, {"tutorial-page": ("", 605)})
        browser.close()


def take(browser: Browser, report: Report, pictures: dict[str, tuple[str, int]]) -> None:
    """Save each picture: where the page is opened, and how high the picture is."""
    with tempfile.TemporaryDirectory() as folder:
        page_file = Path(folder, "report.html")
        page_file.write_text("".join(render_html(report)), encoding="utf-8")
        for name, (at, height) in pictures.items():
            page = browser.new_page(viewport={"width": WIDTH, "height": height})
            page.goto(page_file.as_uri() + at)
            page.wait_for_selector("html[data-ready]", state="attached")
            page.screenshot(path=PICTURES / f"{name}.png")
            page.close()


if __name__ == "__main__":
    main()
