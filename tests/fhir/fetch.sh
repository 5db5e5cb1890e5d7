#!/bin/sh
# Fetches what the FHIR checks need into DIR (default: ./fhir-checks): HL7's examples and two independent validators.
#   DIR/examples    R4 examples and the International Patient Summary's, from npm
#   DIR/node_modules  npm fhir;  DIR/venv  PyPI fhir.resources
# What is there already is kept. tests/fhir/run.sh calls this and goes through the built binary; the mapping alone, in memory:
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
    rm -rf "examples/$name.part"
    mkdir -p "examples/$name.part"
    tar xzf "$archive" -C "examples/$name.part"
    mv "examples/$name.part" "examples/$name"
    rm "$archive"
done
[ -d node_modules/fhir ] || npm install --silent --no-audit --no-fund --prefix . fhir@4.12
[ -x venv/bin/pip ] || python3 -m venv venv
venv/bin/python -c 'import fhir.resources.R4B' 2>/dev/null ||
    venv/bin/pip install --quiet --disable-pip-version-check 'fhir.resources==8.3.0'
echo "ready in $(pwd)"
