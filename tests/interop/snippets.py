"""Lines of user code, for the comparison of their outcome: a value, or the class of an exception.

Each line is run by zarr-python 2 and by us with `zarr2_worker.run_snippet`. It sees `zarr`, `np`, `numcodecs`
and `place`, a folder that does not exist yet; what its last statement is worth is the outcome.
"""

from __future__ import annotations


def lines(text: str, given: str = "") -> list[str]:
    """Return the lines of a text as snippets, each after the statements that are given."""
    return [given + line for line in text.splitlines() if line.strip() and not line.startswith("#")]


ROW = "z = zarr.array(np.arange(10), chunks=3); "
GRID = "z = zarr.array(np.arange(20).reshape(4, 5), chunks=(2, 2)); "
RECORDS = "z = zarr.array(np.array([(1, 2.5), (3, 4.5)], dtype=[('a', 'i4'), ('b', 'f8')])); "
POINT = "z = zarr.array(5); "
STORED = "zarr.array([1, 2, 3, 4], chunks=2, store=place, dtype='i4'); "
NESTED = "s = {}; zarr.create(3, store=s, path='a/b'); "


# -- chunks --------------------------------------------------------------------------------------

SHAPES = """
0|1|10|1000|10**5|10**6|10**7 + 1|10**9|()|(0, 5)|(1, 1)|(10, 10)|(100, 100)|(1000, 1000)|(10000, 10000)
(10**6, 3)|(3, 10**6)|(1, 10**7)|(100, 200, 300)|(365, 180, 360)|(7, 11, 13, 17)|(50, 60, 70, 80)|(1, 1, 1, 1)
(100000, 1, 100000)|(2, 3, 5, 7, 11, 13)|(2**31,)|(1, 2**40)
"""
TYPES = "'u1'|'<f4'|'<f8'|'<c16'|'S100'|'<U1000'|[('a', '<i4'), ('b', 'S3')]|object, object_codec=numcodecs.JSON()"
GUESSED_CHUNKS = [
    f"zarr.empty({shape}, dtype={dtype}).chunks"
    for line in lines(SHAPES)
    for shape in line.split("|")
    for dtype in TYPES.split("|")
]

CHUNKS = lines("""
zarr.zeros((10, 20), chunks=True).chunks
zarr.zeros((10, 20), chunks=False).chunks
zarr.zeros((10, 20), chunks=None).chunks
zarr.zeros((10, 20), chunks=3).chunks
zarr.zeros((10, 20), chunks=(3, 4)).chunks
zarr.zeros((10, 20), chunks=[3, 4]).chunks
zarr.zeros((10, 20), chunks=np.array([3, 4])).chunks
zarr.zeros((10, 20), chunks=np.int64(3)).chunks
zarr.zeros((10, 20), chunks=(3, None)).chunks
zarr.zeros((10, 20), chunks=(None, -1)).chunks
zarr.zeros((10, 20), chunks=(-1, 4)).chunks
zarr.zeros((10, 20), chunks=(3,)).chunks
zarr.zeros((10, 20), chunks=()).chunks
zarr.zeros((10, 20), chunks=(100, 100)).chunks
zarr.zeros((10, 20), chunks=(3, 4, 5)).chunks
zarr.zeros((10, 20), chunks=(True, True)).chunks
zarr.zeros((10, 20), chunks=2.5).chunks
zarr.zeros(10, chunks=3).chunks
zarr.zeros(10, chunks=(3, 4)).chunks
zarr.zeros(10, chunks=()).chunks
zarr.zeros((), chunks=3).chunks
zarr.zeros((), chunks=()).chunks
""")


# -- creating ------------------------------------------------------------------------------------

