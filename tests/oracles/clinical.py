"""What NEWS2 and the French numbers should be, written from the published tables and not from the Rust: two answers to every question.

NEWS2: Royal College of Physicians, 2017, chart 1. INS/NIR: first 13 characters, Corsica's 2A and 2B read as 19 and 18, modulo 97.
RPPS and FINESS: Luhn. PyPI's python-stdnum is a third opinion where it means the same thing:
  * NIR: it takes any first digit, so it is asked only where that is 1-4, 7 or 8 (it agrees on Corsica); it translates look-alike
    characters, so it is asked only of plain ASCII, and not of texts with separators that it doesn't know.
  * Luhn: for RPPS always; for FINESS unless the code is Corsican (2A, 2B), which has letters in it: there only the format is checked.

usage: clinical.py PROGRAM [COUNT [SEED]]
"""

import random
import re
import subprocess
import sys
import time

from stdnum import luhn as stdnum_luhn
from stdnum.fr import nir as stdnum_nir

# ---- NEWS2: a cell is (lowest value, points); values lie in the last cell that begins at or below them.

CHART = {
    "respiration": [(0, 3), (9, 1), (12, 0), (21, 2), (25, 3)],
    "saturation 1": [(0, 3), (92, 2), (94, 1), (96, 0)],
    "saturation 2 air": [(0, 3), (84, 2), (86, 1), (88, 0)],
    "saturation 2 O2": [(0, 3), (84, 2), (86, 1), (88, 0), (93, 1), (95, 2), (97, 3)],
    "systolic": [(0, 3), (91, 2), (101, 1), (111, 0), (220, 3)],
    "pulse": [(0, 3), (41, 1), (51, 0), (91, 1), (111, 2), (131, 3)],
    "temperature": [(0, 3), (351, 1), (361, 0), (381, 1), (391, 2)],
}
LIMITS = {"respiration": (1, 80), "saturation": (40, 100), "pulse": (15, 300), "temperature": (250, 450)}
NUMBER = re.compile(r"([0-9]+)(?:[.,]([0-9]+))?")


def points(row, value):
    return [cell[1] for cell in CHART[row] if value >= cell[0]][-1]


def exact(text, decimals):
    """The number in units of 10^-decimals, or None."""
    found = NUMBER.fullmatch(text.strip(" "))
    if not found:
        return None
    fraction = (found[2] or "").rstrip("0")
    if len(fraction) > decimals:
        return None
    return int(found[1] + fraction.ljust(decimals, "0"))


def limited(name, text):
    value = exact(text, 1 if name == "temperature" else 0)
    low, high = LIMITS[name]
    return value if value is not None and low <= value <= high else None


def upper_pressure(text):
    parts = text.split("/")
    if len(parts) != 2:
        return None
    upper, lower = (exact(part, 0) for part in parts)
    if upper is None or lower is None or not (40 <= upper <= 300 and 20 <= lower <= 200 and lower < upper):
        return None
    return upper


def news2(fields, scale):
    respiration, saturation, oxygen, pressure, pulse, level, temperature = fields
    values, wrong = {}, []
    readers = [
        ("respiration", respiration, lambda t: limited("respiration", t)),
        ("saturation", saturation, lambda t: limited("saturation", t)),
        ("oxygen", oxygen, {"air": "air", "O2": "O2"}.get),
        ("systolic", pressure, upper_pressure),
        ("pulse", pulse, lambda t: limited("pulse", t)),
        ("level", level, lambda t: t.strip(" ").upper() if t.strip(" ").upper() in ("A", "C", "V", "P", "U") else None),
        ("temperature", temperature, lambda t: limited("temperature", t)),
    ]
    for place, (name, text, read) in enumerate(readers):
        values[name] = None
        if text != "-":
            values[name] = read(text)
            if values[name] is None:
                wrong.append(str(place))
    if scale not in ("1", "2"):
        return "refused scale"
    if wrong:
        return "refused " + " ".join(wrong)

    def scored(row, name):
        return None if values[name] is None else points(row, values[name])

    if scale == "1" or values["saturation"] is None:
        saturation_points = scored("saturation 1", "saturation")
    elif values["oxygen"] is None:
        both = {points(f"saturation 2 {gas}", values["saturation"]) for gas in ("air", "O2")}
        saturation_points = both.pop() if len(both) == 1 else None
        if values["saturation"] >= 93:
            saturation_points = None
    else:
        saturation_points = points(f"saturation 2 {values['oxygen']}", values["saturation"])
    each = [
        scored("respiration", "respiration"),
        saturation_points,
        None if values["oxygen"] is None else {"air": 0, "O2": 2}[values["oxygen"]],
        scored("systolic", "systolic"),
        scored("pulse", "pulse"),
        None if values["level"] is None else (0 if values["level"] == "A" else 3),
        scored("temperature", "temperature"),
    ]
    total, band = None, "-"
    if None not in each:
        total = sum(each)
        band = "high" if total >= 7 else "medium" if total >= 5 else "low-medium" if 3 in each else "low"
    return " ".join("-" if n is None else str(n) for n in [*each, total]) + " " + band


