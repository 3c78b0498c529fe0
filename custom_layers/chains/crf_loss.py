"""The loss of a conditional random field."""

from __future__ import annotations

from typing import Any

import keras

from custom_layers.chains.linear_chain import crf_log_likelihood
from custom_layers.engine.checks import require_classes, require_example_weights
from custom_layers.engine.tensor import Tensor


@keras.saving.register_keras_serializable(package="rnn_zoo")
class CRFLoss(keras.losses.Loss):
    """Negative log-likelihood of tag sequences under the log potentials of a `CRF`.

    `loss_b = -log p(y_b)`, in nats per sentence, averaged over the batch. Its metrics are
    `CRFTagAccuracy` and `CRFEntityF1`; those of Keras (`"accuracy"`) cannot read potentials.

    Args:
        reduction: Reduction over the batch, as in `keras.losses.Loss`. Defaults to
            `"sum_over_batch_size"`, the mean.
        name: Name of the loss. Defaults to `"crf_loss"`.
        dtype: Dtype of the computation. Defaults to `"float32"`.

    Call arguments:
        y_true: Integer tags of shape `(batch, time)`, negative at exactly those steps that were
            masked for the `CRF` layer.
        y_pred: Log potentials of shape `(batch, time, num_tags, num_tags)`.
        sample_weight: Optional weights of the sentences, of shape `(batch,)`. `class_weight` of
            `fit` is not for sequences of tags: Keras would weight a sentence by the place of its
            largest tag.

    Input shape:
        See the call arguments.

    Output shape:
        A scalar, or `(batch,)` with `reduction=None`.

    Masking:
        By negative tags. A sentence without any tag has loss 0 and counts towards the mean.

    Raises:
        ValueError: If the shapes are inconsistent; if there is a weight for each step, as the
            likelihood of a sentence is no sum over its steps; if tags in NumPy are `num_tags` or
            more. (In tensors these make the loss NaN.)

    Example:

    >>> import keras, numpy as np
    >>> from custom_layers import CRF
    >>> potentials = CRF(num_tags=3)(np.zeros((2, 4, 3), dtype="float32"))
    >>> tags = np.array([[0, 1, 2, 0], [2, 2, 1, 0]])
    >>> print(np.round(keras.ops.convert_to_numpy(CRFLoss()(tags, potentials)), 3))  # 4 log(3)
    4.394

    Reference:
        [Lafferty et al., 2001](https://repository.upenn.edu/handle/20.500.14332/6188).
    """

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "crf_loss",
        dtype: Any = "float32",
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        require_classes("y_true", y_true, y_pred.shape[-1])
        require_example_weights(sample_weight)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        return -crf_log_likelihood(y_pred, y_true)
