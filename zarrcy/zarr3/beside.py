"""The functions of zarr-python 3 beside those of zarr-python 2. They return arrays and groups in zarrcy's meaning."""

from __future__ import annotations

from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.groups import Group, GroupState
from zarrcy.hierarchy.node import Node
from zarrcy.settings import array_config
from zarrcy.types import JSON, Elements, Option, StoreLike, ZarrFormat
from zarrcy.zarr3 import functions
from zarrcy.zarr3.places import place_of

# Arguments that only format 3 has.
_OF_V3 = ("shards", "dimension_names")


def create_array(
    store: StoreLike,
    *,
    name: str | None = None,
    shape: Option = None,
    dtype: Option = None,
    data: Elements = None,
    chunks: Option = "auto",
    shards: Option = None,
    filters: Option = "auto",
    compressors: Option = "auto",
    serializer: Option = "auto",
    fill_value: Elements = functions.DEFAULT_FILL_VALUE,
    order: str | None = None,
    zarr_format: ZarrFormat | None = None,
    attributes: dict[str, JSON] | None = None,
    chunk_key_encoding: Option = None,
    dimension_names: Option = None,
    storage_options: dict[str, Option] | None = None,
    overwrite: bool = False,
    config: Option = None,
    write_data: bool = True,
) -> Array:
    """Create an array, with the arguments of zarr-python 3.

    Parameters
    ----------
    store : mapping, store, StorePath, str, PathLike or None
        A store, a dictionary, a path, a URL, or None for a new store in memory.
    name : str, optional
        Path in the store. The default is the root.
    shape : int or tuple of int, optional
        Length of each axis, in elements; that of `data` by default.
    dtype : data-type, str, ZDType or dict, optional
        Data type of the elements; that of `data` by default.
    data : array_like, optional
        The elements.
    chunks : int, tuple of int, sequence of sequences or "auto", optional
        Length of a chunk along each axis, in elements. Sequences give the length of each chunk: the chunks of such an
        array differ in length.
    shards : int, tuple of int, sequence of sequences, dict or "auto", optional
        Length of a shard along each axis, in elements. By default there are none.
    filters, compressors : codec, sequence of codec, None or "auto", optional
        Codecs before and after the serializer: classes of `zarrcy.codecs`, such as ``BloscCodec``, of numcodecs, or
        dicts.
    serializer : codec or "auto", optional
        Codec from elements to bytes, in format 3.
    fill_value : scalar, optional
        Value of elements that were never written. The default is that of the data type, such as 0.
    order : {"C", "F"}, optional
        Order of the elements of a chunk, in format 2.
    zarr_format : {2, 3}, optional
        Version of the format. By default that of the nearest group above; else 3 if an argument needs it, or 2.
    attributes : dict, optional
        User attributes.
    chunk_key_encoding : dict, tuple or str, optional
        How the keys of chunks are formed.
    dimension_names : sequence of str or None, optional
        A name, or None, for each axis, in format 3.
    storage_options : dict, optional
        Options of the file system of a URL.
    overwrite : bool, optional
        Delete what is there first.
    config : dict, optional
        Options of the open array: ``write_empty_chunks``, which is true by default, and ``order``.
    write_data : bool, optional
        Write `data`; if false, it gives the shape and the data type only.

    Returns
    -------
    Array
        The array.

    Raises
    ------
    ContainsArrayError, ContainsGroupError
        If there is something at the path, and `overwrite` is false.
    ValueError
        If an argument is not valid.

    See Also
    --------
    create : The function of zarr-python 2.
    from_array : Create an array like another one.

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.create_array({}, shape=(4, 6), chunks=(2, 3), shards=(4, 6), dtype="i4")
    >>> a[0] = 1
    >>> a.shards, a.zarr_format, a.metadata.codecs[0].codecs
    ((4, 6), 3, (BytesCodec(endian='little'), ZstdCodec(level=0, checksum=False)))
    >>> zarrcy.create_array({}, shape=(30, 5), chunks=[[10, 20], 5], dtype="i4", zarr_format=3).read_chunk_sizes
    ((10, 20), (5,))
    """
    store, path = place_of(store, name, mode="a", storage_options=storage_options)
    needs_v3 = (
        shards is not None
        or dimension_names is not None
        or not (isinstance(serializer, str) and serializer == "auto")
    )
    created = functions.create_array(
        store,
        name=path,
        shape=shape,
        dtype=dtype,
        data=data,
        chunks=chunks,
        shards=shards,
        filters=filters,
        compressors=compressors,
        serializer=serializer,
        fill_value=fill_value,
        order=order,
        zarr_format=_format_at(store, path, zarr_format, needs_v3),
        attributes=attributes,
        chunk_key_encoding=chunk_key_encoding,
        dimension_names=dimension_names,
        overwrite=overwrite,
        config=_own_config(config),
        write_data=write_data,
    )
    return functions.as_plain(created)


