"""Worded conditions as clinicians write them: `COPD GOLD III`, `seizure d/o`, `ESRD on HD`.

A text is read only where nothing in it denies, doubts, puts in the past or says of someone else. The words
let go say how much, since when or on what treatment, never whether. What cannot be read stays possible by its
words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from caveat.terminology.text import key

Labelled = Callable[[str], tuple[str, ...]]
"""The value sets of a key that is a label; empty where it is none."""
Named = Callable[[str], bool]
"""Whether a key is the name of a medicine."""

_CLOSED: Final = frozenset(
    """no not nor never none non denies denied without absent absence negative neg ruled rule out exclude
    excluded excluding exclusion unlikely possible possibly probable probably presumed suspected suspect
    suspicion query questionable maybe perhaps likely if when or versus vs differential ddx risk risks
    family familial fh fhx fam father mother brother sister son daughter parent parents sibling wife
    husband grandmother grandfather maternal paternal relative donor screening screen screened
    evaluation evaluate eval workup test tests testing prevent prevention preventive prophylaxis
    prophylactic resolved past previous previously prior former formerly remission recovered cured
    healed ago old declined refused advice education counselling counseling fear worried concern
    concerns allergy allergic intolerance vaccine vaccination immunisation immunization pre pro anti
    like mimic r""".split()
)
_REWRITTEN: Final = tuple(
    (re.compile(rf"\b(?:{old})\b"), new)
    for old, new in (
        ("w o", "without"),
        ("w", "with"),
        ("d o", "disorder"),
        ("dz", "disease"),
        ("(?:past |personal )?(?:h o|history of|hx of|hx o|hist of|history o|hx)", "history of"),
        ("s p", "status post"),
        ("on hd", "on hemodialysis"),
        ("on (?:pd|capd|apd|ccpd)", "on peritoneal dialysis"),
        ("(?:capd|ccpd) peritoneal dialysis|capd|ccpd", "peritoneal dialysis"),
        ("chr", "chronic"),
        ("o 2", "oxygen"),
    )
)
_NUMBER: Final = r"(?:[1-5]|i{1,3}|iv|v)(?: ?[a-e])?"
_UP_TO: Final = rf"{_NUMBER}(?: (?:to )?{_NUMBER})?"
_LET_GO: Final = (
    r"cms hcc|hcc|nos|nec|unspecified|unspecified type|type unspecified",
    r"mild|moderate|severe|mild to moderate|moderate to severe|very severe|advanced|marked|significant",
    r"(?:(?:well|poorly|not well|partially|fully) )?controlled|uncontrolled|stable|compensated|symptomatic",
    r"known|established|confirmed|documented|diagnosed|diagnosis of|dx|active|current|ongoing",
    r"longstanding|long standing|recurrent|persistent|permanent|paroxysmal|intermittent|medically managed",
    r"(?:on|using|with) (?:cpap|c pap|bipap|bi pap|(?:home )?oxygen|inhalers?)",
    r"on (?:treatment|therapy|medications?|meds)|oxygen dependent|(?:medication|diet) controlled",
    rf"gold (?:stage |grade |group )?(?:{_NUMBER}|[a-e])",
    rf"nyha (?:functional )?(?:class |stage )?{_UP_TO}",
    rf"stage {_UP_TO}",
    r"(?:with )?(?:lv)?ef(?: of)? \d+(?:[.,]\d+)?(?: ?%)?(?: (?:to )?\d+)?(?: ?%)?",
    r"fev ?1(?: of)? \d+(?:[.,]\d+)?(?: ?%)?",
    r"(?:since|from|diagnosed|dx) (?:19|20)\d\d",
    r"child (?:pugh )?(?:class |score )?[abc]",
    r"left|right|bilateral|both sides",
)
_FIRST: Final = re.compile(rf"(?:{'|'.join(_LET_GO)}) ")
_LAST: Final = re.compile(rf" (?:{'|'.join(_LET_GO)})")
_PARTS: Final = re.compile(r" (and|with|on|due to|secondary to|from|in) ")


def labels_in(text: str, labelled: Labelled, medicine: Named) -> tuple[str, ...]:
    """The value sets a worded condition names beside words that change nothing; empty where it is not read.

    >>> sets = {"copd": ("respiratory-disease",), "chf": ("heart-failure",)}
    >>> labels_in("COPD GOLD III on home O2", lambda k: sets.get(k, ()), {"warfarin"}.__contains__)
    ('respiratory-disease',)
    >>> labels_in("CHF with severe COPD on warfarin", lambda k: sets.get(k, ()), {"warfarin"}.__contains__)
    ('heart-failure', 'respiratory-disease')
    >>> labels_in("no COPD", lambda k: sets.get(k, ()), {"warfarin"}.__contains__)
    ()
    """
    if is_doubted(text):
        return ()
    whole = key(text)
    for old, new in _REWRITTEN:
        whole = old.sub(new, whole)
    if not _CLOSED.isdisjoint(whole.split(" ")):
        return ()
    found = _sets(whole, labelled)
    if found:
        return found
    return next((sets for shorter in _shortened(whole) if (sets := _joined(shorter, labelled, medicine))), ())


def _joined(text: str, labelled: Labelled, medicine: Named) -> tuple[str, ...]:
    """Of a text of several parts, each a label or after `on` a medicine; empty where one is neither."""
    first, *others = _PARTS.split(text)
    sets = list(_sets(first, labelled))
    if not others or not sets:
        return ()
    for link, part in zip(others[::2], others[1::2], strict=True):
        named = _sets(part, labelled)
        if not named and not (link == "on" and medicine(part)):
            return ()
        sets.extend(named)
    return tuple(dict.fromkeys(sets))


def is_doubted(text: str) -> bool:
    """Whether a question mark stands in the text: `?COPD` is a question, not a diagnosis."""
    return "?" in text


def _sets(text: str, labelled: Labelled) -> tuple[str, ...]:
    """Of the text and of every shorter one that is a label: severe COPD is COPD too."""
    return tuple(dict.fromkeys(name for shorter in _shortened(text) for name in labelled(shorter)))


def _shortened(text: str) -> Iterator[str]:
    """The text itself, then with ever more let go at its end and at its start."""
    yield text
    at_end = text
    while (cut := _without_last(at_end)) != at_end:
        at_end = cut
        yield at_end
    while (cut := _without_first(at_end)) != at_end:
        at_end = cut
        yield at_end


def _without_last(text: str) -> str:
    for found in _LAST.finditer(text):
        if found.end() == len(text):
            return text[: found.start()]
    return text


def _without_first(text: str) -> str:
    found = _FIRST.match(text)
    return text[found.end() :] if found and found.end() < len(text) else text
