"""NGINX in a host of the lab."""

from __future__ import annotations

import shutil

from failurelab.hosts import Host, Process
from failurelab.lab import Lab

_MAIN = """\
daemon off;
worker_processes 1;
{main}
pid {directory}/{name}.pid;
error_log {directory}/{name}-error.log info;
events {{ worker_connections 128; }}
http {{
  access_log {directory}/{name}-access.log;
  client_body_temp_path {directory}/{name}-body;
  proxy_temp_path {directory}/{name}-proxy;
  fastcgi_temp_path {directory}/{name}-fastcgi;
  uwsgi_temp_path {directory}/{name}-uwsgi;
  scgi_temp_path {directory}/{name}-scgi;
  default_type text/plain;
  {http}
}}
"""


def start(lab: Lab, host: Host, http: str, *, port: int, main: str = "", zone: str = "") -> Process:
    """Start NGINX with what stands inside `http {}` and before it; wait for `port`.

    `zone` is the host's time zone, as in TZ. The logs of one that passes requests on are kept.
    """
    words = command(lab, host, http, main=main)
    process = host.spawn(["env", f"TZ={zone}", *words] if zone else words, port=port)
    if "_pass " in http:
        for kind in ("access", "error"):
            path = lab.directory / f"nginx-{host.name}-{kind}.log"
            lab.logs.keep(host, "nginx", kind, process, path)
    return process


def command(lab: Lab, host: Host, http: str, *, main: str = "") -> list[str]:
    """Write such a configuration and return how it is started."""
    program = shutil.which("nginx") or "nginx"
    lab.used("nginx", program, "-v")
    name = f"nginx-{host.name}"
    text = _MAIN.format(directory=lab.directory, name=name, http=http, main=main)
    file = lab.file(f"{name}.conf", text)
    return [program, "-p", str(lab.directory), "-c", str(file), "-e", "stderr"]


def tls_server(lab: Lab, port: int, *names: str, more: str = "", listen: str = "") -> str:
    """A `server {}` with TLS, a fresh certificate and the body "fine"."""
    files = lab.authority.issue(*names)
    return f"""
    server {{
      listen {port} ssl {listen};
      listen [::]:{port} ssl {listen};
      server_name {names[0]};
      ssl_certificate {files.cert}; ssl_certificate_key {files.key};
      {more}
      location / {{ return 200 "fine\\n"; }}
    }}"""
