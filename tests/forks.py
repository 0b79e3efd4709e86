"""For tests of what a forked child does with what it has from its parent."""

import warnings
from multiprocessing import get_context


def _send_outcome(connection, function, arguments):
    try:
        connection.send((function(*arguments), None))
    except Exception as exc:
        connection.send((None, exc))


def in_a_fork(function, *arguments):
    """Start a function in a forked child, and return what waits for its outcome."""
    context = get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=_send_outcome, args=(there, function, arguments))
    with warnings.catch_warnings():
        # of forks while threads run: those of earlier tests may not be gone yet
        warnings.simplefilter("ignore", DeprecationWarning)
        child.start()

    def outcome():
        assert here.poll(60), "the child gives no answer"
        result, exception = here.recv()
        child.join()
        if exception is not None:
            raise exception
        return result

    return outcome