def _own_config(config: Option) -> Option:
    """Return the options of an array, with those of zarrcy by default."""
    return (
        config
        if config is not None and not hasattr(config, "keys")
        else {"write_empty_chunks": True, **(config or {})}
    )


def _format_at(store: Option, path: str, version: ZarrFormat | None, needs_v3: bool = False) -> Option:
    """Return the format of a new node: the given one, or that of the nearest group above."""
    if version is not None:
        return version
    parents = path.split("/")[:-1] if path else []
    for n in range(len(parents), -1, -1):
        node = Node(store, "/".join(parents[:n]))
        if node.kind() == "group":
            return node.format.ZARR_FORMAT
    return 3 if needs_v3 else 2


def from_array(store: StoreLike, *, data: Elements, name: str | None = None, **kwargs: Option) -> Array:
    """Create an array like another one, with its elements.

    Parameters
    ----------
    store : mapping, store, StorePath, str, PathLike or None
        A store, a dictionary, a path, a URL, or None for a new store in memory.
    data : Array or array_like
        The other array.
    name : str, optional
        Path in the store. The default is the root.
    **kwargs
        Other keywords of `create_array`. The text "keep", the default of ``chunks``, ``shards``, ``filters``,
        ``compressors`` and ``serializer``, means those of `data`.

    Returns
    -------
    Array
        The array.

    Raises
    ------
    ValueError
        If `data` would be overwritten.

    See Also
    --------
    create_array : Create an array.

    Examples
    --------
    >>> import zarrcy
    >>> a = zarrcy.create_array({}, data=[1, 2, 3], chunks=2)
    >>> zarrcy.from_array({}, data=a).chunks
    (2,)
    """
    store, path = place_of(store, name, mode="a", storage_options=kwargs.pop("storage_options", None))
    config = _own_config(kwargs.pop("config", None))
    if not isinstance(data, Array):
        needs_v3 = any(kwargs.get(argument) is not None for argument in _OF_V3)
        kwargs["zarr_format"] = _format_at(store, path, kwargs.get("zarr_format"), needs_v3)
    return functions.as_plain(functions.from_array(store, data=data, name=path, config=config, **kwargs))


def create_group(
    store: StoreLike,
    *,
    path: str | None = None,
    zarr_format: ZarrFormat | None = None,
    overwrite: bool = False,
    attributes: dict[str, JSON] | None = None,
    storage_options: dict[str, Option] | None = None,
) -> Group:
    """Create a group, with the arguments of zarr-python 3.

    Parameters
    ----------
    store : mapping, store, StorePath, str, PathLike or None
        A store, a dictionary, a path, a URL, or None for a new store in memory.
    path : str, optional
        Path in the store. The default is the root.
    zarr_format : {2, 3}, optional
        Version of the format. By default that of the nearest group above, or 2.
    overwrite : bool, optional
        Delete what is there first.
    attributes : dict, optional
        User attributes.
    storage_options : dict, optional
        Options of the file system of a URL.

    Returns
    -------
    Group
        The group.

    Raises
    ------
    ContainsArrayError, ContainsGroupError
        If there is something at the path, and `overwrite` is false.

    See Also
    --------
    open_group : Open a group, or create it.

    Examples
    --------
    >>> import zarrcy
    >>> g = zarrcy.create_group({}, attributes={"title": "A"})
    >>> dict(g.attrs)
    {'title': 'A'}
    """
    store, path = place_of(store, path, mode="a", storage_options=storage_options)
    made = functions.create_group(
        store,
        path=path,
        zarr_format=_format_at(store, path, zarr_format),
        overwrite=overwrite,
        attributes=attributes,
    )
    return Group(GroupState(made._node, array_config()))
