"""Functions that accept any bytes. They return, or raise an error of zarrcy that names its subject."""

import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

import zarrcy
from fuzz import seeds
from fuzz.mutations import mutate, mutate_json
from zarrcy import errors
from zarrcy.chunk_io import native
from zarrcy.codecs import bounded_decode
from zarrcy.storage.n5.store import N5Files


class FaultError(Exception):
    """The input causes a fault."""


@dataclass(frozen=True)
class Target:
    """A function that accepts bytes, its valid inputs, and the function that mutates them."""

    run: Callable
    seeds: Callable
    mutate: Callable = mutate


def check(target, data):
    """Run a target on bytes. Return the error that rejects them, or None.

    Raises
    ------
    FaultError
        If the error is not one of zarrcy, or does not name its subject.
    """
    try:
        target.run(data)
    except errors.ZarrcyError as exc:
        named = [getattr(exc, name, None) for name in ("key", "path", "codec", "package")]
        if all(name is None for name in named) or len(str(exc)) > 4000:
            raise FaultError(f"{type(exc).__name__} does not name its subject: {exc}") from exc
        return exc
    except FaultError:
        raise
    except Exception as exc:
        raise FaultError(f"{type(exc).__name__} is not an error of zarrcy: {str(exc)[:300]}") from exc
    return None


def expect(condition, problem):
    if not condition:
        raise FaultError(problem)


# -- documents -----------------------------------------------------------------------------------------

STORED = b"\x02\x01\x21\x04" + bytes(100)


def probe(array):
    """Use an array with an arbitrary document: properties and small reads."""
    repr(array)
    expect(array.size == math.prod(array.shape), "size")
    expect(len(array.cdata_shape) == max(1, array.ndim), "cdata_shape")
    key = tuple(slice(max(0, n - 1), n) for n in array.shape)
    for selection in (key, tuple(slice(0, 1 + (axis == 0)) for axis in range(array.ndim))):
        shape = tuple(len(range(*s.indices(n))) for s, n in zip(selection, array.shape, strict=True))
        result, rejected = outcome(partial(array.__getitem__, selection))
        if rejected is not None:
            continue
        result = np.asarray(result)
        expect(result.shape == shape, f"the shape is {result.shape}, not {shape}")
        expect(result.dtype == array.dtype, f"the data type is {result.dtype}, not {array.dtype}")


def write_back(array):
    """Write the documents of an array again. They must describe the same array."""
    array.attrs["written"] = 1
    array.resize(array.shape)
    again = zarrcy.open_array(array.store, mode="r")
    expect(
        (again.shape, again.chunks, again.dtype) == (array.shape, array.chunks, array.dtype), "written back"
    )
    if not array.dtype.hasobject:
        fills = [np.asarray(one.fill_value).tobytes() for one in (again, array)]
        expect(fills[0] == fills[1], "another fill value was written back")


def document(end, chunk_keys, data):
    store = {end: data, **dict.fromkeys(chunk_keys, STORED)}
    node = zarrcy.open(store, mode="r+")
    if isinstance(node, zarrcy.Group):
        dict(node.attrs)
        list(node)
        return
    stated = json.loads(data)["shape"]
    # some writers state the only length without a list
    expect(
        list(node.shape) == (stated if isinstance(stated, list) else [stated]),
        f"shape {node.shape}, stated {stated}",
    )
    if len(data) % 2:
        write_back(node)
    probe(node)


def attributes(data):
    group = zarrcy.open_group({".zgroup": b'{"zarr_format": 2}', ".zattrs": data}, mode="r+")
    expect(dict(group.attrs) == dict(group.attrs) or b"NaN" in data, "attributes")
    group.attrs["more"] = [1]


def walk(group, most=30):
    for name in list(group)[:most]:
        node = group[name]
        if isinstance(node, zarrcy.Group):
            walk(node, most // 2)
        else:
            probe(node)


def documents_of(value):
    try:
        return json.dumps(dict(zarrcy.ConsolidatedMetadataStore({"key": value}, "key")))
    except errors.MetadataError as exc:
        return str(exc)


def consolidated(data):
    # bytes are split into documents; other buffers are parsed.
    expect(documents_of(bytes(data)) == documents_of(bytearray(data)), "split and parsed documents differ")
    group = zarrcy.open_consolidated({".zmetadata": data}, mode="r")
    dict(group.attrs)
    walk(group)


def n5(data):
    length = int.from_bytes(data[:2], "little")
    files = {"attributes.json": data[2 : 2 + length], "0/0": data[2 + length :], "0": data[2 + length :]}
    node = zarrcy.open(N5Files(files), mode="r+")
    if isinstance(node, zarrcy.Array):
        probe(node)
        below = node.compressor.compressor_config or {}
        # Blosc prints a message for an invalid level.
        if 0 < node.size < 1000 and below.get("id") != "blosc":
            first = (0,) * node.ndim
            node[first] = 1
            expect(node[first] == 1, "a written element is not there")


def mutate_n5(random, data, others=()):
    length = int.from_bytes(data[:2], "little")
    text, block = data[2 : 2 + length], data[2 + length :]
    if random.random() < 0.5:
        text = mutate_json(random, text)
    else:
        block = mutate(random, block)
    return len(text).to_bytes(2, "little") + text + block if len(text) < 2**16 else data


# -- chunks --------------------------------------------------------------------------------------------


@cache
def scratch():
    """Return a temporary directory, in memory if the system has /dev/shm."""
    top = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="zarrcy-fuzz-", dir=top))
    import atexit

    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def ways(name):
    """Return arrays with one codec: in files (native path), in memory, and decoded by numcodecs only."""
    before = bounded_decode.native_decoders, native.enabled
    arrays = {}
    try:
        for way, store in (("files", str(scratch() / name)), ("memory", {}), ("numcodecs", {})):
            if way == "numcodecs":
                bounded_decode.native_decoders, native.enabled = {}, False
            arrays[way] = seeds.new_array(store, name)
            # The first read makes the decoder.
            arrays[way][:1]
    finally:
        bounded_decode.native_decoders, native.enabled = before
    return arrays


