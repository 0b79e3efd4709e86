"""Test tree, info, copy and consolidate on whole hierarchies, for every format and several stores."""

from __future__ import annotations

import io
import json

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy.cli import main

VALUES = np.arange(400, dtype="f4").reshape(20, 20)


def fill(store, zarr_format, fill_value=-1):
    root = zarrcy.group(store, zarr_format=zarr_format, attributes={"title": "sea"})
    ocean = root.create_group("ocean")
    names = {"dimension_names": ["y", "x"], "shards": (10, 20)} if zarr_format == 3 else {}
    heat = ocean.create_dataset(
        "heat",
        data=VALUES,
        chunks=(5, 10),
        compressor=numcodecs.Zstd(level=2),
        attributes={"units": "K"},
        fill_value=fill_value,
        **names,
    )
    assert heat.zarr_format == zarr_format
    root.create_dataset("steps", data=np.arange(7), compressor=None)


@pytest.fixture(params=[2, 3, "3-draft"], ids=["v2", "v3", "draft"])
def source(request, tmp_path):
    path = tmp_path / "src.zarr"
    fill(str(path), request.param)
    return path


@pytest.fixture
def v2(tmp_path):
    path = tmp_path / "two.zarr"
    fill(str(path), 2)
    return path


@pytest.fixture
def v3(tmp_path):
    path = tmp_path / "three.zarr"
    fill(str(path), 3)
    return path


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def error_of(capsys):
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err.removeprefix("zarrcy: error: ").rstrip("\n")


def assert_is_copy(location, fill_value=-1):
    with zarrcy.open(location, mode="r") as root:
        assert root.attrs.asdict()["title"] == "sea"
        assert np.array_equal(root["ocean/heat"][:], VALUES)
        assert root["ocean/heat"].attrs["units"] == "K"
        assert root["ocean/heat"].fill_value == fill_value
        assert root["steps"][:].tolist() == list(range(7))


def files_of(path):
    return {file.relative_to(path): file.read_bytes() for file in path.rglob("*") if file.is_file()}


# -- tree and info ---------------------------------------------------------------------------------

TREE = [
    "├── ocean",
    "│   └── heat (20, 20) float32",
    "└── steps (7,) int64",
]


@pytest.mark.parametrize("name", ["a.zip", "a.n5"])
@pytest.mark.parametrize("number", [2, 3])
def test_tree_prints_the_contents_of_any_store(tmp_path, capsys, name, number):
    # N5 supports no other fill value
    fill(str(tmp_path / "src.zarr"), number, fill_value=0)
    location = str(tmp_path / name)
    assert main(["copy", str(tmp_path / "src.zarr"), location]) == 0
    capsys.readouterr()
    assert main(["tree", location]) == 0
    assert capsys.readouterr().out.splitlines() == [name, *TREE]
    assert main(["tree", f"{location}/ocean"]) == 0
    assert capsys.readouterr().out.splitlines() == ["ocean", "└── heat (20, 20) float32"]


def test_tree_prints_every_format_and_accepts_urls(source, capsys):
    for location in (str(source), f"file://{source}"):
        assert main(["tree", location]) == 0
        assert capsys.readouterr().out.splitlines() == ["src.zarr", *TREE]


def test_tree_prints_the_requested_number_of_levels(source, capsys):
    assert main(["tree", str(source), "--level", "1"]) == 0
    assert capsys.readouterr().out.splitlines() == ["src.zarr", TREE[0], TREE[2]]


