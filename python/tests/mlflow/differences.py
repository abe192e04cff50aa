"""What may differ between MLflow's SQL store and ours, and why; docs/mlflow.md says how."""

from __future__ import annotations

ALLOWED = {
    "infinity": "a float has it, and a column of SQL has not",
    "a batch": "half a batch is of no use to anybody, and a log makes all of it one record",
    "messages of errors": "the engine says what is wrong in its own words",
    "page tokens": "a page of another query would be a wrong answer without a sign",
    "the next page of logged models that an empty filter found": (
        "SQL compares an empty text with none, and refuses what it gave out"
    ),
    "what has no order, as the latest versions of stages": (
        "an order that is the same each time costs nothing"
    ),
    "a number of results below 1, or no whole one, where SQL does not look": (
        "what SQL answers then is an accident of LIMIT and slices"
    ),
    "fractions of steps and times": "the engine keeps whole numbers, as MLflow's own protocol does",
    "steps and times that are not finite, or exceed 64 bits": (
        "they can be kept nowhere, and the argument is told by name"
    ),
    "times of metrics": "the engine keeps nanoseconds in 64 bits",
    "a text that is no Unicode": "it is the caller's text that cannot be kept",
    "arguments of a wrong type": "the caller learns which argument is wrong",
    "a tag without a value": "the engine keeps texts alone, and the word None would be a lie",
    "a tag or param of something new that repeats a key": (
        "SQL stumbles over a constraint; elsewhere the last one counts"
    ),
    "keys of tags of a new run, and of tags and params of logged models": (
        "the engine checks all keys alike, which SQL forgets here"
    ),
    "names of blanks alone": "nobody can see them, and the engine refuses them everywhere",
    "a new run without a user or a start": "SQL makes the run and then fails to tell it",
    "the same output of a run again": "saying a thing twice is no error",
    "a clash of names when an experiment is renamed": "SQL does not catch its own constraint there",
    "experiment 0": "a file of ours always has its default experiment",
    "the tag `tracklite.artifactLocation`": (
        "it keeps the location of artifacts, which must not move under runs"
    ),
    "`artifact_uri` of an experiment with a location of its own": (
        "the engine knows one root of artifacts for a search"
    ),
    "`#` or a drive letter in the path of an artifact": (
        "addresses and file systems mean something else by them"
    ),
    "operators in lower case, as `like`": "one grammar reads the filters of all searches",
    "a param of a logged model again": (
        "it is the rule of the params of runs, for which SQL has a constraint only"
    ),
    "a deleted logged model, or one of a deleted experiment": (
        "what is deleted does not change, as with runs"
    ),
    "a logged model that is deleted again": "nothing has happened to it",
    "NaN of a logged model": "SQL forgets the mark that says so for runs",
    "a metric of a logged model that is not there": "SQL stumbles over a foreign key",
    "another value of a logged model's metric at the same time and step": (
        "SQL's key of a value leaves the value out"
    ),
    "the latest value of a logged model's metric": "it is the rule of the metrics of runs",
    "`metrics.a > 'x'` of logged models": "SQL fails to read the number",
    "`artifact_location`, `lifecycle_stage` and `status_message` of logged models": (
        "the engine has no such attributes in its searches"
    ),
    "what a purged run logged to logged models": (
        "a value belongs to the model, which is still there"
    ),
    "the datasets of a purged run": "SQL leaves their links behind",
    "the run of a version or logged model": "a link that leads nowhere helps nobody",
    "the run of a version that is made of something in the file": (
        "the engine finds the run when it copies the files"
    ),
    "a version of a deleted run or model": "its files may be purged at any time",
    "a version without a source": "there is nothing that it could be a version of",
    "a source that leads nowhere": (
        "the files of a version are kept when it is made, and must be there"
    ),
    "a source by an alias or `latest`": (
        "SQL reads a number there, though MLflow has such addresses"
    ),
    "the download address of a version": (
        "a version keeps files of its own, which stay when the source is gone"
    ),
}
