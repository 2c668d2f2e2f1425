"""No line of a log, whoever wrote it, does harm: nothing is raised, kept or waited for without end."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcapdiag.errors import PcapdiagError
from pcapdiag.logs import parse_source, read_log
from pcapdiag.logs.fields import MAX_TEXT
from pcapdiag.logs.lines import MAX_LINE
from pcapdiag.model.logs import PRODUCTS, LogEntry, Product
from tests.logs.reads import one, reading
from tests.logs.test_carried import LINES, PREFIXES

pytestmark = pytest.mark.once

FORMS = {
    "envoy": '%START_TIME% "%REQ(:PATH)%"%RESPONSE_CODE%%RESPONSE_FLAGS% %REQ(A)% %UPSTREAM_HOST%:x',
    "nginx": '$remote_addr:$remote_port $msec "$request"$status$upstream_addr $upstream_status',
    "haproxy": "%ci:%cp->%bi:%bp->%si:%sp [%tr] %{+Q}r%hr%ST %tsc %[src]",
}
PIECES = [
    *('"', "\\", " ", ":", "::", "[", "]", "{", "}", "|", ",", "%", "-", "\t", "\x00", "\x1b[31m"),
    *(
        "503 UF ",
        "[2026-11-29T02:37:17.165Z] ",
        "10.0.0.1:80",
        "\u202e",
        "\ud7ff",
        "9" * 30,
        "1e400",
    ),
    *("2026/13/99 99:99:99", "[29/Foo/2026:25:61:61.000]", '{"a":', "<134>1 ", "haproxy[1]: "),
]


def read_all(path: Path, product: Product, form: str = "") -> list[LogEntry]:
    named = f"{product}:{form}={path}" if form else f"{product}={path}"
    try:
        return list(read_log(parse_source(named)))
    except PcapdiagError:
        return []


def check(entries: list[LogEntry]) -> None:
    for entry in entries:
        assert isinstance(entry.time, int)
        for name in ("target", "host", "details", "message", "request_id", "upstream_name"):
            assert len(getattr(entry, name) or "") <= 2 * MAX_TEXT
        assert len(entry.upstreams) <= 32
        assert len(entry.flags) <= 16


def damaged(line: bytes, seed: random.Random) -> bytes:
    made = bytearray(line)
    for _ in range(seed.randint(1, 6)):
        at = seed.randrange(len(made) + 1)
        piece = seed.choice(PIECES).encode() if seed.random() < 0.7 else seed.randbytes(3)
        made[at : at + seed.randint(0, 8)] = piece
    return bytes(made)


@pytest.mark.parametrize("product", PRODUCTS)
def test_damaged_lines(tmp_path: Path, product: Product) -> None:
    seed = random.Random(product)
    prefixes = ["", *PREFIXES.values()]
    lines = [damaged((seed.choice(prefixes) + LINES[product]).encode(), seed) for _ in range(1500)]
    path = tmp_path / "a.log"
    path.write_bytes(b"\n".join([LINES[product].encode(), *lines]))
    for form in ("", FORMS[product]):
        check(read_all(path, product, form))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400), product=st.sampled_from(PRODUCTS))
def test_any_bytes(tmp_path: Path, content: bytes, product: Product) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(content)
    check(read_all(path, product))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    form=st.lists(st.sampled_from([*PIECES, *FORMS.values(), "$status", "%ST"]), max_size=6).map(
        "".join
    ),
    product=st.sampled_from(PRODUCTS),
)
def test_any_format(tmp_path: Path, form: str, product: Product) -> None:
    path = tmp_path / "a.log"
    path.write_text(LINES[product] + "\n")
    try:
        source = parse_source(f"{product}:{form}={path}")
    except PcapdiagError:
        return
    check(read_all(path, source.product, source.form))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.lists(st.sampled_from([*PIECES, "json_format:\n  a: ", "log_format x '", "\n"])))
def test_any_configuration(tmp_path: Path, content: list[str]) -> None:
    (tmp_path / "proxy.conf").write_text("".join(content))
    path = tmp_path / "a.log"
    for product in PRODUCTS:
        path.write_text(LINES[product] + "\n")
        check(read_all(path, product, f"{tmp_path}/proxy.conf"))


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize(
    "piece", ["1:", "a ", '" "', "[", "{", ", ", ": ", "9", "\\x", "%", '{"a":']
)
def test_long_lines_are_cut_and_take_no_long_time(
    tmp_path: Path, product: Product, piece: str
) -> None:
    """A format that tried a line again and again would not end within the test's time."""
    head = LINES[product]
    long = piece * (4 * MAX_LINE // len(piece))
    lines = [head, long, head[:30] + long, head[:60] + long, long + head]
    for form in ("", FORMS[product]):
        path = tmp_path / "a.log"
        path.write_text("\n".join(lines) + "\n")
        log = read_log(parse_source(f"{product}:{form}={path}" if form else f"{product}={path}"))
        check(list(log))
        assert "cut after" in log.notes[0]


def test_a_line_longer_than_what_is_read_at_once(tmp_path: Path) -> None:
    lines = [LINES["envoy"], "x" * 3_000_000, LINES["envoy"]]
    log, entries = reading(tmp_path, "envoy", lines)
    assert [entry.line for entry in entries] == [1, 3]
    assert (log.lines, log.unread) == (3, 1)


@pytest.mark.parametrize(
    "line",
    [
        '{"a":' * 50_000,
        '{"start_time":"2026-11-29T02:37:22Z","response_code":' + "9" * 5000 + "}",
        '{"start_time":1e400,"response_code":1e400,"response_flags":"UF"}',
        '{"start_time":"2026-11-29T02:37:22Z","response_code":null,"response_flags":["UF"]}',
        '{"start_time":"0000-00-00T00:00:00Z","response_code":503}',
        '{"start_time":{"start_time":"x"},"response_flags":true}',
        "{" + ",".join(f'"k{n}":{n}' for n in range(5000)) + "}",
    ],
)
def test_json_that_is_meant_to_hurt(tmp_path: Path, line: str) -> None:
    log, entries = reading(tmp_path, "envoy", [LINES["envoy"], line])
    assert len(entries) + log.unread == 2


@pytest.mark.parametrize(
    "time",
    [
        *("2026-02-30T00:00:00.000Z", "2026-11-29T24:61:00.000Z", "9999-99-99T99:99:99.999Z"),
        *("0000-01-01T00:00:00.000Z", "2026-11-29 02:37:17.165Z", "now", "-", ""),
    ],
)
def test_times_that_are_none(tmp_path: Path, time: str) -> None:
    line = LINES["envoy"].replace("2026-11-29T02:37:17.165Z", time)
    log, entries = reading(tmp_path, "envoy", [LINES["envoy"], line])
    assert (len(entries), log.unread) == (1, 1)


def test_bytes_that_are_no_text_stay_readable(tmp_path: Path) -> None:
    line = LINES["envoy"].encode().replace(b"/checkout", b"/\xff\xfe\xc3\xa9")
    _, (entry,) = reading(tmp_path, "envoy", [line])
    assert entry.target == "/\\xff\\xfe\u00e9"


def test_numbers_that_are_none(tmp_path: Path) -> None:
    entry = one(tmp_path, "envoy", LINES["envoy"].replace(" 0 98 0 ", f" 0 {'9' * 40} 1.2.3 "))
    assert (entry.duration, entry.numbers) == (None, {"received": 0.0})
