"""Recurrent layers that Keras does not ship (index written when layers land)."""
