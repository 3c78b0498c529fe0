"""Decoding of autoregressive models: greedy search and beam search over a step function.

A model is a function of one step, `step(tokens, states, context) -> (logits, states)`:

* `tokens` (rows,) int32 are the tokens of the previous step, `start_id` in the first one;
* `states` is a list of tensors (rows, ...) of any rank and dtype, returned with the same shapes and
  dtypes;
* `context` is a list of constant tensors (rows, ...) such as encoder outputs and masks. They stay
  outside the loop: a beam repeats them once and never reorders them;
* `logits` are (rows, vocabulary), of known vocabulary. A logit of minus infinity forbids a token.

Rows that have ended continue until the last one ends, and their further outputs are ignored.

The loop is `keras.ops.while_loop`, so the functions work eagerly, compiled by XLA, and for batches
of unknown size in a `tf.function` or a SavedModel. They take tensors, not symbolic inputs: call
them in the `call` of a layer or a model, after building the layers that `step` uses. The sampling
of `zoo.decoding.sampling` uses the same loop.

Results hold the tokens before the end token, then zeros. The end token itself is left out, but its
probability counts. Searches rank by float32 log-probabilities.
"""
