"""The speech recipe: clips, acoustic model, training, baseline, export, pictures and search, in
this order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np

import zoo
from custom_layers import CTCLoss, LogMel
from recipes.kit.amount import Amount
from recipes.kit.data.audio import from_int16
from recipes.kit.data.batches import Example, padded_batches, steps
from recipes.kit.data.source import Source
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.fit import fit
from recipes.kit.output import PLOTS, SAVED_MODEL, write_json
from recipes.kit.plots import confusion
from recipes.kit.recipe import Baseline, Card, History, Recipe, Run
from recipes.kit.space import stack_space
from recipes.kit.stack import stack_of
from recipes.speech import data as corpora
from recipes.speech.clips import Clip
from recipes.speech.data import ABOUT, Data
from recipes.speech.metrics import confusions, speech_metrics
from recipes.speech.options import Config, Predict
from recipes.speech.plots import Heard, alignment
from recipes.speech.serve import (
    Transcriber,
    TranscriberPredictor,
    texts_of,
    timed_letters,
    transcribe_all,
)

CARD = Card(
    task="Writes down what is said, or keyed, in a recording.",
    use="Recordings like those it was trained on: of the same language, kind of speaker, "
    "microphone and noise, and of lengths like theirs.",
    limits="It writes something for whatever it hears, letter by letter, and knows no words. Other "
    "accents, rooms and subjects are recognised worse, and some groups of speakers worse than "
    "others. Not for decisions about people.",
)


def load_data(source: Source, config: Config) -> Data:
    """Read the clips; collect the symbols of their transcripts."""
    return corpora.load(source, config)


def amount(data: Data, config: Config) -> Amount | None:
    """The clips of an epoch; None for Morse code, which is generated without end."""
    if data.generate is not None:
        return None
    return Amount(len(data.train(0)), "clips")


def build(run: Run[Config, Data]) -> keras.Model:
    """The acoustic model, uncompiled."""
    return zoo.acoustic_model(
        num_labels=len(run.data.symbols),
        sampling_rate=run.data.sampling_rate,
        **run.config.feature_options(),
        **stack_of(run.config),
    )


class _Examples(Sequence[Example]):
    """Clips as the model takes them, made when they are asked for."""

    def __init__(self, clips: Sequence[Clip]) -> None:
        self._clips = clips

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: Any) -> Any:
        samples = self._clips[index].samples
        return {"waveforms": from_int16(samples), "lengths": np.int32(len(samples))}


def train(run: Run[Config, Data], model: keras.Model) -> History:
    """Train the model; it is left with the weights of its best epoch."""
    config, data = run.config, run.data
    ids = {symbol: index for index, symbol in enumerate(data.symbols, start=1)}
    # XLA compiles each length of a batch anew: a quarter of a second, and eight letters, at a time.
    multiple = data.sampling_rate // 4 if config.jit_compile else 1
    target_multiple = 8 if config.jit_compile else 1

    def batches(clips: Sequence[Clip], shuffle: tuple[int, int] | None = None) -> Any:
        return padded_batches(
            _Examples(clips),
            [np.array([ids[x] for x in clip.text if x in ids], "int32") for clip in clips],
            config.batch_size,
            shuffle=shuffle,
            pad_multiple=multiple,
            target_multiple=target_multiple,
        )

    held_out = data.valid
    valid, truth = batches(held_out), [clip.text for clip in held_out]
    transcriber = Transcriber(model, data.symbols, data.sampling_rate, config)

    def validate() -> dict[str, float]:
        loss = model.evaluate(valid, verbose=0)
        # By beam search, as the exported model answers: 2 ms for a second of sound.
        answers = transcribe_all(transcriber.transcribe, [clip.samples for clip in held_out])
        metrics = speech_metrics(truth, texts_of(answers))
        return {"val_loss": loss, **{f"val_{name}": value for name, value in metrics.items()}}

    return fit(
        run,
        model,
        batches=lambda epoch: batches(data.train(epoch), (config.seed, epoch)),
        steps=steps(len(data.train(0)), config.batch_size),
        # Clips are long enough for the config's own steps; those of a trial may be longer.
        loss=CTCLoss(zero_infinity=True),
        validate=validate,
    )


def baseline(run: Run[Config, Data]) -> Baseline:
    """The one transcript that suits all clips best, chosen on clips of train."""
    texts = [clip.text for clip in run.data.train(0)]
    generator = np.random.default_rng(run.config.seed)
    sample = [texts[index] for index in generator.permutation(len(texts))[:200]]
    candidates = {*sample[:100], Counter(texts).most_common(1)[0][0]}
    errors = {
        text: speech_metrics(sample, [text] * len(sample))["cer"] for text in sorted(candidates)
    }
    best = min(errors, key=errors.__getitem__)
    truth = [clip.text for clip in run.data.test]
    return Baseline(
        "the one transcript of training that, given for every clip, makes the fewest errors there.",
        speech_metrics(truth, [best] * len(truth)),
    )


def export(run: Run[Config, Data], model: keras.Model) -> None:
    """Write the SavedModel, which takes waveforms, and what it expects of them.

    Each signature takes `waveforms` (batch, samples) from -1 to 1, at the sampling rate in
    speech.json, and `lengths` (batch,), the number of samples that count:

    - `transcribe`, also `serving_default`: `texts` (batch,) by beam search; `hypotheses` and
      `scores` (batch, beam); `greedy` (batch,); `letters`, `starts` and `ends` (batch, letters) in
      seconds.
    - `greedy`: `texts`, `scores`, `letters`, `starts`, `ends`, by the likeliest path.
    - `log_probabilities` (batch, steps, symbols), with `symbols`, `seconds_per_step` and
      `sampling_rate`.
    """
    data = run.data
    served = Transcriber(for_serving(model), data.symbols, data.sampling_rate, run.config)
    save_saved_model(served.endpoints, served.resources, run.folder / SAVED_MODEL)
    about = {"sampling_rate": data.sampling_rate, "symbols": ["", *data.symbols]}
    write_json(run.folder / ABOUT, about)


def portable(model: keras.Model, folder: Path) -> keras.Model:
    """What ONNX and LiteRT can hold: waveforms in, log-probabilities of each step out."""
    return zoo.frame_decoder(for_serving(model))


def load_test(source: Source, predictor: TranscriberPredictor) -> Sequence[Clip]:
    """Clips to evaluate a model on, at its sampling rate."""
    return corpora.load_test(source, predictor.config, predictor.sampling_rate)


def draw(
    run: Run[Config, Data], predictor: TranscriberPredictor, by_name: Mapping[str, Any]
) -> None:
    """Draw which letter is recognised where, and which characters are taken for which."""
    test, answers = run.data.test, by_name["model"]
    truth, texts = [clip.text for clip in test], texts_of(answers)
    names = {"": "nothing", " ": "blank"}
    pairs = confusions(truth, texts)
    true, recognised = ([names.get(pair[side], pair[side]) for pair in pairs] for side in (0, 1))
    confusion(
        true, recognised, run.folder / PLOTS / "confusion.png", what="character", in_counts=True
    )
    wrong = [row for row, text in enumerate(texts) if text != truth[row]]
    rows = [*range(min(3, len(test))), *(row for row in wrong[:1] if row > 2)]
    log_mel = LogMel(run.data.sampling_rate)

    def heard(row: int) -> Heard:
        waveform = from_int16(test[row].samples)
        return Heard(
            log_mel=keras.ops.convert_to_numpy(log_mel(waveform[None]))[0],
            seconds_per_frame=log_mel.frame_step,
            letters=timed_letters(answers[row]),
            truth=truth[row],
            **predictor.probabilities(waveform),
        )

    alignment([heard(row) for row in rows], run.folder / PLOTS / "alignment.png")


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    options: dict[str, Any] = {
        "features": hp.Choice("features", ["log_mel", "mfcc"], default=config.features),
        "time_reduction": hp.Int(
            "time_reduction", 1, max(3, config.time_reduction), default=config.time_reduction
        ),
    }
    if options["features"] == "log_mel":
        options["num_coefficients"] = Config.num_coefficients
    if config.normalization == config.presets()["normalization"]:
        options["normalization"] = None  # The usual one of the trial's direction.
    return stack_space(hp, config, **options)


RECIPE = Recipe(
    config=Config,
    card=CARD,
    load_data=load_data,
    build=build,
    train=train,
    baseline=baseline,
    export=export,
    portable=portable,
    load=TranscriberPredictor,
    load_test=load_test,
    draw=draw,
    space=space,
    amount=amount,
    predicting=Predict,
)
