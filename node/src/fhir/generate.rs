//! Invented patients: the same seed gives the same bytes.
//!
//! For `bocage demo` and for large tests. Names, towns and streets are made up, and national numbers are of the test system only
//! (`1.2.250.1.213.1.4.10`), with valid keys.

use super::mapping::write::{self, Act, NewAddress, NewPatient, WriteError};
use bocage_protocol::clinical::identifiers::{ins_key_for, system};
use bocage_protocol::clinical::vitals::{Measure, Sign};
use std::io::{self, Write};

/// A generator of one territory: professionals and facilities first, then as many patients as are asked for.
pub struct Generator {
    seed: u64,
}

/// A resource with its full URL.
pub struct Generated {
    pub full_url: String,
    pub json: Vec<u8>,
}

const PRACTITIONERS: u64 = 6;
/// Resources of a patient that are always there: the person, a visit.
pub const LEAST_RESOURCES: usize = 2;

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Professionals and facilities.
    pub fn library(&self) -> Vec<Generated> {
        let mut all = Vec::new();
        for i in 0..PRACTITIONERS {
            let mut rng = Rng::new(self.seed, LIBRARY, i);
            let rpps = with_luhn(&format!("100{:07}", rng.below(10_000_000)));
            let json = write::practitioner(&self.uuid(LIBRARY, i), &rpps, rng.pick(&FAMILIES), rng.pick(&WOMEN));
            all.push(generated(&self.uuid(LIBRARY, i), json));
        }
        for (i, name) in FACILITIES.iter().enumerate() {
            let i = PRACTITIONERS + i as u64;
            let mut rng = Rng::new(self.seed, LIBRARY, i);
            let finess = with_luhn(&format!("99{:06}", rng.below(1_000_000)));
            let json = write::organization(&self.uuid(LIBRARY, i), &finess, name);
            all.push(generated(&self.uuid(LIBRARY, i), json));
        }
        all
    }

    /// Patient number `index` with `resources` resources in all (at least [`LEAST_RESOURCES`]): visits with their vital signs,
    /// diagnoses, allergies, prescriptions, notes.
    pub fn patient(&self, index: u64, resources: usize) -> Vec<Generated> {
        let mut rng = Rng::new(self.seed, PATIENT, index);
        let patient_id = self.uuid(PATIENT, index << 20);
        let patient_url = format!("urn:uuid:{patient_id}");
        let author = format!("urn:uuid:{}", self.uuid(LIBRARY, rng.below(PRACTITIONERS)));
        let mut all = vec![self.person(&patient_id, &mut rng)];
        let mut encounter = String::new();
        while all.len() < resources.max(LEAST_RESOURCES) {
            let n = all.len() as u64;
            let id = self.uuid(PATIENT, index << 20 | n);
            let visit = (n - 1) / VISIT;
            let effective = format!(
                "{}-{:02}-{:02}T{:02}:{:02}:00+01:00",
                2019 + (visit / 12) % 7,
                1 + visit % 12,
                1 + (index + visit) % 28,
                8 + n % VISIT % 10,
                (index * 7 + n) % 60
            );
            let first = (n - 1).is_multiple_of(VISIT);
            let at = Act {
                by: None,
                id: &id,
                patient: &patient_url,
                author: Some(&author),
                encounter: (!first).then_some(encounter.as_str()),
                device: None,
                effective: &effective,
            };
            all.push(generated(&id, act(&at, (n - 1) % VISIT, &mut rng)));
            if first {
                encounter = format!("urn:uuid:{id}");
            }
        }
        all
    }

    /// One transaction Bundle of the library and `patients` patients, written as it goes.
    pub fn write_bundle<W: Write>(&self, mut out: W, patients: u64, resources: usize) -> io::Result<()> {
        out.write_all(b"{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[")?;
        let mut first = true;
        let groups = std::iter::once(self.library()).chain((0..patients).map(|i| self.patient(i, resources)));
        for resource in groups.flatten() {
            out.write_all(if first { b"\n" } else { b",\n" })?;
            first = false;
            let kind = kind(&resource.json);
            write!(out, "{{\"fullUrl\":\"{}\",\"resource\":", resource.full_url)?;
            out.write_all(&resource.json)?;
            write!(out, ",\"request\":{{\"method\":\"POST\",\"url\":\"{kind}\"}}}}")?;
        }
        out.write_all(b"\n]}\n")
    }

    fn person(&self, id: &str, rng: &mut Rng) -> Generated {
        let female = rng.below(2) == 1;
        let (year, month, day) = (1932 + rng.below(88), 1 + rng.below(12), 1 + rng.below(28));
        let department = if rng.below(40) == 0 {
            "2B".to_owned()
        } else {
            format!("{:02}", 1 + rng.below(19))
        };
        let first = format!(
            "{}{:02}{month:02}{department}{:03}{:03}",
            if female { 2 } else { 1 },
            year % 100,
            1 + rng.below(989),
            1 + rng.below(998)
        );
        let ins = format!("{first}{}", ins_key_for(&first).expect("thirteen valid characters"));
        let given = if female { rng.pick(&WOMEN) } else { rng.pick(&MEN) };
        let (postal_code, city) = rng.pick(&TOWNS);
        let json = write::patient(&NewPatient {
            id,
            family: rng.pick(&FAMILIES),
            given: &[given],
            birth_date: &format!("{year}-{month:02}-{day:02}"),
            sex: if female { "female" } else { "male" },
            ins: Some((system::INS_TEST, &ins)),
            // Numbers that the French regulator keeps for fiction.
            phone: Some(&format!("06 39 98 {:02} {:02}", rng.below(100), rng.below(100))),
            address: Some(NewAddress {
                line: &format!("{} {}", 1 + rng.below(80), rng.pick(&STREETS)),
                postal_code,
                city,
            }),
        });
        generated(id, json)
    }

    fn uuid(&self, space: u64, n: u64) -> String {
        let mut rng = Rng::new(self.seed, space ^ UUID, n);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&rng.next().to_be_bytes());
        bytes[8..].copy_from_slice(&rng.next().to_be_bytes());
        write::uuid(bytes)
    }
}

