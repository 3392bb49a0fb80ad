"""Records in: FHIR R4, native records and tables become patients, and what cannot is a Reject."""

from caveat.adapters.fhir.bundle import read_bundle
from caveat.adapters.native import read_native, to_native
from caveat.adapters.read import read_records
from caveat.adapters.reject import Reject

__all__ = ["Reject", "read_bundle", "read_native", "read_records", "to_native"]
