//! Everything a seat can read, as FHIR files: one bundle a record.

use std::fs;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use bocage_protocol::ids::RecordId;

use super::{Turns, URL_MARK};
use crate::client::{Failure, Reply};
use crate::fhir::export::{ExportResource, export_patient};
use crate::lang::Bilingual;

/// Writes one file a record into `out`, in clear: for this account's eyes only. Long: see [`Turns`].
pub(super) fn export(
    mut turns: Turns<'_>,
    out: &Path,
    patient: Option<String>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Reply, Failure> {
    let records: Vec<RecordId> = turns.take(|service| match patient {
        Some(start) => Ok(vec![service.find(&start)?]),
        None => Ok(service.reader()?.records().collect()),
    })?;
    let failed = |e: &dyn Bilingual| {
        Failure::new(
            "file",
            format!("{}: {e}; nothing in the store was changed", out.display()),
            format!("{} : {} ; rien n'a été changé dans les dossiers", out.display(), e.french()),
        )
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(out)
        .map_err(|e| failed(&e))?;
    let total = records.len() as u64;
    let mut resources = 0;
    for (done, record) in (1..).zip(records) {
        let all: Vec<ExportResource> = turns.take(move |service| {
            let current = service.reader()?.current(&record);
            Ok(current
                .map(|f| ExportResource {
                    full_url: f.fact.source.split_once(URL_MARK).map(|(_, url)| url.to_owned()),
                    json: f.fact.body.to_vec(),
                })
                .collect())
        })?;
        let file = private(&out.join(format!("{}.json", record.to_hex()))).map_err(|e| failed(&e))?;
        let mut file = BufWriter::new(file);
        resources += export_patient(all.into_iter(), &mut file).map_err(|e| failed(&e))?;
        file.flush().map_err(|e| failed(&e))?;
        file.get_ref().sync_all().map_err(|e| failed(&e))?;
        progress(done, total);
    }
    fs::File::open(out).and_then(|dir| dir.sync_all()).map_err(|e| failed(&e))?;
    Ok(Reply::Exported { files: total, resources })
}

/// A file that no other account can read, whoever could before.
fn private(path: &Path) -> std::io::Result<fs::File> {
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}
