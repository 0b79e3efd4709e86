"""Classify the errors of servers and their clients: denied, overloaded, or a missing key.

Clients raise errors of many classes. What they have in common is a status of HTTP, an error number or a text.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import TypeVar

from zarrcy.errors import AccessDeniedError
from zarrcy.sync import in_flight
from zarrcy.types import Key

_T = TypeVar("_T")
_R = TypeVar("_R")

RETRY_DELAYS: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8, 1.6)
"""Seconds to wait before each repetition of a request that an overloaded server refused."""

_DENIED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_OVERLOADED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_MISSING = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_OVERLOADED_TEXTS = ("slowdown", "slow down", "reduce your request rate", "ratelimitexceeded", "throttl")
_STATUS_ATTRIBUTES = ("status", "status_code", "code")
# Causes of causes that are looked at.
_MOST_CAUSES = 5


def status_of(exc: BaseException) -> int | None:
    """Return the status of HTTP that an error of a client carries; None if it has none.

    Examples
    --------
    >>> error = OSError("Forbidden")
    >>> error.status_code = 403
    >>> status_of(error), status_of(OSError())
    (403, None)
    """
    response = getattr(exc, "response", None)
    if isinstance(response, Mapping):
        # botocore
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return status if isinstance(status, int) else None
    for source in (exc, response):
        for name in _STATUS_ATTRIBUTES:
            status = getattr(source, name, None)
            if isinstance(status, int) and 100 <= status <= 599:
                return status
    return None


def is_denied(exc: BaseException) -> bool:
    """Return whether a server refused a request because the client has no permission."""
    return isinstance(exc, PermissionError) or status_of(exc) in _DENIED


def is_overloaded(exc: object) -> bool:
    """Return whether a server refused a request because it gets too many.

    Examples
    --------
    >>> is_overloaded(OSError(errno.EBUSY, "Please reduce your request rate")), is_overloaded(OSError("gone"))
    (True, False)
    """
    return isinstance(exc, BaseException) and any(map(_is_overloaded, _with_causes(exc)))


def _is_overloaded(exc: BaseException) -> bool:
    if status_of(exc) in _OVERLOADED or (isinstance(exc, OSError) and exc.errno == errno.EBUSY):
        return True
    text = str(exc).lower()
    return any(pattern in text for pattern in _OVERLOADED_TEXTS)


def _with_causes(exc: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = exc
    for _ in range(_MOST_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__


def without_disguise(exc: BaseException) -> BaseException:
    """Return the error that a client reports as a missing file although the server did not say so; else `exc`.

    The HTTP file system of fsspec raises FileNotFoundError for each failure of `info`, from the actual error.
    """
    if isinstance(exc, FileNotFoundError):
        for cause in _with_causes(exc):
            status = status_of(cause)
            if status in _MISSING:
                return exc
            is_failure = isinstance(cause, (ConnectionError, TimeoutError, PermissionError))
            if status is not None or is_failure or type(cause).__module__.startswith("aiohttp"):
                return cause
    return exc


def access_denied(key: Key, exc: BaseException, remedy: str) -> AccessDeniedError:
    """Return the error for a key that the server does not let us read."""
    if isinstance(exc, AccessDeniedError):
        return exc
    error = AccessDeniedError(key, str(exc) or type(exc).__name__, remedy)
    error.__cause__ = exc
    return error


def retried(request: Callable[[], _R], delays: Sequence[float] = RETRY_DELAYS) -> _R:
    """Send a request, again after each of `delays` while the server is overloaded."""
    for delay in delays:
        try:
            return request()
        except Exception as exc:
            if not is_overloaded(exc):
                raise
        time.sleep(delay)
        in_flight.check()
    try:
        return request()
    except Exception as exc:
        if is_overloaded(exc):
            exc.add_note(_describe_retries(delays))
        raise


def retried_each(
    request: Callable[[list[_T]], list[_R]], items: list[_T], delays: Sequence[float] = RETRY_DELAYS
) -> list[_R]:
    """Send a request for many items, whose answers may be errors. Repeat it for those that an overload refused."""
    answers = request(items)
    for delay in delays:
        refused = [number for number, answer in enumerate(answers) if is_overloaded(answer)]
        if not refused:
            return answers
        time.sleep(delay)
        in_flight.check()
        again = request([items[number] for number in refused])
        for number, answer in zip(refused, again, strict=True):
            answers[number] = answer
    for answer in answers:
        if isinstance(answer, BaseException) and is_overloaded(answer):
            answer.add_note(_describe_retries(delays))
    return answers


def _describe_retries(delays: Sequence[float]) -> str:
    return f"the server is overloaded: it refused the request {len(delays) + 1} times in {sum(delays):.1f} s"
