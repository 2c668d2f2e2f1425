"""The page's bytes: the same each time, nothing from outside, nothing that a capture could break."""

from __future__ import annotations

import base64
import configparser
import json
import re
import zlib
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pcapdiag.model.report import Connection, Report, Segment, SegmentSeries
from pcapdiag.model.report_tls import Tls, TlsClientHello
from pcapdiag.report import palette
from pcapdiag.report.clock import Clock
from pcapdiag.report.html import assets, embed, told
from pcapdiag.report.html.page import render_html
from pcapdiag.report.json import render_json, render_line
from pcapdiag.report.jsonl import report_lines
from pcapdiag.report.palette import Shade
from tests.report.fabricate import finding, healthy, refused, replied, report

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[3]
HOSTILE = "</script><b>\"'\u202eevil"


class Elements(HTMLParser):
    """All elements of a page with their attributes, and the text of each script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def page(of: Report) -> str:
    return "".join(render_html(of))


def block(text: str, name: str) -> Any:  # noqa: ANN401
    found = re.search(rf'id="data-{name}">([A-Za-z0-9+/=]*)</script>', text)
    assert found, name
    return json.loads(zlib.decompress(base64.b64decode(found[1])))


def attacked() -> Report:
    one = replied(17)
    one.verdict.title = one.verdict.explanation = f"refused: {HOSTILE}"
    one.verdict.commands = one.verdict.fixes = one.verdict.notes = [HOSTILE]
    one.tls = Tls(client_hello=TlsClientHello(sni=HOSTILE))
    made = report([one], findings=[msgspec.structs.replace(finding(), title=HOSTILE)])
    made.capture.files[0].path = HOSTILE
    return made


def test_the_same_report_gives_the_same_bytes() -> None:
    assert page(attacked()) == page(attacked())


def test_what_strangers_wrote_stays_text() -> None:
    plain = {tag for tag, _ in Elements(page(report([replied(17)], findings=[finding()]))).found}
    text = page(attacked())
    found = Elements(text).found
    assert {tag for tag, _ in found} == plain
    assert [name for _, names in found for name in names if name.startswith("on")] == []
    assert "\u202e" not in text
    assert "&lt;/script&gt;&lt;b&gt;&#34;&#39;\\u202eevil" in text


def test_embedded_texts_are_masked_and_harmless() -> None:
    detail = block(page(attacked()), "chunk-0")[0]
    connection = detail["connection"]
    assert connection["tls"]["client_hello"]["sni"] == "</script><b>\"'\\u202eevil"
    assert connection["http"]["exchanges"][1]["target"] == "/pay?token=***"


def test_nothing_comes_from_outside_and_only_this_script_runs() -> None:
    text = page(attacked())
    elements = Elements(text).found
    for tag, attributes in elements:
        assert not {"src", "srcset", "action", "style"} & set(attributes), tag
        assert attributes.get("href", "#").startswith("#")
        assert tag not in {"link", "iframe", "object", "embed", "img", "base", "form"}
    (policy,) = [a["content"] for t, a in elements if t == "meta" and "http-equiv" in a]
    script = text.rpartition("<script>")[2].partition("</script>")[0]
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert policy == (
        f"default-src 'none'; style-src {assets.integrity(style)}; "
        f"script-src {assets.integrity(script)}; base-uri 'none'; form-action 'none'"
    )


def test_scripts_never_make_markup_of_texts() -> None:
    script = assets.script()
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "://"):
        assert way not in script.replace("http://www.w3.org/2000/svg", ""), way
    assert "</script" not in script.lower()


def test_rows_and_details_are_whole() -> None:
    text = page(report([refused(17), refused(18), healthy(1)]))
    rows = block(text, "rows")["rows"]
    names = [field.name for field in msgspec.structs.fields(embed.Row)]
    first = dict(zip(names, rows[0], strict=True))
    assert [row[0] for row in rows] == [17, 18, 1]
    assert (first["initiator"], first["code"]) == ("10.0.1.5:40017", "tcp.connection_refused")
    assert [row[names.index("group")] for row in rows] == [0, 0, -1]
    assert len({(row[names.index("chunk")], row[names.index("place")]) for row in rows}) == 3
    fields = re.search(r"FIELDS = \[(.*?)\]", assets.script(), re.DOTALL)
    assert fields
    assert re.findall(r'"(\w+)"', fields[1]) == names


def drawn(stream: int) -> Connection:
    one = refused(stream)
    segment = Segment(time=0.0, frame=1, initiator=True, flags=2, seq=0, length=0)
    one.series = SegmentSeries(segments=[segment])
    return one


def test_charts_have_their_packets_while_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "CHUNK", 1)
    text = page(report([drawn(1), drawn(2)]))
    assert block(text, "chunk-1")[0]["connection"]["series"]["segments"][0][:4] == [0, 1, True, 2]
    monkeypatch.setattr(embed, "PICTURE_BYTES", 1)
    text = page(report([drawn(1), drawn(2)]))
    assert "series" not in block(text, "chunk-1")[0]["connection"]
    assert "1 connection without charts of their packets" in text


def test_json_beside_a_page_has_no_packets() -> None:
    made = report([drawn(1)])
    assert "series" not in "".join(render_json(made, pictures=False))
    assert "series" not in "".join(map(render_line, report_lines(made, pictures=False)))
    assert "series" in "".join(render_json(made))


def test_what_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "MAX_ROWS", 3)
    monkeypatch.setattr(embed, "CHUNK", 1)
    monkeypatch.setattr(embed, "DETAIL_BYTES", 1)
    text = page(report([healthy(9), *(refused(n) for n in range(4))]))
    assert "2 more connections not listed" in text
    assert "2 connections listed without details" in text
    assert [row[0] for row in block(text, "rows")["rows"]] == [0, 1, 2]


def test_groups_beyond_the_first_get_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "FULL_GROUPS", 2)
    text = page(report([refused(n, port=8000 + n) for n in range(4)]))
    assert text.count('class="group"') == 4
    assert text.count('<dt class="slip-fix">') == 2


def test_five_thousand_failures_stay_small() -> None:
    text = page(report([refused(n, n / 10) for n in range(5_000)]))
    assert len(text) < 3_000_000


def luminance(color: str) -> float:
    """WCAG 2.2, relative luminance."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("under", [palette.PAPER, palette.PANEL])
