"""The compiled kernels under one name, as `_reference` is the numpy ones."""

from zarrcy._kernels._copy import ChunkLayout, fill_piece, gather, gather_many, run_of_piece, scatter
from zarrcy._kernels._fill import fill, is_filled
from zarrcy._kernels._split import Box, BoxPlan, Grid, parse_box, split_box

__all__ = [
    "Box",
    "BoxPlan",
    "ChunkLayout",
    "Grid",
    "fill",
    "fill_piece",
    "gather",
    "gather_many",
    "is_filled",
    "parse_box",
    "run_of_piece",
    "scatter",
    "split_box",
]
