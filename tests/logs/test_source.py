"""What a user names: the file or files, the format and where it stands, and what is refused."""

from __future__ import annotations

import codecs
import gzip
import json
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import pytest
import zstandard

from pcapdiag.errors import UsageError
from pcapdiag.logs import parse_source, read_log
from pcapdiag.model.logs import LogSource
from tests.logs.reads import one, reading

pytestmark = pytest.mark.once

LINE = '10.1.2.{} - - [29/Nov/2026:08:0{}:40 +0000] "GET / HTTP/1.1" 502 157 "-" "-"\n'


@pytest.mark.parametrize(
    ("text", "product", "form", "path"),
    [
        ("envoy=access.log", "envoy", "", "access.log"),
        ("NGINX=/var/log/a=b.log", "nginx", "", "/var/log/a=b.log"),
        ("nginx:nginx.conf=access.log", "nginx", "nginx.conf", "access.log"),
        ("envoy:a=%START_TIME%=x.log", "envoy", "a=%START_TIME%", "x.log"),
        ("haproxy=*.log.*", "haproxy", "", "*.log.*"),
    ],
)
def test_parse_source(text: str, product: str, form: str, path: str) -> None:
    expected = {"product": product, "form": form, "path": path}
    found = parse_source(text)
    assert {"product": found.product, "form": found.form, "path": found.path} == expected