def put(array, value):
    if isinstance(array.store, zarrcy.DirectoryStore):
        # Like another program: in place, with one system call.
        path = Path(array.store.path) / seeds.chunk_key(array)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(value)
    else:
        array.store[seeds.chunk_key(array)] = value


def outcome(use, *others):
    """Return the result of a read or write, and None; or None, and its error: one of a stored value, or of `others`."""
    try:
        return use(), None
    except errors.ZarrcyError as exc:
        expect(
            isinstance(exc, (errors.ChunkDecodeError, errors.ChunkMemoryError, *others)),
            f"{type(exc).__name__} for a chunk: {exc}",
        )
        expect(exc.key, "the error does not name the chunk")
        return None, exc


def chunk(names, data):
    """Read a stored value in all ways. The ways that accept it must read the same elements."""
    name = names[data[0] % len(names)] if data else names[0]
    read = []
    rejected = None
    for way, array in ways(name).items():
        if name in seeds.OBJECTS and way == "files":
            continue
        put(array, data[1:])
        whole, exc = outcome(lambda array=array: array[:])
        rejected = rejected or exc
        part, _ = outcome(lambda array=array: array[3:7])
        if whole is not None:
            expect(whole.shape == (seeds.N_ELEMENTS,), f"{way}: shape {whole.shape}")
            if array.dtype.hasobject:
                expect(part is not None, f"{way}: reading the whole succeeds, reading a part fails")
                continue
            expect(
                part is not None and part.tobytes() == whole[3:7].tobytes(),
                f"{way}: a part differs from the whole",
            )
            read.append((way, whole.tobytes()))
        if name not in seeds.OBJECTS:
            change(way, array, whole)
    for way, elements in read[1:]:
        expect(elements == read[0][1], f"{read[0][0]} and {way} read different elements")
    if rejected is not None:
        raise rejected


def change(way, array, before):
    """Write one element. A chunk that cannot be read must not change."""
    # A filter may be unable to store the elements that damaged bytes decode to.
    _, exc = outcome(partial(array.__setitem__, 5, 77), errors.ChunkEncodeError)
    if before is None:
        expect(exc is not None or array.shards, f"{way}: a chunk that cannot be read was changed")
        return
    # A shard whose inner chunks overlap is read-only.
    if exc is None:
        before[5] = 77
    expect((array[:] == before).all(), f"{way}: a change of one element changed others")


# -- stores --------------------------------------------------------------------------------------------


def archive(data):
    store = zarrcy.ZipStore(io.BytesIO(data), mode="r")
    for key in list(store)[:30]:
        value = store[key]
        (part,) = store.get_partial_values([(key, (1, 4))])
        expect(part == value[1:5], "a part differs from the whole")
    node = zarrcy.open(store, mode="r")
    if isinstance(node, zarrcy.Group):
        walk(node)
    else:
        probe(node)


@cache
def jail():
    (scratch() / "jail" / "root").mkdir(parents=True)
    return scratch() / "jail"


def keys(data):
    """Use arbitrary text as a key. No file may appear outside the root."""
    key = data.decode("utf-8", "surrogatepass" if len(data) % 2 else "replace")
    store = zarrcy.DirectoryStore(jail() / "root")
    try:
        store[key] = b"value"
        expect(store[key] == b"value", "the key has another value")
        expect(key in store and key in set(store), "the key is not listed")
        del store[key]
    except OSError as exc:
        # The file system refuses the name: it is too long or a directory.
        expect(exc.errno is not None, "a system error without a number")
    finally:
        expect(os.listdir(jail()) == ["root"], "a file appeared outside the root")
        for name in os.listdir(jail() / "root"):
            place = jail() / "root" / name
            shutil.rmtree(place) if place.is_dir() else place.unlink()


def mutate_key(random, data, others=()):
    text = mutate(random, data, others, 600)
    try:
        text.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return text.decode("latin-1").encode()
    return text


CHUNK_NAMES, OBJECT_NAMES, SHARD_NAMES = tuple(seeds.CHUNKS), tuple(seeds.OBJECTS), tuple(seeds.SHARDS)
TARGETS = {
    "v2": Target(
        partial(document, ".zarray", ("0", "0.0", "0.0.0")), partial(seeds.documents, 2), mutate_json
    ),
    "v3": Target(
        partial(document, "zarr.json", ("c/0", "c/0/0", "c/0/0/0")), partial(seeds.documents, 3), mutate_json
    ),
    "attributes": Target(attributes, lambda: [b'{"a": [1, {"b": null}], "c": NaN}'], mutate_json),
    "consolidated": Target(consolidated, seeds.consolidated, mutate_json),
    "n5": Target(n5, seeds.n5, mutate_n5),
    "chunk": Target(partial(chunk, CHUNK_NAMES), partial(seeds.chunks, CHUNK_NAMES)),
    "objects": Target(partial(chunk, OBJECT_NAMES), partial(seeds.chunks, OBJECT_NAMES)),
    "shard": Target(partial(chunk, SHARD_NAMES), partial(seeds.chunks, SHARD_NAMES)),
    "zip": Target(archive, seeds.archives),
    "keys": Target(keys, lambda: seeds.KEYS, mutate_key),
}
