"""Convert a hierarchy to another format: in place if its chunks need not change, or to a destination."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

from zarrcy import metadata
from zarrcy.api.convert_plan import NodeConversion, bottom_up, plan
from zarrcy.errors import ConversionError, NotConsolidatedError, PartlyDoneError, PathNotFoundError
from zarrcy.hierarchy.array_state import open_state
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.copy_elements import copy_elements, copy_stored_chunks
from zarrcy.hierarchy.creation import opened_store
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.progress_bar import byte_progress
from zarrcy.hierarchy.replacement import can_swap, is_in_the_way, replaced
from zarrcy.settings import ArrayConfig
from zarrcy.storage import access
from zarrcy.storage.listing import listdir
from zarrcy.storage.n5.store import N5Store
from zarrcy.types import Key, Option, StoreLike, ZarrFormat

# A chunk that is not stored, or consists of the fill value, is not stored in the copy.
_WRITE = ArrayConfig(write_empty_chunks=False)
_ELSEWHERE = "Convert the other groups and arrays one by one, or move it away first."


@dataclass(slots=True)
class Conversion:
    """What `convert` did or, in a dry run, would do.

    Attributes
    ----------
    source_format, zarr_format : {2, 3, "3-draft"}
        Version of the format before and after; `source_format` is None if the hierarchy has no other format.
    nodes : list of NodeConversion
        The arrays and groups. A group comes after its members.
    removed : list of str
        Keys of the documents of the old format that were deleted.
    """

    source_format: ZarrFormat | None
    zarr_format: ZarrFormat
    nodes: list[NodeConversion] = field(default_factory=list)
    removed: list[Key] = field(default_factory=list)

    @property
    def arrays(self) -> list[NodeConversion]:
        """The arrays among the nodes."""
        return [node for node in self.nodes if node.array is not None]


def convert(
    source: StoreLike,
    destination: StoreLike = None,
    *,
    zarr_format: ZarrFormat = 3,
    path: str | None = None,
    remove_old: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
    storage_options: dict[str, Option] | None = None,
) -> Conversion:
    """Convert an array, or a group and everything below it, to another version of the format.

    Without a destination, only metadata documents are written, beside those of the old format, and no chunk changes.
    If the new format can't describe the chunks as they are stored, nothing is changed, and the error tells why: then
    pass a destination. There, chunks are copied as stored if the format can describe their encoding, and encoded
    again if not. The source does not change.

    Before anything is written, one stored chunk of each array that keeps its chunks is decoded with both
    metadata and compared. Documents are written from the leaves to the root. If a conversion in place is
    interrupted, the hierarchy therefore still opens in the old format, and a second call completes the conversion.
    A destination can't be opened before it is complete.

    An array with the names of all its axes reads the same in xarray. The names are moved to where the format has
    them: from the attribute ``_ARRAY_DIMENSIONS``, which xarray writes in format 2, or to it. The value of missing
    elements is the fill value in format 2, and the attribute ``_FillValue`` in format 3. If the fill value changes for
    that reason, or becomes null, elements that were never written are written. Metadata that were consolidated are
    consolidated again.

    Parameters
    ----------
    source : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    destination : mapping, store, str or PathLike, optional
        Where to write the converted hierarchy. By default it is converted in place, which is possible only to
        format 3, because readers look for that format first.
    zarr_format : {2, 3, "3-draft"}, optional
        Version to convert to.
    path : str, optional
        Path of the array or group in the source. It becomes the root of the destination. The default is the root.
    remove_old : bool, optional
        Delete the documents of the old format after a conversion in place, also if it was done by an earlier call.
        If they are kept, readers that know only the old format still work, but do not see later changes.
    overwrite : bool, optional
        Replace the contents of the destination, when the conversion is complete: it needs room for both. An object
        store and an N5 container are emptied first. In place, replace documents of the new format that have other
        contents.
    dry_run : bool, optional
        Write nothing, and return what would be done. The destination is not opened. Arrays that can't be converted
        are not an error.
    storage_options : dict, optional
        Options of the stores, if `source` or `destination` is a URL.

    Returns
    -------
    Conversion
        What was done with each array and group.

    Raises
    ------
    PathNotFoundError
        If there is neither an array nor a group.
    ConversionError
        If an array can't be converted, or something is in the way. Nothing was changed.
    PartlyDoneError
        If directories may not be looked into. Everything else was converted, if there is a destination.

    See Also
    --------
    copy : Copy arrays and groups, also between formats.

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.group(store)["a"] = [1, 2, 3]
    >>> conversion = zarrcy.convert(store)
    >>> [(node.path, node.how) for node in conversion.nodes]
    [('a', 'as stored'), ('', 'as stored')]
    >>> zarrcy.open(store).zarr_format, sorted(store)
    (3, ['.zgroup', 'a/.zarray', 'a/0', 'a/zarr.json', 'zarr.json'])
    """
    with ExitStack() as stack:
        mode = "r+" if destination is None and not dry_run else "r"
        store = stack.enter_context(opened_store(source, mode, storage_options))
        target = Node(store, path, zarr_format=zarr_format)
        others = (format for format in metadata.FORMATS if format is not target.format)
        old_format = next((format for format in others if format.exists(store, target.prefix)), None)
        if old_format is None and target.kind() is None:
            raise PathNotFoundError(target.path)
        old_version = None if old_format is None else old_format.ZARR_FORMAT
        conversion = Conversion(old_version, target.format.ZARR_FORMAT)
        if old_format is None:
            return conversion
        source_node = Node(store, path, zarr_format=old_version)
        if destination is None:
            _convert_in_place(source_node, target, conversion, remove_old, overwrite, dry_run)
            return conversion
        conversion.nodes = list(plan(source_node, target.format, in_place=False))
        denied: list[str] = []
        if not dry_run:
            _refuse_impossible(conversion.nodes)
            _refuse_overlap(source_node, destination, storage_options)
            # keys of an archive can't be deleted; the whole archive is replaced at the end
            mode = "w" if overwrite and str(destination).endswith(".zip") else "a"
            store = stack.enter_context(opened_store(destination, mode, storage_options))
            _convert_into(Node(store, zarr_format=zarr_format), source_node, conversion.nodes, overwrite)
            denied = access.denied_below(source_node.store, source_node.path)
    if denied:
        raise PartlyDoneError("converted", denied)
    return conversion


def _refuse_impossible(nodes: list[NodeConversion]) -> None:
    problems = [(node.path, node.why) for node in nodes if node.how == "impossible"]
    if problems:
        raise ConversionError(problems, _ELSEWHERE)


def _consolidate_like(target: Node, source: Node) -> None:
    """Consolidate the metadata of a group if those of its source are consolidated."""
    try:
        consolidated = source.format.open_consolidated(source.store, source.path)
    except NotConsolidatedError:
        return
    if consolidated is not None and target.kind() == "group":
        target.consolidate()


# -- in place --------------------------------------------------------------------------------------


def _convert_in_place(
    source: Node, target: Node, conversion: Conversion, remove_old: bool, overwrite: bool, dry_run: bool
) -> None:
    order = metadata.FORMATS.index
    if order(source.format) < order(target.format):
        why = (
            f"readers look for format {source.format.ZARR_FORMAT} first, so they would not see documents of "
            f"format {target.format.ZARR_FORMAT} beside it"
        )
        raise ConversionError([(source.path, why)], "Give a destination.")
    if isinstance(source.store, N5Store):
        why = "it is an N5 container, whose chunks no version of Zarr can describe as they are stored"
        raise ConversionError([(source.path, why)], "Give a destination.")
    was_converted = target.kind() is not None
    if not was_converted:
        conversion.nodes = list(plan(source, target.format, in_place=True))
        if not dry_run:
            _refuse_impossible(conversion.nodes)
            changed = [(node.path, node.why) for node in conversion.nodes if node.how != "as stored"]
            if changed:
                raise ConversionError(changed, "Its chunks would have to change: give a destination.")
            if remove_old:
                access.check_delete(source.store, _old_documents(source, target, is_planned=True))
            target.drop_outdated()
            _write_documents(target, conversion.nodes, overwrite)
            _consolidate_like(target, source)
    if remove_old:
        conversion.removed = _old_documents(source, target, is_planned=dry_run and not was_converted)
        if not dry_run:
            access.deleter(source.store)(conversion.removed)


def _write_documents(target: Node, nodes: list[NodeConversion], overwrite: bool) -> None:
    """Write the documents of nodes, the deepest first.

    Raises
    ------
    ConversionError
        If a document exists and has other contents, and `overwrite` is false.
    """
    levels: dict[int, dict[Key, bytes]] = {}
    for node in nodes:
        depth = _below(target, node.path).prefix.count("/")
        levels.setdefault(depth, {}).update(node.documents)
    if not overwrite:
        documents = {key: document for level in levels.values() for key, document in level.items()}
        existing = zip(documents, access.documents(target.store)(list(documents)), strict=True)
        others = [key for key, value in existing if value is not None and bytes(value) != documents[key]]
        if others:
            raise ConversionError(
                [(key, "it exists already and has other contents") for key in others],
                "It may have been changed after an earlier conversion: compare it with the old metadata, and delete "
                "one of them; or overwrite it.",
            )
    write = access.writer(target.store)
    for depth in sorted(levels, reverse=True):
        write(levels[depth])


def _old_documents(source: Node, target: Node, is_planned: bool) -> list[Key]:
    """Return the keys of the old documents of all converted nodes, the deepest first.

    Parameters
    ----------
    source, target : Node
        The hierarchy in the old and the new format.
    is_planned : bool
        Whether the nodes are not converted yet, but all of them will be.
    """
    entry = source.load()
    if entry is None:
        return []
    return [
        key
        for node, _ in list(bottom_up(source, entry))
        if is_planned or target.at(node.path).kind() is not None
        for key in source.format.documents_at(node.prefix)
        if key in source.store
    ]


# -- to a destination ------------------------------------------------------------------------------


def _refuse_overlap(
    source: Node, destination: StoreLike, storage_options: dict[str, Option] | None = None
) -> None:
    """Refuse to write to the place that is read.

    Raises
    ------
    ConversionError
        If source and destination are equal, or one contains the other, whatever path, link or URL leads there.
    """
    if is_in_the_way(source, destination, "", storage_options):
        why = "source and destination are the same place, or one contains the other"
        raise ConversionError([(source.path, why)], "Give another destination, or none to convert in place.")


def _convert_into(target: Node, source: Node, nodes: list[NodeConversion], overwrite: bool) -> None:
    if isinstance(target.store, N5Store):
        why = "the destination is an N5 container, which has its own format"
        raise ConversionError([("", why)], "Give another destination.")
    if overwrite:
        if not (can_swap(Node(target.store)) and can_swap(target)):
            target.erase()
        replaced(target, [], lambda at, _: _write_nodes(at, source, nodes))
        return
    if listdir(target.store, ""):
        raise ConversionError(
            [("", "the destination is not empty")], "Give another destination, or overwrite it."
        )
    _write_nodes(target, source, nodes)


def _write_nodes(target: Node, source: Node, nodes: list[NodeConversion]) -> None:
    total = sum(node.array.nbytes for node in nodes if node.array is not None)
    with byte_progress(total, "converting") as advance:
        for node in nodes:
            if node.array is not None and node.description is not None:
                state = open_state(_below(target, node.path), _WRITE, node.description)
                copy_array = copy_stored_chunks if node.how == "as stored" else copy_elements
                copy_array(node.array, Array.from_state(state), advance)
            # the document of the root is written last, so readers find no incomplete hierarchy
            for key, document in node.documents.items():
                target.store[key] = document
    target.format.prepare(target.store)
    _consolidate_like(target, source)


def _below(node: Node, path: str) -> Node:
    return node.at(node.prefix + path) if path else node
