"""Lines of user code about groups and whole hierarchies; `snippets` tells how they are run."""

from __future__ import annotations

from .snippets import lines

TREE = (
    "g = zarr.group(); a = g.create_group('a'); g.create_group('b/c'); "
    "x = g.create_dataset('x', data=np.arange(6, dtype='i4'), chunks=2, compressor=None); "
    "y = a.create_dataset('y', shape=(2, 3), dtype='f8', compressor=None); a.attrs['k'] = [1, {'z': None}]; "
)
STORED_TREE = TREE.replace("zarr.group()", "zarr.open_group(place, mode='w')")
KEYS = "; sorted(g.store)"
ARRAY_THERE = "zarr.save_array(place, [1, 2], compressor=None); "
GROUP_THERE = "zarr.open_group(place, mode='w').create_dataset('x', data=[1, 2], compressor=None); "
MODES = ("r", "r+", "a", "w", "w-", "x")

# -- what a group is, and what is in it ------------------------------------------------------------

FINDING = lines(
    """
(g.name, g.path, g.basename, g.read_only)
(a.name, a.path, a.basename, a.read_only)
c = g['b/c']; (c.name, c.path, c.basename)
repr(g).partition('Group')[2]
repr(g['b/c']).partition('Group')[2]
repr(zarr.Group(g.store, read_only=True)).partition('Group')[2]
list(g)
list(a)
len(g), len(a), len(g['b/c'])
list(g.keys())
[v.name for v in g.values()]
[(k, v.name) for k, v in g.items()]
'a' in g, 'a/y' in g, '/a/y' in a, 'y' in a, 'a' in a, '' in g, '/' in a, 'b/c' in g, 'z' in g, 'x/0' in g
'..' in g
'a/../x' in g
5 in g
g['a'].path, g['a/y'].path, g['/a//y/'].path, a['/x'].path, a['y'].path, g[''].path, a[''].path, a['/'].path
g['z']
g['x/0']
g['a/../x']
g['.']
g[5]
g.get('z', 7)
g.get('x').shape
g['x'][:]
g.x[:]
g.a.y.shape
g.z
g['a\\\\y'].path
getattr(g, '__nothing__', 5)
'a' in dir(g) and 'x' in dir(g) and 'tree' in dir(g)
hasattr(g, 'shape'), hasattr(g, 'a')
list(g.group_keys())
list(g.array_keys())
list(g.array_keys(recurse=True))
[(k, v.name) for k, v in g.groups()]
[(k, v.name) for k, v in g.arrays()]
[(k, v.name, v.shape, v.dtype) for k, v in g.arrays(recurse=True)]
g == g, g == a, g == zarr.Group(g.store), g == zarr.Group(g.store, read_only=True), a == g['a'], g == 5
hash(g)
bool(zarr.group())
bool(g)
a.attrs['k'], dict(g.attrs), g['a'].attrs.asdict(), len(a.attrs), a.attrs.key, g.attrs.key
a.attrs['m'] = 1; g['a'].attrs['m']
a.attrs['m'] = 1; dict(a.attrs)
a.attrs.put({'n': 2}); dict(g['a'].attrs)
del a.attrs['k']; dict(g['a'].attrs)
zarr.Group(g.store, read_only=True)['a'].attrs['k'] = 1
zarr.Group(g.store, read_only=True)['x'].read_only
zarr.Group(g.store, read_only=True)['a'].read_only
zarr.Group(g.store, path='a').path
zarr.Group(g.store, path='/a/').name
zarr.Group(g.store, path='z')
zarr.Group(g.store, path='x')
zarr.Group({})
zarr.Group({'.zgroup': b'{"zarr_format": 3}'})
zarr.Group({'.zgroup': b'{"zarr_format": 2}'}).name
zarr.Group({'.zgroup': b'{"zarr_format": 2, "more": 1}'}).name
zarr.Group(5)
[i for i in g.info_items() if not i[0].endswith('ype')]
[i for i in a.info_items() if not i[0].endswith('ype')]
[i[0] for i in g.info_items()]
g.synchronizer
g.chunk_store is g.store
g.meta_array.shape, g.meta_array.dtype
type(g.info).__name__ is not None
g.attrs.cache
zarr.Group(g.store, cache_attrs=False).attrs.cache
zarr.Group(g.store, cache_attrs=False)['x'].attrs.cache
sorted(g._ipython_key_completions_())
""",
    TREE,
) + [
    *lines(
        """
import pickle; h = pickle.loads(pickle.dumps(g)); (h == g, h.path, list(h), h['x'][:])
import pickle; h = pickle.loads(pickle.dumps(zarr.open_group(place, mode='r', path='a'))); \
(h.path, list(h), h.read_only)
h = zarr.open(place, mode='r'); (list(h), h['x'][:], h.read_only)
h = zarr.open(place, mode='r', path='a'); (list(h), h['y'].name)
h = zarr.open(place, mode='r', path='x'); (h[:], h.read_only)
h = zarr.open_group(place, mode='r'); h['new'] = [1]
h = zarr.open_group(place, mode='r'); h.create_group('new')
h = zarr.open_group(place, mode='r'); h.require_group('a')
h = zarr.open_group(place, mode='r'); h.create_dataset('new', shape=3)
h = zarr.open_group(place, mode='r'); h.require_dataset('x', shape=6, dtype='i4')
h = zarr.open_group(place, mode='r'); h.move('a', 'd')
h = zarr.open_group(place, mode='r'); del h['a']
h = zarr.open_group(place, mode='r'); h.attrs['a'] = 1
h = zarr.open_group(place, mode='r'); h['x'][0] = 1
h = zarr.open_group(place, mode='r'); h['a'].create_group('new')
sorted(g.store)
h = zarr.open_group(place, mode='r+'); h['new'] = [1]; h['new'][:]
""",
        STORED_TREE,
    ),
    *lines("""
with zarr.open_group(place, mode='w') as g: g['x'] = [1, 2]
g = zarr.group(); g['x'] = [1, 2]; (g['x'][:], g['x'].dtype)
g = zarr.group(); g['x/y'] = [1, 2]; (list(g), g['x/y'][:])
g = zarr.group(); g['x'] = [1, 2]; g['x'] = [3.5]; g['x'][:]
g = zarr.group(); g.create_group('x'); g['x'] = [3.5]; g['x'][:]
g = zarr.group(); g['x'] = 5; g['x'][()]
g = zarr.group(); g.update(a=[1], b=[2, 3]); (list(g), g['b'][:])
g = zarr.group(); g['x'] = [1]; g.pop('x'); list(g)
g = zarr.group(); g['x'] = [1]; g['y'] = [2]; g.clear(); list(g)
g = zarr.group(); g.setdefault('x', [1, 2]); list(g)
"""),
]

