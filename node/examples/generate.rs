//! Writes an invented territory as one FHIR Bundle: what `tests/fhir/run.sh` imports, and larger ones for measurements.
//!
//!     cargo run -p bocage-node --example generate -- SEED PATIENTS RESOURCES > bundle.json
//!
//! RESOURCES counts all of one patient's. The same numbers give the same bytes.

use anyhow::Context;
use bocage_node::fhir::generate::Generator;
use std::io::{self, BufWriter};

fn main() -> anyhow::Result<()> {
    let numbers: Vec<u64> = std::env::args()
        .skip(1)
        .map(|word| word.parse())
        .collect::<Result<_, _>>()
        .context("SEED PATIENTS RESOURCES are whole numbers")?;
    let &[seed, patients, resources] = numbers.as_slice() else {
        anyhow::bail!("usage: generate SEED PATIENTS RESOURCES > bundle.json");
    };
    let resources = usize::try_from(resources).context("RESOURCES is too large")?;
    Generator::new(seed).write_bundle(BufWriter::new(io::stdout().lock()), patients, resources)?;
    Ok(())
}
