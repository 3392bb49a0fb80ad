"""Databases for the tests of the audit trail."""

from service.store.fixtures import place, postgres

__all__ = ["place", "postgres"]
