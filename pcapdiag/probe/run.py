"""The probe's way: name, addresses, TCP to each; then TLS and HTTP at the first that answers.

Everything is asked in turn, never at once: the order in the output is that on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pcapdiag.model.ends import join_port
from pcapdiag.model.probe import CheckName, ProbeOptions, ProbeReport
from pcapdiag.probe import lookup, speaking, starttls
from pcapdiag.probe.budget import Budget, SpentError
from pcapdiag.probe.connection import Connection, Deadline
from pcapdiag.probe.draft import Draft
from pcapdiag.probe.recording import Clock
from pcapdiag.probe.secrets import Secrets
from pcapdiag.probe.telling import report_of
from pcapdiag.probe.tls import COMPILED, VERSIONS, Offer, TlsClient, context_for
from pcapdiag.probe.unmet import lookup_verdict

TLS_PORTS = frozenset({443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 5061, 5671, 6443,
                       6514, 8443, 8883, 9443, 15017})  # fmt: skip
"""Ports that speak TLS from the first byte, registered or by custom."""
PLAIN_PORTS = frozenset({21, 22, 23, 25, 53, 80, 110, 143, 389, 587, 3306, 5432})
"""Ports that do not: TLS is not tried there unless asked for."""
USUAL_ALPN = ("h2", "http/1.1")
GREETING = 0.3
"""Seconds that a server gets to speak first."""
AFTER_HANDSHAKE = 0.3
"""Seconds, beside a few round trips, that a TLS 1.3 server gets to refuse a client certificate."""
ROUND_TRIPS = 4
GREETING_BYTES = 512
LONG = ("tls", "tls_unverified")
"""Handshakes after which a refusal is waited for."""
HTTP2 = "preface and SETTINGS"
ANSWER = 64 * 1024
"""Bytes of an HTTP answer that are read."""
PROXY_VERSIONS: tuple[speaking.HeaderVersion, ...] = (1, 2)


def probe(options: ProbeOptions) -> ProbeReport:
    """Make all checks that the options ask for, and return what they found.

    ^C ends it with what is known. Raises UsageError for files of certificates that cannot be used.
    """
    with Secrets() as secrets:
        run = _Run(options, secrets)
        run.check_files()
        try:
            run.all()
        except KeyboardInterrupt:
            run.interrupt()
        return report_of(
            options,
            run.drafts,
            secrets.keys,
            started=run.started,
            ended=run.clock.now(),
            connections=run.budget.connections,
            interrupted=run.interrupted,
            notes=run.notes,
        )


class _Run:
    """One run of the probe, and what it knows so far."""

    def __init__(self, options: ProbeOptions, secrets: Secrets) -> None:
        self._options = options
        self._secrets = secrets
        self.budget = Budget(options.timeout)
        self.clock = Clock()
        self.started = self.clock.now()
        self.drafts: list[Draft] = []
        self.notes: list[str] = []
        self.interrupted = False
        self._address = ""
        self._header: speaking.HeaderVersion | None = None
        self._greeted = False
        self._stranger = False
        """The server's certificate was not accepted."""

    def check_files(self) -> None:
        """Raise UsageError now for files that cannot be used, before anything is sent."""
        if self._options.tls is not False:
            context_for(Offer(verify=True), self._options)

    def all(self) -> None:
        """Make the checks in order."""
        for address in self._addresses():
            self._tcp(address)
        if not self._address:
            return
        if self._options.proxy_protocol:
            self._choose_header()
        speaks_tls = self._tls()
        if speaks_tls:
            self._versions()
            self._protocols()
        self._ask(speaks_tls)

    def _ask(self, speaks_tls: bool) -> None:
        """Speak HTTP as asked; never in the clear, or to a stranger, where TLS was to keep it."""
        options = self._options
        in_clear = not speaks_tls and self._must_speak_tls and options.tls is not False
        refusal = "not sent: the port does not speak TLS, as it must" if in_clear else ""
        if options.http2:
            if refusal:
                self._skip("http2", HTTP2, refusal)
            else:
                self._http2(speaks_tls)
        if options.http_path is not None:
            if self._stranger:
                refusal = "not sent: the certificate was not accepted (--ca names whom to trust)"
            if refusal:
                self._skip("http", f"GET {options.http_path}", refusal)
            else:
                self._http(speaks_tls)

    def _skip(self, name: CheckName, what: str, why: str) -> None:
        draft = self._begin(name, what)
        draft.skipped, draft.ended = why, draft.started

    def interrupt(self) -> None:
        """Take up that the check under way was broken off."""
        self.interrupted = True
        if self.drafts:
            self.drafts[-1].skipped = "interrupted"
            self.drafts[-1].ended = self.clock.now()

    def _addresses(self) -> list[str]:
        options = self._options
        if options.address is not None:
            return [options.address]
        if lookup.is_address(options.host):
            return [options.host]
        draft = self._begin("dns", options.host)
        found = lookup.look_up(options.host, self.budget.step())
        draft.facts.lookups = [lookup.told(each) for each in found]
        draft.facts.hosts_file = lookup.in_hosts_file(options.host)
        chosen = lookup.by_turns(found)
        draft.verdict = lookup_verdict(options.host, found)
        draft.ended = self.clock.now()
        every = sum(len(each.addresses) + each.left_out for each in found)
        if every > len(chosen):
            self.notes.append(f"{every} addresses; connected to the first {len(chosen)} only")
        return chosen

    def _tcp(self, address: str) -> None:
        with self._checking("tcp", join_port(address, self._options.port), address) as draft:
            connection = self._open(draft)
            if not connection.established:
                return
            self._address = self._address or address
            greeting = connection.read_until(self._within(GREETING), GREETING_BYTES)
            self._greeted = self._greeted or bool(greeting)
            connection.finish()

    def _choose_header(self) -> None:
        """Try both versions of the PROXY header; the first that works is then sent each time."""
        for version in PROXY_VERSIONS:
            with self._checking("proxy_header", f"version {version}") as draft:
                draft.facts.proxy_header = version
                connection = self._open(draft)
                if connection.established and connection.send(speaking.proxy_header(version)):
                    taken = self._takes_header(draft, connection)
                    if taken and self._header is None:
                        self._header = version
        if self._header is None:
            return
        for draft in self.drafts:
            draft.required &= draft.name != "proxy_header"
        with self._checking("proxy_header", "without one", required=False) as draft:
            connection = self._open(draft)
            if connection.established:
                self._takes_header(draft, connection)
        self.notes.append(f"PROXY header version {self._header} sent in all checks below")

    def _takes_header(self, draft: Draft, connection: Connection) -> bool:
        """Go on behind a PROXY header as far as asked; return whether the server did."""
        if self._must_speak_tls and self._options.tls is not False:
            client = draft.client = self._client(connection, Offer(alpn=self._offered))
            taken = self._begins_tls(draft) and client.handshake(self._within())
            client.finish()
            return taken
        if self._options.http2:
            connection.send(speaking.http2_hello())
            answer = connection.read_until(self._within(), speaking.SETTINGS_SIZE)
        elif self._options.http_path is not None:
            connection.send(self._request(speaks_tls=False))
            answer = connection.read_until(self._within(), ANSWER)
        else:
            answer = connection.read_until(self._within(GREETING), GREETING_BYTES)
            taken = not connection.over
            connection.finish()
            return taken
        connection.finish()
        return bool(answer) and not answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))

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
        draft, client = self._handshake("tls", "handshake", Offer(verify=True, alpn=self._offered))
        draft.required = self._must_speak_tls or _answered_in_tls(draft)
        if client is None:
            return False
        draft.facts.verified = client.done
        draft.facts.verify_error = client.verify_error
        self._stranger = client.verify_error is not None
        if self._stranger:
            self._handshake("tls_unverified", "not verified", Offer(alpn=self._offered))
        began = self._options.starttls is not None and not draft.refusal
        return client.done or began or _answered_in_tls(draft)

    def _versions(self) -> None:
        for version in VERSIONS:
            if not COMPILED[version]:
                self._skip("tls_version", version, f"not tested: OpenSSL here has no {version}")
                continue
            self._handshake("tls_version", version, Offer(version=version), required=False)

    def _protocols(self) -> None:
        wanted = self._options.alpn
        for protocol in self._offered:
            if protocol == "h2" and self._options.http2:
                continue
            offer = Offer(alpn=(protocol,))
            draft, _ = self._handshake("alpn", protocol, offer, required=bool(wanted))
            # Without an answer HTTP/1.1 is what is spoken.
            draft.wants_alpn = protocol if wanted or protocol != "http/1.1" else None

    def _handshake(
        self, name: CheckName, what: str, offer: Offer, *, required: bool = True
    ) -> tuple[Draft, TlsClient | None]:
        """Make one handshake, and wait for a refusal that only comes after it."""
        client = None
        with self._checking(name, what, required=required) as draft:
            draft.facts.alpn_offered = list(offer.alpn)
            connection = self._open_behind_header(draft)
            if connection is not None:
                client = draft.client = self._client(connection, offer)
                if self._begins_tls(draft) and client.handshake(self._within()) and name in LONG:
                    self._await_refusal(client)
                client.finish()
                self._secrets.take()
                if not client.said_hello and not draft.refusal:
                    draft.skipped = f"not tested: OpenSSL here says {client.error}"
        return draft, client

    def _begins_tls(self, draft: Draft) -> bool:
        """Return whether TLS may begin: at once, or when the protocol around it was asked."""
        if self._options.starttls is not None and draft.connection is not None:
            wait = self._within()
            draft.refusal = starttls.go_over(draft.connection, self._options.starttls, wait)
        return not draft.refusal

    def _await_refusal(self, client: TlsClient) -> None:
        info = client.connection.info
        trips = ROUND_TRIPS * (info.round_trip if info else 0) / 1e9
        client.receive(self._within(AFTER_HANDSHAKE + trips))

    def _http2(self, speaks_tls: bool) -> None:
        with self._checking("http2", HTTP2) as draft:
            connection = self._open_behind_header(draft)
            if connection is None:
                return
            if not speaks_tls:
                _exchange_settings(connection, self._within())
                connection.finish()
                return
            draft.facts.alpn_offered = ["h2"]
            client = draft.client = self._client(connection, Offer(alpn=("h2",)))
            if client.handshake(self._within()):
                _exchange_settings(client, self._within())
            client.finish()
            self._secrets.take()
            draft.wants_alpn = "h2"

    def _http(self, speaks_tls: bool) -> None:
        with self._checking("http", f"GET {self._options.http_path}") as draft:
            connection = self._open_behind_header(draft)
            if connection is None:
                return
            request = self._request(speaks_tls)
            if not speaks_tls:
                connection.send(request)
                connection.read_until(self._within(), ANSWER)
                connection.finish()
                return
            # Verified: what a path says is not for everybody.
            offer = Offer(verify=True, alpn=("http/1.1",))
            client = draft.client = self._client(connection, offer)
            if client.handshake(self._within()) and client.send(request):
                _read_answer(client, self._within())
            client.finish()
            self._secrets.take()

    def _request(self, speaks_tls: bool) -> bytes:
        options = self._options
        usual = 443 if speaks_tls else 80
        host = options.http_host or options.name
        return speaking.get_request(options.http_path or "/", host, options.port, usual)

    def _client(self, connection: Connection, offer: Offer) -> TlsClient:
        context = context_for(offer, self._options)
        return TlsClient(connection, context, self._options.name, self._secrets)

    def _open(self, draft: Draft) -> Connection:
        address = draft.address or self._address
        draft.address = address
        connection = Connection(address, self._options.port, self.budget, self.clock)
        draft.connection = connection
        connection.connect()
        return connection

    def _open_behind_header(self, draft: Draft) -> Connection | None:
        connection = self._open(draft)
        if not connection.established:
            return None
        if self._header is not None:
            draft.facts.proxy_header = self._header
            connection.send(speaking.proxy_header(self._header))
        return connection

    def _within(self, seconds: float | None = None) -> Deadline:
        """Return the end of a step that begins now."""
        step = self.budget.step()
        return Deadline(step if seconds is None else min(step, seconds))

    def _begin(self, name: CheckName, what: str, *, required: bool = True) -> Draft:
        draft = Draft(name, what, self.clock.now(), required=required)
        self.drafts.append(draft)
        return draft

    @contextmanager
    def _checking(
        self, name: CheckName, what: str, address: str | None = None, *, required: bool = True
    ) -> Iterator[Draft]:
        """Give a new check; one for which there are no connections or time left is skipped."""
        draft = self._begin(name, what, required=required)
        draft.address = address
        try:
            yield draft
        except SpentError as spent:
            draft.skipped = spent.message
        finally:
            draft.ended = self.clock.now()
            if draft.connection is not None:
                draft.connection.close()


def _answered_in_tls(draft: Draft) -> bool:
    events = draft.recording.events if draft.recording else []
    first = next((event.data for event in events if event.kind == "received"), b"")
    return first[:1] in (b"\x15", b"\x16") and first[1:2] == b"\x03"


def _exchange_settings(way: Connection | TlsClient, deadline: Deadline) -> None:
    """Say the preface, wait for the server's SETTINGS and its ACK, and part in peace."""
    if not way.send(speaking.http2_hello()):
        return
    answer = b""
    while len(answer) < ANSWER and not (speaking.has_settings(answer) and speaking.has_ack(answer)):
        data = way.receive(deadline)
        answer += data
        if not data or answer.startswith(b"HTTP/"):
            break
    if speaking.has_settings(answer):
        way.send(speaking.settings_ack() + speaking.http2_farewell())


def _read_answer(client: TlsClient, deadline: Deadline) -> None:
    read = 0
    while read < ANSWER:
        data = client.receive(deadline)
        if not data:
            break
        read += len(data)
