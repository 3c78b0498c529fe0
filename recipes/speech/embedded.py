"""Morse code as radio operators hear it, generated: a keyed tone of varying speed, pitch and
strength, in noise, fading in and out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np

from recipes.kit.data.audio import to_int16
from recipes.speech.clips import Clip

SAMPLING_RATE = 4000

#: Number of clips in each part.
SIZES = {"train": 3000, "valid": 150, "test": 300}

#: Epochs that train mostly on single letters.
_LETTERS_FIRST = 8

#: International Morse code (ITU-R M.1677-1).
CODE = dict(
    pair.split(":")
    for pair in (
        "A:.- B:-... C:-.-. D:-.. E:. F:..-. G:--. H:.... I:.. J:.--- K:-.- L:.-.. M:-- N:-. O:--- "
        "P:.--. Q:--.- R:.-. S:... T:- U:..- V:...- W:.-- X:-..- Y:-.-- Z:--.. "
        "0:----- 1:.---- 2:..--- 3:...-- 4:....- 5:..... 6:-.... 7:--... 8:---.. 9:----. "
        "?:..--.. /:-..-. =:-...-"
    ).split()
)

_LETTERS, _DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
_NAMES = "ADA ANNA BEN CARLOS DAVE ELENA FRITZ GINA HANS IVAN JACK KIM LARS MIKO OLGA PAUL".split()
_PLACES = "BERLIN BOSTON CADIZ DELHI GENOA KYOTO LIMA LYON MALMO NAIROBI OSLO PERTH QUITO".split()
_RIGS = "K3 FT817 IC705 QCX TS590".split()
_WEATHER = "SUNNY RAIN SNOW CLOUDY WINDY".split()


class Morse:
    """Clips of Morse code. No text of `valid` or `test` is ever in `train`.

    Args:
        seed: Decides all of them.
    """

    def __init__(self, seed: int) -> None:
        self._seed, self._held_out = seed, set[str]()
        generator = np.random.default_rng(seed)
        drawn = texts(generator)
        self.test = self._draw_held_out(SIZES["test"], drawn, generator)
        self.valid = self._draw_held_out(SIZES["valid"], drawn, generator)

    def train(self, epoch: int) -> tuple[Clip, ...]:
        """The clips of an epoch, others in each."""
        generator = np.random.default_rng((self._seed, epoch))
        # Letters first, then words, as people learn it: from whole texts alone, where nothing says
        # which sound is which letter, a network takes long to find the letters.
        alone = 0.9 if epoch < _LETTERS_FIRST else 0.2
        drawn = (text for text in texts(generator, alone=alone) if text not in self._held_out)
        return tuple(_clip(text, generator) for text in islice(drawn, SIZES["train"]))

    def _draw_held_out(
        self, count: int, drawn: Iterator[str], generator: np.random.Generator
    ) -> tuple[Clip, ...]:
        """Clips of texts that have not been drawn yet."""
        chosen: list[str] = []
        while len(chosen) < count:
            if (text := next(drawn)) not in self._held_out:
                chosen.append(text)
                self._held_out.add(text)
        return tuple(_clip(text, generator) for text in chosen)


def _clip(text: str, generator: np.random.Generator) -> Clip:
    return Clip(to_int16(sound(text, generator)), text, text)


def texts(generator: np.random.Generator, *, alone: float = 0.0) -> Iterator[str]:
    """Messages of operators and, as often, groups of two to five letters and figures as learners
    practise them. A share `alone` of the texts is a single letter or figure, as for beginners."""

    def draw(symbols: str | list[str], count: int = 1) -> str:
        return "".join(generator.choice(list(symbols), count))

    def call() -> str:
        sign = draw(_LETTERS, int(generator.integers(1, 3))) + draw(_DIGITS)
        return sign + draw(_LETTERS, int(generator.integers(1, 4)))

    def group() -> str:
        return draw(_LETTERS + _DIGITS + "?/=", int(generator.integers(2, 6)))

    phrases = (
        lambda: f"CQ DE {call()} K",
        lambda: f"{call()} DE {call()}",
        lambda: f"{call()}/P ?",
        lambda: f"UR RST {draw('345')}{draw('3456789')}9 =",
        lambda: f"{call()} 5NN {draw(_DIGITS, 3)}",
        lambda: f"NAME {draw(_NAMES)} {draw(_NAMES)}",
        lambda: f"QTH {draw(_PLACES)} =",
        lambda: f"RIG {draw(_RIGS)} {draw('125')}{draw('05')}W",
        lambda: f"WX {draw(_WEATHER)} {draw('123')}{draw(_DIGITS)}C",
        lambda: f"TNX {draw(_NAMES)} 73",
        *[group] * 12,
    )
    while True:
        if generator.random() < alone:
            yield draw(sorted(CODE))
        else:
            yield phrases[int(generator.integers(len(phrases)))]()


def sound(text: str, generator: np.random.Generator) -> np.ndarray:
    """A text as it comes out of a receiver, from -1 to 1, float32 at `SAMPLING_RATE`.

    25 to 45 words per minute, keyed by an uneven hand; a drifting pitch of about 600 Hz, to which
    operators tune; strength that fades by up to a half every 2 to 10 seconds; white noise 10 to
    20 dB below the tone.
    """
    dot = 1.2 / generator.uniform(25, 45)
    uneven, spacing = generator.uniform(0, 0.12), generator.uniform(1, 1.4)
    lengths, keyed = [generator.uniform(0.1, 0.4)], [False]

    def add(on: bool, dots: float) -> None:
        lengths.append(dot * dots * float(np.exp(uneven * generator.normal())))
        keyed.append(on)

    for word in text.split():
        for letter in word:
            for sign in CODE[letter]:
                add(True, 3 if sign == "-" else 1)
                add(False, 1)
            add(False, 2 * spacing)
        add(False, 4 * spacing)
    add(False, generator.uniform(1, 4))
    ends = np.round(np.cumsum(lengths) * SAMPLING_RATE).astype(int)
    key = np.repeat(np.asarray(keyed, float), np.diff(ends, prepend=0))
    count = len(key)
    seconds = np.arange(count) / SAMPLING_RATE
    smooth = np.hanning(int(0.006 * SAMPLING_RATE))
    envelope = np.convolve(key, smooth / smooth.sum(), mode="same")
    slow = np.sin(2 * np.pi * (seconds / generator.uniform(2, 10) + generator.random()))
    strength = 1 - generator.uniform(0, 0.5) * (0.5 + 0.5 * slow)
    drift = generator.normal(0, 3) * seconds
    phase = 2 * np.pi * (np.cumsum(generator.uniform(590, 610) + drift) / SAMPLING_RATE)
    tone = envelope * strength * np.sin(phase + 2 * np.pi * generator.random())
    noise = np.sqrt(0.5) * 10 ** (-generator.uniform(10, 20) / 20) * generator.normal(size=count)
    heard = tone + noise
    return (generator.uniform(0.1, 0.9) * heard / np.abs(heard).max()).astype("float32")