CREATING = lines(r"""
zarr.create(10, dtype=str).fill_value
zarr.create(10, dtype=str).dtype
[f.get_config() for f in zarr.create(10, dtype=str).filters]
[f.get_config() for f in zarr.create(10, dtype=bytes).filters]
z = zarr.create(3, dtype=bytes); z[0] = b'a\0'; z[0]
z = zarr.create(3, dtype=str, filters=[numcodecs.VLenUTF8()]); [f.codec_id for f in z.filters]
z = zarr.create(3, dtype=object, object_codec=numcodecs.JSON()); z[0] = {'a': 1}; z[0]
z = zarr.create(3, dtype=object, filters=[numcodecs.VLenUTF8()]); z[0] = 'b'; z[0]
zarr.create(3, dtype=object)
zarr.create(3, dtype=object, compressor=numcodecs.Zlib())
zarr.create(3, dtype='str').dtype
zarr.create(3, dtype='bytes').dtype
zarr.create(3, dtype='array:i4').filters[0].get_config()
zarr.full(3, 'foo', dtype=str)[:]
zarr.full(3, 'foo', dtype=str).fill_value
zarr.full(3, 'foo', dtype='U3')[:]
zarr.full(3, b'foo', dtype='S3')[:]
zarr.full(3, np.nan)[:]
zarr.full((2, 2), 7, dtype='i2')[:]
z = zarr.full(3, 7); (z.dtype, z.fill_value)
zarr.zeros(3, dtype='U3')[:]
zarr.zeros(3, dtype='S3')[:]
zarr.zeros(3, dtype='M8[s]')[:]
zarr.zeros(3, dtype=[('a', 'i4'), ('b', 'S2')])[:]
zarr.ones(3, dtype=bool)[:]
zarr.ones(3, dtype='i4').fill_value
zarr.ones(3, dtype='S3')[:]
zarr.ones(3, dtype='U3')[:]
zarr.empty(3).fill_value
zarr.empty(3, fill_value=5)
zarr.create(3).fill_value
zarr.open_array(place, mode='w', shape=3).fill_value
zarr.open_array(place, mode='w', shape=3); open(place + '/.zarray').read()
zarr.open(place, mode='w', shape=3, dimension_separator='/'); open(place + '/.zarray').read()
zarr.save(place, np.arange(3)); open(place + '/.zarray').read()
zarr.create(3).dtype
zarr.create(3, dtype=None).dtype
zarr.create(3, dtype=int).dtype
zarr.create(3, dtype='foo')
zarr.create(3, dtype='M8').dtype
zarr.create(3, dtype='m8').dtype
z = zarr.create(3, dtype='(2,)i4'); (z.shape, z.dtype, z.chunks)
z = zarr.create(30, chunks=10, dtype='(2,)i4'); (z.shape, z.dtype, z.chunks)
z = zarr.create(()); (z.shape, z.chunks, z.nchunks, z.cdata_shape, z[()], z[...])
z = zarr.zeros((), dtype='i4'); (z.size, z.nbytes, z.ndim)
zarr.create((), compressor=numcodecs.Zlib()).compressor
zarr.create((), dtype='i4', filters=[numcodecs.Delta('i4')]).filters
zarr.zeros([3, 4]).shape
zarr.zeros(np.int64(3)).shape
zarr.create()
zarr.create(None)
zarr.create(1.5)
z = zarr.array([1, 2, 3]); (z.dtype, z.shape, z[:], z.fill_value)
z = zarr.array(5); (z.shape, z[()])
z = zarr.array(['a', 'bcd']); (z.dtype, z[:])
zarr.array([1, 2], read_only=True).read_only
zarr.array([1.7, 2], dtype='i4')[:]
zarr.array(np.asfortranarray([[1, 2], [3, 4]])).order
zarr.array([[1, 2], [3, 4]], order='F')[:].flags.f_contiguous
z = zarr.zeros((4, 4), chunks=(2, 1)); zarr.array(z).chunks
zarr.zeros(3).compressor.get_config()
zarr.zeros(3, compressor=None).compressor
zarr.zeros(3, compressor=numcodecs.Zlib(3)).compressor == numcodecs.Zlib(3)
zarr.zeros(3, store=place, compressor=numcodecs.Blosc('zstd', 3, 2)); zarr.open_array(place).compressor.get_config()
zarr.zeros(3).filters
zarr.zeros(3, filters=[]).filters
[f.get_config() for f in zarr.zeros(3, dtype='i4', filters=[numcodecs.Delta('i4')]).filters]
[f.get_config() for f in zarr.zeros(3, dtype='i4', filters=(numcodecs.Delta('i4'),)).filters]
zarr.zeros(3, store=place, filters=[numcodecs.Delta('f8')]); [f.get_config() for f in zarr.open_array(place).filters]
zarr.zeros(3, order='F').order
zarr.zeros(3).order
zarr.create(3, order='c').order
zarr.create(3, order='X')
zarr.create(3, order=None)
zarr.create(3, dimension_separator='-')
zarr.create(3, compressor=5)
zarr.create(3, compressor='zlib')
zarr.create(3, compressor='nope')
zarr.create(3, compression='zlib', compression_opts=3).compressor
zarr.create(3, path='../x')
""")

