"""Derived numbers: the formulas of `facts.derive` applied to what the record holds."""

from __future__ import annotations

from collections.abc import Callable

from caveat.facts.chart import Chart
from caveat.facts.derive.adjusted_weight import adjusted_weight as adjusted_formula
from caveat.facts.derive.body_mass import body_mass_index
from caveat.facts.derive.body_surface import mosteller
from caveat.facts.derive.child_pugh import Ascites, child_pugh_score
from caveat.facts.derive.ckd_epi import ckd_epi_2021
from caveat.facts.derive.cockcroft_gault import cockcroft_gault
from caveat.facts.derive.ideal_weight import ideal_weight as ideal_formula
from caveat.facts.derive.qtc import qtc_bazett, qtc_fridericia
from caveat.facts.derive.schwartz import schwartz_bedside
from caveat.facts.measure import Measure
from caveat.facts.numbers import current_weight, from_inputs, in_unit, plain, years
from caveat.facts.observed import dates_of, latest, newest_of
from caveat.facts.problems_list import has_condition
from caveat.findings.basis import Basis, Missing
from caveat.intervals import Interval, exactly
from caveat.truth import FALSE, TRUE

CLASS_POINTS = {
    "A": Interval(exactly(5).low, exactly(6).low),
    "B": Interval(exactly(7).low, exactly(9).low),
    "C": Interval(exactly(10).low, exactly(15).low),
}
SEX_UNKNOWN = (Missing("sex", "not recorded"),)


def creatinine_clearance(chart: Chart, within: int | None, using: str) -> Measure:
    """Measured or stated clearance, else Cockcroft-Gault with the chosen weight; the newer of both.

    eGFR never answers for it. A measured value in an odd unit is UNKNOWN, not passed over.
    """
    measured = latest(chart, "creatinine_clearance", within)
    if newest_of(chart, "creatinine_clearance") and measured.interval is None and not _is_old(measured):
        return measured
    if measured.interval is not None and not _newer(chart, "serum_creatinine", "creatinine_clearance"):
        return measured
    estimated = _cockcroft_gault(chart, within, using)
    return measured if measured.interval is not None and estimated.interval is None else estimated


def _is_old(found: Measure) -> bool:
    return any("older than" in m.reason or "has no date" in m.reason for m in found.missing)


def _newer(chart: Chart, first: str, second: str) -> bool:
    """Whether the latest value of `first` is certainly of a later day than that of `second`."""
    days = []
    for concept in (first, second):
        dated = dates_of(chart, concept)
        if not dated:
            return False
        days.append(dated)
    return max(w.first for w in days[0]) > max(w.last for w in days[1])


def _cockcroft_gault(chart: Chart, within: int | None, using: str) -> Measure:
    inputs = {
        "serum_creatinine": plain(chart, "serum_creatinine", "mg/dL", within),
        "weight": _weight(chart, using),
        "age": years(chart),
    }
    sex = chart.patient.sex
    interval, why = None, "the inputs give no bound"
    lived = inputs["age"].interval
    if lived is not None and (lived.low is None or lived.low < 18):
        why = "Cockcroft-Gault is for adults; a measured clearance is needed"
    values = [m.interval for m in inputs.values()]
    if None not in values:
        creatinine, weight, lived = values
        assert creatinine is not None
        assert weight is not None
        assert lived is not None
        try:
            interval = cockcroft_gault(age=lived, weight=weight, creatinine=creatinine, sex=sex)
        except ValueError as error:
            why = str(error)
    if sex is None:
        inputs["sex"] = Measure(Interval(), (), SEX_UNKNOWN)
    else:
        inputs["sex"] = Measure(Interval(), (Basis("sex", sex),))
    found = from_inputs("creatinine_clearance", "mL/min", interval, inputs, why)
    if found.interval is not None:
        shown = _shown(interval, "mL/min")
        note = f"{shown} (Cockcroft-Gault, {using} weight)"
        found = Measure(
            found.interval,
            (Basis("creatinine_clearance", note, _date(inputs["serum_creatinine"])), *found.basis),
            found.missing,
        )
    return found


