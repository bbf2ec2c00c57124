"""Measurements of what the figures tell."""