/// Resources of one visit, the encounter first.
const VISIT: u64 = 12;

fn act(at: &Act<'_>, slot: u64, rng: &mut Rng) -> Result<Vec<u8>, WriteError> {
    let mut vital = |sign, low: u64, span| {
        let value = i32::try_from(low + rng.below(span)).expect("small by construction");
        write::vital(at, Measure::scalar(sign, value).expect("within the limits of its sign"))
    };
    match slot {
        0 => write::encounter(at, rng.pick(&["AMB", "HH", "VR"]), rng.pick(&REASONS)),
        1 => {
            let systolic = 100 + rng.below(70) as i32;
            let diastolic = 55 + rng.below(40) as i32;
            write::vital(
                at,
                Measure::pressure(systolic, diastolic).expect("within the limits, lower below upper"),
            )
        }
        2 => vital(Sign::HeartRate, 52, 60),
        3 => vital(Sign::OxygenSaturation, 91, 9),
        4 => vital(Sign::Temperature, 362, 30),
        // Nobody gains forty kilograms in a month, or grows.
        5 => vital(Sign::Weight, 50_000 + own(at).below(45_000), 3_000),
        6 => vital(Sign::Height, 1_500 + own(at).below(380), 10),
        7 => {
            let (code, label) = rng.pick(&DIAGNOSES);
            let new = write::NewProblem {
                label,
                cim10: Some(code),
                ..write::NewProblem::default()
            };
            write::condition(at, &new)
        }
        8 => {
            let (medicine, dosage) = rng.pick(&MEDICINES);
            write::prescription_line(at, at.encounter.unwrap_or(at.id), medicine, dosage, rng.below(6) as u32)
        }
        9 => write::note(at, "Compte rendu", rng.pick(&NOTES)),
        10 => {
            let (substance, reaction) = rng.pick(&ALLERGIES);
            write::allergy(at, substance, rng.pick(&["low", "high"]), Some(reaction))
        }
        _ => vital(Sign::RespiratoryRate, 12, 10),
    }
}

/// What is this patient's own, whichever act it is.
fn own(at: &Act<'_>) -> Rng {
    let seed = at.patient.bytes().fold(0, |seed: u64, byte| seed.rotate_left(7) ^ u64::from(byte));
    Rng::new(seed, 0, 0)
}

fn generated(id: &str, json: Result<Vec<u8>, WriteError>) -> Generated {
    Generated {
        full_url: format!("urn:uuid:{id}"),
        json: json.expect("invented values are valid"),
    }
}

/// The type of a resource made here: it stands first.
fn kind(json: &[u8]) -> &str {
    std::str::from_utf8(json)
        .ok()
        .and_then(|text| text.split('"').nth(3))
        .unwrap_or_default()
}

/// Appends the Luhn digit.
fn with_luhn(digits: &str) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, d)| {
            let d = u32::from(d - b'0') << ((i + 1) % 2);
            if d > 9 { d - 9 } else { d }
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

const LIBRARY: u64 = 1;
const PATIENT: u64 = 2;
const UUID: u64 = 0x8000_0000;

/// SplitMix64: small, seeded, good enough to invent people.
struct Rng(u64);

impl Rng {
    fn new(seed: u64, space: u64, n: u64) -> Self {
        let mut rng = Self(seed ^ space.rotate_left(48));
        rng.0 ^= Self(rng.next() ^ n).next();
        rng
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize]
    }
}

