"""tls.sni_rejected: The server does not serve the name that the client asked for.

What happened
    The ClientHello named a host (SNI), or none, and the server has no certificate or route for it.

How pcapdiag can tell
    Alert unrecognized_name (112). Or the server ended the connection right after the ClientHello
    (RST, FIN, or alert 40 or 80), again and again for this name and never for others on the same
    port: then the name is the difference. A close alone does not make this code.

Usual causes
    - The proxy sends the wrong name, or none: Envoy without `sni`, NGINX without
      `proxy_ssl_server_name`.
    - A new host name that nobody added to the server.
    - HAProxy `strict-sni`, NGINX `ssl_reject_handshake`, an Envoy listener without a filter chain
      for the name.

Fixes
    - First: send the name that the server has, or give the server the name.
    - Envoy: as the client, `sni` in UpstreamTlsContext, or `auto_sni` in HttpProtocolOptions; as
      the server, `filter_chain_match.server_names`.
    - Istio: DestinationRule `tls.sni`; as the server, `hosts` of the Gateway. ServiceEntry hosts
      must be the real names.
    - NGINX: as the client, `proxy_ssl_server_name on` with `proxy_ssl_name`; as the server,
      `server_name` in a block with a certificate.
    - HAProxy: as the client, `server ... sni str(NAME)`; as the server, add the certificate to
      `crt` or `crt-list`.
    - Kubernetes: `tls.hosts` of the Ingress, and its secret.
    - Cloud: add the certificate for the name to the listener; AWS ALB and NLB choose by SNI.

Can be confused with
    - tls.handshake_reset, tls.handshake_closed: no name is known to work.
    - tls.certificate_name_mismatch: the server answered with another name's certificate.
    - tcp.injected_reset: a filter by name between.

What would settle it
    - `openssl s_client -connect SERVER:PORT -servername NAME </dev/null` with this name and with
      one that works.

References
    - RFC 6066 section 3.
    - Measured in the lab (docs/lab.md): Envoy 1.40 without a matching filter chain resets and sends
      no alert; NGINX `ssl_reject_handshake` sends alert 112.
"""

from __future__ import annotations

from pcapdiag.diagnose.ending import Ending, ending, frames_of
from pcapdiag.diagnose.judgement import Judgement, OtherCode, SideHint
from pcapdiag.diagnose.kind import Envoy, Kind
from pcapdiag.diagnose.tls import words
from pcapdiag.diagnose.tls.alerts import refusal, refused
from pcapdiag.diagnose.tls.breakoff import BreakOff, break_off
from pcapdiag.diagnose.tls.commands import s_client
from pcapdiag.diagnose.tls.offers import odd_alpn, shortages
from pcapdiag.diagnose.tls_state import tls_facts
from pcapdiag.model.context import Context, TlsServerFacts
from pcapdiag.model.harmless import command_word
from pcapdiag.model.story import Story
from pcapdiag.model.tls import TlsFacts
from pcapdiag.model.units import counted

KIND = Kind(
    code="tls.sni_rejected",
    title="server name rejected: {responder} refused {name}",
    explanation=(
        "{initiator} asked for {name} (ClientHello in frame {hello_frame}) and {responder} refused "
        "it: {how}."
    ),
    phases=("tls_handshake",),
    envoy=Envoy("UF", "remote connection failure"),
    nginx="SSL_do_handshake() failed (...:SSL alert number 112) while SSL handshaking to upstream",
    haproxy="SC",
    fix_at=("initiator", "responder"),
    fixes=(
        "let {initiator_ip} send the name that the server has: Envoy UpstreamTlsContext sni or "
        "auto_sni, Istio DestinationRule tls.sni, NGINX proxy_ssl_server_name on and "
        "proxy_ssl_name, HAProxy server ... sni str(NAME)",
        "or give the server the name: NGINX server_name (ssl_reject_handshake refuses the rest), "
        "HAProxy crt-list without strict-sni, Envoy filter_chain_match server_names, Istio Gateway "
        "hosts, Kubernetes Ingress tls.hosts",
        "does DNS lead this name to the right server?",
    ),
    commands=(
        "{s_client}  # from {initiator_ip}",
        "{s_client_other}  # a name that works, for comparison",
        "istioctl proxy-config listeners POD --port {responder_port}  # Envoy: server_names it has",
    ),
)

