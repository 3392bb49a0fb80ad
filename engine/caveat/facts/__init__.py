"""Patient facts: frozen records in which unknown is a value of its own."""
