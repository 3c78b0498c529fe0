"""Probabilities of whole label sequences: conditional random fields and CTC."""
