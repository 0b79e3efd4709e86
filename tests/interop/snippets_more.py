"""More lines of user code for the same comparison: every data type with every selection, objects, and each option."""

from __future__ import annotations

import itertools

from .snippets import GRID, RECORDS, keys, lines, writes

# -- data types ------------------------------------------------------------------------------------

VALUES = {
    **{
        dtype: f"v = np.arange(12).astype({dtype!r}); "
        for dtype in [
            *("?", "i1", "<i2", ">i4", "<u8", "<f2", ">f2", "<f4", ">f8", "<c8", ">c8", "<c16", ">c16"),
            *("S3", "<U2", ">U2", "<M8[ns]", ">M8[s]", "<M8[D]", "<m8[us]", ">m8[25s]"),
        ]
    },
    **{
        str(dtype): f"d = np.dtype({dtype}); v = (np.arange(12 * d.itemsize) % 97).astype('u1').view(d); "
        for dtype in [
            "'V3'",
            "[('a', '<i4'), ('b', '>f8')]",
            "[('x', '<f2', (2, 2)), ('y', [('p', 'S2'), ('q', [('r', '>i2')])])]",
        ]
    },
}
READS = """
z[...]
z[1]
z[1, 2]
z[-1, ::2]
z[::2, 1:]
z[1:1]
z.oindex[[2, 0], [1, 3]]
z.oindex[[True, False, True], 1]
z.vindex[[2, 0, 0], [1, 3, 3]]
z.vindex[np.arange(12).reshape(3, 4) % 3 == 1]
z.blocks[0, 1]
z.get_basic_selection((slice(None), 1), out=np.empty(3, z.dtype))
z.get_orthogonal_selection(([0, 2], slice(None)), out=np.empty((2, 4), z.dtype))
z.get_coordinate_selection(([0, 2], [3, 3]), out=np.empty(2, z.dtype))
z.get_mask_selection(np.eye(3, 4, dtype=bool), out=np.empty(3, z.dtype))
z.get_block_selection((1, 0), out=np.empty((1, 3), z.dtype))
list(z)
np.asarray(z)
(z.dtype, z.itemsize, z.nbytes)
zarr.open_array(place, mode='r')[:, 1:3]
"""
WRITES = """
z[...] = v[::-1].reshape(3, 4)
z[1] = v[5]
z[1, 2] = v[5]
z[:, 1:3] = v[:6].reshape(3, 2)
z[::2] = v[4:].reshape(2, 4)
z.oindex[[2, 0], [1, 3]] = v[:4].reshape(2, 2)
z.oindex[[True, False, True]] = v[7]
z.vindex[[2, 0], [1, 3]] = v[3:5]
z.vindex[np.arange(12).reshape(3, 4) % 3 == 1] = v[8:]
z.blocks[0, 1] = v[2]
z.set_block_selection((0, 0), v[6:].reshape(2, 3))
z.resize(2, 5); z[:, 4] = v[8:10]
z.append(v[:4].reshape(1, 4))
z.append(v[:6].reshape(3, 2), axis=1)
z.fill_value = v[3]; z.resize(5, 4)
"""
STORED_IN = "z = zarr.array(v.reshape(3, 4), chunks=(2, 3), store=place, order={!r}); "
TYPED = [
    code
    for (given, order) in zip(VALUES.values(), itertools.cycle("CF"))
    for stored in [given + STORED_IN.format(order)]
    for code in [*lines(READS, stored), *writes(WRITES, stored)]
]


# -- objects ---------------------------------------------------------------------------------------

