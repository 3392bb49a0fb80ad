"""What is asked of a client beforehand: derived from the facts that the loaded rules need."""