# ---- numbers


def normal(text):
    return "".join(c for c in text if not c.isspace() and c != ".").upper()


def ins(text):
    number = normal(text)
    if not re.fullmatch(r"[1-478][0-9]{4}([0-9]{2}|2A|2B)[0-9]{8}", number):
        return "format"
    plain = number[:13].replace("2A", "19", 1) if number[5:7] == "2A" else number[:13]
    plain = plain.replace("2B", "18", 1) if number[5:7] == "2B" else plain
    return ("good " if 97 - int(plain) % 97 == int(number[13:]) else "key ") + number


def luhn(number):
    total = 0
    for place, digit in enumerate(reversed(number)):
        twice = int(digit) * (1 + place % 2)
        total += twice // 10 + twice % 10
    return total % 10 == 0


def rpps(text):
    number = normal(text)
    if not re.fullmatch(r"[0-9]{11}", number):
        return "format"
    return ("good " if luhn(number) else "key ") + number


def finess(text):
    number = normal(text)
    if re.fullmatch(r"2[AB][0-9]{7}", number):
        return "good " + number
    if not re.fullmatch(r"[0-9]{9}", number):
        return "format"
    return ("good " if luhn(number) else "key ") + number


def third_opinion(kind, text):
    """True or False as python-stdnum has it; None where it isn't asked."""
    number = normal(text)
    if not number.isascii() or not re.fullmatch(r"[0-9A-Z]*", number):
        return None
    if kind == "ins":
        return stdnum_nir.is_valid(number) if number[:1] in tuple("123478") else None
    if kind == "rpps":
        return stdnum_luhn.is_valid(number) and len(number) == 11
    if kind == "finess" and number[:2] not in ("2A", "2B"):
        return stdnum_luhn.is_valid(number) and len(number) == 9
    return None


# ---- questions: plausible ones, ones beside every boundary, garbage.


def near(rng, row, low, high):
    """A value at most one away from where a cell, or what may be entered, begins."""
    edges = [low, high] if rng.random() < 0.03 else [cell[0] for cell in CHART[row][1:]]
    return rng.choice(edges) + rng.choice((-1, 0, 1))


def reading(rng, name, row, low, high):
    value = near(rng, row, low, high) if rng.random() < 0.5 else rng.randint(low, high)
    if name != "temperature":
        return f"{value:0{rng.choice((1, 1, 1, 3))}d}"
    text = f"{value // 10}{rng.choice('.,')}{value % 10}"
    return rng.choice((text,) * 40 + (text + "0", text + "4", f"{value // 10}"))


def question_news2(rng):
    scale = rng.choice("12") if rng.random() < 0.99 else rng.choice(("0", "3", "", "x"))
    upper = near(rng, "systolic", 40, 300) if rng.random() < 0.5 else rng.randint(40, 300)
    lower = rng.choice((20, 30, 39)) if rng.random() < 0.97 else rng.choice((19, 20, upper - 1, upper, 200, 201))
    fields = [
        reading(rng, "respiration", "respiration", 1, 80),
        reading(rng, "saturation", rng.choice(("saturation 1", "saturation 2 O2")), 40, 100),
        rng.choice(("air", "O2")),
        f"{upper}/{lower}",
        reading(rng, "pulse", "pulse", 15, 300),
        rng.choice("AAAACVPUacvpu"),
        reading(rng, "temperature", "temperature", 250, 450),
    ]
    # From one that is almost well to one in whom everything is somewhere.
    astray = rng.choice((0.1, 0.3, 1))
    for place, well in enumerate(("16", "98", "air", "120/70", "70", "A", "37,0")):
        if rng.random() > astray:
            fields[place] = well
        if rng.random() < 0.02:
            fields[place] = "-"
        elif rng.random() < 0.01:
            # No letter that begins a unit or names a level.
            fields[place] = "".join(rng.choice("0123456789.,-+/ex ") for _ in range(rng.randint(0, 9))) or "?"
            if fields[place].strip(" ") == "-":
                fields[place] = "?"
    return "news2", fields, scale


