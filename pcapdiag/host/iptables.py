"""The output of ``iptables-save -c``: rules and policies that drop or reject."""

from __future__ import annotations

import re
import shlex
from collections import Counter

from pcapdiag.host.firewall_rules import Found
from pcapdiag.model.snapshot import Rule

_CHAIN = re.compile(r":(\S+) (\S+) \[(\d+):\d+\]")
_RULE = re.compile(r"\[(\d+):\d+\] -A (\S+) (.*)")
_TARGETS = {"DROP": "drop", "REJECT": "reject"}
_HOOKS = ("INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING")
_PLAIN = {"-p": "protocol", "-i": "in_interface", "-o": "out_interface", "--reject-with": "with_"}
_LISTS = {
    "-s": "sources", "-d": "destinations", "--dport": "destination_ports",
    "--dports": "destination_ports", "--sport": "source_ports", "--sports": "source_ports",
}  # fmt: skip
_IGNORED = {"-m": 1, "--comment": 1, "-j": 1}
"""Words that say no condition of their own, with how many follow."""


def read_iptables(text: str, family: str) -> Found:
    """Return the rules of all tables; a line in no known form is passed over."""
    found, table = Found(), ""
    seen: Counter[tuple[str, str, str]] = Counter()
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
            found.tables.append(table)
        elif match := _CHAIN.fullmatch(line):
            if match[2] in _TARGETS:
                found.add(_policy(match, family, table), int(match[3]))
        elif match := _RULE.fullmatch(line):
            found.total += 1
            packets, chain, rest = int(match[1]), match[2], match[3]
            if not any(f"-j {name}" in rest for name in _TARGETS):
                continue
            words = _words(rest)
            target = words[words.index("-j") + 1] if "-j" in words[:-1] else ""
            if target in _TARGETS:
                key = table, chain, rest
                seen[key] += 1
                name = f"{family} {table} {chain} {rest} #{seen[key]}"
                found.add(_rule(words, _new(name, family, table, chain, target, rest)), packets)
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _new(name: str, family: str, table: str, chain: str, target: str, rest: str) -> Rule:
    return Rule(
        id=name[:600],
        family=family,
        table=table,
        chain=chain,
        hook=chain.lower() if chain in _HOOKS else "",
        action=_TARGETS[target],
        text=f"-A {chain} {rest}",
    )


def _policy(match: re.Match[str], family: str, table: str) -> Rule:
    chain, policy = match[1], match[2]
    rule = _new(f"{family} {table} {chain} policy", family, table, chain, policy, "")
    rule.text = f"policy {policy} of {chain}"
    return rule


def _rule(words: list[str], rule: Rule) -> Rule:
    """Fill in the conditions that are understood; any other one makes it ``partly``."""
    at = 0
    while at < len(words):
        word, at = words[at], at + 1
        value = words[at] if at < len(words) else ""
        negated = at >= 2 and words[at - 2] == "!"
        if word in _IGNORED:
            at += _IGNORED[word]
        elif word in _PLAIN and not negated:
            setattr(rule, _PLAIN[word], value)
            at += 1
        elif word in _LISTS and not negated:
            setattr(
                rule,
                _LISTS[word],
                [one.replace(":", "-") if "port" in word else one for one in value.split(",")],
            )
            at += 1
        else:
            rule.partly = True
    return rule
