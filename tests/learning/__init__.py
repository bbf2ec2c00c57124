"""Tests of the learning system."""
