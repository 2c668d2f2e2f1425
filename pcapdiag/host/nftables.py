"""The output of ``nft -j list ruleset`` (libnftables-json(5)): rules that drop or reject."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from pcapdiag.host.firewall_rules import Found
from pcapdiag.model.snapshot import Rule

Json = dict[str, Any]

_LISTS = {
    "saddr": "sources", "daddr": "destinations", "sport": "source_ports",
    "dport": "destination_ports",
}  # fmt: skip
_NAMES = {"iifname": "in_interface", "oifname": "out_interface"}
_PROTOCOLS = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmpv6"}


def read_nftables(text: str, told: Collection[tuple[str, str]] = ()) -> Found:
    """Return the rules but for those of the tables that were ``told`` already (family, name).

    Raises ValueError for what is no such list.
    """
    found = Found()
    items = json.loads(text)
    listed = items.get("nftables") if isinstance(items, dict) else None
    if not isinstance(listed, list):
        raise ValueError("no list of rules")
    chains = {_place(item["chain"]): item["chain"] for item in _of(listed, "chain")}
    for chain in chains.values():
        if chain.get("policy") == "drop" and _place(chain)[:2] not in told:
            found.add(_new(chain, chain, "drop", "policy"), None)
    for item in _of(listed, "rule"):
        rule = item["rule"]
        place = _place(rule)
        if place[:2] in told:
            continue
        found.total += 1
        made = _rule(rule, chains.get(place, {}))
        if made is not None:
            found.add(*made)
    return found


def _of(listed: list[Any], kind: str) -> Iterator[Json]:
    return (one for one in listed if isinstance(one, dict) and isinstance(one.get(kind), dict))


def _place(one: Json) -> tuple[str, str, str]:
    return str(one.get("family")), str(one.get("table")), str(one.get("chain", one.get("name")))


def _new(of: Json, chain: Json, action: str, handle: object) -> Rule:
    family, table, name = _place(of)
    return Rule(
        id=f"{family} {table} {name} {handle}"[:600],
        family=family,
        table=table,
        chain=name,
        hook=str(chain.get("hook", "")),
        action=action,
        text=f"policy drop of {name}" if handle == "policy" else "",
    )


def _rule(item: Json, chain: Json) -> tuple[Rule, int | None] | None:
    """Return a rule that drops or rejects, with its count; None for any other one."""
    steps = [one for one in item.get("expr", []) if isinstance(one, dict)]
    rule = _new(item, chain, "", item.get("handle"))
    words: list[str] = []
    packets: int | None = None
    for step in steps:
        ((kind, value),) = list(step.items())[:1] or [("", None)]
        if kind == "match" and isinstance(value, dict):
            words.append(_condition(rule, value))
        elif kind == "counter":
            packets = int(value["packets"]) if isinstance(value, dict) else None
        elif kind in ("drop", "reject"):
            rule.action = kind
            rule.with_ = str(value.get("type", "")) if isinstance(value, dict) else ""
            words.append(f"{kind} {rule.with_}".strip())
        elif kind == "vmap" and '"drop"' in json.dumps(value):
            rule.action, rule.partly = "drop", True
            words.append("vmap with drop")
        elif kind == "xt" and isinstance(value, dict):
            rule.action = {"DROP": "drop", "REJECT": "reject"}.get(
                str(value.get("name")), rule.action
            )
            rule.partly = rule.partly or value.get("type") == "match"
            words.append(str(value.get("name")))
        elif kind not in ("log", "comment", "meta"):
            rule.partly = True
            words.append(kind)
    rule.text = " ".join(words)
    return (rule, packets) if rule.action else None


def _condition(rule: Rule, match: Json) -> str:
    """Put a condition into the rule where it is understood, and return it as text."""
    left, right = match.get("left"), match.get("right")
    operator = str(match.get("op", "=="))
    values = _values(right)
    field = protocol = key = ""
    if isinstance(left, dict):
        payload, meta = left.get("payload"), left.get("meta")
        if isinstance(payload, dict):
            field, protocol = str(payload.get("field", "")), str(payload.get("protocol", ""))
        if isinstance(meta, dict):
            key = str(meta.get("key", ""))
    plain = operator == "==" and not any(value.startswith("@") for value in values)
    if plain and field in _LISTS:
        setattr(rule, _LISTS[field], values)
        if protocol in ("tcp", "udp"):
            rule.protocol = protocol
    elif plain and key in _NAMES and len(values) == 1:
        setattr(rule, _NAMES[key], values[0])
    elif plain and (key == "l4proto" or field in ("protocol", "nexthdr")) and len(values) == 1:
        number = int(values[0]) if values[0].isdecimal() else -1
        rule.protocol = _PROTOCOLS.get(number, values[0])
    else:
        rule.partly = True
    name = f"{protocol} {field}".strip() or key or _short(left)
    sign = "" if operator in ("==", "in") else f"{operator} "
    return f"{name} {sign}{', '.join(values)}"


def _values(right: object) -> list[str]:
    """Return what is compared with, as words: addresses, networks, ports, ranges."""
    if isinstance(right, dict):
        if isinstance(right.get("set"), list):
            return [value for one in right["set"] for value in _values(one)]
        if isinstance(right.get("range"), list):
            return ["-".join(str(one) for one in right["range"])]
        prefix = right.get("prefix")
        if isinstance(prefix, dict):
            return [f"{prefix.get('addr')}/{prefix.get('len')}"]
        return [_short(right)]
    if isinstance(right, list):
        return [value for one in right for value in _values(one)]
    return [str(right)]


def _short(value: object) -> str:
    return json.dumps(value)[:100]
