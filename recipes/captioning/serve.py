"""A captioner as it is served: encoded images in, sentences out, all in the graph."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf

import zoo
from recipes.captioning.backbones import CONVOLUTIONS
from recipes.captioning.data import PIECES, Data
from recipes.captioning.example import Example
from recipes.captioning.ink import SCALES, likeliest
from recipes.captioning.metrics import caption_statistics
from recipes.captioning.options import Config, Predict
from recipes.captioning.pixels import Drawing, png
from recipes.kit.data.images import SUFFIXES
from recipes.kit.export import Endpoint
from recipes.kit.judge import Judgement, worst
from recipes.kit.output import read_record, read_run_config
from recipes.kit.pieces import SentencePieces
from recipes.kit.recipe import Field, Predictor
from recipes.kit.serving import Served, answer_each, decoded, rows_of
from recipes.kit.unknown import Unknown, notes_of
from recipes.kit.vocabulary import BOUNDARY_ID, Vocabulary

#: Images captioned at once.
COUNT = 64

_IMAGES = tf.TensorSpec([None], tf.string, name="images")


class Captioner:
    """A model of images and pieces between encoded images and sentences.

    Args:
        model: Of `zoo.captioner`.
        data: With the pieces and the most of them in a caption.
        config: How images are drawn, and how captions are searched.
    """

    def __init__(self, model: keras.Model, data: Data, config: Config) -> None:
        self._pieces, self._drawing = data.pieces, Drawing(config)
        convolutions = model.get_layer("encoder").get_layer(CONVOLUTIONS)
        shape = (None, *config.size, self._drawing.channels)
        self._grid = convolutions.compute_output_shape(shape)[1:3]
        self._beam, self._greedy = (
            zoo.sequence_search(
                model,
                start_id=BOUNDARY_ID,
                end_id=BOUNDARY_ID,
                max_length=data.max_length,
                beam_size=size,
                length_penalty=config.length_penalty,
                forbidden=(0, 1),
            )
            for size in (config.beam_size, 1)
        )
        pixels = [None, *config.size, self._drawing.channels]
        self._searches = {
            name: tf.function(
                functools.partial(self._answers, search), [tf.TensorSpec(pixels, tf.uint8)]
            )
            for name, search in (("greedy", self._greedy), ("beam", self._beam))
        }

    @property
    def resources(self) -> list[Any]:
        """What an export has to keep."""
        return [self._beam, self._greedy, *self._pieces.resources]

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """The signatures of the exported captioner."""
        return {
            "caption": (functools.partial(self._run, self._beam), [_IMAGES]),
            "greedy": (functools.partial(self._run, self._greedy), [_IMAGES]),
        }

    def captions(
        self, images: np.ndarray, search: Literal["greedy", "beam"] = "greedy"
    ) -> list[str]:
        """The caption of each drawn image."""
        run, starts = self._searches[search], range(0, len(images), COUNT)
        batches = (run(tf.constant(images[s : s + COUNT])) for s in starts)
        return [text.decode() for each in batches for text in each["sentence"].numpy()]

    def _run(self, search: keras.Model, images: tf.Tensor) -> dict[str, tf.Tensor]:
        shape = (self._drawing.height, self._drawing.width, self._drawing.channels)
        drawn = tf.map_fn(
            self._drawing.draw, images, fn_output_signature=tf.TensorSpec(shape, tf.uint8)
        )
        return self._answers(search, drawn)

    def _answers(self, search: keras.Model, drawn: tf.Tensor) -> dict[str, tf.Tensor]:
        best = search({"image": tf.cast(drawn, tf.float32) / 255}, training=False)
        tokens = best["tokens"]
        flat = self._pieces.decode(tf.reshape(tokens, [-1, tokens.shape[-1]]))
        hypotheses = tf.reshape(flat, tf.shape(tokens)[:2])
        answer = {
            "sentence": hypotheses[:, 0],
            "hypotheses": hypotheses,
            "scores": best["scores"],
            "tokens": self._pieces.pieces_of(tokens[:, 0]),
        }
        if "attention" in best:
            shape = [tf.shape(tokens)[0], tokens.shape[-1], *self._grid]
            answer["attention"] = tf.reshape(best["attention"], shape)
        return answer


class CaptionPredictor(Predictor[Sequence[Example]]):
    """An exported captioner, warm."""

    takes: ClassVar[Literal["texts", "files"]] = "files"
    suffixes: ClassVar[Sequence[str]] = (*sorted(SUFFIXES), ".npy")
    inputs: ClassVar[Sequence[Field]] = (Field("path", "image", "An image file of any size."),)
    outputs: ClassVar[Sequence[Field]] = (
        Field("path", "text", "The file."),
        Field("caption", "text", "Its caption."),
        Field("score", "number", "Log-likelihood of the caption, weighed by its length."),
        Field("hypotheses", "text", "With beam search: what it found, the best first."),
        Field("tokens", "tokens", 'Pieces of the caption, "" its end.'),
        Field(
            "attention",
            "weights",
            "With --attention: how much each of `tokens` looks at each field of the image, "
            "(tokens, rows, columns); those of a token add up to 1.",
        ),
        Field(
            "truncated",
            "flag",
            "True where the caption has as many pieces as there can be and does not end.",
        ),
    )

    def __init__(self, folder: Path) -> None:
        self.config = read_run_config(Config, folder)
        self._folder = folder
        self._drawing = Drawing(self.config)
        self.served = Served(folder)

    def predict(self, inputs: Iterable[Path], options: Any = None) -> Iterator[dict[str, Any]]:
        """Caption image files; see `outputs` for what an answer holds."""
        chosen = options or Predict()
        signature = "greedy" if chosen.search == "greedy" else "caption"

        def read(path: Path) -> tuple[Path, list[bytes]]:
            self._drawing.read(path)
            return path, self._drawing.in_sizes(path)

        def answer(batch: list[tuple[Path, list[bytes]]]) -> Iterator[dict[str, Any]]:
            images = [encoded for _, sizes in batch for encoded in sizes]
            rows = rows_of(self.served(signature, images=images))
            for path, sizes in batch:
                row = likeliest([*itertools.islice(rows, len(sizes))])
                yield _answer(path, row, attention=chosen.attention)

        count = COUNT // (1 + len(SCALES)) if self.config.formulas else COUNT
        return answer_each(inputs, read, answer, count=count)

    def unknown(self, examples: Sequence[Example]) -> Sequence[Unknown]:
        """Pieces of the true captions that the model does not know."""
        record = read_record(self._folder / PIECES, ("level", "pieces"))
        pieces = SentencePieces(Vocabulary(record["level"], tuple(record["pieces"])))
        captions = (caption for example in examples for caption in example.captions)
        return [
            Unknown.among(
                pieces.split_all(captions),
                record["pieces"],
                unit="captions",
                what=f"have {record['level']}s unknown to the model",
            )
        ]

    def judge(self, examples: Sequence[Example]) -> Judgement:
        """Caption images by beam search and greedily, against all their captions."""
        references = [example.captions for example in examples]
        answers, greedy = ([row["sentence"].decode() for row in self.answers(examples, signature)]
                           for signature in ("caption", "greedy"))  # fmt: skip
        statistics = caption_statistics(
            {"": answers, "greedy_": greedy}, references, self.config.short
        )
        edits = statistics.terms["edits"]

        def row(index: int) -> dict[str, Any]:
            return {
                "input": examples[index].name,
                "truth": list(references[index]),
                "answer": answers[index],
                "edit_distance": round(float(edits[index]), 4),
            }

        judgement = Judgement(
            statistics,
            worst(row, edits),
            len(answers),
            "edit_distance, the highest first",
            answers,
        )
        return judgement.noting(notes_of(self.unknown(examples)))

    def answers(
        self, examples: Sequence[Example], signature: str = "caption"
    ) -> Iterator[dict[str, Any]]:
        """What a signature gives for each example."""
        for start in range(0, len(examples), COUNT):
            batch = [png(example.image) for example in examples[start : start + COUNT]]
            yield from rows_of(self.served(signature, images=batch))


def tokens_of(row: Mapping[str, Any]) -> list[str]:
    """The pieces of an answer, with "" for its end unless it is cut off."""
    return [*decoded(row["tokens"]), ""][: len(row["tokens"])]


def _answer(path: Path, row: Mapping[str, Any], *, attention: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "path": str(path),
        "caption": row["sentence"].decode(),
        "score": round(float(row["scores"][0]), 4),
    }
    hypotheses = [
        hypothesis.decode()
        for hypothesis, score in zip(row["hypotheses"], row["scores"], strict=True)
        if np.isfinite(score)
    ]
    if len(hypotheses) > 1:
        answer["hypotheses"] = hypotheses
    answer["tokens"] = tokens_of(row)
    if attention and "attention" in row:
        weights = row["attention"][: len(answer["tokens"])]
        answer["attention"] = np.round(weights.astype(float), 4).tolist()
    if all(row["tokens"]):  # None of them is the end.
        answer["truncated"] = True
    return answer
