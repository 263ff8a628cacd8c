"""ppc-forecaster and skaters, run by the Python of the peers' own environment.

It says which versions it has, then takes jobs from standard input and answers each with what was
forecast, one JSON object a line. What is right or wrong about it, `benchmarks.forecasting` says, of
these as of all others.

Each is used as its authors show it. ppc-forecaster goes through a whole series in one call of
`fit_predict`, which makes every row's forecast before it sees the next; `auto` of its models is the
one that counts. Its `update` gives the same row by row, but reads a data frame at every event, and
takes a hundred times as long. skaters has one forecaster, `laplace`, a function of value and state;
its forecast is the mean of the distribution that it returns.
"""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import version
from time import process_time
from typing import Any

import numpy as np

PPC, SKATERS = "ppc auto", "skaters laplace"

STRETCH = 48
"""Events in one sample of the time: eight forecasts where there is one at every fifth or sixth."""

Answer = dict[str, Any]


def ppc(job: Answer) -> Answer:
    """Return forecasts of `auto`, and intervals where coverages are named."""
    rows = np.array(job["origins"]) - 1
    begin = process_time()
    made = _rows(job)
    seconds = process_time() - begin
    intervals: dict[str, Any] = {}
    for coverage in job.get("coverages", ()):
        bounds = _rows(job, interval=coverage)
        both = [bounds[[f"auto_h{n}_{end}" for n in job["steps"]]] for end in ("lo", "hi")]
        intervals[str(coverage)] = np.stack(both, axis=-1)[rows].tolist()
    return {
        "forecasts": made[[f"auto_h{n}" for n in job["steps"]]].to_numpy()[rows].tolist(),
        "intervals": intervals,
        "microseconds": 1e6 * seconds / len(job["values"]),
    }


def _rows(job: Answer, **options: Any) -> Any:
    import pandas as pd
    from ppc.forecaster import Forecaster

    forecaster = Forecaster(horizons=job["steps"], season=job["season"], **options)
    return forecaster.fit_predict(pd.DataFrame({"value": job["values"]}), target="value")


def skaters(job: Answer) -> Answer:
    """Return the means of what `laplace` expects."""
    from skaters import laplace

    model, state = laplace(k=max(job["steps"])), None
    origins, forecasts, clock = set(job["origins"]), [], [process_time()]
    for known, value in enumerate(job["values"], 1):
        expected, state = model(value, state)
        if known in origins:
            forecasts.append([expected[step - 1].mean for step in job["steps"]])
        clock.append(process_time())
    return {"forecasts": forecasts, "microseconds": microseconds(clock)}


def microseconds(clock: list[float]) -> float:
    """Return the time of an event, the clock's readings before the first and after each given.

    It is the median of the means of every `STRETCH` events, so that what only the first cost, as
    compiling, does not count, and all that comes again does.
    """
    count = max((len(clock) - 1) // STRETCH, 1)
    ends = clock[:: min(STRETCH, len(clock) - 1)][: count + 1]
    return 1e6 * float(np.median(np.diff(ends))) / min(STRETCH, len(clock) - 1)


CONTESTANTS = {PPC: ppc, SKATERS: skaters}


def main() -> None:
    """Answer jobs until there are no more."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])  # ppc starts threads
    _say({name: version(name) for name in ("ppc-forecaster", "skaters", "pandas")})
    for line in sys.stdin:
        job = json.loads(line)
        _say(CONTESTANTS[job["contestant"]](job))


def _say(answer: Answer) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