FILL_VALUES = lines(r"""
zarr.create(3, dtype='i4', fill_value='a')
zarr.create(3, dtype='i4', fill_value=2.0).fill_value
zarr.create(3, dtype='i4', fill_value=np.nan)
zarr.create(3, dtype='i4', fill_value=True).fill_value
zarr.create(3, dtype='u1', fill_value=300)
zarr.create(3, dtype='u1', fill_value=-1)
zarr.create(3, fill_value='1.5').fill_value
zarr.create(3, fill_value=np.array(1.0)).fill_value
zarr.create(3, dtype='U3', fill_value=b'a')
zarr.create(3, dtype='U3', fill_value=5)
zarr.create(3, dtype='S3', fill_value='a').fill_value
zarr.create(3, dtype='S3', fill_value=b'abcdef').fill_value
zarr.create(3, dtype='M8[s]', fill_value=5).fill_value
zarr.create(3, dtype='M8[s]', fill_value='2020-01-01').fill_value
zarr.create(3, dtype='?', fill_value=1).fill_value
zarr.create(3, dtype='?', fill_value=None).fill_value
zarr.create(3, dtype=[('a', 'i4'), ('b', 'f4')], fill_value=(1, 2.5)).fill_value
zarr.create(3, dtype=[('a', '<i4'), ('b', '<f4')], fill_value=b'12345678').fill_value
zarr.create(3, dtype=[('a', 'i4'), ('b', 'f4')], fill_value=0).fill_value
zarr.create(3, dtype='V3', fill_value=b'abc').fill_value
zarr.create(3, dtype='V3', fill_value=b'abc')[:]
zarr.create(3, dtype=object, object_codec=numcodecs.JSON(), fill_value={'a': 1})[0]
zarr.create(3, dtype='c8', fill_value=1+2j).fill_value
zarr.create(3, dtype='c8', fill_value=2).fill_value
zarr.create(3, dtype='f8', fill_value=1+2j)
z = zarr.zeros(3, store=place); z.fill_value = 5; (z[:], zarr.open_array(place).fill_value)
z = zarr.zeros(3, dtype='i4'); z.fill_value = 'a'
""") + [
    f"z = zarr.create(3, dtype={dtype!r}, fill_value={fill}, store=place); y = zarr.open_array(place); "
    "(z.fill_value, y.fill_value, y[0], y.dtype)"
    for dtype, fills in {
        "?": ["True", "0"],
        "i4": ["5"],
        ">i4": ["5"],
        "u8": ["2**64 - 1"],
        "f2": ["1.1"],
        "f4": ["1.5", "0"],
        "c8": ["1+2j"],
        "S3": ["b'ab'", "b''", "0"],
        "M8[s]": ["5", "np.datetime64('NaT')"],
        "m8[D]": ["5"],
        "V3": ["b'abc'"],
    }.items()
    for fill in fills
]  # fmt: skip

