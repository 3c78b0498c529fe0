"""What every task shares; it knows no task."""
