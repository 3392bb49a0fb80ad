"""Overrides: what is recorded, when it still applies, what was promised, and what corrects the record."""
