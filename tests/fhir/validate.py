"""Asks PyPI fhir.resources (R4B models) about our exports.

    validate.py EXAMPLES OUT

Everything in OUT/made (acts, invented patients) must be valid. Of OUT/examples, each export is compared with the example of the same name in
EXAMPLES: one that was valid must still be. Exits 1 otherwise.
"""

import json
import sys
from pathlib import Path

from fhir.resources.R4B import get_fhir_model_class


def fault(path):
    """None if valid, else the validator's first words."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        get_fhir_model_class(data["resourceType"]).model_validate(data)
        return None
    except Exception as error:  # the validator raises many kinds
        return " ".join(str(error).split())[:200]


def main(examples, out):
    bad = 0
    made = sorted((out / "made").glob("*.json"))
    for path in made:
        if why := fault(path):
            bad += 1
            print(f"INVALID {path.name}: {why}")
    originals = {p.name: p for p in examples.rglob("*.json")}
    valid = invalid = 0
    for path in sorted((out / "examples").glob("*.json")):
        if fault(originals[path.name]):
            invalid += 1
            continue
        valid += 1
        if why := fault(path):
            bad += 1
            print(f"WORSE {path.name}: {why}")
    print(f"fhir.resources: {len(made)} made here; {valid} examples valid before, {invalid} not; {bad} invalid or worse")
    return 1 if bad or not made or not valid else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
