"""A model of music as it is served: rolls in, likelihoods and more music out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.kit.data.batches import pad
from recipes.kit.data.files import suffix_of
from recipes.kit.errors import DataError, UserError
from recipes.kit.export import Endpoint
from recipes.kit.judge import Judgement, worst
from recipes.kit.output import read_run_config
from recipes.kit.recipe import Field, Predictor
from recipes.kit.serving import Arrays, Served, answer_each, by_length
from recipes.music.formats import SUFFIXES, read_music
from recipes.music.metrics import music_statistics
from recipes.music.midi import encode_midi
from recipes.music.options import QUARTERS, Config, Predict
from recipes.music.plots import piece_picture
from recipes.music.rolls import LOWEST, Piece, chord_name, parse_chord
from recipes.music.sound import encode_wav
from recipes.music.tally import Tally

#: Frames that are scored at once, padding included, and those of one piece: memory is bounded
#: however long it is.
_FRAMES, _PASSAGE = 4096, 1024

#: Longest sound that is written, in seconds.
_SOUND = 3600


class Composer:
    """A model of music between rolls of bytes and lengths.

    Args:
        model: Of `zoo.music_model`.
    """

    def __init__(self, model: keras.Model) -> None:
        self._model, self._sampler = model, zoo.piece_sampler(model)
        self._keys = model.input["notes"].shape[-1]
        self._sizes = {
            name: tensor.shape[-1]
            for name, tensor in model.input.items()
            if name not in ("notes", "previous")
        }
        self._recurrence, self._head = model.get_layer("recurrence"), model.get_layer("frame_head")

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._model, self._sampler]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signatures of the exported model."""
        notes = tf.TensorSpec([None, None, self._keys], tf.uint8, name="notes")
        lengths = tf.TensorSpec([None], tf.int32, name="lengths")
        frames = tf.TensorSpec([], tf.int32, name="frames")
        temperature = tf.TensorSpec([], tf.float32, name="temperature")
        seed = tf.TensorSpec([], tf.int32, name="seed")
        frame, previous = (
            tf.TensorSpec([None, self._keys], tf.uint8, name=name) for name in ("notes", "previous")
        )
        states = [tf.TensorSpec([None, size], name=name) for name, size in self._sizes.items()]
        return {
            "score": (self.score, [notes, lengths]),
            "generate": (self.generate, [notes, lengths, frames, temperature, seed]),
            "step": (self.step, [frame, previous, temperature, seed, *states]),
        }

    def score(self, notes: tf.Tensor, lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        """Nats of the frames of a padded batch, and the probability of each key."""
        padded = self._padded(notes, lengths)
        rows, frames = tf.unstack(tf.shape(padded)[:2])
        sizes = {"previous": self._keys, **self._sizes}
        start = {name: tf.zeros([rows, size]) for name, size in sizes.items()}

        def read(at: tf.Tensor, before: dict[str, tf.Tensor], written: tf.TensorArray) -> Any:
            part = padded[:, at : at + _PASSAGE]
            after = self._model({"notes": part, **before}, training=False)
            logits = tf.transpose(after["logits"], [1, 0, 2])
            states = {name: after[name] for name in sizes}
            return at + _PASSAGE, states, written.write(at // _PASSAGE, logits)

        parts = tf.TensorArray(
            tf.float32,
            -(-frames // _PASSAGE),
            infer_shape=False,
            element_shape=[None, None, self._keys],
        )
        *_, parts = tf.while_loop(lambda at, *_: at < frames, read, (0, start, parts))
        logits = tf.transpose(parts.concat(), [1, 0, 2])[:, :-1]
        nats = zoo.frame_nats(padded[:, :-1], logits)
        return {
            "nats": tf.reduce_sum(nats, axis=1),
            "nats_per_frame": nats,
            "probabilities": tf.sigmoid(logits),
        }

    def generate(
        self,
        notes: tf.Tensor,
        lengths: tf.Tensor,
        frames: tf.Tensor,
        temperature: tf.Tensor,
        seed: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """The frames that follow the beginnings in a padded batch."""
        rows = tf.shape(notes)[0]
        shape = tf.stack([rows, frames, self._keys])
        inputs = {
            "notes": self._padded(notes, lengths),
            "uniforms": tf.random.stateless_uniform(shape, seed=tf.stack([seed, 0])),
            "temperature": tf.fill([rows], temperature),
        }
        drawn = self._sampler(inputs, training=False)["notes"]
        return {"notes": tf.cast(drawn, tf.uint8)}

    def step(
        self,
        notes: tf.Tensor,
        previous: tf.Tensor,
        temperature: tf.Tensor,
        seed: tf.Tensor,
        *states: tf.Tensor,
        **named: Any,
    ) -> dict[str, tf.Tensor]:
        """Score a frame, given the one before and the states before that; draw the next one."""
        before = dict(zip(self._sizes, states or (named[n] for n in self._sizes), strict=True))
        frame, last = (tf.cast(each > 0, tf.float32) for each in (notes, previous))
        read = self._model({"notes": frame[:, None], "previous": last, **before}, training=False)
        after = {name: read[name] for name in self._sizes}
        rows = tf.shape(notes)[0]
        following = self._recurrence(
            {"x": frame[:, None], "mask": tf.ones([rows, 1], tf.bool), **after}, training=False
        )
        uniforms = tf.random.stateless_uniform([rows, self._keys], seed=tf.stack([seed, 0]))
        drawn = zoo.draw_frame(
            self._head, following["outputs"][:, 0], uniforms, tf.fill([rows, 1], temperature)
        )
        nats = zoo.frame_nats(frame[:, None], read["logits"])[:, 0]
        return {"nats": nats, "notes": tf.cast(drawn, tf.uint8), **after}

    def _padded(self, notes: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
        """Floats, -1 beyond the end of a piece; a frame of padding more, as there may be none."""
        notes = tf.pad(tf.cast(notes > 0, tf.float32), [[0, 0], [0, 1], [0, 0]])
        longest = tf.shape(notes)[1]
        real = tf.sequence_mask(tf.minimum(lengths, longest - 1), longest)
        return tf.where(real[..., None], notes, -1.0)


class _Start(NamedTuple):
    """What an input says: how it was named, what to call files of it, and the beginning."""

    text: str
    name: str
    roll: np.ndarray


class MusicPredictor(Predictor[Sequence[Piece]]):
    """An exported model of music, warm."""

    takes: ClassVar[Literal["texts", "files"]] = "files"
    suffixes: ClassVar[Sequence[str]] = SUFFIXES
    inputs: ClassVar[Sequence[Field]] = (
        Field(
            "start",
            "text",
            "The beginning of a piece: a file (MIDI, or a roll in .mat, .json or .npz), or a chord "
            "such as 'C4 E4 G4' or '60 64 67'.",
        ),
    )
    outputs: ClassVar[Sequence[Field]] = (
        Field("start", "text", "The file or chord."),
        Field("frames", "number", "Frames of the beginning."),
        Field(
            "nats_per_frame",
            "number",
            "How unexpected the beginning is: minus its log-likelihood for each frame but the "
            "first; null for a single one.",
        ),
        Field("notes", "series", "MIDI numbers that sound in each frame that follows."),
        Field("chords", "text", "The same in names, frame by frame."),
        Field("files", "text", "What was written with --pieces."),
    )

    def __init__(self, folder: Path) -> None:
        self.config = read_run_config(Config, folder)
        self.served = Served(folder)

    @property
    def step(self) -> float:
        """Length of a frame in quarter notes."""
        return QUARTERS[self.config.step]

    def predict(
        self, inputs: Iterable[Path], options: Predict | None = None
    ) -> Iterator[dict[str, Any]]:
        """Continue pieces; see `outputs` for what an answer holds. What follows a beginning depends
        on it and the options alone, not on other inputs."""
        chosen = options or Predict()
        taken: set[str] = set()

        def read(path: Path) -> _Start:
            start = self._read(path)
            if chosen.pieces is not None:
                self._check_length(len(start.roll) + chosen.frames, chosen.tempo)
                name, number = start.name, 1
                while name in taken:
                    number += 1
                    name = f"{start.name}-{number}"
                if (file := chosen.pieces / f"{name}.mid").exists():
                    raise UserError(f"{file}: exists; give another folder for --pieces.")
                taken.add(name)
                start = start._replace(name=name)
            return start

        return answer_each(inputs, read, lambda batch: self._answers(batch, chosen), count=1)

    def judge(self, examples: Sequence[Piece]) -> Judgement:
        """How likely pieces are."""
        rolls = [piece.roll for piece in examples]
        scored = self.score(rolls)
        nats = [each["nats_per_frame"] for each in scored]
        predicted = [each["probabilities"] > 0.5 for each in scored]
        means = np.array([each[1:].mean() if len(each) > 1 else 0.0 for each in nats])

        def row(index: int) -> dict[str, Any]:
            return {
                "input": examples[index].name,
                "frames": len(examples[index]),
                "nats_per_frame": round(float(means[index]), 4),
            }

        return Judgement(
            music_statistics(rolls, nats, predicted),
            worst(row, means),
            len(examples),
            "nats_per_frame of each piece, the highest first",
            scored,
        )

    def score(self, rolls: Sequence[np.ndarray]) -> list[Arrays]:
        """`nats_per_frame` (frames,) and `probabilities` (frames, keys) of each roll."""
        return score_all(lambda **inputs: self.served("score", **inputs), rolls)

    def generate(self, roll: np.ndarray, options: Predict) -> np.ndarray:
        """The frames that follow a beginning, which may have none."""
        answer = self.served(
            "generate",
            notes=roll[None],
            lengths=[len(roll)],
            frames=options.frames,
            temperature=options.temperature,
            seed=options.seed,
        )
        return answer["notes"][0]

    def _read(self, path: Path) -> _Start:
        if not path.exists() and suffix_of(path) not in (*SUFFIXES, ".pkl", ".pickle"):
            text = str(path)
            return _Start(text, "_".join(text.replace(",", " ").split()), parse_chord(text))
        parts = read_music(path, self.step, Tally())
        pieces = [piece for part in parts.values() for piece in part]
        if len(pieces) != 1:
            raise DataError(path, f"expected one piece to continue, found {len(pieces):,}")
        if not pieces[0].roll.any():
            raise DataError(path, "expected a piece to continue, found no note in it")
        return _Start(str(path), path.stem, pieces[0].roll)

    def _answers(self, batch: Sequence[_Start], options: Predict) -> Iterator[dict[str, Any]]:
        for start in batch:
            roll = self.generate(start.roll, options)
            nats = self.score([start.roll])[0]["nats_per_frame"][1:]
            answer: dict[str, Any] = {
                "start": start.text,
                "frames": len(start.roll),
                "nats_per_frame": round(float(nats.mean()), 4) if len(nats) else None,
                "notes": [(np.flatnonzero(frame) + LOWEST).tolist() for frame in roll],
                "chords": [chord_name(frame) for frame in roll],
            }
            if options.pieces is not None:
                stem = options.pieces / start.name
                answer["files"] = self._write(start.roll, roll, stem, options.tempo)
            yield answer

    def encoded(self, roll: np.ndarray, tempo: float) -> dict[str, bytes]:
        """A roll as MIDI and as sound, by the suffixes of such files."""
        return {
            ".mid": encode_midi(roll, step=self.step, tempo=tempo),
            ".wav": encode_wav(roll, step=self.step, tempo=tempo),
        }

    def _check_length(self, frames: int, tempo: float) -> None:
        """Refuse what would be too long a sound."""
        if (seconds := frames * self.step * 60 / tempo) > _SOUND:
            raise UserError(
                f"--pieces: {frames:,} frames at --tempo {tempo:g} would sound for "
                f"{seconds / 3600:.1f} hours; expected at most {_SOUND / 3600:g}."
            )

    def _write(self, start: np.ndarray, roll: np.ndarray, stem: Path, tempo: float) -> list[str]:
        """Write a beginning and what follows as MIDI, sound and picture; the files."""
        whole, files = np.concatenate([start, roll]), []
        try:
            stem.parent.mkdir(parents=True, exist_ok=True)
            for suffix, content in self.encoded(whole, tempo).items():
                files.append(stem.with_name(stem.name + suffix))
                files[-1].write_bytes(content)
            files.append(stem.with_name(f"{stem.name}.png"))
            piece_picture(whole, len(start), self.step, files[-1], stem.name)
        except OSError as error:
            raise UserError(f"{stem.parent}: cannot be written: {error.strerror}.") from None
        return [str(file) for file in files]


def score_all(run: Any, rolls: Sequence[np.ndarray]) -> list[Arrays]:
    """What `score` returns for each roll, without padding; those of like length go together.

    Args:
        run: The signature, of a `Composer` or of a SavedModel.
        rolls: Each (frames, keys).
    """

    def batch(members: list[np.ndarray]) -> Iterator[Arrays]:
        lengths = np.array([len(roll) for roll in members], "int32")
        answer = run(notes=pad(members, 0), lengths=lengths)
        for row, length in enumerate(lengths):
            yield {
                name: np.asarray(answer[name])[row, :length].astype("float64")
                for name in ("nats_per_frame", "probabilities")
            }

    return by_length(rolls, batch, budget=_FRAMES)


def continue_all(
    run: Any, starts: Sequence[np.ndarray], frames: int, seed: int = 0
) -> list[np.ndarray]:
    """What follows beginnings of one length, at temperature 1.

    Args:
        run: `generate` of a `Composer` or of a SavedModel.
        starts: Each (frames, keys).
        frames: Frames to write.
        seed: Of the draw.
    """
    lengths = np.array([len(roll) for roll in starts], "int32")
    answer = run(
        notes=pad(starts, 0),
        lengths=lengths,
        frames=np.int32(frames),
        temperature=np.float32(1),
        seed=np.int32(seed),
    )
    return [*np.asarray(answer["notes"])]
