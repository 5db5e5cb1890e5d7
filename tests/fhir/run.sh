#!/usr/bin/env bash
# FHIR through the real binary: HL7's examples, invented patients and acts made here go in, come out, and are read by two validators of
# other houses. From the repository's root, after a build; what it fetches stays in target/fhir.
#
#   BOCAGE_FHIR=all   every file of the packages; else those of the Patient Summary, all of R4's clinical ones up to 1 MiB, and each 25th of
#                     R4's own definitions (search parameters, value sets, code systems, structures)
set -euo pipefail
exec </dev/null

bocage=$(realpath "${CARGO_TARGET_DIR:-target}/debug/bocage")
here=$(cd "$(dirname "$0")" && pwd)
fetched=$PWD/target/fhir
run=$fetched/run
export BOCAGE_PASSPHRASE="cinq mots pour ouvrir ceci" BOCAGE_FAST_KEYS=1 LC_ALL=C.UTF-8
unset BOCAGE_DATA
example_files_per_call=500

say() { printf '  %-46s %s\n' "$1" "$2"; }

# timed NAME COMMAND…: fails unless it ends well, or partly refused (3) as only an import may.
timed() {
    local name=$1 began=${EPOCHREALTIME/[.,]/} status=0
    shift
    "$@" || status=$?
    if ((status != 0)) && { ((status != 3)) || [[ " $* " != *" import "* ]]; }; then
        printf '✗ %s: exit %d\n' "$name" "$status" >&2
        return 1
    fi
    say "$name" "$(((${EPOCHREALTIME/[.,]/} - began) / 1000)) ms"
}

found() {
    "$bocage" init --data "$1" --network Essai --facility "Maison de santé" --kind clinic \
        --practitioner "Anne Morel" --role doctor --rpps 10000000017 >/dev/null
}

# field FIELD…: what a JSON answer holds there.
field() { python3 -c 'import json, sys; v = json.load(sys.stdin); [v := v[int(k) if k.isdigit() else k] for k in sys.argv[1:]]; print(v)' "$@"; }

# into FILE COMMAND…
into() {
    local file=$1
    shift
    "$@" >"$file"
}

# chosen: paths of the examples, in one order.
chosen() {
    local definitions=0
    find "$fetched/examples" -name '*.json' ! -name package.json ! -name '.*' ! -path '*/openapi/*' ! -path '*/other/*' -size +0 |
        LC_ALL=C sort |
        if [[ ${BOCAGE_FHIR:-} == all ]]; then cat; else
            while read -r path; do
                case $path in
                    *hl7.fhir.uv.ips*) echo "$path" ;;
                    */SearchParameter-* | */ValueSet-* | */CodeSystem-* | */StructureDefinition-*)
                        ((++definitions % 25)) || echo "$path"
                        ;;
                    *) echo "$path" ;;
                esac
            done | xargs -d '\n' stat -L -c '%s %n' | awk '$1 <= 1048576 { print $2 }'
        fi
}

# In lots with a node each: one for the sample, more for all, since what an import costs grows with what the library holds.
examples() {
    local lot=$example_files_per_call
    [[ ${BOCAGE_FHIR:-} == all ]] || lot=100000
    mkdir -p "$run/examples"
    chosen >"$run/examples/list"
    split -l "$lot" -d -a 3 "$run/examples/list" "$run/examples/lot."
    for list in "$run"/examples/lot.*; do
        local node=$list.node out=$run/examples/${list##*.}
        mkdir -p "$out/reports"
        found "$node"
        split -l "$example_files_per_call" -d -a 3 "$list" "$out/part."
        for part in "$out"/part.*; do
            mapfile -t files <"$part"
            timed "import ${#files[@]} files" into "$out/reports/${part##*.}.json" "$bocage" import --data "$node" --json "${files[@]}"
        done
        timed "export" into "$out/exported.json" "$bocage" export --data "$node" --json --out "$out/export"
        python3 "$here/roundtrip.py" "$list" "$out/reports" "$out/export" "$run/judged"
        rm -rf "$node" "$out/export"
    done
}

invented() {
    local node=$run/invented.node out=$run/invented
    mkdir -p "$out/reports"
    found "$node"
    cargo test --quiet --locked --workspace --no-run
    "${CARGO_TARGET_DIR:-target}/debug/examples/generate" 1 20 60 >"$out/invented.json"
    echo "$out/invented.json" >"$out/list"
    timed "import 20 invented patients" into "$out/reports/0.json" "$bocage" import --data "$node" --json "$out/invented.json"
    into "$out/again.json" "$bocage" import --data "$node" --json "$out/invented.json"
    [[ $(field files 0 1 unchanged <"$out/again.json") == "$(field files 0 1 created <"$out/reports/0.json")" ]]
    into /dev/null "$bocage" export --data "$node" --out "$out/export"
    python3 "$here/roundtrip.py" "$out/list" "$out/reports" "$out/export" "$out/judged"
    cp "$out/invented.json" "$run/judged/made/"
    for file in "$out"/export/*.json; do cp "$file" "$run/judged/made/invented-${file##*/}"; done
}

