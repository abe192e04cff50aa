"""Histories of metrics in the tracking store."""

from __future__ import annotations

import sys
from itertools import islice

from mlflow.entities import Metric
from mlflow.entities.metric import MetricWithRunId
from mlflow.store.entities.paged_list import PagedList
from mlflow.utils.search_utils import SearchUtils

from tracklite.mlflow.errors import translated, wrong_argument
from tracklite.mlflow.tracking_base import TrackingBase

Point = tuple[float, int, int]


class TrackingHistories(TrackingBase):
    """The methods for histories of metrics."""

    @translated
    def get_metric_history(
        self,
        run_id: str,
        metric_key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList[Metric]:
        """Returns all values of a metric, or a page of them, by time, step and value."""
        _check_not_negative(max_results)
        offset = SearchUtils.parse_start_offset_from_page_token(page_token)
        points, has_more = self._file.histories.get(run_id, metric_key, offset, max_results)
        token = SearchUtils.create_page_token(offset + max_results) if has_more else None
        return PagedList([_metric(metric_key, point) for point in points], token)

    @translated
    def get_metric_history_bulk(
        self, run_ids: list[str], metric_key: str, max_results: int
    ) -> list[MetricWithRunId]:
        """Returns the values of a metric of several runs, ordered by run ID."""
        _check_not_negative(max_results)
        found = self._file.histories.bulk(list(run_ids), metric_key, max_results)
        return [
            MetricWithRunId(run_id=run_id, metric=_metric(metric_key, point))
            for run_id, points in found
            for point in points
        ]

    @translated
    def get_metric_history_bulk_interval(
        self,
        run_ids: list[str],
        metric_key: str,
        max_results: int,
        start_step: int | None,
        end_step: int | None,
    ) -> list[MetricWithRunId]:
        """Returns an even sample of the values of a metric of each run, by step."""
        if (start_step is None) != (end_step is None):
            raise wrong_argument(
                "Both start_step and end_step must be specified together, or neither may be"
                " specified."
            )
        steps = None if start_step is None or end_step is None else (start_step, end_step)
        limit = max(1, max_results)
        return [
            MetricWithRunId(run_id=run_id, metric=_metric(metric_key, point))
            for run_id in run_ids
            for point in self._file.histories.sample(run_id, metric_key, limit, steps)
        ]

    @translated
    def get_metric_history_bulk_interval_from_steps(
        self, run_id: str, metric_key: str, steps: list[int], max_results: int
    ) -> list[MetricWithRunId]:
        """Returns the values of a metric at these steps, by step, time and value."""
        _check_not_negative(max_results)
        wanted = set(steps)
        if not wanted:
            return []
        # An unlimited sample is all points in this order.
        span = (min(wanted), max(wanted))
        points = self._file.histories.sample(run_id, metric_key, sys.maxsize, span)
        found = (point for point in points if point[2] in wanted)
        return [
            MetricWithRunId(run_id=run_id, metric=_metric(metric_key, point))
            for point in islice(found, max_results)
        ]

    @translated
    def get_max_step_for_metric(self, run_id: str, metric_key: str) -> int:
        """Returns the highest step of a metric, 0 if it has no value."""
        return self._file.histories.max_step(run_id, metric_key) or 0


def _check_not_negative(max_results: int | None) -> None:
    if max_results is not None and max_results < 0:
        raise wrong_argument(
            f"Invalid value {max_results!r} for parameter 'max_results': it is negative"
        )


def _metric(key: str, point: Point) -> Metric:
    number, time, step = point
    return Metric(key=key, value=number, timestamp=time, step=step)
