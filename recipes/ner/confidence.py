"""How sure a tagger may be of its tags: its calibration on the validation part."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from custom_layers import crf_marginals, viterbi_decode
from recipes.kit.calibration import Calibration, Confidence, calibrate
from recipes.kit.data.batches import padded_batches
from recipes.kit.recipe import Run
from recipes.ner.data import Data
from recipes.ner.options import Config
from recipes.ner.serve import Tagger

#: Most sentences of the validation part that are looked at.
_MOST = 1000


def calibrated(run: Run[Config, Data], model: keras.Model) -> Calibration:
    """The temperature by which the true tags of the validation part are likeliest, each by itself.

    Tags that the model does not have are left aside.
    """
    config, data = run.config, run.data
    inputs, targets = Tagger(model, data.vocabulary, data.tags).encode(data.valid[:_MOST])
    batches = padded_batches(inputs, targets, config.batch_size, pad_multiple=config.pad_multiple)
    scored = [(model.predict_on_batch(x), np.asarray(truth)) for x, truth in batches]
    answers = [_numpy(_best(scores)) for scores, _ in scored]

    def confidence(temperature: float) -> Confidence:
        parts = []
        for (scores, truth), best in zip(scored, answers, strict=True):
            shares, known = _numpy(_shares(scores / temperature)), truth >= 0
            of_answer, of_truth = (
                np.take_along_axis(shares, np.maximum(tags, 0)[..., None], axis=-1)[..., 0][known]
                for tags in (best, truth)
            )
            parts.append((of_answer, of_truth, (best == truth)[known]))
        return Confidence(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    return calibrate(len(targets), "sentences", confidence)


def _best(scores: np.ndarray) -> Any:
    return viterbi_decode(scores) if scores.ndim == 4 else ops.argmax(scores, axis=-1)


def _shares(scores: np.ndarray) -> Any:
    """The probability of each tag at each step."""
    return crf_marginals(scores) if scores.ndim == 4 else ops.softmax(scores, axis=-1)


def _numpy(tensor: Any) -> np.ndarray:
    values: np.ndarray = ops.convert_to_numpy(tensor)
    return values
