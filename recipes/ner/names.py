"""The names in the generated sentences: gathered, dealt to the splits, drawn for a slot.

First names, surnames, towns and companies come from many locales of Faker, countries from Babel.
Each goes to one of train, valid and test. A `Pool` holds those of a split and makes entities of
them; the same word may become a person, a place or an organisation.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from faker import Faker

LOCALES = (
    *("en_US", "en_GB", "en_IN", "en_IE", "en_NZ", "en_KE", "en_NG", "de_DE", "fr_FR", "es_ES"),
    *("it_IT", "nl_NL", "pl_PL", "pt_BR", "sv_SE", "da_DK", "fi_FI", "cs_CZ", "ro_RO", "id_ID"),
)
_PROVIDERS = [
    f"faker.providers.{name}" for name in ("person", "address", "company", "job", "lorem")
]
SHARES = {"train": 0.7, "valid": 0.1, "test": 0.2}

# Kept out of every pool, so that examples with these names test what was learnt.
_RESERVED = frozenset({"virat", "kohli", "rohit", "sharma"})
# Always dealt to train, so that a tagger knows the countries people try it with.
_IN_TRAIN = (
    *("australia", "brazil", "canada", "china", "france", "germany", "india", "italy", "japan"),
    *("spain", "united kingdom", "united states"),
)
_TERRITORY_LEFT_OUT = re.compile(
    r"\(|/| - |&|’|SAR|Territor|Outlying|Union|Nations|zone|Region|Ps|Caribbean"
)
_PARTICLES = r"(?:(?:van|von|de|der|den|da|dos|di|la|le) )*"
_NAME = re.compile(
    _PARTICLES + r"[A-ZÀ-ÖØ-ÞĀ-Ž][A-Za-zÀ-ÖØ-öø-ÿĀ-ž'-]+(?: [A-Za-zÀ-ÖØ-öø-ÿĀ-ž'-]+){0,2}"
)

_COMPANY_ENDS = (
    *("Motors", "Group", "Bank", "Holdings", "Inc", "Ltd", "AG", "GmbH", "Airlines", "Software"),
    *("Energy", "Foods", "Pharma", "Insurance", "Steel", "Media", "Books", "Systems", "Corp"),
    *(
        "Industries",
        "Capital",
        "Hotels",
        "Telecom",
        "Brothers",
        "S.A.",
        "& Sons",
        "& Co",
        "Records",
    ),
)
_CLUB_ENDS = ("United", "City", "Rovers", "Wanderers", "FC", "Tigers", "Athletic", "Kings", "Town")
_CLUB_STARTS = ("FC", "Real", "Sporting", "Dynamo", "Royal")
_ORG_FORMS = (
    *("Bank of {}", "Ministry of {}", "Central Bank of {}", "{} City Council", "{} Police"),
    *("{} Chamber of Commerce", "{} Foundation", "{} Party", "{} Commission"),
)
_UNI_FORMS = (
    *("University of {}", "{} University", "{} Institute of Technology", "{} College"),
    *("{} Medical School", "Technical University of {}"),
)
_PLACE_FORMS = (
    *("Lake {}", "Mount {}", "Port {}", "New {}", "{} Street", "{} Beach", "{} Island"),
    *("{} Valley", "North {}", "{} Bay", "{} Airport", "St. {}", "Fort {}"),
)
_LETTERS = "ABCDEFGHIKLMNOPRSTUVWXZ"


class Pool:
    """The names of one split, and the samplers of the entity slots, each with its type."""

    def __init__(self, rng: random.Random, names: Mapping[str, list[str]]) -> None:
        self._rng, self._names = rng, names
        self._towns = [name for name in names["city"] if " " not in name]
        self.slots: dict[str, tuple[str, Callable[[], str]]] = {
            "per": ("PER", self.person),
            "city": ("LOC", self.city),
            "country": ("LOC", lambda: self._name("country")),
            "power": ("LOC", self.power),
            "company": ("ORG", self.company),
            "club": ("ORG", self.club),
            "org": ("ORG", lambda: self._form(_ORG_FORMS)),
            "uni": ("ORG", lambda: self._form(_UNI_FORMS)),
        }

    def person(self) -> str:
        roll = self._rng.random()
        first, last = self._name("first"), self._name("last")
        if roll < 0.45:
            return f"{first} {last}"
        if roll < 0.67:
            return last
        if roll < 0.82:
            return first
        if roll < 0.90:
            return self._town()  # "London wrote novels"
        if roll < 0.94:
            return f"{first} {self._town()}"
        if roll < 0.97:
            return f"{first[0]}. {last}"
        return f"{first} {self._name('first')[0]}. {last}"

    def city(self) -> str:
        roll = self._rng.random()
        if roll < 0.60:
            return self._name("city")
        if roll < 0.78:
            return self._name("last")  # "Lincoln", "Houston"
        if roll < 0.86:
            return self._name("first")  # "Sydney", "Victoria"
        return self._rng.choice(_PLACE_FORMS).format(self._any())

    def power(self) -> str:
        """A country, or a capital that stands for one."""
        return self._name("country") if self._rng.random() < 0.6 else self._name("city")

    def club(self) -> str:
        roll = self._rng.random()
        if roll < 0.55:
            return self._name("city")
        if roll < 0.72:
            return self._name("last")
        if roll < 0.90:
            return f"{self._any()} {self._rng.choice(_CLUB_ENDS)}"
        return f"{self._rng.choice(_CLUB_STARTS)} {self._name('city')}"

    def company(self) -> str:
        roll = self._rng.random()
        if roll < 0.34:
            return self._name("last")
        if roll < 0.46:
            return self._name("city")
        if roll < 0.54:
            return self._name("first")
        if roll < 0.60:
            return "".join(self._rng.sample(_LETTERS, self._rng.choice((2, 3, 3, 4))))
        if roll < 0.68:
            return self._name("company")
        if roll < 0.74:
            return f"{self._name('last')} & {self._name('last')}"
        return f"{self._any()} {self._rng.choice(_COMPANY_ENDS)}"

    def _town(self) -> str:
        """A city of one word, as people are called after."""
        return self._rng.choice(self._towns)

    def _form(self, forms: tuple[str, ...]) -> str:
        kind = self._rng.choice(("city", "country", "last"))
        return self._rng.choice(forms).format(self._name(kind))

    def _any(self) -> str:
        return self._name(self._rng.choice(("last", "city", "first", "last")))

    def _name(self, kind: str) -> str:
        return self._rng.choice(self._names[kind])


@cache
def deal(seed: int) -> tuple[dict[str, dict[str, list[str]]], dict[str, tuple[str, ...]]]:
    """Deal every name to one split: the pools {split: {kind: names}}, and words that are not names.

    A string that is in two pools (a surname that is a town) goes to the same split in both.
    """
    pools, lexicon = _gather(seed)
    kinds: dict[str, set[str]] = {}
    for kind, names in pools.items():
        for name in names:
            kinds.setdefault(name, set()).add(kind)
    ordered = sorted(kinds)
    random.Random(seed).shuffle(ordered)
    dealt: dict[str, dict[str, list[str]]] = {
        split: {kind: [] for kind in pools} for split in SHARES
    }
    splits, weights = zip(*SHARES.items(), strict=True)
    owner = dict.fromkeys(_IN_TRAIN, "train")
    rng = random.Random(f"{seed} deal")
    for name in ordered:
        split = owner.setdefault(name.casefold(), rng.choices(splits, weights)[0])
        for kind in sorted(kinds[name]):
            dealt[split][kind].append(name)
    return dealt, lexicon


def _gather(seed: int) -> tuple[dict[str, set[str]], dict[str, tuple[str, ...]]]:
    """Names by kind from Faker's locales and Babel, and job titles and slogans in lower case."""
    from babel import Locale
    from faker import Faker

    pools: dict[str, set[str]] = {kind: set() for kind in ("first", "last", "city", "company")}
    for locale in LOCALES:
        fake = Faker(locale, providers=_PROVIDERS)
        fake.seed_instance(seed)
        draws = {
            "first": (fake.first_name, 250),
            "last": (fake.last_name, 400),
            "city": (_city_of(fake, locale), 150),
            "company": (fake.company, 25),
        }
        for kind, (draw, count) in draws.items():
            pools[kind].update(draw() for _ in range(count))
    pools["country"] = {
        name
        for code, name in Locale("en").territories.items()
        if re.fullmatch("[A-Z]{2}", code) and not _TERRITORY_LEFT_OUT.search(name)
    }
    for kind, names in pools.items():
        pools[kind] = {name for name in names if _is_usable(name, kind)}
    fake = Faker("en_US", providers=_PROVIDERS)
    fake.seed_instance(seed)
    jobs = {" ".join(reversed(fake.job().split(", "))) for _ in range(600)}
    pitches = {fake.catch_phrase().lower() for _ in range(300)}
    lexicon = {
        "job": tuple(
            sorted(job.lower() for job in jobs if re.fullmatch(r"[A-Za-z]?[a-z -]+", job))
        ),
        "pitch": tuple(sorted(pitches)),
        "word": tuple(sorted(word for word in fake.words(800, unique=True) if word.islower())),
    }
    return pools, lexicon


def _city_of(fake: Faker, locale: str) -> Callable[[], str]:
    """Faker draws Italian towns from a set, differently in each process: provinces instead."""
    return fake.administrative_unit if locale == "it_IT" else fake.city


def _is_usable(name: str, kind: str) -> bool:
    if _RESERVED & set(re.split(r"[ -]", name.casefold())):
        return False
    if kind == "company":
        return "," not in name and name[0].isupper() and len(name.split()) <= 4
    return kind == "country" or _NAME.fullmatch(name) is not None