def digits(rng, count):
    return "".join(rng.choice("0123456789") for _ in range(count))


def spoiled(rng, text):
    """As it is, or with one slip: a digit, two swapped, one lost, one more, separators, garbage."""
    kind = rng.choice(("as is", "as is", "as is", "spaced", "lower", "digit", "swapped", "lost", "more", "letter"))
    at = rng.randrange(len(text) - 1)
    return {
        "as is": text,
        "spaced": " ".join(re.findall("..?", text)) + rng.choice(("", " ", ".", "\u00a0")),
        "lower": text.lower(),
        "digit": text[:at] + rng.choice("0123456789") + text[at + 1 :],
        "swapped": text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        "lost": text[:at] + text[at + 1 :],
        "more": text[:at] + rng.choice("0123456789") + text[at:],
        "letter": text[:at] + rng.choice("ABCéß٣-/_") + text[at + 1 :],
    }[kind]


def question_number(rng):
    kind = rng.choice(("ins", "rpps", "finess"))
    if kind == "ins":
        place = rng.choice(("2A", "2B", "2C", digits(rng, 2), digits(rng, 2), digits(rng, 2)))
        first = rng.choice("0123456789") + digits(rng, 4) + place + digits(rng, 6)
        plain = first.replace("2A", "19") if place == "2A" else first.replace("2B", "18") if place == "2B" else first
        key = f"{97 - int(plain) % 97:02d}" if plain.isdigit() and rng.random() < 0.8 else digits(rng, 2)
        text = first + key
    else:
        size = 11 if kind == "rpps" else 9
        text = digits(rng, size - 1)
        if kind == "finess" and rng.random() < 0.1:
            text = rng.choice(("2A", "2B", "2C")) + text[2:]
        text += stdnum_luhn.calc_check_digit(text) if text.isdigit() and rng.random() < 0.8 else digits(rng, 1)
    return kind, spoiled(rng, text)


def main():
    program, count, seed = sys.argv[1], int((sys.argv[2:] or [100_000])[0]), int((sys.argv[3:] or [20261122])[0])
    rng = random.Random(seed)
    lines, expected, opinions = [], [], []
    for _ in range(count):
        if rng.random() < 0.6:
            kind, fields, scale = question_news2(rng)
            lines.append("\t".join([kind, *fields, scale]))
            expected.append(news2(fields, scale))
            opinions.append(None)
        else:
            kind, text = question_number(rng)
            lines.append(f"{kind}\t{text}")
            expected.append({"ins": ins, "rpps": rpps, "finess": finess}[kind](text))
            opinions.append(third_opinion(kind, text))
    began = time.monotonic()
    run = subprocess.run([program], input="\n".join(lines) + "\n", capture_output=True, text=True, encoding="utf-8", check=True)
    took = time.monotonic() - began
    answers = run.stdout.splitlines()
    assert len(answers) == count, f"{len(answers)} answers to {count} questions"

    tally, asked, wrong = {}, 0, []
    for line, answer, wanted, opinion in zip(lines, answers, expected, opinions):
        kind = line.split("\t")[0]
        outcome = wanted.split(" ")[-1] if kind == "news2" and not wanted.startswith("refused") else wanted.split(" ")[0]
        tally[kind, "no total" if outcome == "-" else outcome] = tally.get((kind, "no total" if outcome == "-" else outcome), 0) + 1
        asked += opinion is not None
        if answer != wanted or (opinion is not None and opinion != answer.startswith("good ")):
            wrong.append((line, answer, wanted, opinion))
    for (kind, outcome), times in sorted(tally.items()):
        print(f"  {kind:<7} {outcome:<11} {times:>6}")
    print(f"  {count} questions (seed {seed}), {asked} of them to python-stdnum too; the program took {took:.2f} s; {len(wrong)} differ")
    for line, answer, wanted, opinion in wrong[:20]:
        print(f"✗ {line!r}: {answer!r}, expected {wanted!r} (stdnum: {opinion})", file=sys.stderr)
    # A run that never met an outcome has compared nothing there.
    outcomes = {"news2": 6, "ins": 3, "rpps": 3, "finess": 3}
    for kind, least in outcomes.items():
        met = sum(1 for k, _ in tally if k == kind)
        if count >= 10_000 and met < least:
            sys.exit(f"only {met} kinds of answers for {kind}")
    sys.exit(bool(wrong))


main()
