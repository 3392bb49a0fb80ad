"""Findings as CDS Hooks cards."""
