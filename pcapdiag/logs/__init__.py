"""Reads proxies' logs: Envoy's, NGINX's and HAProxy's, whatever their format, line by line."""

from pcapdiag.logs.reading import LogReading, read_log
from pcapdiag.logs.source import parse_source

__all__ = ["LogReading", "parse_source", "read_log"]
