"""Forecasting: the next steps of time series from a window of their past, with quantiles.

Shape: many-to-many
Task: the next steps of series, with quantiles
Data: statsmodels' series (`--series co2`, `sunspots`, ...); CSV, folders of CSV
Result: carbon dioxide, MAE 0.58 ppm (1.67)

    rnn-zoo train forecasting                            carbon dioxide in the air, weekly: off by
                                                         0.58 ppm, that of last year by 1.67
    rnn-zoo train forecasting --data my.csv --horizon 24 --target sales
    rnn-zoo train forecasting --model echo_state --units 300
    rnn-zoo predict saved_models/forecasting my.csv      what comes after the end of the file

A recurrent stack reads the window; all steps are forecast at once (direct) or each from the one
before (recursive). Or an echo state network does, whose readout is found in closed form. Scaling is
part of the model. Everything is judged by a rolling origin over the last part of the data, in its
own unit, beside what is known without a model: the last value, and that of the last season.
"""