UNRECOGNIZED_NAME = 112
VAGUE = (40, 80)
"""Go answers 80 where it has no certificate for a name, others 40 (RFC 8446, measured)."""


def match(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for an alert: 112, or 40 or 80 where the name alone is the difference."""
    found = refusal(story)
    if found is None:
        return None
    if found.code == UNRECOGNIZED_NAME and not found.by_initiator:
        how = f"alert {words.alert(found.code)} in frame {found.alert.frame}"
        return refused(story, KIND.code, found, 0.97, _words(story, found.facts, context, how))
    server, other = _server(story, context), other_name_works(story, context)
    if other is None or not found.before_server_hello or found.code not in VAGUE:
        return None
    hello = found.facts.client_hello
    if shortages(found.facts, server) or (hello is not None and odd_alpn(hello)):
        return None
    how = f"alert {words.alert(found.code)}, while {other}"
    told = _words(story, found.facts, context, how)
    return refused(story, KIND.code, found, 0.75, told, (OtherCode("tls.alert", 0.2),))


def match_close(story: Story, context: Context) -> Judgement | None:
    """Return the verdict for a RST or FIN after a ClientHello whose name alone is the difference.

    The server must have taken another name after it had first refused this one: then it was up.
    """
    found, other = break_off(story), other_name_works(story, context)
    server = _server(story, context)
    if found is None or other is None or server is None or found.end.by_initiator:
        return None
    name = _name(found.facts)
    since = server.first_refused.get(name)
    if not found.unanswered_hello or since is None or server.last_accepted < since:
        return None
    return _by_close(story, context, found, other)


def _server(story: Story, context: Context) -> TlsServerFacts | None:
    return context.endpoint(story.responder.address, story.responder.port).tls


def other_name_works(story: Story, context: Context) -> str | None:
    """Return in words that the server takes other names and never this one, or None."""
    facts, server = tls_facts(story), _server(story, context)
    hello = facts.client_hello if facts else None
    if server is None or hello is None or hello.encrypted_hello:
        return None
    name = hello.sni or ""
    if name in server.names_accepted or not server.names_accepted:
        return None
    works = words.listed(words.shown(each) if each else "no name" for each in server.names_accepted)
    times = counted(server.names_refused.get(name, 0), "time")
    return f"{works} works on this port; this name was refused {times} and taken never"


def _by_close(story: Story, context: Context, found: BreakOff, other: str) -> Judgement:
    end, facts = found.end, found.facts
    how = f"it sent {end.word} (frame {end.frame}) instead of a ServerHello, while {other}"
    server = _server(story, context)
    again = server is not None and server.names_refused.get(_name(facts), 0) > 1
    sure = 0.78 if again else 0.65
    plain = "tls.handshake_reset" if end.reset else "tls.handshake_closed"
    hello = facts.client_hello
    return Judgement(
        code=KIND.code,
        failed=True,
        phase="tls_handshake",
        confidence=sure,
        frames=frames_of(hello.frame if hello else 0, end.frame),
        ended_by=end.actor,
        reset=end.reset,
        candidates=_who(end),
        alternatives=(OtherCode(plain, round(0.95 - sure, 2)),),
        facts=_words(story, facts, context, how),
    )


def _name(facts: TlsFacts) -> str:
    return (facts.client_hello.sni if facts.client_hello else "") or ""


def _who(end: Ending) -> tuple[SideHint, ...]:
    why = "servers refuse names they do not have, and filters cut names they forbid"
    path = 0.25 if end.reset else 0.06
    return (
        SideHint("responder", round(0.98 - path, 2), why, (end.frame,)),
        SideHint("path", path, why, (end.frame,)),
    )


def _words(story: Story, facts: TlsFacts, context: Context, how: str) -> dict[str, str]:
    hello = facts.client_hello
    server = _server(story, context)
    known = (command_word(name) for name in (server.names_accepted if server else ()) if name)
    other = next((name for name in known if name), "NAME")
    reset = ending(story)
    return {
        "name": words.server_name(facts),
        "hello_frame": str(hello.frame if hello else 0),
        "how": how,
        "s_client": s_client(story, facts),
        "s_client_other": s_client(story, facts, other),
        "sender": story.half(reset.by_initiator).address if reset else "",
    }
