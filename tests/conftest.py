"""Profiles of hypothesis and fixtures for all tests."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "default", max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def step_by_step(monkeypatch):
    """Make stores use single system calls in Python, so that tests can count them and make them fail."""
    monkeypatch.setattr("zarrcy.storage.local.atomic_files.native", None)
