"""Two runs, found again with a search."""

from math import exp

import tracklite

for rate in (0.1, 0.01):
    with tracklite.run("first.tracklite", "churn", f"rate {rate}", params={"rate": rate}) as run:
        for step in range(100):
            run.log({"loss": exp(-rate * step), "accuracy": 1 - exp(-rate * step)}, step=step)

with tracklite.Database.open("first.tracklite") as database:
    table = database.runs_table("metrics.accuracy > 0.5", order_by="metrics.loss")
    for row in table.rows():
        print(row["run_name"], "has loss", round(row["metrics.loss"], 5))
