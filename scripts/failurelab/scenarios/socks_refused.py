"""A SOCKS proxy that says no by itself, or passes on that the target did."""

from __future__ import annotations

from failurelab import behaviours
from failurelab.capture import Point
from failurelab.lab import Lab
from failurelab.programs import socks
from failurelab.registry import PROXIED, scenario

POINTS = (Point("client"), Point("proxy", "any"))
PORT = 1080


def _curl(lab: Lab, proxy: str, port: int = 8080, login: str = "") -> str:
    where = f"{proxy}://{login}{lab.proxy.ip}:{PORT}"
    return lab.client.curl("-x", where, f"http://{lab.upstream.ip}:{port}/")


@scenario(
    "socks.refused-dante-target-refused",
    "Dante passes on that the target refused",
    path=PROXIED,
    points=POINTS,
    layers=("socks",),
)
def target_refused(lab: Lab) -> None:
    """curl asks by way of SOCKS5; nothing listens on the target's port."""
    socks.dante(lab, lab.proxy, PORT)
    _curl(lab, "socks5")
    lab.sleep(0.5)
    upstream = lab.leg(lab.upstream, 8080)
    lab.judge(upstream, "tcp.connection_refused", "responder")
    lab.judge(lab.leg(lab.proxy, PORT), "socks.refused", "responder", caused_by=upstream)


@scenario(
    "socks.refused-dante-rule",
    "A rule of Dante does not allow the target's port",
    path=PROXIED,
    points=POINTS,
    layers=("socks",),
)
def rule(lab: Lab) -> None:
    """Port 8081 is blocked and 8080 is not; a server listens on both."""
    for port in (8080, 8081):
        lab.upstream.serve(port, behaviours.answer())
    socks.dante(lab, lab.proxy, PORT, rules=socks.BLOCK.format(port=8081))
    _curl(lab, "socks5", 8080)
    _curl(lab, "socks5", 8081)
    lab.sleep(0.5)
    lab.healthy(lab.leg(lab.upstream, 8080))
    lab.healthy(lab.leg(lab.proxy, PORT))
    lab.judge(lab.leg(lab.proxy, PORT, 1), "socks.refused", "responder")


@scenario(
    "socks.refused-dante-no-method",
    "Dante wants a login, and the client offers none",
    path=PROXIED,
    points=POINTS,
    layers=("socks",),
)
def no_method(lab: Lab) -> None:
    """socksmethod is username; curl offers no login and GSSAPI."""
    socks.dante(lab, lab.proxy, PORT, method="username")
    _curl(lab, "socks5")
    lab.sleep(0.5)
    lab.judge(lab.leg(lab.proxy, PORT), "socks.refused", "responder")


@scenario(
    "socks.refused-dante-login",
    "Dante does not take the password",
    path=PROXIED,
    points=POINTS,
    layers=("socks",),
)
def login(lab: Lab) -> None:
    """No account has that name."""
    socks.dante(lab, lab.proxy, PORT, method="username")
    _curl(lab, "socks5", login="nosuch:wrong@")
    lab.sleep(0.5)
    lab.judge(lab.leg(lab.proxy, PORT), "socks.refused", "responder")


@scenario(
    "socks.refused-dante-version-4",
    "SOCKS4: Dante passes on that the target refused",
    path=PROXIED,
    points=POINTS,
    layers=("socks",),
)
def version_4(lab: Lab) -> None:
    """curl asks by way of SOCKS4; nothing listens on the target's port."""
    socks.dante(lab, lab.proxy, PORT)
    _curl(lab, "socks4")
    lab.sleep(0.5)
    upstream = lab.leg(lab.upstream, 8080)
    lab.judge(upstream, "tcp.connection_refused", "responder")
    lab.judge(lab.leg(lab.proxy, PORT), "socks.refused", "responder", caused_by=upstream)


@scenario(
    "socks.refused-dante-name",
    "SOCKS4a and SOCKS5 with a name that nobody knows",
    path=PROXIED,
    points=POINTS,
    layers=("socks",),
)
def name(lab: Lab) -> None:
    """curl leaves the name to Dante, which has no name server."""
    socks.dante(lab, lab.proxy, PORT)
    for proxy in ("socks4a", "socks5h"):
        where = f"{proxy}://{lab.proxy.ip}:{PORT}"
        lab.client.curl("-x", where, "http://nowhere.invalid:8080/")
    lab.sleep(0.5)
    for nth in range(2):
        lab.judge(lab.leg(lab.proxy, PORT, nth), "socks.refused", "responder")


@scenario(
    "socks.refused-dante-silent-target",
    "Dante passes on that the target did not answer",
    path=PROXIED,
    points=POINTS,
    layers=("socks",),
)
def silent_target(lab: Lab) -> None:
    """The router behind the proxy drops what goes to the target; Dante waits for 3 s."""
    lab.router2.iptables("-A FORWARD -p tcp --dport 8080 -j DROP")
    socks.dante(lab, lab.proxy, PORT)
    _curl(lab, "socks5")
    lab.sleep(0.5)
    upstream = lab.leg(lab.upstream, 8080)
    lab.judge(upstream, "tcp.connection_timeout", ["path", "unknown"])
    lab.judge(lab.leg(lab.proxy, PORT), "socks.refused", "responder", caused_by=upstream)
