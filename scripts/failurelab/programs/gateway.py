"""A gateway of one's own, as many services are: its error pages name no product."""

from __future__ import annotations

from failurelab.connections import Address
from failurelab.hosts import Host, Process

_CODE = """
import http.client, http.server, sys

upstream, upstream_port, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

class Gateway(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, body = self.ask()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def ask(self):
        call = http.client.HTTPConnection(upstream, upstream_port, timeout=1)
        try:
            call.request("GET", self.path)
            answer = call.getresponse()
            return answer.status, answer.read()
        except TimeoutError:
            return 504, b'{"message": "timed out"}'
        except (OSError, http.client.HTTPException):
            return 502, b'{"message": "internal error"}'
        finally:
            call.close()

    def log_message(self, *words):
        pass

http.server.ThreadingHTTPServer(("", port), Gateway).serve_forever()
"""


def start(host: Host, port: int, upstream: Address) -> Process:
    """Start one that hands everything on to one upstream and waits 1 s for an answer."""
    return host.python(_CODE, *upstream, port, port=port)
