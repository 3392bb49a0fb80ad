"""Patient records as Arrow columns: the published schema, and the way there and back."""
