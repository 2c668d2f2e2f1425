"""Single checks: each opens a connection, says what it has to, and leaves a draft behind.

What to check, and in which order, is decided in run.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pcapdiag.model.ends import join_port
from pcapdiag.model.probe import CheckName, ProbeOptions
from pcapdiag.probe import speaking, starttls
from pcapdiag.probe.budget import Budget, SpentError
from pcapdiag.probe.connection import Connection, Deadline
from pcapdiag.probe.draft import Draft
from pcapdiag.probe.recording import Clock
from pcapdiag.probe.secrets import Secrets
from pcapdiag.probe.tls import Offer, TlsClient, context_for

GREETING = 0.3
"""Seconds that a server gets to speak first."""
GREETING_BYTES = 512
AFTER_HANDSHAKE = 0.3
"""Seconds, beside a few round trips, that a TLS 1.3 server gets to refuse a client certificate."""
ROUND_TRIPS = 4
LONG = ("tls", "tls_unverified")
"""Handshakes after which a refusal is waited for."""
HTTP2 = "preface and SETTINGS"
ANSWER = 64 * 1024
"""Bytes of an HTTP answer that are read."""


class Checks:
    """Makes checks within one budget, and keeps their drafts in order."""

    def __init__(self, options: ProbeOptions, secrets: Secrets) -> None:
        self._options = options
        self._secrets = secrets
        self.budget = Budget(options.timeout)
        self.clock = Clock()
        self.drafts: list[Draft] = []
        self.address = ""
        """What all but TCP's checks connect to."""
        self.header: speaking.HeaderVersion | None = None
        """The PROXY header that is sent first."""

    def tcp(self, address: str) -> Draft:
        """Connect, wait a moment for a greeting, and close."""
        with self.checking("tcp", join_port(address, self._options.port), address) as draft:
            connection = self._open(draft)
            if connection.established:
                connection.read_until(self._within(GREETING), GREETING_BYTES)
                connection.finish()
        return draft

    def proxy_header(
        self, what: str, version: speaking.HeaderVersion | None, offer: Offer | None
    ) -> bool:
        """Go on behind a PROXY header (None: without one); return whether the server did.

        With an offer that is a TLS handshake, else HTTP as far as asked, or nothing at all.
        """
        taken = False
        with self.checking("proxy_header", what, required=version is not None) as draft:
            draft.facts.proxy_header = version
            connection = self._open(draft)
            header = b"" if version is None else speaking.proxy_header(version)
            if connection.established and (not header or connection.send(header)):
                taken = self._goes_on(draft, connection, offer)
        return taken

    def _goes_on(self, draft: Draft, connection: Connection, offer: Offer | None) -> bool:
        if offer is not None:
            client = draft.client = self._client(connection, offer)
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
            connection.read_until(self._within(GREETING), GREETING_BYTES)
            taken = not connection.over
            connection.finish()
            return taken
        connection.finish()
        return bool(answer) and not answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))

    def handshake(
        self, name: CheckName, what: str, offer: Offer, *, required: bool = True
    ) -> tuple[Draft, TlsClient | None]:
        """Make one TLS handshake, and wait for a refusal that only comes after it."""
        client = None
        with self.checking(name, what, required=required) as draft:
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

    def http2(self, speaks_tls: bool) -> None:
        """Say the preface and read SETTINGS."""
        with self.checking("http2", HTTP2) as draft:
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

    def http(self, speaks_tls: bool) -> None:
        """Send one GET and read the answer."""
        with self.checking("http", f"GET {self._options.http_path}") as draft:
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

    def skip(self, name: CheckName, what: str, why: str) -> None:
        """Note a check that is not made."""
        draft = self.begin(name, what)
        draft.skipped, draft.ended = why, draft.started

    def begin(self, name: CheckName, what: str, *, required: bool = True) -> Draft:
        """Return a new draft."""
        draft = Draft(name, what, self.clock.now(), required=required)
        self.drafts.append(draft)
        return draft

    @contextmanager
    def checking(
        self, name: CheckName, what: str, address: str | None = None, *, required: bool = True
    ) -> Iterator[Draft]:
        """Give a new draft; one for which there are no connections or time left is skipped."""
        draft = self.begin(name, what, required=required)
        draft.address = address
        try:
            yield draft
        except SpentError as spent:
            draft.skipped = spent.message
        finally:
            draft.ended = self.clock.now()
            if draft.connection is not None:
                draft.connection.close()

    def _client(self, connection: Connection, offer: Offer) -> TlsClient:
        context = context_for(offer, self._options)
        return TlsClient(connection, context, self._options.name, self._secrets)

    def _open(self, draft: Draft) -> Connection:
        address = draft.address = draft.address or self.address
        connection = Connection(address, self._options.port, self.budget, self.clock)
        draft.connection = connection
        connection.connect()
        return connection

    def _open_behind_header(self, draft: Draft) -> Connection | None:
        connection = self._open(draft)
        if not connection.established:
            return None
        if self.header is not None:
            draft.facts.proxy_header = self.header
            connection.send(speaking.proxy_header(self.header))
        return connection

    def _within(self, seconds: float | None = None) -> Deadline:
        """Return the end of a step that begins now."""
        step = self.budget.step()
        return Deadline(step if seconds is None else min(step, seconds))


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