DOCUMENTS = [
    f"s = {{}}; {line}; sorted((k, bytes(v)) for k, v in s.items())"
    for line in lines("""
zarr.zeros((10, 10), store=s)
zarr.empty(5, store=s)
zarr.ones((3, 4, 5), dtype='?', store=s)
zarr.full(5, 2.5, dtype='f4', store=s, path='a//b/c')
zarr.create(10, dtype=str, store=s)
zarr.create(10, dtype=bytes, store=s)
zarr.create((), dtype='i4', store=s)
zarr.create((), dtype='i4', compressor=None, store=s)
zarr.create(0, store=s)
zarr.create((2, 3), order='F', dimension_separator='/', store=s)
zarr.create(3, dtype=[('œ', 'i4'), ('b', '(2, 2)f4')], store=s)
zarr.create(3, dtype=np.dtype({'names': ['a', 'b'], 'formats': ['u1', '<i4']}, align=True), store=s)
zarr.create(3, dtype=np.dtype('>i4'), store=s)
zarr.create(3, dtype='datetime64[25s]', store=s)
zarr.create(3, dtype='(2, 3)i4', store=s)
zarr.create(3, dtype='c16', fill_value=complex(np.nan, -0.0), store=s)
zarr.create(3, fill_value=1e300, store=s)
zarr.create(3, dtype='f4', fill_value=0.1, store=s)
zarr.create(3, dtype='f2', fill_value=0.1, store=s)
zarr.create(3, dtype='U4', fill_value='œ"', store=s)
zarr.array([1, 2, 3], store=s, compressor=None)
zarr.array([[True, False]], store=s, compressor=None)
zarr.array(['a', 'bc'], store=s, compressor=None)
zarr.array(np.array([1, 2], dtype='>f4'), store=s, compressor=None)
zarr.save_array(s, np.arange(3, dtype='u1'), compressor=None)
zarr.create(3, filters=[numcodecs.Delta('f8')], compressor=numcodecs.LZMA(), store=s)
zarr.create(3, dtype=object, object_codec=numcodecs.JSON(), filters=[], store=s)
zarr.zeros(3, store=s).attrs['a'] = [1, {'b': None}]
z = zarr.zeros(3, store=s, dimension_separator='.'); z.fill_value = 7
z = zarr.zeros(3, store=s); z.attrs['a'] = 1; del z.attrs['a']
""")
]


# -- opening -------------------------------------------------------------------------------------

OPENING = [
    *(
        f"{there}z = zarr.open_array(place, mode={mode!r}{shape}); (z[:], z.read_only)"
        for mode in ("r", "r+", "a", "w", "w-", "x")
        for shape in ("", ", shape=2, dtype='i4'")
        for there in ("", STORED)
    ),
    *(f"{STORED}z = zarr.open(place, mode={mode!r}); (z[:], z.read_only)" for mode in ("r", "r+", "a")),
    *lines("""
zarr.open(place, mode='r')
zarr.open(place, mode='r+')
zarr.open(place, mode='a', shape=3)[:]
zarr.open(place, mode='w', shape=3, dtype='i4')[:]
zarr.Array({})
zarr.Array(5)
zarr.Array({'.zarray': b'{"zarr_format": 9}'})
s = {}; zarr.create(3, store=s, path='a/b'); sorted(s)
s = {}; z = zarr.ones((3, 3), chunks=2, store=s); z[0, 0] = 5; z[2] = 6; sorted(s)
a, b = {}, {}; z = zarr.zeros(3, store=a, chunk_store=b); z[:] = 1; (sorted(a), sorted(b))
z = zarr.create(3, path='/a//b/'); (z.path, z.name, z.basename)
z = zarr.create(3); (z.path, z.name, z.basename)
zarr.load({})
zarr.load(place)
zarr.save(place)
zarr.save(place, [1, 2]); zarr.open_array(place)[:]
zarr.save(place, [1, 2]); zarr.save(place, [3]); zarr.load(place)
zarr.save_array(place, np.arange(3)); zarr.load(place)
zarr.save_array(place, np.arange(3), compressor=None); zarr.open_array(place).compressor
"""),
    *lines(
        """
zarr.Array(place, path='x')
zarr.create(3, store=place)
zarr.create(3, store=place, overwrite=True)[:]
zarr.create(3, store=place, path='a')
zarr.load(place)
""",
        STORED,
    ),
    *lines(
        """
zarr.create(3, store=s, path='a')
zarr.open_array(s, path='a')
zarr.open_array(s, path='a', mode='r')
zarr.open_array(s, path='a', mode='r+')
zarr.open_array(s, path='a', mode='w', shape=2); sorted(s)
zarr.open_array(s, path='a', mode='w-', shape=2)
""",
        NESTED,
    ),
]


