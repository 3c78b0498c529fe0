"""Convolutional networks of `keras.applications` as encoders of images."""

from __future__ import annotations

import types

import keras

from recipes.captioning.options import Config
from recipes.kit.errors import UserError

#: The layer of the encoder that turns images into a grid.
CONVOLUTIONS = "convolutions"


def check_encoder(config: Config) -> None:
    """Refuse an encoder that there is not, before any data is read.

    Raises:
        UserError: What is wrong, and what is expected.
    """
    if config.encoder == "own":
        return
    networks = [name for name, value in vars(keras.applications).items() if callable(value)]
    if config.encoder not in networks:
        raise UserError(
            f"--encoder {config.encoder}: expected own or a network of keras.applications: "
            f"{', '.join(sorted(networks))}."
        )
    if config.weights_file is not None and not config.weights_file.is_file():
        raise UserError(f"--encoder-weights {config.weights_file}: no such file")


def backbone(config: Config) -> keras.Model | None:
    """The encoder that a config names, with its preprocessing; None for the recipe's own.

    Raises:
        UserError: If its weights cannot be had.
    """
    if config.encoder == "own":
        return None
    images = keras.Input((None, None, 3), name="images")
    grid = _network(config)(_preprocessed(config.encoder, images * 255.0))
    return keras.Model(images, grid, name=CONVOLUTIONS)


def freeze(model: keras.Model, config: Config) -> None:
    """Keep the weights of an encoder that is not the recipe's own, unless it is to be trained."""
    if config.encoder != "own":
        model.get_layer("encoder").get_layer(CONVOLUTIONS).trainable = config.train_encoder


def _network(config: Config) -> keras.Model:
    make = getattr(keras.applications, config.encoder)
    weights = None if config.encoder_weights == "none" else config.encoder_weights
    try:
        return make(include_top=False, weights=weights, input_shape=(None, None, 3))
    except Exception as error:  # That of a download has no class of its own.
        if weights is None:
            raise
        reason = str(error).splitlines()[0].rstrip(".")
        raise UserError(
            f"--encoder-weights {weights}: cannot be had for {config.encoder} ({reason}). Expected "
            "imagenet, which is fetched once, or a file of its weights without the top, or none."
        ) from None


def _preprocessed(name: str, images: keras.KerasTensor) -> keras.KerasTensor:
    """Images from 0 to 255 as a network takes them; those in no module do it themselves."""
    network = getattr(keras.applications, name)
    for module in vars(keras.applications).values():
        if isinstance(module, types.ModuleType) and getattr(module, name, None) is network:
            if hasattr(module, "preprocess_input"):
                return module.preprocess_input(images, data_format="channels_last")
    return images