# Each codec with six values for it, and a fill value.
OBJECT_CODECS = {
    "VLenUTF8()": ("['', 'a', 'œ', 'foo', 'nul\\0', 'x' * 50]", "''"),
    "VLenBytes()": ("[b'', b'a', b'x\\0', b'foo', b'\\xff', b'x' * 50]", "None"),
    "VLenArray('i4')": ("[np.arange(n, dtype='i4') for n in (0, 1, 2, 5, 3, 1)]", "None"),
    "JSON()": ("['', 1, None, [1, 'x'], {'a': [None]}, 2.5]", "'foo'"),
    "MsgPack()": ("['', 1, None, [1, 'x'], {'a': [None]}, b'x']", "'foo'"),
    "Categorize(['a', 'œ', 'foo'], dtype=object)": ("['a', 'œ', 'foo', '', 'a', 'foo']", "''"),
}
OBJECT_READS = """
z[...]
z[1]
z[0, 0]
z[-1, -1]
z[::2, 1:]
z.oindex[[2, 0], [1, 0]]
z.oindex[[True, False, True]]
z.vindex[[2, 0], [1, 0]]
z.vindex[np.eye(3, 2, dtype=bool)]
z.blocks[0]
z.get_basic_selection(slice(1, 2), out=np.empty((1, 2), object))
list(z)[2]
np.asarray(z)[0]
(z.dtype, z.itemsize, z.nbytes, z.order, z.fill_value)
[f.get_config() for f in z.filters]
zarr.open_array(place, mode='r')[1:]
z.view(read_only=True)[2]
z.astype(object)[0]
(z.nbytes_stored, z.hexdigest())
import pickle; pickle.loads(pickle.dumps(z))[...]
"""
OBJECT_WRITES = """
z[0, 0] = v[3] if isinstance(v[3], (str, bytes)) else None
z[1] = v[4:]
z[:, 1] = v[:3]
z[::2] = v[2:].reshape(2, 2)
z[:] = 5
z.oindex[[2, 0], [1, 0]] = v[:4].reshape(2, 2)
z.vindex[[2, 0], [1, 0]] = v[:2]
z.vindex[np.eye(3, 2, dtype=bool)] = v[2:4]
z.blocks[1] = v[4:].reshape(1, 2)
z[...] = z[...][::-1]
z.resize(2, 2)
z.resize(3, 3); z[:, 2] = v[:3]
z.append(v[:2].reshape(1, 2))
z.append(v[:3].reshape(3, 1), axis=1)
"""
OBJECTS = [
    code
    for codec, (values, fill) in OBJECT_CODECS.items()
    # zarr-python 2 makes wrong chunks of these two in Fortran order
    for order in ("C" if codec in ("JSON()", "MsgPack()") else "CF")
    for stored in [
        f"v = np.empty(6, object); v[:] = {values}; z = zarr.create((3, 2), chunks=(2, 2), dtype=object, "
        f"object_codec=numcodecs.{codec}, fill_value={fill}, order={order!r}, compressor=None, store=place); "
        "z[...] = v.reshape(3, 2); "
    ]
    for code in [*lines(OBJECT_READS, stored), *writes(OBJECT_WRITES, stored)]
]


# -- selections ------------------------------------------------------------------------------------

