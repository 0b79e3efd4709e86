"""Programs that read and write selections of every kind: lists, points, masks, blocks and fields."""

from __future__ import annotations

import numpy as np

from .families import family
from .setups import grid, mask, records, row, state


@family(row)
def plain_selections_with_row(z):
    yield z[[1, 3]]
    yield z[np.array([1, 3])]
    yield z[[0, -1]]
    yield z[[3, 1, 1]]
    yield z[[10]]
    yield z[[-11]]
    yield z[[0.5]]

    z[[1, 2]] = [7, 8]
    yield state(z)

    z[[1, 2]] = 9
    yield state(z)

    z[[1, 1]] = [7, 8]
    yield state(z)

    z[[1, 2]] = [7, 8, 9]
    yield state(z)


@family(grid)
def plain_selections_with_grid(z):
    yield z[[0, 2], [1, 3]]
    yield z[0, [1, 2]]
    yield z[[0, 2]]
    yield z[[0, 2], slice(None)]
    yield z[slice(None), [4, 0]]
    yield z[range(3)]
    yield z[(0, 1), (0, 1)]
    yield z[np.array([0, 1])]
    yield z[np.array([0, 1]), np.array([0, 1])]
    yield z[np.array([0, 1]), 1]
    yield z[[0, 1], :2]
    yield z[[True, False, True, False]]
    yield z[np.int8(-1), np.uint64(2)]
    yield z[[], []]
    yield z[np.array([], int)]

    z[[0, 1], [0, 1]] = [7, 8]
    yield state(z)

    z[[0, 1]] = 7
    yield state(z)

    z[[0, 1], :2] = 7
    yield state(z)

    z[[0, 1], 2:4] = [[7, 8], [9, 10]]
    yield state(z)

    z[np.array([0, 1]), 1] = 7
    yield state(z)

    z[[True, False, False, True]] = 7
    yield state(z)


@family(records)
def plain_selections_with_records(z):
    yield z["a"]
    yield z["a", 0]
    yield z[0, "a"]
    yield z[..., "b"]
    yield z["a", "b"]
    yield z["nope"]
    yield z[[0], "a"]

    z["a"] = [7, 8]
    yield state(z)

    z["a"] = 9
    yield state(z)

    z["a", 1] = 3
    yield state(z)

    z["a", "b"] = 3
    yield state(z)

    yield z["b", 0:1]
    yield z[["a", "b"]]
    yield z[["a"]]
    yield z[0, "a", "b"]
    yield z["a"][0]
    yield z[0]["a"]

    z[0, "a"] = 7
    yield state(z)

    z["b", 1:] = [7]
    yield state(z)

    z["a"] = z["b"]
    yield state(z)

    z[:] = z[::1][[1, 0]]
    yield state(z)

    z[:] = np.array([(7, 8)] * 2, dtype=[("a", "i8"), ("b", "f4")])
    yield state(z)

    z[:] = np.array([(7, 8)] * 2, dtype=[("b", "i8"), ("a", "f4")])
    yield state(z)

    z[0] = np.void(bytes(12))
    yield state(z)


@family(records)
def basic_selections_with_records(z):
    yield z.get_basic_selection(0, fields="b")
    yield z.get_basic_selection(slice(None), fields=["a"])
    yield z.get_basic_selection(slice(None), fields=["b", "a"])
    yield z.get_basic_selection(0, fields="a")
    yield z.get_basic_selection(fields="b")
    yield z.get_basic_selection(..., fields=["a", "b"])
    yield z.get_basic_selection(slice(0, 1), fields=["b"])
    yield z.get_basic_selection(slice(0, 2), fields="a", out=np.empty(2, "i4"))
    yield z.get_basic_selection(0, fields="nope")

    z.set_basic_selection(..., 7, fields="a")
    yield state(z)

    z.set_basic_selection(0, 7.5, fields="b")
    yield state(z)

    z.set_basic_selection(slice(None), [7, 8], fields="a")
    yield state(z)

    z.set_basic_selection(slice(None), [7, 8, 9], fields="a")
    yield state(z)

    z.set_basic_selection(slice(None), 7, fields=["a"])
    yield state(z)

    z.set_basic_selection(slice(None), 7, fields=["a", "b"])
    yield state(z)

    z.set_basic_selection(slice(None), 7, fields="nope")
    yield state(z)

    yield z.get_basic_selection(0, fields=[])
    yield z.get_basic_selection(0, fields=5)


