"""Series that the package statsmodels carries."""

from __future__ import annotations

import numpy as np

from recipes.forecasting.clock import find_clock, parse_times
from recipes.forecasting.options import SeriesName
from recipes.forecasting.series import Series, SeriesSet
from recipes.kit.data.facts import Fact

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

_ABOUT = {
    "co2": "weekly carbon dioxide in the air on Mauna Loa, 1958 to 2001, in ppm",
    "elnino": "monthly sea surface temperature in the eastern Pacific, 1950 to 2010, in degrees C",
    "sunspots": "yearly number of sunspots, 1700 to 2008",
    "nile": "yearly flow of the Nile at Aswan, 1871 to 1970, in 10^8 cubic metres",
    "macrodata": "quarterly figures of the economy of the United States, 1959 to 2009",
}

_MACRO = ("realgdp", "realcons", "realinv", "unemp", "tbilrate", "cpi")


def read_embedded(name: SeriesName) -> SeriesSet:
    """The series of a name."""
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
    times, unit = parse_times(list(stamps), numeric=name in ("sunspots", "nile"))
    clock = find_clock(times, unit)
    array = np.asarray(values, "float64")
    facts = [Fact("about", _ABOUT[name])]
    if missing := int(np.isnan(array).sum()):
        first = int(np.flatnonzero(np.isnan(array).any(axis=1))[0])
        when = clock.text(int(clock.at(np.array(first))))
        facts.append(Fact("missing", f"{missing} of {array.size:,} values, the first of {when}"))
    nothing = np.zeros((len(array), 0))
    return SeriesSet(
        series=(Series(name, array, nothing, nothing, clock),),
        columns=targets,
        targets=targets,
        understood=tuple(facts),
        licence="public domain (in statsmodels)",
    )
