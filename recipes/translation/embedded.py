"""Generated pairs: a date as people write it in one of many languages, and the same in ISO 8601.

    понедельник, 9 марта 1987 г.    1987-03-09
    Mar 9, 1987                     1987-03-09
    ९ मार्च, १९८७                    1987-03-09

The forms are those of Unicode's CLDR, through Babel, and a few without punctuation. Years have four
digits throughout.

Forms that can be mistaken for each other are left out. Every form is written out for the first
twelve days of each month (a later one cannot pass for a month), with the same weekday on all days,
so that nobody needs a calendar to tell two forms apart. Where two of them give the same text for
different days, both are dropped: "10/11/1987" in English, French or Hindi is October or November.
"""

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from recipes.translation.formats import Pair, clean

if TYPE_CHECKING:
    from babel import Locale

LOCALES = (
    "ar_EG bg bn cs da de el en_GB en_US es fa fi fr he hi hr hu hy id it ja ka ko mr nl pl pt ro "
    "ru sv th tr uk vi zh"
).split()

FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2099, 12, 31)

_FORMATS = ("full", "long", "medium", "short")
_SKELETONS = ("yMMMd", "yMMMEd", "yMd", "yMEd")
_FREE = ("EEE d MMMM y", "EEEE d MMM y")
_DAY_MONTH_YEAR = re.compile(r"d.*M.*y")
_WEEKDAY = re.compile(r"[Ec]+")
_QUOTED = re.compile(r"'[^']*'")

#: The code of the digit zero in those of CLDR's numbering systems that occur here.
_ZEROS = {"arab": 0x0660, "arabext": 0x06F0, "deva": 0x0966, "beng": 0x09E6}

_DAYS = [datetime.date(2000, month, day) for month in range(1, 13) for day in range(1, 13)]


@dataclass(frozen=True)
class Form:
    """A way to write a date: a locale and a CLDR pattern."""

    locale: str
    pattern: str

    @property
    def language(self) -> str:
        """The locale without its country."""
        return self.locale.partition("_")[0]

    def write(self, day: datetime.date) -> str:
        """The date in this form and the digits of the language."""
        from babel.dates import format_date

        locale = _locale(self.locale)
        text = clean(format_date(day, self.pattern, locale))
        return text.translate(_digits(locale.default_numbering_system))


@cache
def languages() -> dict[str, tuple[Form, ...]]:
    """The forms of each language that cannot be mistaken for another."""
    kept = _unmistakable([Form(name, pattern) for name in LOCALES for pattern in _patterns(name)])
    names = dict.fromkeys(form.language for form in kept)
    return {name: tuple(form for form in kept if form.language == name) for name in names}


def generate(sizes: Mapping[str, int], seed: int) -> dict[str, tuple[Pair, ...]]:
    """Pairs in which every source occurs once, and every date once in each language.

    The same for the same sizes, seed and release of Babel.

    Args:
        sizes: Number of pairs in each split.
        seed: Seed of the draw.
    """
    rng = random.Random(seed)
    forms = languages()
    names = list(forms)
    taken: set[tuple[str, datetime.date]] = set()
    sources: set[str] = set()
    splits = {}
    for split, size in sizes.items():
        pairs: list[Pair] = []
        while len(pairs) < size:
            name = rng.choice(names)
            day = datetime.date.fromordinal(rng.randint(FIRST.toordinal(), LAST.toordinal()))
            source = rng.choice(forms[name]).write(day)
            if (name, day) not in taken and source not in sources:
                taken.add((name, day))
                sources.add(source)
                pairs.append(Pair(source, day.isoformat()))
        splits[split] = tuple(pairs)
    return splits


@cache
def _locale(name: str) -> Locale:
    from babel import Locale

    return Locale.parse(name)


@cache
def _digits(system: str) -> Mapping[int, int]:
    zero = _ZEROS.get(system, ord("0"))
    return {ord("0") + digit: zero + digit for digit in range(10)}


def _patterns(name: str) -> Sequence[str]:
    """CLDR's patterns for a locale, and the free ones where the day comes before the month."""
    locale = _locale(name)
    patterns = [locale.date_formats[key].pattern for key in _FORMATS]
    patterns += [locale.datetime_skeletons[key].pattern for key in _SKELETONS]
    if _DAY_MONTH_YEAR.search(_QUOTED.sub("", locale.date_formats["long"].pattern)):
        patterns += _FREE
    return list(dict.fromkeys(re.sub("y+", "y", pattern) for pattern in patterns))


def _unmistakable(forms: Iterable[Form]) -> list[Form]:
    """The forms that share no text with a form in which it means another day."""
    forms = list(forms)
    days: dict[str, set[datetime.date]] = {}
    written = {}
    for form in forms:
        always = _same_weekday(form)
        written[form] = [always.write(day) for day in _DAYS]
        for text, day in zip(written[form], _DAYS, strict=True):
            days.setdefault(text, set()).add(day)
    return [form for form in forms if all(len(days[text]) == 1 for text in written[form])]


def _same_weekday(form: Form) -> Form:
    """The form with the language's name of one weekday instead of any."""

    def named(field: re.Match[str]) -> str:
        name = Form(form.locale, field[0]).write(_DAYS[0])
        return f"'{name}'"

    return Form(form.locale, _WEEKDAY.sub(named, form.pattern))