# -- creating --------------------------------------------------------------------------------------

CREATING_NODES = [
    *(
        line + KEYS
        for line in lines(
            """
g.create_group('new')
g.create_group('new/er')
g.create_group('/new/er')
a.create_group('new')
a.create_group('/new')
g.create_groups('n', 'm/o')
g.create_group('a', overwrite=True)
g.create_group('x', overwrite=True)
g.create_groups('a', 'b', overwrite=True)
g.require_group('a')
g.require_group('new/er')
g.require_group('b')
g.require_groups('a', 'n')
g.require_group('x', overwrite=True)
g.require_group('a', overwrite=True)
g.create('n', shape=3)
g.create('n/m', shape=3, chunks=2, dtype='i4', fill_value=7)
a.zeros('/n', shape=(2, 2), dtype='u1')
g.create_dataset('n', shape=3, compressor=numcodecs.Zlib())
g.create_dataset('a', data=[1], overwrite=True)
g.create_dataset('x', shape=3, overwrite=True)
g.require_dataset('n', shape=3)
g.require_dataset('n', shape=3, dtype='i2', chunks=2)
g.require_dataset('x', shape=6, dtype='i4')
del g['a']
del g['x']
del g['a/y']
del a['y']
del a['/x']
del g['b']
g.move('a', 'd')
g.move('x', 'd')
g.move('x', 'd/e')
g.move('a', 'b/a')
g.move('a/y', 'y')
a.move('y', 'z')
a.move('y', '/z')
a.move('/x', 'x')
g.move('x', 'a/b/c/x')
""",
            TREE,
        )
    ),
    *lines(
        """
g.create_group('a')
g.create_group('x')
g.create_group('x/new')
g.create_group('')
g.create_group('/')
g.create_group('..')
g.create_group('a/y/z')
g.create_groups('n', 'a')
g.require_group('x')
g.require_group('x/new')
g.require_group('a').attrs['k']
g.require_group('b/c').name
g.require_group('').name
g.require_groups('a', 'b')[1].name
g.create_group('new').name
g.create('a', shape=3)
g.create('x', shape=3)
g.create('x/y', shape=3)
g.create('n')
g.create_dataset('n')
g.create_dataset('x', data=[1])
z = g.create_dataset('n', data=[1.5, 2]); (z[:], z.dtype, z.name)
z = g.create_dataset('n', data=np.arange(4), shape=(9,)); z.shape
z = g.create_dataset('n', data=np.arange(4), dtype=None, chunks=None); (z.dtype, z.chunks)
z = g.create_dataset('n', data=np.arange(4), dtype='f4', chunks=3); (z.dtype, z.chunks)
z = g.create_dataset('n', shape=4, fill_value=3); z[:]
z = g.create_dataset('n', shape=4, fillvalue=3); z[:]
z = g.create_dataset('n', shape=4, compression='zlib', compression_opts=3); z.compressor
z = g.create_dataset('n', shape=4, compression=None); z.compressor
z = g.create_dataset('n', shape=4, compression='none'); z.compressor
z = g.create_dataset('n', data=g['x']); (z[:], z.chunks)
z = g.empty('n', shape=3); (z.shape, z.fill_value)
z = g.zeros('n', shape=3); (z[:], z.fill_value)
z = g.ones('n', shape=3, dtype='i4'); z[:]
z = g.full('n', 7, shape=3, dtype='i4'); z[:]
z = g.full('n', fill_value=7, shape=3, dtype='i4'); z[:]
z = g.array('n', [1, 2]); z[:]
z = g.array('n', [1, 2], chunks=1, dtype='u1'); (z[:], z.chunks)
z = g.empty_like('n', g['x']); (z.shape, z.dtype, z.chunks, z.compressor)
z = g.zeros_like('n', g['x']); (z[:], z.chunks, z.compressor)
z = g.zeros_like('n', np.ones((2, 3), dtype='u1')); (z[:], z.chunks, z.compressor is None)
z = g.ones_like('n', g['x']); z[:]
z = g.ones_like('n', g['x'], dtype='f4', chunks=3); (z.dtype, z.chunks)
z = g.full_like('n', g['x'], fill_value=9); z[:]
z = g.full_like('n', g['x']); z[:]
z = g.full_like('n', np.ones(3))
z = g.require_dataset('n', shape=3); (z.shape, z.dtype)
z = g.require_dataset('n', shape=(2, 3), dtype='i2', fill_value=5); z[:]
z = g.require_dataset('n', shape=2, data=[1, 2]); z[:]
z = g.require_dataset('x', shape=6, dtype='i4'); z[:]
z = g.require_dataset('x', shape=(6,), dtype='i4', exact=True); z[:]
z = g.require_dataset('x', shape=[6], dtype='i2'); z[:]
g.require_dataset('x', shape=6, dtype='i2', exact=True)
g.require_dataset('x', shape=6, dtype='i8')
g.require_dataset('x', shape=6, dtype='u2').shape
g.require_dataset('x', shape=6, dtype='u4')
g.require_dataset('x', shape=6, dtype='?').shape
g.require_dataset('x', shape=6)
g.require_dataset('x', shape=6, dtype='f4')
g.require_dataset('x', shape=6, dtype='>i4').dtype
g.require_dataset('x', shape=6, dtype='>i4', exact=True)
g.require_dataset('x', shape=7, dtype='i4')
g.require_dataset('x', shape=(6, 1), dtype='i4')
g.require_dataset('x', shape=5)
g.require_dataset('a', shape=3)
g.require_dataset('x/n', shape=3)
g.require_dataset('x', dtype='i4')
g.require_dataset('x', shape=6, dtype='i4', chunks=5).chunks
del g['z']
del g['']; list(g)
del g['..']
g.move('z', 'n')
g.move('a', 'x')
g.move('x', 'a')
g.move('a', 'a')
g.move('x', 'x')
g.move('a', 'n'); (list(g), g['n'].attrs['k'], g['n/y'].shape)
g.move('x', 'n'); g['n'][:]
""",
        TREE,
    ),
    *lines("""
s, c = {}, {}; g = zarr.group(s, chunk_store=c); g['a/x'] = [1, 2]; (sorted(s), sorted(c))
s, c = {}, {}; g = zarr.group(s, chunk_store=c); g['a/x'] = [1, 2]; g.move('a', 'b'); (sorted(s), sorted(c))
s, c = {}, {}; g = zarr.group(s, chunk_store=c); g['x'] = [1, 2]; g['x'] = [3]; (sorted(s), sorted(c))
g = zarr.group(synchronizer=zarr.ThreadSynchronizer()); g['a/x'] = [1, 2]; g.move('a', 'c/d'); \
(list(g), g['c/d/x'][:])
g = zarr.group(synchronizer=zarr.ThreadSynchronizer()); a = g.create_group('a'); \
a.synchronizer is g.synchronizer
g = zarr.group(synchronizer=zarr.ThreadSynchronizer()); a = g.zeros('a', shape=3); \
a.synchronizer is g.synchronizer
g = zarr.group(cache_attrs=False); a = g.zeros('a', shape=3); (g.create_group('b').attrs.cache, a.attrs.cache)
s = {}; zarr.create(3, store=s, path='a/b/c'); sorted(s)
s = {}; zarr.group(s, path='a/b/c'); sorted(s)
s = {}; zarr.create(3, store=s); zarr.create(3, store=s, path='a')
"""),
]

