"""Acoustic models: from a waveform to a label for each of its frames."""

from __future__ import annotations

from typing import Literal, Unpack, get_args

import keras
from keras import ops

from custom_layers import Cepstra, Deltas, LogMel, SequenceNormalization, SpecAugment, StackFrames
from custom_layers.chains.ctc import blank_where_masked
from custom_layers.engine.checks import require_integer, require_one_of
from custom_layers.engine.masking import first_steps
from zoo._model import ZooModel
from zoo._registry import register_model
from zoo.recurrent import StackOptions, recurrent_stack

Features = Literal["log_mel", "mfcc"]
Normalization = Literal["clip", "corpus", "none"]

_GRAVES, _SAK = "Graves et al. 2013", "Sak et al. 2015"


@register_model(
    "acoustic_model_small",
    shape="many-to-many",
    parameters=84_509,
    paper=_GRAVES,
    features="mfcc",
    cell="gru",
    units=96,
)
@register_model(
    "acoustic_model_base",
    shape="many-to-many",
    parameters=4_018_717,
    paper=_GRAVES,
    num_mels=80,
    time_reduction=2,
    units=256,
    depth=3,
)
@register_model(
    "acoustic_model_streaming",
    shape="many-to-many",
    parameters=1_567_165,
    paper=_SAK,
    num_mels=80,
    time_reduction=3,
    normalization="corpus",
    bidirectional=False,
    units=256,
    depth=3,
)
def acoustic_model(
    *,
    num_labels: int = 28,
    sampling_rate: int = 16000,
    features: Features = "log_mel",
    num_mels: int = 40,
    num_coefficients: int = 13,
    deltas: int | None = None,
    frame_length: float = 0.025,
    frame_step: float = 0.01,
    normalization: Normalization = "clip",
    time_reduction: int = 1,
    spec_augment: bool = False,
    name: str = "acoustic_model",
    **stack: Unpack[StackOptions],
) -> keras.Model:
    """Recurrent acoustic model: waveform, features, a recurrent stack, and a class for each frame.

    Train it with `custom_layers.CTCLoss()`, and decode its logits with `ctc_beam_search` or
    `ctc_greedy_search`. A model that is neither bidirectional nor normalises over the clip looks
    ahead only to the end of its frame, of its stack of frames, and two frames for each order of
    deltas.

    Args:
        num_labels: Number of labels (letters), without the blank.
        sampling_rate: Samples per second.
        features: `"log_mel"`, energies in `num_mels` bands; or `"mfcc"`, `num_coefficients` cepstra
            of them.
        num_mels: Number of bands.
        num_coefficients: Number of cepstra.
        deltas: Number of orders of slopes over time to append to the features. `None` for two with
            cepstra, as usual, and none with energies.
        frame_length: Length of a frame in seconds.
        frame_step: Distance between frames in seconds.
        normalization: Scope of the normalisation of each feature to mean 0 and variance 1:
            `"clip"`; `"corpus"`, over the training batches, which does not look ahead
            (`keras.layers.BatchNormalization`); or `"none"`.
        time_reduction: Number of frames that form one step of the recurrent stack.
        spec_augment: Whether to mask out bands and spans of the features in training
            (`SpecAugment`).
        name: Name of the model.
        **stack: Options of `zoo.recurrent_stack`. `bidirectional` defaults to true.

    Returns:
        A model with the inputs `waveforms` (batch, samples) float32 from -1 to 1, and `lengths`
        (batch,) int32, the number of valid samples of each; and the output logits (batch, steps,
        num_labels + 1) float32, blank first. Steps beyond the end of a clip (see `acoustic_steps`)
        are certainly blank.

    Raises:
        ValueError: If an option is invalid.

    Example:
        >>> import zoo
        >>> zoo.create_model("acoustic_model_small", num_labels=10, sampling_rate=8000).output_shape
        (None, None, 11)
    """
    require_one_of("features", features, get_args(Features))
    require_one_of("normalization", normalization, get_args(Normalization))
    require_integer("num_labels", num_labels)
    require_integer("time_reduction", time_reduction)
    inputs = {
        "waveforms": keras.Input((None,), dtype="float32", name="waveforms"),
        "lengths": keras.Input((), dtype="int32", name="lengths"),
    }
    log_mel = LogMel(
        sampling_rate,
        num_mels,
        frame_length=frame_length,
        frame_step=frame_step,
        name="log_mel",
    )
    real = first_steps(inputs["waveforms"], inputs["lengths"])
    x = log_mel(ops.where(real, inputs["waveforms"], 0.0))
    mask = first_steps(x[:, :, 0], log_mel.frames(inputs["lengths"]))
    if features == "mfcc":
        x = Cepstra(num_coefficients, name="cepstra")(x)
    order = {"mfcc": 2, "log_mel": 0}[features] if deltas is None else deltas
    if order:
        x = Deltas(order, name="deltas")(x, mask=mask)
    if normalization == "clip":
        x = SequenceNormalization(name="normalization")(x, mask=mask)
    elif normalization == "corpus":
        x = keras.layers.BatchNormalization(
            momentum=0.95, center=False, scale=False, name="normalization"
        )(x, mask=mask)
    if spec_augment:
        x = SpecAugment(feature_width=max(1, x.shape[-1] // 5), name="spec_augment")(x, mask=mask)
    if time_reduction > 1:
        x = StackFrames(time_reduction, name="stacked_frames")(x, mask=mask)
        mask = mask[:, ::time_reduction]
    x = recurrent_stack(x, mask=mask, **StackOptions(**{"bidirectional": True, **stack}))
    logits = keras.layers.Dense(num_labels + 1, dtype="float32", name="logits")(x)
    return ZooModel(inputs, blank_where_masked(logits, mask), name=name)


def acoustic_steps(
    samples: int, *, sampling_rate: int, frame_step: float = 0.01, time_reduction: int = 1
) -> int:
    """The number of valid steps of an acoustic model for a clip of `samples` samples.

    Raises:
        ValueError: If `time_reduction` is below 1.

    Example:
        >>> import zoo
        >>> zoo.acoustic_steps(8000, sampling_rate=8000, time_reduction=3)
        34
    """
    require_integer("time_reduction", time_reduction)
    return -(-(samples // round(frame_step * sampling_rate)) // time_reduction)


def frame_decoder(model: keras.Model) -> keras.Model:
    """Turn an acoustic model into one that returns log-probabilities, sharing its weights.

    Args:
        model: Model of `acoustic_model`.

    Returns:
        A model with the same inputs and the output `log_probabilities` (batch, steps, labels + 1)
        float32, blank first.
    """
    outputs = {"log_probabilities": ops.log_softmax(model.output, axis=-1)}
    return ZooModel(model.input, outputs, name=f"{model.name}_decoder")