@family(grid)
def basic_selections_with_grid(z):
    yield z.get_basic_selection(selection=(1, slice(None)))
    yield z.get_basic_selection(Ellipsis)
    yield z.get_basic_selection(selection=(0, 0))
    yield z.get_basic_selection(out=np.empty((4, 5), int))
    yield z.get_basic_selection(out=[])
    yield z.get_basic_selection(out=np.empty((5, 4), int).T)
    yield z.get_basic_selection((slice(1, 3),), out=np.zeros((8, 10), int)[::4, ::2])
    yield z.get_basic_selection()

    o = np.empty((), int)
    z.get_basic_selection((0, 0), out=o)
    yield o

    z.set_basic_selection((0, 0), 7)
    yield state(z)

    z.set_basic_selection(selection=..., value=7)
    yield state(z)

    z.set_basic_selection(slice(0, 2), np.ones((2, 5)))
    yield state(z)

    z.set_basic_selection((slice(0, 2), 0), [7, 8])
    yield state(z)

    z.set_basic_selection(slice(0, 2), np.ones((3, 5)))
    yield state(z)

    z.set_basic_selection([0, 1], 7)
    yield state(z)

    z.set_basic_selection((0, 9), 7)
    yield state(z)


@family(grid)
def orthogonal_selections_with_grid(z):
    yield z.oindex[[0, 2], [1, 3]]
    yield z.oindex[0, [1, 2]]
    yield z.oindex[[0, 2]]
    yield z.oindex[..., [1]]
    yield z.oindex[[3, 0, 0], [4, 4]]
    yield z.oindex[1, 2]
    yield z.oindex[[0, 9]]
    yield z.oindex[[[0]]]
    yield z.oindex[[True, False, True, False]]
    yield z.oindex[[True, False, True, False], [0]]
    yield z.oindex[[True]]
    yield z.oindex[slice(0, 4, 3), [1]]

    z.oindex[[0, 2], [1, 3]] = [[1, 2], [3, 4]]
    yield state(z)

    z.oindex[[3, 0]] = 9
    yield state(z)

    z.oindex[[3, 3], [0, 4]] = 7
    yield state(z)

    yield z.get_orthogonal_selection(([0, 1], [0, 1]))
    yield z.get_orthogonal_selection(selection=(slice(None), [0, 1]))
    yield z.get_orthogonal_selection([0, 1], out=np.empty((2, 4), int))
    yield z.get_orthogonal_selection(...)
    yield z.get_orthogonal_selection(1)
    yield z.get_orthogonal_selection((1, 2))
    yield z.get_orthogonal_selection(np.array([True, False, True, False]))
    yield z.get_orthogonal_selection(([1, 0], [4, 0]), out=np.empty((2, 2), int))
    yield z.get_orthogonal_selection(([0, 1], 2), out=np.empty(2, int))
    yield z.get_orthogonal_selection(([[0, 1]], 2))
    yield z.get_orthogonal_selection((np.array([], int), 2))
    yield z.get_orthogonal_selection(([False] * 4, 2))
    yield z.get_orthogonal_selection(("a", 2))
    yield z.oindex[...]
    yield z.oindex[0]
    yield z.oindex[-1, -1]
    yield z.oindex[:, [True, False, True, False, True]]
    yield z.oindex[[3, 2, 1, 0]]
    yield z.oindex[::2, [0, 3]]
    yield z.oindex[(0, 1), :]
    yield z.oindex[range(2), [0]]
    yield z.oindex[np.array([0, 1], "f8")]

    z.set_orthogonal_selection(([0, 1], [0, 1]), 7)
    yield state(z)

    z.set_orthogonal_selection(selection=([0, 1], [0, 1]), value=[[7, 8], [9, 10]])
    yield state(z)

    z.set_orthogonal_selection((slice(None), [0, 1]), np.arange(8).reshape(4, 2))
    yield state(z)

    z.set_orthogonal_selection((slice(None), [0, 1]), np.arange(8))
    yield state(z)

    z.set_orthogonal_selection(([0, 2], 1), [7, 8])
    yield state(z)

    z.set_orthogonal_selection([True, False, False, True], np.arange(10).reshape(2, 5))
    yield state(z)

    z.set_orthogonal_selection(..., 7)
    yield state(z)

    z.set_orthogonal_selection((0, 0), 7)
    yield state(z)

    z.oindex[[1, 1], 0] = [7, 8]
    yield state(z)

    z.oindex[:, [4, 0]] = np.arange(8).reshape(4, 2)
    yield state(z)

    z.oindex[1:3] = 7
    yield state(z)

    yield z.oindex[None, 2]
    yield z.oindex[2, None]
    yield z.oindex[None, [1, 2]]
    yield z.oindex[[0, 1], None]


