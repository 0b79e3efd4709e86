"""Selections with brackets that differ from those of an array: ``a.oindex``, ``a.vindex`` and ``a.blocks``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zarrcy.hierarchy import array_indexing
from zarrcy.indexing import selection as selections
from zarrcy.types import Elements, Selection

if TYPE_CHECKING:
    from zarrcy.hierarchy.arrays import Array
    from zarrcy.hierarchy.explain import Explanation


class _Accessor:
    """Brackets for one kind of selection.

    Parameters
    ----------
    array : Array
        The array.
    """

    def __init__(self, array: Array) -> None:
        self.array = array


class OIndex(_Accessor):
    """Orthogonal selections: each item selects along one axis, see `zarrcy.Array.get_orthogonal_selection`.

    Parameters
    ----------
    array : Array
        The array.

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.array([[1, 2, 3], [4, 5, 6]]).oindex[[1, 0], 0]
    array([4, 1])
    """

    def explain(self, selection: Selection) -> Explanation:
        """Explain what ``a.oindex[selection]`` would do: see `zarrcy.Array.explain`.

        Parameters
        ----------
        selection : int, slice, list or array of int or bool, Ellipsis, str, or tuple of these
            The selection, as in brackets.

        Returns
        -------
        Explanation
            What the read would do.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.zeros((100, 100), chunks=10).oindex.explain(([0, 50], 0)).n_chunks
        2
        """
        from zarrcy.hierarchy.explain import explain_read

        fields, items = selections.pop_fields(selection)
        return explain_read(
            self.array.current_state(),
            lambda state: array_indexing.get_orthogonal_selection(state, items, fields=fields),
        )

    def __getitem__(self, selection: Selection) -> Elements:
        fields, items = selections.pop_fields(selection)
        return self.array.get_orthogonal_selection(items, fields=fields)

    def __setitem__(self, selection: Selection, value: Elements) -> None:
        fields, items = selections.pop_fields(selection)
        self.array.set_orthogonal_selection(items, value, fields=fields)


class VIndex(_Accessor):
    """Selections of points, by their coordinates or a Boolean mask of the shape of the array.

    Parameters
    ----------
    array : Array
        The array.

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.array([[1, 2, 3], [4, 5, 6]]).vindex[[1, 0], [0, 2]]
    array([4, 3])
    """

    def explain(self, selection: Selection) -> Explanation:
        """Explain what ``a.vindex[selection]`` would do: see `zarrcy.Array.explain`.

        Parameters
        ----------
        selection : int, list or array of int, tuple of these, or array of bool
            The selection, as in brackets.

        Returns
        -------
        Explanation
            What the read would do.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.zeros((100, 100), chunks=10).vindex.explain(([0, 50], [3, 3])).n_chunks
        2
        """
        from zarrcy.hierarchy.explain import explain_read

        fields, items = selections.pop_fields(selection)
        current = self.array.current_state()
        if selections.is_mask(items, current.metadata.shape):
            return explain_read(
                current, lambda state: array_indexing.get_mask_selection(state, items, fields=fields)
            )
        return explain_read(
            current, lambda state: array_indexing.get_coordinate_selection(state, items, fields=fields)
        )

    def __getitem__(self, selection: Selection) -> Elements:
        fields, items = selections.pop_fields(selection)
        if selections.is_mask(items, self.array.shape):
            return self.array.get_mask_selection(items, fields=fields)
        return self.array.get_coordinate_selection(items, fields=fields)

    def __setitem__(self, selection: Selection, value: Elements) -> None:
        fields, items = selections.pop_fields(selection)
        if selections.is_mask(items, self.array.shape):
            self.array.set_mask_selection(items, value, fields=fields)
        else:
            self.array.set_coordinate_selection(items, value, fields=fields)


class BlockIndex(_Accessor):
    """Selections of whole chunks, by their coordinates in the chunk grid.

    Parameters
    ----------
    array : Array
        The array.

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.array([1, 2, 3, 4, 5], chunks=2).blocks[1:]
    array([3, 4, 5])
    """

    def explain(self, selection: Selection) -> Explanation:
        """Explain what ``a.blocks[selection]`` would do: see `zarrcy.Array.explain`.

        Parameters
        ----------
        selection : int, slice, Ellipsis, or tuple of these
            The selection, as in brackets.

        Returns
        -------
        Explanation
            What the read would do.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.zeros((100, 100), chunks=10).blocks.explain((slice(2), 0)).n_chunks
        2
        """
        from zarrcy.hierarchy.explain import explain_read

        fields, items = selections.pop_fields(selection)
        return explain_read(
            self.array.current_state(),
            lambda state: array_indexing.get_block_selection(state, items, fields=fields),
        )

    def __getitem__(self, selection: Selection) -> Elements:
        fields, items = selections.pop_fields(selection)
        return self.array.get_block_selection(items, fields=fields)

    def __setitem__(self, selection: Selection, value: Elements) -> None:
        fields, items = selections.pop_fields(selection)
        self.array.set_block_selection(items, value, fields=fields)
