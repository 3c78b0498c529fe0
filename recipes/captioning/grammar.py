r"""Random formulas in canonical LaTeX, made for pictures that can be read only one way.

A formula is a sequence of tokens with blanks between them, as in im2latex-100k (Deng et al. 2017),
which is LaTeX as it stands::

    \sum _ { i = 1 } ^ { n } x _ { i } ^ { 2 }

It is canonical: scripts and arguments always stand in braces, a subscript comes before a
superscript, and there are no others. So whoever reads the picture can write only this.

Symbols that pass for each other in print or at another size are left out: of l, I and 1 there is
only 1, of O, o and 0 only 0; x without \times and \chi, p without P and \rho, c without C and e, v
without V and \nu, n without u and \eta, a without \alpha and \sigma, T without \tau, E without F
and \epsilon, \sum and \prod without \Sigma and \Pi, + without \div, and so on.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

DIGITS = tuple("0123456789")
LETTERS = (
    *"abcdfijkmnprtvxy",
    *"ADEGHMNQRT",
    *(r"\beta", r"\delta", r"\theta", r"\lambda", r"\mu", r"\xi", r"\pi", r"\phi", r"\psi"),
    *(r"\omega", r"\Gamma", r"\Delta", r"\Omega"),
)
RELATIONS = ("=", "<", ">", r"\leq", r"\geq", r"\neq", r"\approx", r"\to")
OPERATIONS = ("+", "-", r"\cdot", r"\pm", r"\oplus")
FUNCTIONS = (r"\sin", r"\cos", r"\log")
LARGE = (r"\sum", r"\prod", r"\int", r"\lim")
OTHERS = (r"\partial", r"\nabla", r"\infty", r"\forall", r"\exists", r"\in", "(", ")", ",")

#: All tokens that leave ink of their own.
SYMBOLS = (*DIGITS, *LETTERS, *RELATIONS, *OPERATIONS, *FUNCTIONS, *LARGE, *OTHERS)

#: Tokens that arrange the others.
STRUCTURE = (r"\frac", r"\sqrt", "_", "^", "{", "}")

#: Changed whenever the same seed gives other formulas or pictures.
VERSION = 2

#: Tokens of a formula, at least and at most.
SHORTEST, LONGEST = 3, 24

Tokens = list[str]

#: A blank, with the command before it that the letter behind it would prolong.
_BLANK = re.compile(r"(\\[a-zA-Z]+ (?=[a-zA-Z]))| ")

_INDICES = tuple("ijkmn")


class Grammar:
    """Draws formulas.

    Args:
        seed: The same seed gives the same formulas.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def draw(self, length: int) -> str:
        """A formula of so many tokens, `SHORTEST` to `LONGEST`."""
        if not SHORTEST <= length <= LONGEST:
            raise ValueError(f"`length` must be {SHORTEST} to {LONGEST}, found {length}.")
        while len(tokens := self._formula()) != length:
            pass
        return join(tokens)

    def _formula(self) -> Tokens:
        kind = self._random.random()
        if kind < 0.05:
            quantifier = self._pick((r"\forall", r"\exists"))
            return [quantifier, *self._variable(), r"\in", *self._variable()]
        if kind < 0.5:
            return [*self._sum(), self._pick(RELATIONS), *self._sum()]
        return self._sum()

    def _sum(self, factor: Callable[[], Tokens] | None = None) -> Tokens:
        """Terms with operations between them."""
        factor = factor or self._factor
        tokens = ["-"] if self._chance(0.08) else []
        tokens += self._term(factor)
        while self._chance(0.4):
            tokens += [self._pick(OPERATIONS), *self._term(factor)]
        return tokens

    def _term(self, factor: Callable[[], Tokens]) -> Tokens:
        """A product of up to three factors, perhaps with a number in front."""
        tokens = self._number() if self._chance(0.25) else factor()
        while self._chance(0.3):
            tokens = [*tokens, *factor()]
        return tokens

    def _factor(self) -> Tokens:
        """Whatever may stand on the line."""
        made = self._random.choices(
            (self._small, self._fraction, self._large, self._limit, self._call, self._brackets),
            (10, 2.5, 2, 0.7, 1, 0.8),
        )[0]
        return made()

    def _small(self) -> Tokens:
        """What may also stand in a fraction or under a root."""
        made = self._random.choices(
            (self._variable, self._scripted, self._root, self._applied, self._derived),
            (9, 5, 1, 0.8, 0.8),
        )[0]
        return made()

    def _fraction(self) -> Tokens:
        above, below = (self._sum(self._small) for _ in range(2))
        return [r"\frac", *_braced(above), *_braced(below)]

    def _root(self) -> Tokens:
        return [r"\sqrt", *_braced(self._sum(self._scripted_or_not))]

    def _scripted_or_not(self) -> Tokens:
        return self._scripted() if self._chance(0.3) else self._variable()

    def _scripted(self) -> Tokens:
        tokens = self._variable()
        below = self._chance(0.5)
        if below:
            tokens += ["_", *_braced(self._script())]
        if not below or self._chance(0.3):
            tokens += ["^", *_braced(self._script())]
        return tokens

    def _script(self) -> Tokens:
        """A row of a few symbols."""
        tokens = ["-"] if self._chance(0.1) else []
        tokens += self._single()
        if self._chance(0.3):
            tokens += [self._pick("+-"), *self._single()] if self._chance(0.6) else self._variable()
        return tokens

    def _large(self) -> Tokens:
        """A sum, product or integral with its limits."""
        sign = self._pick((r"\sum", r"\prod", r"\int"))
        if sign == r"\int":
            below, above = self._single(), self._bound()
        else:
            below = [self._pick(_INDICES)]
            above = self._bound() if self._chance(0.8) else []
            if above or self._chance(0.5):
                below += ["=", *self._single()]
        tokens = [sign, "_", *_braced(below)]
        if above:
            tokens += ["^", *_braced(above)]
        return [*tokens, *self._small()]

    def _bound(self) -> Tokens:
        return [r"\infty"] if self._chance(0.2) else self._single()

    def _limit(self) -> Tokens:
        towards = [*self._variable(), r"\to", *self._bound()]
        return [r"\lim", "_", *_braced(towards), *self._small()]

    def _applied(self) -> Tokens:
        return [self._pick(FUNCTIONS), *self._variable()]

    def _derived(self) -> Tokens:
        return [self._pick((r"\partial", r"\nabla")), *self._variable()]

    def _call(self) -> Tokens:
        inside = self._variable()
        if self._chance(0.4):
            inside += [",", *self._single()]
        return [*self._variable(), "(", *inside, ")"]

    def _brackets(self) -> Tokens:
        inside = [*self._variable(), self._pick(OPERATIONS), *self._single()]
        power = ["^", *_braced(self._script())] if self._chance(0.4) else []
        return ["(", *inside, ")", *power]

    def _single(self) -> Tokens:
        return self._number() if self._chance(0.4) else self._variable()

    def _variable(self) -> Tokens:
        return [self._pick(LETTERS)]

    def _number(self) -> Tokens:
        """One digit, or two of which the first is not 0."""
        if self._chance(0.8):
            return [self._pick(DIGITS)]
        return [self._pick(DIGITS[1:]), self._pick(DIGITS)]

    def _pick(self, tokens: Sequence[str]) -> str:
        return self._random.choice(tokens)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share


def join(tokens: Sequence[str]) -> str:
    """A formula out of its tokens."""
    return " ".join(tokens)


def split(formula: str) -> Tokens:
    """The tokens of a formula."""
    return formula.split()


def compact(formula: str) -> str:
    r"""A formula without blanks, but for those behind a command that a letter would prolong.

    >>> compact(r"\pi x _ { i }")
    '\\pi x_{i}'
    """
    return _BLANK.sub(r"\1", formula)


def _braced(tokens: Tokens) -> Tokens:
    return ["{", *tokens, "}"]
