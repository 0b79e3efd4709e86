"""User code whose outcome is not that of zarr-python 2, and why it is not."""

from __future__ import annotations

from .snippets import GRID, POINT, RECORDS, ROW, STORED, keys, lines, writes

DIFFERENT: dict[str, list[str]] = {
    "NumPy broadcasts the value, and so do we": [
        *writes("z[2:5] = [9]\nz[2:5] = [[1, 2, 3]]\nz[0] = [7]\nz[0] = np.array([7])", ROW),
        *writes(
            "z[...] = np.ones(5)\nz[1:3, 1:3] = [7, 8]\nz[0, 0] = [[7]]\nz[...] = np.ones((1, 4, 5))", GRID
        ),
        *lines("z[()] = [7]; z[()]\nz[...] = [7]; z[()]", POINT),
    ],
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
    ],
    "True is no integer": keys("True", ROW),
    "negative steps and axes count from the end": [
        *writes("z[::-1] = np.arange(10)", ROW),
        f"{GRID}z.append(np.ones((4, 2)), axis=-1)",
    ],
    "lists of lists and masks select as in NumPy": [
        *keys("[[0], [1]], [[1, 2]]", GRID),
        *keys("np.arange(20).reshape(4, 5) > 7", GRID),
    ],
    "what was never written reads as zeros or as empty text, not as 0, None or stray memory": lines("""
zarr.create(10, dtype=str)[0]
zarr.create(10, dtype=bytes)[0]
zarr.create(3, dtype=str, fill_value=None)[:]
"""),
    "a fill value has the type of the elements": [
        *lines("zarr.create(3, dtype='U3', fill_value='abcdef').fill_value"),
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
z = zarr.zeros(3); z.attrs[(1, 2)] = 5
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
    "read-only holds for the fill value too": lines(
        "zarr.open_array(place, mode='r').fill_value = 1", STORED
    ),
    "attributes read at once as they will read from the store": lines("""
z = zarr.zeros(3); z.attrs['a'] = (1, 2); z.attrs['a']
z = zarr.zeros(3); z.attrs['a'] = np.int64(5); z.attrs['a']
"""),
    "a chunk that is all NaT is all fill value": lines("""
z = zarr.full(4, np.datetime64('NaT'), dtype='M8[s]', write_empty_chunks=False); z[:] = 'NaT'; z.nchunks_initialized
"""),
    "it counts other keys, and misses nested ones": lines("""
z = zarr.array(5); z.nchunks_initialized
z = zarr.zeros((5, 5), chunks=2, store=place, dimension_separator='/'); z[4] = 1; z.nchunks_initialized
"""),
    "it fails where nothing is wrong": lines("""
zarr.full(3, 'foo')[:]
zarr.zeros(3).compression
zarr.zeros(3).compression_opts
zarr.create(3, dtype=bytes, fill_value=b'x').fill_value
"""),
}
