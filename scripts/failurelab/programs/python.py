"""Servers of Python's standard library, as programs of their own."""

from __future__ import annotations

from failurelab.hosts import Host, Process
from failurelab.lab import Lab

_HTTP_SERVER = """
import http.server, socketserver, ssl, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"fine\\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

server = Server((sys.argv[1], int(sys.argv[2])), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, True, do_handshake_on_connect=False)
server.serve_forever()
"""


def http_server(host: Host, port: int) -> Process:
    """http.server, which answers GET."""
    return host.python(_HTTP_SERVER, host.ip, port, port=port)


def https_server(lab: Lab, host: Host, port: int, *names: str) -> Process:
    """http.server over TLS; it does not know ALPN."""
    files = lab.authority.issue(*names)
    return host.python(_HTTP_SERVER, host.ip, port, files.cert, files.key, port=port)
