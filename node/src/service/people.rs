//! Everybody whose identity this seat can read, ready to be found: folded names in memory, kept up with the record they came from.
//!
//! Parsing a hundred thousand identities at each keystroke would take seconds; looking through their folded words takes milliseconds.
//! Lives with the open seat and goes with it. A row is made anew when the facts it was read from are others.

use std::collections::BTreeMap;

use bocage_protocol::access::matrix::Compartment;
use bocage_protocol::clinical::text;
use bocage_protocol::ids::{FactId, RecordId, unhex};
use bocage_protocol::record::{Reader, RecordFact, Sight};

use super::Service;
use super::acts::row_of;
use crate::client::{Failure, PatientRow, Reply, TwinRow};
use crate::core::now_ms;

/// Rows of a search that say whether their record is still open here.
const STANDINGS: usize = 200;
/// Likely twins that are shown, the likeliest first.
const TWINS_SHOWN: usize = 20;

/// Who can be found.
#[derive(Default)]
pub(super) struct People {
    keys: BTreeMap<RecordId, Key>,
    /// In the order they are shown.
    sorted: BTreeMap<Key, Person>,
}

/// Family and given name, folded; then the record.
type Key = (String, String, RecordId);

struct Person {
    row: PatientRow,
    /// Folded words of what can be searched for, each after a space.
    index: String,
    /// Identity facts that were looked at for it: the same ones say the same.
    from: Vec<FactId>,
}

impl People {
    /// Patients that can be found.
    pub(super) fn count(&self) -> u64 {
        self.sorted.len() as u64
    }

    /// Looks at a record whose facts may have changed.
    fn update(&mut self, reader: &Reader, record: RecordId) {
        let is_identity = |f: &RecordFact<'_>| f.compartment == Compartment::Identity;
        let current = || reader.current(&record).filter(is_identity);
        if let Some(known) = self.keys.get(&record).and_then(|key| self.sorted.get(key))
            && current().map(|f| f.fact.id).take(known.from.len()).eq(known.from.iter().copied())
        {
            return;
        }
        if let Some(key) = self.keys.remove(&record) {
            self.sorted.remove(&key);
        }
        let mut from = Vec::new();
        let row = current().find_map(|f| {
            from.push(f.fact.id);
            row_of(record, f.fact.body)
        });
        if let Some(row) = row {
            self.insert(record, row, from);
        }
    }

    fn insert(&mut self, record: RecordId, row: PatientRow, from: Vec<FactId>) {
        let key = (text::fold(&row.family), text::fold(&row.given), record);
        let words = format!("{} {} {} {}", row.family, row.given, row.ins, row.birth_date);
        let index = format!(" {}", text::index(&words));
        self.keys.insert(record, key.clone());
        self.sorted.insert(key, Person { row, index, from });
    }

    /// A page of those whom every word of the query finds, and how many there are in all.
    fn search(&self, query: &str, limit: Option<u32>, offset: u32) -> (Vec<PatientRow>, u64) {
        // As `text::matches`, on whole lines: a word of the query begins a word of the index.
        let words: Vec<String> = text::fold(query).split(' ').map(|word| format!(" {word}")).collect();
        let (from, most) = (u64::from(offset), limit.map_or(u64::MAX, u64::from));
        let (mut rows, mut total) = (Vec::new(), 0);
        for person in self
            .sorted
            .values()
            .filter(|p| words.iter().all(|word| p.index.contains(word.as_str())))
        {
            if total >= from && (rows.len() as u64) < most {
                rows.push(person.row.clone());
            }
            total += 1;
        }
        (rows, total)
    }

