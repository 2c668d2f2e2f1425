"""Squid, Varnish and Apache httpd in front of an upstream."""

from __future__ import annotations

from failurelab.hosts import Host, Process
from failurelab.lab import Lab

_SQUID = """http_port {port}
http_access allow all
cache deny all
pid_filename none
pinger_enable off
cache_log /dev/null
access_log none
cache_store_log none
coredump_dir /tmp
shutdown_lifetime 0 seconds
"""
_APACHE = """ServerRoot /etc/apache2
PidFile {directory}/apache.pid
ErrorLog {directory}/apache.log
ServerName proxy.example
User www-data
Group www-data
Listen {port}
{modules}
ProxyPass / http://{ip}:{upstream}/ timeout=2
"""
_MODULES = ("mpm_event", "authz_core", "proxy", "proxy_http")


def squid(lab: Lab, host: Host, port: int) -> Process:
    """Squid that serves everybody and keeps nothing."""
    lab.used("squid", "squid", "--version")
    settings = lab.file("squid.conf", _SQUID.format(port=port))
    return host.spawn(["squid", "-N", "-n", f"lab{port}", "-f", str(settings)], port=port)


def varnish(lab: Lab, host: Host, port: int, ip: str, upstream: int) -> Process:
    """Varnish with one backend."""
    lab.used("varnish", "varnishd", "-V")
    words = ["varnishd", "-F", "-a", f"{host.ip}:{port}", "-b", f"{ip}:{upstream}"]
    words += ["-n", str(lab.directory / "varnish"), "-S", "none", "-T", "none"]
    return host.spawn(words, port=port)


def apache(lab: Lab, host: Host, port: int, ip: str, upstream: int) -> Process:
    """Apache httpd that hands everything on and waits 2 s for an answer."""
    lab.used("apache", "apache2", "-v")
    load = "LoadModule {0}_module /usr/lib/apache2/modules/mod_{0}.so"
    text = _APACHE.format(
        directory=lab.directory,
        port=port,
        ip=ip,
        upstream=upstream,
        modules="\n".join(load.format(name) for name in _MODULES),
    )
    settings = lab.file("apache.conf", text)
    return host.spawn(["apache2", "-f", str(settings), "-DFOREGROUND"], port=port)
