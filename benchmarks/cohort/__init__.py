"""Cohorts measured: a seeded generator, the rules, the peers and the measurements.

`python -m benchmarks.cohort` measures and writes benchmarks/COHORTS.md;
`python -m benchmarks.cohort.generate OUT.parquet` writes a generated cohort.
"""
