//! From facts to a file: a collection Bundle whose resources are the stored bytes.
//!
//! Written as it goes, one resource held at a time. Every entry has a full URL of its own, as FHIR asks (bdl-7), so that references resolve
//! inside the file: the one it came with, if the caller kept it, else one made of its id.

use super::mapping::write::is_uuid;
use super::scan::Scanner;
use super::{LIMITS, filing};
use bocage_protocol::crypto::derive;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::io::{self, Write};
use thiserror::Error;

/// Base of made-up full URLs: `.invalid` never resolves (RFC 2606). Relative references of a resource resolve against it.
pub const BASE: &str = "https://bocage.invalid/fhir";
const HASH: &str = "bocage 2026-11 fhir full url v1";

/// One resource to be exported: a fact's current version.
pub struct ExportResource {
    /// As [`super::ImportItem::full_url`]; `None` if it wasn't kept or the resource was made here.
    pub full_url: Option<String>,
    pub json: Vec<u8>,
}

/// Why an export ended. The file is incomplete and should be removed.
#[derive(Debug, Error)]
pub enum ExportError {
    #[error("can't write: {0}")]
    Io(#[from] io::Error),
    /// Damage in the store: a fact that isn't a resource.
    #[error("resource {0} in the record is damaged")]
    Damaged(u64),
}

/// Writes the resources of one patient as a `collection` Bundle; returns how many.
pub fn export_patient<W: Write>(resources: impl Iterator<Item = ExportResource>, mut out: W) -> Result<u64, ExportError> {
    let mut used = BTreeSet::new();
    let mut written = 0;
    out.write_all(b"{\"resourceType\":\"Bundle\",\"type\":\"collection\"")?;
    for resource in resources {
        let mut url = full_url(&resource).ok_or(ExportError::Damaged(written))?;
        if used.contains(&url) {
            url = made_up(&resource.json, written);
        }
        out.write_all(if written == 0 {
            b",\"entry\":[\n{\"fullUrl\":"
        } else {
            b",\n{\"fullUrl\":"
        })?;
        serde_json::to_writer(&mut out, &url).map_err(io::Error::from)?;
        out.write_all(b",\"resource\":")?;
        out.write_all(&resource.json)?;
        out.write_all(b"}")?;
        used.insert(url);
        written += 1;
    }
    out.write_all(if written == 0 { b"}\n" } else { b"\n]}\n" })?;
    out.flush()?;
    Ok(written)
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "resourceType")]
    kind: String,
    id: Option<String>,
}

/// `None` if the bytes aren't one whole resource.
fn full_url(resource: &ExportResource) -> Option<String> {
    let mut scanner = Scanner::new(resource.json.as_slice(), LIMITS);
    let whole = scanner.keep().ok()?.json.ok()?;
    if scanner.next_byte().ok()?.is_some() {
        return None;
    }
    let head: Head = serde_json::from_slice(&whole).ok()?;
    if let Some(url) = &resource.full_url {
        return Some(url.clone());
    }
    Some(match head.id {
        Some(id) if is_uuid(&id) => format!("urn:uuid:{id}"),
        Some(id) if filing::is_id(&id) && filing::is_type_name(&head.kind) => format!("{BASE}/{}/{id}", head.kind),
        _ => made_up(&resource.json, 0),
    })
}

/// A URL of the resource's own bytes.
fn made_up(json: &[u8], salt: u64) -> String {
    let hash = derive(HASH, &[&salt.to_be_bytes(), json]);
    let bytes = *hash.first_chunk().expect("a hash has 32 bytes");
    format!("urn:uuid:{}", super::mapping::write::uuid(bytes))
}
