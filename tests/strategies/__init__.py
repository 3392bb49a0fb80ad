"""Generated rules and patients, for Hypothesis and, by seed, in bulk."""
