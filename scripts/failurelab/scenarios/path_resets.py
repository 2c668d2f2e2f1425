"""One device that resets many connections, and servers that do it themselves."""

from __future__ import annotations

from failurelab import behaviours, rules
from failurelab.bump import Forge
from failurelab.capture import Point
from failurelab.connections import Connection
from failurelab.lab import Lab
from failurelab.registry import scenario

SECOND = {"upstream2": "router"}
_INJECTED = ["tcp.injected_reset", "tcp.reset_before_response"]


def _ask(lab: Lab, host: str, path: str) -> Connection:
    connection = lab.client.connect((lab.hosts[host].ip, 8080))
    connection.send(behaviours.get(path)).receive_until(timeout=2)
    lab.sleep(0.1)
    connection.close()
    return connection


@scenario(
    "path.reset_device-on-a-word",
    "A filter on the path resets requests to two upstreams that hold a word; others pass",
    branches=SECOND,
    bump="client-router",
)
def on_a_word(lab: Lab) -> None:
    """The bump answers requests with /admin in them by RST,ACK to both ends, with TTL 250 and IP
    ID 4660, and swallows them. Round trip 4 ms; two requests to each upstream pass, three do not.
    """
    lab.bump.delay = 0.002
    forge = Forge(flags="RA", ttl=250, ip_id=0x1234)
    word = rules.Match(direction="forward", contains=b"/admin")
    lab.bump.add(rules.forge_reset(word, forge, to="both", swallow=True))
    for host in ("upstream", "upstream2"):
        lab.hosts[host].serve(8080, behaviours.answer())
        for path in ("/cart", "/admin/1", "/admin/2", "/pay", "/admin/3"):
            connection = _ask(lab, host, path)
            if path.startswith("/admin"):
                lab.judge(connection, _INJECTED, ["path"])
            else:
                lab.healthy(connection)
    lab.findings.expected = ["path.reset_device"]


@scenario(
    "path.reset_device-copied-ttl",
    "A filter that copies the ends' TTL, and always the same window",
    bump="router-upstream",
)
def copied_ttl(lab: Lab) -> None:
    """The bump forges RST,ACK with window 2000 and IP ID 1 to the client upon each of four requests
    to different paths, and swallows them; the TTL is the server's own. A fifth connection passes.
    """
    lab.bump.delay = 0.002
    forge = Forge(flags="RA", ttl="match", ip_id=1, window=2000)
    word = rules.Match(direction="forward", contains=b"/admin")
    lab.bump.add(rules.forge_reset(word, forge, to="sender", swallow=True))
    lab.upstream.serve(8080, behaviours.answer())
    for nth in range(4):
        connection = _ask(lab, "upstream", f"/admin/{nth}")
        lab.judge(connection, _INJECTED, ["path", "unknown"])
    lab.healthy(_ask(lab, "upstream", "/cart"))


@scenario(
    "path.reset_device-router-rejects-a-word",
    "A router rejects requests that hold a word; other requests pass",
    path="client router router2 upstream",
)
def router_rejects(lab: Lab) -> None:
    """iptables on the second router answers segments with /admin in them by a bare RST and drops
    them; the server repeats nothing. Two requests pass, four do not.
    """
    rule = "-A FORWARD -p tcp --dport 8080 -m string --algo bm --string /admin"
    lab.router2.iptables(f"{rule} -j REJECT --reject-with tcp-reset")
    lab.upstream.serve(8080, behaviours.answer())
    for path in ("/cart", "/admin/1", "/admin/2", "/pay", "/admin/3", "/admin/4"):
        connection = _ask(lab, "upstream", path)
        if path.startswith("/admin"):
            lab.judge(connection, _INJECTED, ["path", "unknown"])
        else:
            lab.healthy(connection)


@scenario(
    "tcp.reset_before_response-each-of-six",
    "A server that resets every connection after the request, by itself",
    branches=SECOND,
    points=("client", Point("upstream")),
)
def by_itself(lab: Lab) -> None:
    """The first upstream closes with linger zero after each of six requests; the second answers."""
    lab.upstream.serve(8080, behaviours.reset_after_request(0.02))
    lab.hosts["upstream2"].serve(8080, behaviours.answer())
    for _ in range(6):
        connection = _ask(lab, "upstream", "/cart")
        lab.judge(connection, "tcp.reset_before_response", "responder", ended_by=["responder"])
        lab.healthy(_ask(lab, "upstream2", "/cart"))
    lab.findings.forbidden = ["path.reset_device"]
