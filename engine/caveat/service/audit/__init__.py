"""What is done with the audit trail after it was written: verified, read, exported, replayed, pruned."""
