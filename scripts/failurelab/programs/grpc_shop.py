"""A gRPC server and client of a few lines, without generated code."""

from __future__ import annotations

from importlib import metadata

from failurelab.hosts import Host, Process
from failurelab.lab import Lab

_SERVER = """
import sys, time
from concurrent import futures
import grpc

def get(request, context):
    if request == b"missing":
        context.abort(grpc.StatusCode.NOT_FOUND, "no such order")
    if request == b"taken":
        context.abort(grpc.StatusCode.ALREADY_EXISTS, "order exists")
    return b"order " * 20

def watch(request, context):
    for number in range(3):
        time.sleep(0.2)
        yield b"price %d" % number

handlers = {
    "Get": grpc.unary_unary_rpc_method_handler(get),
    "Watch": grpc.unary_stream_rpc_method_handler(watch),
}
server = grpc.server(futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Orders", handlers),))
server.add_insecure_port(sys.argv[1])
server.start()
server.wait_for_termination()
"""

_CLIENT = """
import sys
import grpc

channel = grpc.insecure_channel(sys.argv[1])
for request in sys.argv[2:]:
    try:
        if request == "watch":
            print(list(channel.unary_stream("/shop.Orders/Watch")(b"all", timeout=5)))
        else:
            print(channel.unary_unary("/shop.Orders/Get")(request.encode(), timeout=5))
    except grpc.RpcError as error:
        print(error.code(), error.details())
channel.close()
"""


def server(lab: Lab, host: Host, port: int) -> Process:
    """A server whose method answers, or says NOT_FOUND, or ALREADY_EXISTS, or streams."""
    lab.used("grpcio", "echo", metadata.version("grpcio"))
    return host.python(_SERVER, f"{host.ip}:{port}", port=port)


def client(host: Host, target: str, *requests: str) -> str:
    """Make these calls one after the other; returns what they gave."""
    process = host.python(_CLIENT, target, *requests)
    process.wait()
    return process.output
