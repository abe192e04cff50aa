"""Logged models, the registry, inputs and lineage."""

from __future__ import annotations

import json

import pytest
import tracklite
from tracklite import Dataset, LoggedModelStatus, ModelStage, exceptions

SIGNATURE = json.dumps(
    {
        "inputs": json.dumps([{"name": "x", "type": "double"}]),
        "outputs": json.dumps([{"type": "double"}]),
    }
)


def test_a_logged_model_keeps_all_its_facts(database: tracklite.Database) -> None:
    experiment = database.experiment("/models")
    run = experiment.start_run()
    model = experiment.create_logged_model(
        "forest",
        model_type="sklearn",
        source_run=run,
        params={"trees": {"count": 100}},
        tags={"stage": "try"},
        signature=SIGNATURE,
    )
    model.log_metric("accuracy", 0.9, step=3, run=run, dataset=("iris", "5f2c"))
    model.artifacts().log_bytes(b"weights", "model.bin")
    model.set_status(LoggedModelStatus.READY)
    model.set_tags({"stage": "final"})
    info = database.logged_model(model.id).info()
    assert (info.name, info.model_type, info.source_run) == ("forest", "sklearn", run.id)
    assert info.status is LoggedModelStatus.READY
    assert (info.params, info.tags) == ({"trees.count": "100"}, {"stage": "final"})
    [metric] = info.metrics
    assert (metric.key, metric.value, metric.run) == ("accuracy", 0.9, run.id)
    assert metric.dataset == ("iris", "5f2c")
    assert database.logged_model(model).artifacts().read("model.bin") == b"weights"
    page = database.search_logged_models("name = 'forest'", order_by="name DESC")
    assert ([found.id for found in page], page.next_page_token) == ([model.id], None)
    assert [found.id for found in database.iter_logged_models(experiments=experiment)] == [model.id]
    model.delete()
    model.restore()


def test_versions_and_aliases(database: tracklite.Database) -> None:
    registry = database.registry()
    assert registry.mode == "plain"
    churn = registry.create_model("churn", description="who leaves", tags={"team": "crm"})
    for number in (1, 2):
        version = churn.create_version(f"s3://models/{number}", tags={"number": number})
        assert version.version == number
    churn.set_alias("champion", 1)
    assert registry.resolve("models:/churn@champion") == "s3://models/1"
    churn.set_alias("champion", 2, expected=1)
    with pytest.raises(exceptions.ConflictError):
        churn.set_alias("champion", 1, expected=1)
    with pytest.raises(exceptions.ConflictError):
        churn.set_alias("champion", 1, expected=0)
    assert churn.version("champion").version == 2
    assert registry.version("churn", 1).info().tags == {"number": "1"}
    info = registry.model("churn").info()
    assert (info.description, info.aliases) == ("who leaves", {"champion": 2})
    version = churn.version(1)
    version.transition_stage("Staging")
    assert version.info().stage is ModelStage.STAGING
    assert version.copy_to("copied").version == 1
    assert [info.version for info in churn.versions()] == [1, 2]
    assert [info.name for info in registry.search_models(order_by="name")] == ["churn", "copied"]
    assert [info.name for info in registry.iter_models(order_by="name")] == ["churn", "copied"]
    # The version that was changed last comes first.
    versions = registry.search_versions("name = 'churn'")
    assert [info.version for info in versions.items] == [1, 2]
    assert [info.version for info in registry.iter_versions("name = 'churn'")] == [1, 2]
    with pytest.raises(exceptions.NotFoundError):
        registry.resolve("models:/nonsense@champion")
    with pytest.raises(exceptions.InvalidInputError, match="Registered model alias .* not found"):
        churn.version("nonsense")
    with pytest.raises((TypeError, OverflowError)):
        churn.version(-1)


def test_unity_catalog_names_have_three_levels(database: tracklite.Database) -> None:
    registry = database.registry()
    registry.use_unity_catalog()
    assert registry.mode == "unity-catalog"
    with pytest.raises(exceptions.InvalidInputError):
        registry.create_model("churn")
    registry.create_catalog("ml")
    registry.create_schema("ml", "production")
    model = registry.with_current("ml", "production").create_model("churn")
    assert model.name == "ml.production.churn"
    with pytest.raises(exceptions.InvalidInputError, match="signature"):
        model.create_version("s3://models/1")
    assert model.create_version("s3://models/1", signature=SIGNATURE).version == 1


def test_inputs_outputs_and_lineage(database: tracklite.Database) -> None:
    experiment = database.experiment("/lineage")
    run = experiment.start_run("training")
    run.log_dataset(Dataset("iris", "5f2c"), context="train", tags={"split": "a"})
    model = experiment.create_logged_model("forest", source_run=run)
    run.log_model_output(model, step=7)
    database.registry().create_model("forest").create_version(f"models:/{model.id}")
    [dataset] = run.inputs().datasets
    assert dataset.dataset == Dataset("iris", "5f2c")
    assert dataset.tags == {"mlflow.data.context": "train", "split": "a"}
    assert [(output.model, output.step) for output in run.outputs()] == [(model.id, 7)]
    assert [found.context for found in database.search_datasets(experiment)] == ["train"]
    assert database.datasets_table(run)["name"] == ["iris"]
    graph = database.lineage(run)
    assert sorted(edge.kind for edge in graph.edges) == ["input", "output", "registered"]
    assert [node.name for node in graph.nodes if node.kind == "run"] == ["training"]
    assert 'n1["run: training"]' in graph.mermaid()
    assert graph.dot().startswith("digraph lineage {")
    upstream = database.lineage("models:/forest/1", direction="upstream")
    sources = sorted(edge.source.kind for edge in upstream.edges)
    assert sources == ["dataset", "logged model", "run"]
    assert sorted(database.lineage_table(run)["kind"]) == ["input", "output", "registered"]
    other = experiment.start_run()
    other.log_model_input(model)
    assert other.inputs().models == [model.id]
    for bad in ("models:/forest", "models:/forest/x", "nonsense"):
        with pytest.raises(exceptions.InvalidInputError):
            database.lineage(bad)
    with pytest.raises(exceptions.NotFoundError):
        database.lineage("models:/forest@nobody")
    with pytest.raises(TypeError, match="dataset must be"):
        run.log_dataset("iris")  # type: ignore[arg-type]
