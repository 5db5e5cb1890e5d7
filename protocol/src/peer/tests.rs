//! Several nodes against each other: what converges, what crosses a wire, what a hostile one achieves.

mod attacks;
mod budgets;
mod carried;
mod convergence;
mod harness;
mod held;
mod intake;
mod links;
mod taint;

use crate::access::matrix::Compartment;
use crate::record::{FactBody, NewFact};

fn new(compartment: Compartment, text: &str) -> NewFact {
    NewFact {
        compartment,
        fact: FactBody::resource(text.as_bytes().to_vec()),
    }
}

/// Identity, medication and clinical: what a first consultation writes.
fn first_facts(text: &str) -> Vec<NewFact> {
    [Compartment::Identity, Compartment::Medication, Compartment::Clinical]
        .map(|c| new(c, &format!("{c:?} {text}")))
        .to_vec()
}
