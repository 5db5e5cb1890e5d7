//! What goes out, and for whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bocage_protocol::clinical::text;
use bocage_protocol::crypto::derive;
use bocage_protocol::ids::{KemPublic, NodeKey, hex};
use bocage_protocol::mule::Manifest;
use bocage_protocol::peer::{Coverage, Held};
use bocage_protocol::store::Ordered as _;

use crate::backup::RECORDS;
use crate::client::Failure;
use crate::core::now_ms;
use crate::mule_file::Sealing;
use crate::place;
use crate::service::Service;

/// Characters of a node's key that name it.
const MIN_START: usize = 4;
const OWN_NAME: &str = "bocage 2026-11 mule file name v1";
const NAME_FOR: &str = "bocage 2026-11 mule file recipients v1";

/// What a file of this node is made of, its items apart.
pub(in crate::service) struct Load {
    pub(in crate::service) sealing: Sealing,
    /// Facilities of the recipients.
    pub(super) names: BTreeSet<String>,
    pub(super) coverage: Arc<Coverage>,
    pub(in crate::service) statements: Vec<Held>,
    /// Items of the set.
    pub(in crate::service) total: u64,
}

impl Load {
    /// All that these nodes (by facility, or the start of a key; every other one if none is named) may lack.
    pub(super) fn cargo(service: &mut Service, to: &[String]) -> Result<Self, Failure> {
        let nodes = service.recipients_of_cargo(to)?;
        let keys: Vec<NodeKey> = nodes.keys().copied().collect();
        let coverage = service.core.peer.known_there(&keys, &service.core.store);
        Ok(Self {
            names: nodes.values().map(|(_, name)| name.clone()).collect(),
            coverage: Arc::new(coverage),
            statements: service.core.peer.statements(now_ms()),
            total: service.core.store.len(),
            ..Self::sealed_to(service, nodes.into_values().map(|(kem, _)| kem).collect())
        })
    }

    /// The whole set, and who holds what, for a backup.
    pub(in crate::service) fn everything(service: &mut Service, recipients: BTreeSet<KemPublic>) -> Self {
        let mut load = Self {
            statements: service.core.peer.statements(now_ms()),
            total: service.core.store.len(),
            ..Self::sealed_to(service, recipients)
        };
        load.sealing.name = RECORDS.to_owned();
        load.sealing.own_name = RECORDS.to_owned();
        load
    }

    /// What this node holds, for those who sent it something; `None` where none of them can be written to.
    pub(super) fn receipt(service: &mut Service, makers: &BTreeSet<NodeKey>) -> Option<Self> {
        let (own, now) = (place::node_key(&service.keys), now_ms());
        let statements = service.core.peer.statements(now);
        let registry = service.core.registry();
        let served = makers.iter().filter(|maker| registry.serves(maker, now));
        let recipients: BTreeSet<KemPublic> = served.filter_map(|maker| registry.node(maker)).map(|node| node.kem).collect();
        (!recipients.is_empty()).then(|| Self {
            statements: statements.into_iter().filter(|held| held.holder == own).collect(),
            ..Self::sealed_to(service, recipients)
        })
    }

    fn sealed_to(service: &Service, recipients: BTreeSet<KemPublic>) -> Self {
        let own_name = own_name(service);
        let keys: Vec<u8> = recipients.iter().flat_map(|kem| kem.0).collect();
        let to = derive(NAME_FOR, &[&service.keys.local_seal.0, &keys]);
        Self {
            sealing: Sealing {
                recipients,
                manifest: Manifest {
                    network: service.core.registry().network_id(),
                    maker: place::node_key(&service.keys),
                    made_ms: now_ms(),
                },
                hedge: service.keys.local_seal.0,
                name: format!("{own_name}-{}", &hex(&to)[..8]),
                own_name,
            },
            names: BTreeSet::new(),
            coverage: Arc::default(),
            statements: Vec::new(),
            total: 0,
        }
    }
}

/// The same on every stick of this node, and nothing that tells which node it is.
pub(super) fn own_name(service: &Service) -> String {
    format!("bocage-{}", &hex(&derive(OWN_NAME, &[&service.keys.local_seal.0]))[..8])
}

impl Service {
    /// The facility that a node belongs to; empty where it isn't known here.
    pub(super) fn name_of(&self, node: &NodeKey) -> String {
        let registry = self.core.registry();
        let facility = registry.node(node).and_then(|n| registry.facility(&n.facility));
        facility.map(|f| f.name.clone()).unwrap_or_default()
    }

    /// Nodes that a file is for, with the key that it is sealed to and the facility's name.
    fn recipients_of_cargo(&self, to: &[String]) -> Result<BTreeMap<NodeKey, (KemPublic, String)>, Failure> {
        let (own, registry, now) = (place::node_key(&self.keys), self.core.registry(), now_ms());
        let others: Vec<(NodeKey, KemPublic, String)> = registry
            .nodes()
            .filter(|(key, _)| **key != own && registry.serves(key, now))
            .filter_map(|(key, node)| Some((*key, node.kem, registry.facility(&node.facility)?.name.clone())))
            .collect();
        let mut found = BTreeMap::new();
        for wanted in to {
            let (folded, start) = (text::fold(wanted), wanted.to_lowercase());
            let fits = |(key, _, name): &&(NodeKey, KemPublic, String)| {
                text::fold(name) == folded || start.len() >= MIN_START && key.to_hex().starts_with(&start)
            };
            if !others.iter().any(|other| fits(&other)) {
                return Err(Failure::new(
                    "not-found",
                    format!("no other node of the network is {wanted}: see `bocage peers`; nothing was written"),
                    format!("aucun autre nœud du réseau n'est {wanted} : voyez `bocage peers` ; rien n'a été écrit"),
                ));
            }
            found.extend(others.iter().filter(fits).map(|(key, kem, name)| (*key, (*kem, name.clone()))));
        }
        if to.is_empty() {
            found = others.into_iter().map(|(key, kem, name)| (key, (kem, name))).collect();
        }
        if found.is_empty() {
            return Err(Failure::new(
                "alone",
                "this place is alone in its network: there is nobody to carry anything to",
                "ce lieu est seul dans son réseau : il n'y a personne à qui porter quoi que ce soit",
            ));
        }
        Ok(found)
    }
}