# -- reading -------------------------------------------------------------------------------------


def keys(text: str, given: str, then: str = "z[{}]") -> list[str]:
    return [given + then.format(key) for line in lines(text) for key in line.split("|")]


READING = [
    *keys(
        """
0|-1|np.int64(3)|np.uint8(2)|...|:|()|2:5|-3:|::2|::3|5:2|1:1|2:100|100:|-100:3|::100|slice(1, 5, 2)|(1,)
1.0|'a'|10|-11|0, 0|::0|..., ...|[1.5]|np.arange(9) > 5|slice(1.5, 3)|{}|slice(2), ...
""",
        ROW,
    ),
    *keys(
        """
0|-1|0, 0|-1, -1|:, 0|0, :|1:3, 2:4|..., 0|0, ...|::2, ::2|:|...|(), 0|4|0, 5|0, 0, 0|1:1|:, 3:3
..., ...|0, 'a'
""",
        GRID,
    ),
    *keys("()|...|:|0|(...,)|'a'", POINT),
    *keys("0|:|'c'", RECORDS),
    *lines("""
zarr.zeros(0)[:]
zarr.zeros(0)[0]
zarr.zeros((0, 3))[:]
len(zarr.zeros((3, 4)))
len(zarr.zeros(()))
list(zarr.array([1, 2, 3], chunks=2))
list(zarr.zeros(()))
2 in zarr.array([1, 2, 3])
np.asarray(zarr.ones(3, dtype='i4'))
np.array(zarr.ones(3, dtype='i4'), dtype='f8')
bool(zarr.ones(()))
int(zarr.ones((), dtype='i4'))
zarr.array([1, 2], dtype='f4')[0]
zarr.array(['a', 'b'])[0]
zarr.array([1, 2], dtype='>i4')[0]
zarr.array([1, 2], dtype='>i4')[:]
"""),
    *lines(
        """
list(z.islice(2, 7))
list(z.islice(5, 100))
list(z.islice(-1))
z[:].flags.writeable
out = np.zeros(3, int); z.get_basic_selection(slice(2, 5), out=out); out
z.get_basic_selection(slice(2, 5), out=np.zeros(4, int))
z.get_basic_selection([1, 2])
""",
        ROW,
    ),
    *lines("list(z)[2]\nnp.sum(z)\nz[1] + z[2]", GRID),
]


# -- writing -------------------------------------------------------------------------------------


def writes(text: str, given: str) -> list[str]:
    return [f"{line}; (z[...], z.nchunks_initialized)" for line in lines(text, given)]


