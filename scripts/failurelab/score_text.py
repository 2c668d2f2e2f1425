"""The score for people."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def as_text(result: Json) -> str:
    """All of it: totals by split, code families, reliability, and what was wrong."""
    lines: list[str] = []
    for name in ("all", "fit", "kept_apart", "known_fit", "known_kept_apart"):
        lines += _totals(name, result[name])
    lines += ["(known: where the expected code is one that the analyzer can give today)"]
    lines += ["", "by family of the expected code"]
    for family, shares in result["all"]["families"].items():
        lines.append(f"  {family:<10} code {_share(shares['code'])}  side {_share(shares['side'])}")
    for name in ("known_fit", "known_kept_apart"):
        for what in ("code", "side"):
            lines += _reliability(name, what, result[name]["reliability"][what])
    for title in ("errors", "false_alarms", "missing_findings", "wrong_findings", "wrong_points"):
        if result[title]:
            lines += ["", title.replace("_", " ")]
            lines += [f"  {i['scenario']}/{i['capture']}: {i['what']}" for i in result[title]]
    if result["misses"]:
        lines += ["", "misses"]
        lines += [_miss(miss) for miss in result["misses"]]
    return "\n".join(lines)


def _totals(name: str, total: Json) -> list[str]:
    return [
        f"{name}: {total['scenarios']} scenarios, {total['captures']} captures,"
        f" {total['connections']} connections judged",
        f"  verdict {_share(total['code'])}  side {_share(total['side'])}"
        f"  party {_share(total['party'])}  ended by {_share(total['ended_by'])}"
        f"  caused by {_share(total['caused_by'])}",
        f"  several points: connections {_share(total['matched'])}, resets {_share(total['born'])},"
        f" clocks {_share(total['clocks'])}, losses {_share(total['lost_between'])}",
        f"  named wrongly {total['named_wrongly']}, false alarms {total['false_alarms']},"
        f" findings missing {total['missing_findings']}, wrong {total['wrong_findings']},"
        f" errors {total['errors']}",
    ]


def _share(one: Json) -> str:
    if not one["judged"]:
        return "-"
    return f"{100 * one['share']:.1f} % ({one['right']}/{one['judged']})"


def _reliability(name: str, what: str, table: Json) -> list[str]:
    lines = ["", f"{name}: confidence of the {what} against outcome, Brier score {table['brier']}"]
    return lines + [
        f"  {row['from']:.2f} to {row['to']:.2f}: {row['count']:4} said"
        f" {row['mean']:.2f}, right {row['right']:.2f}"
        for row in table["bins"]
    ]


def _miss(miss: Json) -> str:
    return (
        f"  {miss['scenario']}/{miss['capture']} {miss['connection']}: wrong"
        f" {', '.join(miss['wrong'])}; expected {miss['expected']}, got {miss['code']}"
        f" by {miss['side']} ({miss['party']}), {miss['confidence']:.2f}/"
        f"{miss['side_confidence']:.2f}"
    )