def test_every_text_can_be_read(theme: str, under: Shade) -> None:
    texts = [*palette.PARTY.values(), palette.FAILED, palette.WARNING, palette.WORKED]
    for shade in (*texts, palette.INK, palette.MUTED):
        assert contrast(getattr(shade, theme), getattr(under, theme)) >= 4.5, shade


def test_every_part_of_the_page_is_installed() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = setup["options.package_data"]["pcapdiag.report.html"].split(", ")
    folder = ROOT / "pcapdiag/report/html"
    parts = [path for path in folder.rglob("*.*") if path.suffix in {".html", ".js", ".css"}]
    names = [path.relative_to(folder).as_posix() for path in parts]
    assert [name for name in names if not any(fnmatch(name, one) for one in wanted)] == []
    used = {*assets.SCRIPTS, "js/main.js"}
    assert {name for name in names if name.startswith("js/")} == used


def test_a_row_has_no_confidence_where_nobody_can_be_told() -> None:
    named, unknown = refused(1), refused(2)
    unknown.verdict.attribution.side, unknown.verdict.attribution.party = "unknown", "unknown"
    named.verdict.title = "x" * 300
    rows = [embed.row_of(one, Clock(start=one.start)) for one in (named, unknown)]
    assert [row.confidence for row in rows] == [0.93, -1.0]
    assert len(rows[0].title) == embed.ROW_TEXT + len("...")
