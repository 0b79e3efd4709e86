"""Remove or restore what killed writers left, and move damaged chunks aside; no data are deleted."""

from __future__ import annotations

from dataclasses import dataclass

from zarrcy.api.verify import check_value, choose_keys, verify
from zarrcy.chunk_io.open_chunks import open_chunk_context
from zarrcy.chunk_io.sharding.context import ShardContext
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.verification import Problem
from zarrcy.keys import QUARANTINE, normalize_path, prefix_of
from zarrcy.storage import access
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.sync.ranks import PartLike, part_of
from zarrcy.types import Buffer, Key, Selection, Store, StoreLike

__all__ = ["Repair", "repair"]


@dataclass(frozen=True, slots=True)
class Repair:
    """A change that `repair` made to a store, or would make.

    Attributes
    ----------
    action : {"remove", "restore", "move", "rewrite"}
        ``"remove"``: a temporary file of a killed writer was deleted. ``"restore"``: a directory whose deletion was
        interrupted before it began has its name again. ``"move"``: a value that is damaged, or outside its array, or
        a directory that is partly deleted, has another name. ``"rewrite"``: a shard lost its damaged chunks; a copy of
        the whole shard is kept.
    key : str
        Key of the value, or path of the directory, before the change.
    target : str or None
        Where it is kept; None for a temporary file.
    """

    action: str
    key: Key
    target: Key | None = None


def repair(
    store: StoreLike,
    path: str | None = None,
    *,
    quarantine: bool = False,
    dry_run: bool = False,
    older_than: float = 0,
    progress: bool = False,
    region: Selection | None = None,
    part: PartLike | None = None,
) -> list[Repair]:
    """Remove the leftovers of killed writers; on request, move aside chunks that are damaged or outside their array.

    Only temporary files are removed. A directory whose deletion was interrupted gets its name back if it is complete
    and the name is free; otherwise its files are moved below ``__quarantine__/``.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    path : str, optional
        Path of an array, or of a group that is repaired with everything below it. The default is the whole store.
    quarantine : bool, optional
        Check all chunks as `verify` does. Those that do not decode, and those outside the shape of their array,
        get keys below ``__quarantine__/``; their elements then read as the fill value. If some chunks of a shard are
        damaged, only these are lost, and a copy of the whole shard is kept. No other process may write meanwhile:
        the chunks that enlarge an array are outside its shape until it has its new shape.
    dry_run : bool, optional
        Change nothing; return what would be done.
    older_than : float, optional
        Remove only leftovers that were last changed at least this many seconds ago. A writer of zarrcy
        whose temporary file is removed starts again; other writers may fail.
    progress : bool, optional
        Show a progress bar on a terminal.
    region, part : optional
        Check and repair only a region of an array, or a part of the work: see `verify`. All parts together remove each
        leftover once.

    Returns
    -------
    list of Repair
        What was done.

    Raises
    ------
    NotErasableError
        If chunks are to be moved in a store that can't delete keys.

    See Also
    --------
    verify : Report problems without changing anything.

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
    repairs: list[Repair] = []
    if quarantine:
        problems_by_key: dict[Key, list[Problem]] = {}
        for problem in verify(store, path, progress=progress, region=region, part=part).problems:
            if problem.kind in ("chunk", "outside"):
                problems_by_key.setdefault(problem.key, []).append(problem)
        if problems_by_key and not access.is_erasable(store):
            raise access.refusal_to_delete(store, path)
        repairs += [_set_aside(store, key, problems, dry_run) for key, problems in problems_by_key.items()]
    is_mine = choose_keys(None if part is None else part_of(part))
    for leftover in list(access.leftovers(store, older_than)):
        if is_mine(leftover) and (not path or leftover.startswith(prefix_of(path))):
            target = access.leftover_target(store, leftover)
            if not dry_run:
                access.remove_leftover(store, leftover)
            repairs.append(Repair(_action_for(target), leftover, target))
    return repairs


def _action_for(target: str | None) -> str:
    """Return what is done with a leftover that is kept at a path, or is not kept."""
    if target is None:
        return "remove"
    return "move" if target.startswith(f"{QUARANTINE}/") else "restore"


def _set_aside(store: Store, key: Key, problems: list[Problem], dry_run: bool) -> Repair:
    """Move a damaged value to the quarantine; leave the good chunks of a shard where they are."""
    target = _free_key(store, f"{QUARANTINE}/{key}")
    repaired = None
    if all(problem.inner is not None for problem in problems):
        repaired = _shard_without(store, key, problems)
    if repaired is None:
        if not dry_run:
            access.move_value(store, key, target)
        return Repair("move", key, target)
    if not dry_run:
        store[target] = store[key]
        store[key] = repaired
    return Repair("rewrite", key, target)


def _free_key(store: Store, key: Key) -> Key:
    """Return `key`, with a number if it exists already, so that the quarantine loses nothing."""
    number, free = 0, key
    while free in store:
        number += 1
        free = f"{key}.{number}"
    return free


def _shard_without(store: Store, key: Key, problems: list[Problem]) -> bytes | None:
    """Return a shard without its damaged chunks; None if no chunk remains."""
    node = Node(store, problems[0].path)
    description = node.load_array()
    if description.rectilinear_axes is not None:
        coords = description.chunk_keys.coords(key[len(node.prefix) :], len(description.shape))
        assert coords is not None, "a damaged shard has a chunk key"
        description = description.with_equal_chunks(description.stored_shape_at(coords))
    context = open_chunk_context(description, store, node.prefix)
    assert isinstance(context, ShardContext), "only shards have inner chunks"
    damaged = {problem.inner for problem in problems}
    stored: Buffer = store[key]
    chunks = context.shards.index.chunks_of(memoryview(stored).cast("B"))
    good: dict[int, Buffer] = {number: chunk for number, chunk in chunks.items() if number not in damaged}
    if not good:
        return None
    repaired = context.shards.index.assemble(good)
    assert not check_value(context, key, repaired, context.new_chunk(key))[1], "the repaired shard decodes"
    return repaired
