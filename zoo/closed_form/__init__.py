"""Readouts fitted in closed form, by ridge regression instead of gradient descent."""
