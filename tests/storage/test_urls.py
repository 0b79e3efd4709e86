"""The argument ``store=`` accepts paths, URLs and stores of other libraries, and refuses other objects."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import fsspec
import numpy as np
import obstore.store
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from interop.conftest import zarr2  # noqa: F401
from interop.programs.containers import copy_of_local_url
from servers import http_url_fixture, s3_endpoint_fixture  # noqa: F401

import zarrcy
from zarrcy.errors import MissingExtraError, ReadOnlyError, StoreArgumentError
from zarrcy.storage import DirectoryStore, KVStore, MemoryStore, normalize_store_arg
from zarrcy.storage.local.zip import ZipStore
from zarrcy.storage.n5.store import N5Store
from zarrcy.storage.remote.fsspec import FSStore
from zarrcy.storage.remote.obstore import ObjectStore

DATA = np.arange(60.0).reshape(6, 10)


@pytest.fixture(autouse=True)
def _forget():
    yield
    MemoryFileSystem.store.clear()


def s3_options(endpoint):
    return {"endpoint_url": endpoint, "key": "test", "secret": "test"}


# -- the argument ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "kind"),
    [
        ("{tmp}/a", DirectoryStore),
        ("{tmp}/a.zarr", DirectoryStore),
        ("file://{tmp}/a", DirectoryStore),
        ("{tmp}/a.zip", ZipStore),
        ("{tmp}/a.n5", N5Store),
        ("memory://a", FSStore),
        ("memory://a.zip", FSStore),
        ("simplecache::memory://a", FSStore),
        ("zip://a::file://{tmp}/a.zip", FSStore),
    ],
)
def test_the_form_of_a_path_or_url_decides_the_kind_of_store(tmp_path, argument, kind):
    with zipfile.ZipFile(tmp_path / "a.zip", "w"):
        pass
    store = normalize_store_arg(argument.format(tmp=tmp_path))
    assert type(store) is kind
    if not argument.startswith(("memory", "simple", "zip", "file")):
        assert type(normalize_store_arg(Path(argument.format(tmp=tmp_path)))) is kind
    getattr(store, "close", lambda: None)()


def test_a_store_is_used_as_it_is():
    store = MemoryStore()
    assert normalize_store_arg(store) is store
    assert type(normalize_store_arg(None)) is MemoryStore
    assert normalize_store_arg({"a": b"x"})["a"] == b"x"
    assert type(normalize_store_arg({})) is KVStore


@pytest.mark.parametrize("argument", [5, 1.5, [1], object()])
def test_an_object_that_is_not_a_store_is_refused(argument):
    with pytest.raises(StoreArgumentError, match="is not a store"):
        normalize_store_arg(argument)
    with pytest.raises((TypeError, ValueError)):
        zarrcy.open_array(argument, mode="r")


@pytest.mark.parametrize("path", ["a.zarr", "a.zip", "a.n5"])
def test_storage_options_are_refused_for_local_paths(tmp_path, path):
    with pytest.raises(ValueError, match=r"\['anon'\] are options for URLs.*file://"):
        normalize_store_arg(str(tmp_path / path), storage_options={"anon": True})
    assert list(tmp_path.iterdir()) == []


def test_storage_options_are_passed_to_the_file_system(tmp_path):
    store = normalize_store_arg(f"file://{tmp_path}/a", storage_options={"auto_mkdir": False})
    assert type(store) is FSStore
    assert store.fs.auto_mkdir is False


def test_new_arrays_have_the_dimension_separator_of_the_argument(tmp_path):
    for argument in (None, {}, str(tmp_path / "a"), str(tmp_path / "a.zip"), "memory://a"):
        store = normalize_store_arg(argument, mode="w", dimension_separator="/")
        assert zarrcy.create((2, 2), store=store).dimension_separator == "/"
        getattr(store, "close", lambda: None)()


# -- URLs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["memory://a.zarr", "file://{tmp}/a.zarr", "memory://deep/er/a.zarr"])
def test_an_array_at_a_url_can_be_opened_in_all_modes(tmp_path, url):
    url = url.format(tmp=tmp_path)
    with pytest.raises(zarrcy.ArrayNotFoundError):
        zarrcy.open_array(url, mode="r")
    a = zarrcy.open_array(url, mode="w-", shape=DATA.shape, chunks=(2, 3))
    a[...] = DATA
    with pytest.raises(zarrcy.ContainsArrayError):
        zarrcy.open_array(url, mode="w-", shape=3)
    zarrcy.open_array(url, mode="r+")[0] = -1
    a = zarrcy.open_array(url, mode="r")
    assert (a[0] == -1).all()
    np.testing.assert_array_equal(a[1:], DATA[1:])
    with pytest.raises(ReadOnlyError):
        a[0] = 1
    assert zarrcy.open_array(url, mode="a", shape=3).shape == DATA.shape
    assert zarrcy.open_array(url, mode="w", shape=3).shape == (3,)
    url += "2"
    zarrcy.save_array(url, DATA, path="sub")
    np.testing.assert_array_equal(zarrcy.open_array(url, mode="r", path="sub")[...], DATA)


def test_an_array_in_an_archive_can_be_written_and_read(tmp_path):
    path = tmp_path / "a.zip"
    with pytest.raises(FileNotFoundError):
        zarrcy.open_array(str(path), mode="r+")
    assert not path.exists()
    a = zarrcy.open_array(str(path), mode="w-", shape=DATA.shape, chunks=(2, 3))
    a[...] = DATA
    a.store.close()
    for mode in ("r", "r+", "a"):
        a = zarrcy.open_array(path, mode=mode)
        np.testing.assert_array_equal(a[...], DATA)
        a.store.close()
    chained = zarrcy.open_array(f"zip://::file://{path}", mode="r")
    np.testing.assert_array_equal(chained[...], DATA)
    chained.store.fs.close()


def test_an_array_in_s3_can_be_written_and_read(s3_endpoint):
    options = s3_options(s3_endpoint)
    url = "s3://zarrcy/urls/a.zarr"
    a = zarrcy.open_array(url, mode="w", shape=DATA.shape, chunks=(2, 3), storage_options=options)
    a[...] = DATA
    again = zarrcy.open_array(url, mode="r", storage_options=options)
    np.testing.assert_array_equal(again[1:5, 2:9], DATA[1:5, 2:9])
    assert again.nchunks_initialized == 12
    cached = zarrcy.open_array(f"simplecache::{url}", mode="r", storage_options={"s3": options})
    np.testing.assert_array_equal(cached[...], DATA)
    theirs = obstore.store.S3Store(
        "zarrcy",
        prefix="urls/a.zarr",
        endpoint=s3_endpoint,
        access_key_id="test",
        secret_access_key="test",
        region="us-east-1",
        client_options={"allow_http": True},
    )
    np.testing.assert_array_equal(zarrcy.open_array(theirs, mode="r")[...], DATA)


def test_an_array_can_be_read_over_plain_http(http_url):
    url, folder = http_url
    a = zarrcy.open_array(str(folder / "a.zarr"), mode="w", shape=(9, 9), chunks=(4, 3), fill_value=7)
    a[:6] = np.arange(54).reshape(6, 9)
    again = zarrcy.open_array(f"{url}/a.zarr", mode="r")
    # chunks that were never written are missing, which is not an error
    np.testing.assert_array_equal(again[...], a[...])
    assert again.nchunks_initialized == a.nchunks_initialized == 6
    assert again.nbytes_stored == -1
    assert sorted(again.store) == sorted(a.store)
    with pytest.raises(zarrcy.ArrayNotFoundError):
        zarrcy.open_array(f"{url}/b.zarr", mode="r")
    # this server does not support range requests and sends whole files
    whole = (folder / "a.zarr" / ".zarray").read_bytes()
    parts = again.store.get_partial_values(
        [(".zarray", (2, 5)), (".zarray", (-4, 2)), ("nonesuch", (0, 1)), (".zarray", (0, 10**6))]
    )
    assert parts == [whole[2:7], whole[-4:-2], None, whole]


# -- stores of other libraries -----------------------------------------------------------------------


def test_a_mapper_of_fsspec_can_be_used_as_a_store():
    mapper = fsspec.get_mapper("memory://mapped")
    zarrcy.save_array(mapper, DATA)
    a = zarrcy.open_array(mapper, mode="r")
    assert type(a.store) is FSStore
    assert a.store.fs is mapper.fs
    np.testing.assert_array_equal(a[...], DATA)
    assert json.loads(mapper[".zarray"])["shape"] == [6, 10]
    with pytest.raises(ReadOnlyError):
        a.store["x"] = b"1"


def test_a_store_of_obstore_can_be_used_as_a_store():
    theirs = obstore.store.MemoryStore()
    zarrcy.save_array(theirs, DATA)
    a = zarrcy.open_array(theirs, mode="r")
    assert type(a.store) is ObjectStore
    np.testing.assert_array_equal(a[...], DATA)
    with pytest.raises(ReadOnlyError):
        a.store["x"] = b"1"


@pytest.mark.parametrize("kind", ["LocalStore", "FsspecStore", "ObjectStore"])
def test_a_store_of_zarr_python_3_is_opened_at_its_location(tmp_path, kind):
    zarr = pytest.importorskip("zarr", minversion="3.1")
    if kind == "LocalStore":
        theirs = zarr.storage.LocalStore(tmp_path / "a")
    elif kind == "FsspecStore":
        theirs = zarr.storage.FsspecStore.from_url(
            f"file://{tmp_path}/a", storage_options={"auto_mkdir": True}
        )
    else:
        theirs = zarr.storage.ObjectStore(obstore.store.LocalStore(tmp_path / "a", mkdir=True))
    zarr.save_array(theirs, DATA, zarr_format=2)
    a = zarrcy.open_array(theirs, mode="r+")
    np.testing.assert_array_equal(a[...], DATA)
    a[0] = 0
    assert (zarr.open_array(theirs, mode="r")[0] == 0).all()


def test_a_store_of_zarr_python_3_without_a_location_is_asked_for_its_values():
    zarr = pytest.importorskip("zarr", minversion="3.1")
    theirs = zarr.storage.MemoryStore()
    zarrcy.open_array(theirs, mode="w", shape=3)[:] = [1, 2, 3]
    assert zarr.open_array(theirs, mode="r")[:].tolist() == [1, 2, 3]
    with pytest.raises(StoreArgumentError, match="object"):
        zarrcy.open_array(object(), mode="w", shape=3)


def test_zarr_python_2_and_zarrcy_read_local_urls_of_each_other(zarr2, tmp_path):  # noqa: F811
    zarrcy.save_array(FSStore(f"file://{tmp_path}/ours", dimension_separator="/"), DATA, chunks=(2, 3))
    copied = zarr2.run(copy_of_local_url, tmp_path)
    if copied == {"NoneType": "None"}:
        pytest.skip("fsspec is not installed beside zarr-python 2, whose FSStore needs it")
    assert copied == {"tuple": [{"bool": "True"}, {"str": "'/'"}]}
    np.testing.assert_array_equal(zarrcy.load(f"file://{tmp_path}/theirs"), DATA + 1)


# -- missing packages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "make", "extra"),
    [
        ("fsspec", "normalize_store_arg('memory://a')", "zarrcy[fsspec]"),
        ("s3fs", "normalize_store_arg('s3://bucket/a')", "zarrcy[s3]"),
        ("s3fs", "normalize_store_arg('simplecache::s3://bucket/a')", "zarrcy[s3]"),
        ("obstore", "ObjectStore(None)", "zarrcy[obstore]"),
        ("redis", "RedisStore()", "zarrcy[redis]"),
        ("pymongo", "MongoDBStore()", "zarrcy[mongodb]"),
        ("azure.core.exceptions", "ABSStore(client=1)", "zarrcy[azure]"),
        ("fsspec", "N5FSStore('memory://a')", "zarrcy[fsspec]"),
    ],
)
def test_an_error_names_the_missing_package_and_its_extra(monkeypatch, missing, make, extra):
    from zarrcy.storage.n5.store import N5FSStore
    from zarrcy.storage.remote.azure import ABSStore
    from zarrcy.storage.remote.mongodb import MongoDBStore
    from zarrcy.storage.remote.redis import RedisStore

    names = {"normalize_store_arg": normalize_store_arg, "ObjectStore": ObjectStore, "N5FSStore": N5FSStore}
    names |= {"RedisStore": RedisStore, "MongoDBStore": MongoDBStore, "ABSStore": ABSStore}
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "s3fs":
        # fsspec caches classes that it has imported
        monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(MissingExtraError) as caught:
        eval(make, names)
    assert extra in str(caught.value)
    assert isinstance(caught.value, ImportError)


def test_optional_packages_are_imported_on_first_use(tmp_path):
    script = (
        "import sys, zarrcy\n"
        "from zarrcy.storage import n5\nfrom zarrcy.storage.remote import azure, fsspec, mongodb, obstore, redis\n"
        f"zarrcy.save_array({str(tmp_path / 'a')!r}, [1, 2]); zarrcy.load({'file://' + str(tmp_path / 'a')!r})\n"
        "print([m for m in ('fsspec', 's3fs', 'obstore', 'redis', 'pymongo', 'azure', 'concurrent.futures', 'asyncio')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