def _weight(chart: Chart, using: str) -> Measure:
    if using == "actual":
        return current_weight(chart)
    return in_unit((ideal_weight if using == "ideal" else adjusted_weight)(chart, None), "kg")


def _date(found: Measure) -> str | None:
    return next((b.at for b in found.basis if b.at), None)


def _shown(interval: Interval | None, unit: str) -> str:
    from caveat.units import format_quantity

    if interval is None:
        return "unknown"
    if interval.exact is not None:
        return format_quantity(interval.exact, unit)
    low = "" if interval.low is None else format_quantity(interval.low, unit)
    high = "" if interval.high is None else format_quantity(interval.high, unit)
    return f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}"


def egfr(chart: Chart, within: int | None) -> Measure:
    """Measured or stated eGFR, else from creatinine; the newer of both.

    An odd unit is UNKNOWN, as for clearance.
    """
    measured = latest(chart, "egfr", within)
    if newest_of(chart, "egfr") and measured.interval is None and not _is_old(measured):
        return measured
    if measured.interval is not None and not _newer(chart, "serum_creatinine", "egfr"):
        return measured
    estimated = _from_creatinine(chart, within)
    return measured if measured.interval is not None and estimated.interval is None else estimated


def _from_creatinine(chart: Chart, within: int | None) -> Measure:
    """CKD-EPI 2021 in adults and bedside Schwartz from 1 to under 18."""
    creatinine, lived = plain(chart, "serum_creatinine", "mg/dL", within), years(chart)
    inputs = {"serum_creatinine": creatinine, "age": lived}
    interval, why = None, "the inputs give no bound"
    sex = chart.patient.sex
    if creatinine.interval is not None and lived.interval is not None and lived.interval.low is not None:
        try:
            if lived.interval.low >= 18:
                interval = ckd_epi_2021(age=lived.interval, creatinine=creatinine.interval, sex=sex)
                if sex is None:
                    inputs["sex"] = Measure(Interval(), (), SEX_UNKNOWN)
            elif lived.interval.low >= 1 and lived.interval.high is not None and lived.interval.high < 18:
                inputs["height"] = plain(chart, "height", "cm", 180)
                height = inputs["height"].interval
                if height is not None:
                    interval = schwartz_bedside(height=height, creatinine=creatinine.interval)
            else:
                why = "no formula for this age"
        except ValueError as error:
            why = str(error)
    return from_inputs("egfr", "mL/min/{1.73_m2}", interval, inputs, why)


def ideal_weight(chart: Chart, within: int | None) -> Measure:
    """Devine, from height and sex."""
    height = plain(chart, "height", "cm")
    inputs = {"height": height}
    interval = None
    if height.interval is not None:
        interval = ideal_formula(height=height.interval, sex=chart.patient.sex)
        if chart.patient.sex is None:
            inputs["sex"] = Measure(Interval(), (), SEX_UNKNOWN)
    return from_inputs("ideal_weight", "kg", interval, inputs, "height is outside the formula's limits")


def adjusted_weight(chart: Chart, within: int | None) -> Measure:
    """Ideal weight plus 0.4 of the excess."""
    ideal, actual = in_unit(ideal_weight(chart, within), "kg"), current_weight(chart)
    interval = None
    if ideal.interval is not None and actual.interval is not None:
        interval = adjusted_formula(actual=actual.interval, ideal=ideal.interval)
    return from_inputs(
        "adjusted_weight", "kg", interval, {"ideal_weight": ideal, "weight": actual}, "no bound"
    )


def bmi(chart: Chart, within: int | None) -> Measure:
    """Measured body mass index, else from weight and height."""
    stated = latest(chart, "bmi", within)
    if stated.interval is not None:
        return stated
    return _by_size(chart, "bmi", "kg/m2", body_mass_index)


def bsa(chart: Chart, within: int | None) -> Measure:
    """Body surface, Mosteller."""
    return _by_size(chart, "bsa", "m2", mosteller)


