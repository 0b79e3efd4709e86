"""Consolidated documents are validated when the store is opened, and parsed on first access."""

import json
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from fuzz.mutations import mutate
from hypothesis import given
from hypothesis import strategies as st

import zarrcy
from zarrcy import ConsolidatedMetadataStore, _kernels, errors
from zarrcy.storage import consolidated

DOCUMENT = b"""{"zarr_consolidated_format": 1, "metadata": {
    ".zgroup": {"zarr_format": 2}, "a/.zgroup": {"zarr_format": 2}, "a/b/.zattrs": {"unit": "m"}}}"""


def test_a_document_is_parsed_on_first_access_and_then_cached():
    store = ConsolidatedMetadataStore({".zmetadata": DOCUMENT})
    assert store["a/.zgroup"] is store["a/.zgroup"] is store.get("a/.zgroup")
    again = pickle.loads(pickle.dumps(store))
    for each in (store, again):
        assert next(iter(each.values())) == {"zarr_format": 2}
        assert each.meta_store is each.meta_store
        assert each.meta_store["a/.zgroup"] is each["a/.zgroup"]
        each.meta_store["new"] = {"zarr_format": 2}
        assert each["new"] == {"zarr_format": 2}
        assert "new" in each
    assert again == store


@pytest.mark.skipif(not _kernels.COMPILED, reason="a pure build parses the whole")
def test_documents_are_parsed_on_access_only(monkeypatch):
    parsed = []

    def parse_spans(whole, spans, parse=consolidated.parse_spans):
        parsed.extend(values := parse(whole, spans))
        return values

    monkeypatch.setattr(consolidated, "parse_spans", parse_spans)
    array = {"zarr_format": 2, "shape": [3], "chunks": [3], "dtype": "<i4", "fill_value": 0, "order": "C"}
    documents = {".zgroup": {"zarr_format": 2}, "b/.zgroup": {"zarr_format": 2}}
    for name in ("a0", "a1", "b/a2"):
        documents |= {
            f"{name}/.zarray": {**array, "filters": None, "compressor": None},
            f"{name}/.zattrs": {"of": name},
        }
    whole = json.dumps({"zarr_consolidated_format": 1, "metadata": documents}).encode()
    group = zarrcy.open_consolidated({".zmetadata": whole})
    assert parsed == [documents[".zgroup"]]
    assert list(group) == ["a0", "a1", "b"]
    arrays = dict(group.arrays())
    assert {array.attrs["of"] for array in arrays.values()} == {"a0", "a1"}
    assert parsed[1:] == [documents["b/.zgroup"], {"of": "a0"}, {"of": "a1"}]
    assert arrays["a1"].shape == group["a1"].shape == (3,)
    assert parsed[4:] == [documents["a1/.zarray"]]
    assert dict(group.store) == documents
    assert len(parsed) == len(documents)


@pytest.mark.skipif(not _kernels.COMPILED, reason="a pure build parses the whole")
def test_after_many_accesses_all_documents_of_the_kind_are_parsed_together(monkeypatch):
    counts = []

    def parse_spans(whole, spans, parse=consolidated.parse_spans):
        values = parse(whole, spans)
        counts.append(len(values))
        return values

    monkeypatch.setattr(consolidated, "parse_spans", parse_spans)
    documents = {f"a{n}/{end}": {"n": n, "of": end} for n in range(200) for end in (".zarray", ".zattrs")}
    documents |= {".zgroup": {}, "g/.zgroup": {}}
    whole = json.dumps({"zarr_consolidated_format": 1, "metadata": documents}).encode()
    store = ConsolidatedMetadataStore({".zmetadata": whole})
    assert [store[f"a{n}/.zattrs"]["n"] for n in range(200)] == list(range(200))
    assert counts == [1] * 32 + [168]
    assert [store[f"a{n}/.zarray"]["n"] for n in range(199, -1, -1)] == list(range(199, -1, -1))
    assert counts == ([1] * 32 + [168]) * 2
    assert store.meta_store == documents
    assert counts == [*([1] * 32 + [168]) * 2, 2]


def test_threads_can_access_documents_at_the_same_time():
    documents = {f"a{number}/.zattrs": {"n": number} for number in range(300)}
    whole = json.dumps({"zarr_consolidated_format": 1, "metadata": documents}).encode()
    for _ in range(5):
        store = ConsolidatedMetadataStore({".zmetadata": whole})
        with ThreadPoolExecutor(4) as pool:
            results = [
                pool.submit(lambda: dict(store)),
                pool.submit(lambda: store.meta_store),
                pool.submit(lambda: {key: store[key] for key in reversed(list(store))}),
                pool.submit(lambda: store.meta_store),
            ]
        assert all(result.result() == documents for result in results)


# values that are equal but not identical, and names that are not valid keys
scalars = st.sampled_from(
    [None, True, 1, 1.0, -0.0, float("nan"), float("-inf"), 10**20, "", "é", "\ud800", '"\\/']
)
names = st.sampled_from(
    [".zgroup", "a/.zarray", "é/.zattrs", "../x", "/etc", "a//b", "a\\b", "\ud800", "", "x"]
)
held = st.dictionaries(
    names, st.dictionaries(st.text(max_size=2), scalars | st.lists(scalars, max_size=2), max_size=3)
)


@given(
    documents=held | st.dictionaries(names, scalars) | scalars,
    version=st.sampled_from([1, 1, 1, 2, None, "1", True, 1.0]),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 4]),
    seed=st.none() | st.integers(0, 2**32),
)
def test_lazy_and_full_parsing_give_equal_documents_or_equal_errors(
    documents, version, ascii_only, indent, seed
):
    whole = {"metadata": documents, "zarr_consolidated_format": version}
    value = json.dumps(whole, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    if seed is not None:
        value = mutate(random.Random(seed), value, (DOCUMENT,))
    # bytes are parsed lazily if possible, other buffers are parsed as a whole
    outcomes = [outcome_of(kind(value)) for kind in (bytes, bytearray)]
    assert outcomes[0] == outcomes[1]


def outcome_of(value):
    try:
        return json.dumps(dict(ConsolidatedMetadataStore({"key": value}, "key")))
    except errors.MetadataError as exc:
        return str(exc)
