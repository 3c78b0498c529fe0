"""Images, pixel after pixel: masked convolutions, row and diagonal LSTMs."""
