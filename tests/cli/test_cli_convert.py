"""The console script converts a hierarchy from one version of the format to another, and says what it does."""

from __future__ import annotations

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy.cli import main

VALUES = np.arange(400, dtype="f4").reshape(20, 20)


@pytest.fixture
def place(tmp_path):
    root = zarrcy.group(tmp_path / "a.zarr")
    root.create_dataset("ocean/heat", data=VALUES, chunks=(5, 10))
    root.create_dataset("steps", data=np.arange(7))
    return str(tmp_path / "a.zarr")


def run(capsys, *arguments):
    """Return the exit code, and the lines that were written to standard output and error."""
    code = main(["convert", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err.splitlines()


def test_in_place(place, capsys):
    code, lines, errors = run(capsys, place)
    assert (code, errors) == (0, [])
    assert [line.split() for line in lines[:3]] == [
        ["name", "shape", "dtype", "size", "chunks", "because"],
        ["ocean/heat", "20x20", "float32", "1.6", "KiB", "as", "stored"],
        ["steps", "7", "int64", "56", "B", "as", "stored"],
    ]
    assert lines[3] == "converted 2 arrays and 2 groups from Zarr format 2 to 3, in its place"
    assert "--remove-old" in lines[4]
    root = zarrcy.open(place, mode="r")
    assert root.zarr_format == 3
    assert np.array_equal(root["ocean/heat"][:], VALUES)
    assert run(capsys, place)[1][0] == f"{place} was converted to Zarr format 3 already"
    assert run(capsys, place, "--remove-old")[1][1] == "deleted 4 documents of Zarr format 2"
    assert run(capsys, place) == (0, [f"{place} is of Zarr format 3 already, and of no other"], [])


def test_into_another_place_and_back(place, tmp_path, capsys):
    three, two = tmp_path / "b.zip", tmp_path / "c.zarr"
    assert run(capsys, place, three)[0] == 0
    assert run(capsys, three, two, "--zarr-format", 2)[0] == 0
    assert np.array_equal(zarrcy.open(two, mode="r")["ocean/heat"][:], VALUES)
    assert run(capsys, f"{three}/ocean", tmp_path / "d.zarr", "--zarr-format", 2)[0] == 0
    assert list(zarrcy.open(tmp_path / "d.zarr", mode="r")) == ["heat"]
    code, _, errors = run(capsys, place, two)
    assert code == 2
    assert errors == [
        "zarrcy: error: nothing was converted: /: the destination is not empty. Give another, or ask to overwrite it."
    ]
    assert run(capsys, place, two, "--overwrite")[0] == 0
    assert zarrcy.open(two, mode="r").zarr_format == 3


def test_a_dry_run_tells_what_would_be(place, tmp_path, capsys):
    root = zarrcy.open(place)
    files = set(tmp_path.rglob("*"))
    code, lines, _ = run(capsys, place, "--dry-run", "--remove-old")
    assert code == 0
    assert lines[-2:] == [
        "would convert 2 arrays and 2 groups from Zarr format 2 to 3, in its place",
        "would delete 4 documents of Zarr format 2",
    ]
    root.create_dataset("m", shape=2, dtype=[("a", ">i4"), ("b", "<i4")])
    files |= set(tmp_path.rglob("*"))
    code, lines, errors = run(capsys, place, "--dry-run")
    assert code == 2
    assert any("encoded anew" in line and "byte orders" in line for line in lines)
    assert errors == ["zarrcy: error: the chunks of 1 array can't stay as they are: give a destination"]
    assert run(capsys, place, tmp_path / "b.zarr", "--dry-run")[0] == 0
    root.create_dataset("t", shape=2, dtype=object, object_codec=numcodecs.JSON())
    files |= set(tmp_path.rglob("*"))
    code, lines, errors = run(capsys, place, tmp_path / "b.zarr", "--dry-run")
    assert (code, errors) == (2, ["zarrcy: error: 1 object can't be converted: t"])
    assert set(tmp_path.rglob("*")) == files


def test_errors_are_one_line(place, tmp_path, capsys):
    for arguments, words in [
        ([tmp_path / "no.zarr"], "there is no such directory"),
        ([tmp_path], "neither an array nor a group"),
        ([place, place], "same place"),
        ([place, tmp_path / "b.zarr", "--remove-old"], "--remove-old is for a conversion in place"),
        ([place, tmp_path / "b.zip/inner"], "name the archive itself"),
        ([place, tmp_path / "b.n5"], "N5"),
    ]:
        code, lines, errors = run(capsys, *arguments)
        assert (code, lines, len(errors)) == (2, [], 1)
        assert words in errors[0]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "b.n5") == ["a.zarr"]
