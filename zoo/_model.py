"""The class of the models of the zoo: functional models that refuse what Keras cannot do right."""

from __future__ import annotations

import inspect
from typing import Any

import keras

from custom_layers import CRFLoss, CTCLoss

_OF_SEQUENCES = (CRFLoss, CTCLoss)


@keras.saving.register_keras_serializable(package="rnn_zoo")
class ZooModel(keras.Model):
    """A functional `keras.Model` with clear errors in place of three silent faults of Keras:

    - `save("model.h5")` writes a file that cannot be loaded, as the old format does not know the
      operations between the layers; the format is `.keras`. (Weights alone can be `.weights.h5`.)
    - `compile(metrics=["accuracy"])` would compare tags with the potentials of a CRF, or labels
      with frames.
    - `fit(class_weight=...)` would weight a sequence by the place of its largest target.
    """

    def save(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Save as `keras.Model` does, to a `.keras` file.

        Raises:
            ValueError: If the file is an `.h5` file, before anything is written.
        """
        if str(filepath).endswith((".h5", ".hdf5")):
            raise ValueError(
                f"`filepath` must end in '.keras', found {str(filepath)!r}: models of the zoo "
                "cannot be loaded from an h5 file. For the weights alone use `save_weights` and "
                "'.weights.h5'."
            )
        super().save(filepath, *args, **kwargs)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Compile as `keras.Model` does.

        Raises:
            ValueError: If a metric is an accuracy of Keras, and the loss `CRFLoss` or `CTCLoss`.
        """
        options = inspect.signature(super().compile).bind(*args, **kwargs).arguments
        if isinstance(options.get("loss"), _OF_SEQUENCES):
            given = [options.get("metrics"), options.get("weighted_metrics")]
            for metric in keras.tree.flatten(given):
                if _is_keras_accuracy(metric):
                    raise ValueError(
                        "`metrics` must not be an accuracy of Keras with a loss of sequences, as "
                        "the outputs are not answers for single steps: use `CRFTagAccuracy` and "
                        f"`CRFEntityF1` with `CRFLoss`, none with `CTCLoss`; found {metric!r}."
                    )
        super().compile(*args, **kwargs)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile a loaded model as it was saved: Keras leaves that to a class with a `compile`."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None:
            self.optimizer.build(self.trainable_variables)

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        """Fit as `keras.Model` does.

        Raises:
            ValueError: If `class_weight` is passed to a model with an output for each step.
        """
        options = inspect.signature(super().fit).bind(*args, **kwargs).arguments
        if options.get("class_weight") is not None:
            ranks = [len(output.shape) for output in keras.tree.flatten(self.output)]
            if max(ranks) > 2:
                raise ValueError(
                    "`class_weight` must be None for a model with an output for each step: Keras "
                    "would weight a whole sequence by the place of its largest target. Use "
                    "`sample_weight`."
                )
        return super().fit(*args, **kwargs)


def _is_keras_accuracy(metric: Any) -> bool:
    if isinstance(metric, str):
        return metric == "acc" or "accuracy" in metric.lower()
    kind = type(metric) if isinstance(metric, keras.metrics.Metric) else metric
    module, name = getattr(kind, "__module__", ""), getattr(kind, "__name__", "")
    return module.startswith("keras.") and "accuracy" in name.lower()
