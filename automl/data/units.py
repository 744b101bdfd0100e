"""Units and currencies that stand with the numbers of a text column: "12.3 kg", "USD 5", "1.4M"."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from automl.data.numbers_as_text import parse_number, parse_numbers
from automl.data.records import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

_CURRENCIES = (
    "aed ars aud bgn brl cad chf clp cny cop czk dkk egp eur gbp hkd huf idr ils inr isk jpy krw kzt mad mxn myr ngn "
    "nok nzd pen php pkr pln qar ron rmb rsd rub sar sek sgd thb try twd uah usd uyu vnd zar "
    "kr kr. rs rs. rp fr. sfr sfr. zł kč ft lei лв r$ us$ a$ c$ nz$ s$ hk$ nt$ mx$ ₽ ₩ ₺ ₫ ₴ ₪ ฿ ₦ ₱ ₸ ₡ ₲ ₵ ৳ $ € £ ¥ \uffe5 ₹"
)
CURRENCIES = frozenset(_CURRENCIES.split())
"""In lower case. Of all words before a number these alone make it a quantity: "Room 12" is a name."""
_UNITS = (
    "kg g mg µg lb lbs oz t km m cm mm µm nm mi ft in yd inch \" \u2033 ' \u2032 m2 m² m3 m³ km2 km² cm2 cm² cm3 cm³ mm2 mm² "
    "ft2 ft² ft3 sqm sqft ha ml ML cl dl l L gal h hr hrs min mins s sec secs ms ns d yr yrs y °C °F ° ℃ ℉ % ‰ kWh MWh Wh "
    "kW MW W V mV mA kV Ah mAh Hz kHz MHz GHz KB kB MB GB TB Kb Mb Gb Mbps Gbps hp HP PS bhp cc CC kmpl mpg MPG km/h kmh "
    "kph mph m/s rpm Nm Pa hPa kPa bar psi kcal cal kJ J dB px pt pts mm/h kg/m2 kg/m² kg/m3 g/cm3 km/kg l/100km ppm ppb "
    "USD EUR GBP CHF SEK NOK DKK PLN CZK HUF kr zł Kč Ft cr Cr tn"
)
UNITS = frozenset(_UNITS.split())
"""What may follow a number without a blank; with one, any single word may."""
SCALES = {
    "k": 1e3, "thousand": 1e3, "thousands": 1e3, "lac": 1e5, "lacs": 1e5, "lakh": 1e5, "lakhs": 1e5,
    "m": 1e6, "mn": 1e6, "mio": 1e6, "million": 1e6, "millions": 1e6, "cr": 1e7, "crore": 1e7, "crores": 1e7,
    "b": 1e9, "bn": 1e9, "mrd": 1e9, "billion": 1e9, "billions": 1e9, "tn": 1e12, "trillion": 1e12, "trillions": 1e12,
    "\u5343": 1e3, "\u4e07": 1e4, "\u842c": 1e4, "\u4ebf": 1e8, "\u5104": 1e8,
}  # fmt: skip
"""In lower case, without full stop."""
_YUAN_AND_YEN = ("\u5143", "\u5186")
_FACTORS = SCALES | {
    scale + money: factor
    for scale, factor in [("", 1.0), *SCALES.items()]
    for money in _YUAN_AND_YEN
    if not scale.isascii() or not scale
}
"""With the currencies that stand right behind a scale: 5 and 50,000 yuan may stand in one column."""
_FACTOR_WORDS = "|".join(sorted(_FACTORS, key=len, reverse=True))
_UNSURE = frozenset({"m", "b", "cr", "tn", *_YUAN_AND_YEN})
"""Metres, a flat 3b, credits, tonnes: millions and billions only beside others, or with a currency."""
_MONEY_LAST = re.compile(r"[^\W\d_]\.?(\s?[€$£¥\uffe5₹])$")
"""A currency after a scale, as in "1,5 Mio. €"."""
_BLANK = r"[\s\x{00a0}\x{202f}]"
_FORM = re.compile(
    r"[+\-\u2212]?\s?(?P<before>[^\d\s+\-\u2212.,()'][^\d\s+\-\u2212,()]{0,3})?(?P<gap>\s?)[+\-\u2212]?"
    r"(?P<number>\d(?:[\d.,'\u2019\u00a0\u202f ]*\d)?)(?P<blank>\s?)(?P<after>[^\d\s.,+\-][^\s]{0,19})?"
)
_TIMES = (
    "ms s sec second min minute m h hr hrs hour d day w wk wks week mo mos mth mon month q quarter y yr yrs year yo y/o tag tage stunde stunden woche wochen "
    "monat monate jahr jahre jahren jour moi an ans año ano mes mese anno anni \u5c81 \u6b72 \u5929 \u65e5 \u6708 \u4e2a\u6708 \u500b\u6708 \u5e74"
)
TIMES = frozenset(_TIMES.split())
"""Units of time as `_folded` has them: one column often holds several, of which the usual one stands without."""
_COUNTER = re.compile("[\u3400-\u9fff]{1,2}")
"""Chinese and Japanese words for what is counted, which stand without a blank."""
SIGNS = ("$", "€", "£", "¥", "₹")
"""Currencies that are read wherever they stand."""
_NOT_BARE = r"[%$€£¥\x{ffe5}₹]"
_CODE = re.compile(r"0\d+")
_SHARE = 0.8
LONGEST = 60
_FOLDED = 3
"""From so many letters on capitals and a plural do not matter: "year" and "Years", but not "m" and "M"."""


def find_unit(some: Iterable[str], *, rare: bool = False) -> dict[str, Any] | None:
    """What stands before or after most of some stripped texts that are else numbers; None where nothing does.

    `rare`: they are the few beside plain numbers. There "6 months" may differ from years, and a bare "8M" from both, so that neither counts.

    Plain values, kept with the column: ``before`` and ``after``, the spellings seen, and whether the number is
    ``scaled`` by what follows it.
    """
    texts, plain = list(some), 0
    kinds: Counter[tuple[str, str]] = Counter()
    written: dict[tuple[str, str], set[str]] = {}
    for text in texts:
        if len(text) > LONGEST:
            continue
        if parse_number(text) is not None or parse_number(text, decimal_comma=True) is not None:
            plain += 1
        elif (found := _parts(text)) is not None:
            before, after = found
            key = (before.casefold(), _folded(after))
            kinds[key] += 1
            written.setdefault(key, set()).add(after)
    if not kinds:
        return None
    scaled = _scaled(kinds, len(texts) - plain, millions=not rare)
    if scaled is not None:
        return {"before": scaled, "after": [], "scaled": True}
    (before, after), count = kinds.most_common(1)[0]
    if count < _SHARE * (len(texts) - plain) or (after.casefold() in SCALES and after not in UNITS):
        return None
    if rare and after.casefold() in TIMES:
        return None
    return {"before": [before] if before else [], "after": sorted(written[before, after] - {""}), "scaled": False}


def _parts(text: str) -> tuple[str, str] | None:
    """Currency before and unit after a number; None where there is anything else."""
    last = _MONEY_LAST.search(text)
    form = _FORM.fullmatch(text if last is None else text[: last.start(1)])
    if form is None or _CODE.fullmatch(form["number"]):
        return None
    before, after = form["before"] or "", form["after"] or ""
    scale = _folded(after).casefold() in _FACTORS
    if last is not None:
        return None if before or not scale else (last[1].strip(), after)
    if before and (not _is_currency(before, bool(form["gap"])) or (after and not scale)):
        return None
    is_word = bool(form["blank"]) and not any(char.isdigit() for char in after)
    if after and not (scale or is_word or after in UNITS or _COUNTER.fullmatch(after)):
        return None
    return before, after


def _is_currency(word: str, blank: bool) -> bool:
    """Letters alone need a blank, capitals or their usual form: "rs7412" is a gene, "try2" a second one."""
    if word.casefold() not in CURRENCIES:
        return False
    return blank or not word.isalpha() or word.isupper() or word in ("kr", "Kr", "Rs", "Fr", "zł", "Kč")


def _folded(word: str) -> str:
    if word in ("k", "K", "M", "B"):
        return {"K": "k"}.get(word, word)
    word = word.rstrip(".") or word
    if len(word) < _FOLDED:
        return word
    word = word.casefold()
    return word[:-1] if len(word) > _FOLDED and word.endswith("s") else word


def _scaled(kinds: Mapping[tuple[str, str], int], worded: int, *, millions: bool) -> list[str] | None:
    """Currencies before numbers that are scaled by what follows; None where they are not. `millions`: whether a bare "M" says so."""
    scales = {key: count for key, count in kinds.items() if key[1].casefold() in _FACTORS or not key[1]}
    before = {key[0] for key in scales} - {""}
    sure = [
        key for key in scales if key[1] and (key[0] or (millions and key[1] == "M") or key[1].casefold() not in _UNSURE)
    ]
    if not sure or len(before) > 1 or sum(scales.values()) < _SHARE * worded:
        return None
    return sorted(before)


def without_unit(texts: pa.Array, unit: Mapping[str, Any]) -> pa.Array:
    """Stripped texts without the unit of their column; those that have none, or another, stay as they are."""
    import pyarrow.compute as pc

    if unit["before"]:
        words = "|".join(map(re.escape, unit["before"]))
        texts = pc.replace_substring_regex(texts, rf"(?i)^([+\-\x{{2212}}]?){_BLANK}?(?:{words}){_BLANK}?", r"\1")
    if unit["scaled"]:
        return pc.replace_substring_regex(
            _without_money(texts, unit), rf"(?i)(\d){_BLANK}?(?:{_FACTOR_WORDS})\.?$", r"\1"
        )
    if unit["after"]:
        found = "|".join(map(re.escape, sorted({*unit["after"], *_numbers_of(unit["after"])}, key=len, reverse=True)))
        texts = pc.replace_substring_regex(texts, rf"(\d\.?){_BLANK}?(?:{found})$", r"\1")
    return texts


def _without_money(texts: pa.Array, unit: Mapping[str, Any]) -> pa.Array:
    """Texts without the currency of a scaled column at their end."""
    import pyarrow.compute as pc

    if not unit["before"]:
        return texts
    return pc.replace_substring_regex(texts, rf"(?i){_BLANK}?(?:{'|'.join(map(re.escape, unit['before']))})$", "")


def _numbers_of(words: Iterable[str]) -> set[str]:
    """Singular and plural of longer words, which another table may hold."""
    return {word[:-1] if word.endswith("s") else f"{word}s" for word in words if len(word) > _FOLDED and word.isalpha()}


def parse_with_unit(texts: pa.Array, unit: Mapping[str, Any], decimal_comma: bool | None) -> NDArray[np.float64]:
    """Numbers ``(texts,)`` of stripped texts with or without the unit of their column; NaN for others."""
    import numpy as np
    import pyarrow.compute as pc

    bare = without_unit(texts, unit)
    found = parse_numbers(bare, decimal_comma=decimal_comma)
    other = pc.match_substring_regex(bare, _NOT_BARE).fill_null(False).to_numpy(zero_copy_only=False)
    found[other.astype(bool)] = np.nan  # "5 %" is no weight
    if not unit["scaled"]:
        return found
    parts = pc.extract_regex(_without_money(texts, unit), rf"(?i)\d{_BLANK}?(?P<scale>{_FACTOR_WORDS})\.?$")
    scales = pc.utf8_lower(pc.struct_field(parts, "scale")).fill_null("").to_pylist()
    return np.asarray(found * np.array([_FACTORS.get(scale, 1.0) for scale in scales]))


def mixed_units(
    name: str, texts: pa.Array, counts: NDArray[np.int64], read: NDArray[np.bool_], unit: Mapping[str, Any]
) -> list[Finding]:
    """A warning where fewer of the numbers that were `read` have the unit than have none: 154 lb among 70 may not be 154.

    Of scales only the bare "M" is told, which may be months or metres: nobody writes 45 for 45 thousand beside "8k".
    """
    import numpy as np
    import pyarrow.compute as pc

    bare = pc.equal(without_unit(texts, unit), texts).fill_null(True).to_numpy(zero_copy_only=False).astype(bool)
    none, some = int(counts[read & bare].sum()), int(counts[read & ~bare].sum())
    if some >= none or not some:
        return []
    with_unit = texts.take(np.flatnonzero(read & ~bare))
    if unit["scaled"] and not pc.all(pc.match_substring_regex(with_unit, r"^[^\pL\p{Sc}]*M$")).as_py():
        return []
    shown = " or ".join(map(repr, [*unit["before"], *unit["after"]] or ["M"]))
    what = "as millions" if unit["scaled"] else "as if all had the same"
    message = (
        f"column {name!r}: {none:,} values have no unit, {some:,} have {shown}, such as {with_unit[0].as_py()!r}, and are read {what}: "
        "if that is not so, write all in one unit"
    )
    return [Finding(level="warning", code="mixed-units", column=name, count=some, message=message)]


def mixed_currencies(name: str, texts: pa.Array, counts: NDArray[np.int64], read: NDArray[np.bool_]) -> list[Finding]:
    """A warning where numbers that were `read` have several currencies: 5 € are not what $5 are."""
    import pyarrow.compute as pc

    found = {}
    for sign in SIGNS:
        there = pc.match_substring(texts, sign).to_numpy(zero_copy_only=False).astype(bool) & read
        if there.any():
            found[sign] = int(counts[there].sum())
    if len(found) < 2:
        return []
    shown = ", ".join(f"{sign} ({count:,} rows)" for sign, count in sorted(found.items(), key=lambda one: -one[1]))
    message = (
        f"column {name!r}: numbers have several currencies, {shown}; all are read as they are written: give the currency a "
        "column of its own, or write all in one"
    )
    return [Finding(level="warning", code="mixed-currencies", column=name, message=message)]
