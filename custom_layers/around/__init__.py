"""Additions to any recurrent layer: skip connections and initial states."""