    /// Who may be the person of this name, birth date and number: the likeliest first.
    fn twins(&self, family: &str, given: &str, birth_date: &str, ins: Option<&str>) -> Vec<TwinRow> {
        let wanted = (text::fold(family), text::fold(given));
        let ins = ins.filter(|number| digits(number).next().is_some());
        let mut found: Vec<(Why, &PatientRow)> = Vec::new();
        for ((family, given, _), person) in &self.sorted {
            let why = if ins.is_some_and(|ins| digits(ins).eq(digits(&person.row.ins))) {
                Some(Why::Ins)
            } else if same_day(&person.row.birth_date, birth_date) {
                why([family, given], [&wanted.0, &wanted.1])
            } else {
                None
            };
            found.extend(why.map(|why| (why, &person.row)));
        }
        found.sort_by_key(|(why, _)| *why);
        found.truncate(TWINS_SHOWN);
        let twin = |(why, row): (Why, &PatientRow)| {
            let [name, en, fr] = why.words();
            TwinRow {
                row: row.clone(),
                why: name.to_owned(),
                en: en.to_owned(),
                fr: fr.to_owned(),
            }
        };
        found.into_iter().map(twin).collect()
    }
}

/// Why two may be one person, the strongest reason first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Why {
    Ins,
    Name,
    Swapped,
    Similar,
    GivenMissing,
}

impl Why {
    /// The word of the API, and sentences in English and French.
    fn words(self) -> [&'static str; 3] {
        match self {
            Self::Ins => ["ins", "the same INS", "le même INS"],
            Self::Name => ["name", "the same name and birth date", "mêmes nom et date de naissance"],
            Self::Swapped => [
                "swapped",
                "the same birth date, family and given name swapped",
                "même date de naissance, nom et prénom inversés",
            ],
            Self::Similar => [
                "similar",
                "the same birth date and a similar name",
                "même date de naissance et nom ressemblant",
            ],
            Self::GivenMissing => [
                "given-missing",
                "the same birth date and family name, one without a given name",
                "mêmes nom et date de naissance, l'un sans prénom",
            ],
        }
    }
}

/// How two folded names, family then given, are alike.
fn why([family, given]: [&str; 2], [other_family, other_given]: [&str; 2]) -> Option<Why> {
    let joined = |name: &str| name.replace(' ', "");
    let [f, g, of, og] = [family, given, other_family, other_given].map(joined);
    let first = |name: &str| name.split(' ').next().unwrap_or_default().to_owned();
    // Jean and Jean-Pierre, never nothing and something.
    let same_first = !g.is_empty() && !og.is_empty() && first(given) == first(other_given);
    if f.is_empty() && g.is_empty() {
        None
    } else if (&f, &g) == (&of, &og) {
        Some(Why::Name)
    } else if (&f, &g) == (&og, &of) {
        Some(Why::Swapped)
    } else if f == of && (g.is_empty() || og.is_empty()) {
        Some(Why::GivenMissing)
    } else if f == of && (same_first || edits(&g, &og) <= slips(&g, &og)) || g == og && edits(&f, &of) <= slips(&f, &of) {
        Some(Why::Similar)
    } else {
        None
    }
}

/// A number without spaces and dots.
fn digits(number: &str) -> impl Iterator<Item = u8> {
    number.bytes().filter(u8::is_ascii_alphanumeric).map(|b| b.to_ascii_uppercase())
}

/// The same birth date as far as both say.
fn same_day(a: &str, b: &str) -> bool {
    !a.is_empty() && !b.is_empty() && (a.starts_with(b) || b.starts_with(a))
}

/// Slips of the finger or of the ear that names of this length may hold and still be one: FOUGERAY and FOUGERAIS were born the same day.
fn slips(a: &str, b: &str) -> usize {
    if a.chars().count().min(b.chars().count()) >= 5 { 2 } else { 1 }
}

/// Letters more, less, other, and neighbours swapped.
fn edits(a: &str, b: &str) -> usize {
    strsim::osa_distance(a, b)
}
impl Service {
    /// Everybody who can be read, kept up with what came since.
    pub(super) fn people(&mut self) -> Result<&People, Failure> {
        self.reader()?;
        if let Some(reader) = self.core.reader.as_mut() {
            for record in reader.take_touched() {
                self.people.update(reader, record);
            }
        }
        Ok(&self.people)
    }

