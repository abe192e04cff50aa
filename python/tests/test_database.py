"""Opening files."""

from __future__ import annotations

from pathlib import Path

import pytest
import tracklite
from tracklite import exceptions


def test_a_file_is_created_and_opened(path: Path) -> None:
    created = tracklite.Database.create(path)
    assert created.path == path
    assert tracklite.Database.open(str(path)).path == path


def test_a_file_that_is_not_there_is_not_found(path: Path) -> None:
    with pytest.raises(exceptions.NotFoundError) as caught:
        tracklite.Database.open(path)
    assert (caught.value.kind, caught.value.path) == ("not_found", path)
    assert "there is no such file" in str(caught.value)
