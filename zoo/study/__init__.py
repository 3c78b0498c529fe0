"""What happens inside a recurrent network: backpropagation through time, and its gradients."""
