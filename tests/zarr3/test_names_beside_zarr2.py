"""Names of zarr-python 3 on the arrays and groups of zarrcy, whose meaning is that of zarr-python 2."""

import pickle

import numpy as np
import pytest

import zarrcy
from zarrcy import ContainsGroupError, GroupNotFoundError
from zarrcy.codecs import BloscCodec, BytesCodec, GzipCodec, ZstdCodec


def test_a_new_array_has_the_format_that_its_place_and_its_arguments_ask_for():
    assert zarrcy.create_array({}, shape=4, dtype="i4").zarr_format == 2
    assert zarrcy.create_array({}, shape=4, chunks=2, shards=4, dtype="i4").zarr_format == 3
    assert zarrcy.create_array({}, shape=4, dtype="i4", dimension_names=["x"]).zarr_format == 3
    for version in (2, 3):
        store = {}
        group = zarrcy.group(store, zarr_format=version)
        assert zarrcy.create_array(store, name="a", shape=4, dtype="i4").zarr_format == version
        assert group.create_array("b", shape=4, dtype="i4").zarr_format == version
        assert zarrcy.create_group(store, path="c").zarr_format == version


@pytest.mark.parametrize("version", [2, 3])
def test_new_arrays_have_the_meaning_of_zarr2(version):
    array = zarrcy.create_array({}, data=np.arange(3), zarr_format=version)
    assert type(array) is zarrcy.Array
    assert isinstance(array[1], np.integer)
    assert isinstance(array.nbytes_stored, int)
    assert array.write_empty_chunks
    assert array.filters is None
    group = zarrcy.create_group({}, zarr_format=version)
    assert type(group) is zarrcy.Group
    assert type(group.create_array("a", shape=2, dtype="i4")) is zarrcy.Array
    assert all(type(member) is zarrcy.Array for _, member in group.members())


def test_arrays_and_groups_have_the_names_of_zarr3():
    group = zarrcy.create_group({}, zarr_format=3, attributes={"a": 1})
    array = group.create_array("x/y", shape=(4, 6), chunks=(2, 3), dtype="f4", compressors=GzipCodec(level=2))
    assert array.compressors == (GzipCodec(level=2),)
    assert array.serializer == BytesCodec(endian="little")
    assert array.metadata.chunk_grid.chunk_shape == (2, 3)
    assert array.metadata.to_dict()["data_type"] == "float32"
    assert str(array.store_path).endswith("/x/y")
    assert array.update_attributes({"b": 2}).attrs.asdict() == {"b": 2}
    assert array.write_chunk_sizes == array.read_chunk_sizes == ((2, 2), (3, 3))
    assert group.metadata.attributes == {"a": 1}
    assert [name for name, _ in group.members(max_depth=None)] == ["x", "x/y"]
    assert (group.nmembers(), group.nmembers(max_depth=None)) == (1, 2)
    assert [found.path for found in group.group_values()] == ["x"]
    assert group.get_array("x/y") == array
    with pytest.raises(ContainsGroupError):
        group.get_array("x")
    with pytest.raises(GroupNotFoundError):
        group.get_group("y")
    assert group.require_array("x/y", shape=(4, 6), dtype="f4") == array
    with pytest.raises(TypeError, match="shape"):
        group.require_array("x/y", shape=(4, 5), dtype="f4")


def test_a_missing_attribute_still_raises_an_attribute_error():
    array = zarrcy.zeros(3)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        array.nothing
    assert "metadata" in dir(array)
    with pytest.raises(AttributeError, match="member"):
        zarrcy.group().nothing


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("shards", [None, (6, 8)])
def test_a_copy_keeps_layout_codecs_and_attributes(version, shards):
    if version == 2 and shards:
        pytest.skip("format 2 has no shards")
    data = np.arange(24 * 16, dtype="i4").reshape(24, 16)
    source = zarrcy.create_array(
        {}, data=data, chunks=(3, 4), shards=shards, compressors=GzipCodec(), zarr_format=version,
        fill_value=7, attributes={"a": [1]},
    )  # fmt: skip
    copied = zarrcy.from_array({}, data=source)
    assert np.array_equal(copied[:], data)
    assert copied.metadata == source.metadata
    other = zarrcy.from_array({}, data=source, zarr_format=5 - version, shards=None)
    assert np.array_equal(other[:], data)
    assert (other.fill_value, other.chunks) == (7, (3, 4))


def test_a_copy_refuses_to_delete_its_source(tmp_path):
    source = zarrcy.create_array(tmp_path / "x", name="a", data=np.arange(3))
    for place, name in ((tmp_path / "x", "a"), (tmp_path / "x", None), (tmp_path, None)):
        with pytest.raises(ValueError, match="overlap"):
            zarrcy.from_array(place, name=name, data=source, overwrite=True)
    assert source[:].tolist() == [0, 1, 2]


def test_lengths_of_chunks_make_a_grid_of_chunks_that_differ():
    array = zarrcy.create_array({}, shape=(60, 5), chunks=[[10, 20, 30], 5], dtype="i4", zarr_format=3)
    array[:] = np.arange(300).reshape(60, 5)
    assert array.read_chunk_sizes == ((10, 20, 30), (5,))
    again = zarrcy.open_array(array.store, mode="r")
    assert again.read_chunk_sizes == ((10, 20, 30), (5,))
    assert np.array_equal(again[25:45], np.arange(300).reshape(60, 5)[25:45])
    sharded = zarrcy.create_array({}, shape=60, chunks=5, shards=[[10, 20, 30]], dtype="i4", zarr_format=3)
    sharded[:] = np.arange(60)
    assert sharded[8:33].tolist() == list(range(8, 33))
    for wrong in ([[10, 20]], [[10, 20, 40]], [[60, 0]], [[]]):
        with pytest.raises(ValueError, match="chunks"):
            zarrcy.create_array({}, shape=60, chunks=wrong, dtype="i4", zarr_format=3)


@pytest.mark.parametrize(
    "codec", [BloscCodec(), BloscCodec(cname="lz4", typesize=8), ZstdCodec(level=3), GzipCodec(level=0)]
)
def test_codecs_are_values(codec):
    again = type(codec).from_dict(codec.to_dict())
    assert again == codec
    assert hash(again) == hash(codec)
    assert pickle.loads(pickle.dumps(codec)) == codec
    array = zarrcy.create_array({}, data=np.arange(100), compressors=codec, zarr_format=3)
    assert array[:].tolist() == list(range(100))
    assert type(array.compressors[0]) is type(codec)


def test_the_configuration_is_a_mapping_that_a_block_changes():
    assert zarrcy.config["array.order"] == "C"
    with zarrcy.config.set({"array.order": "F", "async.concurrency": 3}) as inner:
        assert inner.get("array.order") == "F"
        assert zarrcy.config.get("async")["concurrency"] == 3
        assert zarrcy.config.get("array.write_empty_chunks") is False
    assert zarrcy.config.get("array.order") == "C"
    with pytest.raises(KeyError):
        zarrcy.config["no.such.name"]
    assert zarrcy.config.get("no.such.name", 5) == 5
