"""A year of a nation by polars: all days, AQI and percentiles of every station under three editions.

Arguments: directory with values.i16, stations, directory of the editions' files. The hours lie in one Parquet file, a
row for each station and hour, empty where a value is missing. Prints `polars seconds processor-seconds`, the middle one of three runs,
and leaves what it found by station: daily values (7 of a day, with the largest hour of ozone), AQI by edition (-1 where
there is none) and percentiles by edition and pollutant.

Floating point: what decides at an edge (rounding to an even digit, rounding up) is first rounded to nine digits, so
that the figures are those of exact fractions.
"""

import sys
import time
import tomllib

import numpy as np
import polars as pl

HOURS, DAYS, MISSING = 8760, 365, -(2**15)
ITEMS = ["pm25", "pm10", "so2", "no2", "co", "o3"]
directory, stations, standards = sys.argv[1], int(sys.argv[2]), sys.argv[3]

tenths = np.fromfile(f"{directory}/values.i16", dtype="<i2").reshape(stations, 6, HOURS)
columns = {"station": np.repeat(np.arange(stations, dtype=np.int32), HOURS)}
columns["hour"] = np.tile(np.arange(HOURS, dtype=np.int32), stations)
frame = pl.DataFrame(columns)
for at, item in enumerate(ITEMS):
    values = tenths[:, at, :].reshape(-1)
    series = pl.Series(item, values / 10.0)
    frame = frame.with_columns(series.set(pl.Series(values == MISSING), None))
file = f"{directory}/hours.parquet"
frame.write_parquet(file)
del frame, tenths, columns


def edition(name):
    with open(f"{standards}/{name}.toml", "rb") as text:
        rules = tomllib.load(text)
    scales = {}
    for scale in rules["scale"]:
        breakpoints = [float(end) for end in scale["breakpoints"]]
        levels = rules["index"]["levels"][: len(breakpoints)]
        scales[scale["pollutant"], scale["averaging"]] = (breakpoints, levels, scale["above"])
    limits = {(own["pollutant"], own["averaging"]): float(own["class_2"]) for own in rules["limit"]}
    return rules, scales, limits


EDITIONS = [edition(name) for name in ["2012", "2026", "2031"]]


def index(value, scale):
    """Sub-indices, not a number where there is no value."""
    breakpoints, levels, above = scale
    found = np.ceil(np.round(np.interp(value, breakpoints, levels), 9))
    if isinstance(above, int):
        found = np.where(value > breakpoints[-1], above, found)
    return np.where(np.isnan(value), np.nan, found)


def day_values():
    day = (pl.col("hour") // 24).alias("day")
    enough = [pl.when(pl.col(item).count() >= 20).then(pl.col(item).mean()).alias(item) for item in ITEMS[:5]]
    inside = pl.col("hour") % 24 >= 7
    window = pl.col("o3").rolling_mean(window_size=8, min_samples=6)
    hours = pl.scan_parquet(file).with_columns(pl.when(inside).then(window).alias("window"))
    days = hours.group_by("station", day).agg(
        *enough,
        pl.col("window").max().alias("o3"),
        pl.col("window").count().alias("windows"),
        pl.col("o3").max().alias("o3_1h"),
    )
    return days.sort("station", "day").collect()


def whole():
    days = day_values()
    values = {item: days[item].to_numpy() for item in [*ITEMS, "o3_1h"]}
    few = days["windows"].to_numpy() < 14
    found, percentiles = [], []
    for rules, scales, limits in EDITIONS:
        own = dict(values)
        exceeds = np.round(values["o3"], 9) > limits["o3", "8h"]
        own["o3"] = np.where(few & ~exceeds, np.nan, values["o3"])
        for at, item in enumerate(ITEMS):
            table = own[item].reshape(stations, DAYS)
            percentiles.append(percentile(table, rules["percentiles"].get(item)))
        if rules["rounding"]["before_index"]:
            digits = rules["rounding"]["decimals"]
            own = {item: np.round(np.round(own[item], 9), digits[item.removesuffix("_1h")]) for item in own}
        parts = []
        for item in ITEMS:
            scale = scales[item, "8h" if item == "o3" else "24h"]
            part = index(own[item], scale)
            if scale[2] == "1h":
                hourly = index(own["o3_1h"], scales["o3", "1h"])
                part = np.where(own[item] > scale[0][-1], hourly, part)
            parts.append(part)
        parts = np.stack(parts)
        complete = ~np.isnan(parts).any(axis=0)
        largest = np.fmax.reduce(parts, axis=0)
        if rules["index"]["missing"] == "publish-above-100":
            complete |= largest > 100
        found.append(np.where(complete, largest, -1).astype(np.int32))
    return values, few, np.stack(found), np.stack(percentiles)


def percentile(table, percent):
    """Of each row's values, as HJ 663 ranks them; not a number below 324 days."""
    result = np.full(len(table), np.nan)
    if percent is None:
        return result
    count = np.sum(~np.isnan(table), axis=1)
    ordered = np.sort(table, axis=1)
    rank = (count - 1) * percent
    low, share = rank // 100, (rank % 100) / 100
    rows = np.arange(len(table))
    first = ordered[rows, low]
    second = ordered[rows, np.minimum(low + 1, count - 1)]
    return np.where(count >= 324, first + (second - first) * share, result)


took = []
for _ in range(3):
    values = few = aqi = percentiles = None
    begun, before = time.perf_counter(), time.process_time()
    values, few, aqi, percentiles = whole()
    took.append((time.perf_counter() - begun, time.process_time() - before))
values["o3"] = np.where(few, np.nan, values["o3"])
np.stack([values[item] for item in ITEMS]).tofile(f"{directory}/days.f64")
aqi.tofile(f"{directory}/aqi.i32")
percentiles.tofile(f"{directory}/percentiles.f64")
print("polars", *sorted(took)[1])
