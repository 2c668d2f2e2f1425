"""The ladder in a browser: its arrows say what the report's timeline says, no more and no less."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.stage import COVERED, at_points, connection, drawn

pytestmark = [pytest.mark.once, pytest.mark.needs(program="chromium")]

TOLD = (
    "tcp.connection_refused-closed-port",
    "tcp.injected_reset-on-server-name",
    "mtu.black_hole-upload",
    "tcp.zero_window-client-stops-reading",
    "icmp.unreachable-router-reject",
    "http2.goaway-nginx-protocol-error",
)
ROWS = """() => [...document.querySelectorAll("#figure .row")].map((row) => {
    const event = row.querySelector(".event");
    const whole = event.querySelector("title");
    const shaft = row.querySelector(".shaft");
    return {...row.dataset, frame: Number(row.dataset.frame),
            decisive: row.classList.contains("is-decisive"),
            event: (whole || event).textContent, spoken: row.getAttribute("aria-label"),
            x1: Number(shaft.getAttribute("x1")), x2: Number(shaft.getAttribute("x2"))};
})"""
LANES = """() => [...document.querySelectorAll("#figure .lane")].map((lane) =>
    Number(/M([\\d.]+) /.exec(lane.getAttribute("d"))[1]))"""


def rows(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = page.evaluate(ROWS)
    return found


@pytest.mark.parametrize("width", [390, 1100])
@pytest.mark.parametrize("scenario", TOLD)
def test_each_line_of_the_timeline_is_an_arrow(browser: Browser, scenario: str, width: int) -> None:
    told = connection(scenario)
    with drawn(browser, "ladder", told, width=width) as page:
        found = rows(page)
        left, path, right = page.evaluate(LANES)
        assert page.evaluate(COVERED) == []
    entries = told["timeline"]
    assert [(row["frame"], row["from"], row["event"]) for row in found] == [
        (entry["frame"], entry["from"], entry["event"]) for entry in entries
    ]
    decisive = {row["frame"] for row in found if row["decisive"]}
    assert decisive == set(told["verdict"]["frames"])
    for row, entry in zip(found, entries, strict=True):
        assert all(word in row["spoken"] for word in entry["detail"].split(", ")[-2:])
        starts = {"initiator": left, "path": path, "responder": right}[row["maker"]]
        assert abs(row["x1"] - starts) < 8
        to_right = row["from"] == "initiator"
        assert row["x2"] > row["x1"] if to_right else row["x2"] < row["x1"]


def test_a_forged_reset_comes_from_the_path(browser: Browser) -> None:
    told = connection("tcp.injected_reset-on-server-name")
    with drawn(browser, "ladder", told) as page:
        forged = page.locator(".row[data-frame='26']")
        expect(forged).to_have_attribute("data-maker", "path")
        expect(forged).to_have_attribute("data-from", "responder")
        expect(forged).to_contain_text("by a device between")
        expect(page.locator(".lane-head[data-side=path] .blame")).to_have_text("did it, 0.99")
        assert rows(page)[-1]["maker"] == "initiator"


def test_what_the_path_swallowed_ends_on_it(browser: Browser) -> None:
    told = connection("mtu.black_hole-upload")
    with drawn(browser, "ladder", told) as page:
        lost = [row["frame"] for row in rows(page) if row["reach"] == "lost"]
        assert lost == [10, 11, 15, 16, 17, 18, 19, 20, 21]
        _, path, _ = page.evaluate(LANES)
        assert all(row["x2"] == path for row in rows(page) if row["reach"] == "lost")
        expect(page.locator(".figure-legend")).to_contain_text("lost on the path")


def test_nobody_knows_how_far_an_unanswered_syn_came(browser: Browser) -> None:
    told = connection("tcp.connection_timeout-router-drop")
    with drawn(browser, "ladder", told) as page:
        assert {row["reach"] for row in rows(page)} == {"open"}
        expect(page.locator(".lane-head[data-side=path] .blame")).to_contain_text("may have")
        expect(page.locator(".break.pause").first).to_have_text("1.0 s pause")


@pytest.mark.parametrize("width", [390, 1100])
def test_points_show_what_was_lost_between_and_what_was_made(browser: Browser, width: int) -> None:
    labels = ("fw-inside", "fw-outside")
    report = at_points("tcp.injected_reset-points-inside-outside", *labels)
    told = report["connections"][0]
    with drawn(browser, "ladder", told, width=width, points=list(labels)) as page:
        found = page.evaluate(
            """() => [...document.querySelectorAll(".row")].map((row) => [row.dataset.from,
                row.dataset.fate, [...row.querySelectorAll("[data-frame]")].map((cell) =>
                    [cell.dataset.lane, Number(cell.dataset.frame)]),
                row.querySelector(".event").textContent, row.classList.contains("is-decisive")])"""
        )
        assert page.evaluate(COVERED) == []
        assert page.locator(".made").count() == 2, "the reset, and the legend's"
    for row, passage in zip(found, told["passages"], strict=True):
        seen = [
            [label, frame]
            for label, frame in zip(labels, passage["frames"], strict=True)
            if frame is not None
        ]
        expected = [passage["from"], passage["fate"], seen, passage["event"], passage["decisive"]]
        assert row == expected


def test_evidence_and_frames_light_each_other(browser: Browser) -> None:
    told = connection("tcp.injected_reset-on-server-name")
    with drawn(browser, "ladder", told) as page:
        page.evaluate(
            """() => {
                const sign = document.createElement("p");
                Object.assign(sign.dataset, {frames: "25 26"});
                sign.textContent = "TTL";
                document.body.prepend(sign);
            }"""
        )
        lit = page.locator(".row.is-lit")
        page.hover("p[data-frames]")
        assert [row.get_attribute("data-frame") for row in lit.all()] == ["25", "26"]
        page.hover(".row[data-frame='24']")
        expect(page.locator("p.is-lit")).to_have_count(0)
        page.hover(".row[data-frame='26']")
        expect(page.locator("p.is-lit")).to_have_count(1)


def test_evidence_lights_the_frames_of_its_own_point(browser: Browser) -> None:
    labels = ("fw-inside", "fw-outside")
    told = at_points("tcp.injected_reset-points-inside-outside", *labels)["connections"][0]
    with drawn(browser, "ladder", told, points=list(labels)) as page:
        page.evaluate(
            """() => {
                const sign = document.createElement("p");
                Object.assign(sign.dataset, {frames: "3 19", point: "fw-inside"});
                sign.textContent = "TTL";
                document.body.prepend(sign);
            }"""
        )
        page.hover("p[data-frames]")
        lit = [cell.get_attribute("data-lane") for cell in page.locator(".row .is-lit").all()]
        assert lit == ["fw-inside", "fw-inside"]


def test_arrow_keys_go_from_row_to_row(browser: Browser) -> None:
    with drawn(browser, "ladder", connection("tcp.injected_reset-on-server-name")) as page:
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        expect(page.locator(".row:focus")).to_have_attribute("data-frame", "24")
        page.keyboard.press("End")
        expect(page.locator(".row:focus")).to_have_attribute("data-frame", "28")


def test_hostile_texts_stay_texts(browser: Browser) -> None:
    attack = "<img src=x onerror=window.hit=1>\u202e\u0000</title><script>window.hit=1</script>"
    told = connection("tcp.injected_reset-on-server-name")
    for entry in told["timeline"]:
        entry["event"] = entry["detail"] = attack
    told["timeline"][0]["event"] = attack + "x" * 1_000_000
    with drawn(browser, "ladder", told, width=390) as page:
        assert page.evaluate("window.hit") is None
        assert page.locator("#figure img, #figure script").count() == 0
        title = page.locator(".event title").first.text_content() or ""
        assert title.startswith("<img src=x onerror=window.hit=1>\\u202e\\u0000</title>")
        assert len(title) < 2_000
        assert page.evaluate(COVERED) == []
