"""Servers of a few lines for Node.js."""

from __future__ import annotations

from failurelab.hosts import Host, Process
from failurelab.lab import Lab

_FILES = """
const fs = require('fs');
const files = {cert: fs.readFileSync(process.argv[1]), key: fs.readFileSync(process.argv[2])};
const port = Number(process.argv[3]);
"""
_HTTP2_SECURE = """
const server = require('http2').createSecureServer(files, (request, response) => {
  response.end('fine\\n');
});
server.listen(port);
"""


def run(lab: Lab, host: Host, code: str, *arguments: object, port: int | None = None) -> Process:
    """Run a program given as text; wait until it listens on `port`."""
    lab.used("node")
    return host.spawn(["node", "-e", code, *map(str, arguments)], port=port)


def http2_secure(lab: Lab, host: Host, port: int, name: str) -> Process:
    """HTTP/2 over TLS and nothing else."""
    files = lab.authority.issue(name)
    return run(lab, host, _FILES + _HTTP2_SECURE, files.cert, files.key, port, port=port)


def http2_plain(lab: Lab, host: Host, port: int) -> Process:
    """HTTP/2 in clear text, with prior knowledge only."""
    code = "require('http2').createServer((q, r) => r.end('fine\\n')).listen(process.argv[1]);"
    return run(lab, host, code, port, port=port)


def http(lab: Lab, host: Host, port: int, more: str = "") -> Process:
    """HTTP/1.1 that answers "fine"; `more` is said of `server`."""
    code = "const server = require('http').createServer((q, r) => r.end('fine\\n'));"
    return run(lab, host, f"{code} {more} server.listen(process.argv[1]);", port, port=port)


def http2_resetting(lab: Lab, host: Host, port: int, code: int) -> Process:
    """HTTP/2 in clear text; resets each stream with this code."""
    text = """
    const server = require('http2').createServer();
    server.on('stream', stream => {
      stream.on('error', () => {});
      stream.close(Number(process.argv[2]));
    });
    server.listen(process.argv[1]);
    """
    return run(lab, host, text, port, code, port=port)


def http2_resetting_secure(lab: Lab, host: Host, port: int, code: int, name: str) -> Process:
    """HTTP/2 over TLS; resets each stream with this code."""
    files = lab.authority.issue(name)
    text = (
        _FILES
        + """
    const server = require('http2').createSecureServer(files);
    server.on('stream', stream => {
      stream.on('error', () => {});
      stream.close(Number(process.argv[4]));
    });
    server.listen(port);
    """
    )
    return run(lab, host, text, files.cert, files.key, port, code, port=port)
