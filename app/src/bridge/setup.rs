//! Founding and joining from the window.

use std::path::Path;

use bocage_node::client::Failure;
use bocage_node::core::now_ms;
use bocage_node::driver::{Answer, ask_for_admission};
use bocage_node::home::Home;
use bocage_node::invitation;
use bocage_node::keystore::NodeKeyFile;
use bocage_node::place::{self, Description};
use bocage_protocol::identity::{FacilityKind as Kind, Profession as Role};
use zeroize::Zeroizing;

use crate::state::form::{FacilityKind, Profession};
use crate::state::{Founding, Secret, SetupDone};
use crate::view::Invited;

/// Founds a network here.
pub(super) fn found(home: &Home, founding: &Founding) -> Result<SetupDone, Failure> {
    let passphrase = founding.passphrase.expose();
    invitation::strong(passphrase)?;
    let description = describe(founding);
    place::found(home, &founding.network, &description, passphrase, invitation::cost())?;
    Ok(SetupDone::Founded)
}

/// Opens an invitation, to say before anything is made whether it is one and whose.
pub(super) fn check(file: &Path, words: &Secret) -> Result<Invited, Failure> {
    let invitation = invitation::read(&place::read_named(file)?, words.expose())?;
    if invitation.expires_ms < now_ms() {
        return Err(Failure::new(
            "expired",
            "this invitation has expired; ask the place that made it for another one",
            "cette invitation n'est plus valable ; demandez-en une autre au lieu qui l'a faite",
        ));
    }
    Ok(Invited {
        network: invitation.charter.name,
        until_ms: invitation.expires_ms,
    })
}

/// Answers an invitation; asking again asks the same.
pub(super) async fn join(home: Home, file: &Path, words: Secret, founding: Founding) -> Result<SetupDone, Failure> {
    let bytes = place::read_named(file)?;
    invitation::strong(founding.passphrase.expose())?;
    let at = home.clone();
    let made = move || {
        let invitation = invitation::read(&bytes, words.expose())?;
        let sealed = match place::asked(&at, &invitation)? {
            Some(sealed) => sealed,
            None => place::ask(
                &at,
                &invitation,
                &describe(&founding),
                founding.passphrase.expose(),
                invitation::cost(),
            )?,
        };
        Ok::<_, Failure>((invitation, sealed))
    };
    let (invited, sealed) = tokio::task::spawn_blocking(made).await.map_err(|e| {
        Failure::new(
            "internal",
            format!("joining stopped: {e}"),
            format!("l'adhésion s'est arrêtée : {e}"),
        )
    })??;
    let words = invitation::comparison(&invited, &sealed)?;
    let node = NodeKeyFile::open(&home.node_key()).map_err(|e| Failure::of("keys", &e))?;
    let seed = Zeroizing::new(node.network.0);
    match ask_for_admission(seed, invited.node, &invited.addresses, &sealed).await? {
        Answer::Admitted(admission) => {
            place::complete(&home, &admission)?;
            Ok(SetupDone::Joined)
        }
        Answer::Refused(failure) => Err(failure),
        Answer::Later => Ok(SetupDone::Waiting { words }),
    }
}

fn describe(founding: &Founding) -> Description {
    let kind = match founding.kind {
        FacilityKind::Clinic => Kind::Clinic,
        FacilityKind::Pharmacy => Kind::Pharmacy,
        FacilityKind::Cabin => Kind::Cabin,
        FacilityKind::Mobile => Kind::Mobile,
    };
    let role = founding.profession.map(|p| match p {
        Profession::Doctor => Role::Doctor,
        Profession::Nurse => Role::Nurse,
        Profession::Pharmacist => Role::Pharmacist,
    });
    Description {
        facility: founding.facility.clone(),
        kind,
        finess: founding.finess.clone(),
        town: founding.town.clone(),
        practitioner: role.map(|role| (founding.practitioner.clone(), role, founding.rpps.clone())),
    }
}