SELECTIONS = [
    *keys(
        """
selection=(1, slice(None))|Ellipsis|selection=(0, 0)|out=np.empty((4, 5), int)|out=[]
out=np.empty((5, 4), int).T|(slice(1, 3),), out=np.zeros((8, 10), int)[::4, ::2]
""",
        GRID,
        "z.get_basic_selection({})",
    ),
    *keys(
        """
([0, 1], [0, 1])|selection=(slice(None), [0, 1])|[0, 1], out=np.empty((2, 4), int)|...|1|(1, 2)
np.array([True, False, True, False])|([1, 0], [4, 0]), out=np.empty((2, 2), int)
([0, 1], 2), out=np.empty(2, int)|([[0, 1]], 2)|(np.array([], int), 2)|([False] * 4, 2)|('a', 2)
""",
        GRID,
        "z.get_orthogonal_selection({})",
    ),
    *keys(
        """
([0, 1], [0, 1])|selection=([0, 1], 1)|([0, 1], [0, 1]), out=np.empty(3, int)|(1, 1)
(1, 1), out=np.empty(1, int)|([[0, 1], [2, 3]], [[0], [1]])
([[0, 1], [2, 3]], [[0], [1]]), out=np.empty((2, 2), int)|([-1, -4], [-5, 4])
(np.array([], int), np.array([], int))|([0.0], [1.0])|([True, False, True, False], [0])|([0], [0], [0])
(np.array([0, 1], 'u1'), np.array([0, 1], 'i2'))
""",
        GRID,
        "z.get_coordinate_selection({})",
    ),
    *keys(
        """
z[...] > 5|selection=z[...] > 100|z[...] > 16, out=np.empty(3, int)|z[...] > 16, out=np.empty(4, int)
(z[...] > 5,)|z[...]|(z[...] > 5).T|z.astype(bool)
""",
        GRID,
        "z.get_mask_selection({})",
    ),
    *keys(
        """
0|selection=(1, 2)|(slice(None), -1)|...|(..., 1)|(0, 0), out=np.empty((2, 2), int)|(0, 3)|(-3, 0)
slice(1, 0)|(np.int64(1), np.uint8(0))|0.5|'a'|None
""",
        GRID,
        "z.get_block_selection({})",
    ),
    *keys("...|1, 1:", GRID, "z.blocks[{}]"),
    *keys(
        """
...|0|-1, -1|:, [True, False, True, False, True]|[3, 2, 1, 0]|::2, [0, 3]|(0, 1), :|range(2), [0]
np.array([0, 1], 'f8')
""",
        GRID,
        "z.oindex[{}]",
    ),
    *keys(
        """
[0, 1], [0, 1]|-1, [0, 1]|np.array([[0, 1]]), np.array([[2], [3]])|:|[True, False], [0, 1]
np.zeros((4, 5), bool)|np.ones((4, 4), bool)|np.array(1), np.array(2)|'a'
""",
        GRID,
        "z.vindex[{}]",
    ),
    *keys(
        """
range(3)|(0, 1), (0, 1)|np.array([0, 1])|np.array([0, 1]), np.array([0, 1])|np.array([0, 1]), 1
[0, 1], :2|[True, False, True, False]|np.int8(-1), np.uint64(2)|[], []|np.array([], int)
""",
        GRID,
        "z[{}]",
    ),
    *lines(
        """
z.get_basic_selection()
o = np.empty((), int); z.get_basic_selection((0, 0), out=o); o
z.blocks[1:, 0].shape
z.vindex[np.ones((4, 5), bool)].shape
""",
        GRID,
    ),
    *writes(
        """
z.set_basic_selection((0, 0), 7)
z.set_basic_selection(selection=..., value=7)
z.set_basic_selection(slice(0, 2), np.ones((2, 5)))
z.set_basic_selection((slice(0, 2), 0), [7, 8])
z.set_basic_selection(slice(0, 2), np.ones((3, 5)))
z.set_basic_selection([0, 1], 7)
z.set_basic_selection((0, 9), 7)
z.set_orthogonal_selection(([0, 1], [0, 1]), 7)
z.set_orthogonal_selection(selection=([0, 1], [0, 1]), value=[[7, 8], [9, 10]])
z.set_orthogonal_selection((slice(None), [0, 1]), np.arange(8).reshape(4, 2))
z.set_orthogonal_selection((slice(None), [0, 1]), np.arange(8))
z.set_orthogonal_selection(([0, 2], 1), [7, 8])
z.set_orthogonal_selection([True, False, False, True], np.arange(10).reshape(2, 5))
z.set_orthogonal_selection(..., 7)
z.set_orthogonal_selection((0, 0), 7)
z.set_coordinate_selection(([0, 1], [0, 1]), 7)
z.set_coordinate_selection(selection=([0, 1], [0, 1]), value=[7, 8])
z.set_coordinate_selection(([0, 1], [0, 1]), [7, 8, 9])
z.set_coordinate_selection(([[0, 1], [2, 3]], [[0], [1]]), np.arange(4).reshape(2, 2))
z.set_coordinate_selection((0, 0), 7)
z.set_coordinate_selection((0, 0), [7])
z.set_coordinate_selection(([0, 0], [0, 0]), [7, 8])
z.set_coordinate_selection(([-1], [-1]), 7)
z.set_coordinate_selection(([4], [0]), 7)
z.set_mask_selection(z[...] > 5, 7)
z.set_mask_selection(selection=z[...] > 16, value=[7, 8, 9])
z.set_mask_selection(z[...] > 16, [7, 8])
z.set_mask_selection(z[...] > 100, 7)
z.set_mask_selection(z[...] > 100, [])
z.set_mask_selection(np.ones((5, 4), bool), 7)
z.set_block_selection(0, 7)
z.set_block_selection(selection=(1, 2), value=7)
z.set_block_selection((0, slice(0, 2)), np.ones((2, 4)))
z.set_block_selection((0, 0), np.ones((3, 4)))
z.set_block_selection((2, 0), 7)
z.set_block_selection(slice(None), 7)
z.blocks[1, 1:] = 7
z.blocks[...] = 7
z.oindex[[1, 1], 0] = [7, 8]
z.oindex[:, [4, 0]] = np.arange(8).reshape(4, 2)
z.oindex[1:3] = 7
z.vindex[[0, 1], 0] = [7, 8]
z.vindex[z[...] % 2 == 0] = 7
z.vindex[z[...] % 2 == 0] = np.arange(10)
z.vindex[:] = 7
z[[0, 1], [0, 1]] = [7, 8]
z[[0, 1]] = 7
z[[0, 1], :2] = 7
z[[0, 1], 2:4] = [[7, 8], [9, 10]]
z[np.array([0, 1]), 1] = 7
z[[True, False, False, True]] = 7
""",
        GRID,
    ),
    *keys(
        """
0, fields='a'|fields='b'|..., fields=['a', 'b']|slice(0, 1), fields=['b']
slice(0, 2), fields='a', out=np.empty(2, 'i4')|0, fields='nope'
""",
        RECORDS,
        "z.get_basic_selection({})",
    ),
    *keys("[1, 0], fields='b'|[1, 0], fields=['b', 'a']", RECORDS, "z.get_orthogonal_selection({})"),
    *keys("[1, 0], fields='b'|[1, 0], fields=['a']", RECORDS, "z.get_coordinate_selection({})"),
    *keys(
        """
np.array([True, False]), fields='b'|np.array([True, False]), fields=['a', 'b']
""",
        RECORDS,
        "z.get_mask_selection({})",
    ),
    *keys("0, fields='b'|0, fields=['b']", RECORDS, "z.get_block_selection({})"),
    *keys("'a'|'a', [0]", RECORDS, "z.oindex[{}]"),
    *keys("'b', [1]|'a', np.array([True, False])", RECORDS, "z.vindex[{}]"),
    *keys("'a'|'a', 0", RECORDS, "z.blocks[{}]"),
    *keys("'b', 0:1|['a', 'b']|['a']|0, 'a', 'b'", RECORDS, "z[{}]"),
    *lines("z['a'][0]\nz[0]['a']", RECORDS),
    *writes(
        """
z.set_basic_selection(..., 7, fields='a')
z.set_basic_selection(0, 7.5, fields='b')
z.set_basic_selection(slice(None), [7, 8], fields='a')
z.set_basic_selection(slice(None), [7, 8, 9], fields='a')
z.set_basic_selection(slice(None), 7, fields=['a'])
z.set_basic_selection(slice(None), 7, fields=['a', 'b'])
z.set_basic_selection(slice(None), 7, fields='nope')
z.set_orthogonal_selection([1], 7, fields='a')
z.set_coordinate_selection([1, 0], [7, 8], fields='b')
z.set_mask_selection(np.array([True, False]), 7, fields='a')
z.set_block_selection(0, 7, fields='b')
z.oindex['a', [0]] = 7
z.vindex['b', [1]] = 7
z.blocks['a', 0] = 7
z[0, 'a'] = 7
z['b', 1:] = [7]
z['a'] = z['b']
z[:] = z[::1][[1, 0]]
z[:] = np.array([(7, 8)] * 2, dtype=[('a', 'i8'), ('b', 'f4')])
z[:] = np.array([(7, 8)] * 2, dtype=[('b', 'i8'), ('a', 'f4')])
z[0] = np.void(bytes(12))
""",
        RECORDS,
    ),
]


