"""Profiles of hypothesis and fixtures for all tests."""

import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

# These checks measure how fast and how successful the generation of random examples is, not the library. On a busy
# machine, or with unlucky numbers, they fail.
CHECKS_OF_GENERATION = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
settings.register_profile(
    "default", max_examples=150, deadline=None, suppress_health_check=CHECKS_OF_GENERATION
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# A shell starts programs in the background with SIGINT ignored, and the tests of interrupts need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def eager_threads():
    """Switch threads so often that a race shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def step_by_step(monkeypatch):
    """Make stores use single system calls in Python, so that tests can count them and make them fail."""
    monkeypatch.setattr("zarrcy.storage.local.atomic_files.native", None)