# -- walking ---------------------------------------------------------------------------------------

WALKING = lines(
    """
seen = []; r = g.visit(seen.append); (r, seen)
seen = []; a.visit(seen.append); seen
seen = []; g.visitkeys(seen.append); seen
seen = []; r = g.visitvalues(lambda v: seen.append(v.name)); (r, seen)
seen = []; r = g.visititems(lambda k, v: seen.append((k, v.name))); (r, seen)
seen = []; g['b'].visititems(lambda k, v: seen.append((k, v.name))); seen
g.visit(lambda k: k if 'y' in k else None)
g.visitvalues(lambda v: v.name if hasattr(v, 'shape') else None)
g.visititems(lambda k, v: (k, v.name) if hasattr(v, 'shape') else None)
g.visit(lambda k: 0)
g.visit(lambda k: False)
g.visit(lambda k: None)
g.visit(lambda k: 1 / 0)
str(g.tree())
repr(g.tree())
str(g.tree(level=1))
str(g.tree(level=0))
str(g.tree(level=2))
str(a.tree())
str(zarr.tree(g))
str(zarr.tree(g, level=1))
str(zarr.group().tree())
bytes(g.tree())
str(g.tree(expand=True))
""",
    TREE,
)

# -- opening ---------------------------------------------------------------------------------------