@pytest.mark.parametrize(
    "text", ["", "access.log", "apache=x.log", "envoy=", "envoy:=x.log", "nginx:nginx.conf", "=x"]
)
def test_what_is_refused_says_what_to_write(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_source(text)
    assert raised.value.advice


def entries_of(path: str) -> list[str]:
    return [entry.client[0] for entry in read_log(parse_source(f"nginx={path}")) if entry.client]


def test_rotated_and_compressed_files_in_order_of_time(tmp_path: Path) -> None:
    lines = [LINE.format(n, n).encode() for n in range(6)]
    (tmp_path / "access.log").write_bytes(lines[5])
    (tmp_path / "access.log.1").write_bytes(lines[4])
    (tmp_path / "access.log.2.gz").write_bytes(gzip.compress(lines[3]))
    (tmp_path / "access.log.3.xz").write_bytes(lzma.compress(lines[2]))
    (tmp_path / "access.log.9.zst").write_bytes(zstandard.compress(lines[1]))
    (tmp_path / "access.log.10").write_bytes(lz4.frame.compress(lines[0]))
    (tmp_path / "access.log.1.gz").write_bytes(gzip.compress(lines[4])[:9])
    found = entries_of(f"{tmp_path}/access.log*")
    assert found == [f"10.1.2.{n}" for n in range(6)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_files_as_windows_writes_them(
    tmp_path: Path, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    text = "".join(LINE.format(n % 9, n % 9) for n in range(4000)).replace("\n", "\r\n")
    mark = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    path = tmp_path / "access.log"
    path.write_bytes(pack(mark + text.encode(encoding)))
    assert entries_of(str(path)) == [f"10.1.2.{n % 9}" for n in range(4000)]


def test_files_with_dates_in_order_of_when_they_were_written(tmp_path: Path) -> None:
    for number, name in enumerate(("access.log-20261127", "access.log-20261128", "access.log")):
        (tmp_path / name).write_text(LINE.format(number, number))
        os.utime(tmp_path / name, (number * 1000, number * 1000))
    assert entries_of(f"{tmp_path}/access.log*") == ["10.1.2.0", "10.1.2.1", "10.1.2.2"]


def test_counts_and_times_over_all_files(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"a.log.{3 - number}").write_text(LINE.format(number, number) + "nonsense\n\n")
    log = read_log(parse_source(f"nginx={tmp_path}/a.log*"))
    entries = list(log)
    assert (log.lines, log.unread, log.failed, log.kind) == (6, 3, 3, "access")
    assert log.form == "NGINX combined"
    assert (log.first_time, log.last_time) == (entries[0].time, entries[-1].time)
    assert [entry.line for entry in entries] == [1, 1, 1]
    assert log.notes == ["3 files, from a.log.3 to a.log.1"]
    assert entries[0].file.endswith("a.log.3")


def test_data_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(LINE.format(n % 9, n % 9).encode() for n in range(4000)))
    path = tmp_path / "access.log.gz"
    path.write_bytes(whole[: len(whole) // 2])
    log = read_log(parse_source(f"nginx={path}"))
    assert len(list(log)) > 100
    assert "breaks off" in log.notes[0]


@pytest.mark.parametrize(
    ("product", "content"),
    [
        ("envoy", b"hello\nworld\n"),
        ("envoy", b'{"time":"2026-11-29T02:37:22Z","level":"info","msg":"started"}\n'),
        ("envoy", b"x\n" * 10_000),
    ],
)
def test_what_is_no_log_of_the_product(tmp_path: Path, product: str, content: bytes) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(content)
    with pytest.raises(UsageError) as raised:
        list(read_log(parse_source(f"{product}={path}")))
    assert str(path) in str(raised.value)
    assert "FORMAT" in raised.value.advice


@pytest.mark.parametrize(
    ("product", "content", "said"),
    [
        ("haproxy", LINE.format(1, 1).encode(), "--log nginx="),
        (
            "nginx",
            b'{"start_time":"2026-11-29T02:37:22Z","response_code":503,"path":"/"}\n',
            "--log envoy=",
        ),
        ("nginx", b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00" + bytes(5000), "no text"),
    ],
)
def test_whose_log_it_is_instead(tmp_path: Path, product: str, content: bytes, said: str) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        list(read_log(parse_source(f"{product}={path}")))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no.log", tmp_path / "no*.log", "a\0b"):
        with pytest.raises(UsageError) as raised:
            list(read_log(LogSource(product="envoy", path=str(path))))
        assert str(path)[:3] in str(raised.value)


def test_an_empty_log_is_said(tmp_path: Path) -> None:
    log, entries = reading(tmp_path, "envoy", [])
    assert (entries, log.notes, log.form) == ([], ["the log is empty"], "")


NGINX_CONF = r"""
http {
  # log_format old '$remote_addr $status';
  log_format  main  '$remote_addr "$request" '
                    'at [$time_local] $status ' "it's $upstream_addr";
  log_format json escape=json '{"time":"$time_iso8601","status":$status,"to":"$upstream_addr"}';
  access_log /var/log/nginx/access.log main;
}
"""
HAPROXY_CFG = r"""
defaults
  error-log-format %ci:%cp\ [%t]\ %[fc_err_str]
  log-format "%ci:%cp\ [%tr] %ST %tsc %{+Q}r"   # a comment
"""
ENVOY_YAML = """
access_log:
- name: envoy.access_loggers.file
  typed_config:
    path: /dev/stdout
    log_format:
      text_format_source:
        inline_string: "at=%START_TIME% code=%RESPONSE_CODE% \\"%RESPONSE_FLAGS%\\"\\n"
- typed_config:
    log_format:
      json_format:
        when: '%START_TIME%'
        answer:
          code: "%RESPONSE_CODE%"
          flags: "%RESPONSE_FLAGS%"
        what: "%REQ(:METHOD)% %REQ(:PATH)%"
      omit_empty_values: true
- text: |
    took %DURATION% from %START_TIME(%s.%3f)%
    to %UPSTREAM_HOST% %RESPONSE_CODE%
"""
NGINX_LINE = '10.0.0.1 "GET /a HTTP/1.1" at [29/Nov/2026:08:00:40 +0000] 502 it\'s 10.0.1.1:80'
NGINX_JSON = '{"time":"2026-11-29T08:00:40+00:00","status":502,"to":"10.0.1.1:80"}'


def test_formats_in_nginx_conf(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text(NGINX_CONF)
    form = f"{tmp_path}/nginx.conf"
    log, entries = reading(tmp_path, "nginx", [NGINX_LINE, NGINX_JSON], form)
    assert [entry.upstreams for entry in entries] == [[("10.0.1.1", 80)]] * 2
    assert log.form == f"main in {form}, json in {form}"


def test_formats_in_haproxy_cfg(tmp_path: Path) -> None:
    (tmp_path / "haproxy.cfg").write_text(HAPROXY_CFG)
    error = "10.0.0.1:4 [29/Nov/2026:02:38:18.490] SSL handshake failure"
    line = '10.0.0.1:5 [29/Nov/2026:02:38:18.490] 503 SC-- "GET /a HTTP/1.1"'
    form = f"{tmp_path}/haproxy.cfg"
    _, (first, second) = reading(tmp_path, "haproxy", [error, line], form)
    assert (first.message, first.client) == ("SSL handshake failure", ("10.0.0.1", 4))
    assert (second.flags, second.target, second.client) == (["SC"], "/a", ("10.0.0.1", 5))


@pytest.mark.parametrize(
    "quoted",
    [
        '"%ci:%cp [%tr] %ST {\\"%HM\\"}"',
        "'%ci:%cp [%tr] %ST {\"%HM\"}'",
        '%ci:%cp\\ [%tr]\\ %ST\\ {\\"%HM\\"}',
        '%ci:%cp" [%tr] "%ST\' {"\'%HM\\"}  # a comment',
    ],
)
def test_haproxys_ways_to_quote(tmp_path: Path, quoted: str) -> None:
    (tmp_path / "haproxy.cfg").write_text(f"defaults\n  log-format {quoted}\n")
    line = '10.0.0.1:5 [29/Nov/2026:02:38:18.490] 503 {"GET"}'
    assert one(tmp_path, "haproxy", line, f"{tmp_path}/haproxy.cfg").method == "GET"


def test_formats_in_envoy_yaml(tmp_path: Path) -> None:
    (tmp_path / "envoy.yaml").write_text(ENVOY_YAML)
    lines = [
        'at=2026-11-29T02:37:22.165Z code=503 "UH"',
        '{"when":"2026-11-29T02:37:22.165Z","answer":{"code":503,"flags":"UH"},"what":"GET /a"}',
    ]
    _, entries = reading(tmp_path, "envoy", lines, f"{tmp_path}/envoy.yaml")
    assert [entry.flags for entry in entries] == [["UH"], ["UH"]]
    assert (entries[1].method, entries[1].target) == ("GET", "/a")
    assert entries[1].begin


def test_formats_in_envoys_json(tmp_path: Path) -> None:
    shape = {"t": "%START_TIME%", "c": "%RESPONSE_CODE%", "f": "%RESPONSE_FLAGS%"}
    line = '{"t":"2026-11-29T02:37:22.165Z","c":503,"f":"UH"}'
    config = {"admin": [{"a": {"access_log": [{"log_format": {"json_format": shape}}]}}]}
    path = tmp_path / "envoy.json"
    for document in (config, shape):
        path.write_text(json.dumps(document))
        assert one(tmp_path, "envoy", line, str(path)).flags == ["UH"]
    assert one(tmp_path, "envoy", line, json.dumps(shape)).flags == ["UH"]


def test_a_file_that_is_the_format(tmp_path: Path) -> None:
    (tmp_path / "format").write_text("$msec $status $upstream_addr\n")
    entry = one(tmp_path, "nginx", "1795919916.637 502 10.0.1.1:80", f"{tmp_path}/format")
    assert entry.upstreams == [("10.0.1.1", 80)]


@pytest.mark.parametrize(
    ("product", "form", "said"),
    [
        ("envoy", "%NOTHING% %KNOWN%", "no field in it is known"),
        ("envoy", "%START_TIME(%H:%M)% %RESPONSE_CODE%", "no date and time"),
        ("envoy", "%START_TIME(%Q)% %RESPONSE_CODE%", "%Q is not known"),
        ("nginx", "$a" * 200, "more than 120 fields"),
        ("nginx", "$status" + "x" * 30_000, "too long"),
        ("envoy", "nowhere.yaml", "nowhere.yaml"),
    ],
)
def test_formats_that_cannot_be_read(tmp_path: Path, product: str, form: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        reading(tmp_path, product, ["x"], form)
    assert said in str(raised.value)


def test_a_format_that_fits_no_line_or_has_no_time(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in the format that was given"):
        reading(tmp_path, "envoy", ["x y"], "[%START_TIME%] %RESPONSE_CODE%")
    with pytest.raises(UsageError, match="the format has no time"):
        reading(tmp_path, "envoy", ["503 UH"], "%RESPONSE_CODE% %RESPONSE_FLAGS%")


def test_a_configuration_without_a_format(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("http { access_log off; }\n")
    with pytest.raises(UsageError, match="log_format"):
        reading(tmp_path, "nginx", ["x"], f"{tmp_path}/nginx.conf")
