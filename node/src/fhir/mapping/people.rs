//! Patient, Practitioner, Organization.

use super::read::{Fields, Identifier, ViewError};
use bocage_protocol::clinical::identifiers::system;

/// Who a record is about. No `Debug`: it holds an identity.
#[derive(Clone, PartialEq, Eq)]
pub struct PatientView {
    pub id: Option<String>,
    pub family: Option<String>,
    pub given: Vec<String>,
    /// The name as one text, where its parts aren't given.
    pub name_text: Option<String>,
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
    pub birth_date: Option<String>,
    /// FHIR administrative gender: `male`, `female`, `other`, `unknown`.
    pub sex: Option<String>,
    pub ins: Option<InsView>,
    pub identifiers: Vec<Identifier>,
    pub phones: Vec<String>,
    pub address: Option<AddressView>,
    /// False only where the sender says so.
    pub active: bool,
    pub deceased: bool,
}

/// A national health identity number.
#[derive(Clone, PartialEq, Eq)]
pub struct InsView {
    /// `urn:oid:…` of one of the four kinds.
    pub system: String,
    pub value: String,
    /// False: show a warning beside it.
    pub key_holds: bool,
}

#[derive(Clone, PartialEq, Eq)]
pub struct AddressView {
    pub lines: Vec<String>,
    pub postal_code: Option<String>,
    pub city: Option<String>,
}

/// A health professional.
#[derive(Clone, PartialEq, Eq)]
pub struct PractitionerView {
    pub id: Option<String>,
    pub family: Option<String>,
    pub given: Vec<String>,
    pub rpps: Option<String>,
    pub identifiers: Vec<Identifier>,
}

/// A facility.
#[derive(Clone, PartialEq, Eq)]
pub struct OrganizationView {
    pub id: Option<String>,
    pub name: Option<String>,
    pub finess: Option<String>,
    pub identifiers: Vec<Identifier>,
}

impl PatientView {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        let identifiers = fields.objects("identifier", Identifier::read)?;
        let ins = identifiers.iter().find(|i| i.is_ins() && i.value.is_some()).map(|i| InsView {
            system: i.system.clone().unwrap_or_default(),
            value: i.value.clone().unwrap_or_default(),
            key_holds: i.sound,
        });
        let name = preferred_name(fields)?;
        let sex = fields.code("gender")?;
        if let Some(s) = &sex
            && !["male", "female", "other", "unknown"].contains(&s.as_str())
        {
            return Err(ViewError::at("gender", "expected male, female, other or unknown"));
        }
        let phones = fields
            .objects("telecom", |t| Ok((t.code("system")?, t.owned("value")?)))?
            .into_iter()
            .filter_map(|(kind, value)| value.filter(|_| kind.as_deref() == Some("phone")))
            .collect();
        let address = fields
            .objects("address", |a| {
                Ok(AddressView {
                    lines: a.texts("line")?,
                    postal_code: a.owned("postalCode")?,
                    city: a.owned("city")?,
                })
            })?
            .into_iter()
            .next();
        Ok(Self {
            id: fields.owned("id")?,
            family: name.family,
            given: name.given,
            name_text: name.text,
            birth_date: fields.date("birthDate")?,
            sex,
            ins,
            identifiers,
            phones,
            address,
            active: fields.boolean("active")?.unwrap_or(true),
            deceased: fields.boolean("deceasedBoolean")?.unwrap_or(false) || fields.date_time("deceasedDateTime")?.is_some(),
        })
    }

    /// Family name, given names: as a list shows them.
    pub fn display_name(&self) -> String {
        match (&self.family, self.given.is_empty(), &self.name_text) {
            (None, true, Some(text)) => text.clone(),
            (family, _, _) => {
                let parts: Vec<&str> = family.iter().chain(&self.given).map(String::as_str).collect();
                parts.join(" ")
            }
        }
    }
}

impl PractitionerView {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        let identifiers = fields.objects("identifier", Identifier::read)?;
        let name = preferred_name(fields)?;
        Ok(Self {
            id: fields.owned("id")?,
            family: name.family,
            given: name.given,
            rpps: value_in(&identifiers, system::RPPS),
            identifiers,
        })
    }
}

impl OrganizationView {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, ViewError> {
        let identifiers = fields.objects("identifier", Identifier::read)?;
        Ok(Self {
            id: fields.owned("id")?,
            name: fields.owned("name")?,
            finess: value_in(&identifiers, system::FINESS),
            identifiers,
        })
    }
}

fn value_in(identifiers: &[Identifier], system: &str) -> Option<String> {
    identifiers.iter().find(|i| i.system.as_deref() == Some(system))?.value.clone()
}

struct Name {
    usage: Option<String>,
    family: Option<String>,
    given: Vec<String>,
    text: Option<String>,
}

/// Which of several names is shown: the least.
pub(super) fn rank(usage: Option<&str>) -> u8 {
    match usage {
        Some("usual") => 0,
        Some("official") => 1,
        None => 2,
        Some("old" | "maiden") => 4,
        Some(_) => 3,
    }
}

/// The name in use, else the official one, else the first that isn't a former one.
fn preferred_name(fields: &Fields<'_>) -> Result<Name, ViewError> {
    let names = fields.objects("name", |n| {
        Ok(Name {
            usage: n.code("use")?,
            family: n.owned("family")?,
            given: n.texts("given")?,
            text: n.owned("text")?,
        })
    })?;
    let none = Name {
        usage: None,
        family: None,
        given: Vec::new(),
        text: None,
    };
    Ok(names.into_iter().min_by_key(|n| rank(n.usage.as_deref())).unwrap_or(none))
}
