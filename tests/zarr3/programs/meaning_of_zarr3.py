"""``import zarr`` has the meaning of zarr-python 3, and zarrcy keeps its own."""

import asyncio
import importlib.metadata
import pickle
import sys

import zarrcy.compat

zarrcy.compat.install(api=3)
zarrcy.compat.install(api=3)

import numpy as np  # noqa: E402
import zarr  # noqa: E402
import zarr.api.asynchronous  # noqa: E402
import zarr.codecs.numcodecs  # noqa: E402
import zarr.core.metadata.v3  # noqa: E402
from zarr.core.sync import sync  # noqa: E402

assert importlib.metadata.version("zarr") == zarr.__version__
assert zarr.__version__.startswith("3.")
try:
    zarrcy.compat.install(api=2)
except ImportError:
    pass
else:
    raise AssertionError("two versions are installed")

# contradictions, in the order of docs/compat.md
for meaning, new in (("ours", zarrcy.create_array), ("theirs", zarr.create_array)):
    theirs = meaning == "theirs"
    array = new({}, data=np.arange(6), chunks=2)
    assert array.zarr_format == (3 if theirs else 2)
    assert isinstance(array[1], np.ndarray) == theirs
    assert callable(array.nbytes_stored) == theirs
    assert array.config.write_empty_chunks == (not theirs)
    assert array.filters == (() if theirs else None)
    assert array.name == ("/" if theirs else None)
    assert isinstance(pickle.loads(pickle.dumps(array)), type(array))
    irregular = new({}, shape=30, chunks=[[10, 20]], dtype="i4", zarr_format=3)
    try:
        assert irregular.chunks == (20,)
    except NotImplementedError:
        assert theirs
    else:
        assert not theirs
    text = new({}, shape=2, dtype=str, zarr_format=3)
    text[:] = ["a", "bc"]
    assert text[:].tolist() == ["a", "bc"]
    assert text[:].dtype.kind == ("T" if theirs and hasattr(np.dtypes, "StringDType") else "O")
assert zarr.create_array({}, shape=2, dtype="M8[s]").fill_value.astype(str) == "NaT"
assert zarr.create_array({}, shape=2, dtype="i4").compressors == (zarr.codecs.ZstdCodec(),)
group = zarr.create_group({}).create_group("a")
assert group.create_group("/b").path == "a/b"
assert zarrcy.open_group(group.store)["a"].create_group("/c").path == "c"

# missing and existing nodes
for error, call in (
    (FileNotFoundError, lambda: zarr.open_array({}, mode="r")),
    (FileNotFoundError, lambda: zarr.open_group({}, mode="r")),
    (zarr.errors.ContainsGroupError, lambda: zarr.create_group(group.store, path="a")),
    (FileExistsError, lambda: zarr.open_group(group.store, mode="w-")),
    (zarr.errors.DataTypeValidationError, lambda: zarr.dtype.Int8.from_json("int9", zarr_format=3)),
):
    try:
        call()
    except error:
        continue
    raise AssertionError(error)

# configuration
with zarr.config.set({"default_zarr_format": 2, "array.write_empty_chunks": True}):
    array = zarr.create_array({}, shape=4, chunks=2, dtype="i4")
    assert array.zarr_format == 2
    array[:] = 0
    assert array.nchunks_initialized == 2
array = zarr.create_array({}, shape=4, chunks=2, dtype="i4")
array[:] = 0
assert array.nchunks_initialized == 0
assert zarr.open_array(array.store, config={"order": "F"}).config.order == "F"
with zarr.config.set({"threading.max_workers": 1}):
    assert zarr.open_array(array.store).current_state().config.threads == 1


# coroutines
async def use():
    made = await zarr.api.asynchronous.create_array({}, data=np.arange(10), chunks=2)
    assert isinstance(made, zarr.AsyncArray)
    assert (await made.getitem(slice(2, 5))).tolist() == [2, 3, 4]
    await made.setitem(slice(0, 2), 7)
    opened = await zarr.api.asynchronous.open_group({}, mode="w")
    assert isinstance(opened, zarr.AsyncGroup)
    await opened.create_array("x", shape=3, dtype="i4")
    assert [name async for name, _ in opened.members()] == ["x"]
    assert isinstance(await opened.getitem("x"), zarr.AsyncArray)
    return made


made = asyncio.run(use())
assert zarr.Array(made)[:3].tolist() == [7, 7, 2]
assert sync(made.getitem(1)) == 7
assert zarr.Array(made)._async_array == made

zarrcy.compat.uninstall()
assert "zarr" not in sys.modules
try:
    stand_in = importlib.metadata.version("zarr")
except importlib.metadata.PackageNotFoundError:
    stand_in = ""
assert "zarrcy" not in stand_in
