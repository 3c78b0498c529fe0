"""The music recipe: pieces, model, training, baselines, export, music, pictures and search."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import keras_tuner
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.data.source import Source
from recipes.kit.export import for_serving, save_saved_model
from recipes.kit.output import PLOTS, SAVED_MODEL
from recipes.kit.recipe import Baseline, Card, Comparison, History, Recipe, Row, Run
from recipes.kit.space import stack_space
from recipes.kit.stack import stack_of
from recipes.music import data as music
from recipes.music import plots
from recipes.music.baseline import frequencies, repetition
from recipes.music.data import Data
from recipes.music.metrics import likeness, music_statistics, pitch_class_sets
from recipes.music.options import QUARTERS, Config, Head, Predict
from recipes.music.rolls import Piece
from recipes.music.serve import Composer, MusicPredictor, continue_all, score_all
from recipes.music.train import train_model

CARD = Card(
    task="Says how likely music is, frame by frame, and continues it.",
    use="Music of the kind it was trained on; teaching; sketches to go on from. `samples/` has "
    "pieces that it wrote, each begun with four frames of a test piece.",
    limits="What it writes has chords and turns of its training music and no plan: no form, no "
    "text, no ending. Rolls know neither rhythm within a frame nor repeated notes.",
)

#: Music that is written to be compared with that of the test part: pieces, frames of each, and of
#: the test pieces that they begin with.
_PIECES, _FRAMES, _GIVEN = 32, 64, 4

#: Quarter notes a minute of what is written after the training.
_TEMPO = Predict.tempo


def load_data(source: Source, config: Config) -> Data:
    """Read the pieces."""
    return music.load(source, config)


def build(run: Run[Config, Data]) -> keras.Model:
    """The model, uncompiled."""
    config = run.config
    return zoo.music_model(head=config.head, head_units=config.head_units, **stack_of(config))


def train(run: Run[Config, Data], model: keras.Model) -> History:
    """Train a model; it is left with the weights of its best epoch."""
    return train_model(run, model)


def baseline(run: Run[Config, Data]) -> Baseline:
    """How often each key sounds, and the frame before repeated."""
    train, test = _rolls(run.data.train), _rolls(run.data.test)
    repeated = {f"{name}_of_repetition": x for name, x in repetition(train, test).items()}
    return Baseline(
        "each key by itself, as often as in training, plus one frame with it and one without. "
        "`METRIC_of_repetition`: a key sounds as often as, in training, one that sounded in the "
        "frame before, or one that did not. `three_to_five_notes_of_MUSIC` is the share of frames "
        "with so many notes, `known_chords_of_MUSIC` that of chords (pitch classes that sound "
        "together) which occur in training: of the test part, and of what a model writes.",
        {**frequencies(train, test), **repeated},
    )


def compare(run: Run[Config, Data], model: keras.Model, history: History) -> Comparison:
    """Music of the model, and of one with the other head where that is asked for, against that of
    the test part: how many notes sound at once, and whether the chords are those of the training.
    """
    config, data = run.config, run.data
    models: dict[str, keras.Model] = {config.head: model}
    metrics: dict[str, float] = {}
    if config.compare:
        other: Head = "independent" if config.head == "chain" else "chain"
        changed = dataclasses.replace(config, head=other, transpose=None, compare=True, from_=None)
        keras.utils.set_random_seed(config.seed)
        second = dataclasses.replace(run, config=changed, title=f"{run.title}, {other}")
        models[other] = build(second)
        train_model(second, models[other], other)
        scored = score_all(_function(models[other], "score"), _rolls(data.test))
        each = music_statistics(
            _rolls(data.test),
            [row["nats_per_frame"] for row in scored],
            [row["probabilities"] > 0.5 for row in scored],
        ).values
        metrics = {f"{other}_{name}": value for name, value in each.items()}
    known = set().union(*(pitch_class_sets(roll) for roll in _rolls(data.train)))
    starts = [roll[:_GIVEN] for roll in _rolls(data.test)[:_PIECES]]
    written = {"test": _rolls(data.test)}
    for head, each_model in models.items():
        written[head] = continue_all(_function(each_model, "generate"), starts, _FRAMES)
    rows: list[Row] = [{"music": n, **likeness(rolls, known)} for n, rolls in written.items()]
    for row in rows:
        for name in ("three_to_five_notes", "known_chords"):
            metrics[f"{name}_of_{row['music']}"] = row[name]
    return Comparison(metrics, {"likeness": rows})


def _function(model: keras.Model, name: str) -> Any:
    return tf.function(getattr(Composer(for_serving(model)), name), reduce_retracing=True)


def export(run: Run[Config, Data], model: keras.Model) -> None:
    """Write the SavedModel, which takes rolls (zeros and ones, uint8, 88 keys from A0).

    Signatures: `score(notes, lengths)`, also `serving_default`: `nats` (batch,), `nats_per_frame`
    (batch, frames), 0 beyond the end of a piece, and `probabilities` of the keys, in a chain given
    the true lower ones; `generate(notes, lengths, frames, temperature, seed)`: the `notes` that
    follow, where lengths may be 0; `step(notes, previous, temperature, seed, state_0, ...)`: the
    `nats` of a frame, given the one before it and the states before that one (zeros at the start of
    a piece), the `notes` of the next one, drawn, and the states to give with that. The same seed
    gives the same notes.
    """
    composer = Composer(for_serving(model))
    save_saved_model(composer.endpoints, composer.resources, run.folder / SAVED_MODEL)


def portable(model: keras.Model, folder: Path) -> keras.Model:
    """What ONNX and LiteRT can hold: a piece from its first frame on, logits out."""
    plain = zoo.whole_pieces(for_serving(model))
    notes = keras.Input(plain.input_shape[1:], name="notes")
    return keras.Model({"notes": notes}, {"logits": plain(notes)}, name=model.name)


def load_test(source: Source, predictor: MusicPredictor) -> Sequence[Piece]:
    """Pieces to evaluate a model on."""
    return music.load_test(source, predictor.config)


def draw(run: Run[Config, Data], predictor: MusicPredictor, answers: Mapping[str, Any]) -> None:
    """Draw the samples, and a test piece with the probabilities of its keys."""
    folder, step = run.folder / PLOTS, QUARTERS[run.config.step]
    starts, wholes = _samples(run, predictor)
    titles = [f"piece {index + 1}" for index in range(len(wholes))]
    plots.pieces_picture(wholes, [*map(len, starts)], step, folder / "generated.png", titles)
    piece, scored = run.data.test[0], answers["model"][0]
    plots.probabilities_picture(
        piece.roll,
        scored["probabilities"],
        scored["nats_per_frame"],
        step,
        folder / "probabilities.png",
        piece.name,
    )


def tables(
    run: Run[Config, Data], predictor: MusicPredictor, answers: Mapping[str, Any]
) -> Mapping[str, Any]:
    """How much the music is like that of the training, beside that of the test part; the samples,
    as MIDI and sound."""
    files = {
        f"samples/piece_{index + 1}{suffix}": content
        for index, roll in enumerate(_samples(run, predictor)[1])
        for suffix, content in predictor.encoded(roll, _TEMPO).items()
    }
    return {"likeness.csv": answers["likeness"], **files}


def _samples(
    run: Run[Config, Data], predictor: MusicPredictor
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The first chords of some test pieces, and the pieces that the model makes of them."""
    test = run.data.test
    starts = [test[index % len(test)].roll[:_GIVEN] for index in range(run.config.samples)]
    wholes = [
        np.concatenate([start, predictor.generate(start, Predict(frames=_FRAMES, seed=index))])
        for index, start in enumerate(starts)
    ]
    return starts, wholes


def space(hp: keras_tuner.HyperParameters, config: Config) -> Config:
    """The config of a trial: what `rnn-zoo tune` may change."""
    own = {}
    if config.head == "chain":
        own["head_units"] = hp.Int("head_units", 50, 200, step=50, default=100)
    return stack_space(hp, config, **own)


def _rolls(pieces: Sequence[Piece]) -> list[np.ndarray]:
    return [piece.roll for piece in pieces]


RECIPE = Recipe(
    config=Config,
    card=CARD,
    load_data=load_data,
    build=build,
    train=train,
    baseline=baseline,
    compare=compare,
    export=export,
    portable=portable,
    load=MusicPredictor,
    load_test=load_test,
    draw=draw,
    tables=tables,
    space=space,
    predicting=Predict,
)
