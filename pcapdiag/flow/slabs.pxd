import cython

cdef long long _FACT_WORDS, _CHUNK_WORDS, _HEAD_BYTES


@cython.final
cdef class FactSlab:
    cdef public long long size, limit, unused, free
    cdef public object words
    cdef long long[::1] view
    @cython.locals(chunk=cython.longlong)
    cdef long long take(self)
    cpdef long long following(self, long long chunk)
    cdef void link(self, long long chunk, long long following) noexcept
    cdef void give_chain(self, long long first, long long last) noexcept
    @cython.locals(start=cython.longlong)
    cpdef object row(self, long long chunk, long long fact)
    @cython.locals(size=cython.longlong)
    cdef void _grow(self)


@cython.final
cdef class HeadSlab:
    cdef public long long size, limit, unused
    cdef public object bytes
    cdef unsigned char[::1] view
    cdef public list free
    cpdef long long take(self)
    cpdef void give(self, long long slot)
    cpdef object read(self, long long slot, long long length)
    @cython.locals(size=cython.longlong)
    cdef void _grow(self)
