"""Read ranges of files over HTTP: one request for each range, whose response says which version it is of.

The HTTP file system of fsspec asks for the length of a file before it reads from its end, does not pass on the headers
of a response, and takes the whole file that a server without range requests sends for the range.
"""

from __future__ import annotations

import re
from collections.abc import Coroutine, Hashable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from zarrcy.storage.byte_ranges import cut
from zarrcy.storage.optional import Client
from zarrcy.types import Span

# Class of the file system whose session sends the requests; its subclasses may send them otherwise.
_CLASS = ("fsspec.implementations.http", "HTTPFileSystem")
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(frozen=True, slots=True)
class HttpVersion:
    """What a response says about the version of a file."""

    e_tag: str | None
    last_modified: str | None
    nbytes: int | None

    @property
    def is_exact(self) -> bool:
        """Whether no other value of the file has this version; a weak ETag does not promise it."""
        return self.e_tag is not None and not self.e_tag.startswith("W/")


@dataclass(frozen=True, slots=True)
class HttpPart:
    """The answer for a range.

    Attributes
    ----------
    data : bytes
        The bytes of the range that exist.
    version : hashable
        The version of the file.
    by_range : bool or None
        Whether the server sent the range and not the whole file; None if that is the same.
    """

    data: bytes
    version: Hashable
    by_range: bool | None


def sends_ranges(fs: Client) -> bool:
    """Return whether a file system of fsspec is the one of HTTP, not a subclass, and does not run in an event loop."""
    kind = type(fs)
    return (kind.__module__, kind.__qualname__) == _CLASS and not fs.asynchronous


def read_ranges(
    fs: Client, ranges: Sequence[tuple[str, Span]]
) -> Coroutine[Client, Client, list[HttpPart | BaseException]]:
    """Return a coroutine that reads ranges, all at once. Its answers are parts or errors.

    Parameters
    ----------
    fs : fsspec.implementations.http.HTTPFileSystem
        The file system, with its session and its options.
    ranges : sequence of (str, (int, int or None))
        The URL of a file, and a range; see `zarrcy.storage.capabilities.ReadsRanges`.
    """

    async def read() -> list[HttpPart | BaseException]:
        # programs that use no file system of fsspec do not load it
        import asyncio

        session = await fs.set_session()
        requests = [_read_range(fs, session, file, span) for file, span in ranges]
        return await asyncio.gather(*requests, return_exceptions=True)

    return read()


async def _read_range(fs: Client, session: Client, file: str, span: Span) -> HttpPart:
    start, nbytes = span
    options = dict(fs.kwargs)
    headers = dict(options.pop("headers", {}))
    # a range of a compressed response is of no use
    headers |= {"Accept-Encoding": "identity", "Range": _header(span)}
    async with session.get(fs.encode_url(file), headers=headers, **options) as response:
        if response.status == HTTPStatus.NOT_FOUND:
            raise FileNotFoundError(file)
        first, total = _content_range(response)
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return HttpPart(b"", _version(response, total), True)
        response.raise_for_status()
        data: bytes = await response.read()
        if response.status != HTTPStatus.PARTIAL_CONTENT:
            part = bytes(cut(memoryview(data), span))
            return HttpPart(part, _version(response, len(data)), None if len(part) == len(data) else False)
        if first is None or (first != start if start >= 0 else total not in (None, first - start, len(data))):
            problem = f"the server sent {response.headers.get('Content-Range')!r} for {headers['Range']!r}"
            raise OSError(f"{problem}, of {file!r}")
        return HttpPart(data if nbytes is None else data[:nbytes], _version(response, total), True)


def _header(span: Span) -> str:
    """Return the header that requests a range; an empty range is requested as one of a byte.

    >>> _header((2, 3)), _header((2, None)), _header((-2, None)), _header((5, 0))
    ('bytes=2-4', 'bytes=2-', 'bytes=-2', 'bytes=5-5')
    """
    start, nbytes = span
    if start < 0:
        return f"bytes={start}"
    return f"bytes={start}-" + ("" if nbytes is None else str(start + max(1, nbytes) - 1))


def _content_range(response: Client) -> tuple[int | None, int | None]:
    """Return the start of what was sent, and the length of the file, as far as the server knows them."""
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", "").strip())
    if match is None:
        return None, None
    first, _, total = match.groups()
    return None if first is None else int(first), None if total == "*" else int(total)


def _version(response: Client, nbytes: int | None) -> HttpVersion:
    return HttpVersion(response.headers.get("ETag"), response.headers.get("Last-Modified"), nbytes)
