//! What is typed: wiped from memory when it goes, and shown by no debug output.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use super::Field;

/// A passphrase, or the words of an invitation.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Everything that is being typed, by field.
#[derive(Clone, PartialEq, Default)]
pub struct Texts(BTreeMap<Field, Zeroizing<String>>);

impl Texts {
    pub fn get(&self, field: Field) -> &str {
        self.0.get(&field).map_or("", |text| text.as_str())
    }

    pub fn set(&mut self, field: Field, text: String) {
        if text.is_empty() {
            self.0.remove(&field);
        } else {
            self.0.insert(field, Zeroizing::new(text));
        }
    }

    /// Keeps what is typed already.
    pub fn set_if_empty(&mut self, field: Field, text: String) {
        if self.get(field).is_empty() {
            self.set(field, text);
        }
    }

    pub fn take(&mut self, field: Field) -> String {
        self.0.remove(&field).map(|mut text| std::mem::take(&mut *text)).unwrap_or_default()
    }

    pub fn remove(&mut self, field: Field) {
        self.0.remove(&field);
    }

    pub fn retain(&mut self, keep: impl Fn(Field) -> bool) {
        self.0.retain(|field, _| keep(*field));
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Which fields hold something, not what.
impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_typed_is_shown_by_debug_output() {
        let mut texts = Texts::default();
        texts.set(Field::Passphrase, "haie vive".to_owned());
        texts.set(Field::Note, "Œdème".to_owned());
        let shown = format!("{texts:?} {:?}", Secret::new("haie vive".to_owned()));
        assert!(!shown.contains("haie") && !shown.contains("dème"), "{shown}");
        assert!(shown.contains("Note"), "{shown}");
        assert_eq!(texts.take(Field::Passphrase), "haie vive");
        assert_eq!(texts.get(Field::Passphrase), "");
    }
}
