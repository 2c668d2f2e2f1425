"""The time-sequence chart in a browser: every packet at its place, and zoom in all ways."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.stage import COVERED, connection, drawn

pytestmark = [pytest.mark.once, pytest.mark.needs(program="chromium")]

SCENARIO = "mtu.black_hole-upload"
BYTES = """() => [...document.querySelectorAll("#figure .bytes[data-frame]")].map((line) => ({
    frame: Number(line.dataset.frame), time: Number(line.dataset.time),
    seq: Number(line.dataset.seq), length: Number(line.dataset.length),
    from: line.dataset.from, x: Number(line.getAttribute("x1")),
    top: Number(line.getAttribute("y1")), bottom: Number(line.getAttribute("y2")),
    kind: line.classList[1]}))"""


def shown(page: Page) -> tuple[float, float]:
    """The range of time that the chart shows."""
    data = page.locator(".figure-sequence")
    return float(data.get_attribute("data-from") or 0), float(data.get_attribute("data-to") or 0)


@pytest.mark.parametrize("width", [390, 1100])
def test_packets_are_where_their_numbers_say(browser: Browser, width: int) -> None:
    told = connection(SCENARIO)
    sent = [one for one in told["series"]["segments"] if one[5]]
    with drawn(browser, "sequence", told, width=width) as page:
        found = sorted(page.evaluate(BYTES), key=lambda one: one["frame"])
        assert page.evaluate(COVERED) == []
    assert [(one["time"], one["frame"], one["seq"], one["length"]) for one in found] == [
        (one[0], one[1], one[4], one[5]) for one in sent
    ]
    mine = [one for one in found if one["from"] == "initiator" and one["length"] > 1000]
    assert all(one["bottom"] - one["top"] >= 3 for one in found)  # nothing is too thin to see
    first, last = mine[0], mine[-1]
    per_second = (last["x"] - first["x"]) / (last["time"] - first["time"])
    low, high = min(mine, key=lambda m: m["seq"]), max(mine, key=lambda m: m["seq"])
    per_byte = (high["bottom"] - low["bottom"]) / (high["seq"] - low["seq"])
    assert per_second > 0 > per_byte, "later is to the right, more is higher"
    for one in mine:
        assert one["x"] == pytest.approx(first["x"] + (one["time"] - first["time"]) * per_second)
        assert one["bottom"] - one["top"] == pytest.approx(one["length"] * -per_byte)
        assert one["bottom"] == pytest.approx(
            low["bottom"] + (one["seq"] - low["seq"]) * per_byte, abs=4
        )
    again = [one["frame"] for one in found if one["kind"] == "again"]
    assert again == [15, 16, 17, 18, 19, 20, 21]


def test_zero_windows_probes_and_resets_are_marked(browser: Browser) -> None:
    told = connection("tcp.zero_window-client-stops-reading")
    with drawn(browser, "sequence", told) as page:
        zero = page.locator(".answer:has(.zero)").all()
        assert [one.get_attribute("data-frame") for one in zero] == ["16", "18", "21", "23"]
        assert page.locator(".bytes.probe[data-frame]").count() == 4
        expect(page.locator(".letter.rst")).to_have_attribute("data-frame", "24")
        lines = page.locator(".decisive-line[data-frame]").all()
        assert [line.get_attribute("data-frame") for line in lines] == ["16", "24"]


def test_zooms_by_buttons_keys_wheel_and_drag(browser: Browser) -> None:
    with drawn(browser, "sequence", connection(SCENARIO)) as page:
        start, end = shown(page)
        chart = page.locator(".figure-sequence")
        page.get_by_label("Zoom in").click()
        assert shown(page)[1] - shown(page)[0] == pytest.approx((end - start) / 2)
        left, right = shown(page)
        page.get_by_label("Later").click()
        assert shown(page) == pytest.approx((left + (right - left) / 4, right + (right - left) / 4))
        page.get_by_label("Earlier").click()
        chart.focus()
        page.keyboard.press("-")
        assert shown(page) == pytest.approx((start, end))
        page.keyboard.press("+")
        page.keyboard.press("0")
        assert shown(page) == pytest.approx((start, end))
        box = chart.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 300, box["y"] + 100)
        page.keyboard.down("Control")
        page.mouse.wheel(0, -100)
        page.keyboard.up("Control")
        page.wait_for_function(f"document.querySelector('.figure-sequence').dataset.to < {end}")
        page.get_by_label("Show all of the time").click()
        page.mouse.move(box["x"] + 300, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 500, box["y"] + 100)
        page.mouse.up()
        share = (end - start) / float(
            page.evaluate(
                "document.querySelector('.axis').x2.baseVal.value - document.querySelector('.axis').x1.baseVal.value"
            )
        )
        assert shown(page)[1] - shown(page)[0] == pytest.approx(200 * share, rel=1e-6)


def test_a_packet_that_is_pointed_at_tells_its_numbers(browser: Browser) -> None:
    with drawn(browser, "sequence", connection(SCENARIO)) as page:
        page.evaluate("document.body.append(document.createElement('p'))")
        page.evaluate("document.querySelector('p').dataset.frames = '20 21'")
        box = page.locator(".bytes[data-frame='21']").bounding_box()
        assert box is not None
        page.mouse.move(box["x"], box["y"] + box["height"] / 2)
        tip = page.locator(".figure-tip")
        expect(tip).to_contain_text("#21")
        expect(tip).to_contain_text("seq 44, 1,448 bytes")
        expect(tip).to_contain_text("sent again")
        expect(page.locator("p.is-lit")).to_have_count(1)
        page.locator(".figure-sequence").focus()
        page.keyboard.press("ArrowRight")
        expect(tip).to_contain_text("#22")
        expect(tip).to_contain_text("RST")


def test_the_table_says_the_same(browser: Browser) -> None:
    told = connection(SCENARIO)
    with drawn(browser, "sequence", told) as page:
        page.locator(".figure-table summary").click()
        lines = page.locator(".figure-table tbody tr")
        expect(lines).to_have_count(len(told["series"]["segments"]))
        first = lines.first.inner_text()
    assert first.split("\t")[:5] == ["3", "0.000000", "proxy", "SYN", "0"]


def test_packets_that_were_not_kept_leave_a_gap(browser: Browser) -> None:
    told = connection(SCENARIO)
    told["series"].update(left_out=1234, left_out_after=8)
    with drawn(browser, "sequence", told) as page:
        expect(page.locator(".gap").first).to_contain_text("1,234 packets between not kept")
        before, after = (told["series"]["segments"][at][0] for at in (7, 8))
        gap = page.locator(".gap rect").first
        start, end = shown(page)
        width = float(gap.get_attribute("width") or 0)
        room = float(page.locator(".panel > svg").first.get_attribute("width") or 0)
        assert width == pytest.approx((after - before) / (end - start) * room, rel=1e-3)


def test_each_point_has_a_chart_of_its_own_frames(browser: Browser) -> None:
    told = connection(SCENARIO)
    there = json.loads(json.dumps(told["series"]))
    for one in there["segments"]:
        one[1] += 1000
    told["seen_at"] = [{"point": "proxy"}, {"point": "upstream", "series": there}]
    told["verdict"].update(point="upstream", frames=[1021])
    with drawn(browser, "sequence", told, points=["proxy", "upstream"]) as page:
        assert page.locator(".decisive-line[data-frame]").count() == 0
        page.get_by_label("As captured at").select_option("upstream")
        line = page.locator(".decisive-line[data-frame]")
        expect(line).to_have_attribute("data-frame", "1021")
        expect(line).to_have_attribute("data-point", "upstream")
        expect(page.locator(".figure-sequence")).to_have_count(1)


def test_nothing_is_drawn_where_no_packets_were_kept(browser: Browser) -> None:
    told = connection(SCENARIO)
    del told["series"]
    with drawn(browser, "sequence", told) as page:
        assert page.locator("#figure").inner_html() == ""
