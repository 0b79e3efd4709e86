"""Clean up after killed writers, and move aside what is damaged; no data are deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zarrcy.api.inventory import QUARANTINE
from zarrcy.api.verify import check_value, verify
from zarrcy.chunk_io.open_chunks import open_chunk_context
from zarrcy.chunk_io.sharding.context import ShardContext
from zarrcy.errors import NotErasableError
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.verification import Problem
from zarrcy.keys import normalize_path, prefix_of
from zarrcy.storage import access
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.types import Buffer, Key, Store

__all__ = ["Repair", "repair"]


@dataclass(frozen=True, slots=True)
class Repair:
    """Something that was done to a store, or would be.

    Attributes
    ----------
    action : ``"remove"``: a leftover; ``"move"``: a value that is damaged, or outside its array;
        ``"rewrite"``: a shard without its damaged chunks, which is kept whole in quarantine
    key : what it was done to
    target : where it is now; None for what was removed
    """

    action: str
    key: Key
    target: Key | None = None


def repair(
    store: Any,
    path: str | None = None,
    *,
    quarantine: bool = False,
    dry_run: bool = False,
    older_than: float = 0,
    progress: bool = False,
) -> list[Repair]:
    """Remove what killed writers left; on request, move chunks aside that are damaged or outside their array.

    Parameters
    ----------
    store : a mapping, one of our stores, a path or a URL
    path : where to begin: an array, or a group with all that it holds. The whole store by default
    quarantine : read all chunks, as `verify` does, and give those that do not decode, and those outside the
        shape of their array, keys below ``__quarantine__/``. They read as fill value then. Of a shard
        only the damaged chunks are gone, and the whole of it is kept. Nobody may write meanwhile: the
        chunks of an array that is about to grow are outside its shape, too
    dry_run : change nothing, and tell what would be done
    older_than : seconds since the last change of a leftover; younger ones stay. A writer of zarrcy whose
        temporary file is removed begins anew, but others may fail
    progress : show a bar on a terminal

    Raises
    ------
    NotErasableError : chunks are to be moved in a store that can only grow

    Returns
    -------
    list of Repair : what was done

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> a = zarrcy.array([1, 2, 3, 4], chunks=2, store=store)
    >>> store["1"] = b"nonsense"
    >>> zarrcy.repair(store, quarantine=True)
    [Repair(action='move', key='1', target='__quarantine__/1')]
    >>> a[:]
    array([1, 2, 0, 0])
    """
    store = normalize_store_arg(store, mode="r+")
    path = normalize_path(path)
    done: list[Repair] = []
    if quarantine:
        if not getattr(store, "is_erasable", lambda: True)():
            raise NotErasableError(path, type(store).__name__)
        report = verify(store, path, progress=progress)
        wrong: dict[Key, list[Problem]] = {}
        for problem in report.problems:
            if problem.kind in ("chunk", "outside"):
                wrong.setdefault(problem.key, []).append(problem)
        done += [_set_aside(store, key, problems, dry_run) for key, problems in wrong.items()]
    for left in list(access.leftovers(store, older_than)):
        if not path or left.startswith(prefix_of(path)):
            if not dry_run:
                access.remove_leftover(store, left)
            done.append(Repair("remove", left))
    return done


def _set_aside(store: Store, key: Key, problems: list[Problem], dry_run: bool) -> Repair:
    target = _free_key(store, f"{QUARANTINE}/{key}")
    kept = None
    if all(problem.inner is not None for problem in problems):
        kept = _without(store, key, problems)
    if kept is None:
        if not dry_run:
            access.move_value(store, key, target)
        return Repair("move", key, target)
    if not dry_run:
        store[target] = store[key]
        store[key] = kept
    return Repair("rewrite", key, target)


def _free_key(store: Store, key: Key) -> Key:
    """Return a key that nothing has: what was moved aside before stays."""
    number, free = 0, key
    while free in store:
        number += 1
        free = f"{key}.{number}"
    return free


def _without(store: Store, key: Key, problems: list[Problem]) -> bytes | None:
    """Return a shard without its damaged chunks; None if nothing is left of it."""
    path = problems[0].path
    node = Node(store, path)
    description = node.load_array()
    if description.rectilinear_axes is not None:
        coords = description.chunk_keys.coords(key[len(node.prefix) :], len(description.shape))
        assert coords is not None, "a damaged shard has a chunk key"
        description = description.with_equal_chunks(description.stored_shape_at(coords))
    context = open_chunk_context(description, store, node.prefix)
    assert isinstance(context, ShardContext), "only shards have inner chunks"
    bad = {problem.inner for problem in problems}
    stored: Buffer = store[key]
    chunks = context.shards.index.chunks_of(memoryview(stored).cast("B"))
    good: dict[int, Buffer] = {number: chunk for number, chunk in chunks.items() if number not in bad}
    if not good:
        return None
    kept = context.shards.index.assemble(good)
    assert not check_value(context, key, kept, context.new_chunk(key))[1], "what is kept is whole"
    return kept
