"""`ZARRCY_STRICT_JSON=1`: no document with NaN or infinities is written, and the error names what has them."""

import json
import math

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy import errors
from zarrcy.cli import main

FORMATS = [2, 3, "3-draft"]
in_each_format = pytest.mark.parametrize("zarr_format", FORMATS)
BAD = [math.nan, math.inf, -math.inf]


@pytest.fixture
def strict(monkeypatch):
    """Return a function after which JSON must be strict."""
    return lambda: monkeypatch.setenv("ZARRCY_STRICT_JSON", "1")


def with_nan(zarr_format, value=math.nan):
    """Return a store with a group and an array that have the value in an attribute."""
    store = {}
    root = zarrcy.group(store, zarr_format=zarr_format)
    group = root.create_group("g", attributes={"fine": 1, "odd": [1, {"deep": value}]})
    group.create_dataset("a", data=[1.0, 2.0], chunks=1, attributes={"missing_value": value})
    root["plain"] = [1, 2]
    return store


def documents(store):
    return {key: bytes(value) for key, value in store.items() if zarrcy.metadata.is_document_key(key)}


def assert_strict(store):
    for document in documents(store).values():
        json.loads(document, parse_constant=pytest.fail)


def copied_by_nodes(store):
    target = {}
    zarrcy.copy_all(zarrcy.open_group(store), zarrcy.group(target, zarr_format=2))
    return target


def copied_array(store):
    target = {}
    zarrcy.copy(zarrcy.open_group(store)["g/a"], zarrcy.group(target))
    return target


def copied_by_keys(store):
    target = {}
    zarrcy.copy_store(store, target)
    return target


def converted(store):
    target = {}
    zarrcy.convert(store, target, zarr_format=2 if zarrcy.open_group(store).zarr_format == 3 else 3)
    return target


def consolidated(store):
    zarrcy.consolidate_metadata(store)
    return store


def changed_attribute(store):
    zarrcy.open_group(store)["g/a"].attrs["more"] = 1
    return store


def array_from_array(store):
    target = {}
    a = zarrcy.open_group(store)["g/a"]
    zarrcy.create(2, store=target, attributes=a.attrs.asdict())
    return target


VERBS = {
    verb.__name__: verb
    for verb in (
        copied_by_nodes,
        copied_array,
        copied_by_keys,
        converted,
        consolidated,
        changed_attribute,
        array_from_array,
    )
}


@in_each_format
@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("verb", list(VERBS.values()), ids=list(VERBS))
def test_a_verb_that_would_write_bare_nan_is_refused_with_the_name_of_the_attribute(
    zarr_format, value, verb, strict
):
    store = with_nan(zarr_format, value)
    before = dict(store)
    strict()
    with pytest.raises(ValueError, match=r"the attribute '(missing_value|odd)'") as caught:
        verb(store)
    assert "ZARRCY_STRICT_JSON" in str(caught.value)
    assert "nset ZARRCY_STRICT_JSON" in str(caught.value)
    assert "g" in str(caught.value)
    assert store == before


@in_each_format
@pytest.mark.parametrize("verb", list(VERBS.values()), ids=list(VERBS))
def test_verbs_write_strict_json_if_the_source_has_none(zarr_format, verb, strict):
    store = with_nan(zarr_format, 1.5)
    strict()
    assert_strict(verb(store))


@pytest.mark.parametrize("verb", list(VERBS.values()), ids=list(VERBS))
def test_without_the_setting_all_verbs_keep_nan(verb):
    assert verb(with_nan(2))


@in_each_format
def test_reading_and_writing_elements_and_deleting_are_possible_beside_bare_nan(zarr_format, strict):
    store = with_nan(zarr_format)
    strict()
    root = zarrcy.open_group(store)
    root["g/a"][:] = 5
    assert root["g/a"][:].tolist() == [5, 5]
    assert math.isnan(root["g/a"].attrs["missing_value"])
    root["plain"].resize(5)
    root["plain"].attrs["n"] = 1
    root["g/a"].attrs.put({})
    root.move("g/a", "b")
    del root["g"]
    zarrcy.consolidate_metadata(store)
    assert_strict(store)


@pytest.mark.parametrize("change", ["append", "resize", "fill_value"])
def test_a_change_of_an_array_whose_document_has_bare_nan_names_the_attribute(change, strict):
    store = with_nan(3)
    before = documents(store)
    strict()
    a = zarrcy.open_group(store)["g/a"]
    with pytest.raises(errors.StrictJSONError, match=r"the attribute 'missing_value' of 'g/a/zarr.json'"):
        {
            "append": lambda: a.append([3.0]),
            "resize": lambda: a.resize(7),
            "fill_value": lambda: setattr(a, "fill_value", 3),
        }[change]()
    assert documents(store) == before
    assert a.shape == (2,)
    assert a[:].tolist() == [1, 2]


