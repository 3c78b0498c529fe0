"""From waveforms to frames of features."""
