"""A capture written again, with what the report says of it as comments."""

from pcapdiag.report.annotate.annotate import annotate_capture

__all__ = ["annotate_capture"]