WRITING = [
    *writes(
        """
z[0] = 9
z[-1] = 9
z[:] = 9
z[()] = 9
z[...] = 9
z[:] = [9] * 10
z[:] = range(10)
z[:] = np.arange(10)[::-1]
z[:] = np.arange(10.) + .5
z[()] = np.arange(10)
z[2:5] = [1, 2, 3]
z[2:4] = (7, 8)
z[2:4] = zarr.array([7, 8])
z[2:5] = [1, 2]
z[2:5] = [1, 2, 3, 4]
z[::2] = [9] * 5
z[::3] = 7
z[5:2] = []
z[5:2] = 7
z[0] = np.array(7)
z[0] = 7.9
z[0] = '7'
z[0] = 'a'
z[0] = None
z[0] = 2**40
z[0] = 2**70
z[0] = 1j
z[10] = 0
z[-11] = 0
z[0, 0] = 0
z['a'] = 0
z[1.0] = 0
""",
        ROW,
    ),
    *writes(
        """
z[0] = 9
z[0] = [1, 2, 3, 4, 5]
z[:, 0] = [1, 2, 3, 4]
z[:, 0] = 9
z[...] = np.ones((4, 5))
z[...] = np.ones((5, 4))
z[1:3, 1:3] = [[7, 8], [9, 10]]
z[1:3, 1:3] = 7
z[0, 0] = 7
z[0:2] = np.ones((2, 5, 1))
z[..., 0] = np.ones((4, 1))
z[4] = 0
z[0, 0, 0] = 0
""",
        GRID,
    ),
    *lines(
        "z[()] = 7; z[()]\nz[...] = 7; z[()]\nz[()] = np.array(7); z[()]\nz[:] = 7; z[()]\nz[0] = 7", POINT
    ),
    *writes(
        """
z[0] = (7, 8.5)
z[0] = np.array((7, 8.5), z.dtype)
z[:] = (7, 8.5)
z[:] = np.array([(7, 8.5), (9, 0)], z.dtype)
z[0] = 5
z['c'] = 0
z[['a', 'b']] = 0
""",
        RECORDS,
    ),
    *(
        f"z = zarr.zeros(2, dtype={dtype!r}); z[0] = {value}; z[:]"
        for dtype, values in {
            "u1": ["300", "-1", "np.array(300)", "1.9"],
            "S2": ["b'abc'", "'ab'", "5"],
            "U2": ["'abc'", "b'ab'", "5"],
            "M8[s]": ["'2020-01-01'", "np.datetime64('2020-01-01T00:00:00.5')", "5", "None"],
            "?": ["5", "'a'"],
            "f4": ["1e300", "None"],
            "f8": ["1j"],
            "c8": ["1j"],
            "V2": ["b'ab'", "np.void(b'ab')"],
        }.items()
        for value in values
    ),
    *lines("""
z = zarr.create(2, dtype=object, object_codec=numcodecs.JSON()); z[0] = [1, 2]; z[0]
z = zarr.create(2, dtype=object, object_codec=numcodecs.JSON()); z[0] = {'a': 1}; z[:]
z = zarr.create(2, dtype=object, object_codec=numcodecs.JSON()); z[:] = np.array([[1], [2, 3]], dtype=object); z[:]
z = zarr.create(2, dtype=str); z[:] = 'a'; z[:]
z = zarr.create(2, dtype=str); z[:] = np.array(['a', 'b' * 50]); z[:]
z = zarr.create(2, dtype=str); z[:] = np.array(['a', 'b' * 50], dtype=object); z[:]
z = zarr.create(2, dtype=str); z[0] = None; z[0]
z = zarr.create(2, dtype=str); z[0] = 5
z = zarr.create(2, dtype=str); z[0] = b'a'
z = zarr.create(2, dtype=bytes); z[0] = 'a'
z = zarr.zeros(3, chunks=1); z[1:1] = 5; z.nchunks_initialized
z = zarr.zeros(4, chunks=2); z[:] = 0; z.nchunks_initialized
z = zarr.zeros(4, chunks=2, write_empty_chunks=False); z[:] = [0, 0, 1, 0]; z.nchunks_initialized
z = zarr.ones(4, chunks=2, write_empty_chunks=False); z[:] = 3; z[:2] = 1; z.nchunks_initialized
z = zarr.full(4, np.nan, chunks=2, write_empty_chunks=False); z[:2] = np.nan; z[2] = 1; z.nchunks_initialized
z = zarr.full(4, '', dtype='U2', chunks=2, write_empty_chunks=False); z[:] = ['', '', 'a', '']; z.nchunks_initialized
z = zarr.empty(4, dtype='i4', chunks=2, write_empty_chunks=False); z[:] = [0, 0, 1, 0]; z.nchunks_initialized
z = zarr.array([1, 2]); z.read_only = True; z[0] = 1
"""),
    *lines(
        """
zarr.open_array(place, mode='r')[0] = 1
zarr.open_array(place, mode='r').resize(1)
zarr.open_array(place, mode='r').append([1])
zarr.open_array(place, mode='r').attrs['a'] = 1
""",
        STORED,
    ),
]


# -- changing ------------------------------------------------------------------------------------

