//! Engine, store and seat together, without a socket: takes inputs, makes writes durable, feeds the reader.
//!
//! Every effect of one input is carried out before the next: requested batches are merged, committed (fsynced), and only then
//! reported back to the engine. Tests and commands without a network use exactly this.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use bocage_protocol::crypto::Entropy;
use bocage_protocol::identity::{Charter, Registry};
use bocage_protocol::peer::{Effects, Event, Input, LinkId, Peer};
use bocage_protocol::record::{Reader, SeatSecrets, Write};
use bocage_protocol::store::{Batch, LocalWrite, MAX_BATCH, Store, StoreError};
use bocage_protocol::sync::SessionSettings;
use ed25519_dalek::SigningKey;

use crate::keystore::OsEntropy;
use crate::store::LogStore;

/// What the driver has to do after an input.
#[derive(Default)]
pub struct Outcome {
    pub events: Vec<Event>,
    pub close: Vec<LinkId>,
    pub ready: BTreeSet<LinkId>,
    /// The disk's answer, if it refused something.
    pub refused: Option<StoreError>,
}

/// A node without its sockets.
pub struct Core {
    pub store: LogStore,
    pub peer: Peer,
    pub reader: Option<Reader>,
    next_ticket: u64,
}

/// Milliseconds since 1970 on this machine's clock.
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

impl Core {
    /// # Errors
    /// The store can't be read.
    pub fn open(store: LogStore, node: SigningKey, charter: Charter) -> Result<Self, StoreError> {
        // A store's incarnation is the process's: cursors over it come with its persisted index.
        let settings = SessionSettings {
            store: random_u64(),
            ..SessionSettings::default()
        };
        let peer = Peer::open(node, charter, &store, settings)?;
        Ok(Self {
            store,
            peer,
            reader: None,
            next_ticket: 1,
        })
    }

    pub fn registry(&self) -> &Registry {
        self.peer.registry()
    }

    /// Opens a practitioner's seat on everything stored.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn unlock(&mut self, secrets: SeatSecrets) -> Result<(), StoreError> {
        self.reader = Some(Reader::open(
            secrets,
            random_u64(),
            &mut self.store,
            self.peer.registry(),
            now_ms(),
        )?);
        Ok(())
    }

    /// Feeds one input and carries out what it asks of the disk.
    pub fn input(&mut self, input: Input) -> Outcome {
        let mut effects = Effects::default();
        self.peer.handle(now_ms(), input, OsEntropy.random32(), &self.store, &mut effects);
        self.carry_out(effects)
    }

    /// The next frame for a link.
    pub fn next_frame(&mut self, link: LinkId, budget: usize) -> (Option<Vec<u8>>, Outcome) {
        let mut effects = Effects::default();
        let frame = self.peer.next_frame(now_ms(), link, &self.store, budget, &mut effects);
        (frame, self.carry_out(effects))
    }

    /// Makes a seat's write durable. Returns what happened besides.
    ///
    /// # Errors
    /// The disk refused: nothing of the write counts, everything saved before is safe.
    pub fn save(&mut self, write: &Write) -> Result<Outcome, StoreError> {
        let outcome = self.save_items(write.items.clone(), vec![write.local.clone()])?;
        if let Some(reader) = self.reader.as_mut() {
            reader.saved(write);
        }
        Ok(outcome)
    }

    /// Makes items of our own durable.
    ///
    /// # Errors
    /// The disk refused, or an item doesn't belong to the set.
    pub fn save_items(&mut self, items: Vec<Vec<u8>>, local: Vec<LocalWrite>) -> Result<Outcome, StoreError> {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let mut outcome = self.input(Input::Write { ticket, items, local });
        if outcome.events.contains(&Event::Saved { ticket }) {
            Ok(outcome)
        } else {
            Err(outcome
                .refused
                .take()
                .unwrap_or_else(|| StoreError::Damaged("an envelope of our own was refused".into())))
        }
    }

    /// Writes down what spares the next start work, before a clean stop.
    pub fn stop(&mut self) {
        let local = self.peer.stop(&self.store);
        if local.is_empty() {
            return;
        }
        if let Err(error) = self.save_local(local) {
            tracing::warn!(%error, "who holds what was not written down; it is found out again");
        }
    }

    /// Makes local records durable.
    ///
    /// # Errors
    /// The disk refused.
    pub fn save_local(&mut self, local: Vec<LocalWrite>) -> Result<(), StoreError> {
        self.store.commit(&Batch { items: Vec::new(), local }).map(drop)
    }

    fn carry_out(&mut self, mut effects: Effects) -> Outcome {
        let mut outcome = Outcome::default();
        while !effects.commits.is_empty() {
            let mut merged = Batch::default();
            let mut parts = Vec::new();
            let mut rest = Vec::new();
            for (batch_no, batch) in std::mem::take(&mut effects.commits) {
                if !rest.is_empty() || (!parts.is_empty() && merged.weight() + batch.weight() > MAX_BATCH) {
                    rest.push((batch_no, batch));
                    continue;
                }
                parts.push((batch_no, batch.items.len()));
                merged.items.extend(batch.items);
                merged.local.extend(batch.local);
            }
            effects.commits = rest;
            let committed = if merged.is_empty() {
                Ok(Vec::new())
            } else {
                self.store.commit(&merged)
            };
            match committed {
                Ok(new) => {
                    let mut new = new.into_iter();
                    for (batch, count) in parts {
                        let new = new.by_ref().take(count).collect();
                        self.peer
                            .handle(now_ms(), Input::Committed { batch, new }, [0; 32], &self.store, &mut effects);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the disk refused a write");
                    for (batch, _) in parts {
                        self.peer
                            .handle(now_ms(), Input::CommitFailed { batch }, [0; 32], &self.store, &mut effects);
                    }
                    outcome.refused = Some(error);
                }
            }
        }
        self.inform_reader(&effects.events);
        outcome.events = effects.events;
        outcome.close = effects.close;
        outcome.ready = effects.ready;
        outcome
    }

    fn inform_reader(&mut self, events: &[Event]) {
        let Some(reader) = self.reader.as_mut() else { return };
        let registry = self.peer.registry();
        let mut told = Ok(());
        if events.contains(&Event::RegistryChanged) {
            told = reader.registry_changed(&self.store, registry);
        }
        for event in events {
            if let Event::Stored { keys } = event {
                told = told.and_then(|()| reader.absorb(keys, &self.store, registry, now_ms()));
            }
        }
        if let Err(error) = told {
            // Nothing is lost: the seat sees the rest when it is opened again.
            tracing::error!(%error, "the open seat could not read what was stored");
        }
    }
}

pub(crate) fn random_u64() -> u64 {
    u64::from_be_bytes(OsEntropy.random32()[..8].try_into().expect("8 of 32 bytes"))
}
