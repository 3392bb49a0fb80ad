"""Findings as FHIR R4 resources: DetectedIssue, GuidanceResponse, OperationOutcome and a Bundle of them."""