FILLS = {
    "float": ("f8", math.nan),
    "infinite": ("f4", -math.inf),
    "half": ("f2", math.nan),
    "complex": ("c16", complex(math.nan, math.inf)),
    "time": ("M8[ns]", np.datetime64("NaT")),
    "time difference": ("m8[s]", np.timedelta64("NaT")),
    "structured": ([("a", "f8"), ("b", "i4")], (math.nan, 1)),
}


@in_each_format
@pytest.mark.parametrize(("dtype", "fill"), list(FILLS.values()), ids=list(FILLS))
def test_fill_values_are_strict_json_whatever_they_are(zarr_format, dtype, fill, strict):
    strict()
    store = {}
    root = zarrcy.group(store, zarr_format=zarr_format)
    a = root.create_dataset("a", shape=3, chunks=2, dtype=dtype, fill_value=np.array(fill, dtype)[()])
    a.append(np.zeros(1, dtype))
    zarrcy.consolidate_metadata(store)
    zarrcy.copy(a, root, name="b")
    if zarr_format != "3-draft":
        zarrcy.convert(store, {}, zarr_format=5 - zarr_format)
    assert_strict(store)
    assert root["b"].fill_value.tobytes() == np.array(fill, dtype).tobytes()


@pytest.mark.parametrize("zarr_format", [2, "3-draft"])
def test_a_fill_value_without_a_form_in_strict_json_is_refused(zarr_format, strict):
    strict()
    store = {}
    with pytest.raises(errors.StrictJSONError, match="fill_value"):
        zarrcy.create(
            3,
            store=store,
            path="a",
            dtype=object,
            object_codec=numcodecs.JSON(),
            fill_value=math.nan,
            zarr_format=zarr_format,
        )
    assert not any(key.endswith((".zarray", ".array.json")) for key in store)


def test_a_member_of_another_writer_with_nan_is_named_with_its_place_in_the_document(strict):
    store = {}
    a = zarrcy.create(3, store=store, zarr_format=3)
    document = json.loads(store["zarr.json"])
    document["_seen"] = {"must_understand": False, "range": [{"low": math.nan}]}
    store["zarr.json"] = json.dumps(document).encode()
    strict()
    with pytest.raises(errors.StrictJSONError, match=r"the member '_seen.range\[0\].low' of 'zarr.json'"):
        a.resize(5)


def test_an_n5_container_gets_no_bare_nan(tmp_path, strict):
    zarrcy.open_group(zarrcy.N5Store(tmp_path / "a.n5"), mode="w").attrs["odd"] = math.nan
    strict()
    root = zarrcy.open_group(zarrcy.N5Store(tmp_path / "a.n5"), mode="r+")
    with pytest.raises(errors.StrictJSONError, match="'odd'"):
        root.attrs["n"] = 1
    root.attrs["odd"] = None
    json.loads((tmp_path / "a.n5" / "attributes.json").read_bytes(), parse_constant=pytest.fail)


# -- commands --------------------------------------------------------------------------------------


def write_hdf5(path, place):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        group = file.create_group("ocean")
        salt = group.create_dataset("salt", data=[1.0, 2.0])
        {"file": file, "group": group, "dataset": salt}[place].attrs["valid_range"] = np.array([-np.inf, 1])


@pytest.mark.parametrize(("place", "name"), [("file", "/"), ("group", "/ocean"), ("dataset", "/ocean/salt")])
def test_an_import_names_the_attribute_and_the_object_of_the_file(place, name, tmp_path, strict, capsys):
    write_hdf5(tmp_path / "a.h5", place)
    strict()
    assert main(["import", str(tmp_path / "a.h5"), str(tmp_path / "a.zarr")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"a.h5: the attribute 'valid_range' of {name} is -inf, which JSON does not have" in line
    assert "Unset it, or remove or replace the attribute in the file" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5"]


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("command", ["copy", "rechunk", "archive", "convert", "consolidate"])
def test_commands_name_the_attribute_in_one_line(zarr_format, command, tmp_path, strict, capsys):
    source, target = str(tmp_path / "a.zarr"), str(tmp_path / "b.zarr")
    zarrcy.DirectoryStore(source).update(with_nan(zarr_format))
    strict()
    arguments = {
        "copy": ["copy", source, target],
        "rechunk": ["copy", source, target, "--chunks", "2"],
        "archive": ["copy", source, str(tmp_path / "b.zip")],
        "convert": ["convert", source, target, "--zarr-format", str(5 - zarr_format)],
        "consolidate": ["consolidate", source],
    }[command]
    assert main(arguments) == 2
    errors_shown = capsys.readouterr().err
    assert "ZARRCY_STRICT_JSON" in errors_shown
    assert "attribute 'missing_value'" in errors_shown or "attribute 'odd'" in errors_shown
    assert "Traceback" not in errors_shown
