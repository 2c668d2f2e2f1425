"""The probe's way: name, addresses, TCP to each; then TLS and HTTP at the first that answers.

Everything is asked in turn, never at once: the order in the output is that on the wire.
"""

from __future__ import annotations

from pcapdiag.model.probe import ProbeOptions, ProbeReport
from pcapdiag.probe import lookup
from pcapdiag.probe.checks import HTTP2, Checks
from pcapdiag.probe.draft import Draft
from pcapdiag.probe.secrets import Secrets
from pcapdiag.probe.speaking import HeaderVersion
from pcapdiag.probe.telling import report_of
from pcapdiag.probe.tls import COMPILED, VERSIONS, Offer, context_for
from pcapdiag.probe.unmet import lookup_verdict

TLS_PORTS = frozenset({443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 5671, 6443,
                       6514, 8443, 8883, 9443, 15017})  # fmt: skip
"""Ports that speak TLS from the first byte, registered or by custom."""
PLAIN_PORTS = frozenset({21, 22, 23, 25, 53, 80, 110, 143, 389, 587, 3306, 5432})
"""Ports that do not: TLS is not tried there unless asked for."""
USUAL_ALPN = ("h2", "http/1.1")
PROXY_VERSIONS: tuple[HeaderVersion, ...] = (1, 2)


def probe(options: ProbeOptions) -> ProbeReport:
    """Make all checks that the options ask for, and return what they found.

    ^C ends it with what is known. Raises UsageError for files of certificates that cannot be used.
    """
    if options.tls is not False:
        # What cannot be used is said before anything is sent.
        context_for(Offer(verify=True), options)
    with Secrets() as secrets:
        run = _Run(options, Checks(options, secrets))
        try:
            run.all()
        except KeyboardInterrupt:
            run.interrupt()
        return report_of(
            options,
            run.checks.drafts,
            secrets.keys,
            started=run.started,
            ended=run.checks.clock.now(),
            connections=run.checks.budget.connections,
            interrupted=run.interrupted,
            notes=run.notes,
        )


class _Run:
    """One run of the probe, and what it knows so far."""

    def __init__(self, options: ProbeOptions, checks: Checks) -> None:
        self._options = options
        self.checks = checks
        self.started = checks.clock.now()
        self.notes: list[str] = []
        self.interrupted = False
        self._greeted = False
        self._stranger = False
        """The server's certificate was not accepted."""

    def all(self) -> None:
        """Make the checks in order."""
        for address in self._addresses():
            self._tcp(address)
        if not self.checks.address:
            return
        if self._options.proxy_protocol:
            self._choose_header()
        speaks_tls = self._tls()
        if speaks_tls:
            self._versions()
            self._protocols()
        self._ask(speaks_tls)

    def interrupt(self) -> None:
        """Take up that the check under way was broken off."""
        self.interrupted = True
        for draft in self.checks.drafts[-1:]:
            draft.skipped = "interrupted"
            draft.ended = self.checks.clock.now()

    def _addresses(self) -> list[str]:
        options = self._options
        if options.address is not None:
            return [options.address]
        if lookup.is_address(options.host):
            return [options.host]
        draft = self.checks.begin("dns", options.host)
        found = lookup.look_up(options.host, self.checks.budget.step())
        draft.facts.lookups = [lookup.told(each) for each in found]
        draft.facts.hosts_file = lookup.in_hosts_file(options.host)
        chosen = lookup.by_turns(found)
        draft.verdict = lookup_verdict(options.host, found)
        draft.ended = self.checks.clock.now()
        every = sum(len(each.addresses) + each.left_out for each in found)
        if every > len(chosen):
            self.notes.append(f"{every} addresses; connected to the first {len(chosen)} only")
        return chosen

    def _tcp(self, address: str) -> None:
        connection = self.checks.tcp(address).connection
        if connection is not None and connection.established:
            self.checks.address = self.checks.address or address
            self._greeted = self._greeted or connection.recording.greeted

    def _choose_header(self) -> None:
        """Try both versions of the PROXY header; the first that works is then sent each time."""
        in_tls = self._must_speak_tls and self._options.tls is not False
        offer = Offer(alpn=self._offered) if in_tls else None
        taken = [
            version
            for version in PROXY_VERSIONS
            if self.checks.proxy_header(f"version {version}", version, offer)
        ]
        if not taken:
            return
        for draft in self.checks.drafts:
            draft.required &= draft.name != "proxy_header"
        self.checks.proxy_header("without one", None, offer)
        self.checks.header = taken[0]
        self.notes.append(f"PROXY header version {taken[0]} sent in all checks below")

    @property
    def _tries_tls(self) -> bool:
        options = self._options
        if options.tls is not None or options.wants_tls:
            return options.wants_tls
        return not self._greeted and options.port not in PLAIN_PORTS

    @property
    def _must_speak_tls(self) -> bool:
        return self._options.wants_tls or self._options.port in TLS_PORTS

    @property
    def _offered(self) -> tuple[str, ...]:
        usual = USUAL_ALPN if self._options.starttls is None else ()
        return self._options.alpn or usual

    def _tls(self) -> bool:
        """Make the handshake as a client does; return whether the port speaks TLS."""
        if not self._tries_tls:
            if self._options.tls is None:
                self.notes.append("TLS was not tried: --tls does")
            return False
        offer = Offer(verify=True, alpn=self._offered)
        draft, client = self.checks.handshake("tls", "handshake", offer)
        draft.required = self._must_speak_tls or _answered_in_tls(draft)
        if client is None:
            return False
        draft.facts.verified = client.done
        draft.facts.verify_error = client.verify_error
        self._stranger = client.verify_error is not None
        if self._stranger:
            self.checks.handshake("tls_unverified", "not verified", Offer(alpn=self._offered))
        began = self._options.starttls is not None and not draft.refusal
        return client.done or began or _answered_in_tls(draft)

    def _versions(self) -> None:
        for version in VERSIONS:
            if COMPILED[version]:
                offer = Offer(version=version)
                self.checks.handshake("tls_version", version, offer, required=False)
            else:
                why = f"not tested: OpenSSL here has no {version}"
                self.checks.skip("tls_version", version, why)

    def _protocols(self) -> None:
        wanted = self._options.alpn
        for protocol in self._offered:
            if protocol == "h2" and self._options.http2:
                continue
            offer = Offer(alpn=(protocol,))
            draft, _ = self.checks.handshake("alpn", protocol, offer, required=bool(wanted))
            # Without an answer HTTP/1.1 is what is spoken.
            draft.wants_alpn = protocol if wanted or protocol != "http/1.1" else None

    def _ask(self, speaks_tls: bool) -> None:
        """Speak HTTP as asked; never in the clear, or to a stranger, where TLS was to keep it."""
        options = self._options
        in_clear = not speaks_tls and self._must_speak_tls and options.tls is not False
        refusal = "not sent: the port does not speak TLS, as it must" if in_clear else ""
        if options.http2:
            if refusal:
                self.checks.skip("http2", HTTP2, refusal)
            else:
                self.checks.http2(speaks_tls)
        if options.http_path is not None:
            if self._stranger:
                refusal = "not sent: the certificate was not accepted (--ca names whom to trust)"
            if refusal:
                self.checks.skip("http", f"GET {options.http_path}", refusal)
            else:
                self.checks.http(speaks_tls)


def _answered_in_tls(draft: Draft) -> bool:
    events = draft.recording.events if draft.recording else []
    first = next((event.data for event in events if event.kind == "received"), b"")
    return first[:1] in (b"\x15", b"\x16") and first[1:2] == b"\x03"
