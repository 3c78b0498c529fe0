"""Options of series: which ones, how far to look back and ahead, what to test on."""

from __future__ import annotations

from dataclasses import dataclass

from recipes.forecasting import data as series_data
from recipes.kit.options import RunConfig


@dataclass(frozen=True)
class SeriesConfig(RunConfig):
    """Series, windows into them, and what follows."""

    data: str = "embedded"
    """`embedded` (statsmodels' series, see --series; no network), or the path of your own: a CSV
    file, gzipped or not, or a folder of them."""
    series: series_data.SeriesName = "co2"
    """Of the embedded data, which series."""
    target: tuple[str, ...] = ()
    """Columns of your file to forecast, by name or number from 0; `all` for all of them. By default
    the first column of numbers, or without a header all of them."""
    covariates: tuple[str, ...] = ()
    """Columns that help and are known up to now."""
    known_covariates: tuple[str, ...] = ()
    """Columns that help and are known of the future, too, such as holidays; `predict` reads them
    from rows behind the last value."""
    time_column: str | None = None
    """Column of the time stamps; `none` where each row is a step. By default found by its looks."""
    series_column: str | None = None
    """Column that says to which series a row belongs, where a file holds several below each
    other."""
    separate: bool = False
    """Make each target a series of its own; one model learns them all, each from itself alone."""
    calendar: bool = True
    """Tell the model hour, weekday and day of the year, as far as time stamps and the length of the
    training part give them."""
    horizon: int = 12
    """Steps to forecast."""
    window: int | None = None
    """Steps to forecast from. By default two seasons and at least two horizons and 24, at most a
    third of the training part."""
    season: int | None = None
    """Steps of a season, 1 = none. By default what the training part says, see the output."""
    test_share: float = 0.2
    """Share of the steps, the last ones, to test on."""
    valid_share: float = 0.1
    """Share of the steps, those before the test, to choose the best epoch by."""
    stride: int = 1
    """Steps from origin to origin in training, validation and test."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in ("horizon", "window", "season", "stride"):
            value = getattr(self, field)
            self.require(value is None or value >= 1, field, "at least 1")
        for field in ("test_share", "valid_share"):
            self.require(0 < getattr(self, field) < 1, field, "above 0 and below 1")
        both = self.test_share + self.valid_share
        self.require(both < 1, "test_share", f"below {1 - self.valid_share:g}, as some must train")

    @property
    def columns(self) -> series_data.Columns:
        """Which column of the user's files is what."""
        return series_data.Columns(
            self.target,
            self.covariates,
            self.known_covariates,
            self.time_column,
            self.series_column,
        )

    def read_series(self, source: str, season: int | None) -> series_data.SeriesData:
        """The series of a source, and where they are cut.

        Args:
            source: As `data`.
            season: Steps of a season; None = as the training part says.
        """
        return series_data.load(
            source,
            horizon=self.horizon,
            columns=self.columns,
            embedded=self.series,
            separate=self.separate,
            test_share=self.test_share,
            valid_share=self.valid_share,
            season=season,
        )

    def window_of(self, series: series_data.SeriesData) -> int:
        """Steps to forecast from."""
        if self.window:
            return self.window
        longest = max(len(values) for values in series.training)
        season = series.season if series.season > 1 else 0
        return min(max(2 * season, 2 * self.horizon, 24), max(longest // 3, season, 1))

    def periods(self, series: series_data.SeriesData) -> tuple[int, ...]:
        """Seconds after which the calendar repeats, as far as the model is told."""
        if not self.calendar or series.clock is None:
            return ()
        return tuple(series.clock.periods(max(len(values) for values in series.training)))
