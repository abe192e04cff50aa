"""Answers that are sequences and tables at once: curves, bands and groups of runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from tracklite import _display, _plot

if TYPE_CHECKING:
    from tracklite._tracklite import Column, Table
    from tracklite.entities import MetricPoint

Item = TypeVar("Item")


class Tabular(Generic[Item]):
    """Items in order, which polars, pandas, pyarrow and DuckDB read as a table.

    It is not a `Sequence`, because polars reads those item by item.
    """

    __slots__ = ("_items", "_table")

    def __init__(self, items: Sequence[Item], table: Table) -> None:
        self._items = tuple(items)
        self._table = table

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        return self._items[index]

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    def to_table(self) -> Table:
        """Returns the rows as a table."""
        return self._table

    def to_polars(self) -> Any:
        """Returns the rows as a `polars.DataFrame`. Requires polars."""
        return self._table.to_polars()

    def to_pandas(self) -> Any:
        """Returns the rows as a `pandas.DataFrame`. Requires pandas and pyarrow."""
        return self._table.to_pandas()

    def to_arrow(self) -> Any:
        """Returns the rows as a `pyarrow.Table`. Requires pyarrow."""
        return self._table.to_arrow()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Exports the rows by Arrow's PyCapsule interface."""
        return self._table.__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} items, {len(self._table)} rows)"

    def _repr_html_(self) -> str:
        return _display.table_html(self._table)


@dataclass(frozen=True, slots=True)
class Smoothing:
    """A method of smoothing. Each one skips NaN and infinities, and is computed over all points.

    >>> from tracklite import Smoothing
    >>> for step in range(100):
    ...     run.log_metric("loss", step % 2, step)
    >>> curve = database.curves(run, "loss", smoothing=Smoothing.window(11))[0]
    >>> round(curve.smooth_values[50], 2)
    0.55
    """

    kind: Literal["average", "half_life", "gaussian", "window"]
    amount: float

    @staticmethod
    def average(weight: float) -> Smoothing:
        """An exponential moving average over points: each counts `weight` times the next one.

        The weight is from 0 to below 1. This is the smoothing of TensorBoard.
        """
        return Smoothing("average", weight)

    @staticmethod
    def half_life(half_life: float) -> Smoothing:
        """An exponential moving average over the axis, in whose unit `half_life` is.

        Runs that log at different rates look equally smooth.
        """
        return Smoothing("half_life", half_life)

    @staticmethod
    def gaussian(sigma: float) -> Smoothing:
        """A mean weighted by a Gaussian over the axis, in whose unit `sigma` is."""
        return Smoothing("gaussian", sigma)

    @staticmethod
    def window(points: int) -> Smoothing:
        """A mean over this number of points, centred on each point."""
        return Smoothing("window", points)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Curve:
    """A metric of a run, drawn over an axis.

    All columns have one number for each row. If the curve is exact, each row is a point. Otherwise a
    row is a column of the chart, and has the extremes, the mean and the counts of all its points.
    `range` is the smallest and the largest place of a point. `smooth_values` is empty without
    smoothing.
    """

    run: str
    key: str
    is_exact: bool
    points: int
    nan_count: int
    first_nan_step: int | None
    min: MetricPoint | None
    max: MetricPoint | None
    last: MetricPoint
    last_place: float
    range: tuple[float, float]
    from_places: Column
    places: Column
    first_values: Column
    last_values: Column
    min_values: Column
    max_values: Column
    mean_values: Column
    counts: Column
    nan_counts: Column
    smooth_values: Column

    def __repr__(self) -> str:
        rows = len(self.places)
        return f"Curve({self.run!r}, {self.key!r}, {self.points} points, {rows} rows)"


