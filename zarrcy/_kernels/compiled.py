"""All compiled kernels, with the interface of `_reference`."""

from zarrcy._kernels._crc32c import crc32c
from zarrcy._kernels._fill import fill, is_filled
from zarrcy._kernels._gather_scatter import (
    ChunkLayout,
    fill_piece,
    gather,
    gather_many,
    run_of_piece,
    scatter,
)
from zarrcy._kernels._group_by_shard import group_by_shard
from zarrcy._kernels._json_scan import scan_members
from zarrcy._kernels._plan_outer import Box, Grid, parse_box, split_outer
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
