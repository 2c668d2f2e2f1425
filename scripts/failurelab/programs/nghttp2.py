"""nghttpd, nghttp and h2load in a host of the lab."""

from __future__ import annotations

import shutil

from failurelab.certs import Certificate
from failurelab.hosts import Host, Process
from failurelab.lab import Lab


def server(
    lab: Lab, host: Host, port: int, *options: str, files: Certificate | None = None
) -> Process:
    """nghttpd: HTTP/2 in clear text, or over TLS with a certificate. Serves the run's directory
    `www`, in which `index.html` is.
    """
    program = shutil.which("nghttpd") or "nghttpd"
    lab.used("nghttp2", program, "--version")
    root = lab.directory / "www"
    root.mkdir(exist_ok=True)
    (root / "index.html").write_text("fine\n")
    command = [program, "-d", str(root), *options, str(port)]
    command += [str(files.key), str(files.cert)] if files else ["--no-tls"]
    return host.spawn(command, port=port)


def client(lab: Lab, host: Host, url: str, *options: str, timeout: float = 10) -> str:
    """nghttp asks for a URL."""
    lab.used("nghttp2", "nghttp", "--version")
    return host.run(["nghttp", "-n", "-v", *options, url], check=False, timeout=timeout)


def load(lab: Lab, host: Host, url: str, *options: str, timeout: float = 20) -> str:
    """h2load asks for a URL; options as in "-n24", "-c2"."""
    lab.used("nghttp2", "h2load", "--version")
    return host.run(["h2load", *options, url], check=False, timeout=timeout)
