"""OMOP CDM 5.4 databases: tables in, rows of the published schema out.

`place` says what a path is, `layout` which columns are read, `source` opens them in DuckDB,
`stage` writes what a run needs into one sorted file, `part` reads patients from that file.
"""
