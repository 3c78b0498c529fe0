"""Recurrent models for Keras 3: functions that return a built `keras.Model`, and their catalogue.

    model = zoo.create_model("tagger_base", vocabulary_size=20_000, num_tags=9)

`list_models()` lists the catalogue, `model_info(name)` describes an entry, and the model functions
are here, too. They are built on `recurrent_stack`.
"""

from zoo._registry import ModelInfo, create_model, list_models, model_info, register_model
from zoo._tokens import TokenOptions
from zoo.cells import CELLS, recurrent_layer, register_cell
from zoo.closed_form.classes import fit_class_readout
from zoo.closed_form.echo_state import fit_readout, fit_readouts
from zoo.closed_form.forecasts import fit_forecast_readout
from zoo.decoding.beam import beam_search
from zoo.decoding.ctc import ctc_beam_search, ctc_greedy_search
from zoo.decoding.free_running import continuation_model, free_run, readout_inputs, run_on
from zoo.decoding.greedy import greedy_search
from zoo.decoding.pixels import (
    complete_images,
    number_of_levels,
    pixel_sampler,
    sample_images,
)
from zoo.decoding.sampling import filter_logits, sample_tokens
from zoo.decoding.sequence_search import SequenceSearch, sequence_search
from zoo.encoder_decoder.decoder import AttentionDecoder, attention_decoder
from zoo.encoder_decoder.model import encoder_decoder
from zoo.encoder_decoder.scheduled_sampling import ScheduledSampling, own_share, with_own_tokens
from zoo.many_to_many.acoustic_model import acoustic_model, acoustic_steps, frame_decoder
from zoo.many_to_many.echo_state import echo_state_network
from zoo.many_to_many.forecaster import fit_scaling, forecaster
from zoo.many_to_many.language_model import TruncatedBPTT, language_model
from zoo.many_to_many.tagger import tag_decoder, tagger
from zoo.many_to_one.classes import class_decoder
from zoo.many_to_one.sequence_model import sequence_model
from zoo.many_to_one.series_classifier import series_classifier
from zoo.many_to_one.text_classifier import text_classifier
from zoo.one_to_many.captioner import captioner
from zoo.one_to_many.pixel_rnn import PixelLoss, image_nats, pixel_nats, pixel_rnn
from zoo.one_to_one.mlp_tagger import mlp_tagger
from zoo.recurrent import (
    StackOptions,
    carried_sizes,
    carried_stack,
    recurrent_stack,
    state_names,
)
from zoo.study.gradient_flow import GradientFlow, gradient_flow

__all__ = [
    "AttentionDecoder",
    "CELLS",
    "GradientFlow",
    "ModelInfo",
    "PixelLoss",
    "ScheduledSampling",
    "SequenceSearch",
    "StackOptions",
    "TokenOptions",
    "TruncatedBPTT",
    "acoustic_model",
    "acoustic_steps",
    "attention_decoder",
    "beam_search",
    "captioner",
    "carried_sizes",
    "carried_stack",
    "class_decoder",
    "complete_images",
    "continuation_model",
    "create_model",
    "ctc_beam_search",
    "ctc_greedy_search",
    "echo_state_network",
    "encoder_decoder",
    "filter_logits",
    "fit_forecast_readout",
    "fit_class_readout",
    "fit_readout",
    "frame_decoder",
    "fit_scaling",
    "forecaster",
    "fit_readouts",
    "free_run",
    "gradient_flow",
    "greedy_search",
    "image_nats",
    "language_model",
    "list_models",
    "mlp_tagger",
    "model_info",
    "number_of_levels",
    "own_share",
    "pixel_nats",
    "pixel_rnn",
    "pixel_sampler",
    "readout_inputs",
    "recurrent_layer",
    "recurrent_stack",
    "register_cell",
    "register_model",
    "run_on",
    "sample_images",
    "sample_tokens",
    "sequence_model",
    "sequence_search",
    "series_classifier",
    "state_names",
    "tag_decoder",
    "tagger",
    "text_classifier",
    "with_own_tokens",
]
