"""What a selection covers: pure computation on shapes and positions, without I/O.

=================  =============================================================================
`selection`        parse a selection; its docstring has the steps from brackets to a plan
`fields`           fields of structured data types
`axis_chunks`      edges of the chunks of one axis, regular or not
`chunk_shapes`     chunk and shard shapes: check what a user states, or guess
`regions`          regions that several writers fill at once
=================  =============================================================================

The names that zarr-python 2 has in its module ``indexing`` can be imported from here, too.
"""

from zarrcy._lazy import find_zarr2_name, zarr2_names


def __getattr__(name: str) -> object:
    return find_zarr2_name(__name__, __path__[0], name)


def __dir__() -> list[str]:
    return sorted({*globals(), *zarr2_names(__name__)[0]})
