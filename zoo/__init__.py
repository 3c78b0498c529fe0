"""Recurrent models for Keras 3: functions that return a built `keras.Model`, and their catalogue.

    model = zoo.create_model("tagger_base", vocabulary_size=20_000, num_tags=9)

`list_models()` names the catalogue, `model_info(name)` describes an entry, and the functions
themselves are here too. `recurrent_stack` is what they are made of.
"""

from zoo._registry import ModelInfo, create_model, list_models, model_info, register_model
from zoo._tokens import TokenOptions
from zoo.acoustic_model import acoustic_model, acoustic_steps, frame_decoder
from zoo.attention_decoder import AttentionDecoder, attention_decoder
from zoo.cells import CELLS, recurrent_layer, register_cell
from zoo.class_readout import fit_class_readout
from zoo.ctc import ctc_beam_search, ctc_greedy_search
from zoo.decoding import beam_search, greedy_search
from zoo.echo_state import echo_state_network, fit_readout, fit_readouts
from zoo.encoder_decoder import encoder_decoder
from zoo.forecaster import fit_scaling, forecaster
from zoo.forecaster_readout import fit_forecast_readout
from zoo.free_running import continuation_model, free_run, readout_inputs, run_on
from zoo.gradient_flow import GradientFlow, gradient_flow
from zoo.language_model import TruncatedBPTT, language_model, state_names
from zoo.many_to_many import tag_decoder, tagger
from zoo.many_to_one import class_decoder, series_classifier, text_classifier
from zoo.one_to_one import mlp_tagger
from zoo.pixel_rnn import PixelLoss, image_nats, pixel_nats, pixel_rnn
from zoo.pixel_sampling import (
    complete_images,
    number_of_levels,
    pixel_sampler,
    sample_images,
)
from zoo.recurrent import StackOptions, carried_sizes, carried_stack, recurrent_stack
from zoo.sampling import filter_logits, sample_tokens
from zoo.scheduled_sampling import ScheduledSampling, own_share, with_own_tokens
from zoo.sequence_model import sequence_model
from zoo.sequence_search import SequenceSearch, sequence_search

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
