"""Fixtures: one instance of each peer for all tests, and a new folder for each test."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .peers import TensorStore, Zarr2, Zarr3, Zarrcy

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def ours() -> Zarrcy:
    return Zarrcy()


def start_zarr2(**variables: str) -> Zarr2:
    """Start zarr-python 2 in its environment, or skip the test if the environment does not exist."""
    interpreter = os.environ.get("ZARRCY_ZARR2_PYTHON", str(ROOT / ".venv-zarr2" / "bin" / "python"))
    if not os.path.exists(interpreter):
        missing = f"there is no {interpreter} with zarr-python 2.18.7; `make test` builds it"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return Zarr2(interpreter, **variables)


@pytest.fixture(scope="session")
def zarr2() -> Iterator[Zarr2]:
    peer = start_zarr2()
    yield peer
    peer.close()


@pytest.fixture(scope="session")
def zarr3() -> Zarr3:
    return Zarr3(pytest.importorskip("zarr", minversion="3.1"))


@pytest.fixture(scope="session")
def tensorstore() -> TensorStore:
    return TensorStore(pytest.importorskip("tensorstore"))


@pytest.fixture
def peer(request: pytest.FixtureRequest) -> Any:
    """The peer whose name is the parameter of the test."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def new_place(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    base = tmp_path_factory.mktemp("interop")
    numbers = itertools.count()
    return lambda: base / str(next(numbers))


@pytest.fixture
def place(new_place: Callable[[], Path]) -> Iterator[Path]:
    """A folder that does not exist yet. `tmp_path` would be slow: it lists the folders of all earlier tests."""
    folder = new_place()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