#[rustfmt::skip]
const FAMILIES: [&str; 24] = [
    "Aubépine", "Belleroche", "Chantecaille", "Desforges-Lande", "Évrault", "Fougerolles", "Grandclos", "Haiedel", "Issandre", "Jonquiers",
    "Kerbocage", "Lanoë", "Maisonfort", "N’Diaye-Talus", "Ormelin", "Pommereuil", "Quatrehaies", "Ronceray", "Sureaud", "Tilleray",
    "Urvoix", "Valcreux", "Yèvrelin", "Œillet",
];
const WOMEN: [&str; 14] = [
    "Élise",
    "Maëlle",
    "Jeanne",
    "Aïcha",
    "Françoise",
    "Noémie",
    "Solène",
    "Odette",
    "Zoé",
    "Anne-Marie",
    "Fatou",
    "Inès",
    "Lucienne",
    "Thi Lan",
];
const MEN: [&str; 14] = [
    "Loïc",
    "Jean-Pierre",
    "Mamadou",
    "Étienne",
    "Marcel",
    "Yann",
    "Hervé",
    "Gaël",
    "Ahmed",
    "Théo",
    "René",
    "Noël",
    "Anatole",
    "Benoît",
];
const TOWNS: [(&str, &str); 8] = [
    ("99001", "Saint-Aubin-des-Haies"),
    ("99002", "Le Bocage-sous-Orne"),
    ("99003", "Villeneuve-la-Fougère"),
    ("99004", "Trois-Talus"),
    ("99005", "L’Écluse-Verte"),
    ("99006", "Châtelneuf-en-Landes"),
    ("99007", "Pré-Carré"),
    ("99008", "Rochefoin"),
];
const STREETS: [&str; 7] = [
    "rue des Sureaux",
    "chemin du Talus",
    "place de la Halle",
    "impasse des Noisetiers",
    "route du Moulin",
    "allée de l’Étang",
    "lieu-dit La Haie",
];
const FACILITIES: [&str; 4] = [
    "Maison de santé des Trois-Talus",
    "Pharmacie de la Halle",
    "Cabine de Rochefoin",
    "Cabinet infirmier du Moulin",
];
const REASONS: [&str; 6] = [
    "Suivi de traitement",
    "Toux et fièvre",
    "Renouvellement",
    "Douleur du genou",
    "Contrôle de la tension",
    "Plaie à surveiller",
];
const DIAGNOSES: [(&str, &str); 9] = [
    ("I10", "Hypertension essentielle"),
    ("E11.9", "Diabète de type 2 sans complication"),
    ("J45.9", "Asthme, sans précision"),
    ("I50.0", "Insuffisance cardiaque congestive"),
    ("M17.1", "Gonarthrose primaire unilatérale"),
    ("J06.9", "Infection aiguë des voies respiratoires supérieures"),
    ("E78.0", "Hypercholestérolémie essentielle"),
    ("N39.0", "Infection des voies urinaires"),
    ("L97", "Ulcère du membre inférieur"),
];
const MEDICINES: [(&str, &str); 7] = [
    ("Paracétamol 1 g, comprimé", "1 comprimé si douleur, 3 fois par jour au plus"),
    ("Amlodipine 5 mg, gélule", "1 gélule le matin"),
    ("Metformine 850 mg, comprimé", "1 comprimé matin et soir"),
    ("Furosémide 40 mg, comprimé", "1 comprimé le matin"),
    ("Salbutamol 100 µg, spray", "2 bouffées en cas de gêne"),
    ("Atorvastatine 20 mg, comprimé", "1 comprimé le soir"),
    ("Amoxicilline 1 g, comprimé", "1 comprimé matin et soir, 6 jours"),
];
const ALLERGIES: [(&str, &str); 5] = [
    ("Pénicilline", "Urticaire"),
    ("Arachide", "Œdème du visage"),
    ("Latex", "Eczéma de contact"),
    ("Venin de guêpe", "Malaise"),
    ("Iode", "Éruption"),
];
const NOTES: [&str; 4] = [
    "Va bien. Tension à l’équilibre, poids stable. Poursuite du traitement, revoir dans trois mois.",
    "Toux depuis quatre jours, pas de gêne respiratoire. Auscultation claire. Surveillance, rappeler si fièvre au-delà de 48 h.",
    "Plaie propre, bords nets, pas d’écoulement.\nPansement refait ; prochain passage dans deux jours.",
    "Essoufflement à l’effort un peu plus marqué. Pas d’œdème. Pesée quotidienne demandée.",
];
