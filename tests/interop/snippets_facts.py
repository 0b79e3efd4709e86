"""More lines of user code for the same comparison: attributes, each option of an array, and what it tells of itself."""

from __future__ import annotations

from .snippets import GRID, RECORDS, STORED, keys, lines

ZEROS = "z = zarr.zeros(3, store=place); "
RELOADED = STORED + "z = zarr.Array(place, cache_metadata=False); y = zarr.Array(place); y.resize(8); "

ATTRS = [
    *keys("attrs.key|attrs.cache|attrs.read_only", ZEROS, "z.{}"),
    *lines(
        """
z.attrs.asdict()
len(z.attrs)
list(z.attrs)
'a' in z.attrs
1 in z.attrs
z.attrs['nope']
z.attrs.get('nope')
z.attrs.setdefault('a', 1); z.attrs.asdict()
z.attrs.setdefault('a', 1)
z.attrs['a'] = 1; z.attrs.setdefault('a', 2)
z.attrs.pop('a')
z.attrs.pop('a', 5)
z.attrs['a'] = 1; (z.attrs.pop('a'), z.attrs.asdict())
z.attrs.popitem()
z.attrs['a'] = 1; z.attrs.popitem()
z.attrs['a'] = 1; z.attrs.clear(); z.attrs.asdict()
z.attrs.update({'a': 1}); z.attrs.asdict()
z.attrs.update([('a', 1), ('b', 2)]); z.attrs.asdict()
z.attrs.update({'a': 1}, b=2); z.attrs.asdict()
z.attrs.update(); z.attrs.asdict()
z.attrs.update(5)
z.attrs.update({'a': {1}})
z.attrs.put({}); z.attrs.asdict()
z.attrs.put({'a': {1}})
z.attrs.put({1: 2}); z.attrs.asdict()
z.attrs.put({None: 2}); z.attrs.asdict()
z.attrs.put({True: 2}); z.attrs.asdict()
z.attrs.update({1: 2}); z.attrs.asdict()
z.attrs[1.5] = 2; z.attrs.asdict()
z.attrs[None] = 2; z.attrs.asdict()
z.attrs['a'] = 1; z.attrs['a'] = 2; z.attrs['a']
z.attrs['a'] = {'b': {'c': [1, 2.5, None, True, 'x']}}; z.attrs['a']
z.attrs['a'] = {1: 2}; zarr.open_array(place).attrs['a']
z.attrs['a'] = {'b': 1}; z.attrs['a']['b'] = 2; zarr.open_array(place).attrs['a']
z.attrs['a'] = [1]; z.attrs['a'].append(2); z.attrs['a']
z.attrs['a'] = ''; z.attrs['a']
z.attrs['a'] = 'œ\\n\\0'; zarr.open_array(place).attrs['a']
z.attrs[''] = 1; zarr.open_array(place).attrs.asdict()
z.attrs['a'] = 2 ** 80; zarr.open_array(place).attrs['a']
z.attrs['a'] = -0.0; zarr.open_array(place).attrs['a']
z.attrs['a'] = 1e400; zarr.open_array(place).attrs['a']
z.attrs['a'] = np.float64(1.5); zarr.open_array(place).attrs['a']
z.attrs['a'] = np.float32(1.5); zarr.open_array(place).attrs['a']
z.attrs['a'] = np.str_('x'); zarr.open_array(place).attrs['a']
z.attrs['a'] = 1j
z.attrs['a'] = object()
z.attrs['a'] = len
z.attrs['a'] = zarr
z.attrs['a'] = [np.int64(1), {'b': np.int16(2)}]; zarr.open_array(place).attrs['a']
z.attrs['a'] = np.datetime64('2020-01-01')
z.attrs['a'] = 1; del z.attrs['a']; zarr.open_array(place).attrs.asdict()
z.attrs['a'] = 1; z.attrs.keys() == {'a'}
z.attrs['a'] = 1; list(z.attrs.values())
z.attrs['a'] = 1; list(z.attrs.items())
z.attrs['a'] = 1; z.attrs == {'a': 1}
z.attrs['a'] = 1; dict(z.attrs)
z.attrs['a'] = 1; dict(**z.attrs)
z.attrs['a'] = 1; z.attrs | {'b': 2}
bool(z.attrs)
hash(z.attrs)
z.attrs['a'] = 1; zarr.open_array(place).attrs['b'] = 2; z.attrs.asdict()
z.attrs['a'] = 1; zarr.open_array(place).attrs['b'] = 2; z.attrs.refresh(); z.attrs.asdict()
z.attrs['a'] = 1; zarr.open_array(place).attrs['b'] = 2; z.attrs['c'] = 3; z.attrs.asdict()
y = zarr.open_array(place, cache_attrs=False); z.attrs['a'] = 1; y.attrs.asdict()
y = zarr.open_array(place, cache_attrs=False); y.attrs['a'] = 1; (y.attrs.cache, z.attrs.asdict())
y = zarr.open_array(place, mode='r'); y.attrs.update(a=1)
y = zarr.open_array(place, mode='r'); y.attrs.put({})
y = zarr.open_array(place, mode='r'); y.attrs.clear()
y = zarr.open_array(place, mode='r'); y.attrs.setdefault('a', 1)
z.attrs['a'] = 1; y = zarr.open_array(place, mode='r'); y.attrs.setdefault('a', 2)
y = zarr.open_array(place, mode='r'); del y.attrs['a']
y = zarr.open_array(place, mode='r'); y.attrs.read_only
z.attrs['b'] = 1; z.attrs['a'] = 2; open(place + '/.zattrs').read()
z.attrs.put({'b': 1, 'a': 2}); list(z.attrs)
import pickle; z.attrs['a'] = 1; pickle.loads(pickle.dumps(z.attrs)).asdict()
import os; z.attrs['a'] = 1; z.attrs.clear(); os.path.exists(place + '/.zattrs')
z.attrs = 5
""",
        ZEROS,
    ),
]

