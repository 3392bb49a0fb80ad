"""What one call may cost: size, depth, time, and how many at once."""
