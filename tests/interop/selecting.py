"""Lines of user code for the same comparison: lists, points, masks, blocks, fields, and other looks at an array."""

from __future__ import annotations

from .snippets import GRID, RECORDS, ROW, keys, lines, writes

MASK = "m = np.arange(20).reshape(4, 5) > 7; "
VIEWING = [
    *lines("""
zarr.empty(shape=(10000, 10000), chunks=(1000, 1000)).hexdigest()
zarr.zeros(shape=(10000, 10000), chunks=(1000, 1000)).hexdigest()
zarr.zeros(shape=(10000, 10000), chunks=(1000, 1000), dtype='u1').hexdigest()
zarr.zeros(shape=(10000, 10000), chunks=(1000, 1000), dtype='u1').digest('md5')
z = zarr.array([1, 2, 3], compressor=None); z.attrs['a'] = 1; z.hexdigest('sha256')
"""),
    *keys(
        "is_view|view().is_view|view()[...]|view().nbytes|view().chunks|view() == z|view().resize(3, 3)",
        GRID,
        "z.{}",
    ),
    *keys("view(dtype='f8')[...]|view(dtype='M8[s]')[...]|view(shape=20, chunks=4).shape", GRID, "z.{}"),
    *keys("view(read_only=True).read_only", GRID, "z.{}"),
    *keys(
        "astype('f4')[...]|astype('f4').dtype|astype('U3')[0]|astype('f4').read_only|astype(bool).is_view",
        GRID,
        "z.{}",
    ),
    *lines(
        """
[name for name, value in z.info_items()]
[(n, v) for n, v in z.info_items() if n not in ('Type', 'Store type', 'Compressor')]
""",
        "z = zarr.create((100, 20), chunks=10, dtype='i4', store={}, path='a', filters=[numcodecs.Delta('i4')]); ",
    ),
    *lines("z = zarr.zeros(3, compressor=None); dict(z.info_items()).get('Compressor')"),
]

SELECTING = [
    *VIEWING,
    *keys("[1, 3]|np.array([1, 3])|[0, -1]|[3, 1, 1]|[10]|[-11]|[0.5]", ROW),
    *keys("[0, 2], [1, 3]|0, [1, 2]|[0, 2]|[0, 2], slice(None)|slice(None), [4, 0]", GRID),
    *keys(
        "[0, 2], [1, 3]|0, [1, 2]|[0, 2]|..., [1]|[3, 0, 0], [4, 4]|1, 2|[0, 9]|[[0]]", GRID, "z.oindex[{}]"
    ),
    *keys(
        "[True, False, True, False]|[True, False, True, False], [0]|[True]|slice(0, 4, 3), [1]",
        GRID,
        "z.oindex[{}]",
    ),
    *keys(
        "[0, 2], [1, 3]|0, [1, 2]|1, 2|[[0], [1]], [[1, 2]]|0|slice(None), 0|...|[0, 9], [0, 0]",
        GRID,
        "z.vindex[{}]",
    ),
    *keys("m|m[:2]", MASK + GRID, "z.vindex[{}]"),
    *keys("m|m[:2]|m.tolist()", MASK + GRID, "z.get_mask_selection({})"),
    *keys("0|0, 1|slice(None), 1|-1|slice(0, 2)|5|slice(0, 2, 2)|[0]", GRID, "z.blocks[{}]"),
    *keys("'a'|'a', 0|0, 'a'|..., 'b'|'a', 'b'|'nope'|[0], 'a'", RECORDS),
    *keys("[0], 'a'|'b', [1, 0]", RECORDS, "z.oindex[{}]"),
    *keys("[1, 0], 'b'|[1], 'a', 'b'", RECORDS, "z.vindex[{}]"),
    *keys(
        "0, fields='b'|slice(None), fields=['a']|slice(None), fields=['b', 'a']",
        RECORDS,
        "z.get_basic_selection({})",
    ),
    *writes("z[[1, 2]] = [7, 8]\nz[[1, 2]] = 9\nz[[1, 1]] = [7, 8]\nz[[1, 2]] = [7, 8, 9]", ROW),
    *writes(
        "z.oindex[[0, 2], [1, 3]] = [[1, 2], [3, 4]]\nz.oindex[[3, 0]] = 9\nz.oindex[[3, 3], [0, 4]] = 7",
        GRID,
    ),
    *writes("z.vindex[[0, 1], [0, 1]] = [7, 8]\nz.vindex[[3, 3], [0, 0]] = [7, 8]\nz.vindex[0, 0] = 5", GRID),
    *writes("z.blocks[0, 0] = 4\nz.blocks[-1] = 3\nz.blocks[:, 1] = 2", GRID),
    *writes("z.vindex[m] = 5\nz.set_mask_selection(m, np.arange(m.sum()))", MASK + GRID),
    *writes("z['a'] = [7, 8]\nz['a'] = 9\nz['a', 1] = 3\nz['a', 'b'] = 3\nz.oindex[[0], 'a'] = 1", RECORDS),
]
