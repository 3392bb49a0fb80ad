"""Reports as people and programs read them: text, JSON, and colours as an extra."""