OPTIONS = [
    *lines(
        """
zarr.Array(place)[:]
zarr.Array(place, read_only=True)[:]
zarr.Array(place, None, True).read_only
zarr.Array(store=place, path='')[:]
zarr.Array(place, path='/')[:]
zarr.Array(place, chunk_store={})[:]
zarr.Array(place, chunk_store={'0': np.arange(2, dtype='i4').tobytes()}).nchunks_initialized
zarr.Array(place, cache_metadata=False).shape
zarr.Array(place, cache_attrs=False).attrs.cache
zarr.Array(place, write_empty_chunks=False).write_empty_chunks
zarr.Array(place, zarr_version=2)[:]
zarr.Array(place, meta_array=np.empty(()))[:]
zarr.Array(place, synchronizer=zarr.ThreadSynchronizer())[:]
type(zarr.Array(place, synchronizer=zarr.ThreadSynchronizer()).synchronizer)
z = zarr.Array(place, synchronizer=zarr.ThreadSynchronizer()); z[1:3] = 9; z[:]
z = zarr.Array(place, synchronizer=zarr.ThreadSynchronizer()); z.append([5, 6]); z[:]
z = zarr.Array(place, synchronizer=zarr.ThreadSynchronizer()); z.resize(6); z[:]
z = zarr.Array(place, synchronizer=zarr.ThreadSynchronizer()); z.attrs['a'] = 1; z.attrs.asdict()
z = zarr.Array(place, synchronizer=zarr.ProcessSynchronizer(place + '.sync')); z[1:3] = 9; z[:]
z = zarr.Array(place); y = zarr.Array(place); y.resize(8); (z.shape, z[:])
z = zarr.Array(place, cache_metadata=False); y = zarr.Array(place); y[:] = 5; y.resize(8); z.nchunks_initialized
z = zarr.Array(place, cache_metadata=False); y = zarr.Array(place); y.fill_value = 7; y.resize(8); z[:]
z = zarr.Array(place, cache_metadata=False); y = zarr.Array(place); y.fill_value = 7; z.fill_value
v = zarr.Array(place, cache_metadata=False).view(); y = zarr.Array(place); y.resize(8); v.shape
import copy; copy.copy(zarr.Array(place)) == zarr.Array(place)
import copy; copy.deepcopy(zarr.Array(place))[:]
zarr.Array(place) != zarr.Array(place)
zarr.Array(place) == zarr.Array(place, synchronizer=zarr.ThreadSynchronizer())
zarr.Array(place) == zarr.Array(place, cache_metadata=False)
z = zarr.Array(place); z.read_only = 1; z.read_only
z = zarr.Array(place); z.read_only = True; z.append([1])
import os; z = zarr.Array(place); z.resize(1); sorted(os.listdir(place))
import os; z = zarr.Array(place); z.append([5]); sorted(os.listdir(place))
zarr.open_array(place, partial_decompress=True, mode='r')[:]
zarr.open_array(place, write_empty_chunks=False).write_empty_chunks
zarr.open_array(place, cache_metadata=False, cache_attrs=False)[:]
zarr.open_array(place, zarr_version=2)[:]
zarr.open_array(place, meta_array=np.empty(()))[:]
zarr.open_array(place, synchronizer=zarr.ThreadSynchronizer())[:]
zarr.open_array(place, chunk_store={})[:]
zarr.open_array(place, mode='r', shape=7)[:]
zarr.open_array(place, mode='a', shape=7, dtype='f8').dtype
zarr.open_array(place, dimension_separator='/').nchunks_initialized
""",
        STORED,
    ),
    *lines(
        """
z.path = 'x'
z.chunks = 5
z.dtype = 'f4'
z.compressor = None
z.order = 'F'
z.write_empty_chunks = False
z.fill_value = None; (z.fill_value, zarr.Array(place).fill_value)
z.fill_value = 3.0; zarr.Array(place).fill_value
z.shape = 6; (z.shape, zarr.Array(place).shape)
z.shape = (2,); zarr.Array(place)[:]
z.nope
z.nope = 5; z.nope
""",
        STORED + "z = zarr.Array(place); ",
    ),
    *lines(
        """
(z.shape, z.nchunks, z.cdata_shape, len(z), z.size, z.nbytes, z[:])
z[7] = 5; y[:]
z.append([5]); (z.shape, z[:])
z.resize(9); z[:]
list(z)
z.vindex[[7]]
z.oindex[[7]]
z.blocks[3]
z.get_mask_selection(np.ones(8, bool))
repr(z).partition('Array')[2]
dict(z.info_items())['Shape']
z.hexdigest() == y.hexdigest()
z.view()[:]
z.astype('f4')[:]
z.ndim
""",
        RELOADED,
    ),
]

