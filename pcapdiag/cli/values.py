"""Values of options, and what is said of one that is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from pcapdiag.model.units import MS, SECOND, parse_seconds

if TYPE_CHECKING:
    from pcapdiag.model.logs import LogSource
    from pcapdiag.model.options import EndPattern, Network, TimeBound
    from pcapdiag.report.conditions import Condition

Value = TypeVar("Value")

# Patterns are compiled, and options imported, where a value is read: --help reads none.
_RFC3339 = r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)"
_LISTENER = r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]*)):(\d{1,5})"
_SINCE_START = r"\+(\d+(?:\.\d{1,9})?)(ms|s|m|h)"
_EPOCH = r"\d+(?:\.\d{1,9})?"
_SIZE = r"(\d{1,12}(?:\.\d{1,3})?)([KMGT]?)(?:i?B)?"
_END_FORMS = "wanted is an address, a network as 10.0.0.0/24, or address:port ([IPv6]:port)"
_NETWORK_FORMS = "wanted is a network as 203.0.113.0/24 or 2001:db8::/32, or an address"
_TIME_FORMS = "write 2026-11-22T12:00:01Z (with a zone), 1795348801.5, or +90s from the start"
_UNIT_NS = {"ms": MS, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
LOOPBACK = "127.0.0.1"
MAX_PORT = 65_535


class Listener(NamedTuple):
    """Where to listen; port 0 is any free one."""

    host: str
    port: int


def ends(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[EndPattern, ...]:
    """Return the addresses or networks that an option named."""
    from pcapdiag.model.options import EndPattern

    return tuple(_read(EndPattern.parse, _END_FORMS, value, ctx, param) for value in values)


def ports(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[int, ...]:
    """Return the ports that an option named."""
    from pcapdiag.model.ends import parse_port

    return tuple(_read(parse_port, "a port is 1 to 65535", value, ctx, param) for value in values)


def networks(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[Network, ...]:
    """Return the networks that an option named."""
    return tuple(_read(parse_network, _NETWORK_FORMS, value, ctx, param) for value in values)


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> TimeBound | None:
    """Return the moment that an option named, if it was given."""
    return None if value is None else _read(parse_time, _TIME_FORMS, value, ctx, param)


def conditions(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[Condition, ...] | None:
    """Return what makes the run fail: None where nothing was said, none at all for ``never``."""
    if not values:
        return None
    from pcapdiag.report.conditions import Condition

    if values == ("never",):
        return ()
    if "never" in values:
        raise click.BadParameter("never goes with no other condition", ctx, param)
    read = []
    for value in values:
        try:
            read.append(Condition.parse(value))
        except ValueError as error:
            raise click.BadParameter(f"{value!r}: {error}", ctx, param) from error
    return tuple(read)


def logs(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> tuple[LogSource, ...]:
    """Return the logs that an option named; raises pcapdiag.errors.UsageError for none."""
    if not values:
        return ()
    from pcapdiag.logs import parse_source

    return tuple(map(parse_source, values))


def only_utc(_ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    """Refuse any way to write times but UTC."""
    if value not in (None, "utc"):
        raise click.UsageError(
            "--time: what this command writes is read elsewhere, so its times are always UTC"
        )


def file_of_its_own(_ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Return a path that is not standard output, which has the text."""
    if value == "-":
        raise click.UsageError(f"{param.opts[0]} needs a file: standard output has the text")
    return value


def finite(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """Return a number; ``nan`` is within any bounds, to click, and ``inf`` within none above."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number to count with", ctx, param)
    return value


def size(ctx: click.Context, param: click.Parameter, value: str) -> int:
    """Return the bytes that an option named."""
    return _read(parse_size, "write 512M or 2G (K, M, G are powers of 1024)", value, ctx, param)


def listener(ctx: click.Context, param: click.Parameter, value: str | None) -> Listener | None:
    """Return the host and port that an option named, if it was given."""
    forms = "write :9750 (this machine only), 0.0.0.0:9750 or [::]:9750"
    return None if value is None else _read(parse_listener, forms, value, ctx, param)


def _read(
    parse: Callable[[str], Value], forms: str, text: str, ctx: click.Context, param: click.Parameter
) -> Value:
    try:
        return parse(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r}: {forms}", ctx, param) from error


def parse_size(text: str) -> int:
    """Read a size in bytes, as ``512M`` or ``1.5G``; raises ValueError for other text."""
    match = re.fullmatch(_SIZE, text, re.ASCII | re.IGNORECASE)
    if match is None:
        raise ValueError(f"not a size: {text}")
    return int(float(match[1]) * 1024 ** " KMGT".index(match[2].upper() or " "))


def parse_network(text: str) -> Network:
    """Read a network, or an address as a network of one; raises ValueError for other text."""
    import ipaddress

    return ipaddress.ip_network(text, strict=False)


def parse_listener(text: str) -> Listener:
    """Read ``[HOST]:PORT``; without a host it is loopback. Raises ValueError for other text."""
    match = re.fullmatch(_LISTENER, text, re.ASCII)
    if match is None or int(match[3]) > MAX_PORT:
        raise ValueError(f"not an address to listen on: {text}")
    return Listener(match[1] or match[2] or LOOPBACK, int(match[3]))


def parse_time(text: str) -> TimeBound:
    """Read a moment to the nanosecond; raises ValueError for other text."""
    from datetime import datetime

    from pcapdiag.model.options import TimeBound

    if match := re.fullmatch(_SINCE_START, text, re.ASCII):
        return TimeBound(parse_seconds(match[1]) * (_UNIT_NS[match[2]] // 1000) // 1_000_000, True)
    if re.fullmatch(_EPOCH, text, re.ASCII):
        return TimeBound(parse_seconds(text))
    match = re.fullmatch(_RFC3339, text, re.ASCII)
    if match is None:
        raise ValueError(f"not a time: {text}")
    whole, fraction, zone = match.groups()
    second = datetime.fromisoformat(whole.upper() + zone.upper())
    return TimeBound(int(second.timestamp()) * SECOND + int((fraction or "0").ljust(9, "0")))
