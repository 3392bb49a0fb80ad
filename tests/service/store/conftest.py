"""Databases for the tests of the store."""

from service.store.fixtures import place, postgres

__all__ = ["place", "postgres"]
