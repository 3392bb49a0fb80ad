"""The words of dosage instructions: amounts, how often, when, and what may be passed over.

English with its prescription abbreviations, German, French, Spanish, Italian, Dutch and the Scandinavian
languages, all in small letters without accents. A word with two meanings on prescriptions is left out.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final


def _table(groups: dict[str, str]) -> dict[str, str]:
    """Every word of the groups with the name of its group."""
    return {word: name for name, words in groups.items() for word in words.split()}


_HALF: Final = "half a|one half|one-half|a half|half|eine halbe|halbe|un demi|medio|media|mezza|en halv"
NUMBERS: Final[dict[str, Fraction]] = (
    dict.fromkeys(_HALF.split("|"), Fraction(1, 2))
    | {"a quarter": Fraction(1, 4), "one and a half": Fraction(3, 2), "two and a half": Fraction(5, 2)}
    | {
        word: Fraction(number)
        for number, words in {
            1: "one a an ein eine einen un une uno una",
            2: "two zwei deux dos due twee",
            3: "three drei trois tres drie",
            4: "four vier quatre cuatro quattro",
            5: "five funf cinq cinco cinque vijf",
            6: "six sechs seis sei zes",
            7: "seven",
            8: "eight acht huit ocho otto",
            9: "nine",
            10: "ten zehn dix diez dieci tien",
            12: "twelve zwolf douze doce dodici",
        }.items()
        for word in words.split()
    }
)
ARTICLES: Final = frozenset("a an ein eine einen un une una uno".split())
"""Numbers only beside a unit."""

PIECE: Final = "{piece}"
UNITS: Final = _table(
    {
        "mg": "mg mgs milligram milligrams milligramme milligrammes milligramm",
        "g": "g gm gram grams gramme grammes gramm",
        "ug": "mcg mcgs ug microgram micrograms microgramme microgrammes mikrogramm mikrogram",
        "mL": "ml mls millilitre millilitres milliliter milliliters",
        "[iU]": "unit units iu ie ui einheit einheiten unites unidades enheter",
        "mmol": "mmol",
        "meq": "meq",
        "{tablet}": "tablet tablets tab tabs tabl tbl tbls caplet caplets tablette tabletten filmtablette "
        "filmtabletten comprime comprimes cp cps cpr compr comprimido comprimidos compressa compresse "
        "tabletter tablett tabletta tablettes tableta tabletas pastilla pastillas",
        "{capsule}": "capsule capsules cap caps kapsel kapseln kapslar kapsler gelule gelules capsula "
        "capsulas",
        "{puff}": "puff puffs hub hube bouffee bouffees",
        "{inhalation}": "inhalation inhalations inhalationen",
        "{spray}": "spray sprays spruhstoss spruhstosse",
        "{drop}": "drop drops gtt gtts tropfen gouttes goutte gotas gocce druppels droppar draper",
        "{patch}": "patch patches pflaster",
        "{suppository}": "suppository suppositories zapfchen suppositoire suppositoires",
        "{sachet}": "sachet sachets beutel sobre sobres bustina bustine",
        "{ampule}": "ampoule ampoules ampule ampules",
        "{vial}": "vial vials",
        "{lozenge}": "lozenge lozenges",
        PIECE: "stuck stk each ea",
    }
)
COUNTED: Final = frozenset(unit for unit in UNITS.values() if unit.startswith("{"))
SWALLOWED: Final = frozenset(("{tablet}", "{capsule}"))

# Times a day of the abbreviations of prescriptions.
ABBREVIATIONS: Final[dict[str, Fraction]] = {
    "bd": Fraction(2),
    "bid": Fraction(2),
    "bds": Fraction(2),
    "tid": Fraction(3),
    "tds": Fraction(3),
    "qid": Fraction(4),
    "qds": Fraction(4),
    "qd": Fraction(1),
    "qod": Fraction(1, 2),
    "eod": Fraction(1, 2),
}
# Events that come once a day.
EVENTS: Final = _table(
    {
        "morning": "morning mornings mane om qam breakfast am morgens morgenen fruh fruhs fruhstuck matin "
        "manana mattina morgon ochtend desayuno colazione",
        "noon": "noon midday lunch lunchtime mittags mittag midi mediodia",
        "afternoon": "afternoon teatime nachmittags tarde",
        "evening": "evening evenings dinner supper qpm pm abends abend soir sera kveld kvall cena avond",
        "night": "night nights nightly nocte bedtime qhs hs nachts nacht coucher noche notte natten natt "
        "acostarse sleep schlafengehen schlafen",
    }
)
BEFORE_EVENT: Final = (
    r"(?:(?:in the|in|at|every|each|on|with|half an hour before|before|after|zum|zur|am|au|le|la|por la|en la"
    r"|al|alla|om de|om|i|til|till|vor dem|a la|a|vid|to|per la|del|di|s) )*"
)
DAYS_OF_WEEK: Final = (
    r"(?:on |every |each )?(mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:days?)?\b"
    r"(?! ?(?:-|to|till|until|through|thru|bis) ?[a-z])"
)

_24_HOURS: Final = r"24 ?h(?:(?:ou)?rs?)?"
DAY: Final = (
    rf"(?:(?:a|per|each|every|in a|in each) (?:day|{_24_HOURS})|daily|/ ?(?:day|d|{_24_HOURS}|tag|dag|jour|j)"
    rf"|(?:in|every|over) {_24_HOURS}"
    r"|taglich|tagl|tgl|am tag|pro tag|par jour|chaque jour|al dia|por dia|cada dia|al giorno|al di"
    r"|ogni giorno"
    r"|per dag|daags|om dagen|dagligen|daglig|dagligt|hver dag|varje dag|om dag)"
)
WEEK: Final = (
    r"(?:(?:a|per|each|every) week|weekly|wochentlich|pro woche|par semaine|por semana|a la semana"
    r"|alla settimana|per uke|i veckan|om ugen|/ ?(?:week|wk))"
)
MONTH: Final = r"(?:(?:a|per|each|every) month|monthly|monatlich|pro monat|par mois|al mes|al mese)"
TIMES: Final = r"(?:times?|x|mal|fois|veces|vez|volte|volta|ganger|gange|gang|ggr|keer|maal)"
ONCE: Final = {
    "once": 1,
    "twice": 2,
    "thrice": 3,
    "einmal": 1,
    "zweimal": 2,
    "dreimal": 3,
    "viermal": 4,
    "une fois": 1,
    "una vez": 1,
    "una volta": 1,
    "en gang": 1,
}
EVERY: Final = r"(?:every|each|q|alle|toutes les|cada|ogni|hver|var|om de|elke)"
SPAN: Final[dict[str, Fraction]] = {
    word: days
    for days, words in {
        Fraction(
            1, 24
        ): "h hr hrs hour hours stunden stunde std heures heure horas hora ore timer timmar uur",
        Fraction(1): "d day days dage dagen dager dagar dag tage tag jours jour dias dia giorni",
        Fraction(7): "wk wks w week weeks weken wochen woche semaines semaine semanas semana settimane uker "
        "veckor uger",
        Fraction("365.25") / 12: "mo month months monate monat mois meses mes mesi",
    }.items()
    for word in words.split()
}
OTHER_DAY: Final = (
    r"(?:every other day|every second day|(?:on )?alternate days|jeden zweiten tag|alle zwei tage"
    r"|un jour sur deux|cada dos dias|annenhver dag|varannan dag|hver anden dag|om de dag)"
)
NEEDED: Final = (
    r"(?:(?:as|when|if|where) (?:and when )?(?:needed|required|necessary)|prn|pro re nata|bei bedarf|b bed"
    r"|si besoin|si necessaire|en cas de besoin|si precisa|si es necesario|a demanda|al bisogno|vid behov"
    r"|ved behov|efter behov|zo nodig|indien nodig)"
)
# "si dolor", "en cas de douleur", "bei Schmerzen": for a complaint, and so when needed.
COMPLAINT: Final = r"(?:si|en cas de|se|bei|gegen|ved|mot) (?:(?:le|la|les|il|el|starken|starke) )?[a-z]{4,}"
MOST: Final = (
    r"(?:(?:up to )?(?:a )?max(?:imum|imal)?(?: of)?(?: (?:daily )?dose)?(?: of)?|no more than|not more than"
    r"|not to exceed|do not exceed|do not take more than|bis zu(?: max(?:imal)?)?|jusqu a|hochstens|hasta"
    r"|fino a|up to) ?:?"
)
SPOON: Final = r"5 ?ml (?:medicine )?spoon(?:ful)?s?"

# Passed over: they change neither the amount nor how often.
PASSED: Final = (
    r"(?:to be (?:taken|given|used|swallowed)|taken|take|give|given|swallow(?:ed)?|inhale|instil|inject|apply"
    r"|einnehmen|nehmen|prendre|tomar|prendere|innemen|tas|tages|ta"
    r"|(?:together )?with (?:or after )?(?:food|a meal|meals|water|milk|plenty of (?:water|fluid))"
    r"|with a (?:full )?glass of water|(?:with or )?(?:after|before) (?:food|meals|eating)"
    r"|on an empty stomach"
    r"|(?:zu|nach|vor) den mahlzeiten|zum essen|nach dem essen|vor dem essen|avant les repas|apres les repas"
    r"|pendant les repas|con las comidas|dopo i pasti|prima dei pasti|unzerkaut"
    r"|as (?:directed|prescribed|advised|instructed)|regularly|until (?:discontinued|finished|further notice)"
    r"|ac|pc|cc|whole|slowly|doses?|dosage|dosis|the|please|of|ca|total of"
    r"|# ?\d+ ?(?:tablets?|tabs?|capsules?|caps?|ml|ea)?|\d+ refills?|refills? ?:? ?\d+"
    r"|first dose (?:on )?(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]* )?\d{1,2}/\d{1,2}/\d{2,4}"
    r"(?: at \d{3,4})?)\b"
)
_LENGTH: Final = (
    r"(?:days?|weeks?|months?|tage?n?|wochen?|jours?|semaines?|mois|dias?|semanas?|giorni|dager|dagar|dagen?)"
)
LASTS: Final = (
    r"(?:(?:for|x|over|fur|pendant|durante|por|per|i|gedurende) ?(?:a (?:further )?)?(?:up to )?"
    rf"(?:\d+ ?(?:more )?{_LENGTH}|\d+/(?:7|52|12))|(?:for )?(?:a )?\d+ ?-? ?day course)\b"
)
ROUTES: Final[dict[str, str]] = {
    "by mouth": "oral",
    "orally": "oral",
    "oral": "oral",
    "po": "oral",
    "under the skin": "subcutaneous",
    "under the tongue": "sublingual",
    "into the muscle": "intramuscular",
    "into the vein": "intravenous",
    "per os": "oral",
    "via oral": "oral",
    "par voie orale": "oral",
    "intravenously": "intravenous",
    "intravenous": "intravenous",
    "iv": "intravenous",
    "subcutaneously": "subcutaneous",
    "subcutaneous": "subcutaneous",
    "sc": "subcutaneous",
    "subcut": "subcutaneous",
    "intramuscularly": "intramuscular",
    "intramuscular": "intramuscular",
    "im": "intramuscular",
    "sublingually": "sublingual",
    "sublingual": "sublingual",
    "sl": "sublingual",
    "rectally": "rectal",
    "rectal": "rectal",
}
REASON: Final = r"(?:for|gegen|pour|para)(?: [a-z-]+){1,4}(?= ?[,;)]| *$)"
AFTER_NEEDED: Final = re.compile(
    r"(?: ?[:,]? ?(?:as needed )?(?:for|gegen|bei|pour|para|per)(?: [a-z-]+){1,8}|(?: [a-z-]+){1,3})?"
    r"(?= ?[,;)]| *$)"
)
"""What an as-needed dose is for: words up to the next break."""
_OTHER_THAN_REASONS: Final = (
    "then or and und et max maximum up not exceed every each times daily weekly monthly hourly once twice "
    "reduce increase may if except dann puis only take repeat second another additional extra again more "
    "double dose doses after before until unless q od stat mon tue wed thu fri sat sun"
).split()
_IN_REASONS: Final = ARTICLES | {"sleep", "schlafen"}
NO_REASON: Final = re.compile(
    r"\b(?:"
    + "|".join(sorted({*_OTHER_THAN_REASONS, *ABBREVIATIONS, *UNITS, *SPAN, *EVENTS, *NUMBERS} - _IN_REASONS))
    + r")\b"
)
"""Words that what an as-needed dose is for does not hold."""
NO_STOP: Final = re.compile(
    r"\b(max|tgl|tagl|tbl|tabl|tab|tabs|cap|caps|compr|cpr|cp|hr|hrs|std|stk|b|bed|approx|ca)\."
)
"""Abbreviations whose full stop ends no sentence."""
