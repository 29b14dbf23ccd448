"""Fixtures that every test may ask for; what they are made of lives in tests/support."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from support.fixtures import *  # noqa: F403
