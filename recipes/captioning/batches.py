"""Images and the ids of their captions, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from recipes.captioning.data import Data
from recipes.captioning.example import Example
from recipes.captioning.options import Config
from recipes.kit.data.batches import pad, steps
from recipes.kit.recipe import Run
from recipes.kit.vocabulary import BOUNDARY_ID, UNKNOWN_ID


class Batches:
    """Images and captions as the model takes them."""

    def __init__(self, examples: Sequence[Example], run: Run[Config, Data]) -> None:
        self._examples, self._config = examples, run.config
        flat = [caption for example in examples for caption in example.captions]
        ids = iter(run.data.pieces.encode_all(flat))
        self._ids = [[next(ids) for _ in example.captions] for example in examples]

    def batches(self, epoch: int | None) -> tf.data.Dataset:
        """Batches `(inputs, targets)` in an order of an epoch; None is the order of the examples,
        with the first caption of each. In an epoch, images are moved at random by some pixels, and
        words that the decoder reads become unknown (Bowman et al. 2016): what it writes then
        depends more on the image.

        Short and long captions are mixed: together they would have images alike, and batch
        normalization other statistics in training than in use.
        """
        size = self._config.batch_size
        end = np.array([BOUNDARY_ID], np.int32)

        def generate() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
            order, drawn = np.arange(len(self._examples)), np.zeros(len(self._examples))
            generator = np.random.default_rng((self._config.seed, epoch or 0))
            hidden, shift = 0.0, 0
            if epoch is not None:
                order, drawn = generator.permutation(order), generator.random(len(order))
                hidden, shift = self._config.word_dropout, self._config.shift
            for start in range(0, len(order), size):
                rows = order[start : start + size]
                ids = [self._ids[row][int(drawn[row] * len(self._ids[row]))] for row in rows]
                multiple = self._config.pad_multiple
                images = [self._examples[row].image for row in rows]
                if shift:
                    by = generator.integers(-shift, shift, (len(rows), 2), endpoint=True)
                    images = [
                        moved(image, down, right, self._config.paper)
                        for image, (down, right) in zip(images, by.tolist(), strict=True)
                    ]
                read = [np.where(generator.random(len(x)) < hidden, UNKNOWN_ID, x) for x in ids]
                inputs = {
                    "image": np.stack(images).astype("float32") / 255,
                    "target": pad([np.concatenate([end, each]) for each in read], 0, multiple),
                }
                yield inputs, pad([np.concatenate([each, end]) for each in ids], -1, multiple)

        shape = self._examples[0].image.shape
        tokens = tf.TensorSpec([None, None], tf.int32)
        image = tf.TensorSpec([None, *shape], tf.float32)
        signature = ({"image": image, "target": tokens}, tokens)
        dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
        count = steps(len(self._examples), size)
        return dataset.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)


def moved(image: np.ndarray, down: int, right: int, paper: int) -> np.ndarray:
    """An image (height, width, channels) moved by fewer pixels than it has, paper where it was.

    >>> moved(np.array([[[1], [2]], [[3], [4]]]), 1, -1, 0)[..., 0].tolist()
    [[0, 0], [2, 0]]
    """
    height, width = image.shape[:2]
    whole = np.full_like(image, paper)
    whole[max(down, 0) : height + down, max(right, 0) : width + right] = image[
        max(-down, 0) : height - down, max(-right, 0) : width - right
    ]
    return whole
