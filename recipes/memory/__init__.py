"""Memory: what a recurrent network can remember, why it forgets, and what each remedy does.

Shape: many-to-one
Task: adding, copying, counting: what each cell remembers, and why ([guide](docs/memory.md))
Data: generated
Result: adding over 100 steps, MSE 0.0002 (0.167)

    rnn-zoo train memory                                   adding over 100 steps, GRU
    rnn-zoo train memory --compare cells                   beside it other cells, trained alike
    rnn-zoo train memory --compare initialisation          or one of: leaks delays depth clipping
    rnn-zoo train memory --task copy --cell lstm --compare simple irnn
    rnn-zoo evaluate saved_models/memory --data embedded:length=200

Three tasks, made without end from a seed. For each, the best score without memory is known in
closed form: adding has a mean squared error of 1/6, copy 10 log 8 / (T + 20) nats per step,
counting the variance of the count. The pictures show, for every model, how the gradient dL/ds_t
fades or explodes on its way back, at the start and after training, and what it learned;
docs/memory.md walks through them.
"""
