"""What is asked of other servers: missing prefetch and keys, from where the configuration allows alone."""
