"""Call the file systems of fsspec whose requests are coroutines, and cancel the requests if the call is interrupted.

fsspec's own calls wait for a coroutine in its event loop. An exception of a signal handler ends the wait, but not the
coroutine, and not the tasks that the coroutine started.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Sequence
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from zarrcy.storage.optional import Client, Option
from zarrcy.storage.remote.concurrent import describe_unfinished, wait_for
from zarrcy.sync.in_flight import GRACE
from zarrcy.types import Key

if TYPE_CHECKING:
    # programs that use no file system of fsspec do not load it
    import asyncio

_R = TypeVar("_R")

# Calls that change the store. If one is cancelled, the server may have received all of it.
_WRITES = {"pipe", "pipe_file", "rm", "rm_file", "copy"}


def call(fs: Client, keys: Sequence[Key], name: str, *args: Option, **kwargs: Option) -> Client:
    """Call a method of a file system of fsspec.

    Parameters
    ----------
    fs : fsspec.AbstractFileSystem
        The file system.
    keys : sequence of str
        What the call is about, for the note of an exception.
    name : str
        Name of the method.
    *args, **kwargs : Option
        Its arguments.
    """
    method = getattr(fs, name)
    # fsspec makes a method that waits from a coroutine function; another method is a plain function
    wrapped: Callable[..., Coroutine[Client, Client, Client]] | None = getattr(method, "__wrapped__", None)
    if not fs.async_impl or fs.asynchronous or not inspect.iscoroutinefunction(wrapped) or runs(fs.loop):
        return method(*args, **kwargs)
    if inspect.ismethod(method):
        args = (fs, *args)
    return run(fs, keys, wrapped(*args, **kwargs), writes=name in _WRITES)


def run(
    fs: Client, keys: Sequence[Key], coroutine: Coroutine[Client, Client, _R], writes: bool = False
) -> _R:
    """Run a coroutine in the event loop of a file system of fsspec, which another thread runs.

    Parameters
    ----------
    fs : fsspec.AbstractFileSystem
        The file system.
    keys : sequence of str
        What the coroutine is about, for the note of an exception.
    coroutine : coroutine
        Sends requests.
    writes : bool, default False
        Whether it changes the store.
    """
    request = _Request(fs.loop, coroutine)
    try:
        request.loop.call_soon_threadsafe(request.start)
        wait_for(request.finished)
    except BaseException as exc:
        is_ended = request.cancel()
        if writes or not is_ended:
            exc.add_note(describe_unfinished(list(keys)))
        raise
    assert request.task is not None, "the request was finished, so it was started"
    result: _R = request.task.result()
    return result


def runs(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether this thread runs an event loop; it must not wait for a coroutine of that loop."""
    import asyncio

    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


class _Request(Coroutine[Client, Client, Client]):
    """A coroutine in an event loop of another thread, with the tasks that it starts."""

    def __init__(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Client, Client, Client]) -> None:
        self.loop, self.coroutine = loop, coroutine
        self.task: asyncio.Task[Client] | None = None
        self.started: list[asyncio.Task[Client]] = []
        self.finished: SimpleQueue[None] = SimpleQueue()
        self.is_cancelled = False

    def start(self) -> None:
        """Start the coroutine; the event loop calls this."""
        if not self.is_cancelled:
            self.task = self.loop.create_task(self)
            self.task.add_done_callback(lambda _: self.finished.put(None))

    def cancel(self) -> bool:
        """Cancel the request and the tasks that it started; return whether all of them ended within one second."""
        import asyncio

        ended: SimpleQueue[None] = SimpleQueue()

        def cancel() -> None:
            self.is_cancelled = True
            started: list[asyncio.Task[Client] | None] = [self.task, *self.started]
            tasks = [task for task in started if task is not None and not task.done()]
            for task in tasks:
                task.cancel()
            if self.task is None:
                self.coroutine.close()
            if tasks:
                asyncio.gather(*tasks, return_exceptions=True).add_done_callback(lambda _: ended.put(None))
            else:
                ended.put(None)

        self.loop.call_soon_threadsafe(cancel)
        try:
            ended.get(timeout=GRACE)
        except Empty:
            return False
        return True

    # -- the coroutine, which records the tasks that its steps start -------------------------------

    def send(self, value: Client) -> Client:
        return self._step(lambda: self.coroutine.send(value))

    def throw(self, *exc_info: Client) -> Client:
        return self._step(lambda: self.coroutine.throw(*exc_info))

    def close(self) -> None:
        self.coroutine.close()

    def __await__(self) -> Client:
        return self.coroutine.__await__()

    def _step(self, step: Callable[[], Client]) -> Client:
        import asyncio

        factory = self.loop.get_task_factory()

        def record(loop: asyncio.AbstractEventLoop, coroutine: Client, **kwargs: Option) -> Client:
            if factory is None:
                task: Client = asyncio.Task(coroutine, loop=loop, **kwargs)
            else:
                task = factory(loop, coroutine, **kwargs)
            self.started.append(task)
            return task

        self.loop.set_task_factory(record)
        try:
            return step()
        finally:
            self.loop.set_task_factory(factory)
