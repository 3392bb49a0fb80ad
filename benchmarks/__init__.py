"""Measures: caveat on its own rules, and beside peers on the same rules and patients."""
