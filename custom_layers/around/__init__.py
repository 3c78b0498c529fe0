"""What goes around any recurrent layer: skip connections, initial states."""
