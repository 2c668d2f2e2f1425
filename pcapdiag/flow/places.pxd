import cython

from pcapdiag.flow.records cimport Flow, HalfFlow, Host, Place

cdef long long _MAX_PLACES


@cython.locals(f=HalfFlow, host=Host, key=cython.longlong, place=Place, known=Place)
cpdef object note_place(Flow flow)