def test_info_of_a_group_counts_the_nodes_below_it(source, capsys):
    assert main(["info", str(source), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["name"] == "/"
    assert facts["members"] == ["ocean", "steps"]
    assert (facts["narrays"], facts["ngroups"]) == (2, 1)
    assert facts["nbytes_stored"] == sum(map(len, files_of(source).values()))
    assert facts["attributes"] == {"title": "sea"}
    assert main(["info", str(source / "ocean")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Name", "/ocean"]
    assert "Members       heat" in lines


def test_info_of_an_array_in_format_3_prints_its_shards_and_dimensions(v3, capsys):
    assert main(["info", str(v3 / "ocean" / "heat")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["Name", "/ocean/heat"]
    assert "Shard shape    (10, 20)" in lines
    assert "Chunk shape    (5, 10)" in lines
    assert 'Dimensions     ["y", "x"]' in lines


# -- copy ------------------------------------------------------------------------------------------


def test_a_copy_without_options_has_identical_files(source, tmp_path, capsys):
    assert main(["copy", str(source), str(tmp_path / "b.zarr")]) == 0
    assert files_of(tmp_path / "b.zarr") == files_of(source)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "shape", "chunks", "shards", "dtype", "size", "stored", "ratio"]
    assert lines[1].split()[:3] == ["ocean/heat", "20x20", "5x10"]
    assert lines[2].split()[:5] == ["steps", "7", "7", "-", "int64"]
    assert lines[3].startswith("copied 2 arrays to ")


@pytest.mark.parametrize(("number", "other"), [(2, 3), (3, 2)])
def test_a_copy_changes_the_format_and_keeps_the_names_of_dimensions(tmp_path, number, other):
    fill(str(tmp_path / "a.zarr"), number)
    location = str(tmp_path / "b.zarr")
    assert main(["copy", str(tmp_path / "a.zarr"), location, "--zarr-format", str(other)]) == 0
    # in format 2, a fill value means "missing" to xarray
    assert_is_copy(location, fill_value=None if other == 2 else -1)
    root = zarrcy.open(location, mode="r")
    assert {root.zarr_format, root["ocean"].zarr_format, root["ocean/heat"].zarr_format} == {other}
    if other == 2:
        assert root["ocean/heat"].attrs["_ARRAY_DIMENSIONS"] == ["y", "x"]


def test_a_copy_has_the_requested_chunks_shards_and_compressor(source, tmp_path):
    location = str(tmp_path / "b.zarr")
    options = ["--chunks", "4x5", "--shards", "8x10", "--compressor", "zstd:9"]
    assert main(["copy", str(source), location, *options]) == 0
    assert_is_copy(location)
    heat = zarrcy.open(location, mode="r")["ocean/heat"]
    assert (heat.chunks, heat.shards, heat.compressor.level) == ((4, 5), (8, 10), 9)
    assert zarrcy.open(location, mode="r")["steps"].shards is None


def test_shards_and_dimension_names_are_kept_if_only_the_compressor_changes(v3, tmp_path):
    location = str(tmp_path / "b.zarr")
    assert main(["copy", str(v3), location, "--compressor", "none"]) == 0
    assert_is_copy(location)
    heat = zarrcy.open(location, mode="r")["ocean/heat"]
    assert (heat.shards, heat.compressor, heat.dimension_names) == ((10, 20), None, ("y", "x"))


@pytest.mark.parametrize("options", [[], ["--compressor", "zlib:1"]])
def test_a_single_array_is_copied_into_and_out_of_an_archive(source, tmp_path, options):
    archive = str(tmp_path / "a.zip")
    assert main(["copy", str(source), archive, *options]) == 0
    assert main(["copy", f"{archive}/ocean/heat", str(tmp_path / "heat.zarr"), *options]) == 0
    heat = zarrcy.open(str(tmp_path / "heat.zarr"), mode="r")
    assert np.array_equal(heat[:], VALUES)
    assert heat.attrs["units"] == "K"


def test_a_copy_to_a_url_and_back_has_identical_files(source, tmp_path):
    pytest.importorskip("fsspec")
    url = f"memory://{tmp_path.name}/{source.name}"
    assert main(["copy", str(source), url]) == 0
    assert main(["copy", url, str(tmp_path / "b.zarr")]) == 0
    assert files_of(tmp_path / "b.zarr") == files_of(source)


def test_a_dry_run_prints_the_nodes_and_creates_nothing(source, tmp_path, capsys):
    for name in ("b.zarr", "b.zip"):
        assert main(["copy", str(source), str(tmp_path / name), "--dry-run"]) == 0
        assert "copy /ocean/heat (20, 20) float32" in capsys.readouterr().out.splitlines()
        assert not (tmp_path / name).exists()


def test_a_dry_run_of_an_overwrite_deletes_nothing(source, tmp_path):
    location = tmp_path / "b.zarr"
    zarrcy.save(str(location), [1, 2])
    before = files_of(location)
    assert main(["copy", str(source), str(location), "--dry-run", "--overwrite"]) == 0
    assert files_of(location) == before


@pytest.mark.parametrize("name", ["b.zarr", "b.zip"])
def test_an_existing_destination_is_replaced_only_with_overwrite(source, tmp_path, capsys, name):
    location = str(tmp_path / name)
    zarrcy.save(location, old=[1, 2])
    assert main(["copy", str(source), location]) == 2
    assert "already exists; give --overwrite" in error_of(capsys)
    assert main(["copy", str(source), location, "--overwrite"]) == 0
    assert_is_copy(location)
    with zarrcy.open(location, mode="r") as root:
        assert "old" not in root


def test_a_copy_into_an_existing_store_skips_or_replaces_arrays(v2, tmp_path, capsys):
    location = str(tmp_path / "b.zarr")
    zarrcy.save(location, old=[1, 2], steps=[5])
    assert main(["copy", str(v2), location, "--if-exists", "raise"]) == 2
    assert "an object 'steps' already exists in" in error_of(capsys)
    assert main(["copy", str(v2), location, "--if-exists", "skip"]) == 0
    root = zarrcy.open(location, mode="r")
    assert root["steps"][:].tolist() == [5]
    assert main(["copy", str(v2), location, "--if-exists", "replace"]) == 0
    assert_is_copy(location)
    assert root["old"][:].tolist() == [1, 2]


def test_a_copy_into_a_store_of_another_format_is_rejected(v2, v3, capsys):
    before = files_of(v3)
    assert main(["copy", str(v2), str(v3), "--if-exists", "replace"]) == 2
    assert "is in Zarr format 3; give --zarr-format 3" in error_of(capsys)
    assert files_of(v3) == before


def test_a_destination_that_contains_other_data_is_left_unchanged(source, tmp_path, capsys):
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("precious")
    for options in ([], ["--overwrite"], ["--if-exists", "replace"]):
        assert main(["copy", str(source), str(home), *options]) == 2
        assert "contains other data than Zarr" in error_of(capsys)
    assert [path.name for path in home.iterdir()] == ["thesis.tex"]


def test_a_copy_onto_or_into_itself_is_rejected(source, capsys):
    before = files_of(source)
    for location in (source, source / "ocean", source.parent):
        assert main(["copy", str(source), str(location), "--overwrite"]) == 2
        assert "are the same location, or one contains the other" in error_of(capsys)
    assert files_of(source) == before


def test_impossible_shards_print_one_line(v2, tmp_path, capsys):
    location = str(tmp_path / "b.zarr")
    assert main(["copy", str(v2), location, "--shards", "10x10", "--zarr-format", "2"]) == 2
    assert "--shards needs Zarr format 3" in error_of(capsys)
    assert main(["copy", str(v2), location, "--shards", "7x10"]) == 2
    assert "must be a multiple of the chunks" in error_of(capsys)


@pytest.mark.parametrize("text", ["gzip", "zstd:", "zstd:99", "zlib:x", "none:1"])
def test_an_unknown_compressor_or_level_is_rejected_with_the_usage(v2, tmp_path, capsys, text):
    with pytest.raises(SystemExit) as caught:
        main(["copy", str(v2), str(tmp_path / "b.zarr"), "--compressor", text])
    assert caught.value.code == 2
    assert "usage: zarrcy copy" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["tree", "info", "consolidate"])
def test_an_unknown_protocol_prints_one_line(capsys, command):
    assert main([command, "nope://bucket/a"]) == 2
    assert "nope" in error_of(capsys)


def test_a_missing_source_prints_one_line(tmp_path, capsys):
    for name in ("missing.zarr", "missing.zip"):
        assert main(["copy", str(tmp_path / name), str(tmp_path / "b.zarr")]) == 2
        assert "no such directory" in error_of(capsys)
    assert list(tmp_path.iterdir()) == []


def test_an_array_that_n5_cannot_represent_prints_one_line(v3, tmp_path, capsys):
    assert main(["copy", str(v3), str(tmp_path / "a.n5"), "--zarr-format", "3"]) == 2
    assert "can contain only arrays of Zarr format 2" in error_of(capsys)
    assert main(["copy", str(v3), str(tmp_path / "a.n5")]) == 2
    assert "N5 only supports 0" in error_of(capsys)


def test_a_copy_shows_a_progress_bar_on_a_terminal(v2, tmp_path, monkeypatch):
    pytest.importorskip("rich")
    for number, options in enumerate([[], ["--chunks", "auto"]]):
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        assert main(["copy", str(v2), str(tmp_path / f"{number}.zarr"), *options]) == 0
        assert "copying" in terminal.getvalue()


# -- consolidate -----------------------------------------------------------------------------------


def test_a_consolidated_hierarchy_can_be_opened(source, capsys):
    assert main(["consolidate", str(source)]) == 0
    assert capsys.readouterr().out == f"consolidated the metadata of 4 nodes in {source}\n"
    root = zarrcy.open_consolidated(str(source), mode="r")
    assert np.array_equal(root["ocean/heat"][:], VALUES)


def test_an_array_cannot_be_consolidated(v2, capsys):
    assert main(["consolidate", str(v2 / "steps")]) == 2
    assert "is not the root group of a store" in error_of(capsys)
    assert not (v2 / "steps" / ".zmetadata").exists()


def test_a_path_in_a_hierarchy_of_the_draft_format_belongs_to_its_root(tmp_path, capsys):
    fill(str(tmp_path / "d.zarr"), "3-draft")
    heat, copy = tmp_path / "d.zarr" / "ocean" / "heat", tmp_path / "copy.zarr"
    assert main(["info", str(heat)]) == 0
    assert "(20, 20)" in capsys.readouterr().out
    for target in (copy, copy / "below" / "it"):
        assert main(["copy", str(heat.parent), str(target), "--if-exists", "raise"]) == 0
    np.testing.assert_array_equal(zarrcy.open_array(str(copy), path="below/it/heat")[:], VALUES)
    assert sorted(entry.name for entry in copy.iterdir()) == ["data", "meta", "zarr.json"]
    assert main(["info", str(heat.parent / "none")]) != 0
    assert main(["copy", str(heat), str(tmp_path / "two.zarr"), "--zarr-format", "2"]) == 0
    assert zarrcy.open_array(str(tmp_path / "two.zarr"), mode="r", zarr_format=2).attrs["units"] == "K"
