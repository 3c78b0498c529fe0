"""Recurrent layers, each with its cell, and their common base."""
