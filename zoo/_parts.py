"""Layers around built models, which are saved and cloned with them."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import keras


class LayerOfParts(keras.layers.Layer):
    """A layer whose constructor takes built models or layers; its config holds theirs."""

    parts: ClassVar[tuple[str, ...]]
    """Names of the arguments, which are also attributes."""

    def build(self, *_: Any, **__: Any) -> None:
        self.built = True  # as the parts are

    def get_config(self) -> dict[str, Any]:
        parts = {
            part: keras.saving.serialize_keras_object(getattr(self, part)) for part in self.parts
        }
        return {**super().get_config(), **parts}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        parts = {part: keras.saving.deserialize_keras_object(config[part]) for part in cls.parts}
        return cls(**{**config, **parts})
