"""All compiled kernels, with the interface of `_reference`.

Those that reading elements of a box does not need are imported on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from zarrcy._kernels._fill import fill, is_filled
from zarrcy._kernels._gather_scatter import (
    ChunkLayout,
    fill_piece,
    gather,
    gather_many,
    run_of_piece,
    scatter,
)
from zarrcy._kernels._plan_outer import Box, Grid, parse_box, split_outer

if TYPE_CHECKING:
    from zarrcy._kernels._crc32c import crc32c
    from zarrcy._kernels._group_by_shard import group_by_shard
    from zarrcy._kernels._json_scan import scan_members
    from zarrcy._kernels._plan_points import split_mask, split_points
    from zarrcy._kernels._touched_blocks import touched_blocks

__all__ = [
    "Box",
    "ChunkLayout",
    "Grid",
    "crc32c",
    "fill",
    "fill_piece",
    "gather",
    "gather_many",
    "group_by_shard",
    "is_filled",
    "parse_box",
    "run_of_piece",
    "scan_members",
    "scatter",
    "split_mask",
    "split_outer",
    "split_points",
    "touched_blocks",
]

_HOMES = {
    "crc32c": "_crc32c",
    "group_by_shard": "_group_by_shard",
    "scan_members": "_json_scan",
    "split_mask": "_plan_points",
    "split_points": "_plan_points",
    "touched_blocks": "_touched_blocks",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"zarrcy._kernels.{_HOMES[name]}"), name)
    # the next use takes no call
    globals()[name] = value
    return value
