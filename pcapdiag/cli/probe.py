"""``pcapdiag probe``: the immediate checks of a server, made from here."""

from __future__ import annotations

import ipaddress
import re
import shlex
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

import click

from pcapdiag.cli import values
from pcapdiag.cli.examples import examples
from pcapdiag.cli.options import output_option, page_options
from pcapdiag.cli.output import ClosedPipeError, drop_standard_output, open_output, page_for
from pcapdiag.cli.status import FAILED, INTERRUPTED, OK

if TYPE_CHECKING:
    from pcapdiag.model.probe import ProbeOptions

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,252}|[0-9A-Fa-f:.]{2,45}(?:%[\w.-]{1,32})?")
"""A host name, or an address with or without a zone (RFC 1035 section 3.1, RFC 4007)."""
_PATH = re.compile(r"/[!-~]{0,2000}")
_HEADER_HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,261}")
MIN_TIMEOUT, MAX_TIMEOUT = 1, 30
"""Seconds; a shorter silence proves nothing: the first SYN is repeated after one."""
_PORTS = {"http": 80, "https": 443}
MAX_PROTOCOL = 255
"""Bytes of an ALPN protocol (RFC 7301 section 3.1)."""


class Chosen(TypedDict):
    """What click hands over for a probe, by the names of ``ProbeOptions``."""

    address: str | None
    sni: str | None
    alpn: tuple[str, ...]
    tls: bool | None
    starttls: str | None
    http2: bool
    http_path: str | None
    http_host: str | None
    proxy_protocol: bool
    client_cert: str | None
    client_key: str | None
    ca: str | None
    timeout: float


