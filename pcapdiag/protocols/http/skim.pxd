import cython

from pcapdiag.protocols.http.field_scan cimport FieldScan
from pcapdiag.protocols.http.skimmed_stream cimport SkimmedStream

cdef long long _HEADER, _LARGEST, _LARGEST_OTHER, _DATA, _HEADERS, _PRIORITY, _RST_STREAM, _SETTINGS, _PING
cdef long long _GOAWAY, _WINDOW_UPDATE, _CONTINUATION, _END_STREAM, _END_HEADERS, _PADDED, _PRIORITY_FLAG, _ACK
cdef long long _MAX_HELD, _MAX_STREAMS, _NEIGHBOURS, _UNKNOWN


@cython.final
cdef class End:
    cdef public FieldScan scan
    cdef public long long window, initial
    cdef public bytes rest
    cdef public object begun, last


@cython.final
cdef class Skim:
    cdef object _reader, _ended
    cdef End _responder, _initiator
    cdef public long long newest, requests, dropped, wanted, others, most_open, notes
    cdef long long _showing, _held, _order
    cdef dict _open
    @cython.locals(from_initiator=cython.longlong, end=End, data=bytes, size=cython.longlong, at=cython.longlong, taken=cython.longlong, length=cython.longlong)
    cpdef int take(self, object piece) except -1
    @cython.locals(kind=cython.longlong, stream=cython.longlong)
    cdef int _frame(self, End end, long long from_initiator, bytes data, long long at, long long length, object begun, object last) except -1
    @cython.locals(stream=cython.longlong, increment=cython.longlong, other=End, skimmed=SkimmedStream, frame=list)
    cdef int _window_update(self, long long from_initiator, bytes data, long long at, long long length, object begun, object last) except -1
    @cython.locals(flags=cython.longlong, stream=cython.longlong, is_whole=cython.longlong, skimmed=SkimmedStream, frame=list)
    cdef int _data(self, End end, long long from_initiator, bytes data, long long at, long long length, object begun, object last) except -1
    @cython.locals(flags=cython.longlong, stream=cython.longlong, begin=cython.longlong, stop=cython.longlong, is_new=cython.longlong, scan=FieldScan, frame=list, skimmed=SkimmedStream)
    cdef int _headers(self, End end, long long from_initiator, bytes data, long long at, long long length, object begun, object last) except -1
    @cython.locals(index=cython.longlong, is_odd=cython.longlong, skimmed=SkimmedStream)
    cdef int _request(self, FieldScan scan, long long stream, long long ends, list frame) except -1
    cdef int _is_full(self) noexcept
    cdef object _add(self, SkimmedStream skimmed, list frame, long long ends, long long from_initiator)
    cdef object _end(self, SkimmedStream skimmed, long long from_initiator)
    cdef object _hand_on_open(self, long long stream)
    cdef object _hand_on(self, SkimmedStream skimmed)


@cython.locals(number=cython.longlong)
cdef inline long long _number(bytes data, long long at) noexcept
cdef inline int _may_be_long(long long kind, long long length) noexcept
cdef bytes _headers_frame(long long stream, long long flags, bytes block)
cdef list _pieces(bytes frame, object begun, object last)
