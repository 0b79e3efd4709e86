"""Lines of user code that copy arrays, groups and stores; `snippets` tells how they are run."""

from __future__ import annotations

from .snippets import lines
from .snippets_groups import TREE

TOLD = "said = []; "
INTO = TREE + TOLD + "d = zarr.group(); "
OVER = (
    TREE
    + TOLD
    + "d = zarr.group(); d['x'] = [7, 8, 9]; d['a/y'] = [5]; d.create_group('b/e'); d.attrs['old'] = 1; "
)
OVER_MIXED = TREE + TOLD + "d = zarr.group(); d.create_group('x/in'); d['a'] = [1, 2]; "
# zarr-python 2 writes chunks and attributes that the source does not have
SHOWN = (
    "; (r, said, dict(d.attrs), [k for k in sorted(d.store) if not k[-1].isdigit() and k[-6:] != 'zattrs'])"
)

COPYING_NODES = [
    *(
        line + SHOWN
        for line in lines(
            """
r = zarr.copy(x, d, log=said.append)
r = zarr.copy(x, d, name='n', log=said.append)
r = zarr.copy(x, d, name='n/m', log=said.append)
r = zarr.copy(a, d, log=said.append)
r = zarr.copy(a, d, name='n/m', log=said.append)
r = zarr.copy(g, d, name='n', log=said.append)
r = zarr.copy(g, d, name='n', shallow=True, log=said.append)
r = zarr.copy(g['b'], d, shallow=True, log=said.append)
r = zarr.copy(a, d, without_attrs=True, log=said.append)
r = zarr.copy(a, d, dry_run=True, log=said.append)
r = zarr.copy(g, d, name='n', dry_run=True, log=said.append)
r = zarr.copy(g, d, log=said.append)
r = zarr.copy(x, x, log=said.append)
r = zarr.copy(x, d, if_exists='foo', log=said.append)
r = zarr.copy(x, d, log=5)
r = zarr.copy(x, g, name='n', log=said.append)
r = zarr.copy(a, a, name='n/m', dry_run=True, log=said.append)
r = zarr.copy_all(g, d, log=said.append)
r = zarr.copy_all(g, d, shallow=True, log=said.append)
r = zarr.copy_all(a, d, log=said.append)
r = zarr.copy_all(g, d, log=said.append, if_exists='skip')
r = zarr.copy_all(x, d, log=said.append)
r = zarr.copy_all(g, x, log=said.append)
r = zarr.copy_all(g, d, if_exists='bar', log=said.append)
""",
            INTO,
        )
    ),
    *(
        f"{over}r = zarr.copy{line}, if_exists={rule!r}{more}, log=said.append){SHOWN}"
        for over in (OVER, OVER_MIXED)
        for rule in ("raise", "replace", "skip")
        for more in ("", ", dry_run=True")
        for line in ("(x, d", "(a, d", "(g['b'], d", "(g, d, name='n'", "_all(g, d")
        if not (line == "_all(g, d" and more)
    ),
    *lines(
        """
r = zarr.copy(x, d, if_exists='skip_initialized', log=said.append); (r, said, d['x'][:])
d.create_dataset('x', shape=6, chunks=2, overwrite=True); \
r = zarr.copy(x, d, if_exists='skip_initialized', log=said.append); (r, said, d['x'][:])
r = zarr.copy(a, d, if_exists='skip_initialized', log=said.append); (r, said, d['a/y'][:])
""",
        OVER,
    ),
    *lines(
        """
zarr.copy(x, d); z = d['x']; (z[:], z.chunks, z.dtype, z.compressor, z.filters, z.order, z.fill_value)
zarr.copy(x, d, chunks=4); z = d['x']; (z[:], z.chunks)
zarr.copy(x, d, compressor=numcodecs.Zlib(3)); z = d['x']; (z[:], z.chunks, z.compressor)
zarr.copy(x, d, fill_value=5); z = d['x']; (z[:], z.fill_value)
zarr.copy(x, d, order='F'); z = d['x']; (z[:], z.order)
zarr.copy(a, d); (dict(d['a'].attrs), d['a/y'].shape)
zarr.copy(a, d, name='/n'); list(d)
zarr.copy(a, d.create_group('e')); dict(d['e/a'].attrs)
zarr.copy(a, d, log=place); open(place).read()
import io; f = io.StringIO(); zarr.copy(a, d, log=f); f.getvalue()
g.attrs['z'] = 1; d.attrs['z'] = 2; d.attrs['o'] = 3; zarr.copy_all(g, d); dict(d.attrs)
""",
        INTO,
    ),
    *lines("""
d = zarr.group(); z = zarr.array(['a', 'bc'], dtype=str); zarr.copy(z, d, name='n'); d['n'][:]
d = zarr.group(); z = zarr.array(5); r = zarr.copy(z, d, name='n'); (r, d['n'][()])
d = zarr.group(); z = zarr.zeros((0, 3)); r = zarr.copy(z, d, name='n'); (r, d['n'].shape)
d = zarr.group(); \
z = zarr.array(np.arange(20).reshape(4, 5), chunks=(3, 2), order='F', filters=[numcodecs.Delta('i8')]); \
zarr.copy(z, d, name='n'); (d['n'][:], d['n'].order, d['n'].filters)
d = zarr.group(); z = zarr.array(np.arange(20).reshape(4, 5), chunks=(3, 2)); \
r = zarr.copy(z, d, name='n', chunks=(1, 5)); (r, d['n'][:], d['n'].nchunks_initialized)
d = zarr.group(); z = zarr.array(np.array([(1, 2.)], dtype=[('a', 'i4'), ('b', 'f8')])); \
zarr.copy(z, d, name='n'); d['n'][:]
d = zarr.group(); zarr.copy(np.arange(3), d, name='n')
"""),
]