def _by_size(chart: Chart, name: str, unit: str, formula: Callable[..., Interval | None]) -> Measure:
    height, weight = plain(chart, "height", "cm"), current_weight(chart)
    interval = None
    if height.interval is not None and weight.interval is not None:
        interval = formula(height=height.interval, weight=weight.interval)
    return from_inputs(name, unit, interval, {"height": height, "weight": weight}, "no bound")


def stated_child_pugh(chart: Chart) -> Measure | None:
    """Points of the class or score that the record itself states; None when it states neither."""
    given = chart.patient.child_pugh
    if given is not None:
        return Measure(CLASS_POINTS[given], (Basis("child_pugh_class", given),))
    if newest_of(chart, "child_pugh_score"):
        return latest(chart, "child_pugh_score")
    return None


def child_pugh_points(chart: Chart, within: int | None) -> Measure:
    """Points of the stated class, else from bilirubin, albumin, INR, ascites and encephalopathy.

    Ascites and encephalopathy come from the condition list: recorded is 2 or 3 points, not in a
    list that was given 1, no list 1 to 3. A part that is missing widens the interval.
    """
    stated = stated_child_pugh(chart)
    if stated is not None:
        return stated
    inputs = {
        "bilirubin_total": plain(chart, "bilirubin_total", "mg/dL", within),
        "albumin": plain(chart, "albumin", "g/dL", within),
        "inr": plain(chart, "inr", "1", within),
    }
    extra_low = extra_high = 0
    for name in ("ascites", "hepatic-encephalopathy"):
        found = has_condition(chart, (name,), "active", None, None)
        inputs[name] = Measure(Interval(), found.basis, found.missing)
        extra_low += {FALSE: 1, TRUE: 2}.get(found.truth, 1)
        extra_high += {FALSE: 1, TRUE: 3}.get(found.truth, 3)
        if found.truth == TRUE:
            grade = (Missing(name, "its grade is not recorded"),)
            inputs[name] = Measure(Interval(), found.basis, grade)
    none: Ascites = "none"
    labs = child_pugh_score(
        bilirubin=inputs["bilirubin_total"].interval,
        albumin=inputs["albumin"].interval,
        inr=inputs["inr"].interval,
        ascites=none,
        encephalopathy=0,
    )
    assert labs.low is not None
    assert labs.high is not None
    points = Interval(labs.low - 2 + extra_low, labs.high - 2 + extra_high)
    found_points = from_inputs("child_pugh_score", "1", points, inputs, "")
    lacking = {m.inputs for m in found_points.missing}
    if lacking and found_points.interval is not None:
        return found_points
    shown = _shown(points, "1")
    return Measure(points, (Basis("child_pugh_score", shown), *found_points.basis), found_points.missing)


def qtc(chart: Chart, within: int | None) -> Measure:
    """Reported QTc, else Fridericia from QT and heart rate."""
    reported = latest(chart, "qtc_interval", within)
    if reported.interval is not None:
        return reported
    return _corrected(chart, "qtc", qtc_fridericia, within)


def qtc_by_bazett(chart: Chart, within: int | None) -> Measure:
    """Bazett from QT and heart rate, whatever was reported."""
    return _corrected(chart, "qtc_bazett", qtc_bazett, within)


def _corrected(
    chart: Chart, name: str, formula: Callable[..., Interval | None], within: int | None
) -> Measure:
    """QT corrected for rate; UNKNOWN, with the reason, for a rate of zero."""
    qt, rate = plain(chart, "qt_interval", "ms", within), plain(chart, "heart_rate", "/min", within)
    interval, why = None, "no bound"
    if qt.interval is not None and rate.interval is not None:
        try:
            interval = formula(qt=qt.interval, heart_rate=rate.interval)
        except ValueError as error:
            why = str(error)
    return from_inputs(name, "ms", interval, {"qt_interval": qt, "heart_rate": rate}, why)


BY_NAME: dict[str, Callable[[Chart, int | None], Measure]] = {
    "egfr": egfr,
    "ideal_weight": ideal_weight,
    "adjusted_weight": adjusted_weight,
    "bmi": bmi,
    "bsa": bsa,
    "child_pugh_score": child_pugh_points,
    "qtc": qtc,
    "qtc_bazett": qtc_by_bazett,
}
