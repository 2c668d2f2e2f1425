import cython

from pcapdiag.model.numbers cimport big16, big32, little32

cdef long long EPB_FLAGS, EPB_DROPCOUNT, WAY


@cython.final
cdef class PacketOptions:
    cdef public dict drops

    @cython.locals(at="long long", way="long long", code="long long", size="long long")
    cpdef int read(self, const unsigned char[::1] data, long long start, long long stop, bint big, long long interface) except -1
    cpdef int note_drops(self, object interface, object high, object low) except -1