def _address(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    address = value.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no IP address") from error
    return address


def _server_name(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    return None if value is None else _name(value)


def _path(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _PATH.fullmatch(value):
        raise click.BadParameter(f"{value!r}: a path begins with / and has no blanks")
    return value


def _host(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not _HEADER_HOST.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no name for a Host header")
    return value


def _protocols(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    found = [name.strip() for value in values for name in value.split(",")]
    for name in found:
        if not name or not name.isascii() or len(name) > MAX_PROTOCOL:
            raise click.BadParameter(f"{name!r}: protocols are names as h2 or http/1.1")
    return tuple(dict.fromkeys(found))


@click.command(
    short_help="Check a server from here: DNS, TCP, TLS, HTTP/2.",
    epilog=examples(
        "pcapdiag probe api.example.com:443",
        "pcapdiag probe 10.0.2.7:8443 --sni pay.internal --alpn h2 --http2",
        "pcapdiag probe '[2001:db8::7]:8443' --ca ca.pem --client-cert c.pem --client-key c.key",
        "pcapdiag probe 10.0.2.7:8080 --no-tls --http /healthz --format json",
    ),
)
@click.argument("target", metavar="HOST:PORT")
@click.option(
    "--address",
    callback=_address,
    metavar="ADDRESS",
    help="Connect to this address; HOST is then only the name to ask for.",
)
@click.option(
    "--sni",
    callback=_server_name,
    metavar="NAME",
    help="Server name to send, and to hold the certificate against; otherwise HOST.",
)
@click.option(
    "--alpn",
    callback=_protocols,
    multiple=True,
    metavar="PROTOCOL",
    help="The server must take this protocol, each on its own (h2, http/1.1). Repeatable. "
    "Otherwise both are tried and only told.",
)
@click.option(
    "--tls/--no-tls",
    default=None,
    help="The port must speak TLS, or TLS is not tried. Otherwise it is tried, and a failure only "
    "where the server speaks it, the port is one of TLS, or an option is about it.",
)
@click.option(
    "--starttls",
    type=click.Choice(["smtp", "imap", "pop3", "ftp", "postgres", "mysql", "ldap"]),
    help="The port begins in this protocol, and goes over to TLS when asked.",
)
@click.option("--http2", is_flag=True, help="Send the HTTP/2 preface and read SETTINGS.")
@click.option(
    "--http",
    "http_path",
    callback=_path,
    metavar="PATH",
    help="Send one GET for PATH over HTTP/1.1. No other request is ever sent.",
)
@click.option("--http-host", callback=_host, metavar="NAME", help="Host header of that request.")
@click.option(
    "--proxy-protocol",
    is_flag=True,
    help="Try a PROXY protocol header of version 1 and 2 (naming no client), and send the one that "
    "works before everything else.",
)
@click.option("--client-cert", type=click.Path(), metavar="FILE", help="Client certificate, PEM.")
@click.option(
    "--client-key",
    type=click.Path(),
    metavar="FILE",
    help="Its key, PEM without a password; otherwise in the file of --client-cert.",
)
@click.option(
    "--ca",
    type=click.Path(),
    metavar="FILE",
    help="Certificates to trust, PEM; otherwise the system's.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(MIN_TIMEOUT, MAX_TIMEOUT),
    callback=values.finite,
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long one lookup, connect, handshake or answer may take.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or as one JSON document (pcapdiag-probe/1).",
)
@output_option
@page_options
def probe(
    target: str,
    output_format: Literal["text", "json"],
    output: str | None,
    width: int | None,
    no_color: bool,
    **chosen: Unpack[Chosen],
) -> int:
    """Check a server from this host, and judge it with the codes that analyze gives.

    DNS, TCP to each address, TLS as a client does it and with each version and ALPN on its own, the
    certificate, HTTP/2. It opens 16 connections at most, ends within a minute, and sends no request
    unless --http or --http2 asks for it.
    """
    options = _options(target, chosen)
    from pcapdiag.probe.run import probe as run
    from pcapdiag.report.probe import render_probe_json, render_probe_text

    report = run(options)
    page = page_for(output, width, no_color)
    try:
        with open_output(output) as file:
            if output_format == "json":
                file.write(render_probe_json(report))
            else:
                for line in render_probe_text(report, page):
                    file.line(line)
    except ClosedPipeError:
        drop_standard_output()
    if report.interrupted:
        return INTERRUPTED
    return FAILED if report.status == "failed" else OK


def _options(target: str, chosen: Chosen) -> ProbeOptions:
    """Return what is asked; raises click.UsageError for what makes no sense."""
    from pcapdiag.model.ends import split_port
    from pcapdiag.model.probe import ProbeOptions

    if "://" in target:
        raise click.UsageError(f"{target!r} is a URL: {_instead(target)}")
    try:
        host, port = split_port(target)
    except ValueError as error:
        raise click.UsageError(f"{target!r}: {error}") from error
    if port is None or not host or "/" in host or host.count(":") == 1:
        raise click.UsageError(f"{target!r}: write HOST:PORT, for IPv6 [ADDRESS]:PORT")
    options = ProbeOptions(host=_name(host), port=port, **chosen)
    if options.client_key is not None and options.client_cert is None:
        raise click.UsageError("--client-key needs --client-cert")
    if options.http_host is not None and options.http_path is None:
        raise click.UsageError("--http-host needs --http")
    about_tls = (
        *(options.sni, options.alpn, options.client_cert, options.ca),
        options.starttls,
    )
    if options.tls is False and any(about_tls):
        raise click.UsageError("--no-tls goes with no option about TLS")
    if options.starttls is not None and (options.http2 or options.http_path is not None):
        raise click.UsageError("--starttls is for other protocols than HTTP")
    return options


def _instead(url: str) -> str:
    """Return what to write in the place of a URL."""
    from urllib.parse import urlsplit

    from pcapdiag.model.ends import join_port

    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return "write HOST:PORT"
    if not (parts.hostname and port):
        return "write HOST:PORT"
    path = f" --http {shlex.quote(parts.path)}" if parts.path not in ("", "/") else ""
    return f"write {join_port(parts.hostname, port)}{path}"


def _name(text: str) -> str:
    """Return a name as DNS and TLS write it; raises click.UsageError for what is none."""
    try:
        name = text if ":" in text else text.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise click.UsageError(f"{text!r} is no host name") from error
    if not _NAME.fullmatch(name):
        raise click.UsageError(f"{text!r} is no host name or address")
    return name
