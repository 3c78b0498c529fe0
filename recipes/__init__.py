"""Recipes: from data to a trained, evaluated and exported model, one package per task."""
