"""From a source to examples in three parts, the same way in every task, and what was understood."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from recipes.kit.console import note_facts
from recipes.kit.data.facts import Fact, understood_first
from recipes.kit.data.source import SPLITS, Source
from recipes.kit.data.splits import complete_splits
from recipes.kit.errors import UserError

T = TypeVar("T")

Complete = Callable[[Mapping[str, Sequence[T]], int, Source], tuple[dict[str, tuple[T, ...]], str]]

#: The licence of files that a user brings.
OWNERS_LICENCE = "as stated by the owner of the files"


@dataclass(frozen=True)
class Found(Generic[T]):
    """What a source holds, before missing parts are made.

    Attributes:
        splits: Examples by "train", "valid" and "test", those that are there.
        understood: What was understood of the source, besides the sizes of the parts.
        licence: Under what licence the data stands.
    """

    splits: Mapping[str, Sequence[T]]
    understood: tuple[Fact, ...] = ()
    licence: str = OWNERS_LICENCE


@dataclass(frozen=True)
class Splits(Generic[T]):
    """Examples in three parts; each task's data extends it.

    Attributes:
        train: What is trained on.
        valid: What the best epoch and trial are chosen by.
        test: What is evaluated on.
        understood: What was understood of the source, in order.
        licence: Under what licence the data stands.
    """

    train: Sequence[T]
    valid: Sequence[T]
    test: Sequence[T]
    understood: tuple[Fact, ...]
    licence: str


@dataclass(frozen=True)
class Readers(Generic[T]):
    """How a task reads each kind of source.

    Attributes:
        what: What examples are called, "sentences".
        embedded: What the embedded set holds.
        files: From a source of files to what they hold.
        tfds: From the name of a dataset to what it holds; None where none is read.
        key: Examples with equal keys go to the same part, so that no duplicate leaks. By default
            the example itself.
        complete: From the parts that are there, a seed and the source to all three parts, and how
            the missing ones were made. By default a shuffle of train, `complete_splits`.
        names: Names of embedded sets besides the usual one.
    """

    what: str
    embedded: Callable[[], Found[T]]
    files: Callable[[Source], Found[T]]
    tfds: Callable[[str], Found[T]] | None = None
    key: Callable[[T], Hashable] | None = None
    complete: Complete[T] | None = None
    names: Sequence[str] = ()

    def read(self, source: Source) -> Found[T]:
        """What a source holds.

        Raises:
            UserError: If it does not exist, cannot be fetched or is of a kind that is not read.
            DataError: If a file is malformed; names file and line.
        """
        if source.kind == "embedded":
            source.embedded_name(*self.names)
            return self.embedded()
        if source.kind == "files":
            source.require()
            return self.files(source)
        if self.tfds is None:
            raise UserError(
                f"--data {source}: this recipe cannot read tensorflow-datasets; expected "
                "embedded or the path of your files."
            )
        return self.tfds(source.name)

    def load(self, source: Source, *, seed: int) -> Splits[T]:
        """What a source holds in three parts, the missing ones split off train.

        Raises:
            UserError, DataError: As for `read`.
            Unusable: If there is no train part, or too little of it.
        """
        return self._complete(self.read(source), source, seed)

    def load_test(
        self, source: Source, *, seed: int, trained_on: Source | None = None
    ) -> Sequence[T]:
        """What to evaluate a model on: the test part of the data it was trained on, or that of
        another source, or all of files that name no part.

        A folder with a test part needs no other part for this. What was understood of files other
        than those of the training is shown on stderr.

        Args:
            source: The source.
            seed: That of the training.
            trained_on: The source of the training.

        Raises:
            UserError, DataError: As for `load`.
        """
        if source == trained_on:
            return self.load(source, seed=seed).test
        found = self.read(source)
        if source.kind == "files":
            note_facts(found.understood)
        if source.is_file and [*found.splits] == ["train"]:
            return tuple(found.splits["train"])
        if found.splits.get("test"):
            return tuple(found.splits["test"])
        return self._complete(found, source, seed).test

    def _complete(self, found: Found[T], source: Source, seed: int) -> Splits[T]:
        with understood_first(found.understood):
            if self.complete is None:
                splits, how = complete_splits(
                    found.splits, seed=seed, where=str(source), what=self.what, key=self.key
                )
            else:
                splits, how = self.complete(found.splits, seed, source)
        sizes = ", ".join(f"{len(splits[split]):,} {split}" for split in SPLITS)
        facts = [Fact(self.what, sizes), Fact("source", str(source)), *found.understood]
        if how:
            facts.append(Fact("split", how))
        return Splits(
            train=splits["train"],
            valid=splits["valid"],
            test=splits["test"],
            understood=tuple(facts),
            licence=found.licence,
        )
