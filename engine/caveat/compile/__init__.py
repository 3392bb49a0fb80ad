"""Rule text to a resolved, type-checked, content-hashed program."""
