"""Series that the package statsmodels carries."""

from __future__ import annotations

from typing import Literal

import numpy as np

from recipes.forecasting.clock import find_clock, parse_times
from recipes.forecasting.formats import Read, Series

SeriesName = Literal["co2", "elnino", "sunspots", "nile", "macrodata"]

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

_SAID = {
    "co2": "weekly carbon dioxide in the air on Mauna Loa, 1958 to 2001, in ppm",
    "elnino": "monthly sea surface temperature in the eastern Pacific, 1950 to 2010, in degrees C",
    "sunspots": "yearly number of sunspots, 1700 to 2008",
    "nile": "yearly flow of the Nile at Aswan, 1871 to 1970, in 10^8 cubic metres",
    "macrodata": "quarterly figures of the economy of the United States, 1959 to 2009",
}

_MACRO = ("realgdp", "realcons", "realinv", "unemp", "tbilrate", "cpi")


def read_embedded(name: SeriesName) -> tuple[Read, str]:
    """A series, and what it is."""
    from statsmodels import datasets

    frame = getattr(datasets, name).load_pandas().data
    targets: tuple[str, ...] = (name,)
    if name == "co2":
        stamps, values = frame.index.strftime("%Y-%m-%d"), frame[["co2"]]
    elif name == "elnino":
        years = frame["YEAR"].astype(int)
        stamps = [f"{year}-{month + 1:02}" for year in years for month in range(12)]
        values = frame[list(_MONTHS)].to_numpy().reshape(-1, 1)
    elif name == "macrodata":
        targets = _MACRO
        stamps = [
            f"{int(y)}Q{int(q)}" for y, q in zip(frame["year"], frame["quarter"], strict=True)
        ]
        values = frame[list(_MACRO)]
    else:
        stamps, values = frame.iloc[:, 0].astype(int).astype(str), frame.iloc[:, [1]]
    times, unit = parse_times(list(stamps), numeric=name in ("sunspots", "nile"))  # type: ignore[misc]
    array = np.asarray(values, "float64")
    nothing = np.zeros((len(array), 0))
    series = Series(name, array, nothing, nothing, find_clock(times, unit))
    missing = int(np.isnan(array).sum())
    notes = ()
    if missing:
        first = int(np.flatnonzero(np.isnan(array).any(axis=1))[0])
        when = series.clock.text(int(series.clock.at(np.array(first))))  # type: ignore[union-attr]
        notes = (f"{missing} of {array.size:,} values are missing, the first of {when}",)
    return Read((series,), targets, (), (), notes), _SAID[name]
