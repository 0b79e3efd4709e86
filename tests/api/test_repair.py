"""`repair` moves damaged chunks aside and loses no value; the console script verifies and repairs."""

import json
import os
import pty
import subprocess
import sys

import pytest

import zarrcy
from zarrcy.cli import main
from zarrcy.storage import DirectoryStore, LMDBStore, NestedDirectoryStore, SQLiteStore
from zarrcy.storage.local.atomic_files import partial_of


def problems_of(report):
    return [(problem.kind, problem.key) for problem in report.problems]


def hierarchy(store):
    """Create two arrays of 3 x 3 chunks in a group."""
    root = zarrcy.open_group(store, mode="w")
    for name in ("plain", "raw"):
        compressor = None if name == "raw" else "default"
        z = root.create_dataset(
            f"some/group/{name}", shape=(5, 9), chunks=(2, 4), dtype="i4", compressor=compressor
        )
        z[:] = 7
    return root


def make_store(kind, tmp_path):
    if kind is LMDBStore:
        pytest.importorskip("lmdb")
        return LMDBStore(tmp_path / "a", map_size=2**24)
    return kind() if kind is dict else kind(tmp_path / "a")


@pytest.mark.parametrize("kind", [dict, DirectoryStore, NestedDirectoryStore, SQLiteStore, LMDBStore])
def test_damaged_chunks_are_moved_to_quarantine_and_no_value_is_lost(kind, tmp_path):
    store = make_store(kind, tmp_path)
    root = hierarchy(store)
    slash = "/" if kind is NestedDirectoryStore else "."
    bad = f"some/group/plain/0{slash}1"
    outside = f"some/group/raw/9{slash}9"
    store[bad], store[outside], store["notes"] = b"damaged", b"outside", b"mine"
    before = dict(store)
    planned = zarrcy.repair(store, quarantine=True, dry_run=True)
    assert dict(store) == before, "a dry run changes nothing"
    done = zarrcy.repair(store, quarantine=True)
    assert done == planned
    assert [(item.action, item.key, item.target) for item in done] == [
        ("move", key, f"__quarantine__/{key}") for key in (bad, outside)
    ]
    after = dict(store)
    assert sorted(after.values()) == sorted(before.values())
    assert (after[f"__quarantine__/{bad}"], after["notes"]) == (b"damaged", b"mine")
    assert problems_of(zarrcy.verify(store)) == [("stray", "notes")]
    assert root["some/group/plain"][0, 4] == 0, "it reads as fill value"
    store[bad] = b"damaged again"
    assert zarrcy.repair(store, quarantine=True)[0].target == f"__quarantine__/{bad}.1"


def test_a_damaged_shard_keeps_its_good_chunks():
    store = {}
    z = zarrcy.create(
        8, chunks=2, shards=8, dtype="i4", store=store, zarr_format=3, codecs=["bytes", "crc32c"]
    )
    z[:] = range(1, 9)
    whole = store["c/0"]
    store["c/0"] = whole[:13] + b"\xee" + whole[14:]
    damaged = store["c/0"]
    (done,) = zarrcy.repair(store, quarantine=True)
    assert (done.action, done.key) == ("rewrite", "c/0")
    assert store[done.target] == damaged
    assert z.verify().ok
    assert zarrcy.open_array(store, mode="r")[:].tolist() == [1, 2, 0, 0, 5, 6, 7, 8]
    store["c/0"] = damaged[:-1]
    assert [item.action for item in zarrcy.repair(store, quarantine=True)] == ["move"]
    assert z[:].tolist() == [0] * 8


def test_leftovers_are_reported_and_removed(tmp_path):
    path = str(tmp_path / "a.zarr")
    hierarchy(path)
    lefts = [partial_of(path + name) for name in ("/some/group/raw/0.0", "/old", "")]
    for left, is_folder in zip(lefts, (False, True, True), strict=True):
        os.makedirs(left) if is_folder else open(left, "wb").close()
    names = sorted(os.path.relpath(left, path) for left in lefts)
    assert problems_of(zarrcy.verify(path)) == [("leftover", name) for name in names]
    assert zarrcy.repair(path, older_than=1000) == []
    assert len(zarrcy.repair(path, "some/group", dry_run=True)) == 1
    assert [item.key for item in zarrcy.repair(path)] == names
    assert zarrcy.verify(path).ok
    assert os.listdir(tmp_path) == ["a.zarr"]
    assert zarrcy.repair(path) == []


def test_an_archive_can_not_be_repaired(tmp_path):
    with zarrcy.ZipStore(tmp_path / "a.zip", mode="w") as store:
        zarrcy.create(4, chunks=2, store=store)[:2] = 1
        store["1"] = b"x"
        keys = list(store)
        with pytest.raises(zarrcy.errors.NotErasableError):
            zarrcy.repair(store, quarantine=True)
        assert list(store) == keys
        assert zarrcy.repair(store) == []


# -- the console script --------------------------------------------------------------------------------


@pytest.fixture
def damaged(tmp_path):
    path = str(tmp_path / "a.zarr")
    hierarchy(path)
    with open(os.path.join(path, "some", "group", "plain", "1.1"), "wb") as file:
        file.write(b"x")
    return path


def test_the_exit_code_is_one_if_there_are_problems(damaged, capsys):
    assert main(["verify", damaged]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["name", "stored", "chunks", "size", "bad"]
    assert any(line.split()[:2] == ["chunk", "some/group/plain/1.1"] for line in out)
    assert out[-1].endswith("; chunk: 1")
    assert main(["repair", damaged, "--quarantine", "--dry-run"]) == 0
    assert "some/group/plain/1.1: would be moved to __quarantine__/some" in capsys.readouterr().out
    assert main(["repair", damaged, "--quarantine", "--json"]) == 0
    (done,) = json.loads(capsys.readouterr().out)
    assert done["action"] == "move"
    assert main(["verify", damaged]) == 0
    assert capsys.readouterr().out.endswith("no problems\n")


def test_the_json_report_has_all_parts(damaged, capsys):
    assert main(["verify", f"{damaged}/some/group/plain", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    (array,) = report["arrays"]
    assert (array["n_values"], array["n_possible"], array["n_bad"]) == (9, 9, 1)
    (problem,) = report["problems"]
    assert (problem["kind"], problem["key"], problem["inner"]) == ("chunk", "1.1", None)


def test_a_place_without_a_hierarchy_is_an_error(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["verify", str(tmp_path / "empty")]) == 2
    assert "neither an array nor a group" in capsys.readouterr().err
    assert main(["verify", str(tmp_path / "nonesuch")]) == 2
    assert main(["repair", str(tmp_path / "nonesuch")]) == 2
    assert capsys.readouterr().err.count("no such directory") == 2


def test_a_damaged_document_is_a_problem_not_an_error(tmp_path, capsys):
    (tmp_path / ".zarray").write_bytes(b"{")
    assert main(["verify", str(tmp_path)]) == 1
    assert "metadata  .zarray" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminals")
def test_the_command_shows_a_bar_only_on_a_terminal(damaged):
    pytest.importorskip("rich")
    command = [sys.executable, "-m", "zarrcy", "verify", damaged]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"")
    reader, terminal = pty.openpty()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, check=False)
    os.close(terminal)
    assert done.returncode == 1
    assert b"verifying" in os.read(reader, 10_000)
    os.close(reader)
