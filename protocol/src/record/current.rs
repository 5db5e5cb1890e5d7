//! What supersedes what.
//!
//! Only accepted facts supersede. Two that supersede each other, directly or round a longer cycle, stay side by side: a cycle hides
//! nothing, so naming a fact's id before it exists gains nobody anything.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::FactId;

/// The ids that some accepted fact supersedes. `accepted` maps each accepted fact to what it lists.
pub(super) fn superseded(accepted: &BTreeMap<FactId, &[FactId]>) -> BTreeSet<FactId> {
    let component = components(accepted);
    let mut hidden = BTreeSet::new();
    for (fact, targets) in accepted {
        for target in *targets {
            if component.get(target) != component.get(fact) {
                hidden.insert(*target);
            }
        }
    }
    hidden
}

/// Strongly connected components (Tarjan, without recursion: a chain of corrections can be long).
fn components(graph: &BTreeMap<FactId, &[FactId]>) -> BTreeMap<FactId, usize> {
    let mut order: BTreeMap<FactId, usize> = BTreeMap::new();
    let mut low: BTreeMap<FactId, usize> = BTreeMap::new();
    let mut component: BTreeMap<FactId, usize> = BTreeMap::new();
    let mut open: Vec<FactId> = Vec::new();
    let mut path: Vec<(FactId, usize)> = Vec::new();
    let mut components = 0;
    for &root in graph.keys() {
        if order.contains_key(&root) {
            continue;
        }
        path.push((root, 0));
        while let Some((fact, next)) = path.pop() {
            if next == 0 {
                let n = order.len();
                order.insert(fact, n);
                low.insert(fact, n);
                open.push(fact);
            }
            let targets = graph[&fact];
            if let Some(target) = targets.get(next) {
                path.push((fact, next + 1));
                if graph.contains_key(target) {
                    match order.get(target) {
                        None => path.push((*target, 0)),
                        Some(&n) if !component.contains_key(target) => lower(&mut low, fact, n),
                        Some(_) => {}
                    }
                }
                continue;
            }
            let lowest = low[&fact];
            if let Some((parent, _)) = path.last() {
                lower(&mut low, *parent, lowest);
            }
            if lowest == order[&fact] {
                while let Some(member) = open.pop() {
                    component.insert(member, components);
                    if member == fact {
                        break;
                    }
                }
                components += 1;
            }
        }
    }
    component
}

fn lower(low: &mut BTreeMap<FactId, usize>, fact: FactId, n: usize) {
    let at = low.get_mut(&fact).expect("a fact on the path has been numbered");
    *at = n.min(*at);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u16) -> FactId {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        FactId(bytes)
    }

    fn hidden(edges: &[(u16, &[u16])]) -> Vec<u16> {
        let lists: Vec<(FactId, Vec<FactId>)> = edges.iter().map(|(f, t)| (id(*f), t.iter().map(|t| id(*t)).collect())).collect();
        let graph = lists.iter().map(|(f, t)| (*f, &t[..])).collect();
        superseded(&graph).iter().map(|f| u16::from_be_bytes([f.0[0], f.0[1]])).collect()
    }

    #[test]
    fn corrections_hide_and_concurrent_ones_stay_side_by_side() {
        assert_eq!(hidden(&[(1, &[]), (2, &[1]), (3, &[2])]), [1, 2]);
        assert_eq!(hidden(&[(1, &[]), (2, &[1]), (3, &[1])]), [1]);
        assert_eq!(hidden(&[(2, &[9])]), [9], "also what is not here yet, or not accepted");
    }

    #[test]
    fn cycles_hide_nothing_but_what_lies_outside_them() {
        assert_eq!(hidden(&[(1, &[1])]), [] as [u16; 0]);
        assert_eq!(hidden(&[(1, &[2]), (2, &[1])]), [] as [u16; 0]);
        assert_eq!(hidden(&[(1, &[2]), (2, &[3]), (3, &[1, 4]), (4, &[])]), [4]);
        assert_eq!(hidden(&[(1, &[2]), (2, &[1]), (5, &[1])]), [1]);
    }

    #[test]
    fn a_long_chain_of_corrections_does_not_overflow_the_stack() {
        let lists: Vec<Vec<FactId>> = (0..20_000u16).map(|n| if n == 0 { vec![] } else { vec![id(n - 1)] }).collect();
        let graph = (0..20_000u16).map(|n| (id(n), &lists[usize::from(n)][..])).collect();
        assert_eq!(superseded(&graph).len(), 19_999);
    }
}
