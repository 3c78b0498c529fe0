"""What a transcriber writes while its model is still unsure."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import zoo
from recipes.speech import serve
from recipes.speech.options import Config
from recipes.speech.serve import Transcriber, texts_of, transcribe_all

RATE = 2000


def unsure(config: Config) -> keras.Model:
    """A model that gives each of eight letters a tenth of the blank's probability, more or less."""
    keras.utils.set_random_seed(0)
    model = zoo.acoustic_model(num_labels=8, sampling_rate=RATE, units=4, num_mels=8)
    head = model.get_layer("logits")
    kernel, bias = head.get_weights()
    head.set_weights([0.3 * kernel, bias + 2.3 * (np.arange(9) == 0)])
    return model


def test_it_writes_no_more_than_the_likeliest_path(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config()
    sound = np.random.default_rng(0).normal(0, 0.1, 12 * RATE).astype("float32")

    def written() -> tuple[str, str]:
        transcriber = Transcriber(unsure(config), list("abcdefgh"), RATE, config)
        answers = transcribe_all(transcriber.transcribe, [sound])
        return texts_of(answers)[0], texts_of(answers, "greedy")[0]

    beam, greedy = written()
    assert greedy == "" and len(beam) <= 1
    monkeypatch.setattr(serve, "_LEAST_SHARE", 0.0)
    assert len(written()[0]) > 5
