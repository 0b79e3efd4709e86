"""Run a function in a forked child, to test what the child does with the state of its parent."""

import warnings
from multiprocessing import get_context


def _send_outcome(connection, function, arguments):
    try:
        connection.send((function(*arguments), None))
    except Exception as exc:
        connection.send((None, exc))


def in_a_fork(function, *arguments):
    """Start a function in a forked child. Return a function that waits for its result, and returns or raises it."""
    context = get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=_send_outcome, args=(there, function, arguments))
    with warnings.catch_warnings():
        # Python warns about a fork while threads run; threads of earlier tests may not have ended.
        warnings.simplefilter("ignore", DeprecationWarning)
        child.start()

    def outcome():
        assert here.poll(600), "the child did not answer within 600 s"
        result, exception = here.recv()
        child.join()
        if exception is not None:
            raise exception
        return result

    return outcome
