"""The package itself: its names, its imports, and use without optional packages."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import tracklite


def test_all_public_names_exist() -> None:
    assert sorted(tracklite.__all__) == tracklite.__all__
    for name in tracklite.__all__:
        assert getattr(tracklite, name).__doc__


def test_the_import_loads_no_large_packages(path: Path) -> None:
    program = """
        import sys
        import tracklite
        with tracklite.Database.create(sys.argv[1]) as database:
            with database.experiment("/lean").start_run(params={"a": {"b": 1}}) as run:
                run.log({"loss": 1.0})
                run.log_table({"x": [1]}, "a.csv")
            database.runs_table().rows()
            run._repr_html_()
        big = {"numpy", "pandas", "polars", "pyarrow", "matplotlib", "torch", "mlflow", "PIL"}
        assert not big & set(sys.modules), big & set(sys.modules)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    done = subprocess.run(command, timeout=120, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_first_example_prints_the_output_in_the_readme(tmp_path: Path) -> None:
    pytest.importorskip("numpy")
    root = Path(__file__).parents[2]
    example = root / "examples" / "first.py"
    command = [sys.executable, str(example)]
    done = subprocess.run(
        command, timeout=120, check=True, capture_output=True, text=True, cwd=tmp_path
    )
    readme = (root / "README.md").read_text()
    assert f"```text\n{done.stdout}```" in readme
    assert [file.name for file in tmp_path.iterdir()] == ["first.tracklite"]
