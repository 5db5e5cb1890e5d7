//! A visit as it stands on the command line.

use super::args;
use crate::client::{Failure, Visit, Vital};

/// The visit, and whether it is only to be judged.
pub(super) fn typed(line: args::Visit) -> Result<(Visit, bool), Failure> {
    let args::Visit::Add {
        patient,
        reason,
        note,
        vital,
        oxygen,
        air,
        scale,
        pregnant,
        home,
        check,
    } = line;
    let vitals = vital.iter().map(|text| {
        let (sign, value) = text.split_once('=').ok_or_else(|| {
            Failure::new(
                "usage",
                format!("--vital {text}: write it as temperature=37.2; nothing was saved"),
                format!("--vital {text} : écrivez comme temperature=37,2 ; rien n'a été enregistré"),
            )
        })?;
        Ok(Vital {
            sign: sign.trim().to_owned(),
            value: value.to_owned(),
        })
    });
    let visit = Visit {
        patient,
        reason,
        note,
        vitals: vitals.collect::<Result<_, _>>()?,
        oxygen: (oxygen || air).then_some(oxygen),
        news2_scale: Some(scale),
        pregnant,
        home,
    };
    Ok((visit, check))
}
