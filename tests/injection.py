"""Raise an exception at each place where Python runs signal handlers, one place after the other.

Python runs handlers when a function begins, when a loop starts again and after a call. A trace function sees these
places in the order in which the program comes to them, so a test can visit each of them once, without clocks.
"""

import dis
import sys

_BEFORE = {number for name, number in dis.opmap.items() if name.startswith("CALL")} | {
    dis.opmap[name] for name in ("RESUME", "JUMP_BACKWARD") if name in dis.opmap
}


class Interrupted(BaseException):
    """What is raised: nothing else is."""


class _Tracer:
    """Counts distinct places in the files below some directories, and raises an exception at one of them."""

    def __init__(self, target, roots):
        self.target, self._roots, self.place = target, roots, None
        self.places, self._previous = set(), {}

    def __call__(self, frame, event, arg):
        if self.place is not None:
            return None
        if event == "call":
            if not frame.f_code.co_filename.startswith(self._roots):
                return None
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "return":
            self._previous.pop(frame, None)
        elif event == "opcode":
            before = self._previous.get(frame)
            self._previous[frame] = frame.f_code.co_code[frame.f_lasti]
            place = (frame.f_code, frame.f_lasti)
            if before in _BEFORE and place not in self.places:
                if len(self.places) == self.target:
                    self.place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                    self._previous.clear()
                    raise Interrupted(self.place)
                self.places.add(place)
        return self


def places_of(call, roots):
    """Return how many places a call comes to."""
    return _trace(call, _Tracer(-1, roots))


def interrupt(call, number, roots):
    """Call a function, and raise `Interrupted` where it comes to a new place, after `number` other ones.

    Returns the place, or None if the call ended before. An exception that is lost is an error.
    """
    tracer = _Tracer(number, roots)
    try:
        _trace(call, tracer)
    except Interrupted:
        return tracer.place
    assert tracer.place is None, f"the call lost the exception at {tracer.place}"
    return None


def _trace(call, tracer):
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        call()
    finally:
        sys.settrace(before)
    return len(tracer.places)
