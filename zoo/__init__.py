"""Recurrent models for Keras 3: functions that return a built `keras.Model`, and their catalogue.

    model = zoo.create_model("tagger_base", vocabulary_size=20_000, num_tags=9)

`list_models()` names the catalogue, `model_info(name)` describes an entry, and the functions
themselves are here too. `recurrent_stack` is what they are made of.
"""

from zoo._registry import ModelInfo, create_model, list_models, model_info, register_model
from zoo._tokens import TokenOptions
from zoo.attention_decoder import AttentionDecoder, attention_decoder
from zoo.cells import CELLS, recurrent_layer, register_cell
from zoo.decoding import beam_search, greedy_search
from zoo.echo_state import echo_state_network, fit_readout, free_run
from zoo.encoder_decoder import encoder_decoder
from zoo.language_model import TruncatedBPTT, language_model, state_names
from zoo.many_to_many import tag_decoder, tagger
from zoo.many_to_one import class_decoder, text_classifier
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
from zoo.sequence_search import SequenceSearch, sequence_search

__all__ = [
    "AttentionDecoder",
    "CELLS",
    "ModelInfo",
    "PixelLoss",
    "ScheduledSampling",
    "SequenceSearch",
    "StackOptions",
    "TokenOptions",
    "TruncatedBPTT",
    "attention_decoder",
    "beam_search",
    "carried_sizes",
    "carried_stack",
    "class_decoder",
    "complete_images",
    "create_model",
    "echo_state_network",
    "encoder_decoder",
    "filter_logits",
    "fit_readout",
    "free_run",
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
    "recurrent_layer",
    "recurrent_stack",
    "register_cell",
    "register_model",
    "sample_images",
    "sample_tokens",
    "sequence_search",
    "state_names",
    "tag_decoder",
    "tagger",
    "text_classifier",
    "with_own_tokens",
]