@family(records)
def orthogonal_selections_with_records(z):
    yield z.oindex[[0], "a"]
    yield z.oindex["b", [1, 0]]

    z.oindex[[0], "a"] = 1
    yield state(z)

    yield z.get_orthogonal_selection([1, 0], fields="b")
    yield z.get_orthogonal_selection([1, 0], fields=["b", "a"])
    yield z.oindex["a"]
    yield z.oindex["a", [0]]

    z.set_orthogonal_selection([1], 7, fields="a")
    yield state(z)

    z.oindex["a", [0]] = 7
    yield state(z)


@family(grid)
def coordinate_selections_with_grid(z):
    yield z.vindex[[0, 2], [1, 3]]
    yield z.vindex[0, [1, 2]]
    yield z.vindex[1, 2]
    yield z.vindex[[[0], [1]], [[1, 2]]]
    yield z.vindex[0]
    yield z.vindex[slice(None), 0]
    yield z.vindex[...]
    yield z.vindex[[0, 9], [0, 0]]

    z.vindex[[0, 1], [0, 1]] = [7, 8]
    yield state(z)

    z.vindex[[3, 3], [0, 0]] = [7, 8]
    yield state(z)

    z.vindex[0, 0] = 5
    yield state(z)

    yield z.get_coordinate_selection(([0, 1], [0, 1]))
    yield z.get_coordinate_selection(selection=([0, 1], 1))
    yield z.get_coordinate_selection(([0, 1], [0, 1]), out=np.empty(3, int))
    yield z.get_coordinate_selection((1, 1))
    yield z.get_coordinate_selection((1, 1), out=np.empty(1, int))
    yield z.get_coordinate_selection(([[0, 1], [2, 3]], [[0], [1]]))
    yield z.get_coordinate_selection(([[0, 1], [2, 3]], [[0], [1]]), out=np.empty((2, 2), int))
    yield z.get_coordinate_selection(([-1, -4], [-5, 4]))
    yield z.get_coordinate_selection((np.array([], int), np.array([], int)))
    yield z.get_coordinate_selection(([0.0], [1.0]))
    yield z.get_coordinate_selection(([True, False, True, False], [0]))
    yield z.get_coordinate_selection(([0], [0], [0]))
    yield z.get_coordinate_selection((np.array([0, 1], "u1"), np.array([0, 1], "i2")))
    yield z.vindex[[0, 1], [0, 1]]
    yield z.vindex[-1, [0, 1]]
    yield z.vindex[np.array([[0, 1]]), np.array([[2], [3]])]
    yield z.vindex[:]
    yield z.vindex[[True, False], [0, 1]]
    yield z.vindex[np.zeros((4, 5), bool)]
    yield z.vindex[np.ones((4, 4), bool)]
    yield z.vindex[np.array(1), np.array(2)]
    yield z.vindex["a"]
    yield z.vindex[np.ones((4, 5), bool)].shape

    z.set_coordinate_selection(([0, 1], [0, 1]), 7)
    yield state(z)

    z.set_coordinate_selection(selection=([0, 1], [0, 1]), value=[7, 8])
    yield state(z)

    z.set_coordinate_selection(([0, 1], [0, 1]), [7, 8, 9])
    yield state(z)

    z.set_coordinate_selection(([[0, 1], [2, 3]], [[0], [1]]), np.arange(4).reshape(2, 2))
    yield state(z)

    z.set_coordinate_selection((0, 0), 7)
    yield state(z)

    z.set_coordinate_selection((0, 0), [7])
    yield state(z)

    z.set_coordinate_selection(([0, 0], [0, 0]), [7, 8])
    yield state(z)

    z.set_coordinate_selection(([-1], [-1]), 7)
    yield state(z)

    z.set_coordinate_selection(([4], [0]), 7)
    yield state(z)

    z.vindex[[0, 1], 0] = [7, 8]
    yield state(z)

    z.vindex[z[...] % 2 == 0] = 7
    yield state(z)

    z.vindex[z[...] % 2 == 0] = np.arange(10)
    yield state(z)

    z.vindex[:] = 7
    yield state(z)


@family(mask, grid)
def coordinate_selections_with_mask_and_grid(m, z):
    yield z.vindex[m]
    yield z.vindex[m[:2]]

    z.vindex[m] = 5
    yield state(z)


