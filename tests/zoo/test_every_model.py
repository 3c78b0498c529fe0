"""What holds for every model of the catalogue, however a Keras user runs it.

All sizes that a caller chooses are 3: axes that are mixed up, or a column that is taken for a bias,
show at a batch of one, where another size would raise or hide them.
"""

from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from compiled import apply, forget, jitted
from keras import ops
from layer_case import disturb_weights
from layer_use import Head

import zoo
from custom_layers import CRFLoss, CRFTagAccuracy, CTCLoss

pytestmark = pytest.mark.backend

SIZE, LEVELS = 3, (0.1, 0.5, 0.9)
SMALL: dict[Any, dict[str, Any]] = {
    zoo.acoustic_model: {"num_labels": 2, "sampling_rate": 1000, "num_mels": 3, "deltas": 1},
    zoo.captioner: {"vocabulary_size": 7, "channels": 3, "filters": (3,), "embedding_dim": 3},
    zoo.echo_state_network: {"features": 3, "targets": 3, "seed": 1},
    zoo.forecaster: {"horizon": 3, "season": 3, "quantiles": LEVELS},
    zoo.language_model: {"vocabulary_size": 7, "embedding_dim": 3},
    zoo.mlp_tagger: {"vocabulary_size": 7, "word_dim": 3, "num_tags": 3, "character_filters": 3},
    zoo.pixel_rnn: {"height": 3, "width": 3, "units": 3, "head_units": 3},
    zoo.sequence_model: {"features": 3, "outputs": 3},
    zoo.series_classifier: {"features": 3, "num_classes": 3},
    zoo.tagger: {"vocabulary_size": 7, "word_dim": 3, "num_tags": 3, "character_filters": 3},
    zoo.text_classifier: {"vocabulary_size": 7, "word_dim": 3, "num_classes": 3},
    zoo.encoder_decoder: {
        "source_vocabulary_size": 7,
        "target_vocabulary_size": 7,
        "embedding_dim": 3,
    },
}
SIZES = {"units", "depth", "word_dim", "embedding_dim", "vocabulary_size", "horizon", "quantiles"}
SIZES |= {"channels", "filters", "pools", "num_mels", "height", "width", "head_units", "levels"}


def models() -> list[str]:
    """Of the models that differ only in size, the first."""
    different = {}
    for info in map(zoo.model_info, zoo.list_models()):
        rest = {key: value for key, value in info.options.items() if key not in SIZES}
        different.setdefault((info.builder, repr(rest)), info.name)
    return sorted(different.values())


names = pytest.mark.parametrize("name", models())


def build(name: str) -> keras.Model:
    """A small model of that name, with random distinct weights."""
    keras.utils.set_random_seed(0)
    info = zoo.model_info(name)
    small = dict(SMALL[info.builder])
    if name == "pixel_rnn_row_rgb":
        small["levels"] = 5
    if info.builder is zoo.acoustic_model and "num_coefficients" not in info.options:
        small["num_coefficients"] = 3
    if info.options.get("row_units"):
        small |= {"row_units": SIZE, "pools": ((2, 2),)}
    depth = {"depth": min(2, info.options["depth"])} if "depth" in info.options else {}
    model = zoo.create_model(name, **{"units": SIZE, **small, **depth})
    disturb_weights(model)
    return model


def inputs_of(model: keras.Model, batch: int, time: int = SIZE, seed: int = 0) -> Any:
    """Random inputs, in the structure that the model has."""
    rng = np.random.default_rng(seed)

    def draw(spec: Any) -> np.ndarray:
        shape = [batch, *(time if size is None else size for size in spec.shape[1:])]
        if spec.name == "waveforms":
            return rng.uniform(-1, 1, (batch, 100 * time)).astype("float32")
        if spec.name == "lengths":
            longest = 100 * time if "waveforms" in model.input else time
            return rng.integers(1, longest + 1, batch).astype("int32")
        if "int" in spec.dtype:
            return rng.integers(1, 2 if spec.name == "images" else 7, shape).astype(spec.dtype)
        return rng.normal(size=shape).astype(spec.dtype)

    return keras.tree.map_structure(draw, model.input)


def rows(inputs: Any, first: int, last: int) -> Any:
    return keras.tree.map_structure(lambda x: x[first:last], inputs)


def outputs_of(result: Any) -> list[np.ndarray]:
    return [np.asarray(ops.convert_to_numpy(y)) for y in keras.tree.flatten(result)]


