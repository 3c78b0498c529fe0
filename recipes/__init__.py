"""Recipes: from data to a trained, evaluated and exported model, one module a task."""