    pub(super) fn patient_search(&mut self, query: &str, limit: Option<u32>, offset: u32) -> Result<Reply, Failure> {
        let (mut patients, total) = self.people()?.search(query, limit, offset);
        let (reader, registry) = (self.reader()?, self.core.registry());
        // Of a page, as a window asks for: of a hundred thousand it would take too long.
        for row in patients.iter_mut().take(STANDINGS) {
            let record = unhex(&row.patient).and_then(|id| id.try_into().ok()).map(RecordId);
            row.shut = record.is_some_and(|r| reader.standing(&r, Compartment::Identity, registry, now_ms()).sight == Sight::Shut);
        }
        Ok(Reply::Patients { patients, total })
    }

    pub(super) fn patient_twins(
        &mut self,
        family: &str,
        given: &str,
        birth_date: &str,
        ins: Option<&str>,
    ) -> Result<Vec<TwinRow>, Failure> {
        Ok(self.people()?.twins(family, given, birth_date, ins))
    }

    /// Somebody of exactly this name, born that day.
    pub(super) fn twin(&mut self, family: &str, given: &str, birth_date: &str) -> Result<Option<PatientRow>, Failure> {
        let key = (text::fold(family), text::fold(given));
        let from = (key.0.clone(), key.1.clone(), RecordId([0; RecordId::LEN]));
        let people = self.people()?;
        let mut same = people.sorted.range(from..).take_while(|((f, g, _), _)| (f, g) == (&key.0, &key.1));
        Ok(same.find(|(_, p)| p.row.birth_date == birth_date).map(|(_, p)| p.row.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn row(family: &str, given: &str, birth_date: &str, ins: &str) -> PatientRow {
        PatientRow {
            family: family.into(),
            given: given.into(),
            birth_date: birth_date.into(),
            ins: ins.into(),
            ..PatientRow::default()
        }
    }

    fn people(rows: impl IntoIterator<Item = PatientRow>) -> People {
        let mut people = People::default();
        for (n, row) in (0_u64..).zip(rows) {
            let mut id = [0; RecordId::LEN];
            id[..8].copy_from_slice(&n.to_be_bytes());
            people.insert(RecordId(id), row, Vec::new());
        }
        people
    }

    #[test]
    fn a_page_is_a_part_of_the_whole_in_the_same_order() {
        let people = people(["Petit", "Élan", "elan", "Zola", "Morel"].map(|f| row(f, "Anne", "1950-01-01", "")));
        let families = |(rows, total): (Vec<PatientRow>, u64)| (rows.into_iter().map(|r| r.family).collect::<Vec<_>>(), total);
        let whole = families(people.search("", None, 0));
        assert_eq!(whole, (["Élan", "elan", "Morel", "Petit", "Zola"].map(str::to_owned).to_vec(), 5));
        assert_eq!(families(people.search("", Some(2), 1)), (whole.0[1..3].to_vec(), 5));
        assert_eq!(families(people.search("anne él", Some(1), 1)), (vec!["elan".to_owned()], 2));
        assert_eq!(families(people.search("", Some(2), 9)).0.len(), 0);
        assert_eq!(families(people.search("1950", Some(0), 0)), (Vec::new(), 5));
    }

    #[test]
    fn twins_are_found_for_a_reason_and_others_are_not() {
        let people = people([
            row("Lenoir", "Jeanne", "1948-03-12", "251079935001105"),
            row("N'Diaye", "Jean-Pierre", "1960-01-02", ""),
            row("Roy", "", "1970-05-05", ""),
            row("Martin", "Luc", "1980", ""),
        ]);
        let why = |family: &str, given: &str, born: &str, ins: Option<&str>| {
            let twins = people.twins(family, given, born, ins);
            twins.into_iter().map(|t| t.why).collect::<Vec<_>>().join(",")
        };
        for (family, given, born, ins, expected) in [
            ("Autre", "Nom", "2000-01-01", Some("2 51 07 99 350 011 05"), "ins"),
            ("LENOIR", "jeanne", "1948-03-12", None, "name"),
            ("Jeanne", "Lenoir", "1948-03-12", None, "swapped"),
            ("Lenoire", "Jeanne", "1948-03-12", None, "similar"),
            ("Lneoir", "Jeanne", "1948-03-12", None, "similar"),
            ("Lenoir", "Jeane", "1948-03-12", None, "similar"),
            ("Lenoir", "", "1948-03-12", None, "given-missing"),
            ("Roy", "Paul", "1970-05-05", None, "given-missing"),
            ("ndiaye", "Jean Pierre", "1960-01-02", None, "name"),
            ("N'Diaye", "Jean", "1960-01-02", None, "similar"),
            ("Martin", "Luc", "1980-06-30", None, "name"),
            // Somebody else: another day, two letters, another given name, a brother.
            ("Lenoir", "Jeanne", "1948-03-13", None, ""),
            ("Lenorie", "Jeane", "1948-03-12", None, ""),
            ("Lenoir", "Paulette", "1948-03-12", None, ""),
            ("Lenoir", "Jeanne", "", None, ""),
            ("Autre", "Nom", "2000-01-01", Some("251079935001106"), ""),
            ("Autre", "Nom", "2000-01-01", Some(""), ""),
        ] {
            assert_eq!(why(family, given, born, ins), expected, "{family} {given} {born} {ins:?}");
        }
    }

    #[test]
    fn longer_names_may_hold_two_slips() {
        for (a, b, alike) in [
            ("fougeray", "fougerais", true),
            ("lenoir", "lneoire", true),
            ("petit", "petite", true),
            ("roux", "rousse", false),
            ("diallo", "dupont", false),
            ("ba", "sy", false),
            ("jean", "jeanne", false),
        ] {
            assert_eq!(edits(a, b) <= slips(a, b), alike, "{a} {b}");
        }
    }

    /// Figures for a territory: `BOCAGE_PEOPLE=100000 cargo test -p bocage-node many_people -- --nocapture`.
    #[test]
    fn many_people_are_found_by_any_word_and_in_pages() {
        let count = std::env::var("BOCAGE_PEOPLE")
            .ok()
            .and_then(|n| n.parse().ok())
            .unwrap_or(2_000_u32);
        let families = ["Lenoir", "Morel", "N'Diaye", "Petit", "Le Goff", "Dubois", "Élan"];
        let names = (0..count).map(|n| {
            let family = format!("{}{}", families[n as usize % families.len()], n / 700);
            row(
                &family,
                &format!("Jeanne Marie{}", n % 97),
                &format!("19{:02}-03-{:02}", n % 90 + 10, n % 28 + 1),
                &format!("2{n:014}"),
            )
        });
        let began = Instant::now();
        let people = people(names);
        println!("made of rows: {:?}", began.elapsed());
        for (query, expected) in [
            ("", count),
            ("len", count.div_ceil(7)),
            ("jeanne lenoir0", 100),
            ("1948-03", 0),
            ("nobody of this name", 0),
        ] {
            let began = Instant::now();
            let (rows, total) = people.search(query, Some(50), 0);
            println!("{query:?}: {} of {total} in {:?}", rows.len(), began.elapsed());
            let is_right = if query == "1948-03" {
                total > 0
            } else {
                total == u64::from(expected)
            };
            assert!(is_right && rows.len() as u64 == total.min(50), "{query}: {total}");
        }
        let began = Instant::now();
        let twins = people.twins("Autre", "Nom", "1948-03-12", Some("2 0000 0000 001 234"));
        println!("{} likely twins in {:?}", twins.len(), began.elapsed());
        assert_eq!(twins.into_iter().map(|t| t.why).collect::<Vec<_>>(), ["ins"]);
    }
}
