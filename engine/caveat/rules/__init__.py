"""Rules as text: strict YAML in, positions kept, every problem reported at once."""
