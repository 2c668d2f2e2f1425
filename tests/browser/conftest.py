"""One browser for all tests of pages, and pages that tell what they asked for and complained of."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from pcapdiag.model.report import Report
from pcapdiag.report.html.page import render_html

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
READY = "html[data-ready]"
"""What the page says when all of its script has run."""
PATIENCE = 20_000
"""Milliseconds for any step."""


@dataclass
class Opened:
    """A page in the browser, what it requested, and what it complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Open a report as a file; at the end, it must have asked for nothing else, and no error."""
    opened: list[Opened] = []
    path = tmp_path / "report.html"

    def open_it(
        report: Report, at: str = "", width: int = 1440, theme: str = "light", script: bool = True
    ) -> Page:
        path.write_text("".join(render_html(report)), encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            java_script_enabled=script,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE)
        one = Opened(context.new_page())
        one.page.on("request", lambda request: one.requests.append(request.url))
        one.page.on("console", lambda message: one.complaints.append(message.text))
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        opened.append(one)
        one.page.goto(path.as_uri() + at)
        if script:
            one.page.wait_for_selector(READY, state="attached")
        return one.page

    yield open_it
    for one in opened:
        one.page.context.close()
    assert [text for one in opened for text in one.complaints] == []
    asked = {url.partition("#")[0] for one in opened for url in one.requests}
    assert asked <= {path.as_uri()}
