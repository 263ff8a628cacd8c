"""Many short series and tables, for the ratio of a forecaster's error to that of the last value."""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Iterator
from importlib import resources
from importlib.util import find_spec
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from river import datasets
from river.datasets import synth

Series = tuple[str, int | None, list[float]]
Table = tuple[str, list[tuple[dict[str, float], float]]]


def series() -> Iterator[Series]:
    """Yield name, seasonality and values of every series that is at hand without a download."""
    yield "AirlinePassengers", 12, [float(y) for _, y in datasets.AirlinePassengers()]
    yield "WaterFlow", 24, [float(y) for _, y in datasets.WaterFlow()]
    yield "TrumpApproval, target only", None, [float(y) for _, y in datasets.TrumpApproval()]
    if find_spec("bokeh_sampledata"):
        for name, seasonality, values in _sampled():
            yield name, seasonality, [y for y in values if not math.isnan(y)]
    yield from _plain()
    yield from _seasonal()
    yield from _nasty()


def tables() -> Iterator[Table]:
    """Yield name and events, features with target, of every table at hand."""
    yield "TrumpApproval", [(dict(x), float(y)) for x, y in datasets.TrumpApproval()]
    yield "ChickWeights", [(dict(x), float(y)) for x, y in datasets.ChickWeights()]
    yield "Friedman", list(islice(synth.Friedman(seed=1), 3000))
    drift = synth.FriedmanDrift(drift_type="gra", position=(1000, 2000), seed=1)
    yield "Friedman, drifting", list(islice(drift, 3000))
    yield "Planes2D", list(islice(synth.Planes2D(seed=1), 2000))
    random = np.random.default_rng(7)
    x, weights = random.normal(size=(1000, 10)), random.normal(size=10)
    names = [f"x{k}" for k in range(10)]
    for name, y in (
        ("linear and noise", x @ weights + random.normal(size=1000)),
        ("features mean nothing, white noise", random.normal(size=1000)),
        ("features mean nothing, random walk", np.cumsum(random.normal(size=1000))),
        ("linear with huge outliers", x @ weights + random.standard_cauchy(1000)),
        ("linear, later with other signs", np.r_[x[:500] @ weights, -x[500:] @ weights]),
        ("random walk and linear", np.cumsum(random.normal(size=1000)) + 3 * x[:, 0]),
        ("linear, changes of the target", np.cumsum(x @ weights)),
    ):
        rows = [dict(zip(names, row, strict=True)) for row in x.tolist()]
        yield name, list(zip(rows, y.tolist(), strict=True))


def _sampled() -> Iterator[Series]:
    """Yield series of the package bokeh-sampledata, read without pandas."""
    sea = _column("sea_surface_temperature.csv.gz", "temperature (celsius)")
    yield "sea surface temperature", 48, sea[:6000]
    yield "glucose", 288, _column("CGM.csv.gz", "glucose")[:6000]
    for ticker in ("AAPL", "GOOG", "IBM", "MSFT"):
        yield f"stock {ticker}", 5, _column("stocks.csv.gz", "Close", Ticker=ticker)
    yield "stock volume IBM", 5, _column("stocks.csv.gz", "Volume", Ticker="IBM")
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    years = zip(*(_column("unemployment1948.csv", month) for month in months), strict=True)
    yield "unemployment", 12, [y for year in years for y in year]
    for name in ("Marriages", "Divorces"):
        yield name.lower(), None, _column("us_marriages_divorces.csv", name)
    yield "Lincoln, highest of a day", None, _column("lincoln_weather.csv", "TMAX")
    for name in ("altitude", "power", "speed"):
        yield f"cycling {name}", None, _column("cycling.csv.gz", name)
    for country in ("Brazil", "China", "France", "United States"):
        emissions = _column("emissions.csv.gz", "emissions", country=country)
        yield f"emissions {country}", None, emissions


def _column(file: str, name: str, **where: str) -> list[float]:
    packed = resources.files("bokeh_sampledata").joinpath("_data", file).read_bytes()
    text = (gzip.decompress(packed) if file.endswith(".gz") else packed).decode()
    rows = csv.DictReader(io.StringIO(text))
    return [
        float(row[name] or "nan") for row in rows if all(row[key] == where[key] for key in where)
    ]


