"""The catalogue of named models: register, list, describe, create.

Each named size of a model is a registration above its function:

    @register_model(
        "tagger_small",
        shape="many-to-many",
        parameters=123_456,
        paper="Huang et al. 2015",
        units=64,
    )
    def tagger(*, units: int = 128, ...) -> keras.Model: ...

`zoo.create_model("tagger_small")` then calls the function with these options.
"""

from __future__ import annotations

import difflib
import fnmatch
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import keras

from custom_layers.engine.checks import require_one_of

SequenceShape = Literal[
    "one-to-one", "one-to-many", "many-to-one", "many-to-many", "encoder-decoder"
]

#: The sequence shapes of models.
SHAPES: tuple[str, ...] = typing.get_args(SequenceShape)

ModelFunction = TypeVar("ModelFunction", bound=Callable[..., keras.Model])


@dataclass(frozen=True)
class ModelInfo:
    """What the catalogue knows about a named model.

    Attributes:
        name: Name for `create_model`.
        builder: The model function.
        shape: Sequence shape of the model, one of `SHAPES`.
        summary: First line of the function's docstring.
        parameters: Number of weights when built without overrides.
        paper: Source of the architecture.
        options: Keyword arguments of the function for this name.
    """

    name: str
    builder: Callable[..., keras.Model]
    shape: SequenceShape
    summary: str
    parameters: int
    paper: str
    options: Mapping[str, Any]


_MODELS: dict[str, ModelInfo] = {}


def register_model(
    name: str, *, shape: SequenceShape, parameters: int, paper: str, **options: Any
) -> Callable[[ModelFunction], ModelFunction]:
    """Register a model function under `name`, with the options of this size.

    Args:
        name: Unique name in the catalogue, lower case with underscores.
        shape: Sequence shape of the model, one of `SHAPES`.
        parameters: Number of weights of the model with these options (verified by a test).
        paper: Author and year of the source.
        **options: Keyword arguments of the function for this name.

    Raises:
        ValueError: If the name is taken, the shape is unknown, or the function does not take one of
            the options.
    """

    def decorate(function: ModelFunction) -> ModelFunction:
        if name in _MODELS:
            owner = _MODELS[name].builder
            raise ValueError(
                f"Model name {name!r} is taken by {owner.__module__}.{owner.__qualname__}."
            )
        require_one_of("shape", shape, SHAPES)
        _check_options(function, options)
        _MODELS[name] = ModelInfo(
            name=name,
            builder=function,
            shape=shape,
            summary=(inspect.getdoc(function) or "").partition("\n")[0],
            parameters=parameters,
            paper=paper,
            options=MappingProxyType(dict(options)),
        )
        return function

    return decorate


def list_models(pattern: str = "*") -> list[str]:
    """Names in the catalogue that match a shell-style pattern, sorted.

    Example:
        >>> import zoo
        >>> zoo.list_models("mlp*")
        ['mlp_tagger_base', 'mlp_tagger_small']
    """
    return sorted(fnmatch.filter(_MODELS, pattern))


def model_info(name: str) -> ModelInfo:
    """Describe a named model without building it.

    Raises:
        ValueError: If the name is unknown; the message suggests similar ones.

    Example:
        >>> import zoo
        >>> zoo.model_info("tagger_small").shape
        'many-to-many'
    """
    if name not in _MODELS:
        raise ValueError(
            f"There is no model {name!r}. {_suggest(name, _MODELS)} "
            "`zoo.list_models()` lists all of them."
        )
    return _MODELS[name]


def create_model(name: str, **overrides: Any) -> keras.Model:
    """Build a model by its name in the catalogue.

    Args:
        name: A name from `list_models()`.
        **overrides: Keyword arguments of the model function that replace those of the named size.

    Returns:
        A built, uncompiled `keras.Model` with freshly initialised weights.

    Raises:
        ValueError: If the name or an option is unknown; the message suggests similar ones.

    Example:
        >>> import zoo
        >>> model = zoo.create_model("tagger_small", vocabulary_size=1_000, num_tags=5, cell="gru")
        >>> model.output_shape
        (None, None, 5, 5)
    """
    info = model_info(name)
    _check_options(info.builder, overrides)
    return info.builder(**{**info.options, **overrides})


def accepted_options(function: Callable[..., keras.Model]) -> set[str]:
    """Keyword arguments of a model function, including those of `**stack: Unpack[...]`."""
    names: set[str] = set()
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            (options,) = typing.get_args(typing.get_type_hints(function)[parameter.name])
            names |= set(options.__annotations__)
        else:
            names.add(parameter.name)
    return names


def _check_options(function: Callable[..., keras.Model], options: Iterable[str]) -> None:
    accepted = accepted_options(function)
    for option in options:
        if option not in accepted:
            raise ValueError(
                f"{function.__name__}() has no option {option!r}. {_suggest(option, accepted)}"
            )


def _suggest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.5)
    return f"Did you mean {' or '.join(map(repr, near))}?" if near else "No name is similar."