FACTS = [
    *lines(
        """
z.digest()
z.digest('md5')
z.digest(hashname='sha256')
z.digest('nope')
z.hexdigest()
z.hexdigest('md5')
z.hexdigest(hashname='sha512')
z.attrs['a'] = 1; z.hexdigest()
z[0] = 7; z.hexdigest()
""",
        "z = zarr.array(np.arange(20).reshape(4, 5), chunks=(2, 2), compressor=None); ",
    ),
    *keys("T|mean|compressor|meta_array", GRID, "z.{}"),
    *keys("2|2, 2, 2|shape=(2, 2)|(2, 2), (3, 3)|True, 2", GRID, "z.resize({})"),
    *keys(
        """
np.ones((2, 5)), 0|np.ones((4, 2)), 1|data=np.ones((4, 2)), axis=1|np.ones((4, 2)), axis=-3
[[1, 2, 3, 4]]|5|[[1, 2, 3, 4, 'a']]|None|np.ones((1, 5, 1))
""",
        GRID,
        "z.append({})",
    ),
    *lines(
        """
type(z.islice()).__name__
list(z.islice())
list(z.islice(1))[0]
list(z.islice(end=2))[1]
list(z.islice(1, 1))
list(z.islice(3, 1))
list(z.islice(start=2, end=99))
list(z.islice(99))
next(iter(z))
sum(1 for _ in z)
[r.shape for r in z]
z.__array__()
z.__array__('f4')
z.__array__(dtype='f4')
np.array(z)
np.array(z, dtype='f4')
np.asarray(z, dtype='i8')
np.asarray(z, dtype='U2')
np.asanyarray(z)[0]
np.ascontiguousarray(z)[0]
np.mean(z)
np.concatenate([z, z]).shape
np.stack([z, z]).shape
np.array([z, z]).shape
z + 1
z == z[...]
z > 3
z.max()
z.sum()
z.reshape(20)
len(z)
bool(z)
float(z)
int(z)
z.__index__()
5 in z
[n for n, _ in z.info_items()]
dict(z.info_items())['No. bytes']
dict(z.info_items())['Chunks initialized']
dict(z.info_items())['Order']
dict(z.info_items())['Read-only']
dict(z.info_items())['Data type']
dict(z.info_items())['Shape']
dict(z.info_items())['Chunk shape']
type(z.info_items())
type(z.info_items()[0])
[type(b) for a, b in z.info_items()]
repr(z.info).splitlines()[1]
'<table' in z.info._repr_html_()
z.store is z.chunk_store
str(z).partition('Array')[2]
z.resize(None, None); z.shape
z.resize((None, 3)); z.shape
z.resize([4, 4]); z.shape
z.resize(np.int64(4), 3); z.shape
z.resize(0, 5); z[...]
z.resize(0, 5); z.resize(4, 5); z[...]
z.resize(3, 3); z.resize(4, 5); z.nchunks_initialized
z.append(zarr.ones((1, 5))); z[-1]
z.append(np.ones((1, 5)) * 1.7); z[-1]
z.append(np.ones((0, 5))); z.shape
""",
        GRID,
    ),
    *lines(
        """
z = zarr.zeros(3, chunks=2); z[0] = 1; dict(z.info_items())['Chunks initialized']
z = zarr.zeros(0); (list(z), len(z), z.nchunks, z.cdata_shape, z.nbytes, z.nchunks_initialized)
z = zarr.zeros(()); (z.cdata_shape, z.nchunks, z.size, z.shape, z.chunks, z.nbytes)
z = zarr.zeros(()); list(z.islice())
z = zarr.zeros(()); z.resize()
z = zarr.zeros(()); z.resize(3)
z = zarr.zeros(()); z.append([1])
z = zarr.zeros(()); z.get_basic_selection()
z = zarr.zeros(()); z.get_basic_selection(out=np.empty(()))
z = zarr.zeros(()); z.get_orthogonal_selection(())
z = zarr.zeros(()); z.oindex[()]
z = zarr.zeros(()); z.vindex[...]
z = zarr.zeros(()); z.blocks[()]
z = zarr.zeros(()); z.blocks[0]
z = zarr.zeros(()); z.set_basic_selection((), 5); z[()]
z = zarr.zeros(()); z.set_basic_selection(..., 5); z[...]
z = zarr.zeros(()); z.hexdigest()
z = zarr.zeros((), dtype='i4', compressor=None); z[...] = 5; z.hexdigest()
z = zarr.zeros((), dtype=[('a', 'i4')]); z['a'] = 5; z[()]
z = zarr.zeros((3, 0, 2)); (z[...], z.nchunks, z.chunks, z.cdata_shape)
z = zarr.zeros((3, 0, 2)); z[...] = 5; z[...]
z = zarr.zeros((3, 0, 2)); z.append(np.ones((3, 4, 2)), axis=1)
z = zarr.zeros((3, 0, 2)); z.resize(3, 1, 2); z[...]
z = zarr.zeros((3, 0, 2)); list(z)
z = zarr.zeros((3, 0, 2)); z.vindex[np.zeros((3, 0, 2), bool)]
z = zarr.zeros(10, chunks=3, path='a/b/c', store={}); (z.name, z.basename, z.path, z.attrs.key)
z = zarr.zeros(3, synchronizer=zarr.ThreadSynchronizer()); [n for n, _ in z.info_items()]
z = zarr.zeros(3, chunk_store={}, store={}); [n for n, _ in z.info_items()]
z = zarr.zeros(3, filters=[numcodecs.Delta('f8'), numcodecs.Shuffle(8)]); [n for n, _ in z.info_items()]
z = zarr.zeros(3, read_only=True); dict(z.info_items())['Read-only']
z = zarr.zeros(2**40, chunks=2**30); (z.nchunks, z.nbytes, dict(z.info_items())['No. bytes'])
z = zarr.zeros((2**31, 2**31), chunks=(2**20, 2**20)); (z.size, z.nchunks, z.cdata_shape, z.nbytes)
z = zarr.zeros((2**31, 2**31), chunks=(2**20, 2**20), dtype='u1'); z[2**31 - 1, 2**31 - 2:]
z = zarr.zeros(7, chunks=(3,)); z[:] = range(7); (z.blocks[2], z.blocks[-1])
z = zarr.ones(5, chunks=2, write_empty_chunks=False); z[:] = 1; (z.nchunks_initialized, z[:])
z = zarr.zeros(5, chunks=2, write_empty_chunks=False); z[:] = 1; z[0] = 0; z[1] = 0; (z.nchunks_initialized, z[:])
z = zarr.zeros(5, chunks=2, write_empty_chunks=False); z[:] = 1; z.vindex[[0, 1]] = 0; (z.nchunks_initialized, z[:])
z = zarr.zeros(5, chunks=2, write_empty_chunks=False); z[:] = 1; z.oindex[[0, 1]] = 0; (z.nchunks_initialized, z[:])
z = zarr.zeros(5, chunks=2, write_empty_chunks=False); z.append([0, 0, 0]); (z.nchunks_initialized, z.shape)
z = zarr.zeros((5, 5), chunks=2, order='F'); z[...].flags.f_contiguous
z = zarr.zeros((5, 5), chunks=2, order='F'); (z.oindex[[0, 1]].flags.f_contiguous, z[1:3].flags.f_contiguous)
""",
    ),
]