@family(records)
def coordinate_selections_with_records(z):
    yield z.vindex[[1, 0], "b"]
    yield z.vindex[[1], "a", "b"]
    yield z.get_coordinate_selection([1, 0], fields="b")
    yield z.get_coordinate_selection([1, 0], fields=["a"])
    yield z.vindex["b", [1]]
    yield z.vindex["a", np.array([True, False])]

    z.set_coordinate_selection([1, 0], [7, 8], fields="b")
    yield state(z)

    z.vindex["b", [1]] = 7
    yield state(z)


@family(mask, grid)
def mask_selections_with_mask_and_grid(m, z):
    yield z.get_mask_selection(m)
    yield z.get_mask_selection(m[:2])
    yield z.get_mask_selection(m.tolist())

    z.set_mask_selection(m, np.arange(m.sum()))
    yield state(z)


@family(grid)
def mask_selections_with_grid(z):
    yield z.get_mask_selection(z[...] > 5)
    yield z.get_mask_selection(selection=z[...] > 100)
    yield z.get_mask_selection(z[...] > 16, out=np.empty(3, int))
    yield z.get_mask_selection(z[...] > 16, out=np.empty(4, int))
    yield z.get_mask_selection((z[...] > 5,))
    yield z.get_mask_selection(z[...])
    yield z.get_mask_selection((z[...] > 5).T)
    yield z.get_mask_selection(z.astype(bool))

    z.set_mask_selection(z[...] > 5, 7)
    yield state(z)

    z.set_mask_selection(selection=z[...] > 16, value=[7, 8, 9])
    yield state(z)

    z.set_mask_selection(z[...] > 16, [7, 8])
    yield state(z)

    z.set_mask_selection(z[...] > 100, 7)
    yield state(z)

    z.set_mask_selection(z[...] > 100, [])
    yield state(z)

    z.set_mask_selection(np.ones((5, 4), bool), 7)
    yield state(z)


@family(records)
def mask_selections_with_records(z):
    yield z.get_mask_selection(np.array([True, False]), fields="b")
    yield z.get_mask_selection(np.array([True, False]), fields=["a", "b"])

    z.set_mask_selection(np.array([True, False]), 7, fields="a")
    yield state(z)


@family(grid)
def block_selections_with_grid(z):
    yield z.blocks[0]
    yield z.blocks[0, 1]
    yield z.blocks[slice(None), 1]
    yield z.blocks[-1]
    yield z.blocks[slice(0, 2)]
    yield z.blocks[5]
    yield z.blocks[slice(0, 2, 2)]
    yield z.blocks[[0]]

    z.blocks[0, 0] = 4
    yield state(z)

    z.blocks[-1] = 3
    yield state(z)

    z.blocks[:, 1] = 2
    yield state(z)

    yield z.get_block_selection(0)
    yield z.get_block_selection(selection=(1, 2))
    yield z.get_block_selection((slice(None), -1))
    yield z.get_block_selection(...)
    yield z.get_block_selection((..., 1))
    yield z.get_block_selection((0, 0), out=np.empty((2, 2), int))
    yield z.get_block_selection((0, 3))
    yield z.get_block_selection((-3, 0))
    yield z.get_block_selection(slice(1, 0))
    yield z.get_block_selection((np.int64(1), np.uint8(0)))
    yield z.get_block_selection(0.5)
    yield z.get_block_selection("a")
    yield z.get_block_selection(None)
    yield z.blocks[...]
    yield z.blocks[1, 1:]
    yield z.blocks[1:, 0].shape

    z.set_block_selection(0, 7)
    yield state(z)

    z.set_block_selection(selection=(1, 2), value=7)
    yield state(z)

    z.set_block_selection((0, slice(0, 2)), np.ones((2, 4)))
    yield state(z)

    z.set_block_selection((0, 0), np.ones((3, 4)))
    yield state(z)

    z.set_block_selection((2, 0), 7)
    yield state(z)

    z.set_block_selection(slice(None), 7)
    yield state(z)

    z.blocks[1, 1:] = 7
    yield state(z)

    z.blocks[...] = 7
    yield state(z)


@family(records)
def block_selections_with_records(z):
    yield z.get_block_selection(0, fields="b")
    yield z.get_block_selection(0, fields=["b"])
    yield z.blocks["a"]
    yield z.blocks["a", 0]

    z.set_block_selection(0, 7, fields="b")
    yield state(z)

    z.blocks["a", 0] = 7
    yield state(z)