# -- views -----------------------------------------------------------------------------------------

VIEWS = [
    *lines(
        """
z.view(shape=(5, 4), chunks=(2, 2))[...]
z.view(chunks=(4, 1)).chunks
z.view(chunks=(1, 4), shape=(8, 10)).nchunks
z.view(dtype='u8')[0]
z.view(dtype='<f8')[0]
z.view(dtype='i4')[0]
z.view(dtype='S8')[0]
z.view(dtype='V8')[0]
z.view(dtype=[('a', 'i4'), ('b', 'i4')])[0]
z.view(dtype='M8[s]').dtype
z.view(fill_value=7, shape=(6, 6))[4:, :2]
z.view(filters=[numcodecs.Delta('i8')]).filters
z.view(read_only=True)[0]
z.view(read_only=True).attrs['a']
v = z.view(read_only=True); v[0] = 1
v = z.view(read_only=True); v.attrs['a'] = 1
v = z.view(); v[0] = 7; z[...]
z[0] = 7; z.view()[...]
z.view().append(np.ones((1, 5)))
v = z.view(); v.shape = (3, 3)
z.view().attrs.asdict()
v = z.view(); v.attrs['a'] = 1; z.attrs.asdict()
z.view().view().is_view
z.view().path
z.view().name
z.view().compressor == z.compressor
z.view().order
z.view() == z.view()
z.view(synchronizer=zarr.ThreadSynchronizer()).synchronizer is None
z.view().hexdigest() == z.hexdigest()
z.view(dtype='f8').hexdigest() == z.hexdigest()
[n for n, _ in z.view().info_items()]
z.view().oindex[[0], [1]]
z.view().vindex[[0], [1]]
z.view().blocks[0, 0]
z.astype('f4')[0]
z.astype('f4')[1:3, ::2]
z.astype('f4').oindex[[0, 2], [1]]
z.astype('f4').vindex[[0, 2], [1, 1]]
z.astype(int).dtype
z.astype('i8')[0]
z.astype(dtype='>i2')[...]
z.astype('S2')[0]
z.astype('f4').filters
z.astype('f4').nbytes
z.astype('f4').is_view
z.astype('f4').astype('i2')[0]
v = z.astype('f4'); v[0] = 1
zarr.full((2, 2), 5, dtype='i4').astype('f4')[...]
z.astype('nope')
z.view(foo=1)
""",
        GRID,
    ),
]

MORE = [*TYPED, *OBJECTS, *SELECTIONS, *VIEWS]
