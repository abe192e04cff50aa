"""The allowed differences between MLflow's SQL store and ours, each with its reason.

`docs/mlflow.md` describes both sides of each difference.
"""

from __future__ import annotations

ALLOWED = {
    "infinity": "a float can be infinite, but a SQL column cannot",
    "a batch": "a batch is one record of the log, so it is atomic",
    "messages of errors": "the engine has its own error messages",
    "page tokens": "a token of another query would silently return wrong results",
    "the next page of logged models that an empty filter found": (
        "SQL compares an empty filter with None, and rejects its own token"
    ),
    "what has no order, as the latest versions of stages": "a stable order costs nothing",
    "a number of results below 1, or no whole one, where SQL does not look": (
        "the answers of SQL are accidents of LIMIT and slicing"
    ),
    "fractions of steps and times": "the engine stores integers, like MLflow's own protocol",
    "steps and times that are not finite, or exceed 64 bits": (
        "they cannot be stored, and the error names the argument"
    ),
    "times of metrics": "the engine stores nanoseconds in 64 bits",
    "a text that is not Unicode": "the text cannot be stored, and the caller passed it",
    "arguments of a wrong type": "the error names the wrong argument",
    "a tag without a value": "the engine stores only texts, and the text None would be wrong",
    "a tag or param of something new that repeats a key": (
        "SQL violates a constraint, while the last one wins elsewhere"
    ),
    "keys of tags of a new run, and of tags and params of logged models": (
        "the engine checks all keys in the same way, and SQL omits these"
    ),
    "names of blanks alone": "they are invisible, and the engine rejects them everywhere",
    "a new run without a user or a start": "SQL creates the run and then fails to return it",
    "the same output of a run again": "logging the same output twice is not an error",
    "a clash of names when an experiment is renamed": (
        "SQL does not handle its own constraint there"
    ),
    "experiment 0": "every file of ours has its default experiment",
    "the tag `tracklite.artifactLocation`": (
        "it stores the location of artifacts, which must not change"
    ),
    "`artifact_uri` of an experiment with a location of its own": (
        "a search has only one artifact root"
    ),
    "`#` or a drive letter in the path of an artifact": (
        "addresses and file systems give them another meaning"
    ),
    "operators in lower case, as `like`": "all searches share one grammar",
    "a param of a logged model again": "params of logged models follow the rule for params of runs",
    "a deleted logged model, or one of a deleted experiment": (
        "deleted things cannot be changed, like deleted runs"
    ),
    "a logged model that is deleted again": "the second deletion changes nothing",
    "NaN of a logged model": "SQL stores the mark for NaN only for runs",
    "a metric of a logged model that is not there": "SQL violates a foreign key",
    "another value of a logged model's metric at the same time and step": (
        "the key of a value in SQL does not include the value"
    ),
    "the latest value of a logged model's metric": (
        "metrics of logged models follow the rule for metrics of runs"
    ),
    "`metrics.a > 'x'` of logged models": "SQL fails to parse the number",
    "`artifact_location`, `lifecycle_stage` and `status_message` of logged models": (
        "the engine cannot search by these attributes"
    ),
    "what a purged run logged to logged models": "a value belongs to the model, which still exists",
    "the datasets of a purged run": "SQL does not delete their links",
    "the run of a version or logged model": "a link to a missing run is useless",
    "the run of a version that is made of something in the file": (
        "the engine finds the run when it copies the files"
    ),
    "a version of a deleted run or model": "its files may be purged at any time",
    "a version without a source": "a version needs files or an address",
    "a source that leads nowhere": (
        "the files of a version are copied on creation, so they must exist"
    ),
    "a source by an alias or `latest`": (
        "SQL expects a number there, though MLflow has such addresses"
    ),
    "the download address of a version": "a version has its own files, which outlive the source",
}
