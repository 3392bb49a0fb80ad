"""Evaluators: one meaning, several ways to compute it."""
