"""An exported model, warm: its signatures, and running them over many inputs in batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from recipes.kit.console import note_facts
from recipes.kit.data.facts import Fact
from recipes.kit.errors import DataError, Unreadable, UserError
from recipes.kit.output import SAVED_MODEL

T = TypeVar("T")
A = TypeVar("A")

Arrays = dict[str, np.ndarray]


class Served:
    """A SavedModel of ours, loaded once.

    Args:
        folder: Folder of the run.

    Raises:
        DataError: If the SavedModel is missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / SAVED_MODEL
        try:
            self._model = tf.saved_model.load(str(path))
        except Exception:  # TensorFlow raises nearly anything here.
            raise DataError(path, "the SavedModel is missing or damaged; train again") from None
        self._signatures: Mapping[str, Any] = self._model.signatures

    def __call__(self, signature: str, **inputs: Any) -> Arrays:
        """Run a signature on arrays, or lists of strings, by the names of its inputs."""
        function = self._signatures[signature]
        specs = function.structured_input_signature[1]
        tensors = {
            name: tf.constant(value, specs[name].dtype) if name in specs else value
            for name, value in inputs.items()
        }
        return {name: tensor.numpy() for name, tensor in function(**tensors).items()}

    @property
    def signatures(self) -> dict[str, tuple[dict[str, str], dict[str, str]]]:
        """For each signature dtype and shape of its inputs and of its outputs, by name."""
        return {
            name: (
                _described(self._signatures[name].structured_input_signature[1]),
                _described(self._signatures[name].structured_outputs),
            )
            for name in sorted(self._signatures)
            if not name.startswith("__")
        }


def _described(specs: Mapping[str, tf.TensorSpec]) -> dict[str, str]:
    return {name: _tensor(specs[name]) for name in sorted(specs)}


def _tensor(spec: tf.TensorSpec) -> str:
    if spec.shape.rank is None:
        return str(spec.dtype.name)
    sizes = ("any" if size is None else str(size) for size in spec.shape)
    return f"{spec.dtype.name} ({', '.join(sizes)})"


def by_length(
    items: Sequence[T],
    run: Callable[[list[T]], Iterable[A]],
    *,
    length: Callable[[Any], int] = len,
    count: int | None = None,
    budget: int | None = None,
) -> list[A]:
    """Run something over many items in batches of like length, so that little is padded.

    Args:
        items: Texts, arrays, examples.
        run: From a batch of items, sorted by length, to an answer for each.
        length: Length of an item.
        count: Maximum number of items in a batch.
        budget: Maximum number of steps in a batch, with padding; a longer item is a batch alone.

    Returns:
        The answers in the order of the items.
    """
    lengths = [max(1, length(item)) for item in items]
    order = sorted(range(len(items)), key=lambda index: lengths[index])
    answers: dict[int, A] = {}
    while order:
        longest = lengths[order[-1]]
        size = min(count or len(order), max(1, budget // longest) if budget else len(order))
        rows, order = order[-size:], order[:-size]
        answers.update(zip(rows, run([items[row] for row in rows]), strict=True))
    return [answers[row] for row in range(len(items))]


def rows_of(arrays: Arrays) -> Iterator[Arrays]:
    """The answer to each example of a batch, in order."""
    for index in range(len(next(iter(arrays.values())))):
        yield {name: values[index] for name, values in arrays.items()}


def decoded(values: Iterable[bytes]) -> list[str]:
    """The strings of an array of a served model, without the empty ones that pad it."""
    return [value.decode() for value in values if value]


def answer_each(
    inputs: Iterable[Any],
    read: Callable[[Any], T],
    answer: Callable[[list[T]], Iterable[dict[str, Any]]],
    *,
    count: int,
) -> Iterator[dict[str, Any]]:
    """One answer for each input, in order, as soon as the batch it is in has been run.

    Args:
        inputs: Texts or paths; an `Unreadable` is answered by its error.
        read: From an input to what the model is given; a `UserError` becomes the answer to it.
        answer: From a batch of what was read to the answers.
        count: Inputs of a batch.
    """
    remaining = iter(inputs)
    while batch := list(itertools.islice(remaining, count)):
        read_in: list[T] = []
        errors: dict[int, str] = {}
        for place, each in enumerate(batch):
            try:
                if isinstance(each, Unreadable):
                    raise UserError(each.error)
                read_in.append(read(each))
            except UserError as error:
                errors[place] = str(error)
            except OSError as error:
                errors[place] = f"{each}: cannot be read: {error.strerror or error}."
        answers = iter(answer(read_in) if read_in else ())
        for place, each in enumerate(batch):
            if place in errors:
                yield {"input": str(each), "error": errors[place]}
            else:
                yield next(answers)


def note_new(facts: Iterable[Fact], said: set[Fact]) -> None:
    """Show what was understood of a file to predict from, and keep it: the same is said once.

    Args:
        facts: What was understood.
        said: What was said of other files; the new facts are added.
    """
    new = dict.fromkeys(fact for fact in facts if fact not in said)
    note_facts(new)
    said.update(new)


def not_empty(text: str) -> str:
    """A text with something in it.

    Raises:
        UserError: If it is empty.
    """
    if not text.strip():
        raise UserError("is empty; expected text.")
    return text
