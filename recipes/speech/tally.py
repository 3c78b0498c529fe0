"""What there is to say about the sound that was read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from recipes.kit.data.audio import Sound
from recipes.kit.data.facts import Fact, counted, how_many, listed
from recipes.speech.clips import Clip
from recipes.speech.manifests import Entry

#: Symbols shown of an alphabet.
_SHOWN = 60


class Tally:
    """Counts kinds of sound files while they are read."""

    def __init__(self) -> None:
        self._rates: Counter[int] = Counter()
        self._encodings: Counter[str] = Counter()
        self._channels: Counter[int] = Counter()
        self._loud: list[float] = []
        self._segments: list[float] = []
        self._files: set[str] = set()
        self.composed = 0

    def add(self, entry: Entry, sound: Sound) -> None:
        """Count a clip."""
        self._rates[sound.own_rate] += 1
        self._encodings[sound.encoding] += 1
        self._channels[sound.channels] += 1
        if sound.peak > 1:
            self._loud.append(sound.peak)
        if entry.is_segment:
            self._segments.append(len(sound.samples) / sound.rate)
            self._files.add(str(entry.path))

    def facts(self, rate: int) -> list[Fact]:
        """What was counted.

        Args:
            rate: The sampling rate of all clips.
        """
        facts = []
        if self._segments:
            shortest, longest = min(self._segments), max(self._segments)
            clips = how_many(len(self._segments), "clips")
            text = f"{clips} cut from {how_many(len(self._files), 'files')}, "
            facts.append(Fact("segments", f"{text}{shortest:.2f} to {longest:.2f} seconds long"))
        facts.append(Fact("encodings", counted(self._encodings)))
        rates = {f"{each:,} Hz": count for each, count in self._rates.items()}
        text = counted(rates) + (f", resampled to {rate:,} Hz" if {*self._rates} - {rate} else "")
        facts.append(Fact("sampling rate", text))
        if several := {n: count for n, count in self._channels.items() if n > 1}:
            shown = (f"{count:,} of {channels} channels" for channels, count in several.items())
            facts.append(Fact("channels", f"{listed(shown)}, which are averaged"))
        if self._loud:
            facts.append(
                Fact(
                    "loudness",
                    f"{how_many(len(self._loud), 'clips')} with samples beyond 1, up to "
                    f"{max(self._loud):.6g}, scaled down by their peak",
                )
            )
        return [*facts, *self.transcripts()]

    def transcripts(self) -> list[Fact]:
        """What was done to transcripts."""
        if not self.composed:
            return []
        text = f"{self.composed:,} are brought to Unicode's composed form (NFC), in which é is one"
        return [Fact("transcripts", f"{text} letter")]


def about_clips(clip: Clip, rate: int, symbols: Sequence[str]) -> list[Fact]:
    """The first clip, and the alphabet."""
    seconds = len(clip.samples) / rate
    shown = "".join(symbols[:_SHOWN]) + ("..." if len(symbols) > _SHOWN else "")
    return [
        Fact("first clip", f"{Path(clip.name).name}: {clip.text!r}, {seconds:.2f} seconds"),
        Fact("symbols", f"{len(symbols):,}: {shown!r}"),
    ]