STORES = (
    "s, d, said = {}, {}, []; g = zarr.group(s); g.create_dataset('a/x', data=[1, 2], compressor=None); "
    "g['a'].attrs['k'] = 1; g.create_group('b'); "
)
COPYING_STORES = [
    *(
        line + "; (r, said, sorted(d))"
        for line in lines(
            """
r = zarr.copy_store(s, d, log=said.append)
r = zarr.copy_store(s, d, source_path='a', log=said.append)
r = zarr.copy_store(s, d, source_path='/a/', dest_path='/n//m/', log=said.append)
r = zarr.copy_store(s, d, dest_path='n', log=said.append)
r = zarr.copy_store(s, d, source_path='z', log=said.append)
r = zarr.copy_store(s, d, dry_run=True, log=said.append)
r = zarr.copy_store(s, d, excludes='zgroup', log=said.append)
r = zarr.copy_store(s, d, excludes=['zgroup', 'zattrs'], log=said.append)
r = zarr.copy_store(s, d, excludes='.*', includes='a/', log=said.append)
r = zarr.copy_store(s, d, excludes='.*', includes=['^b', 'x'], log=said.append)
r = zarr.copy_store(s, d, excludes='ZGROUP', flags=__import__('re').I, log=said.append)
r = zarr.copy_store(s, d, excludes='(', log=said.append)
d['a/x/0'] = b'old'; r = zarr.copy_store(s, d, if_exists='replace', log=said.append)
d['a/x/0'] = b'old'; r = zarr.copy_store(s, d, if_exists='skip', log=said.append)
d['a/x/0'] = b'old'; r = zarr.copy_store(s, d, if_exists='raise', log=said.append)
d['a/x/0'] = b'old'; r = zarr.copy_store(s, d, if_exists='replace', dry_run=True, log=said.append)
d['a/x/0'] = b'old'; r = zarr.copy_store(s, d, if_exists='skip', dry_run=True, log=said.append)
r = zarr.copy_store(s, d, if_exists='foo', log=said.append)
r = zarr.copy_store(s, s, dest_path='n', log=said.append); d = s
r = zarr.copy_store(s, d, log=5)
r = zarr.copy_store(zarr.KVStore(s), zarr.KVStore(d), log=said.append)
r = zarr.copy_store(s, zarr.DirectoryStore(place), log=said.append); d = zarr.DirectoryStore(place)
""",
            STORES,
        )
    ),
    STORES + "zarr.copy_store(s, d); zarr.open(d)['a/x'][:]",
]

SAME_COPYING = [*COPYING_NODES, *COPYING_STORES]
