"""Cohorts: sources of many records that are read in parts, as columns."""