def _overwrites_below(there: str, mode: str, path: str) -> bool:
    """Would something be written below an array? See `differences_groups`."""
    return there == ARRAY_THERE and mode == "w" and path != ""


_SHOWN = "; (g.name, g.read_only, list(g))"
OPENING_GROUPS = [
    *(
        f"{there}g = zarr.open_group(place, mode={mode!r}{path}){_SHOWN}"
        for there in ("", ARRAY_THERE, GROUP_THERE)
        for mode in MODES
        for path in ("", ", path='n/m'", ", path='x'")
        if not _overwrites_below(there, mode, path)
    ),
    *(
        f"{there}z = zarr.open(place, mode={mode!r}{shape}{path}); "
        "(z.name, z.read_only, z[:] if hasattr(z, 'shape') else list(z))"
        for there in ("", ARRAY_THERE, GROUP_THERE)
        for mode in MODES
        for shape in ("", ", shape=2, dtype='i4'")
        for path in ("", ", path='n/m'", ", path='x'")
        if not _overwrites_below(there, mode, path)
    ),
    *(
        f"{there}g = zarr.group(place{more}); (g.name, list(g), sorted(g.store))"
        for there in ("", GROUP_THERE)
        for more in ("", ", overwrite=True", ", path='', overwrite=True")
    ),
    *lines("""
zarr.group().name
g = zarr.group(path='a/b', overwrite=True); (g.name, sorted(g.store))
zarr.open_group().name
zarr.open().name
zarr.open(shape=3)[:]
zarr.open_group(place); sorted(__import__('os').listdir(place))
zarr.open_group(5)
zarr.open(5)
zarr.group(5)
zarr.open_group(place, mode='w', path='a/b'); sorted(zarr.DirectoryStore(place))
s = {}; zarr.group(s); s['.zgroup']
s = {}; g = zarr.open_group(s, mode='w'); g.attrs['b'] = 1; g.attrs['a'] = 2; s['.zattrs']
"""),
]

