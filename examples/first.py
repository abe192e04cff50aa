"""Two runs of something that learns, found again as a data frame."""

from math import exp

import tracklite

with tracklite.Database.create("runs.tracklite") as database:
    experiment = database.experiment("/Shared/team/churn")
    for rate in (0.1, 0.01):
        with experiment.start_run(f"rate {rate}", capture=True) as run:
            run.log_params({"optimizer": {"name": "adam", "rate": rate}})
            for step in range(100):
                run.log({"loss": exp(-rate * step), "accuracy": 1 - exp(-rate * step)}, step=step)
            run.log_dict("config.json", {"rate": rate})

    print(run.history("loss").to_numpy()["value"].mean())
    columns = ["run_name", "metrics.loss", "params.optimizer.rate"]
    print(database.search_runs("metrics.loss < 0.5", order_by="metrics.loss", columns=columns))
