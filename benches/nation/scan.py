"""Daily means of every series, by polars and DuckDB, from one Parquet file.

Arguments: directory with values.i16, stations, directory of the standards (not used here). Prints `name seconds
processor-seconds`, the middle one of five runs each, and leaves each peer's means as 64-bit floats by series and day; a day without a value
is not a number.
"""

import sys
import time

import duckdb
import numpy as np
import polars as pl

HOURS, MISSING, START = 8760, -(2**15), 1_735_660_800
directory, stations = sys.argv[1], int(sys.argv[2])

tenths = np.fromfile(f"{directory}/values.i16", dtype="<i2")
series = np.repeat(np.arange(stations * 6, dtype=np.int32), HOURS)
times = np.tile(START + 3600 * np.arange(1, HOURS + 1, dtype=np.int64), stations * 6)
there = tenths != MISSING
frame = pl.DataFrame({"series": series[there], "time": times[there], "value": tenths[there] / 10.0})
file = f"{directory}/values.parquet"
frame.write_parquet(file)
del frame, series, times, tenths, there


def by_polars():
    day = ((pl.col("time") - 1 - START) // 86_400).cast(pl.Int32).alias("day")
    means = pl.scan_parquet(file).group_by("series", day).agg(pl.col("value").mean())
    return means.collect()


def by_duckdb():
    query = f"""SELECT series, CAST((time - 1 - {START}) // 86400 AS INTEGER) AS day, avg(value) AS value
                FROM '{file}' GROUP BY ALL"""
    return duckdb.sql(query).fetchnumpy()


for name, run in [("polars", by_polars), ("DuckDB", by_duckdb)]:
    took = []
    for _ in range(5):
        found = None
        begun, before = time.perf_counter(), time.process_time()
        found = run()
        took.append((time.perf_counter() - begun, time.process_time() - before))
    if name == "polars":
        found = {column: found[column].to_numpy() for column in found.columns}
    means = np.full((stations * 6, HOURS // 24), np.nan)
    means[np.asarray(found["series"]), np.asarray(found["day"])] = np.asarray(found["value"])
    means.tofile(f"{directory}/{name}.f64")
    print(name, *sorted(took)[2])
