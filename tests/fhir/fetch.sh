#!/bin/sh
# Fetches what the FHIR checks need into DIR (default: ./fhir-checks): HL7's examples and two independent validators.
#   DIR/examples    R4 examples and the International Patient Summary's, from npm
#   DIR/node_modules  npm fhir;  DIR/venv  PyPI fhir.resources
# Then:
#   BOCAGE_FHIR_EXAMPLES=DIR/examples BOCAGE_FHIR_OUT=DIR/out cargo test -p bocage-node --test it fhir -- --nocapture
#   DIR/venv/bin/python tests/fhir/validate.py DIR/examples DIR/out
#   node tests/fhir/validate.mjs DIR DIR/examples DIR/out
set -eu
dir=${1:-fhir-checks}
mkdir -p "$dir/examples"
cd "$dir"
for package in hl7.fhir.r4.examples@4.0.1 hl7.fhir.uv.ips@2.0.0; do
    name=${package%@*}
    [ -d "examples/$name" ] && continue
    archive=$(npm pack --silent "$package")
    mkdir -p "examples/$name"
    tar xzf "$archive" -C "examples/$name"
    rm "$archive"
done
npm install --silent --no-audit --no-fund fhir@4.12
[ -d venv ] || python3 -m venv venv
venv/bin/pip install --quiet 'fhir.resources==8.3.0'
echo "ready in $(pwd)"
