"""Write a calendar data file: the `holidays` library first, then what `overrides.toml` knows better.

Run as `python -m models.calendar.generate`. The only place that imports the library, and only when run: the service
itself reads the data file, so that a library update never moves a deadline by itself.
"""

import json
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
_LIEU_VI, _LIEU_EN = "Nghỉ bù", "Day in lieu"
_SWAP_VI, _SWAP_EN = "Nghỉ hoán đổi, làm bù ngày", "Day off, worked instead on"

Off = dict[str, str]


def library_days(years: list[int]) -> tuple[dict[date, Off], set[date]]:
    """Return what the library holds for these years: days off with names, and weekend days worked instead."""
    import holidays  # noqa: PLC0415 - only this command needs the library

    vietnamese = holidays.country_holidays("VN", years=years, language="vi")
    english = holidays.country_holidays("VN", years=years, language="en_US")
    off: dict[date, Off] = {}
    worked: set[date] = set()
    for day, name in sorted(vietnamese.items()):
        why = "holiday"
        if "observed" in english[day]:
            why = "in_lieu"
        elif "substituted" in english[day]:
            why = "swapped"
        off[day] = {"why": why, "name_vi": name, "name_en": english[day]}
    worked |= set(vietnamese.weekend_workdays)
    return off, {day for day in worked if day.year in years}


def with_overrides(off: dict[date, Off], worked: set[date], rules: dict[str, Any]) -> None:
    """Apply the hand-kept file to the library's days, in place; the file wins."""
    for swap in rules.get("swaps", []):
        worked.add(swap["worked"])
        named = f"{swap['worked']:%d/%m/%Y}"
        off[swap["off"]] = {"why": "swapped", "name_vi": f"{_SWAP_VI} {named}", "name_en": f"{_SWAP_EN} {named}"}
    for lieu in rules.get("in_lieu", []):
        instead = off.get(lieu["for"], {"name_vi": "", "name_en": ""})
        vi, en = instead["name_vi"], instead["name_en"]
        off[lieu["off"]] = {"why": "in_lieu", "name_vi": f"{_LIEU_VI} {vi}".strip(), "name_en": f"{_LIEU_EN}: {en}"}
    for yearly in rules.get("yearly", []):
        for year in rules["years"]:
            if year >= yearly["from_year"]:
                day = date(year, yearly["month"], yearly["day"])
                off[day] = {"why": "holiday", "name_vi": yearly["name_vi"], "name_en": yearly["name_en"]}
    for added in rules.get("add", []):
        off[added["day"]] = {key: added[key] for key in ("why", "name_vi", "name_en")}
    for removed in rules.get("remove", []):
        off.pop(removed["day"], None)


def build(rules: dict[str, Any]) -> dict[str, Any]:
    """Return the data file's content for the years of the override file."""
    off, worked = library_days(rules["years"])
    with_overrides(off, worked, rules)
    years = [
        {
            "year": year,
            "provisional": year in rules["provisional"],
            "days_off": [{"day": str(day), **off[day]} for day in sorted(off) if day.year == year],
            "working_weekend_days": [str(day) for day in sorted(worked) if day.year == year],
        }
        for year in rules["years"]
    ]
    head = {key: rules[key] for key in ("version", "jurisdiction", "source")}
    return {**head, "published": str(rules["published"]), "years": years}


def main(overrides: Path = HERE / "overrides.toml", directory: Path = HERE / "data") -> Path:
    """Write `<version>.json` and return its path.

    Raises:
        FileExistsError: that version exists with other content: cases were computed with it, so it is not edited.
    """
    content = build(tomllib.loads(overrides.read_text(encoding="utf-8")))
    path = directory / f"{content['version']}.json"
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise FileExistsError(f"{path.name} exists with other content; give overrides.toml a new version and date")
    path.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.stdout.write(f"{main()}\n")
