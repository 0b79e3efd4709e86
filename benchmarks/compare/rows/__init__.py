"""The rows of the comparison on arrays. Each row asks one question of every library that can answer it."""

from __future__ import annotations

from benchmarks.compare.bench import Row
from benchmarks.compare.rows.reading import per_chunk_read, reading_rows
from benchmarks.compare.rows.selecting import selecting_rows
from benchmarks.compare.rows.sharded import sharded_rows
from benchmarks.compare.rows.starting import starting_rows
from benchmarks.compare.rows.writing import per_chunk_write, writing_rows


def all_rows() -> list[Row]:
    """Return the rows in the order of the table."""
    return [
        *starting_rows(),
        *reading_rows(),
        *selecting_rows(),
        *writing_rows(),
        *sharded_rows(),
        Row("per chunk", "read", "tiny raw chunks, memory", per_chunk_read, lambda bench: bench.n_tiny),
        Row("per chunk", "write", "tiny raw chunks, memory", per_chunk_write, lambda bench: bench.n_tiny),
    ]
