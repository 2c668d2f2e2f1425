import cython

from pcapdiag.protocols.http.field_scan cimport FieldScan

cdef long long _GRPC, _UNKNOWN, _OVERHEAD, _UNTOLD, _RESPONDER, _INITIATOR


@cython.final
cdef class SkimmedStream:
    cdef public long long stream, index, status, held
    cdef public list fields, frames
    cdef long long _responder_sent, _initiator_sent, _responder_window, _initiator_window, _ended, _expected, _is_grpc, _grpc_status, _has_body
    cdef object hold(self, long long order, list frame)
    cpdef long long sent(self, long long from_initiator)
    cdef void open_window(self, long long from_initiator, long long increment) noexcept
    cdef int send(self, long long from_initiator, long long length) noexcept
    cdef int take(self, long long from_initiator, FieldScan scan) except -1
    cdef int end(self, long long from_initiator) noexcept
    cdef int went_well(self) noexcept
