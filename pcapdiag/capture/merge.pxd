import cython

from pcapdiag.capture.window cimport Columns, Pool

cdef long long SHORT_RUN, POOL_PACKETS, POOL_BYTES, NEVER


@cython.final
cdef class Cursor:
    cdef public long long file, taken, at, count, time, rest
    cdef public bint lent, _sorted
    cdef public object batch, _batches, _frames
    cdef public Columns columns

    @cython.locals(times="long long[::1]", end="long long", near="long long")
    cpdef long long run_end(self, long long latest)

    @cython.locals(frames="long long[::1]", shift="long long", i="long long")
    cpdef long long number(self, long long end, long long frame)

    cpdef skip_to(self, long long end)


@cython.final
cdef class Merger:
    cdef public list _waiting, _open
    cdef public object _origins
    cdef public long long _frame
    cdef public bint _used_up
    cdef public Pool _gathered, _spare

    @cython.locals(gathered=Pool, cursor=Cursor, end="long long")
    cpdef next_batch(self)

    cpdef _number(self, Cursor cursor, long long end)

    cpdef _pass(self, Cursor cursor, long long end)

    @cython.locals(given=Pool, cursor=Cursor)
    cpdef _give_gathered(self)

    @cython.locals(cursor=Cursor)
    cpdef bint _read_on(self)

    @cython.locals(cursor=Cursor)
    cpdef bint _open_next(self, Cursor head)

    @cython.locals(best=Cursor, cursor=Cursor)
    cpdef Cursor _first(self)

    @cython.locals(cursor=Cursor, bound="long long", latest="long long")
    cpdef long long _bound(self, Cursor head)
