"""Resource types by name: those that hold facts, those that do not, and those of other versions."""

from __future__ import annotations

from typing import Final

import msgspec

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir import shapes_reports as reports

READ: Final[dict[str, type[msgspec.Struct]]] = {
    "Patient": fhir.Patient,
    "MedicationRequest": fhir.MedicationRequest,
    "MedicationStatement": fhir.MedicationStatement,
    "MedicationAdministration": fhir.MedicationAdministration,
    "MedicationDispense": fhir.MedicationDispense,
    "Medication": fhir.Medication,
    "Substance": fhir.Substance,
    "Condition": fhir.Condition,
    "AllergyIntolerance": fhir.AllergyIntolerance,
    "Observation": fhir.Observation,
    "OperationOutcome": fhir.OperationOutcome,
    "List": fhir.List,
    "Encounter": fhir.Encounter,
    "Procedure": fhir.Procedure,
    "DiagnosticReport": reports.DiagnosticReport,
    "Specimen": reports.Specimen,
    "Composition": reports.Composition,
}

# The shapes of READ as one type, told apart by resourceType.
Readable = (
    fhir.Patient
    | fhir.Ordered
    | fhir.Medication
    | fhir.Substance
    | fhir.Condition
    | fhir.AllergyIntolerance
    | fhir.Observation
    | fhir.OperationOutcome
    | fhir.List
    | fhir.Encounter
    | fhir.Procedure
    | reports.DiagnosticReport
    | reports.Specimen
    | reports.Composition
)

# Resource types of R4 that hold no facts, decoded to nothing. Any other name takes the slower way.
SKIPPED: Final = (
    "Account ActivityDefinition AdverseEvent Appointment AppointmentResponse AuditEvent Basic Binary "
    "BiologicallyDerivedProduct BodyStructure CapabilityStatement CarePlan CareTeam CatalogEntry "
    "ChargeItem ChargeItemDefinition Claim ClaimResponse ClinicalImpression CodeSystem Communication "
    "CommunicationRequest CompartmentDefinition ConceptMap Consent Contract Coverage "
    "CoverageEligibilityRequest CoverageEligibilityResponse DetectedIssue Device DeviceDefinition "
    "DeviceMetric DeviceRequest DeviceUseStatement DocumentManifest DocumentReference "
    "EffectEvidenceSynthesis Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare "
    "EventDefinition Evidence EvidenceVariable ExampleScenario ExplanationOfBenefit FamilyMemberHistory "
    "Flag Goal GraphDefinition Group GuidanceResponse HealthcareService ImagingStudy Immunization "
    "ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide InsurancePlan Invoice Library "
    "Linkage Location Measure MeasureReport Media MedicationKnowledge MedicinalProduct "
    "MedicinalProductAuthorization MedicinalProductContraindication MedicinalProductIndication "
    "MedicinalProductIngredient MedicinalProductInteraction MedicinalProductManufactured "
    "MedicinalProductPackaged MedicinalProductPharmaceutical MedicinalProductUndesirableEffect "
    "MessageDefinition MessageHeader MolecularSequence NamingSystem NutritionOrder ObservationDefinition "
    "OperationDefinition Organization OrganizationAffiliation Parameters PaymentNotice "
    "PaymentReconciliation Person PlanDefinition Practitioner PractitionerRole Provenance "
    "Questionnaire QuestionnaireResponse RelatedPerson RequestGroup ResearchDefinition "
    "ResearchElementDefinition ResearchStudy ResearchSubject RiskAssessment RiskEvidenceSynthesis "
    "Schedule SearchParameter ServiceRequest Slot SpecimenDefinition StructureDefinition "
    "StructureMap Subscription SubstanceNucleicAcid SubstancePolymer SubstanceProtein "
    "SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification SupplyDelivery "
    "SupplyRequest Task TerminologyCapabilities TestReport TestScript ValueSet VerificationResult "
    "VisionPrescription"
).split()

# Names that only other versions of FHIR have, and that hold what facts are made of.
OTHER_VERSIONS: Final = {
    "MedicationOrder": "DSTU2",
    "MedicationPrescription": "DSTU1",
    "MedicationUsage": "a draft of R5",
    "DiagnosticOrder": "DSTU2",
    "ProcedureRequest": "STU3 or older",
    "ReferralRequest": "STU3 or older",
    "DeviceUsage": "R5",
}
