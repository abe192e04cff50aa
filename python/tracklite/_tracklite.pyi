from os import PathLike
from pathlib import Path
from typing import final

def error_kinds() -> list[str]: ...

@final
class Database:
    @staticmethod
    def open(path: str | PathLike[str]) -> Database: ...
    @staticmethod
    def create(path: str | PathLike[str]) -> Database: ...
    @property
    def path(self) -> Path: ...
