"""User code whose outcome is not that of zarr-python 2, and why it is not."""

from __future__ import annotations

from .snippets import GRID, POINT, RECORDS, ROW, STORED, keys, lines, writes
from .snippets_facts import ZEROS

DIFFERENT: dict[str, list[str]] = {
    "NumPy broadcasts the value, and so do we": [
        *writes("z[2:5] = [9]\nz[2:5] = [[1, 2, 3]]\nz[0] = [7]\nz[0] = np.array([7])", ROW),
        *writes(
            "z[...] = np.ones(5)\nz[1:3, 1:3] = [7, 8]\nz[0, 0] = [[7]]\nz[...] = np.ones((1, 4, 5))", GRID
        ),
        *lines("z[()] = [7]; z[()]\nz[...] = [7]; z[()]", POINT),
        *writes(
            "z[2] = v[1]",
            "v = np.empty(6, object); v[:] = [np.arange(n) for n in range(6)]; z = zarr.create((3, 2), dtype=object, "
            "object_codec=numcodecs.VLenArray('i8')); z[...] = v.reshape(3, 2); ",
        ),
    ],
    "NumPy does not take a flat list for points that have two axes, nor do we": writes(
        "z.set_coordinate_selection(([[0, 1], [2, 3]], [[0], [1]]), np.arange(4))", GRID
    ),
    "NumPy makes the array of the value, and so do we": [
        *writes("z[:] = [(7, 8.5), (9, 0)]", RECORDS),
        *lines("""
z = zarr.create(2, dtype=str); z[:] = ['a', 'b' * 50]; z[:]
z = zarr.zeros(2); z[:] = None; z[:]
"""),
    ],
    "NumPy gives an array without axes where the selection has an Ellipsis, and so do we": [
        *keys("..., 1|1, ...", ROW),
        *keys("1, ..., 2", GRID),
        *lines("z.oindex[...]", POINT),
        *lines("z = zarr.zeros((), dtype=[('a', 'i4')]); z['a']"),
    ],
    "NumPy gives a scalar where each index is an integer, and so do we": keys("np.array(0), 1", GRID),
    "chunks may be guessed by the word that zarr-python 3 has for it": lines("""
zarr.zeros((10, 20), chunks='auto').chunks
"""),
    "what is given as out is returned": lines(
        "type(z.get_basic_selection((0, 0), out=np.empty((), int)))", GRID
    ),
    "out of another data type is not filled": [
        *keys("out=np.empty((4, 5), 'f8')|out=np.empty((4, 5), 'i2')", GRID, "z.get_basic_selection({})"),
        *lines("z.get_basic_selection(slice(0, 2), fields='b', out=np.empty(2, 'i4'))", RECORDS),
    ],
    "True is no integer": [*keys("True", ROW), *keys("True", GRID, "z.blocks[{}]")],
    "None is a new axis": [*keys("None|None, 0|0, None|..., None", GRID), *writes("z[None, 0] = 7", GRID)],
    "negative steps and axes count from the end": [
        *keys("::-1|3:0:-1, ::-2", GRID),
        *lines("z.get_orthogonal_selection((slice(3, None, -1),))", GRID),
        *writes("z[::-1] = np.arange(10)", ROW),
        f"{GRID}z.append(np.ones((4, 2)), axis=-1)",
    ],
    "lists of lists and masks select as in NumPy": [
        *keys("[[0], [1]], [[1, 2]]", GRID),
        *keys("np.arange(20).reshape(4, 5) > 7|np.array([True, False, True, False])", GRID),
        *keys("[0, 1], ..., 0", GRID),
    ],
    "a list without elements selects none": [
        *keys("[]", GRID),
        *keys("[], 2", GRID, "z.oindex[{}]"),
        *keys("[], []", GRID, "z.vindex[{}]"),
        *writes("z.oindex[[]] = 7", GRID),
        *lines("z = zarr.zeros((3, 0, 2)); z.oindex[[0], [], [1]]"),
    ],
    "a slice may begin behind the last chunk": keys("5:9|2:", GRID, "z.blocks[{}]"),
    "whatever NumPy makes an array of is one": [
        *keys("(0, 1), (0, 1)|range(3), range(3)", GRID, "z.vindex[{}]"),
        *keys("np.array(2), [0]", GRID, "z.oindex[{}]"),
    ],
    "points and masks are there without axes too": [
        *keys("()", POINT, "z.vindex[{}]"),
        *keys("np.array(True)", POINT, "z.get_mask_selection({})"),
    ],
    "coordinates that can't be broadcast are an IndexError, as in NumPy": lines(
        "z.vindex[[0, 1], [0, 1, 2]]", GRID
    ),
    "what was never written reads as zeros or as empty text, not as 0, None or stray memory": lines("""
zarr.create(10, dtype=str)[0]
zarr.create(10, dtype=bytes)[0]
zarr.create(3, dtype=str, fill_value=None)[:]
"""),
    "a fill value has the type of the elements": [
        *lines("zarr.create(3, dtype='U3', fill_value='abcdef').fill_value"),
        *keys("view(fill_value=7)|astype('U2')|astype('f4')", GRID, "z.{}.fill_value"),
        *(
            f"z = zarr.create(3, dtype={dtype!r}, fill_value={fill}, store=place); zarr.open_array(place).fill_value"
            for dtype, fill in [("f4", "np.nan"), ("f4", "np.inf"), ("U3", "'ab'"), ("U3", "''"), ("U3", "0")]
        ),
    ],
    "a fill value that the array can't hold is refused": lines("zarr.create(3, dtype='i4', fill_value=1.5)"),
    "what has no meaning is refused": lines("""
zarr.zeros((10, 20), chunks=(0, 1)).chunks
zarr.zeros((10, 20), chunks=(-2, 3)).chunks
zarr.create(-1)
zarr.create((-1, 2))
zarr.create('10')
zarr.create(3, dtype='S')
zarr.create(3, dtype='U')
zarr.create(3, foo=1)
z = zarr.array(5); z.append(5)
z = zarr.zeros((3, 3)); z.resize(2.5, 2)
z = zarr.zeros((3, 3)); z.resize(2.0, 2)
z = zarr.zeros((3, 3)); z.resize('22')
z = zarr.zeros((3, 3)); z.append(np.ones((3, 2)), axis=1.0)
z = zarr.zeros((3, 3)); z.view(shape=20)
z = zarr.zeros((3, 3)); z.view(chunks=4)
z = zarr.zeros(3); z.attrs[(1, 2)] = 5
z = zarr.zeros(3); z.attrs[b'a'] = 2
"""),
    "a value of a wrong type is a TypeError, a bad mode a ValueError that says so": lines("""
zarr.create((3, 'a'))
z = zarr.zeros((3, 3)); z.resize('a', 2)
zarr.open(place, mode='z')
zarr.open_array(place, mode='z')
"""),
    "a damaged document is a MetadataError that names its key": lines("zarr.Array({'.zarray': b'{'})"),
    "what one array overwrites is itself, never an array above it": lines(
        "zarr.create(3, store=place, path='a', overwrite=True)", STORED
    ),
    "read-only holds for the fill value too, and for the attributes when it is set later": [
        *lines("zarr.open_array(place, mode='r').fill_value = 1", STORED),
        *lines("z.read_only = True; z.attrs['a'] = 1", ZEROS),
    ],
    "what is wrong is said at once, not when the first row is asked for": [
        *keys("1.5|'a'|-1, 2|0, -1", GRID, "type(z.islice({}))"),
        *lines("type(iter(z))", POINT),
    ],
    "a view stays one when it travels": lines(
        "import pickle; pickle.loads(pickle.dumps(zarr.Array(place).view(dtype='u4'))).dtype", STORED
    ),
    "a rewrite changes what was asked to change": lines(
        "z = zarr.zeros(3, compressor=None); z.resize(2); z.hexdigest()"
    ),
    "attributes read at once as they will read from the store": lines("""
z = zarr.zeros(3); z.attrs['a'] = (1, 2); z.attrs['a']
z = zarr.zeros(3); z.attrs['a'] = np.int64(5); z.attrs['a']
z = zarr.zeros(3); z.attrs['a'] = np.bool_(True); z.attrs['a']
"""),
    "a chunk that is all NaT is all fill value": lines("""
z = zarr.full(4, np.datetime64('NaT'), dtype='M8[s]', write_empty_chunks=False); z[:] = 'NaT'; z.nchunks_initialized
"""),
    "it counts other keys, and misses nested ones": lines("""
z = zarr.array(5); z.nchunks_initialized
dict(zarr.zeros(()).info_items())['Chunks initialized']
z = zarr.zeros((5, 5), chunks=2, store=place, dimension_separator='/'); z[4] = 1; z.nchunks_initialized
"""),
    "it fails where nothing is wrong": lines("""
zarr.full(3, 'foo')[:]
zarr.zeros(3).compression
zarr.zeros(3).compression_opts
zarr.create(3, dtype=bytes, fill_value=b'x').fill_value
z = zarr.array([1, 2]); z.append(z); z[:]
zarr.array([1, 2, 3, 4], chunks=2, store=place); zarr.Array(place, partial_decompress=True)[1:2]
"""),
}
