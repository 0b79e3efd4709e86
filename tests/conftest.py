"""What all tests share: how hard hypothesis tries, and which kernels do the work."""

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
    """Let stores make their system calls in Python, one by one, where tests can count them and let them fail."""
    monkeypatch.setattr("zarrcy.storage.local.atomic_files.native", None)
