"""Reports count stored chunks only where few names have to be listed, or if they are asked to."""

import json
from collections.abc import MutableMapping

import pytest

import zarrcy
from zarrcy.cli.console import main
from zarrcy.testing import CountingStore

FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])
COUNTED = {"No. bytes stored", "Storage ratio", "Chunks initialized"}


class Unlisted(CountingStore):
    """A store that must not be listed."""

    def __iter__(self, *args):
        raise AssertionError("the store was listed")

    listdir = getsize = __len__ = __iter__


def rows_of(report):
    return dict(line.split(" : ", 1) for line in map(str.strip, repr(report).splitlines()))


def labels(report):
    return {name.strip() for name in rows_of(report)}


@FORMATS
@pytest.mark.parametrize("chunks", [10, 1])
def test_a_report_of_many_chunks_lists_none(zarr_format, chunks):
    array = zarrcy.create(100_000, chunks=chunks, store=Unlisted(), path="a", zarr_format=zarr_format)
    text = repr(array.info)
    assert f"not counted, of {100_000 // chunks}; info_complete() counts" in text
    assert "not counted" in array.info._repr_html_()
    array._repr_html_()
    with pytest.raises(AssertionError, match="listed"):
        repr(array.info_complete())
    with pytest.raises(AssertionError, match="listed"):
        array.info_items()


@FORMATS
def test_a_report_of_few_stored_values_counts_them(zarr_format):
    array = zarrcy.create(99_990, chunks=10, store={}, zarr_format=zarr_format)
    array[:20] = 1
    assert "2/9999" in repr(array.info)
    assert repr(array.info) == repr(array.info_complete())
    assert labels(array.info) >= COUNTED


class Unread(MutableMapping):
    """A mapping that is not in memory and cannot measure values: a report must not read chunks from it."""

    def __init__(self):
        self.values_by_key = {}

    def __getitem__(self, key):
        if key.rpartition("/")[2].isdigit():
            raise AssertionError("a chunk was read")
        return self.values_by_key[key]

    def __setitem__(self, key, value):
        self.values_by_key[key] = bytes(value)

    def __delitem__(self, key):
        del self.values_by_key[key]

    def __iter__(self):
        return iter(list(self.values_by_key))

    def __len__(self):
        return len(self.values_by_key)


@FORMATS
def test_a_report_reads_no_chunks_to_measure_them(zarr_format):
    array = zarrcy.create(20, chunks=10, store=Unread(), path="a", zarr_format=zarr_format)
    array[:] = 1
    assert "not counted, of 2; info_complete() counts" in repr(array.info)
    with pytest.raises(AssertionError, match="a chunk was read"):
        repr(array.info_complete())


def test_shards_count_as_one_name_each():
    array = zarrcy.create(100_000, chunks=1, shards=100, store={}, zarr_format=3)
    array[0] = 1
    assert "100/100000" in repr(array.info)


@FORMATS
def test_the_rows_for_programs_always_count(zarr_format):
    array = zarrcy.create(100_000, chunks=10, store={}, zarr_format=zarr_format)
    array[5] = 1
    rows = dict(array.info_items())
    assert rows["Chunks initialized"] == "1/10000"
    assert set(rows) >= COUNTED
    assert set(rows) - labels(array.info) == {"No. bytes stored", "Storage ratio"}
    assert "1/10000" in repr(array.info_complete())
    assert "1/10000" in array.info_complete()._repr_html_()


@FORMATS
def test_the_command_counts_many_chunks_if_it_is_asked_to(tmp_path, capsys, zarr_format):
    place = str(tmp_path / "a.zarr")
    zarrcy.create(100_000, chunks=10, store=place, zarr_format=zarr_format, dtype="i4")[5] = 1
    assert main(["info", place]) == 0
    text = capsys.readouterr().out
    assert "not counted (--count) of 10000" in text
    assert main(["info", place, "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert (info["nchunks"], info["nchunks_initialized"], info["nbytes_stored"], info["ratio"]) == (
        10_000, None, None, None,
    )  # fmt: skip
    assert main(["info", place, "--json", "--count"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["nchunks_initialized"] == 1
    assert info["nbytes_stored"] > 0
    assert main(["info", place, "--count"]) == 0
    assert "1 of 10000" in capsys.readouterr().out
