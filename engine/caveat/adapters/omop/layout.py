"""Which tables and columns of the OMOP CDM are read, and of what type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["id", "int", "number", "date", "time", "text"]


@dataclass(frozen=True, slots=True)
class Layout:
    """One table: its key, its columns with their types, and those without which it says nothing."""

    name: str
    key: str
    columns: dict[str, Kind]
    needed: tuple[str, ...]

    @property
    def has_persons(self) -> bool:
        """Whether each row belongs to a person."""
        return "person_id" in self.columns


def _layout(name: str, key: str, needed: str, **columns: Kind) -> Layout:
    return Layout(name, key, columns, tuple(needed.split()))


CLINICAL: Final[dict[str, Layout]] = {
    one.name: one
    for one in (
        _layout(
            "person",
            "person_id",
            "person_id",
            person_id="id",
            gender_concept_id="int",
            year_of_birth="int",
            month_of_birth="int",
            day_of_birth="int",
            birth_datetime="time",
            gender_source_value="text",
        ),
        _layout(
            "drug_exposure",
            "drug_exposure_id",
            "person_id drug_concept_id",
            drug_exposure_id="id",
            person_id="id",
            drug_concept_id="int",
            drug_exposure_start_date="date",
            drug_exposure_start_datetime="time",
            drug_exposure_end_date="date",
            drug_exposure_end_datetime="time",
            verbatim_end_date="date",
            drug_type_concept_id="int",
            stop_reason="text",
            days_supply="int",
            refills="int",
            route_concept_id="int",
            drug_source_value="text",
            drug_source_concept_id="int",
            route_source_value="text",
        ),
        _layout(
            "drug_era",
            "drug_era_id",
            "person_id drug_concept_id",
            drug_era_id="id",
            person_id="id",
            drug_concept_id="int",
            drug_era_start_date="date",
            drug_era_end_date="date",
        ),
        _layout(
            "condition_occurrence",
            "condition_occurrence_id",
            "person_id condition_concept_id",
            condition_occurrence_id="id",
            person_id="id",
            condition_concept_id="int",
            condition_start_date="date",
            condition_start_datetime="time",
            condition_end_date="date",
            condition_end_datetime="time",
            condition_status_concept_id="int",
            visit_occurrence_id="int",
            condition_source_value="text",
            condition_source_concept_id="int",
            condition_status_source_value="text",
        ),
        _layout(
            "procedure_occurrence",
            "procedure_occurrence_id",
            "person_id procedure_concept_id",
            procedure_occurrence_id="id",
            person_id="id",
            procedure_concept_id="int",
            procedure_date="date",
            procedure_source_value="text",
            procedure_source_concept_id="int",
        ),
        _layout(
            "measurement",
            "measurement_id",
            "person_id measurement_concept_id",
            measurement_id="id",
            person_id="id",
            measurement_concept_id="int",
            measurement_date="date",
            measurement_datetime="time",
            operator_concept_id="int",
            value_as_number="number",
            value_as_concept_id="int",
            unit_concept_id="int",
            measurement_source_value="text",
            measurement_source_concept_id="int",
            unit_source_value="text",
            value_source_value="text",
        ),
        _layout(
            "observation",
            "observation_id",
            "person_id observation_concept_id",
            observation_id="id",
            person_id="id",
            observation_concept_id="int",
            observation_date="date",
            observation_datetime="time",
            value_as_number="number",
            value_as_string="text",
            value_as_concept_id="int",
            unit_concept_id="int",
            observation_source_value="text",
            observation_source_concept_id="int",
            unit_source_value="text",
            value_source_value="text",
        ),
        _layout("death", "person_id", "person_id", person_id="id", death_date="date", death_datetime="time"),
        _layout(
            "visit_occurrence",
            "visit_occurrence_id",
            "visit_occurrence_id",
            visit_occurrence_id="id",
            visit_end_date="date",
        ),
    )
}
"""Tables of patients' facts. A `visit_occurrence` only says which ends of conditions are ends of a stay."""

VOCABULARY: Final[dict[str, Layout]] = {
    one.name: one
    for one in (
        _layout(
            "concept",
            "concept_id",
            "concept_id vocabulary_id concept_code",
            concept_id="int",
            concept_name="text",
            vocabulary_id="text",
            concept_class_id="text",
            concept_code="text",
        ),
        _layout(
            "concept_ancestor",
            "descendant_concept_id",
            "ancestor_concept_id descendant_concept_id",
            ancestor_concept_id="int",
            descendant_concept_id="int",
        ),
        _layout(
            "drug_strength",
            "drug_concept_id",
            "drug_concept_id ingredient_concept_id",
            drug_concept_id="int",
            ingredient_concept_id="int",
            amount_value="number",
            amount_unit_concept_id="int",
            numerator_value="number",
            numerator_unit_concept_id="int",
            denominator_value="number",
            denominator_unit_concept_id="int",
            invalid_reason="text",
        ),
    )
}
"""Tables of the site's vocabulary; any of them may be missing."""

ABOUT: Final[dict[str, Layout]] = {
    "cdm_source": _layout(
        "cdm_source", "cdm_version", "cdm_version", cdm_version="text", vocabulary_version="text"
    )
}

TABLES: Final[dict[str, Layout]] = CLINICAL | VOCABULARY | ABOUT
FACTS: Final = (
    "drug_exposure",
    "drug_era",
    "condition_occurrence",
    "procedure_occurrence",
    "measurement",
    "observation",
)
"""Tables with rows of facts of one person each."""
