"""Inside a recurrent network: backpropagation through time, and how gradients flow."""
