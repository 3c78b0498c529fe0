"""From a trained model to one that is served: SavedModel, ONNX and LiteRT."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from recipes.kit.errors import DataError, UserError
from recipes.kit.output import MODEL, SAVED_MODEL
from recipes.kit.recipe import Recipe
from recipes.kit.serving import Served

Endpoint = tuple[Callable[..., Any], Sequence[tf.TensorSpec]]


def for_serving(model: keras.Model) -> keras.Model:
    """A copy for inference anywhere: no dropout, float32, no cuDNN kernels; the same weights.

    Dropout layers keep a seed that would be written at every call of an exported graph, and cuDNN
    kernels fail on a machine without a GPU.
    """

    copy = _copy(model, _without_dropout(model.get_config()))
    for layer in copy.layers:
        for part in _with_those_inside(layer):
            if hasattr(part, "use_cudnn"):
                part.use_cudnn = False
    return copy


def _with_those_inside(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """A layer and the layers inside it: those of a model, the two of a Bidirectional."""
    yield layer
    wrapped = [
        getattr(layer, name, None)
        for name in ("layer", "forward_layer", "backward_layer", "decoder", "recurrence")
    ]
    for inside in (*getattr(layer, "layers", ()), *wrapped):
        if isinstance(inside, keras.layers.Layer):
            yield from _with_those_inside(inside)


def uncompiled(model: keras.Model) -> keras.Model:
    """A copy without the optimizer and loss it was trained with, which only training needs."""
    return _copy(model, model.get_config())


def _copy(model: keras.Model, config: dict[str, Any]) -> keras.Model:
    copy = model.__class__.from_config(config)
    copy.set_weights(model.get_weights())
    return copy


def _without_dropout(config: Any) -> Any:
    if isinstance(config, dict):
        plain = {k: _without_dropout(v) for k, v in config.items()}
        for name in ("dropout", "recurrent_dropout", "rate"):
            if isinstance(plain.get(name), float):
                plain[name] = 0.0
        if "dtype" in plain:
            plain["dtype"] = "float32" if _is_float_policy(plain["dtype"]) else plain["dtype"]
        return plain
    return [_without_dropout(v) for v in config] if isinstance(config, list) else config


def _is_float_policy(dtype: Any) -> bool:
    name = dtype["config"].get("name", "") if isinstance(dtype, dict) else str(dtype)
    return "float" in name


def save_saved_model(endpoints: dict[str, Endpoint], resources: Sequence[Any], path: Path) -> None:
    """Write a SavedModel.

    Args:
        endpoints: From signature name to a function and the specs of its named inputs. The function
            returns a dict of named outputs. The first is `serving_default` too.
        resources: Models and lookup layers the functions use.
        path: Folder to write.
    """
    archive = keras.export.ExportArchive()
    for resource in resources:
        archive.track(resource)
    for name, (function, specs) in endpoints.items():
        archive.add_endpoint(name, function, input_signature=list(specs))
    archive.write_out(str(path), verbose=False)


def export_folder(
    recipe: Recipe[Any, Any, Any],
    folder: Path,
    kind: str,
    to: Path | None,
    *,
    length: int,
    overwrite: bool,
) -> Path:
    """Write the model of a trained folder as `kind`: savedmodel, onnx or litert.

    Args:
        recipe: The recipe that made the folder.
        folder: The trained folder.
        kind: What to write.
        to: Where to; None is beside the model.
        length: Time steps of the LiteRT model.
        overwrite: Replace what is at `to`.

    Returns:
        What was written.

    Raises:
        UserError: If `to` is taken, or the packages are not installed.
    """
    default = {"savedmodel": SAVED_MODEL, "onnx": "model.onnx", "litert": "model.tflite"}[kind]
    path = folder / default if to is None else to
    if path.suffix != Path(default).suffix and kind != "savedmodel":
        raise UserError(f"--to {path}: expected a name that ends in {Path(default).suffix}.")
    path = path.resolve()
    own = (folder / SAVED_MODEL).resolve()
    if kind == "litert" and length < 1:
        raise UserError(f"--length must be at least 1, not {length}.")
    if path.exists() and path != own:
        ours = (path / "saved_model.pb").is_file() if kind == "savedmodel" else path.is_file()
        if not ours or path in own.parents:
            raise UserError(f"--to {path}: exists and is not such an export; give another path.")
        if not overwrite:
            raise UserError(f"--to {path}: exists; give another path, or --overwrite.")
    if kind == "savedmodel":
        if path != own:
            Served(folder)  # refuses a damaged one
            _replace(path, lambda new: shutil.copytree(own, new))
        return path
    _check_packages(kind)
    model = recipe.portable(load_keras(folder / MODEL), folder)
    fixed = kind == "litert"
    signature = {
        name: keras.InputSpec(
            shape=[
                1 if fixed else None,
                *(length if fixed and size is None else size for size in tensor.shape[1:]),
            ],
            dtype=tensor.dtype,
            name=name,
        )
        for name, tensor in model.input.items()
    }
    _replace(
        path,
        lambda new: model.export(str(new), format=kind, input_signature=[signature], verbose=False),
    )
    return path


def _replace(path: Path, write: Callable[[Path], Any]) -> None:
    """Write beside `path`, then move there: whole, or not at all."""
    new = path.with_name(f".new-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(new)
        if path.is_dir():
            shutil.rmtree(path)
        new.replace(path)
    except OSError as error:
        raise UserError(f"--to {path}: cannot be written: {error.strerror or error}.") from None
    finally:
        if new.is_dir():
            shutil.rmtree(new)
        elif new.exists():
            new.unlink()


def load_keras(path: Path) -> keras.Model:
    """The Keras model in a file.

    Raises:
        DataError: If it is missing or damaged.
    """
    try:
        return keras.models.load_model(path, compile=False)
    except Exception:  # So does Keras.
        raise DataError(path, "the Keras model is missing or damaged; train again") from None


def _check_packages(kind: str) -> None:
    for module in {"onnx": ("onnx", "tf2onnx"), "litert": ("ai_edge_litert",)}[kind]:
        if importlib.util.find_spec(module) is None:
            raise UserError(
                f"--format {kind} needs the package {module}: pip install 'rnn-zoo[export]'."
            )
