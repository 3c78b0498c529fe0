"""Sound with transcripts: clips in three parts, at one sampling rate, with their true lengths.

- `embedded`: Morse code, generated as a radio receiver gives it. No text of valid or test is in
  train.
- `tfds:speech_commands`, `tfds:librispeech`, `tfds:ljspeech`, `tfds:yes_no` and others with a
  feature `audio` or `speech` and one for the text or the label.
- A manifest (`recipes.speech.manifests`), with a column of splits or without; or a folder with
  one, or with one for each split; or a manifest for each part (`--train`, `--valid`, `--test`).
- A folder of sound files with their transcripts in their names (`--transcript-from-name`).

Files are resampled to one rate, and channels averaged; transcripts are in Unicode's composed form.
Files that cannot be read are left out while they are few, and so are clips that cannot be learned
from, however many: the silent ones, and those too short for their transcript. `--strict` refuses
them.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from recipes.kit.console import note_facts, progress_bar
from recipes.kit.data import audio
from recipes.kit.data.facts import Fact
from recipes.kit.data.left_out import LeftOut
from recipes.kit.data.readers import Found, Readers, Splits
from recipes.kit.data.source import Source
from recipes.kit.data.splits import complete_splits
from recipes.kit.earlier import check_known, read_earlier
from recipes.kit.errors import DataError, UserError
from recipes.kit.objective import Objective
from recipes.speech.clips import Clip, Recording, join_clips
from recipes.speech.embedded import SAMPLING_RATE, Morse
from recipes.speech.formats import list_entries
from recipes.speech.manifests import Entry
from recipes.speech.options import Config
from recipes.speech.tally import Tally, about_clips
from recipes.speech.tfds import read_tfds

T = TypeVar("T")

#: What the model expects of waveforms, and its symbols, beside the model.
ABOUT = "speech.json"

#: Files with a higher rate are brought down to this, unless the user asks for another.
_HIGHEST_RATE = 16_000

#: The sampling rate of so many files decides on the usual one.
_LOOKED_AT = 50

#: With `--join` each clip of valid and test is in so many strings.
_VALID_ROUNDS, _TEST_ROUNDS = range(2), range(10)


@dataclass(frozen=True)
class Data:
    """Clips, and the strings that are made of them where the config joins clips.

    Attributes:
        clips: In three parts, as they were read.
        sampling_rate: Samples per second of all clips.
        symbols: Every character of the transcripts to train on, sorted.
        understood: What was understood of the source.
        config: Says how clips are joined, and with which seed.
        generate: Where clips are generated, others to train on, from the number of an epoch.
    """

    clips: Splits[Clip]
    sampling_rate: int
    symbols: tuple[str, ...]
    understood: tuple[Fact, ...]
    config: Config
    generate: Callable[[int], tuple[Clip, ...]] | None = None

    @property
    def objective(self) -> Objective:
        """What the best epoch is chosen by."""
        return Objective("cer", "min", worst=1.0)

    @property
    def licence(self) -> str:
        """Under what licence the clips stand."""
        return self.clips.licence

    def train(self, epoch: int) -> Sequence[Clip]:
        """What an epoch trains on."""
        clips = self.generate(epoch) if self.generate and epoch else self.clips.train
        return _strings(clips, self.config, [epoch])

    @property
    def valid(self) -> Sequence[Clip]:
        """What each epoch is judged by."""
        return _strings(self.clips.valid, self.config, _VALID_ROUNDS)

    @property
    def test(self) -> Sequence[Clip]:
        """What is evaluated on."""
        return _strings(self.clips.test, self.config, _TEST_ROUNDS)


def load(source: Source, config: Config, sampling_rate: int | None = None) -> Data:
    """Read clips.

    Args:
        source: Where from.
        config: Which clips, and how they are read.
        sampling_rate: That of a trained model; by default that of the config or of the data.

    Raises:
        UserError: If the source does not exist, cannot be fetched or lacks a train part, none of
            its files can be used, or there are too few clips to join.
        DataError: If a manifest is malformed, too many files cannot be read or, with `strict`, a
            file cannot be used; names it.
    """
    earlier = None
    if sampling_rate is None:  # A trained model knows its own.
        earlier = read_earlier(config, ABOUT, ("sampling_rate", "symbols"))
    if earlier:
        sampling_rate = earlier["sampling_rate"]
        fits = config.sampling_rate in (None, sampling_rate)
        config.require(fits, "sampling_rate", f"{sampling_rate}, as of the model of --from")
    reader = _Reader(config, sampling_rate)
    clips = reader.readers().load(source, seed=config.seed)
    parts = {
        "train": _strings(clips.train, config, [0]),
        "valid": _strings(clips.valid, config, _VALID_ROUNDS),
        "test": _strings(clips.test, config, _TEST_ROUNDS),
    }
    symbols = _letters((*clips.train, *parts["train"]))
    if earlier:
        check_known(config, "symbols", sorted(symbols), earlier["symbols"])
        symbols = {*earlier["symbols"][1:]}
    samples = sum(len(c.samples) for part in (clips.train, clips.valid, clips.test) for c in part)
    seconds = samples / reader.sampling_rate
    length = f"{seconds / 3600:.2f} hours" if seconds > 600 else f"{seconds:.1f} seconds"
    alphabet = tuple(sorted(symbols))
    facts = [*clips.understood, Fact("sound", f"{length} at {reader.sampling_rate:,} Hz")]
    facts += about_clips(clips.train[0], reader.sampling_rate, alphabet)
    if config.join is not None:
        for name, strings in parts.items():
            if not strings:
                raise UserError(f"--join {config.join[0]}: no speaker has as many clips in {name}.")
        sizes = ", ".join(f"{len(strings):,} {name}" for name, strings in parts.items())
        facts.append(Fact("strings", f"{sizes}, of {config.join[0]} to {config.join[1]} clips"))
    if unseen := _letters((*clips.valid, *clips.test)) - symbols:
        facts.append(Fact("unseen", f"never in train, so never right: {' '.join(sorted(unseen))}"))
    return Data(
        clips,
        reader.sampling_rate,
        alphabet,
        tuple(facts),
        config,
        reader.generate,
    )


def load_test(source: Source, config: Config, sampling_rate: int) -> Sequence[Clip]:
    """What to evaluate a model on: the test part of the data it was trained on; of another source
    single clips, those of its test part or all of a manifest without splits.

    Raises:
        UserError, DataError: As for `load`.
    """
    if source == config.data:
        return load(source, config, sampling_rate).test
    reader = _Reader(config, sampling_rate)
    clips = reader.readers().load_test(source, seed=config.seed)
    note_facts(reader.facts_left_out())
    return clips


def too_short(samples: int, text: str, sampling_rate: int, config: Config) -> str | None:
    """Why a clip does not have a step for each letter of its transcript; None if it does."""
    step = round(config.frame_step * sampling_rate) * config.time_reduction
    blanks = sum(a == b for a, b in pairwise(text))  # Equal letters need one between them.
    if config.join is not None:
        blanks += 2  # One may come before the clip in its string, and one behind it.
    if samples // step >= len(text) + blanks:
        return None
    return (
        f"is too short: {samples / sampling_rate:.2f} seconds are {samples // step} steps, and its "
        f"transcript {text[:40]!r} needs {len(text) + blanks}"
    )


class _Reader:
    """Reads clips, and knows afterwards what belongs to them.

    Attributes:
        sampling_rate: Of all clips; 0 before they are read, unless it is prescribed.
        generate: As in `Data`.
    """

    def __init__(self, config: Config, sampling_rate: int | None) -> None:
        self._config = config
        self.sampling_rate = sampling_rate or config.sampling_rate or 0
        self._unreadable = LeftOut("clips", config)
        self._useless = LeftOut("clips that nothing can be learned from", config)
        self._tally = Tally()
        self.generate: Callable[[int], tuple[Clip, ...]] | None = None

    def readers(self) -> Readers[Clip]:
        """How each kind of source is read."""
        return Readers(
            what="clips",
            embedded=self._embedded,
            files=self._files,
            tfds=self._tfds,
            complete=self._complete,
        )

    def facts_left_out(self) -> list[Fact]:
        """The clips left out: the first by name and reason, and their number."""
        return [*self._unreadable.facts(), *self._useless.facts()]

    def _embedded(self) -> Found[Clip]:
        if self.sampling_rate not in (0, SAMPLING_RATE):
            raise UserError(
                f"--data embedded: has {SAMPLING_RATE:,} samples per second; the model takes "
                f"{self.sampling_rate:,}."
            )
        self.sampling_rate = SAMPLING_RATE
        morse = Morse(self._config.seed)
        self.generate = morse.train
        about = (
            f"Morse code, generated (seed {self._config.seed}), new training clips for each epoch; "
            "none of their texts is in valid or test"
        )
        return Found(
            {"train": morse.train(0), "valid": morse.valid, "test": morse.test},
            (Fact("made", about),),
            "generated: none",
        )

    def _files(self, source: Source) -> Found[Clip]:
        entries, facts = list_entries(source, self._config)
        rate = self.sampling_rate = self.sampling_rate or _usual_rate(entries)

        def read(entry: Entry) -> Recording:
            try:
                sound = audio.read_sound(entry.path, rate, start=entry.start, end=entry.end)
                entry.check(sound.seconds)
            except DataError as error:
                if entry.manifest is None:
                    raise
                path, line = entry.manifest
                raise DataError(path, f"{entry.path}: {error.message}", line=line) from None
            self._tally.add(entry, sound)
            return Recording(entry.path, sound.samples, entry.text, entry.speaker, entry.name)

        splits = self._usable(source, [(e.split or "train", e) for e in entries], read)
        return Found(splits, (*facts, *self._tally.facts(rate), *self.facts_left_out()))

    def _tfds(self, name: str) -> Found[Clip]:
        recordings, self.sampling_rate, licence = read_tfds(
            name,
            self._config,
            sampling_rate=self.sampling_rate or None,
            highest_rate=_HIGHEST_RATE,
        )
        splits = self._usable(Source("tfds", name), recordings, lambda recording: recording)
        facts = (*self._tally.transcripts(), *self.facts_left_out())
        return Found(splits, facts, licence)

    def _usable(
        self, source: Source, items: Iterable[tuple[str, T]], read: Callable[[T], Recording]
    ) -> dict[str, list[Clip]]:
        """The clips of each split that can be learned from.

        Raises:
            UserError: If there are none.
            DataError: If too many items cannot be read, or with `strict` one cannot be used.
        """
        clips: dict[str, list[Clip]] = {}
        read_in = 0
        for split, item in _watched(items):
            try:
                recording = read(item)
            except DataError as error:
                self._unreadable.add(error)
                continue
            read_in += 1
            try:
                clips.setdefault(split, []).append(self._checked(recording))
            except DataError as error:
                self._useless.add(error)
        self._unreadable.check(read_in)
        if not any(clips.values()):
            reasons = "; ".join(fact.text for fact in self.facts_left_out())
            raise UserError(f"{source}: no clip can be used: {reasons}")
        return clips

    def _checked(self, recording: Recording) -> Clip:
        """A clip that can be learned from.

        Raises:
            DataError: If it has no transcript, is silent or too short.
        """
        path, samples, text, speaker, name = recording
        composed = unicodedata.normalize("NFC", text)
        self._tally.composed += composed != text
        text = " ".join((composed.lower() if self._config.lowercase else composed).split())
        if not text:
            raise DataError(path, "the transcript is empty")
        if audio.is_silent(samples):
            raise DataError(path, f"is silent, and its transcript is {text[:40]!r}")
        if reason := too_short(len(samples), text, self.sampling_rate, self._config):
            raise DataError(path, reason)
        return Clip(audio.to_int16(samples), text, name or str(path), speaker)

    def _complete(
        self, splits: Mapping[str, Sequence[Clip]], seed: int, source: Source
    ) -> tuple[dict[str, tuple[Clip, ...]], str]:
        by_speaker = self._config.by_speaker
        return complete_splits(
            splits,
            seed=seed,
            where=str(source),
            what="speakers" if by_speaker else "clips",
            key=lambda clip: clip.speaker if by_speaker else clip.name,
        )


def _strings(clips: Sequence[Clip], config: Config, rounds: Sequence[int]) -> Sequence[Clip]:
    """The clips, joined where the config asks for it."""
    if config.join is None:
        return clips
    return join_clips(clips, *config.join, seed=config.seed, rounds=rounds)


def _letters(clips: Iterable[Clip]) -> set[str]:
    return {letter for clip in clips for letter in clip.text}


def _usual_rate(entries: Sequence[Entry]) -> int:
    """The most common rate of some of the files, at most `_HIGHEST_RATE`."""
    looked_at = entries[:: -(-len(entries) // _LOOKED_AT)]
    rates = Counter(rate for entry in looked_at if (rate := audio.rate_of(entry.path)))
    return min(rates.most_common(1)[0][0], _HIGHEST_RATE) if rates else _HIGHEST_RATE


def _watched(items: Iterable[T]) -> Iterator[T]:
    """The items, with a bar that shows the progress."""
    with progress_bar() as bar:
        total = len(items) if isinstance(items, Sized) else None
        task = bar.add_task("reading", total=total, status="")
        for item in items:
            yield item
            bar.update(task, advance=1)
