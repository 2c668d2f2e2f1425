"""The way out of a rootless container: it ends its connections and makes new ones outside."""

from __future__ import annotations

from failurelab.hosts import Host
from failurelab.lab import Lab


def passt(lab: Lab, inside: Host, outside: Host) -> None:
    """Give `inside` a device tap0 with its own address, whose TCP ends in passt on `outside`."""
    address = inside.ip
    # passt looks for its way out by the default route.
    outside.run("ip route add default dev eth1")
    inside.run("ip address flush dev eth0")
    words = ["pasta", "--foreground", "--stderr", "--runas", "0", "--config-net", "-I", "tap0"]
    words += ["-a", address, "-n", "24", "-g", outside.ip, "-t", "none", "-T", "none"]
    outside.spawn([*words, "--netns", f"/run/netns/{inside.namespace}"])
    lab.wait_until(lambda: "tap0" in inside.run("ip -o -4 address show"))
    inside.run("ethtool -K tap0 tso off gso off gro off tx off rx off", check=False)


def slirp(lab: Lab, inside: Host, outside: Host) -> None:
    """Give `inside` a device tap0, whose TCP ends in slirp4netns (libslirp) on `outside`."""
    outside.run("ip route add default dev eth1")
    inside.run("ip address flush dev eth0")
    inside.run("ip link set eth0 down")
    words = ["slirp4netns", "--netns-type=path", "--configure", "--disable-dns"]
    outside.spawn([*words, f"/run/netns/{inside.namespace}", "tap0"])
    lab.wait_until(lambda: "tap0" in inside.run("ip -o -4 address show"))
    inside.run("ethtool -K tap0 tso off gso off gro off tx off rx off", check=False)
    lab.used("slirp4netns", "slirp4netns", "--version")
