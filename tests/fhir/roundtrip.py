"""Holds what was exported against what was imported.

    roundtrip.py LIST REPORTS EXPORT OUT

LIST names the files imported, a path a line, in order; REPORTS holds the `--json` reports of the imports in the same order; EXPORT is what
`bocage export` wrote then. No resource may be lost or altered:

- every resource of a file was accepted or refused, for one of the reasons below;
- every exported resource is, byte for byte, an accepted one (or the head of a shelf);
- every accepted one is exported, or a later version of the same resource is;
- as many are exported as were created: a later version takes the earlier one's place, also where it moved to another part of the record.

For the validators, OUT/originals/NAME links to each file and OUT/examples/NAME holds what was exported of it. Exits 1 after any fault.
"""

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path

# What HL7's examples are rightly refused for.
LAWFUL = {"too_large", "other_person", "bad_id"}
# Larger files take the validators minutes.
JUDGED = 1 << 20
SHELVES = [{"resourceType": "Basic", "code": {"text": name}} for name in ("library", "unfiled")]

# Numbers stay as they are written: 1.0 is not 1.00.
exact = json.JSONDecoder(parse_float=lambda s: {"number": s}, parse_int=lambda s: {"number": s})


def space(text, at):
    while text[at] in " \t\r\n":
        at += 1
    return at


def members(text, at, closing):
    """Start of each member or element of the container whose first one may start at `at`; send() its end."""
    at = space(text, at)
    while text[at] != closing:
        at = space(text, (yield at))
        if text[at] == ",":
            at = space(text, at + 1)


def fields(text, at):
    """(name, start, end, value) of an object's members; `entry` of the top one isn't parsed as a whole."""
    walk, end = members(text, at + 1, "}"), None
    while True:
        try:
            start = walk.send(end)
        except StopIteration:
            return
        name, end = exact.raw_decode(text, start)
        start = space(text, space(text, end) + 1)
        value, end = exact.raw_decode(text, start)
        yield name, start, end, value


def resources(text, single=True):
    """(full URL, text, value) of each resource of a file: a Bundle's entries or, if `single`, the resource itself."""
    top = space(text, 0)
    value, end = exact.raw_decode(text, top)
    if value.get("resourceType") != "Bundle" or not value.get("entry"):
        if single:
            yield None, text[top:end], value
        return
    start = next(start for name, start, _, _ in fields(text, top) if name == "entry")
    walk, end = members(text, start + 1, "]"), None
    while True:
        try:
            start = walk.send(end)
        except StopIteration:
            return
        entry, end = exact.raw_decode(text, start)
        for name, begin, stop, inner in fields(text, start):
            if name == "resource":
                yield entry.get("fullUrl"), text[begin:stop], inner


def read(path):
    return path.read_bytes().decode("utf-8-sig")


def digest(value):
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).digest()


def names(url, value):
    """What a later version of the same resource may be known by."""
    kind = value["resourceType"]
    identifiers = value.get("identifier") or []
    for i in identifiers if isinstance(identifiers, list) else [identifiers]:
        yield kind, i.get("system"), i.get("value")
    yield from ((kind, n) for n in (value.get("id"), url) if n)


def main(listed, reports, export, out):
    files = [Path(line) for line in Path(listed).read_text().splitlines()]
    told = [report for part in sorted(Path(reports).glob("*.json")) for _, report in json.loads(part.read_text())["files"]]
    faults, counts, reasons = [], Counter(), Counter()
    if len(told) != len(files):
        faults.append(f"{len(files)} files, {len(told)} reports")

    exported, by_name, alike = {}, set(), set()
    for path in sorted(Path(export).glob("*.json")):
        for url, text, value in resources(read(path), single=False):
            counts["exported"] += 1
            if value in SHELVES:
                counts["shelves"] += 1
                continue
            exported.setdefault(digest(text), (url, text))
            alike.add(digest(value))
            by_name.update(names(url, value))

    for folder in ("originals", "examples"):
        (Path(out) / folder).mkdir(parents=True, exist_ok=True)
    sources, superseded = set(), set()
    for number, (path, report) in enumerate(zip(files, told)):
        found = list(resources(read(path)))
        counts.update({k: report[k] for k in ("created", "updated", "unchanged", "refused_count", "library", "unfiled", "warning_count")})
        counts["resources"] += len(found)
        accepted = report["created"] + report["updated"] + report["unchanged"]
        if report["stopped"]:
            faults.append(f"{path.name}: stopped: {report['stopped']}")
        if accepted + report["refused_count"] != len(found):
            faults.append(f"{path.name}: {len(found)} resources, {accepted} accepted, {report['refused_count']} refused")
        refused = {r["path"]: r["reason"]["code"] for r in report["refused"]}
        reasons.update(refused.values())
        faults += [f"{path.name} {at}: {code}" for at, code in refused.items() if code not in LAWFUL]
        back, missing = [], []
        for url, text, value in found:
            sources.add(digest(text))
            if digest(text) in exported:
                back.append(exported[digest(text)])
            elif digest(value) not in alike:
                missing.append((url, value))
        gone = [(url, value) for url, value in missing if by_name.isdisjoint(names(url, value))]
        superseded.update(digest(value) for url, value in missing if not by_name.isdisjoint(names(url, value)))
        if len(gone) > report["refused_count"]:
            faults.append(f"{path.name}: {len(gone)} resources are gone, {report['refused_count']} were refused")
        if back and path.stat().st_size < JUDGED:
            name = f"{Path(listed).name}-{number:05}-{path.name}"
            (Path(out) / "originals" / name).symlink_to(path.resolve())
            entries = ",".join(f'{{"fullUrl":{json.dumps(url)},"resource":{text}}}' for url, text in back)
            (Path(out) / "examples" / name).write_text(
                f'{{"resourceType":"Bundle","type":"collection","entry":[{entries}]}}', encoding="utf-8", newline=""
            )

    for key, (url, text) in exported.items():
        if key not in sources:
            faults.append(f"{url} is exported, and in no file: {text[:80]}")
    beside = counts["exported"] - counts["shelves"] - counts["created"]
    if beside:
        faults.append(f"{counts['created']} created, {counts['updated']} updated, {counts['created'] + beside} exported")
    if len(superseded) > counts["updated"] + counts["refused_count"]:
        faults.append(f"{len(superseded)} are superseded, {counts['updated']} were updated")
    if counts["exported"] <= counts["shelves"]:
        faults.append("nothing was exported")

    print(f"  files {len(files)}, resources {counts['resources']}")
    print(f"  created {counts['created']}, new versions {counts['updated']}, unchanged {counts['unchanged']}")
    print(f"  refused {counts['refused_count']} {dict(reasons)}, with a warning {counts['warning_count']}")
    print(f"  in the library {counts['library']}, unfiled {counts['unfiled']}")
    print(f"  exported {counts['exported']}: byte for byte as imported; superseded {len(superseded)}")
    for fault in faults[:40]:
        print(f"  FAULT {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
