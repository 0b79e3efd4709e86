"""The other ways to put a selection in brackets: ``a.oindex[...]``, ``a.vindex[...]``, ``a.blocks[...]``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zarrcy.indexing import selection as selections

if TYPE_CHECKING:
    from zarrcy.hierarchy.array_indexing import ArrayIndexing
    from zarrcy.hierarchy.explain import Explanation


class _Accessor:
    def __init__(self, array: ArrayIndexing) -> None:
        self._array = array


class OIndex(_Accessor):
    """Orthogonal selections: each axis on its own."""

    def explain(self, selection: Any) -> Explanation:
        """Tell what ``oindex[selection]`` would do: see `zarrcy.Array.explain`."""
        return self._array._explain(lambda array: array.oindex[selection])

    def __getitem__(self, selection: Any) -> Any:
        fields, selection = selections.pop_fields(selection)
        return self._array.get_orthogonal_selection(selection, fields=fields)

    def __setitem__(self, selection: Any, value: Any) -> None:
        fields, selection = selections.pop_fields(selection)
        self._array.set_orthogonal_selection(selection, value, fields=fields)


class VIndex(_Accessor):
    """Selections of points: coordinates, or a Boolean mask of the shape of the array."""

    def explain(self, selection: Any) -> Explanation:
        """Tell what ``vindex[selection]`` would do: see `zarrcy.Array.explain`."""
        return self._array._explain(lambda array: array.vindex[selection])

    def __getitem__(self, selection: Any) -> Any:
        fields, selection = selections.pop_fields(selection)
        if selections.is_mask(selection, self._array.shape):
            return self._array.get_mask_selection(selection, fields=fields)
        return self._array.get_coordinate_selection(selection, fields=fields)

    def __setitem__(self, selection: Any, value: Any) -> None:
        fields, selection = selections.pop_fields(selection)
        if selections.is_mask(selection, self._array.shape):
            self._array.set_mask_selection(selection, value, fields=fields)
        else:
            self._array.set_coordinate_selection(selection, value, fields=fields)


class BlockIndex(_Accessor):
    """Selections of whole chunks, by their coordinates in the chunk grid."""

    def explain(self, selection: Any) -> Explanation:
        """Tell what ``blocks[selection]`` would do: see `zarrcy.Array.explain`."""
        return self._array._explain(lambda array: array.blocks[selection])

    def __getitem__(self, selection: Any) -> Any:
        fields, selection = selections.pop_fields(selection)
        return self._array.get_block_selection(selection, fields=fields)

    def __setitem__(self, selection: Any, value: Any) -> None:
        fields, selection = selections.pop_fields(selection)
        self._array.set_block_selection(selection, value, fields=fields)
