"""Programs that write, consolidate, change and read a hierarchy, in format 2 and in the draft of format 3."""

from __future__ import annotations

import numpy as np


def write_tree(zarr, place):
    g = zarr.open_group(place, mode="w")
    g.attrs.update(title="œ", levels=[1, {"deep": None}])
    a = g.create_group("a")
    a.create_dataset("x", data=np.arange(20, dtype="<i4").reshape(4, 5), chunks=(3, 2), compressor=None)
    a["x"].attrs["unit"] = "K"
    a.create_dataset("y", shape=(3,), dtype="<f8", fill_value=np.nan, compressor=None)
    g.create_groups("b/c/d", "e")
    texts = np.array(["a", "bc"], dtype=object)
    g["b/c"].create_dataset("text", data=texts, dtype=str, compressor=None)
    g["b"].move("c/text", "moved")
    del g["e"]


def consolidate_tree(zarr, place):
    zarr.consolidate_metadata(place)


def read_tree(zarr, place):
    return contents(zarr.open_group(place, mode="r"))


def read_consolidated_tree(zarr, place):
    return contents(zarr.open_consolidated(place, mode="r"))


def contents(g):
    nodes = []

    def visit(path, node):
        value = repr(node[...].tolist()) if hasattr(node, "shape") else list(node)
        nodes.append((path, value, dict(node.attrs)))

    g.visititems(visit)
    return dict(g.attrs), list(g), nodes


# -- the draft of format 3 -------------------------------------------------------------------------


def write_draft_tree(zarr, place):
    g = zarr.open_group(place, mode="w", zarr_version=3)
    g.attrs.update(title="œ", levels=[1, {"deep": None}])
    a = g.create_group("a")
    a.create_dataset("x", data=np.arange(20, dtype="<i4").reshape(4, 5), chunks=(3, 2))
    a["x"].attrs["unit"] = "K"
    a.create_dataset("y", shape=(3,), dtype="<f8", fill_value=np.nan)
    g.create_group("e")
    g.create_dataset("e/deep/er/z", data=np.arange(3))
    g.create_group("b").attrs["n"] = 1
    g["b"].create_dataset("text", data=np.array(["a", "bc"], dtype=object), dtype=str)
    del g["e/deep/er"]


def read_draft_tree(zarr, place):
    g = zarr.open_group(place, mode="r", zarr_version=3)
    nodes = []

    def visit(path, node):
        value = repr(node[...].tolist()) if hasattr(node, "shape") else sorted(node)
        # zarr-python 2 shows the filters of an array among its attributes
        nodes.append((path, value, dict(node.attrs) if path != "b/text" else 0))

    g.visititems(visit)
    return dict(g.attrs), sorted(g), sorted(nodes)


def change_draft_tree(zarr, place):
    g = zarr.open_group(place, mode="r+", zarr_version=3)
    g.move("a", "moved/far")
    g["moved/far"].attrs["there"] = True
    del g["b"]
    g.create_dataset("moved/far/x", data=np.arange(2), overwrite=True)
    g["moved/far/y"].resize(5)
    g["moved/far/y"][3:] = 1


def consolidate_draft_tree(zarr, place):
    from zarr._storage.v3 import DirectoryStoreV3

    zarr.consolidate_metadata(DirectoryStoreV3(place))


def read_consolidated_draft_tree(zarr, place):
    from zarr._storage.v3 import DirectoryStoreV3

    g = zarr.open_consolidated(DirectoryStoreV3(place), mode="r", path="a")
    return sorted(g), g["x"][...].tolist(), dict(g["x"].attrs)