def _plain() -> Iterator[Series]:
    random = np.random.default_rng(1)
    n = np.arange(1000.0)
    walk = np.cumsum(random.normal(size=1000))
    noise = random.normal(size=1000)
    yield "constant", None, [5.0] * 300
    yield "constant, then a step", None, [5.0] * 150 + [9.0] * 150
    yield "constant, a step after 20", 4, [5.0] * 20 + [9.0] * 300
    yield "random walk", None, list(walk)
    yield "random walk, seasonality claimed", 24, list(walk + 1000)
    yield "random walk, 100 events", 7, list(walk[:100])
    yield "white noise", None, list(noise)
    yield "white noise, seasonality claimed", 12, list(noise + 20)
    yield "trend", None, list(0.5 * n)
    yield "trend and noise", None, list(0.1 * n + noise)
    yield "geometric growth", None, list(np.exp(n / 50))
    yield "geometric random walk", None, list(np.exp(walk / 10))
    yield "AR(1), 0.8", None, list(_autoregressive(0.8, noise))
    yield "AR(1), -0.7", None, list(_autoregressive(-0.7, noise))
    yield "random walk at 1e-8", None, list(1e-8 * walk)
    yield "white noise at 1e12", None, list(1e12 * (noise + 10))
    yield "random walk, 20 events", 4, list(walk[300:320])
    yield "white noise, 20 events", None, list(noise[300:320])


def _seasonal() -> Iterator[Series]:
    random = np.random.default_rng(2)
    n = np.arange(1200.0)
    noise = random.normal(size=1200)
    wave = np.sin(2 * np.pi * n / 24) + 0.5 * np.sin(2 * np.pi * n / 8)
    yield "sine", 24, list(wave)
    yield "seasonal and noise", 24, list(10 * wave + noise)
    yield "seasonal and random walk", 24, list(5 * wave + np.cumsum(noise))
    yield "seasonal, not declared", None, list(10 * wave + noise)
    yield "seasonal, wrongly declared", 10, list(10 * wave + noise)
    grown = np.exp(n / 400 + 0.3 * wave + 0.03 * noise)
    yield "multiplicative seasonal", 24, list(100 * grown)
    yield "seasonal, phase lost", 24, list(10 * np.r_[wave[:600], wave[607:], wave[:7]] + noise)
    pattern = np.tile(random.normal(size=7), 172)[:1200]
    yield "any pattern of 7", 7, list(pattern + 0.1 * noise)
    spikes = 50.0 * (n % 24 == 5) + noise
    yield "a spike a day", 24, list(spikes)


def _nasty() -> Iterator[Series]:
    random = np.random.default_rng(3)
    walk = np.cumsum(random.normal(size=1000))
    noise = random.normal(size=1000)
    yield "intermittent", 7, list((random.random(1000) < 0.1) * random.poisson(5, 1000) * 1.0)
    yield "Student t, 2 degrees", None, list(random.standard_t(2, 1000))
    yield "Student t, 2 degrees, summed", None, list(np.cumsum(random.standard_t(2, 1000)))
    yield "Cauchy", None, list(random.standard_cauchy(1000))
    yield "Cauchy, summed", 24, list(np.cumsum(random.standard_cauchy(1000)))
    yield "random walk, then noise, then walk", None, [*walk[:300], *noise[:400], *walk[300:600]]
    shifts = np.repeat(random.normal(size=10) * 20, 100)
    yield "levels that shift", None, list(shifts + noise)
    yield "noise, then a step of a million", None, [*noise[:500], *(noise[500:] + 1e6)]
    yield "sign flips", None, list(np.where(np.arange(1000) % 2, 1.0, -1.0) + 0.1 * noise)
    yield "sign flips, then constant", None, [(-1.0) ** n for n in range(300)] + [1.0] * 300
    yield "random walk with lone outliers", None, list(_with_outliers(walk, 1e6))
    yield "white noise with lone outliers", None, list(_with_outliers(noise, 1e6))
    yield "random walk with one of 1e30", None, [*walk[:400], 1e30, *walk[400:]]
    yield "noise, variance 10,000 times", None, [*noise[:500], *(100 * noise[500:])]
    yield "noise, variance a 10,000th", None, [*(100 * noise[:500]), *noise[500:]]
    yield "zeros", None, [0.0] * 100
    yield "noise around zeros", 5, [0.0] * 200 + list(noise[:50]) + [0.0] * 200
    yield "counts that double, reset", 16, [2.0 ** (n % 16) for n in range(600)]


def _autoregressive(weight: float, noise: NDArray[np.float64]) -> Iterator[float]:
    y = 0.0
    for shock in noise:
        y = weight * y + shock
        yield float(y)


def _with_outliers(values: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    spoilt = values.copy()
    spoilt[100::150] += size
    return spoilt
