"""Chaotic series by echo state networks: a fixed random reservoir, a readout in closed form.

Shape: many-to-many
Task: echo state networks that continue a series, or compute the output of a driven system
Data: Mackey-Glass, Lorenz, NARMA10, memory capacity; text, CSV, npy
Result: Mackey-Glass, NRMSE 84 steps ahead 1.3e-4 (0.73)

    rnn-zoo train chaos                          Mackey-Glass, tau 17: NRMSE 1.3e-4 at 84 steps, a
                                                 linear model .73; fitted in 2 s after compiling
    rnn-zoo train chaos --units 1000             the same: 1.2e-5
    rnn-zoo train chaos --task lorenz            valid for 13 Lyapunov times, a linear model 0.3
    rnn-zoo train chaos --task narma10           NRMSE .20, a linear model .37
    rnn-zoo train chaos --task memory_capacity   39 of 100 units' worth of inputs kept; 99 with
                                                 --topology orthogonal --activation linear
    rnn-zoo train chaos --reservoirs 5           mean and spread over five reservoirs
    rnn-zoo train chaos --data my_series.csv --columns temperature,pressure
    rnn-zoo predict saved_models/chaos my_series.csv --steps 200
    rnn-zoo tune chaos --trials 30

Figures are means over three reservoirs (`--reservoirs 3`) on the test part.

Nothing is trained by gradient descent: the states of the reservoir are computed once, and the
readout by ridge regression, for several penalties of which the best on the validation part is kept.
A series that goes on by itself is then continued on the network's own predictions, until chaos
separates the two; a system that is driven (narma10, memory_capacity, own files with --target) is
computed from its inputs. All in float64: a forecast of a chaotic series is only as good as its last
digits.
"""