def require_equal(found: Any, expected: Any, tolerance: float = 1e-4) -> None:
    for a, b in zip(outputs_of(found), outputs_of(expected), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@names
def test_a_row_alone_is_that_row_of_a_batch(name: str) -> None:
    model = build(name)
    many = inputs_of(model, 4)
    alone, expected = rows(many, 1, 2), [y[1:2] for y in outputs_of(apply(model, many))]
    require_equal(apply(model, alone), expected)
    require_equal(model.predict(alone, verbose=0), expected)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        require_equal(model(alone), expected)
        for batch in (1, None):
            specs = keras.tree.map_structure(
                lambda x, batch=batch: tf.TensorSpec([batch, *x.shape[1:]], x.dtype), alone
            )
            require_equal(tf.function(model).get_concrete_function(specs)(alone), expected)
    else:
        require_equal(jitted(model)(alone), expected)


@names
def test_one_at_a_time_of_other_lengths(name: str) -> None:
    model = build(name)
    lengths = (SIZE,) if zoo.model_info(name).builder is zoo.pixel_rnn else (9, 7, 5)
    for time in lengths:
        many = inputs_of(model, 4, time)
        expected = [y[2:3] for y in outputs_of(model.predict(many, verbose=0))]
        require_equal(model.predict(rows(many, 2, 3), verbose=0), expected)


@names
def test_copies(name: str) -> None:
    model = build(name)
    inputs = inputs_of(model, 2)
    expected = apply(model, inputs)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for other in (clone, pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        require_equal(apply(other, inputs), expected)


@names
def test_checkpoints_in_fit(name: str, tmp_path: Path) -> None:
    model = build(name)
    inputs = inputs_of(model, 4)
    potentials = name.startswith("tagger")  # of which a mean means nothing
    outputs = zoo.tag_decoder(model)(model.input)["confidence"] if potentials else model.output
    trained = keras.Model(model.input, Head()(outputs))
    jit = keras.backend.backend() == "jax"
    trained.compile(keras.optimizers.Adam(1e-2), "mse", jit_compile=jit)
    path = tmp_path / "best.keras"
    callback = keras.callbacks.ModelCheckpoint(path, monitor="loss", save_best_only=True)
    history = trained.fit(
        inputs, np.zeros((4, 1)), batch_size=2, epochs=1, verbose=0, callbacks=[callback]
    ).history
    assert np.isfinite(history["loss"]).all()
    require_equal(apply(keras.saving.load_model(path), inputs), apply(trained, inputs))


@names
def test_mixed_precision(name: str) -> None:
    exact = build(name)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build(name)
    finally:
        keras.config.set_dtype_policy(before)
    model.set_weights(exact.get_weights())
    inputs = inputs_of(model, 2)
    require_equal(apply(model, inputs), apply(exact, inputs), 3e-2)


@pytest.mark.filterwarnings("ignore:The use of `x.T`:UserWarning")  # of Keras on PyTorch
@names
def test_int8(name: str) -> None:
    """Keras quantizes the dense layers and embeddings; the recurrent layers stay as they are."""
    model = build(name)
    inputs = inputs_of(model, 2)
    before = outputs_of(apply(model, inputs))
    with warnings.catch_warnings():  # Keras names the layers that have no int8 version
        warnings.simplefilter("ignore")
        model.quantize("int8")
    forget()
    require_equal(apply(model, inputs), before, 0.1)


@names
def test_h5_files_are_refused_and_weights_alone_are_not(name: str, tmp_path: Path) -> None:
    model = build(name)
    with pytest.raises(ValueError, match="`filepath` must end in '.keras', found .*model.h5"):
        model.save(tmp_path / "model.h5")
    assert not [*tmp_path.iterdir()]
    model.save_weights(tmp_path / "model.weights.h5")
    other = build(name)
    other.set_weights([0 * weight for weight in other.get_weights()])
    other.load_weights(tmp_path / "model.weights.h5")
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "metric",
    ["accuracy", "acc", keras.metrics.SparseCategoricalAccuracy(), keras.metrics.binary_accuracy],
)
def test_accuracies_of_keras_are_refused_for_losses_of_sequences(metric: Any) -> None:
    tagger, acoustic = build("tagger_small"), build("acoustic_model_small")
    with pytest.raises(ValueError, match="`metrics` must not be an accuracy of Keras .*CRFTagAcc"):
        tagger.compile("adam", CRFLoss(), metrics=[metric])
    with pytest.raises(ValueError, match="`metrics` must not be an accuracy of Keras"):
        acoustic.compile("adam", CTCLoss(), weighted_metrics=[metric])
    tagger.compile("adam", CRFLoss(), metrics=[CRFTagAccuracy()])
    build("mlp_tagger_small").compile(
        "adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=[metric]
    )


def test_class_weight_is_for_models_with_one_answer() -> None:
    tagger, classifier = build("mlp_tagger_small"), build("text_classifier_small")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    tagger.compile("adam", loss)
    with pytest.raises(ValueError, match="`class_weight` must be None .* Use `sample_weight`"):
        tagger.fit(inputs_of(tagger, 2), np.zeros((2, SIZE)), class_weight={0: 1.0}, verbose=0)
    classifier.compile("adam", loss)
    weights = {0: 1.0, 1: 2.0, 2: 3.0}
    classifier.fit(inputs_of(classifier, 2), np.array([0, 2]), class_weight=weights, verbose=0)


def test_a_loaded_model_is_compiled_and_goes_on(tmp_path: Path) -> None:
    model = build("text_classifier_small")
    model.compile(
        keras.optimizers.Adam(1e-2),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    inputs, targets = inputs_of(model, 4), np.array([0, 1, 2, 0])
    model.fit(inputs, targets, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    for each in (model, loaded):  # with the moments that the optimizer had
        each.fit(inputs, targets, verbose=0)
    for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
