"""Runs over cohorts: parts in several processes, results as Parquet, taken up again after anything."""
