"""Two runs, found again with a search."""

from math import exp

import tracklite

for rate in (0.1, 0.01):
    with tracklite.run("first.tracklite", "churn", params={"rate": rate}) as run:
        for step in range(100):
            run.log({"loss": exp(-rate * step), "accuracy": 1 - exp(-rate * step)}, step=step)

with tracklite.Database.open("first.tracklite") as database:
    for row in database.search_runs("metrics.loss < 0.5", order_by="metrics.loss").rows():
        print(row["params.rate"], round(row["metrics.loss"], 5))
