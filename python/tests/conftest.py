"""What all tests share: an index of their own, and a fresh database."""

from __future__ import annotations

from pathlib import Path

import pytest
import tracklite


@pytest.fixture(autouse=True, scope="session")
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Indexes of the tests' databases go beside them, not into the user's cache folder."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the test's database lies."""
    return tmp_path / "runs.tracklite"


@pytest.fixture
def database(path: Path) -> tracklite.Database:
    """A new, empty database."""
    return tracklite.Database.create(path)
