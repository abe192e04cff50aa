"""Shared fixtures: a cache folder for all tests, and a new database."""

from __future__ import annotations

from pathlib import Path

import pytest
import tracklite


@pytest.fixture(autouse=True, scope="session")
def _separate_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keeps the indexes of the tests out of the user's cache folder."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of the test's database."""
    return tmp_path / "runs.tracklite"


@pytest.fixture
def database(path: Path) -> tracklite.Database:
    """A new, empty database."""
    return tracklite.Database.create(path)