PICKLED = (
    "import pickle; z = pickle.loads(pickle.dumps(zarr.Array(place, {}))); zarr.Array(place).resize(8); "
)
PICKLES = [
    *lines("(z.shape, z.nchunks)", STORED + PICKLED.format("cache_metadata=False")),
    *lines("(z.shape, z.attrs.cache)", STORED + PICKLED.format("cache_attrs=False")),
    *lines("(z.shape, z.write_empty_chunks)", STORED + PICKLED.format("write_empty_chunks=False")),
    *lines("(z.read_only, z[:])", STORED + PICKLED.format("read_only=True, cache_metadata=False")),
    *lines("type(z.synchronizer)", STORED + PICKLED.format("synchronizer=zarr.ThreadSynchronizer()")),
]

# What we do otherwise without wanting to: each goes to the lists above when it is mended.
# what was once another outcome here
MENDED = [
    *lines(
        "zarr.create(3, storage_transformers=())[:]\nzarr.save(place, [1, 2]); zarr.load(place, None, '')"
    ),
    *keys("None, 2|2, None|None, [1, 2]|[0, 1], None", GRID, "z.oindex[{}]"),
    *lines("z.resize(np.array([4, 4])); z.shape", GRID),
    *lines("zarr.Array(place, zarr_version=5)", STORED),
    *lines("z.get_basic_selection(0, fields=[])\nz.get_basic_selection(0, fields=5)", RECORDS),
    *lines("z.attrs.put(d={'a': 1})\nz.attrs.synchronizer\nz.attrs._ipython_key_completions_()", ZEROS),
    *lines("""
z = zarr.zeros(2, dtype=int); z[:] = np.ma.masked_array([1, 2], [True, False]); z[:]
zarr.array(np.ma.masked_array([1, 2], [True, False]))[:]
"""),
]

ABOUT = [*MENDED, *ATTRS, *OPTIONS, *FACTS, *PICKLES]
