"""Test the console script: exit codes, one-line errors, and the output of ``info`` and ``tree``."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

import zarrcy
from zarrcy.cli import main
from zarrcy.cli.errors import CommandError
from zarrcy.cli.import_netcdf import import_file
from zarrcy.cli.text import format_nbytes, print_table
from zarrcy.hierarchy.node import Node
from zarrcy.storage import DirectoryStore


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in" / "source.nc"
    path.parent.mkdir()
    with h5py.File(path, "w") as file:
        file["first"] = np.arange(12.0).reshape(3, 4)
        file.create_dataset("checked", data=np.arange(4096, dtype="i4"), chunks=(1024,), fletcher32=True)
    return path


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def error_of(capsys):
    """Return the only line on standard error; standard output must be empty."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("zarrcy: ")
    return captured.err.removeprefix("zarrcy: ").rstrip("\n")


# -- import: report and errors -------------------------------------------------------------------


def test_an_import_prints_one_row_per_array_and_a_total(source, out, capsys):
    assert main(["import", str(source), str(out / "a.zarr")]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split() == ["name", "shape", "chunks", "dtype", "size", "stored", "ratio", "seconds"]
    assert lines[1].split()[:6] == ["checked", "4096", "4096", "int32", "16.0", "KiB"]
    assert lines[2].split()[:6] == ["first", "3x4", "3x4", "float64", "96", "B"]
    assert lines[3].startswith("imported 2 arrays into ")
    assert len(lines) == 4
    assert captured.err == ""


def test_a_quiet_import_prints_nothing(source, out, capsys):
    assert main(["import", str(source), str(out / "a.zarr"), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_an_existing_destination_is_refused_and_untouched(source, out, capsys):
    target = out / "a.zarr"
    target.mkdir()
    (target / "mine").write_text("precious")
    assert main(["import", str(source), str(target)]) == 2
    assert "already exists; give --overwrite to replace it" in error_of(capsys)
    assert [path.name for path in target.iterdir()] == ["mine"]


def test_overwrite_replaces_a_whole_store(source, out):
    target = out / "a.zarr"
    zarrcy.zeros(3, store=target, path="old")
    assert main(["import", str(source), str(target), "--overwrite", "--quiet"]) == 0
    assert [path.name for path in out.iterdir()] == ["a.zarr"]
    assert not (target / "old").exists()
    assert zarrcy.open_array(target / "first", mode="r")[2, 3] == 11


def test_overwrite_replaces_only_stores(source, out, capsys):
    target = out / "home"
    target.mkdir()
    (target / "thesis.tex").write_text("precious")
    assert main(["import", str(source), str(target), "--overwrite"]) == 2
    assert "is not a Zarr store; --overwrite replaces only Zarr stores" in error_of(capsys)
    assert (target / "thesis.tex").read_text() == "precious"
    assert main(["import", str(source), str(source), "--overwrite"]) == 2
    assert "is not a Zarr store" in error_of(capsys)
    assert h5py.is_hdf5(source)


def test_a_store_that_contains_the_source_is_not_replaced(source, out, capsys):
    Node(DirectoryStore(source.parent)).save_group()
    assert main(["import", str(source), str(source.parent), "--overwrite"]) == 2
    assert "contains the file to import" in error_of(capsys)
    assert source.exists()


def damage(source):
    """Flip a bit in the chunk that is read last; this chunk has a checksum."""
    with h5py.File(source) as file:
        offset = file["checked"].id.get_chunk_info(3).byte_offset
    raw = bytearray(source.read_bytes())
    raw[offset + 8] ^= 1
    source.write_bytes(raw)


def test_importing_a_file_with_damaged_structures_prints_one_line_and_creates_nothing(source, out, capsys):
    with h5py.File(source, "r+", libver="latest") as file:
        file.create_group("tracked", track_order=True).attrs["a"] = 1
        offset = h5py.h5o.get_info(file["tracked"].id).addr
    raw = bytearray(source.read_bytes())
    assert raw[offset : offset + 4] == b"OHDR"
    raw[offset + 20] ^= 0xFF
    source.write_bytes(raw)
    assert main(["import", str(source), str(out / "a.zarr")]) == 2
    assert "checksum" in error_of(capsys)
    assert list(out.iterdir()) == []


def test_an_import_that_fails_midway_leaves_nothing_behind(source, out):
    damage(source)
    # with small blocks, the import fails after it has written chunks
    with pytest.raises(CommandError, match=r"^/checked cannot be read from the file: "):
        import_file(source, out / "a.zarr", chunks=(1024,), block_nbytes=4096)
    assert list(out.iterdir()) == []


def test_an_overwrite_that_fails_midway_keeps_the_old_store(source, out, capsys):
    damage(source)
    target = out / "a.zarr"
    zarrcy.array([1, 2], store=target, path="old")
    assert main(["import", str(source), str(target), "--overwrite"]) == 2
    assert "/checked cannot be read from the file: " in error_of(capsys)
    assert [path.name for path in out.iterdir()] == ["a.zarr"]
    assert zarrcy.open_array(target / "old", mode="r")[:].tolist() == [1, 2]


def test_an_interrupted_import_leaves_nothing_behind(source, out, capsys, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(zarrcy.Array, "__setitem__", interrupt)
    assert main(["import", str(source), str(out / "a.zarr")]) == 130
    assert error_of(capsys) == "interrupted"
    assert list(out.iterdir()) == []


def test_an_imported_store_has_the_permissions_of_a_new_directory(source, out):
    (out / "plain").mkdir()
    assert main(["import", str(source), str(out / "a.zarr"), "--quiet"]) == 0
    assert (out / "a.zarr").stat().st_mode == (out / "plain").stat().st_mode


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"CDF\x01" + bytes(4) + b"\0\0\0\x0a\0\0\0\1\0\0\0\1", "cannot be read"),
        (b"CDF\x02" + bytes(20) + b"\0\0\0\x0b\0\0\0\1", "cannot be read"),
        (b"CDF\x05" + bytes(60), "nccopy -k nc4"),
        (b"hello", "is not an HDF5 or netCDF-4 file"),
        (b"", "is not an HDF5 or netCDF-4 file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40), "cannot be opened"),
        (None, "No such file or directory"),
    ],
    ids=["netcdf3-classic", "netcdf3-64bit", "netcdf3-data", "text", "empty", "truncated", "missing"],
)
def test_importing_an_unreadable_file_prints_one_line_and_creates_nothing(
    tmp_path, out, capsys, content, message
):
    path = tmp_path / "bad.nc"
    if content is not None:
        path.write_bytes(content)
        if content[:4] in (b"CDF\x01", b"CDF\x02", b"CDF\x05"):
            pytest.importorskip("scipy")
    assert main(["import", str(path), str(out / "a.zarr")]) == 2
    assert message in error_of(capsys)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("name", ["nowhere/a.zarr", "nowhere/a.zip", "unknown://bucket/a.zarr"])
def test_an_impossible_destination_prints_one_line(source, out, capsys, monkeypatch, name):
    monkeypatch.chdir(out)
    assert main(["import", str(source), name]) == 2
    assert error_of(capsys).startswith("error: ")
    assert list(out.iterdir()) == []


def test_without_h5py_the_error_names_the_extra_to_install(source, out, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert main(["import", str(source), str(out / "a.zarr")]) == 2
    assert "pip install 'zarrcy[netcdf]'" in error_of(capsys)


@pytest.mark.parametrize(
    "options",
    [["--compressor", "none", "--level", "3"], ["--level", "10"], ["--compressor", "zstd", "--level", "0"]],
)
def test_a_level_that_the_compressor_does_not_have_is_rejected(source, out, capsys, options):
    assert main(["import", str(source), str(out / "a.zarr"), *options]) == 2
    assert "--level" in error_of(capsys)


@pytest.mark.parametrize("chunks", ["", "0x3", "ax3", "-1", "3x", "²"])
def test_invalid_chunks_are_rejected_with_the_usage(source, out, capsys, chunks):
    with pytest.raises(SystemExit) as caught:
        main(["import", str(source), str(out / "a.zarr"), f"--chunks={chunks}"])
    assert caught.value.code == 2
    assert "is neither auto, nor same" in capsys.readouterr().err


# -- info ----------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "store.zarr"
    zarrcy.array(
        np.arange(60, dtype="f4").reshape(6, 10),
        chunks=(4, 5),
        compressor=None,
        fill_value=np.nan,
        store=path,
        path="ocean/temperature",
        attributes={"units": "K", "range": [0, 1]},
    )
    zarrcy.create(4, dtype="i2", store=path, path="unwritten")
    return path


def test_info_as_json_contains_every_property(store, capsys):
    path = store / "ocean" / "temperature"
    assert main(["info", str(path), "--json"]) == 0
    stored = sum(file.stat().st_size for file in path.iterdir())
    assert json.loads(capsys.readouterr().out) == {
        "name": "/ocean/temperature",
        "type": "zarrcy.Array",
        "zarr_format": 2,
        "dtype": "<f4",
        "shape": [6, 10],
        "chunk_shape": [4, 5],
        "order": "C",
        "fill_value": "NaN",
        "filters": [],
        "compressor": None,
        "dimension_separator": ".",
        "store_type": "DirectoryStore",
        "nbytes": 240,
        "nbytes_stored": stored,
        "ratio": 240 / stored,
        "nchunks": 4,
        "nchunks_initialized": 4,
        "nfiles_if_full": 4,
        "attributes": {"units": "K", "range": [0, 1]},
    }


def test_info_as_text_is_aligned(store, capsys):
    assert main(["info", str(store / "ocean" / "temperature")]) == 0
    lines = capsys.readouterr().out.splitlines()
    facts = dict(line.split(None, 1) for line in lines if len(line.split(None, 1)) == 2)
    assert facts["Shape"] == "(6, 10)"
    assert facts["units"] == '"K"'
    assert "Chunks stored  4 of 4" in lines
    assert {line.index(value) for line, value in zip(lines[:4], ["/", "z", "<", "("], strict=True)} == {15}


def test_info_prints_none_for_missing_filters_and_attributes(store, capsys):
    assert main(["info", str(store / "unwritten")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Chunks stored  0 of 1" in lines
    assert "Filters        none" in lines
    assert "Attributes     none" in lines


def test_info_counts_chunks_in_nested_directories(tmp_path, capsys):
    place = tmp_path / "nested.zarr"
    values = np.arange(1000, dtype="i8").reshape(10, 100)
    zarrcy.array(values, chunks=(5, 50), compressor=None, dimension_separator="/", store=place)
    assert main(["info", str(place), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["name"] == "/"
    assert facts["nchunks_initialized"] == 4
    assert facts["nbytes_stored"] == 8000 + (place / ".zarray").stat().st_size


def test_info_as_json_is_valid_json_even_if_the_attributes_are_not(store, capsys):
    (store / "unwritten" / ".zattrs").write_text('{"valid_max": Infinity, "gap": NaN}')
    assert main(["info", str(store / "unwritten"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert document["attributes"] == {"valid_max": "Infinity", "gap": "NaN"}


@pytest.mark.parametrize("command", ["info", "tree"])
def test_a_path_without_a_store_prints_one_line(tmp_path, capsys, command):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    for name, message in (
        ("missing", "no such directory"),
        ("file", "is neither a directory nor an archive"),
        ("folder", "is neither an array nor a group"),
    ):
        assert main([command, str(tmp_path / name)]) == 2
        assert message in error_of(capsys)


def test_info_of_damaged_metadata_prints_one_line(store, capsys):
    (store / "unwritten" / ".zarray").write_text("{")
    assert main(["info", str(store / "unwritten")]) == 2
    assert "the metadata document '.zarray' can't be used" in error_of(capsys)


# -- tree ----------------------------------------------------------------------------------------


def test_tree_prints_groups_and_arrays(store, capsys):
    zarrcy.zeros((2, 2), dtype="u1", store=store, path="ocean/deep/salinity")
    (store / "notes").mkdir()
    assert main(["tree", str(store)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "store.zarr",
        "├── ocean",
        "│   ├── deep",
        "│   │   └── salinity (2, 2) uint8",
        "│   └── temperature (6, 10) float32",
        "└── unwritten (4,) int16",
    ]


def test_tree_of_an_array_prints_one_line(store, capsys):
    assert main(["tree", str(store / "unwritten")]) == 0
    assert capsys.readouterr().out == "unwritten (4,) int16\n"


def test_tree_continues_after_damaged_metadata(store, capsys):
    (store / "ocean" / "temperature" / ".zarray").write_text("{}")
    assert main(["tree", str(store)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("│   └── temperature (the metadata document")
    assert lines[3] == "└── unwritten (4,) int16"


def test_tree_does_not_follow_a_link_to_a_parent_group(store, capsys):
    (store / "ocean" / "loop").symlink_to(store)
    assert main(["tree", str(store)]) == 0
    assert "│   ├── loop (a link back to a parent group)" in capsys.readouterr().out.splitlines()


def test_control_characters_in_names_are_escaped(tmp_path, capsys):
    zarrcy.zeros(1, store=tmp_path / "s.zarr", path="a\x1b[2J")
    assert main(["tree", str(tmp_path / "s.zarr")]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "└── a\\x1b[2J (1,) float64"


# -- the process ---------------------------------------------------------------------------------


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "zarrcy", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_the_module_runs_as_a_script():
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"zarrcy {zarrcy.__version__}\n", "")


def test_an_error_prints_no_traceback(tmp_path):
    done = run("import", tmp_path / "missing.nc", tmp_path / "a.zarr")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"zarrcy: error: {tmp_path}/missing.nc: No such file or directory\n"


def test_tree_uses_ascii_if_the_encoding_of_the_output_has_no_box_characters(store):
    done = run("tree", store, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "|-- ocean" in done.stdout


def test_a_closed_output_pipe_is_not_reported_as_an_error(store):
    with subprocess.Popen(
        [sys.executable, "-m", "zarrcy", "tree", str(store)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


@pytest.mark.parametrize("arguments", ["", "info", "tree"])
def test_help_loads_no_command_that_is_not_requested(arguments):
    script = (
        "import sys\n"
        "from zarrcy.cli import main\n"
        "try:\n"
        f"    main([*{arguments.split()!r}, '--help'])\n"
        "except SystemExit:\n"
        "    pass\n"
        "heavy = ('api.copy', 'api.convert', 'api.verify', 'cli.copy', 'cli.convert', 'cli.netcdf_reader')\n"
        "print([name for name in heavy if f'zarrcy.{name}' in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_arguments_the_usage_is_printed(capsys):
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "usage: zarrcy" in capsys.readouterr().err


# -- text ----------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_table_on_a_terminal_keeps_every_cell(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "dumb")
    for width in (5, 90):
        stream = Terminal()
        print_table(("name", "size"), [("x" * width, "1"), ("[red]", "22")], title="all", stream=stream)
        assert "x" * width in stream.getvalue()
        assert "[red]" in stream.getvalue()
        assert "all" in stream.getvalue()


@pytest.mark.parametrize(
    ("nbytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1048524, "1023.9 KiB"),
        (1048570, "1.0 MiB"),
        (2**62, "4096.0 PiB"),
    ],
)
def test_sizes_are_printed_with_a_suitable_unit(nbytes, text):
    assert format_nbytes(nbytes) == text
