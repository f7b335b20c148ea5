"""Makes `src/haat/kernel/geography/geo_data/bangladesh.json` from the public lists of places.

    python ops/geography/build.py DIR

DIR holds divisions.csv, districts.csv, upazilas.csv (github.com/nuhil/bangladesh-geocode), upazilas_alt.csv and
metropolitan_thanas.csv (npm @bangladeshi/bangladesh-address), postcodes.csv (PyPI bangladesh) and courier_areas.csv
(npm @classytic/bd-areas). What those lists lack or misspell stands in `corrections.py` beside this file.
"""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / "src"))

import corrections as fix

from haat.kernel.geography import spelling

TARGET = Path(__file__).parents[2] / "src/haat/kernel/geography/geo_data/bangladesh.json"
COURIER_ZONES = {"1": "dhaka", "2": "dhaka_suburb", "7": "outside"}


def slug(name: str) -> str:
    """A readable code: letters and digits of `name`, words joined by hyphens."""
    return "-".join("".join(c for c in word if c.isalnum()) for word in name.lower().replace("'", "").replace("’", "").split())


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def matcher(names: dict[str, str]) -> Callable[[str], str | None]:
    """Finds the code of a spelling among name → code: plain first, then by its skeleton where that is unique."""
    exact = {spelling.plain(name): code for name, code in names.items()}
    by_skeleton: dict[str, set[str]] = defaultdict(set)
    for name, code in names.items():
        by_skeleton[spelling.skeleton(spelling.plain(name))].add(code)

    def find(name: str) -> str | None:
        key = spelling.plain(name)
        if key in exact:
            return exact[key]
        codes = by_skeleton.get(spelling.skeleton(key), set())
        return next(iter(codes)) if len(codes) == 1 else None

    return find


def main(folder: Path) -> None:
    """Reads the lists in `folder`, writes the shipped file and says what matched nothing."""
    unmatched: list[str] = []
    divisions, division_of = [], {}
    for row in rows(folder, "divisions.csv"):
        name = fix.DIVISION_NAMES.get(row["name"], row["name"])
        aliases = sorted({row["name"], *fix.DIVISION_ALIASES.get(name, ())} - {name})
        divisions.append([slug(name), name, row["bn_name"], aliases])
        division_of[row["id"]] = slug(name)

    districts, district_of, spellings = [], {}, {}
    for row in rows(folder, "districts.csv"):
        name = fix.DISTRICT_NAMES.get(row["name"], row["name"])
        code = slug(name)
        aliases = sorted({row["name"], *fix.DISTRICT_ALIASES.get(name, ())} - {name})
        districts.append([code, division_of[row["division_id"]], name, row["bn_name"], fix.DISTRICT_ZONES.get(code, "outside"), aliases])
        district_of[row["id"]] = code
        spellings.update(dict.fromkeys((name, *aliases), code))
    find_district = matcher(spellings)

    upazilas: dict[str, list] = {}
    for row in rows(folder, "upazilas.csv"):
        add(upazilas, district_of[row["district_id"]], (row["name"], row["bn_name"]), "upazila")
    for district, name, bangla in fix.MORE_UPAZILAS:
        add(upazilas, district, (name, bangla), "upazila")
    for district, thanas in fix.THANAS.items():
        for names in thanas:
            add(upazilas, district, names, "thana")

    check(upazilas, districts)
    finders = {
        code: matcher({each: u[0] for u in upazilas.values() if u[1] == code for each in (u[2], *u[6])})
        for code in set(district_of.values())
    }
    for row in [*rows(folder, "upazilas_alt.csv"), *({**r, "upazila": r["thana"]} for r in rows(folder, "metropolitan_thanas.csv"))]:
        district = find_district(row["district"])
        found = district and finders[district](row["upazila"])
        if not found:
            unmatched.append(f"{row['district']}: {row['upazila']}")

    postcodes = []
    for row in sorted(rows(folder, "postcodes.csv"), key=lambda r: r["postCode"]):
        # The 66xx rows stand under «Nawabganj» in the source; their post offices and their numbers are Pabna's.
        district = "pabna" if row["postCode"].startswith("66") else find_district(row["district"])
        if not district:
            unmatched.append(f"post code {row['postCode']} in {row['district']}")
            continue
        find = finders[district]
        postcodes.append([row["postCode"], district, fix.POST_TOWNS.get((district, row["upazila"])) or find(row["upazila"]) or ""])

    areas = []
    for row in rows(folder, "courier_areas.csv"):
        district = find_district(row["districtName"])
        if not district:
            unmatched.append(f"area {row['name']} in {row['districtName']}")
            continue
        areas.append([district, " ".join(row["name"].split()), COURIER_ZONES[row["zoneId"]], row["postCode"], int(row["provider_redx"])])

    write({"divisions": divisions, "districts": districts, "upazilas": list(upazilas.values()), "postcodes": postcodes, "areas": areas})
    sys.stdout.write(f"{len(divisions)} divisions, {len(districts)} districts, {len(upazilas)} upazilas and thanas, ")
    sys.stdout.write(f"{len(postcodes)} post codes ({sum(1 for p in postcodes if p[2])} with upazila), {len(areas)} areas\n")
    sys.stdout.write("".join(f"no match: {line}\n" for line in unmatched))


def add(upazilas: dict[str, list], district: str, names: tuple[str, ...], kind: str) -> None:
    """One more place; `names` are its English and Bangla name, then other spellings."""
    source, bangla, *aliases = names
    name = fix.UPAZILA_NAMES.get((district, source), source)
    code = f"{district}.{slug(name)}"
    if code in upazilas:
        raise SystemExit(f"two places have the code {code}")
    zone = fix.UPAZILA_ZONES.get(code) or (
        "dhaka" if kind == "thana" and district == "dhaka" else fix.DISTRICT_ZONES.get(district, "outside")
    )
    every = sorted({source, *aliases, *fix.UPAZILA_ALIASES.get((district, name), ())} - {name})
    upazilas[code] = [code, district, name, bangla, kind, zone, every]


def check(upazilas: dict[str, list], districts: list[list]) -> None:
    """Every correction names something that is there, else it was mistyped."""
    codes, names = {d[0] for d in districts}, {(u[1], u[2]) for u in upazilas.values()}
    wrong = [f"{key}" for key in fix.UPAZILA_ALIASES if key not in names]
    wrong += [f"{key}" for key, name in fix.UPAZILA_NAMES.items() if (key[0], name) not in names]
    wrong += [code for code in fix.UPAZILA_ZONES if code not in upazilas]
    wrong += [code for code in (*fix.DISTRICT_ZONES, *fix.THANAS) if code not in codes]
    wrong += [name for name in fix.DISTRICT_ALIASES if name not in {d[2] for d in districts}]
    wrong += [code for code in fix.POST_TOWNS.values() if code and code not in upazilas]
    if wrong:
        raise SystemExit("corrections that fit nothing: " + ", ".join(wrong))


def write(atlas: dict[str, list]) -> None:
    """One row a line, so that a change of the data reads as a change of its rows."""
    parts = []
    for table, lines in atlas.items():
        body = ",\n".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) for line in lines)
        parts.append(f'"{table}":[\n{body}\n]')
    TARGET.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
