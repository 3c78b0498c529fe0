"""Decoding of autoregressive models: greedy search and beam search over a step function.

A model is a function of one step, `step(tokens, states, context) -> (logits, states)`:

* `tokens` (rows,) int32 are the tokens of the step before, at first `start_id`;
* `states` are a list of tensors (rows, ...) of any rank and dtype, and those that come back have
  the same shapes and dtypes;
* `context` are tensors (rows, ...) that belong to a row and do not change: encoder outputs, masks.
  They stay outside the loop. A beam repeats them once and never moves them;
* `logits` are (rows, vocabulary), of known vocabulary. A logit of minus infinity forbids a token.

A row that has ended goes on, end token and all, until the last one has, and what comes of it is
ignored.

The loop is `keras.ops.while_loop`, so the functions work eagerly, compiled by XLA, and for batches
of unknown size in a `tf.function` or a SavedModel. They take tensors, not symbolic inputs: call
them in the `call` of a layer or a model, and build the layers that `step` uses before. Tokens are
drawn at random in `zoo.decoding.sampling`, in the same loop.

An answer holds the tokens before the end token, then zeros; the end token itself is not in it, but
its probability counts. Searches rank by float32 log-probabilities.
"""
