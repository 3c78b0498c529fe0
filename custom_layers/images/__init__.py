"""Images, pixel by pixel: masked convolutions, row and diagonal LSTMs."""