# -- saving and loading ----------------------------------------------------------------------------

SAVING = lines("""
zarr.save(place, [1, 2], [3]); g = zarr.open_group(place); (list(g), g['arr_0'][:], g['arr_1'][:])
zarr.save(place, a=[1, 2], b=[3]); g = zarr.open_group(place); (list(g), g['a'][:], g['b'][:])
zarr.save(place, [1, 2], b=[3]); g = zarr.open_group(place); (list(g), g['arr_0'][:], g['b'][:])
zarr.save(place, a=[1, 2]); list(zarr.open_group(place))
zarr.save(place, [1, 2], path='n'); zarr.open(place)['n'][:]
zarr.save(place, [1, 2], [3], path='n'); list(zarr.open(place)['n'])
zarr.save_group(place, [1, 2]); list(zarr.open(place))
zarr.save_group(place)
zarr.save(place)
zarr.save_group(place, a=[1]); zarr.save_group(place, b=[2]); list(zarr.open(place))
zarr.save(place, a=[1]); zarr.save(place, [5]); zarr.open(place)[:]
zarr.save(place, [5]); zarr.save(place, a=[1]); list(zarr.open(place))
s = {}; zarr.save(s, a=[1], b=[2]); sorted(s)
zarr.save(place, a=[1, 2], b=[3]); x = zarr.load(place); \
(repr(x), sorted(x), len(x), x['a'], 'a' in x, 'c' in x)
zarr.save(place, a=[1, 2]); x = zarr.load(place); x['a'] is x['a']
zarr.save(place, a=[1, 2]); zarr.load(place)['z']
zarr.save(place, a=[1, 2]); zarr.load(place, path='a')
zarr.save(place, a=[1, 2]); zarr.load(place, path='z')
zarr.save(place, a=[1, 2]); dict(zarr.load(place))
zarr.save(place, [1, 2]); zarr.load(place)
z = zarr.open_like(zarr.full(3, 7, chunks=2, dtype='i4'), place, mode='w'); (z[:], z.chunks)
z = zarr.open_like(np.ones(3, 'u1'), place); (z[:], z.dtype)
z = zarr.empty_like(zarr.ones((4, 6), chunks=2, dtype='i2', compressor=None, order='F')); \
(z.shape, z.chunks, z.dtype, z.order, z.compressor)
z = zarr.zeros_like([1, 2])
z = zarr.zeros_like(np.ones((2, 2), 'i2')); (z[:], z.compressor.codec_id)
z = zarr.ones_like(zarr.zeros(3, filters=[numcodecs.Delta('f8')])); (z[:], z.filters)
z = zarr.full_like(zarr.full(3, 5)); z[:]
z = zarr.full_like(zarr.full(3, 5), fill_value=6, dtype='i4'); z[:]
""")

