"""The clients: create and write tables, make training sets, log models, score."""

from __future__ import annotations

import functools
import inspect
import json
import os
import tempfile
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tracklite._tracklite import Database, StoredTable
from tracklite.exceptions import InvalidInputError
from tracklite.feature_store.entities import (
    FeatureFunction,
    FeatureLookup,
    FeatureTable,
    names_of,
)
from tracklite.feature_store.frames import (
    columns_of,
    library_of,
    like,
    to_arrow,
    to_pandas,
)
from tracklite.feature_store.published import (
    FUNCTION_FILE,
    FUNCTION_TAG,
    SPEC_FILE,
    SPEC_TAG,
    newest,
    publish,
    signature_of,
    source_of,
)
from tracklite.feature_store.training_set import TrainingSet, outputs_of, with_functions

SPEC_VERSION = 1


class FeatureStoreClient:
    """A client of the feature store in a file.

    `feature_store_uri` is the file: a `Database`, a path, or an address `tracklite:///FILE`. By
    default it is the path in the variable TRACKLITE_FILE, or the file of MLflow's tracking URI.
    """

    def __init__(
        self,
        feature_store_uri: Database | str | os.PathLike[str] | None = None,
        model_registry_uri: str | None = None,
    ) -> None:
        self._database = _opened(feature_store_uri)
        self._registry_uri = model_registry_uri

    def create_table(
        self,
        name: str,
        primary_keys: str | Sequence[str],
        df: Any = None,
        *,
        timestamp_keys: str | Sequence[str] | None = None,
        partition_columns: str | Sequence[str] | None = None,
        schema: Any = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> FeatureTable:
        """Creates a table, from a schema or from rows, which are written too.

        `schema` is a dict of types by name, a schema of Spark, or a frame. Partitions are ignored,
        because a file has none.
        """
        del partition_columns
        times = names_of(timestamp_keys)
        if len(times) > 1:
            raise InvalidInputError(f"a table has one timestamp key, found {len(times)}")
        if (df is None) == (schema is None):
            raise InvalidInputError("a table is created from df or from schema: pass one of them")
        keys = [key for key in names_of(primary_keys) if key not in times]
        table = self._database.create_table(
            name,
            _schema(schema) if df is None else to_arrow(df),
            primary_key=keys,
            timestamp=times[0] if times else None,
            description=description,
            tags=dict(tags or {}),
        )
        if df is not None:
            table.merge(to_arrow(df))
        return _feature_table(table)

    def write_table(self, name: str, df: Any, mode: str = "merge", **_: Any) -> None:
        """Writes rows. `merge` inserts or updates rows by key; `overwrite` replaces all rows."""
        table = self._database.table(name)
        if mode not in ("merge", "overwrite"):
            raise InvalidInputError(f"unknown mode {mode!r}: expected merge or overwrite")
        rows = to_arrow(df)
        if mode == "merge":
            table.merge(rows)
        else:
            table.overwrite(rows)

    def read_table(self, name: str, *, like_df: Any = None, **options: Any) -> Any:
        """Returns the rows of a table as a frame of pandas, or of the library of `like_df`."""
        table = self._database.table(name).read(**options)
        return table.to_pandas() if like_df is None else like(table, like_df)

    def get_table(self, name: str) -> FeatureTable:
        """Returns the description of a table."""
        return _feature_table(self._database.table(name))

    def drop_table(self, name: str) -> None:
        """Drops a table with all its rows."""
        self._database.table(name).drop()

    def set_feature_table_tag(self, table_name: str, key: str, value: str) -> None:
        """Sets a tag of a table."""
        self._database.table(table_name).set_tags({key: value})

    def delete_feature_table_tag(self, table_name: str, key: str) -> None:
        """Deletes a tag of a table."""
        self._database.table(table_name).set_tags({key: None})

    def publish_table(self, name: str, *_: Any, **__: Any) -> None:
        """Does nothing but check that the table exists: models and endpoints read the file."""
        self.get_table(name)

    def create_training_set(
        self,
        df: Any,
        feature_lookups: Sequence[FeatureLookup | FeatureFunction],
        label: str | Sequence[str] | None,
        exclude_columns: str | Sequence[str] | None = None,
    ) -> TrainingSet:
        """Returns a training set: the rows with the features that are looked up for them.

        The versions of the tables are fixed now. A lookup in a table with a timestamp needs a
        `timestamp_lookup_key`, because the newest values may be from after the label. Functions
        are evaluated after all lookups, in the given order.
        """
        labels = names_of(label)
        missing = [name for name in labels if name not in columns_of(df)]
        if missing:
            raise InvalidInputError(f"the rows have no label {missing[0]!r}")
        spec = self._spec(feature_lookups, columns_of(df), names_of(exclude_columns))
        spec["labels"] = labels
        training_set = TrainingSet(self._database, df, spec)
        spec["input_columns"] = training_set.input_columns
        return training_set

    def create_function(
        self, name: str, function: Callable[..., Any] | str, *, function_name: str | None = None
    ) -> int:
        """Registers a Python function for `FeatureFunction`. Returns the number of its version.

        `function` is a plain function, or the text of one. Its text is stored in the file: so it
        imports what it needs itself. A training set with it runs this text, and so does an
        endpoint with a model that was logged with it.
        """
        code = source_of(function, function_name)
        signature = signature_of(code["parameters"], [name.rsplit(".", 1)[-1]])
        return publish(self._database, name, FUNCTION_FILE, code, FUNCTION_TAG, signature)

    def create_feature_spec(
        self,
        name: str,
        features: Sequence[FeatureLookup | FeatureFunction],
        exclude_columns: str | Sequence[str] | None = None,
    ) -> int:
        """Registers lookups that an endpoint answers without a model. Returns the version.

        An endpoint serves it by its name alone. A request has the keys, and its answer the keys
        and the newest features.
        """
        lookups = [feature for feature in features if isinstance(feature, FeatureLookup)]
        if len(lookups) < len(features):
            raise InvalidInputError(
                "an endpoint without a model evaluates no functions: log a model with them"
            )
        keys = list(dict.fromkeys(k for lookup in lookups for k in names_of(lookup.lookup_key)))
        spec = self._spec(features, keys, names_of(exclude_columns), is_timeless=True)
        given = [*keys, *outputs_of(spec)]
        columns = [column for column in given if column not in spec["exclude_columns"]]
        spec["input_columns"] = columns
        return publish(
            self._database, name, SPEC_FILE, spec, SPEC_TAG, signature_of(keys, columns)
        )

    def _spec(
        self,
        features: Sequence[FeatureLookup | FeatureFunction],
        given: list[str],
        excluded: list[str],
        *,
        is_timeless: bool = False,
    ) -> dict[str, Any]:
        """Returns lookups and functions as JSON, with their versions of now."""
        looked_up = [feature for feature in features if isinstance(feature, FeatureLookup)]
        called = [feature for feature in features if isinstance(feature, FeatureFunction)]
        spec = {
            "tracklite_features": SPEC_VERSION,
            "lookups": [self._frozen(lookup, is_timeless=is_timeless) for lookup in looked_up],
            "functions": [self._frozen_function(function) for function in called],
            "exclude_columns": excluded,
        }
        known = [*given, *outputs_of({"lookups": spec["lookups"]})]
        for function in called:
            if function.output in known:
                raise InvalidInputError(
                    f"the function {function.udf_name!r} gets the name {function.output!r}, which"
                    " another column has: pass output_name"
                )
            known.append(function.output)
        unknown = [name for name in excluded if name not in known]
        if unknown:
            raise InvalidInputError(f"{unknown[0]!r} is excluded, but not a column of the result")
        return spec

    def _frozen_function(self, function: FeatureFunction) -> dict[str, Any]:
        version, code = newest(self._database, function.udf_name, FUNCTION_FILE, FUNCTION_TAG)
        return function.frozen(version, code)

    def _frozen(self, lookup: FeatureLookup, *, is_timeless: bool) -> dict[str, Any]:
        info = self._database.table(lookup.table_name).info()
        if info["timestamp"] and not lookup.timestamp_lookup_key and not is_timeless:
            raise InvalidInputError(
                f"table {lookup.table_name!r} has the timestamp {info['timestamp']!r}: pass"
                " timestamp_lookup_key, the column with the time of each row"
            )
        sort = [*info["primary_key"], info["timestamp"]]
        names = names_of(lookup.feature_names)
        features = names or [name for name in info["columns"] if name not in sort]
        return lookup.frozen(info["version"], features)

    def log_model(
        self,
        model: Any,
        artifact_path: str,
        *,
        flavor: Any,
        training_set: TrainingSet | None = None,
        registered_model_name: str | None = None,
        await_registration_for: int | None = 300,
        infer_input_example: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Logs a model with MLflow, with the lookups of its training set in its folder.

        `flavor` is a module of MLflow such as `mlflow.sklearn`. The signature is inferred from the
        training set, unless it is given.
        """
        import mlflow

        if training_set is not None:
            kwargs = _with_signature(model, training_set, infer_input_example, kwargs)
        saver = types.ModuleType(flavor.__name__)
        spec = None if training_set is None else training_set.spec

        # The flavour of Python programs takes its model by name, others first.
        is_program = next(iter(inspect.signature(flavor.save_model).parameters)) == "path"
        named, first = ({"python_model": model}, ()) if is_program else ({}, (model,))
        save = functools.partial(flavor.save_model, *first, **named)

        def save_model(path: str, mlflow_model: Any = None, **arguments: Any) -> None:
            save(path=path, mlflow_model=mlflow_model, **arguments)
            if spec is not None:
                Path(path, SPEC_FILE).write_text(json.dumps(spec, indent=2), encoding="utf-8")

        saver.save_model = save_model  # type: ignore[attr-defined]
        if self._registry_uri is not None:
            mlflow.set_registry_uri(self._registry_uri)
        logged = mlflow.models.Model.log(
            artifact_path=None,
            name=artifact_path,
            flavor=saver,
            registered_model_name=registered_model_name,
            await_registration_for=await_registration_for,
            **kwargs,
        )
        if spec is not None and (run := mlflow.active_run()) is not None:
            _log_lineage(run.info.run_id, spec)
        return logged

    def score_batch(
        self,
        model_uri: str,
        df: Any,
        result_type: str = "double",
        env_manager: str = "local",
    ) -> Any:
        """Looks up the features of the rows, and adds a column `prediction`.

        A column of the rows replaces a feature of the same name. The features are those of now, or
        of the time of each row if the model's lookups have one.
        """
        del env_manager
        import mlflow

        with tempfile.TemporaryDirectory() as folder:
            path = mlflow.artifacts.download_artifacts(model_uri, dst_path=folder)
            spec_file = Path(path, SPEC_FILE)
            if not spec_file.is_file():
                raise InvalidInputError(
                    f"{model_uri} has no lookups: log it with a training set, or use its predict"
                )
            spec = json.loads(spec_file.read_text(encoding="utf-8"))
            model = mlflow.pyfunc.load_model(path)
        now = [{**lookup, "version": None} for lookup in spec["lookups"]]
        joined = self._database.join_features(to_arrow(df), now, prefer_given=True)
        rows = with_functions(
            joined["table"].to_pandas(), joined["table"], spec.get("functions", [])
        )
        found = model.predict(rows[spec["input_columns"]])
        rows["prediction"] = _as_column(found, result_type)
        return _like_pandas(rows, df)


class FeatureEngineeringClient(FeatureStoreClient):
    """The same client with the arguments of the newer API.

    The timestamp is among the `primary_keys` too, and named by `timeseries_columns`.
    """

    def __init__(self, *, model_registry_uri: str | None = None, uri: Any = None) -> None:
        super().__init__(uri, model_registry_uri)

    def create_table(  # type: ignore[override]
        self,
        *,
        name: str,
        primary_keys: str | Sequence[str],
        df: Any = None,
        timeseries_columns: str | Sequence[str] | None = None,
        partition_columns: str | Sequence[str] | None = None,
        schema: Any = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> FeatureTable:
        """Creates a table, from a schema or from rows, which are written too."""
        return super().create_table(
            name,
            primary_keys,
            df,
            timestamp_keys=timeseries_columns,
            partition_columns=partition_columns,
            schema=schema,
            description=description,
            tags=tags,
        )


def _opened(uri: Database | str | os.PathLike[str] | None) -> Database:
    if isinstance(uri, Database):
        return uri
    if uri is None:
        uri = os.environ.get("TRACKLITE_FILE")
    if uri is None:
        import mlflow

        uri = str(mlflow.get_tracking_uri())
    text = os.fspath(uri)
    if "://" not in text and not text.startswith("tracklite:"):
        return Database.open(text, create=True)
    from tracklite.mlflow.address import file_of, is_own

    if not is_own(text):
        raise InvalidInputError(
            f"the feature store is in a file, and {text!r} is not one: pass feature_store_uri,"
            " set TRACKLITE_FILE to the path, or MLflow's tracking URI to tracklite:///FILE"
        )
    return Database.open(file_of(text), create=True)


def _schema(schema: Any) -> Any:
    if library_of(schema) != "spark" or not hasattr(schema, "fields"):
        return schema
    return {field.name: field.dataType.simpleString() for field in schema.fields}


def _feature_table(table: StoredTable) -> FeatureTable:
    info = table.info()
    sort = [*info["primary_key"], info["timestamp"]]
    created = datetime.fromtimestamp(info["creation_time"] / 1e9, tz=timezone.utc)
    return FeatureTable(
        name=info["name"],
        description=info["description"],
        primary_keys=info["primary_key"],
        timestamp_keys=[info["timestamp"]] if info["timestamp"] else [],
        features=[name for name in info["columns"] if name not in sort],
        column_types=info["columns"],
        tags=info["tags"],
        creation_timestamp=created,
        table_id=table.id,
    )


def _with_signature(
    model: Any, training_set: TrainingSet, is_example_wanted: bool, arguments: dict[str, Any]
) -> dict[str, Any]:
    """Adds the signature and the input example, if they are wanted and can be inferred."""
    from mlflow.models import infer_signature

    rows = to_pandas(training_set.load_df()).head(5)
    inputs = rows[training_set.input_columns]
    if is_example_wanted:
        arguments.setdefault("input_example", inputs)
    if "signature" not in arguments and hasattr(model, "predict"):
        arguments["signature"] = infer_signature(inputs, model.predict(inputs))
    return arguments


def _log_lineage(run_id: str, spec: dict[str, Any]) -> None:
    """Logs the feature tables as inputs of the run."""
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.tracking import MlflowClient

    inputs = [
        DatasetInput(
            Dataset(
                name=lookup["table"],
                digest=f"version-{lookup['version']}",
                source_type="tracklite_table",
                source=json.dumps({"table": lookup["table"], "version": lookup["version"]}),
            ),
            [InputTag("mlflow.data.context", "features")],
        )
        for lookup in spec["lookups"]
    ]
    MlflowClient().log_inputs(run_id, datasets=inputs)


def _as_column(found: Any, result_type: str) -> Any:
    import numpy

    values = numpy.asarray(found)
    if values.ndim > 1:
        return list(values)
    kinds = {"double": float, "float": float, "int": int, "long": int, "string": str}
    kind = kinds.get(result_type)
    return values if kind is None else values.astype(kind)


def _like_pandas(rows: Any, df: Any) -> Any:
    library = library_of(df)
    if library == "pandas":
        rows.index = df.index
        return rows
    if library == "polars":
        import polars

        return polars.from_pandas(rows)
    if library == "spark":
        return df.sparkSession.createDataFrame(rows)
    if library == "pyarrow":
        import pyarrow

        return pyarrow.Table.from_pandas(rows, preserve_index=False)
    return rows


__all__ = ["SPEC_FILE", "FeatureEngineeringClient", "FeatureStoreClient"]
