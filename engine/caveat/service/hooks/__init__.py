"""CDS Hooks: discovery, calls under one service id, feedback."""
