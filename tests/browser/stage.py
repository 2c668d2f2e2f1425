"""An empty page with the figures' scripts in it, on which one figure is drawn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from playwright.sync_api import Browser, Page

from pcapdiag.model.options import AnalyzeOptions, CapturePoint
from pcapdiag.model.report import Report
from pcapdiag.pipeline import analyze, correlate
from pcapdiag.report.html.assets import style
from tests.captures import FIXTURES

DRAW = """([name, data, context]) => {
    window.calls = [];
    const place = document.createElement("div");
    place.id = "figure";
    document.body.append(place);
    const told = {
        ...context,
        select: (key) => calls.push(["select", key]),
        filterTime: (from, to) => calls.push(["time", from, to]),
    };
    pcapdiag.figures[name](place, JSON.parse(data), told);
    pcapdiag.figures.link(document.body, {});
}"""

COVERED = """() => {
    const boxes = [...document.querySelectorAll("#figure .figure-svg")].flatMap((svg) => {
        const whole = svg.getBoundingClientRect();
        return [...svg.querySelectorAll("text")].map((text) => {
            const box = text.getBoundingClientRect();
            return {text: text.textContent, svg: whole, l: box.left, r: box.right,
                    t: box.top + 3, b: box.bottom - 3};
        });
    }).filter((box) => box.text);
    const wrong = boxes.filter((box) => box.l < box.svg.left - 1 || box.r > box.svg.right + 1)
        .map((box) => `outside: ${box.text}`);
    boxes.forEach((a, at) => boxes.slice(at + 1).forEach((b) => {
        if (a.l < b.r - 1 && b.l < a.r - 1 && a.t < b.b && b.t < a.b) {
            wrong.push(`${a.text} over ${b.text}`);
        }
    }));
    return wrong;
}"""
"""Texts that lie over each other or outside of the figure."""


@contextmanager
def drawn(
    browser: Browser, name: str, data: object, *, width: int = 1100, **told: object
) -> Iterator[Page]:
    """Yield a page of that width with the figure; the page must not have complained.

    ``told`` are members of the figure's context.
    """
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.add_style_tag(content=style() + "body { font-family: sans-serif; }")
    page.add_script_tag(content=_script())
    page.evaluate(DRAW, [name, json.dumps(data), told])
    yield page
    context.close()
    assert complaints == []


@cache
def _script() -> str:
    folder = files("pcapdiag.report.html") / "figures"
    # Not in the page's order: a figure may rely on none.
    found = sorted(folder.iterdir(), key=lambda file: file.name, reverse=True)
    return "\n".join(file.read_text("utf-8") for file in found if file.name.endswith(".js"))


def as_page(report: Report) -> dict[str, Any]:
    """Return a report as the page has it."""
    made: dict[str, Any] = json.loads(msgspec.json.encode(report, enc_hook=list))
    return made


@cache
def captured(scenario: str, name: str = "client.pcap") -> str:
    """Return the JSON of a stored capture's report, with what pictures are drawn from."""
    options = AnalyzeOptions(pictures=True)
    return json.dumps(as_page(analyze([FIXTURES / "pcaps" / scenario / name], options)))


def connection(scenario: str, name: str = "client.pcap") -> dict[str, Any]:
    """Return the first failed connection of a stored capture."""
    first: dict[str, Any] = json.loads(captured(scenario, name))["connections"][0]
    return first


def at_points(scenario: str, *labels: str) -> dict[str, Any]:
    """Return the report of several points, each a file of that name."""
    folder = FIXTURES / "pcaps" / scenario
    points = [CapturePoint(label, (str(folder / f"{label}.pcap"),)) for label in labels]
    return as_page(correlate(points, AnalyzeOptions(pictures=True)))
