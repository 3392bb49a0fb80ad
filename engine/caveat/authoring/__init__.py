"""What people who write and review rules work with: cases, checks, coverage, mutations, explanations."""