acts() {
    local node=$run/acts.node out=$run/acts patient fact
    mkdir -p "$out"
    found "$node"
    into /dev/null "$bocage" patient create --data "$node" --family "N’Diaye" --given "Élise Fatou" --birth-date 1995-10-12 --sex female \
        --ins 295109912611193
    into /dev/null "$bocage" patient create --data "$node" --family "Œillet" --given Zoé --birth-date 2026-01-31
    patient=$("$bocage" patient search --data "$node" --json "ndiaye" | field patients 0 patient)
    into /dev/null "$bocage" note add --data "$node" "$patient" "Toux depuis trois jours — « œdème » ?"
    local vitals=(respiratory-rate 16 heart-rate 72 spo2 97 temperature 37.0 blood-pressure 130/80 weight 62.5 height 168 pain 3
        consciousness A glucose 95 hba1c 6.5)
    for ((i = 0; i < ${#vitals[@]}; i += 2)); do
        into /dev/null "$bocage" vital add --data "$node" "$patient" "${vitals[i]}" "${vitals[i + 1]}"
    done
    fact=$("$bocage" patient show --data "$node" --json "$patient" |
        python3 -c 'import json, sys; print(next(e["fact"] for e in json.load(sys.stdin)["entries"] if "72" in e["summary"]))')
    into /dev/null "$bocage" correct --data "$node" "$patient" "$fact" valueQuantity.value 74
    into /dev/null "$bocage" allergy add --data "$node" "$patient" Pénicilline --criticality high --reaction Urticaire
    into /dev/null "$bocage" treatment add --data "$node" "$patient" "Amlodipine 5 mg" "1 le matin"
    into /dev/null "$bocage" visit add --data "$node" "$patient" --home --reason Fièvre --note "Frissons." --vital respiratory-rate=22 \
        --vital spo2=95 --vital blood-pressure=108/60 --vital heart-rate=102 --vital consciousness=A --vital temperature=38,4 --oxygen
    into /dev/null "$bocage" export --data "$node" --out "$out/export"
    # One patient with a note and eleven signs, an allergy, a treatment, a visit with six signs, oxygen and score; one alone; the corrected
    # value in the first version's place.
    python3 - "$out/export" <<'PYTHON'
import json, pathlib, sys
from collections import Counter
bundles = [json.loads(p.read_text()) for p in pathlib.Path(sys.argv[1]).glob("*.json")]
kinds = Counter(e["resource"]["resourceType"] for b in bundles for e in b["entry"])
values = [e["resource"].get("valueQuantity", {}).get("value") for b in bundles for e in b["entry"]]
assert (kinds["Patient"], kinds["Observation"], kinds["Encounter"], kinds.total()) == (2, 19, 1, 26), kinds
assert 74 in values and 72 not in values, values
PYTHON
    for file in "$out"/export/*.json; do cp "$file" "$run/judged/made/acts-${file##*/}"; done
    say "acts: patients, visit, signs, correction …" "26 resources"
}

# meet A B: both run and part when they hold the same.
meet() {
    local port=$((20000 + $$ % 20000)) a b _
    "$bocage" run --data "$1" --no-mdns --listen "127.0.0.1:$port" >"$1.out" 2>&1 &
    a=$!
    "$bocage" run --data "$2" --no-mdns --listen 127.0.0.1:0 --peer "127.0.0.1:$port" >"$2.out" 2>&1 &
    b=$!
    for _ in {1..300}; do
        sleep 0.1
        [[ -S $1/bocage.sock && -S $2/bocage.sock ]] || continue
        [[ $("$bocage" status --data "$1" --json | field root) == "$("$bocage" status --data "$2" --json | field root)" ]] && break
    done
    kill -INT "$a" "$b"
    wait "$a" "$b"
}

# A question to a doctor elsewhere, through every status: one asked back, replied to, answered, closed; one declined; one cancelled.
questions() {
    local here=$run/questions.node there=$run/questions.mobile out=$run/questions patient words request declined cancelled
    mkdir -p "$out"
    found "$here"
    words=$("$bocage" invite --data "$here" --json --out "$out/inv" --address 127.0.0.1:1 | field words)
    BOCAGE_WORDS=$words into /dev/null "$bocage" join "$out/inv" --data "$there" --offline --request "$out/req" \
        --facility "Tournée Petit" --kind mobile --practitioner "Luc Petit" --role doctor --rpps 10000000108
    into /dev/null "$bocage" admit "$out/req" --data "$here" --yes --out "$out/adm"
    into /dev/null "$bocage" join "$out/adm" --data "$there"
    patient=$("$bocage" patient create --data "$here" --json --family Lenoir --given Jeanne --birth-date 1948-03-12 | field patient)
    into /dev/null "$bocage" note add --data "$here" "$patient" "Plaie du talon, 3 cm."
    ask() { "$bocage" request send --data "$here" --json "$patient" --to "Luc Petit" --part clinical "$@" | field request; }
    request=$(ask --urgent "Quel pansement ?")
    declined=$(ask --kind referral "Pouvez-vous la voir ?")
    cancelled=$(ask "Faut-il une radio ?")
    into /dev/null "$bocage" request cancel --data "$here" "$cancelled" "Faite hier."
    meet "$here" "$there"
    into /dev/null "$bocage" request accept --data "$there" "$request"
    into /dev/null "$bocage" export --data "$there" --out "$out/accepted"
    into /dev/null "$bocage" request ask --data "$there" "$request" "Diabétique ?"
    into /dev/null "$bocage" request decline --data "$there" "$declined" "Absent cette semaine."
    meet "$here" "$there"
    into /dev/null "$bocage" export --data "$here" --out "$out/asked"
    into /dev/null "$bocage" request reply --data "$here" "$request" "Oui, type 2."
    meet "$here" "$there"
    into /dev/null "$bocage" request answer --data "$there" "$request" "Hydrocellulaire, décharge."
    meet "$here" "$there"
    into /dev/null "$bocage" export --data "$here" --out "$out/answered"
    into /dev/null "$bocage" request close --data "$here" "$request"
    into /dev/null "$bocage" export --data "$here" --out "$out/closed"
    python3 - "$out" <<'PYTHON'
import json, pathlib, sys
from collections import Counter
kinds, stands = Counter(), set()
for path in pathlib.Path(sys.argv[1]).glob("*/*.json"):
    for entry in json.loads(path.read_text())["entry"]:
        resource = entry["resource"]
        kinds[resource["resourceType"]] += 1
        if resource["resourceType"] == "Task":
            stands.add((resource["businessStatus"]["coding"][0]["code"], resource["status"]))
assert stands >= {("requested", "requested"), ("accepted", "accepted"), ("more-asked", "on-hold"), ("answered", "completed"),
                  ("closed", "completed"), ("declined", "rejected"), ("cancelled", "cancelled")}, stands
assert kinds["ServiceRequest"] == 12 and kinds["Communication"] > 8, kinds
PYTHON
    for file in "$out"/{accepted,asked,answered,closed}/*.json; do
        cp "$file" "$run/judged/made/questions-$(basename "$(dirname "$file")")-${file##*/}"
    done
    say "questions: asked, answered, declined, cancelled" "every status"
}

mkdir -p "$fetched"
sh "$here/fetch.sh" "$fetched" >/dev/null
rm -rf "$run"
mkdir -p "$run"
echo "HL7's examples (${BOCAGE_FHIR:-sample})"
examples
mkdir -p "$run/judged/made"
echo "Made here"
invented
acts
questions
echo "Validators"
timed "fhir.resources" "$fetched/venv/bin/python" "$here/validate.py" "$run/judged/originals" "$run/judged"
timed "npm fhir" node "$here/validate.mjs" "$fetched" "$run/judged/originals" "$run/judged"
rm -rf "$run"
