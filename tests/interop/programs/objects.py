"""Programs that read and write objects with every codec for objects."""

from __future__ import annotations

import pickle

import numcodecs
import numpy as np

from .families import family
from .setups import state

# Class of the codec -> its arguments, six values for it, and a fill value.
OBJECT_CODECS = {
    "VLenUTF8": ((), ["", "a", "œ", "foo", "nul\0", "x" * 50], ""),
    "VLenBytes": ((), [b"", b"a", b"x\0", b"foo", b"\xff", b"x" * 50], None),
    "VLenArray": (("i4",), [np.arange(n, dtype="i4") for n in (0, 1, 2, 5, 3, 1)], None),
    "JSON": ((), ["", 1, None, [1, "x"], {"a": [None]}, 2.5], "foo"),
    "MsgPack": ((), ["", 1, None, [1, "x"], {"a": [None]}, b"x"], "foo"),
    "Categorize": ((["a", "œ", "foo"], object), ["a", "œ", "foo", "", "a", "foo"], ""),
}
# zarr-python 2 writes wrong chunks with JSON and MsgPack in Fortran order.
CODECS_AND_ORDERS = [
    (name, order) for name in OBJECT_CODECS for order in ("C" if name in ("JSON", "MsgPack") else "CF")
]


def stored_objects(zarr, place, codec_and_order):
    name, order = codec_and_order
    arguments, values, fill = OBJECT_CODECS[name]
    codec = getattr(numcodecs, name)(*arguments)
    v = np.empty(6, object)
    v[:] = values
    z = zarr.create(
        (3, 2),
        chunks=(2, 2),
        dtype=object,
        object_codec=codec,
        fill_value=fill,
        order=order,
        compressor=None,
        store=place,
    )
    z[...] = v.reshape(3, 2)
    return {"v": v, "z": z}


@family(stored_objects, codec_and_order=CODECS_AND_ORDERS)
def reading_objects(zarr, place, z):
    yield z[...]
    yield z[1]
    yield z[0, 0]
    yield z[-1, -1]
    yield z[::2, 1:]
    yield z.oindex[[2, 0], [1, 0]]
    yield z.oindex[[True, False, True]]
    yield z.vindex[[2, 0], [1, 0]]
    yield z.vindex[np.eye(3, 2, dtype=bool)]
    yield z.blocks[0]
    yield z.get_basic_selection(slice(1, 2), out=np.empty((1, 2), object))
    yield list(z)[2]
    yield np.asarray(z)[0]
    yield z.dtype, z.itemsize, z.nbytes, z.order, z.fill_value
    yield [f.get_config() for f in z.filters]
    yield zarr.open_array(place, mode="r")[1:]
    yield z.view(read_only=True)[2]
    yield z.astype(object)[0]
    yield z.nbytes_stored, z.hexdigest()
    yield pickle.loads(pickle.dumps(z))[...]


@family(stored_objects, codec_and_order=CODECS_AND_ORDERS)
def writing_objects(z, v):
    z[0, 0] = v[3] if isinstance(v[3], (str, bytes)) else None
    yield state(z)

    z[1] = v[4:]
    yield state(z)

    z[:, 1] = v[:3]
    yield state(z)

    z[::2] = v[2:].reshape(2, 2)
    yield state(z)

    z[:] = 5
    yield state(z)

    z.oindex[[2, 0], [1, 0]] = v[:4].reshape(2, 2)
    yield state(z)

    z.vindex[[2, 0], [1, 0]] = v[:2]
    yield state(z)

    z.vindex[np.eye(3, 2, dtype=bool)] = v[2:4]
    yield state(z)

    z.blocks[1] = v[4:].reshape(1, 2)
    yield state(z)

    z[...] = z[...][::-1]
    yield state(z)

    z.resize(2, 2)
    yield state(z)

    z.resize(3, 3)
    z[:, 2] = v[:3]
    yield state(z)

    z.append(v[:2].reshape(1, 2))
    yield state(z)

    z.append(v[:3].reshape(3, 1), axis=1)
    yield state(z)
