"""User code on groups and copies whose outcome is not that of zarr-python 2, and why it is not."""

from __future__ import annotations

from .snippets import lines
from .snippets_copying import INTO
from .snippets_groups import ARRAY_THERE, STORED_TREE, TREE

DIFFERENT_GROUPS: dict[str, list[str]] = {
    "what is overwritten is what is at the path, never an array above it": lines(
        """
g = zarr.open_group(place, mode='w', path='n/m'); list(g)
z = zarr.open(place, mode='w', path='x', shape=2); z[:]
g = zarr.group(place, path='x', overwrite=True); list(g)
""",
        ARRAY_THERE,
    ),
    "what has no meaning is a TypeError": lines(
        """
g.create_dataset('n', shape=3, mode='w')
g.create_dataset('n', shape=3, foo=1).shape
""",
        TREE,
    ),
    "group looks at the path that it is given, not at the root": lines("""
s = {}; zarr.group(s); zarr.group(s, path='a').name
"""),
    "what is deleted is deleted in the store of chunks too": lines("""
s, c = {}, {}; g = zarr.group(s, chunk_store=c); g['x'] = [1, 2]; del g['x']; (sorted(s), sorted(c))
"""),
    "a group can't move into itself, nor the root anywhere": lines(
        """
g.move('a', 'a/b'); sorted(g.store)
g.move('/', 'n'); sorted(g.store)
""",
        TREE,
    ),
    "a group of groups is loaded like one of arrays": [
        *lines("x = zarr.load(place); x['a']['y'].shape", STORED_TREE),
    ],
    "consolidated metadata that are no JSON are a MetadataError": lines("""
zarr.open_consolidated({'.zmetadata': b'{'})
"""),
    "a copy has no document of attributes, and no chunk, that the source does not have": lines(
        """
zarr.copy(x, d); '.zattrs' in str(list(d.store))
zarr.copy(a, d); 'a/y/0.0' in d.store
""",
        INTO,
    ),
    "a copy keeps the separator, the type that it was given, and the name for what has none": lines(
        """
z = g.zeros('z', shape=3, dimension_separator='/'); zarr.copy(z, d); \
b'dimension_separator": "/"' in d.store['z/.zarray']
zarr.copy(x, d, dtype='f8'); d['x'].dtype
zarr.copy(x, d, foo=1)
zarr.copy(zarr.array([1, 2]), d)
""",
        INTO,
    ),
    "a dry run changes nothing, and without_attrs holds for the group too": lines(
        """
g.attrs['o'] = 1; zarr.copy_all(g, d, dry_run=True); dict(d.attrs)
g.attrs['o'] = 1; zarr.copy_all(g, d, without_attrs=True); dict(d.attrs)
""",
        INTO,
    ),
    "it fails where nothing is wrong": lines("""
zarr.array(zarr.array(['a', 'bc'], dtype=str))[:]
g = zarr.group(); g['x'] = zarr.array(['a', 'bc'], dtype=str); g['x'][:]
"""),
    "paths are stores for copy_store too": lines("""
zarr.save(place, a=[1]); d = {}; zarr.copy_store(place, d); sorted(d)
"""),
}
