"""Scaling of series, and quantiles of forecasts."""
