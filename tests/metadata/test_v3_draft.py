"""The withdrawn draft of Zarr v3: finding, parsing, refusing, and keeping it apart from other formats."""

import itertools
import json
import pickle

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy import errors
from zarrcy.testing import CountingStore

DRAFT = "3-draft"


def document(store, path):
    return json.loads(store[f"meta/root/{path}.json"])


def changed(store, key, **members):
    store[key] = json.dumps({**json.loads(store[key]), **members}).encode()


class Asked(dict):
    """A store that records the requested keys."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def __contains__(self, key):
        self.asked.append(key)
        return super().__contains__(key)

    def __getitem__(self, key):
        self.asked.append(key)
        return super().__getitem__(key)


@pytest.fixture
def store():
    """Return a store with the array ``g/a``."""
    store = {}
    zarrcy.create((4, 5), chunks=(3, 2), dtype="i4", store=store, path="g/a", zarr_format=DRAFT)[:] = 7
    return store


class TestPlaces:
    def test_documents_and_chunks_have_separate_roots(self, store):
        chunks = [f"data/root/g/a/c{i}/{j}" for i in range(2) for j in range(3)]
        documents = [
            "meta/root/g.group.json",
            "meta/root/g/a.array.json",
            "zarr.json",
        ]
        assert sorted(store) == [*chunks, *documents]
        assert json.loads(store["zarr.json"])["zarr_format"] == "https://purl.org/zarr/spec/protocol/core/3.0"

    def test_an_array_can_be_at_the_root(self):
        store = {}
        zarrcy.create(3, store=store, zarr_format=DRAFT, dimension_separator=".")[:] = 1
        assert sorted(store) == ["data/root/c0", "meta/root.array.json", "zarr.json"]
        assert zarrcy.open(store, mode="r")[:].tolist() == [1, 1, 1]

    def test_an_array_without_axes_has_one_chunk(self):
        store = {}
        zarrcy.array(2.5, store=store, path="a", zarr_format=DRAFT)
        assert "data/root/a/c0" in store
        assert zarrcy.open_array(store, path="a").nchunks_initialized == 1

    @pytest.mark.parametrize("separator", [".", "/"])
    def test_chunks_below_the_data_root_are_counted_and_deleted(self, separator):
        store = {}
        a = zarrcy.create(
            (4, 4), chunks=2, store=store, path="a", zarr_format=DRAFT, dimension_separator=separator
        )
        a[:] = 1
        assert (a.nchunks_initialized, a.nbytes_stored) == (
            4,
            sum(len(value) for key, value in store.items() if key.rpartition(".")[0] != "meta/root.group")
            - len(store["zarr.json"]),
        )
        a.resize(2, 2)
        assert [key for key in store if key.startswith("data")] == [f"data/root/a/c0{separator}0"]

    def test_chunks_can_be_in_a_separate_store(self):
        documents, chunks = {}, {}
        g = zarrcy.group(documents, chunk_store=chunks, zarr_format=DRAFT)
        g.create_dataset("a/b", data=[1, 2])
        assert sorted(chunks) == ["data/root/a/b/c0"]
        g.move("a", "c")
        assert sorted(chunks) == ["data/root/c/b/c0"]
        assert g["c/b"][:].tolist() == [1, 2]
        del g["c/b"]
        assert chunks == {}

    @pytest.mark.parametrize("make", [dict, zarrcy.MemoryStore, CountingStore])
    def test_moving_and_deleting_leave_no_keys_behind(self, make):
        store = make()
        g = zarrcy.group(store, zarr_format=DRAFT)
        g["a/b/c"] = [1, 2]
        g["a/bb"] = [3]
        g.move("a/b", "d/e")
        assert not [key for key in store if "/a/b/" in key or "/a/b." in key]
        assert g["d/e/c"][:].tolist() == [1, 2]
        assert g["a/bb"][:].tolist() == [3]
        del g["d"], g["a"]
        assert sorted(store) == ["meta/root.group.json", "zarr.json"]

    def test_the_name_of_a_node_can_end_like_a_document_key(self):
        g = zarrcy.group(zarr_format=DRAFT)
        g["x.array.json"] = [1]
        g.create_group("x.group.json")
        assert list(g) == ["x.array.json", "x.group.json"]


class TestGroupsWithoutADocument:
    @pytest.fixture
    def g(self, store):
        """Return the root of a hierarchy without group documents: zarr-python 2 writes none above an array."""
        del store["meta/root/g.group.json"]
        return zarrcy.open_group(store, mode="r+")

    def test_groups_without_documents_are_found(self, g, store):
        assert g.zarr_format == DRAFT
        assert (list(g), list(g["g"]), g["g"].attrs.asdict()) == (["g"], ["a"], {})
        assert zarrcy.open(store, path="g", mode="r")["a"][0, 0] == 7
        paths = []
        g.visit(paths.append)
        assert paths == ["g", "g/a"]

    def test_the_first_attribute_creates_the_document(self, g, store):
        g["g"].attrs["n"] = 1
        assert document(store, "g.group") == {"attributes": {"n": 1}}
        assert zarrcy.open_group(store, path="g").attrs.asdict() == {"n": 1}

    def test_a_group_without_a_document_ends_with_its_last_member(self, g):
        del g["g/a"]
        assert "g" not in g

    def test_an_array_cannot_replace_a_group_without_a_document(self, g):
        with pytest.raises(errors.ContainsGroupError):
            g.create_dataset("g", shape=1)

    def test_saving_attributes_of_a_deleted_group_is_refused(self, g, store):
        group = g["g"]
        del g["g"]
        with pytest.raises(errors.MetadataError, match="it no longer exists"):
            group.attrs["n"] = 1
        assert "meta/root/g.group.json" not in store


CREATE = {
    "create": lambda store: zarrcy.create(2, store=store, zarr_format=DRAFT),
    "array": lambda store: zarrcy.array([1], store=store, zarr_format=DRAFT),
    "zeros": lambda store: zarrcy.zeros(2, store=store, zarr_format=DRAFT),
    "open_array": lambda store: zarrcy.open_array(store, shape=2, zarr_format=DRAFT),
    "open": lambda store: zarrcy.open(store, shape=2, zarr_format=DRAFT),
    "group": lambda store: zarrcy.group(store, zarr_format=DRAFT),
    "open_group": lambda store: zarrcy.open_group(store, mode="w", zarr_format=DRAFT),
    "save": lambda store: zarrcy.save(store, [1, 2], zarr_format=DRAFT),
    "save_group": lambda store: zarrcy.save_group(store, a=[1, 2], zarr_format=DRAFT),
    "zarr_version": lambda store: zarrcy.create(2, store=store, zarr_version=DRAFT),
}


class TestChoosing:
    @pytest.mark.parametrize("create", CREATE.values(), ids=CREATE)
    def test_every_function_with_a_format_can_create_the_draft(self, create):
        store = {}
        create(store)
        opened = zarrcy.open(store, mode="r")
        assert opened.zarr_format == DRAFT
        assert pickle.loads(pickle.dumps(opened)).zarr_format == DRAFT
        assert not [key for key in store if key != "zarr.json" and not key.startswith(("meta/", "data/"))]

    def test_new_nodes_have_the_format_of_their_hierarchy(self, store):
        assert zarrcy.create(1, store=store, path="other").zarr_format == DRAFT
        assert zarrcy.open_group(store)["g"].create_group("x").zarr_format == DRAFT

    @pytest.mark.parametrize("value", ["1", "true"])
    def test_zarr_version_3_is_the_draft_if_the_environment_variable_is_set(self, value, monkeypatch):
        monkeypatch.setenv("ZARR_V3_EXPERIMENTAL_API", value)
        with pytest.warns(FutureWarning, match="zarr_format=3 for the final version"):
            a = zarrcy.create(2, zarr_version=3)
        assert a.zarr_format == DRAFT
        assert zarrcy.create(2, zarr_format=3).zarr_format == 3
        with pytest.warns(FutureWarning):
            assert zarrcy.Array(a.store, zarr_version=3).zarr_format == DRAFT

    @pytest.mark.parametrize("value", ["0", "False", None])
    def test_zarr_version_3_is_the_final_version_otherwise(self, value, monkeypatch):
        monkeypatch.delenv("ZARR_V3_EXPERIMENTAL_API", raising=False)
        if value is not None:
            monkeypatch.setenv("ZARR_V3_EXPERIMENTAL_API", value)
        assert zarrcy.create(2, zarr_version=3).zarr_format == 3

    @pytest.mark.parametrize(("there", "asked"), list(itertools.permutations([2, 3, DRAFT], 2)))
    def test_a_group_of_one_format_is_not_found_in_another(self, there, asked):
        store = {}
        zarrcy.group(store, zarr_format=there).attrs["n"] = 1
        before = dict(store)
        for make in (zarrcy.group, zarrcy.open_group):
            with pytest.raises(errors.ContainsGroupError):
                make(store, zarr_format=asked)
        assert store == before

    @pytest.mark.parametrize(("there", "asked"), list(itertools.permutations([2, 3, DRAFT], 2)))
    def test_mode_w_replaces_a_root_of_another_format(self, there, asked):
        store = {}
        zarrcy.group(store, zarr_format=there)["a/b"] = [1, 2]
        zarrcy.group(store, zarr_format=asked, overwrite=True)["c"] = [3]
        opened = zarrcy.open_group(store, mode="r")
        assert (opened.zarr_format, list(opened)) == (asked, ["c"])
        fresh = {}
        zarrcy.group(fresh, zarr_format=asked)["c"] = [3]
        assert store.keys() == fresh.keys()

    def test_the_draft_is_not_created_below_a_group_of_the_final_version(self):
        store = {}
        zarrcy.group(store, zarr_format=3)
        before = dict(store)
        with pytest.raises(errors.ContainsGroupError):
            zarrcy.create(1, store=store, path="a", zarr_format=DRAFT)
        assert store == before

    @pytest.mark.parametrize("batched", [False, True])
    @pytest.mark.parametrize(("zarr_format", "own"), [(2, {".zarray", ".zgroup"}), (3, set())])
    def test_finding_nodes_of_other_formats_does_not_read_keys_of_the_draft(self, zarr_format, own, batched):
        store = Asked()
        zarrcy.group(store, zarr_format=zarr_format)["g/a"] = [1]
        if batched:
            store.getitems = lambda keys: {key: store[key] for key in keys if key in store}
        for path in ("", "g", "g/a"):
            store.asked.clear()
            zarrcy.open(store, path=path, mode="r")
            assert {key.rpartition("/")[2] for key in store.asked} <= {"zarr.json"} | own
            assert {key.rpartition("/")[0] for key in store.asked} == {path}


class TestDescribing:
    def test_unknown_members_survive_a_rewrite(self, store):
        changed(store, "meta/root/g/a.array.json", ours={"a": 1}, extensions=[{"must_understand": False}])
        zarrcy.open_array(store, path="g/a").resize(9, 9)
        opened = document(store, "g/a.array")
        assert opened["ours"] == {"a": 1}
        assert (opened["shape"], opened["extensions"]) == ([9, 9], [{"must_understand": False}])

    def test_filters_are_stored_as_an_attribute_that_users_do_not_see(self):
        store = {}
        a = zarrcy.array(
            [1, 2],
            store=store,
            path="a",
            filters=[numcodecs.Delta("i8")],
            attributes={"n": 1},
            zarr_format=DRAFT,
        )
        assert a.attrs.asdict() == {"n": 1}
        a.attrs.put({})
        a.append([3])
        assert document(store, "a.array")["attributes"] == {
            "filters": [{"id": "delta", "dtype": "<i8", "astype": "<i8"}]
        }
        assert zarrcy.open_array(store, path="a")[:].tolist() == [1, 2, 3]

    def test_an_attribute_with_the_name_of_the_filters_is_refused(self, store):
        a = zarrcy.open_array(store, path="g/a")
        before = dict(store)
        with pytest.raises(ValueError, match="choose another name"):
            a.attrs["filters"] = 1
        with pytest.raises(ValueError, match="choose another name"):
            zarrcy.create(1, store=store, path="b", attributes={"filters": []})
        assert store == before
        zarrcy.open_group(store, path="g").attrs["filters"] = 1
        assert document(store, "g.group") == {"attributes": {"filters": 1}}

    @pytest.mark.parametrize(
        "word",
        [
            {"codecs": []},
            {"shards": 4},
            {"dimension_names": ["x"]},
            {"chunk_key_encoding": "v2"},
            {"compressor": numcodecs.PackBits()},
            {"dimension_separator": "-"},
            {"dtype": "M8[10ns]"},
            {"dtype": np.longdouble},
            {"dtype": np.clongdouble},
        ],
        ids=str,
    )
    def test_arguments_that_the_draft_cannot_store_are_refused(self, word):
        store = {}
        with pytest.raises(ValueError, match=r"zarr_format=|filters|dimension_separator"):
            zarrcy.create(2, **{"chunks": 2, **word}, store=store, zarr_format=DRAFT)
        assert store == {}

    @pytest.mark.parametrize(
        ("members", "match"),
        [
            ({"shape": [-1, 5]}, r"shape\[0\]"),
            ({"shape": [5]}, "a length for each axis"),
            ({"shape": [1] * 99}, "at most 64 axes"),
            ({"chunk_grid": {"type": "rectilinear"}}, "chunk_grid.type"),
            ({"chunk_grid": {"type": "regular", "chunk_shape": [3, 2], "separator": "-"}}, "separator"),
            ({"chunk_memory_layout": "A"}, "chunk_memory_layout"),
            ({"data_type": "f99"}, "data type 'f99'"),
            ({"data_type": {"extension": "x"}}, "it lacks 'type'"),
            ({"data_type": {"type": [[""]]}}, "not a field of a data type"),
            ({"fill_value": "text"}, "fill"),
            ({"compressor": {"codec": "https://elsewhere/1.0", "configuration": {}}}, "it must be one of"),
            ({"compressor": {"codec": "https://purl.org/zarr/spec/codec/gzip/1.0"}}, "configuration"),
            ({"attributes": {"filters": {}, "x": 1} | {"filters": "delta"}}, "list of codecs"),
            ({"attributes": []}, "must be an object"),
            ({"extensions": [{"extension": "x"}]}, "not supported"),
            (
                {
                    "storage_transformers": [
                        {
                            "extension": "https://purl.org/zarr/spec/storage_transformers/sharding/1.0",
                            "type": "indexed",
                        }
                    ]
                },
                "shards of the draft",
            ),
            (
                {"storage_transformers": [{"extension": "https://example.org/x", "type": "y"}]},
                "import the subclass of StorageTransformer",
            ),
            ({"storage_transformers": [{"type": "indexed"}]}, "it lacks 'extension'"),
        ],
        ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
    )
    def test_an_error_names_the_malformed_document(self, store, members, match):
        changed(store, "meta/root/g/a.array.json", **members)
        with pytest.raises(errors.MetadataError, match=match) as caught:
            zarrcy.open_array(store, path="g/a", mode="r")
        assert "meta/root/g/a.array.json" in str(caught.value)

    @pytest.mark.parametrize(
        ("members", "match"),
        [
            ({"zarr_format": "https://elsewhere/4.0"}, "for the draft of Zarr v3"),
            ({"metadata_key_suffix": ".xml"}, "metadata_key_suffix"),
            ({"extensions": [{"extension": "x", "must_understand": True}]}, "not supported"),
        ],
    )
    def test_a_store_with_unknown_extensions_is_refused(self, store, members, match):
        changed(store, "zarr.json", **members)
        with pytest.raises(errors.MetadataError, match=match):
            zarrcy.open_array(store, path="g/a", mode="r")

    def test_a_group_with_a_malformed_document_is_refused(self, store):
        store["meta/root/g.group.json"] = b'{"attributes": 1}'
        with pytest.raises(errors.MetadataError, match="attributes"):
            zarrcy.open_group(store, path="g", mode="r")


class TestElsewhere:
    def test_a_hierarchy_is_copied_from_and_to_the_draft(self, store):
        zarrcy.open_group(store, path="g").attrs["n"] = 1
        final = zarrcy.group(zarr_format=3)
        zarrcy.copy(zarrcy.open_group(store)["g"], final)
        assert (final["g/a"][1, 1], final["g"].attrs["n"]) == (7, 1)
        back = zarrcy.group(zarr_format=DRAFT)
        zarrcy.copy_all(final, back)
        np.testing.assert_array_equal(back["g/a"][:], final["g/a"][:])
        assert back["g"].attrs["n"] == 1

    def test_consolidated_metadata_have_the_key_of_zarr_python_2(self, store):
        zarrcy.consolidate_metadata(store)
        assert "meta/root/consolidated/.zmetadata" in store
        opened = zarrcy.open_consolidated(store, mode="r+")
        opened["g/a"][0, 0] = 1
        assert zarrcy.open_array(store, path="g/a")[0, 0] == 1
        assert list(zarrcy.open_group(store)) == ["g"], "no group is made of them"

    def test_load_and_tree_read_the_draft(self, store):
        assert zarrcy.load(store, path="g/a").sum() == 140
        assert "a (4, 5) int32" in str(zarrcy.open_group(store).tree())

    @pytest.mark.parametrize("other", [2, 3])
    def test_converting_from_and_to_other_formats_does_not_decode_chunks(self, store, other):
        zarrcy.open_group(store, path="g").attrs["n"] = 1
        there, back = {}, {}
        for source, target, version in ((store, there, other), (there, back, DRAFT)):
            converted = zarrcy.convert(source, target, zarr_format=version)
            assert [node.how for node in converted.nodes] == ["as stored"] * 3
            assert zarrcy.open_group(target, mode="r")["g"].attrs.asdict() == {"n": 1}
            assert zarrcy.open_array(target, path="g/a", mode="r")[:].sum() == 140
        chunks = {key: value for key, value in store.items() if key.startswith("data/")}
        assert chunks == {key: value for key, value in back.items() if key.startswith("data/")}
        assert back.keys() == store.keys() | {"meta/root.group.json"}

    def test_converting_the_draft_in_place_is_refused(self, store):
        before = dict(store)
        with pytest.raises(errors.ConversionError, match="give a destination"):
            zarrcy.convert(store)
        assert store == before
