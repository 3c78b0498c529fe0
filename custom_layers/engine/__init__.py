"""Shared by all layers: loops over time with written-out gradients, masks, argument checks."""
