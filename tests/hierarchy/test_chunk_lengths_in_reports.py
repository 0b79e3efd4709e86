"""Reports state the lengths of chunks that differ in length, in little room."""

import json

import numpy as np
import pytest

import zarrcy
from zarrcy.cli import main
from zarrcy.hierarchy.report import lengths_text
from zarrcy.indexing.axis_chunks import AxisChunks


def rectilinear(store, shape, lengths, shards=None):
    """Return an array with a rectilinear chunk grid; with `shards`, the shards differ in length."""
    zarrcy.create(shape, chunks=1, shards=shards, dtype="i4", zarr_format=3, store=store)
    document = json.loads(bytes(store["zarr.json"]))
    document["chunk_grid"] = {
        "name": "rectilinear",
        "configuration": {"kind": "inline", "chunk_shapes": lengths},
    }
    store["zarr.json"] = json.dumps(document).encode()
    return zarrcy.open_array(store, mode="r+")


# lengths in the document -> what a report says
CASES = {
    "few": ((40, 100), [[10, 20, 10], [[5, 20]]], "(10, 20, 10) x (20 x 5)"),
    "one run and a rest": ((25,), [[[10, 2], 5]], "(2 x 10, 5)"),
    "beyond the shape": ((15,), [[[10, 5], 3]], "(2 x 10)"),
    "many": ((5050,), [list(range(1, 101))], "(1, 2, 3, 4, ... 100; 100 chunks)"),
    "alternating": ((300,), [[1, 2] * 100], "(1, 2, 1, 2, ... 2; 200 chunks)"),
    "as many as fit": ((15,), [[1, 2, 3, 4, 5]], "(1, 2, 3, 4, 5)"),
    "enormous": ((10**15,), [[[10, 10**14 - 1], 7, 3]], f"({10**14 - 1} x 10, 7, 3)"),
    "three axes": ((3, 4, 6), [[1, 2], [[2, 2]], [6]], "(1, 2) x (2 x 2) x (6)"),
}


@pytest.mark.parametrize(("shape", "lengths", "text"), list(CASES.values()), ids=list(CASES))
@pytest.mark.filterwarnings("ignore::zarrcy.errors.ManyFilesWarning")
def test_every_report_states_the_lengths(shape, lengths, text, tmp_path, capsys):
    store = zarrcy.DirectoryStore(tmp_path)
    array = rectilinear(store, shape, lengths)
    rows = dict(array.info_items())
    assert rows["Chunk lengths"] == text
    assert rows["Chunk shape"] == f"up to {array.chunks}"
    assert text in repr(array.info)
    assert text in array.info._repr_html_()
    assert text in array._repr_html_()
    assert main(["info", str(tmp_path)]) == 0
    assert text in capsys.readouterr().out
    assert main(["info", str(tmp_path), "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    for axis, expected in zip(info["chunk_lengths"], array.description.rectilinear_axes, strict=True):
        assert tuple((length, count) for count, length in axis) == expected.runs
    assert len(text) < 80


def test_shards_that_differ_in_length_are_stated(tmp_path, capsys):
    array = rectilinear(zarrcy.DirectoryStore(tmp_path), (10,), [[2, 6, 2]], shards=2)
    assert (array.chunks, array.shards) == ((1,), (6,))
    rows = dict(array.info_items())
    assert (rows["Chunk shape"], rows["Shard shape"]) == ("(1,)", "up to (6,)")
    assert rows["Shard lengths"] == "(2, 6, 2)"
    assert "Chunk lengths" not in rows
    assert main(["info", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "(2, 6, 2)" in shown
    assert "up to (6,)" in shown


def test_arrays_with_equal_chunks_have_no_such_row(tmp_path, capsys):
    array = zarrcy.create((10,), chunks=3, store=zarrcy.DirectoryStore(tmp_path))
    assert "Chunk lengths" not in dict(array.info_items())
    assert main(["info", str(tmp_path), "--json"]) == 0
    assert "chunk_lengths" not in json.loads(capsys.readouterr().out)


def test_the_text_is_short_for_any_axis():
    rng = np.random.default_rng(0)
    for _ in range(200):
        runs = tuple(
            (int(n) + 1 + 100 * (i % 2), int(rng.integers(1, 4)))
            for i, n in enumerate(rng.integers(0, 99, 50))
        )
        axis = AxisChunks(runs)
        n = int(rng.integers(0, axis.starts[-1] + 1))
        assert len(lengths_text([axis], (n,))) < 60
