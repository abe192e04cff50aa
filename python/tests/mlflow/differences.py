"""The allowed differences between MLflow's SQL store and ours, each with its reason.

`docs/mlflow.md` describes both sides of each difference.
"""

from __future__ import annotations

ALLOWED = {
    "infinity": "a float can be infinite, but a SQL column cannot",
    "a batch": "a batch is one record of the log, so it is atomic",
    "the ends of error texts": "the SQL driver's words mean nothing here, and a hint is of use",
    "a filter or order with a word of SQL, such as `nothing` or `timestamp`": (
        "the engine has its own parser, which knows no other words of SQL"
    ),
    "a filter or order with several mistakes": "one of them has to come first, and both are right",
    "`==`, `<>` or `\\|\\|` in a filter": "the engine parses a filter before it looks up fields",
    "`IS NULL` in a filter of the registry": "SQL unpacks two values into three",
    "an unknown attribute in a filter of logged models": "SQL does not check that it exists",
    "the prefix `attributes` of experiments": "newer versions of MLflow accept it as well",
    "page tokens": "a token of another query would silently return wrong results",
    "the next page of logged models with an empty filter": (
        "SQL compares an empty filter with None, and rejects its own token"
    ),
    "results without an order, such as the latest versions of stages": (
        "a stable order costs nothing"
    ),
    "a number of results that is below 1 or not whole, where SQL has no check": (
        "the answers of SQL are accidents of LIMIT and slicing"
    ),
    "fractional steps and times": "the engine stores integers, like MLflow's own protocol",
    "non-finite steps and times, or those beyond 64 bits": (
        "they cannot be stored, and the error names the argument"
    ),
    "times of metrics": "the engine stores nanoseconds in 64 bits",
    "text that is not valid Unicode": "the text cannot be stored, and the caller passed it",
    "arguments of the wrong type": "the error names the wrong argument",
    "a tag without a value": "the engine stores only texts, and the text None would be wrong",
    "a duplicate key in the tags or params of a new object": (
        "SQL violates a constraint, while the last one wins elsewhere"
    ),
    "tag keys of new runs, tag and param keys of logged models": (
        "the engine checks all keys in the same way, and SQL omits these"
    ),
    "blank names": "they are invisible, and the engine rejects them everywhere",
    "a new run without a user or a start time": "SQL creates the run and then fails to return it",
    "a duplicate output of a run": "logging the same output twice is not an error",
    "a name conflict when an experiment is renamed": "SQL does not handle its own constraint there",
    "`mlflow gc` of the deleted experiment 0": "every file of ours has its default experiment",
    "the tag `tracklite.artifactLocation`": (
        "it stores the location of artifacts, which must not change"
    ),
    "`#` or a drive letter in an artifact path": (
        "addresses and file systems give them another meaning"
    ),
    "operators in lower case, such as `like`": "all searches share one grammar",
    "a duplicate param of a logged model": (
        "params of logged models follow the rule for params of runs"
    ),
    "a logged model that is deleted, or whose experiment is": (
        "deleted things cannot be changed, like deleted runs"
    ),
    "a second deletion of a logged model": "the second deletion changes nothing",
    "NaN of a logged model": "SQL stores the mark for NaN only for runs",
    "a metric of a missing logged model": "SQL violates a foreign key",
    "another value of a logged model's metric at the same time and step": (
        "the key of a value in SQL does not include the value"
    ),
    "the latest value of a logged model's metric": (
        "metrics of logged models follow the rule for metrics of runs"
    ),
    "`metrics.a > 'x'` of logged models": "SQL fails to parse the number",
    "metrics that a purged run logged to logged models": (
        "a value belongs to the model, which still exists"
    ),
    "the datasets of a purged run": "SQL does not delete their links",
    "the run of a version with a source in the file": (
        "the engine finds the run when it copies the files"
    ),
    "a version of a deleted logged model": "the error names the deleted model as the cause",
    "a version without a source": "a version needs files or an address",
    "a source that does not exist": (
        "the files of a version are copied on creation, so they must exist"
    ),
    "a source with an alias or `latest`": (
        "SQL expects a number there, though MLflow has such addresses"
    ),
    "the download URI of a version": "a version has its own files, which outlive the source",
}