RESIZES = [
    "2, 3",
    "(2, 3)",
    "[2, 3]",
    "6, 6",
    "2, None",
    "None, 2",
    "(None, 2)",
    "0, 0",
    "2",
    "2, 3, 4",
    "-1, 2",
    "",
]
RESIZED = "; (r, z.shape, z[:], z.nchunks_initialized)"
CHANGING = [
    *(f"{GRID}r = z.resize({args}){RESIZED}" for args in RESIZES),
    *(
        f"{GRID}r = z.append({args}){RESIZED}"
        for args in [
            "np.ones((1, 5))",
            "np.ones((4, 2)), axis=1",
            "np.ones((2, 4))",
            "np.ones(5)",
            "[[1, 2, 3, 4, 5]]",
            "np.ones((0, 5))",
            "np.ones((4, 2)), axis=2",
            "5",
        ]
    ),
    *lines("""
z = zarr.array(np.arange(10), chunks=3); z.resize(4); (z.shape, z[:], z.nchunks_initialized)
z = zarr.array(np.arange(10), chunks=3); z.resize((4,)); z.shape
z = zarr.array(np.arange(10), chunks=3); z.shape = 4; z.shape
z = zarr.array(5); z.resize(()); z.shape
z = zarr.array([1, 2], chunks=3); (z.append([3, 4]), z[:], z.nchunks)
z = zarr.array(['a', 'b']); z.append(['cde']); z[:]
"""),
    *lines(
        """
z.attrs['a'] = 1; z.attrs.update(b=[1, 2], c=None); (dict(z.attrs), len(z.attrs), 'a' in z.attrs, list(z.attrs))
z.attrs['a'] = 1; z.attrs.put({'b': 2}); z.attrs.asdict()
z.attrs['a']
z.attrs['a'] = 1; del z.attrs['a']; z.attrs.asdict()
del z.attrs['a']
z.attrs['a'] = np.arange(3)
z.attrs['a'] = {1}
z.attrs['a'] = b'x'
z.attrs[1] = 5; list(z.attrs)
z.attrs['a'] = np.nan; zarr.open_array(place).attrs['a']
z.attrs['b'] = 1; z.attrs['a'] = 2; (list(z.attrs), list(zarr.open_array(place).attrs))
z.attrs['b'] = 1; z.attrs.pop('b')
z.attrs.get('b', 7)
""",
        "z = zarr.zeros(3, store=place); ",
    ),
]

PROPERTIES = [
    *keys(
        """
shape|chunks|ndim|size|itemsize|nbytes|cdata_shape|nchunks|nchunks_initialized|initialized|order|read_only|name
path|basename|fill_value|dtype|filters|write_empty_chunks|synchronizer|nbytes_stored
""",
        GRID,
        "z.{}",
    ),
    *lines("""
z = zarr.array(np.arange(6, dtype='i4'), chunks=2, compressor=None, store=place); z.nbytes_stored
z = zarr.array(np.arange(6, dtype='i4'), chunks=2, compressor=None, store={}); z.nbytes_stored
z = zarr.zeros((5, 5), chunks=2); z[0, 0] = 1; z.nchunks_initialized
z = zarr.zeros((0, 5), chunks=2); (z.nchunks, z.cdata_shape, z.nchunks_initialized)
z = zarr.zeros(3); z == z
z = zarr.zeros(3); z == z[:]
hash(zarr.zeros(3))
import pickle; z = pickle.loads(pickle.dumps(zarr.array([1, 2], store=place, read_only=True))); (z[:], z.read_only)
import pickle; z = pickle.loads(pickle.dumps(zarr.array([1, 2]))); z[:]
repr(zarr.zeros((3, 4), dtype='i4', path='a/b')).partition('Array')[2]
repr(zarr.zeros(3, read_only=True)).partition('Array')[2]
issubclass(zarr.errors.ArrayNotFoundError, ValueError)
issubclass(zarr.errors.ContainsArrayError, ValueError)
issubclass(zarr.errors.ContainsGroupError, ValueError)
issubclass(zarr.errors.PathNotFoundError, ValueError)
issubclass(zarr.errors.BoundsCheckError, IndexError)
issubclass(zarr.errors.ReadOnlyError, PermissionError)
issubclass(zarr.errors.MetadataError, Exception)
"""),
    *lines("zarr.open_array(place) == zarr.open_array(place)", STORED),
    *lines("zarr.open_array(place) == zarr.open_array(place, mode='r')", STORED),
]

SAME = [
    *GUESSED_CHUNKS, *CHUNKS, *CREATING, *FILL_VALUES, *DOCUMENTS, *OPENING, *READING, *WRITING, *CHANGING, *PROPERTIES,
]  # fmt: skip
