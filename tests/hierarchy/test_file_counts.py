"""Reports say how many files an array has once it is full, and creating one with very many of them warns."""

import json
import math
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

import zarrcy
from zarrcy.cli import main
from zarrcy.errors import ManyFilesWarning
from zarrcy.hierarchy.file_counts import few_shards

MILLION = {"shape": (1000, 1000), "chunks": (1, 1), "dtype": "u1"}
LAYOUTS = {
    "chunks of format 2": MILLION,
    "chunks of format 3": {**MILLION, "zarr_format": 3},
    "small shards": {**MILLION, "shape": (2000, 2000), "shards": (2, 2), "zarr_format": 3},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_creating_an_array_of_a_million_files_warns_at_the_line_of_the_program(tmp_path, layout):
    with pytest.warns(ManyFilesWarning, match="1,000,000 files") as caught:
        zarrcy.open_group(tmp_path / "g").create("a", **LAYOUTS[layout])
    (warning,) = caught
    assert warning.filename == __file__
    assert "the array 'a'" in str(warning.message)
    assert "with shards=" in str(warning.message)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_shards_that_the_warning_names_lead_to_a_thousand_files(tmp_path, zarr_format):
    with pytest.warns(ManyFilesWarning) as caught:
        zarrcy.create(**MILLION, store=tmp_path / "a", zarr_format=zarr_format)
    text = str(caught[0].message)
    assert ("zarr_format=3" in text) == (zarr_format == 2)
    shards = tuple(map(int, text.split("shards=(")[1].split(")", maxsplit=1)[0].split(",")))
    b = zarrcy.create(**MILLION, store=tmp_path / "b", zarr_format=3, shards=shards)
    assert ("Files if full", "992") in rows_of(b)
    assert "then it has 992" in text


def test_no_warning_where_a_chunk_is_not_a_file_or_files_are_fewer(tmp_path):
    options = {**MILLION, "overwrite": True}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zarrcy.create(**options)
        zarrcy.create(**options, store=zarrcy.ZipStore(tmp_path / "a.zip", mode="w"))
        zarrcy.create(**options, store=tmp_path / "a", shards=(100, 100), zarr_format=3)
        zarrcy.create(**{**options, "shape": (1000, 999)}, store=tmp_path / "b")


def test_the_setting_moves_or_turns_off_the_warning(tmp_path, monkeypatch):
    monkeypatch.setenv("ZARRCY_WARN_FILES", "0")
    zarrcy.create(**MILLION, store=tmp_path / "a")
    monkeypatch.setenv("ZARRCY_WARN_FILES", "20000")
    with pytest.warns(ManyFilesWarning, match="20,001 files"):
        zarrcy.create(20_001, chunks=1, store=tmp_path / "b")
    monkeypatch.setenv("ZARRCY_WARN_FILES", "many")
    with pytest.raises(ValueError, match="ZARRCY_WARN_FILES is 'many'"):
        zarrcy.create(20_001, chunks=1, store=tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_nothing_is_created_where_the_warning_is_an_error(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ManyFilesWarning)
        with pytest.raises(ManyFilesWarning):
            zarrcy.create(**MILLION, store=tmp_path / "a")
    assert not (tmp_path / "a").exists()


def rows_of(array):
    return [tuple(part.strip() for part in line.split(" : ", 1)) for line in repr(array.info).splitlines()]


def test_reports_say_how_many_files_an_array_has_once_it_is_full(tmp_path, capsys):
    a = zarrcy.create((10, 7), chunks=(2, 2), store=tmp_path / "a")
    b = zarrcy.create((10, 7), chunks=(1, 1), shards=(5, 7), store=tmp_path / "b", zarr_format=3)
    assert ("Files if full", "20") in rows_of(a)
    assert ("Files if full", "2") in rows_of(b)
    assert repr(a.info_complete()) == repr(a.info)
    assert "Files if full" not in repr(
        zarrcy.create(3, store=zarrcy.ZipStore(tmp_path / "c.zip", mode="w")).info
    )
    # the keys of zarr-python 2
    assert "Files if full" not in dict(a.info_items())
    main(["info", "--json", str(tmp_path / "b")])
    assert json.loads(capsys.readouterr().out)["nfiles_if_full"] == 2
    main(["info", str(tmp_path / "a")])
    assert "Files if full  20" in capsys.readouterr().out


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 10**6)), max_size=5))
def test_suggested_shards_hold_whole_chunks_and_are_a_thousand_at_most(axes):
    shape, chunks = [n for n, _ in axes], [chunk for _, chunk in axes]
    shards = few_shards(tuple(shape), tuple(chunks))
    assert all(shard % chunk == 0 for shard, chunk in zip(shards, chunks, strict=True))
    n_chunks, n_shards = (
        math.prod(max(1, -(-n // length)) for n, length in zip(shape, lengths, strict=True))
        for lengths in (chunks, shards)
    )
    assert n_shards <= 1000
    # not fewer than it takes
    assert n_shards >= min(n_chunks, 1000) / 2 ** max(1, len(axes))
