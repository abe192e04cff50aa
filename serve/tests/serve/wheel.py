"""Writes the wheel of a package to standard output: `NAME VERSION FOLDER`, with all its files."""

import io
import sys
import zipfile
from pathlib import Path

name, version, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
info = f"{name}-{version}.dist-info"
files = {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*.p*") if file.is_file()}
files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
wheel = io.BytesIO()
with zipfile.ZipFile(wheel, "w") as archive:
    for path in sorted(files):
        # Without the time, so that the same files make the same wheel.
        archive.writestr(zipfile.ZipInfo(path), files[path])
sys.stdout.buffer.write(wheel.getvalue())
