"""What is kept: the audit trail, what was shown, feedback and overrides, in SQLite or PostgreSQL."""
