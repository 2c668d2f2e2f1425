"""A gRPC server and client of a few lines, as programs of their own.

    python -m failurelab.grpc_peer server ADDRESS [OPTION=VALUE...]
    python -m failurelab.grpc_peer health ADDRESS FILE
    python -m failurelab.grpc_peer client ADDRESS METHOD [SECONDS] [OPTION=VALUE...]

The server's methods: `ok`, `status` (the request names the code), `fail` (raises), `hang`
(streams one answer and then is quiet), `stream` (streams ten a second), `echo`, `crash`. Options
as in `grpc.keepalive_time_ms=1000`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc

_SERVICE = "shop.Basket"


def _options(words: list[str]) -> list[tuple[str, int]]:
    pairs = (word.split("=", 1) for word in words if "=" in word)
    return [(name, int(value)) for name, value in pairs]


def _status(request: bytes, context: Any) -> bytes:  # noqa: ANN401
    number = int(request)
    known = next(code for code in grpc.StatusCode if code.value[0] == number)
    context.abort(known, f"made for status {number}")
    return b""


def _fail(_request: bytes, _context: Any) -> bytes:  # noqa: ANN401
    raise RuntimeError("broken on purpose")


def _crash(_request: bytes, _context: Any) -> bytes:  # noqa: ANN401
    # Later than the client's last frames: what is unread then would make a RST of its FIN.
    time.sleep(0.3)
    os._exit(1)


def _hang(_request: bytes, _context: Any) -> Iterator[bytes]:  # noqa: ANN401
    yield b"one"
    time.sleep(60)


def _stream(_request: bytes, _context: Any) -> Iterator[bytes]:  # noqa: ANN401
    for number in range(600):
        yield b"%d" % number
        time.sleep(0.1)


def _serve(address: str, words: list[str]) -> None:
    unary = grpc.unary_unary_rpc_method_handler
    streaming = grpc.unary_stream_rpc_method_handler
    methods = {
        "ok": unary(lambda request, _context: b"fine " + request),
        "echo": unary(lambda request, _context: request),
        "status": unary(_status),
        "fail": unary(_fail),
        "crash": unary(_crash),
        "hang": streaming(_hang),
        "stream": streaming(_stream),
    }
    _run(address, _SERVICE, methods, words)


def _serve_health(address: str, file: str) -> None:
    def check(_request: bytes, _context: Any) -> bytes:  # noqa: ANN401
        return bytes((0x08, int(Path(file).read_text() or "1")))

    methods = {"Check": grpc.unary_unary_rpc_method_handler(check)}
    _run(address, "grpc.health.v1.Health", methods, [])


def _run(address: str, service: str, methods: dict[str, Any], words: list[str]) -> None:
    handler = grpc.method_handlers_generic_handler(service, methods)
    pool = futures.ThreadPoolExecutor(8)
    server = grpc.server(pool, options=[("grpc.so_reuseport", 0), *_options(words)])
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


def _ask(address: str, method: str, words: list[str]) -> None:
    name, _, argument = method.partition(":")
    seconds = next((float(word) for word in words if "=" not in word), 5.0)
    options = [("grpc.enable_retries", 0), *_options(words)]
    with grpc.insecure_channel(address, options) as channel:
        try:
            if name in ("hang", "stream"):
                answers = channel.unary_stream(f"/{_SERVICE}/{name}")(b"x", timeout=seconds)
                for answer in answers:
                    print(answer, flush=True)
            else:
                body = b"x" * int(argument or 1) if name == "echo" else argument.encode()
                print(channel.unary_unary(f"/{_SERVICE}/{name}")(body, timeout=seconds)[:80])
        except grpc.RpcError as error:
            print(error.code(), error.details())


def main() -> None:
    """Run as the first word says."""
    kind, address, *words = sys.argv[1:]
    if kind == "server":
        _serve(address, words)
    elif kind == "health":
        _serve_health(address, words[0])
    else:
        _ask(address, words[0], words[1:])


if __name__ == "__main__":
    main()