class Curves(Tabular[Curve]):
    """Curves of metrics, in order, and a table of all their rows."""

    __slots__ = ()

    def plot(self, axes: Any = None, **options: Any) -> Any:
        """Draws the curves with matplotlib onto `axes`, or onto new ones, and returns the axes.

        `options` go to `axes.plot`.
        """
        return _plot.plot_curves(self, axes, options)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Band:
    """The mean of a metric over the runs of a group, with the spread around it.

    All columns have one number for each place. `runs` has the number of runs there. `group` is the
    index of the group.
    """

    group: int
    key: str
    places: Column
    means: Column
    lows: Column
    highs: Column
    runs: Column

    def __repr__(self) -> str:
        return f"Band({self.group}, {self.key!r}, {len(self.places)} rows)"


class Bands(Tabular[Band]):
    """Bands of metrics over groups of runs, in order, and a table of all their rows."""

    __slots__ = ()

    def plot(self, axes: Any = None, **options: Any) -> Any:
        """Draws the bands with matplotlib onto `axes`, or onto new ones, and returns the axes.

        `options` go to `axes.plot`.
        """
        return _plot.plot_bands(self, axes, options)


@dataclass(frozen=True, slots=True)
class Spread:
    """The spread of some numbers, NaN left out.

    `deviation` is that of a sample (n - 1), 0 for one number. Without numbers, the others are NaN.
    """

    count: int
    mean: float
    deviation: float
    min: float
    max: float


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs with equal values, in the order of the search, and a summary of each wanted column.

    A column of numbers has a `Spread`. Another one has the text that all runs of the group have.
    """

    values: dict[str, str | None]
    runs: list[str]
    columns: dict[str, Spread | str | None]


class RunGroups(Tabular[RunGroup]):
    """Groups of runs in the order of their first runs, and a table with a row for each.

    `keys` are the fields by which the runs are grouped. The table has these, the number of `runs`,
    and for each column of numbers `.mean`, `.deviation`, `.min`, `.max` and `.count`.
    """

    __slots__ = ("keys",)

    keys: list[str]

    def __init__(self, items: Sequence[RunGroup], table: Table, keys: list[str]) -> None:
        super().__init__(items, table)
        self.keys = keys

    def __repr__(self) -> str:
        return _display.table_text(self._table)


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines of two texts that belong together: a change, with some equal lines around it.

    `before` and `after` are the numbers of its first line in both texts, from 1. Each line is a pair:
    "same", "removed" or "added", and the text.
    """

    before: int
    after: int
    lines: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class CodeDiff:
    """The difference between the code of two runs.

    `commits` are those of both runs, None where unknown. `has_patch` is whether each has a patch of
    uncommitted changes. `hunks` are the differences between both patches.
    """

    commits: tuple[str | None, str | None]
    has_patch: tuple[bool, bool]
    hunks: list[Hunk]


@dataclass(frozen=True, slots=True)
class PackageDiff:
    """The difference between the packages of two runs, each list sorted by name.

    `added` and `removed` are pairs of name and version. `changed` also has the version of the second
    run. `same` is the number of equal packages.
    """

    added: list[tuple[str, str]]
    removed: list[tuple[str, str]]
    changed: list[tuple[str, str, str]]
    same: int


@dataclass(frozen=True, slots=True)
class ParamImportance:
    """How much a param matters for an objective.

    `importance` is the share of the variance that is lost when the values of the param are mixed up,
    and `error` its standard error. `correlation` is Spearman's rank correlation, None for texts.
    `runs` is the number of runs that have the param.
    """

    key: str
    importance: float
    error: float
    correlation: float | None
    runs: int


@dataclass(frozen=True, slots=True)
class Dependence:
    """The mean of the objective if a param had this value in all runs.

    `value` is a number if all values of the param are, and None for texts that are not frequent.
    """

    value: float | str | None
    mean: float


@dataclass(frozen=True, slots=True)
class Importance:
    """How much the params of some runs matter for an objective, the most important one first.

    `runs` is the number of runs with a value. `explained` is the share of the variance that the
    params explain in runs that were not learned from. Near 0 the importance means nothing.
    """

    runs: int
    explained: float
    params: list[ParamImportance]
    dependence: list[Dependence]
