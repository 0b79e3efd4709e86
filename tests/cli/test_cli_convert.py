"""Test ``zarrcy convert``: it converts a hierarchy to another version of the format, and prints a report."""

from __future__ import annotations

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy.cli import main

VALUES = np.arange(400, dtype="f4").reshape(20, 20)


@pytest.fixture
def store(tmp_path):
    root = zarrcy.group(tmp_path / "a.zarr")
    root.create_dataset("ocean/heat", data=VALUES, chunks=(5, 10))
    root.create_dataset("steps", data=np.arange(7))
    return str(tmp_path / "a.zarr")


def run(capsys, *arguments):
    """Return the exit code and the lines on standard output and standard error."""
    code = main(["convert", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err.splitlines()


def test_a_conversion_in_place_keeps_the_chunks_and_writes_new_documents(store, capsys):
    code, lines, errors = run(capsys, store)
    assert (code, errors) == (0, [])
    assert [line.split() for line in lines[:3]] == [
        ["name", "shape", "dtype", "size", "chunks", "because"],
        ["ocean/heat", "20x20", "float32", "1.6", "KiB", "as", "stored"],
        ["steps", "7", "int64", "56", "B", "as", "stored"],
    ]
    assert lines[3] == "converted 2 arrays and 2 groups from Zarr format 2 to 3, in place"
    assert "--remove-old" in lines[4]
    root = zarrcy.open(store, mode="r")
    assert root.zarr_format == 3
    assert np.array_equal(root["ocean/heat"][:], VALUES)
    assert run(capsys, store)[1][0] == f"{store} was already converted to Zarr format 3"
    assert run(capsys, store, "--remove-old")[1][1] == "deleted 4 documents of Zarr format 2"
    assert run(capsys, store) == (0, [f"{store} is already in Zarr format 3 and in no other"], [])


def test_a_conversion_to_another_destination_and_back_keeps_the_elements(store, tmp_path, capsys):
    three, two = tmp_path / "b.zip", tmp_path / "c.zarr"
    assert run(capsys, store, three)[0] == 0
    assert run(capsys, three, two, "--zarr-format", 2)[0] == 0
    assert np.array_equal(zarrcy.open(two, mode="r")["ocean/heat"][:], VALUES)
    assert run(capsys, f"{three}/ocean", tmp_path / "d.zarr", "--zarr-format", 2)[0] == 0
    assert list(zarrcy.open(tmp_path / "d.zarr", mode="r")) == ["heat"]
    code, _, errors = run(capsys, store, two)
    assert code == 2
    assert errors == [
        "zarrcy: error: nothing was converted: /: the destination is not empty. "
        "Give another destination, or overwrite it."
    ]
    assert run(capsys, store, two, "--overwrite")[0] == 0
    assert zarrcy.open(two, mode="r").zarr_format == 3


def test_a_dry_run_prints_what_would_change_and_changes_nothing(store, tmp_path, capsys):
    root = zarrcy.open(store)
    files = set(tmp_path.rglob("*"))
    code, lines, _ = run(capsys, store, "--dry-run", "--remove-old")
    assert code == 0
    assert lines[-2:] == [
        "would convert 2 arrays and 2 groups from Zarr format 2 to 3, in place",
        "would delete 4 documents of Zarr format 2",
    ]
    root.create_dataset("m", shape=2, dtype=[("a", ">i4"), ("b", "<i4")])
    files |= set(tmp_path.rglob("*"))
    code, lines, errors = run(capsys, store, "--dry-run")
    assert code == 2
    assert any("encoded anew" in line and "byte orders" in line for line in lines)
    assert errors == [
        "zarrcy: error: the chunks of 1 array must be re-encoded, which needs a destination; give DST"
    ]
    assert run(capsys, store, tmp_path / "b.zarr", "--dry-run")[0] == 0
    root.create_dataset("t", shape=2, dtype=object, object_codec=numcodecs.JSON())
    files |= set(tmp_path.rglob("*"))
    code, lines, errors = run(capsys, store, tmp_path / "b.zarr", "--dry-run")
    assert (code, errors) == (2, ["zarrcy: error: 1 object cannot be converted: t"])
    assert set(tmp_path.rglob("*")) == files


def test_each_error_is_one_line(store, tmp_path, capsys):
    for arguments, message in [
        ([tmp_path / "no.zarr"], "no such directory"),
        ([tmp_path], "neither an array nor a group"),
        ([store, store], "same place"),
        ([store, tmp_path / "b.zarr", "--remove-old"], "--remove-old applies to a conversion in place"),
        ([store, tmp_path / "b.zip/inner"], "name the archive itself"),
        ([store, tmp_path / "b.n5"], "N5"),
    ]:
        code, lines, errors = run(capsys, *arguments)
        assert (code, lines, len(errors)) == (2, [], 1)
        assert message in errors[0]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "b.n5") == ["a.zarr"]
