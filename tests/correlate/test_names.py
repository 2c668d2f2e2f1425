"""Names: which source wins, what a names file may be, and that no name does harm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcapdiag.correlate import names
from pcapdiag.correlate.names import NameTable
from pcapdiag.errors import UsageError

KUBECTL = {
    "items": [
        {
            "kind": "Pod",
            "metadata": {"name": "pay-7d", "namespace": "shop"},
            "status": {"podIP": "10.1.0.4", "podIPs": [{"ip": "10.1.0.4"}, {"ip": "fd00::4"}]},
        },
        {
            "kind": "Pod",
            "metadata": {"name": "node-agent", "namespace": "kube-system"},
            "spec": {"hostNetwork": True},
            "status": {"podIP": "192.168.0.1"},
        },
        {
            "kind": "Service",
            "metadata": {"name": "pay", "namespace": "shop"},
            "spec": {"clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"]},
            "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}, {"hostname": "x"}]}},
        },
        {"kind": "Service", "metadata": {"name": "h"}, "spec": {"clusterIP": "None"}},
        "nonsense",
    ]
}


def table(tmp_path: Path, text: str) -> NameTable:
    path = tmp_path / "names"
    path.write_text(text)
    return NameTable.from_file(str(path))


def test_hosts_format(tmp_path: Path) -> None:
    read = table(tmp_path, "# mine\n10.0.0.5  pay.internal pay\n\n2001:DB8:0::1\tdb # main\n")
    assert read.name("10.0.0.5") == "pay.internal"
    assert read.name("2001:db8::1") == "db"
    assert read.name("10.0.0.6") is None


def test_kubectl_json_names_pods_and_services_and_not_the_nodes(tmp_path: Path) -> None:
    read = table(tmp_path, json.dumps(KUBECTL))
    assert read.name("10.1.0.4") == "pod/shop/pay-7d"
    assert read.name("fd00::4") == "pod/shop/pay-7d"
    assert read.name("10.96.0.7") == "service/shop/pay"
    assert read.name("203.0.113.9") == "service/shop/pay"
    assert read.name("192.168.0.1") is None
    assert len(read.names) == 4


def test_a_pod_that_is_over_has_left_its_address_to_another(tmp_path: Path) -> None:
    def pod(name: str, phase: str) -> dict[str, object]:
        status = {"phase": phase, "podIP": "10.1.0.4"}
        return {"kind": "Pod", "metadata": {"name": name, "namespace": "a"}, "status": status}

    pods = [pod("job", "Succeeded"), pod("old", "Failed"), pod("web", "Running")]
    assert table(tmp_path, json.dumps({"items": pods})).name("10.1.0.4") == "pod/a/web"
    assert table(tmp_path, json.dumps(pods[2])).name("10.1.0.4") == "pod/a/web"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_as_windows_writes_them(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "names"
    path.write_bytes("10.0.0.5 web\r\n10.0.0.6 db\r\n".encode(encoding))
    assert NameTable.from_file(str(path)).name("10.0.0.5") == "web"
    path.write_bytes(json.dumps(KUBECTL).encode(encoding))
    assert NameTable.from_file(str(path)).name("fd00::4") == "pod/shop/pay-7d"


@pytest.mark.parametrize(
    "order", [("sni", "dns", "capture", "file"), ("file", "capture", "dns", "sni")]
)
def test_the_better_source_wins_in_any_order(order: tuple[names.Source, ...]) -> None:
    known = NameTable()
    for source in order:
        known.add("10.0.0.1", f"by-{source}", source)
        known.add("10.0.0.1", "later", source)
    assert known.name("10.0.0.1") == "by-file"


def test_a_hostile_name_is_made_harmless() -> None:
    known = NameTable()
    known.add("10.0.0.1", "a\x1b[2Jb\u202ec\nd." + "x" * 500, "dns")
    name = known.name("10.0.0.1") or ""
    assert name.startswith("a\\x1b[2Jb\\u202ec\\x0ad.x")
    assert len(name) < 300


def test_the_table_is_bounded_and_counts_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_NAMES", 2)
    known = NameTable()
    for number in range(5):
        known.add(f"10.0.0.{number}", "x", "dns")
    known.add("10.0.0.0", "better", "file")
    assert (len(known.names), known.left_out, known.name("10.0.0.0")) == (2, 3, "better")


@pytest.mark.parametrize(
    "text",
    ["not a hosts line", "10.0.0.1", '{"kin": "Pod"}', '{"items": 3}', "{broken", "{" * 100_000],
)
def test_what_is_no_names_file_is_said_in_one_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        table(tmp_path, text)
    assert "names" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_names_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        NameTable.from_file(str(tmp_path / "none"))


def test_the_name_that_a_connection_asks_for_is_its_own() -> None:
    table = NameTable()
    table.add("10.0.0.1", "open.example", "sni")
    assert table.name("10.0.0.1", "blocked.example.") == "blocked.example"
    assert table.name("10.0.0.1") == "open.example"
    assert table.name("10.0.0.9", "a\u202eb") != "a\u202eb"
    table.add("10.0.0.1", "web-7d", "file")
    assert table.name("10.0.0.1", "blocked.example") == "web-7d"


def test_an_address_that_was_asked_for_several_names_is_none_of_them() -> None:
    table = NameTable()
    table.add("10.0.0.1", "a.example", "sni")
    table.add("10.0.0.1", "a.example", "sni")
    assert table.name("10.0.0.1") == "a.example"
    table.add("10.0.0.1", "b.example", "sni")
    table.add("10.0.0.1", "a.example", "sni")
    assert table.name("10.0.0.1") is None
    assert table.name("10.0.0.1", "a.example") == "a.example"
    table.add("10.0.0.1", "c.example", "dns")
    assert table.name("10.0.0.1") == "c.example"
