"""Rules that drop or reject on this host, with what they counted: from nft and iptables, as root.

Neither program is started where it would have the kernel load a module that is not there.
"""

from __future__ import annotations

import os

from pcapdiag.host.firewall_rules import Found
from pcapdiag.host.iptables import read_iptables
from pcapdiag.host.kernel import AS_ROOT, Reading, text_of
from pcapdiag.host.nftables import read_nftables
from pcapdiag.host.programs import ProgramError, run
from pcapdiag.model.snapshot import Firewall

MAX_RULES = 2_000
"""Rules that drop or reject, and are kept."""
_CHUNK = 1 << 20
_SYMBOL = b" nf_tables_newrule"


def read_firewall(reading: Reading) -> tuple[Firewall, dict[str, int]]:
    """Return the rules, and the packets that each counted, by its id; never raises."""
    firewall = Firewall()
    counts: dict[str, int] = {}
    if os.geteuid() != 0:
        reading.missing("firewall rules that drop or reject", "only root may list them", AS_ROOT)
        return firewall, counts
    if not (_has_nftables() or _has_old_tables()):
        return firewall, counts
    told: set[tuple[str, str]] = set()
    for program, family in (("iptables-save", "ip"), ("ip6tables-save", "ip6")):
        text = _asked(reading, program, "-c")
        if text is not None:
            found = read_iptables(text, family)
            _take(firewall, counts, program, found)
            if "(nf_tables)" in text.partition("\n")[0]:
                told |= {(family, table) for table in found.tables}
    if _has_nftables():
        text = _asked(reading, "nft", "-j", "-n", "list", "ruleset")
        if text is not None:
            try:
                _take(firewall, counts, "nft", read_nftables(text, told))
            except (ValueError, RecursionError):
                reading.missing("rules of nft", "its answer is in no form that is known")
    if not firewall.sources:
        reading.missing(
            "firewall rules that drop or reject",
            "neither nft nor iptables-save could be asked",
            "install nftables, or run it on the node itself",
        )
    reading.left_out("firewall rules", len(firewall.rules) - MAX_RULES)
    firewall.rules = firewall.rules[:MAX_RULES]
    return firewall, counts


def _asked(reading: Reading, *words: str) -> str | None:
    try:
        return run(*words)
    except ProgramError as error:
        reading.missing(f"rules of {words[0]}", str(error))
        return None


def _take(firewall: Firewall, counts: dict[str, int], program: str, found: Found) -> None:
    firewall.sources.append(program)
    firewall.total += found.total
    firewall.rules += found.rules
    counts.update(found.counts)


def _has_old_tables() -> bool:
    for name in ("ip_tables_names", "ip6_tables_names"):
        try:
            if text_of(f"/proc/net/{name}").strip():
                return True
        except OSError:
            continue
    return False


def _has_nftables() -> bool:
    """Return whether the kernel has nf_tables now: as a module that is loaded, or built in."""
    if os.path.exists("/sys/module/nf_tables"):
        return True
    try:
        with open("/proc/kallsyms", "rb") as file:
            rest = b""
            while chunk := file.read(_CHUNK):
                if _SYMBOL in rest + chunk:
                    return True
                rest = chunk[-len(_SYMBOL) :]
    except OSError:
        return False
    return False
