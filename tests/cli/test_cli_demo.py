"""Test the demo: it compares every result with h5py, and fails if one differs."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import zarrcy

SCRIPT = Path(__file__).parents[2] / "docs" / "demo" / "warming.py"


@pytest.fixture(scope="module")
def demo():
    for package in ("h5py", "iris_sample_data", "matplotlib"):
        pytest.importorskip(package)
    spec = importlib.util.spec_from_file_location("zarrcy_demo_warming", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_demo_prints_how_much_it_verified_and_can_run_again(demo, tmp_path, capsys):
    for _ in range(2):
        assert demo.main(["--output", str(tmp_path / "made")]) == 0
        last = capsys.readouterr().out.splitlines()[-1]
        assert re.fullmatch(
            r"verified: \d{3,} selections of 34 variables equal h5py bit for bit; 2 warming maps equal numpy",
            last,
        )
    assert (tmp_path / "made" / "warming.png").read_bytes()[:4] == b"\x89PNG"
    saved = zarrcy.open_array(tmp_path / "made" / "warming.zarr" / "air_temperature_change", mode="r")
    assert saved.attrs["_ARRAY_DIMENSIONS"] == ["scenario", "latitude", "longitude"]
    assert saved.attrs["decades"] == ["1860-1869", "2090-2099"]


def test_the_demo_fails_and_names_the_selection_that_differs(demo, tmp_path, capsys, monkeypatch):
    original = demo.import_file

    def import_wrongly(source, destination, **options):
        report = original(source, destination, **options)
        if destination.name == "E1.zarr":
            zarrcy.open_array(destination / "air_temperature", mode="r+")[0, 0, 0] = 0
        return report

    monkeypatch.setattr(demo, "import_file", import_wrongly)
    assert demo.main(["--output", str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert "MISMATCH: E1 air_temperature: whole Ellipsis" in captured.err
    assert "MISMATCH: warming map of E1" in captured.err
    assert "A1B" not in captured.err
    assert "verified" not in captured.out


def test_years_follow_from_units_and_calendar(demo):
    times = np.array([0.0, 8639.0, 8640.0, -1.0])
    years = demo.years_of(times, "hours since 1970-01-01 00:00:00", "360_day")
    assert years.tolist() == [1970, 1970, 1971, 1969]
    assert demo.years_of(np.array([29.0, 30.0]), "days since 1859-12-01", "360_day").tolist() == [1859, 1860]
    with pytest.raises(ValueError, match="supports only 360_day"):
        demo.years_of(times, "hours since 1970-01-01 00:00:00", "gregorian")
