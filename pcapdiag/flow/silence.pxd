import cython

from pcapdiag.flow.records cimport Flow, HalfFlow

@cython.locals(opener=HalfFlow, responder=HalfFlow)
cpdef long long is_silent(Flow flow) noexcept
@cython.locals(opener=HalfFlow, responder=HalfFlow)
cpdef long long answer_may_be_missing(Flow flow) noexcept