# -- consolidated metadata -------------------------------------------------------------------------

CONSOLIDATING = [
    *lines(
        """
g = zarr.consolidate_metadata(place); (list(g), g['x'][:], g['a'].attrs['k'], g['a/y'].shape, g.read_only)
zarr.consolidate_metadata(place); open(place + '/.zmetadata').read()
zarr.consolidate_metadata(place, metadata_key='other'); \
open(place + '/other').read() and zarr.open_consolidated(place, metadata_key='other')['x'][:]
zarr.consolidate_metadata(g.store); list(zarr.open_consolidated(g.store))
g = zarr.consolidate_metadata(place, path='a'); (g.name, list(g))
zarr.open_consolidated(place)
zarr.consolidate_metadata(place); g = zarr.open_consolidated(place, mode='r'); \
(g.read_only, g['x'].read_only, list(g))
zarr.consolidate_metadata(place); g = zarr.open_consolidated(place, mode='r'); g['x'][0] = 1
zarr.consolidate_metadata(place); g = zarr.open_consolidated(place); g['x'][0] = 9; zarr.open(place)['x'][:]
zarr.consolidate_metadata(place); zarr.open_consolidated(place, mode='a')
zarr.consolidate_metadata(place); zarr.open_consolidated(place, mode='w')
zarr.consolidate_metadata(place); g = zarr.open_consolidated(place); g['n'] = [1]
zarr.consolidate_metadata(place); g = zarr.open_consolidated(place); g.create_group('n')
zarr.consolidate_metadata(place); g = zarr.open_consolidated(place); g['x'].resize(3)
zarr.consolidate_metadata(place); g = zarr.open_consolidated(place); g.attrs['n'] = 1
zarr.consolidate_metadata(place); g = zarr.open_consolidated(place); del g['x']
zarr.consolidate_metadata(place); g = zarr.open_consolidated(place); g.move('x', 'z')
zarr.consolidate_metadata(place); g['n'] = [1]; \
('n' in zarr.open_consolidated(place), 'n' in zarr.open(place, mode='r'))
zarr.consolidate_metadata(place); g['x'].resize(3); \
(zarr.open_consolidated(place)['x'].shape, zarr.open(place, mode='r')['x'].shape)
zarr.consolidate_metadata(place); g = zarr.open_consolidated(place, path='a'); (g.name, list(g))
zarr.consolidate_metadata(place); z = zarr.open_consolidated(place, path='x'); z[:]
zarr.consolidate_metadata(place); zarr.open_consolidated(place, path='z')
zarr.consolidate_metadata(place); g = zarr.open_consolidated(place); seen = []; g.visit(seen.append); \
(seen, str(g.tree()))
zarr.consolidate_metadata(place); list(zarr.open(place, mode='r'))
zarr.consolidate_metadata(place); zarr.consolidate_metadata(place); open(place + '/.zmetadata').read()
""",
        STORED_TREE,
    ),
    *lines("""
s = {}; zarr.consolidate_metadata(s)
s = {}; zarr.create(3, store=s, compressor=None); zarr.consolidate_metadata(s)[:]; s['.zmetadata']
s = {}; zarr.create(3, store=s, path='a/b'); del s['a/.zgroup']; g = zarr.consolidate_metadata(s); \
(list(g), g['a/b'].name, s['.zmetadata'])
s = {}; g = zarr.group(s); g.attrs['œ'] = 'œ'; g.attrs['n'] = np.nan; zarr.consolidate_metadata(s); \
s['.zmetadata']
s = {'.zgroup': b'{"zarr_format": 2}', '.zmetadata': b'{"metadata": {}, "zarr_consolidated_format": 2}'}; \
zarr.open_consolidated(s)
s = {'.zmetadata': b'{"metadata": {}, "zarr_consolidated_format": 1}'}; zarr.open_consolidated(s)
"""),
]

SAME_GROUPS = [
    *FINDING, *CREATING_NODES, *WALKING, *OPENING_GROUPS, *SAVING, *CONSOLIDATING,
]  # fmt: skip
