//! Answers the clinical oracle (`tests/oracles/`): one question a line on standard input, one answer a line on standard output.
//!
//! Fields are parted by tabs. `news2 RESPIRATION SATURATION OXYGEN PRESSURE PULSE LEVEL TEMPERATURE SCALE`, where `-` is what wasn't
//! measured: the points of each parameter in that order, total and band, `-` for what isn't known, or `refused` and the fields at
//! fault. `ins TEXT`, `rpps TEXT`, `finess TEXT`: `good VALUE`, `key VALUE` or `format`.

use std::io::{BufRead, Write};

use bocage_protocol::clinical::identifiers::Kind;
use bocage_protocol::clinical::news2::{Parameter, Readings, Scale};
use bocage_protocol::clinical::vitals::Measure;

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        let answer = match fields[..] {
            ["news2", ref readings @ .., scale] if readings.len() == 7 => news2(readings, scale),
            ["ins", text] => number(Kind::Ins, text),
            ["rpps", text] => number(Kind::Rpps, text),
            ["finess", text] => number(Kind::Finess, text),
            _ => "unknown".to_owned(),
        };
        writeln!(out, "{answer}")?;
    }
    out.flush()
}

fn news2(fields: &[&str], scale: &str) -> String {
    let mut readings = Readings::default();
    let mut refused = Vec::new();
    for (place, (parameter, text)) in Parameter::ALL.into_iter().zip(fields).enumerate() {
        match (parameter.sign(), *text) {
            (_, "-") => {}
            (None, "air") => readings.oxygen = Some(false),
            (None, "O2") => readings.oxygen = Some(true),
            (Some(sign), text) if Measure::parse(sign, text).is_ok_and(|m| readings.take(m)) => {}
            _ => refused.push(place.to_string()),
        }
    }
    let Some(scale) = scale.parse().ok().and_then(Scale::of_number) else {
        return "refused scale".to_owned();
    };
    if !refused.is_empty() {
        return format!("refused {}", refused.join(" "));
    }
    let score = readings.score(scale);
    let known = |points: Option<u8>| points.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let mut words: Vec<String> = Parameter::ALL.iter().map(|p| known(score.points(*p))).collect();
    words.push(known(score.total()));
    words.push(score.band().map_or("-", |band| band.name()).to_owned());
    words.join(" ")
}

fn number(kind: Kind, text: &str) -> String {
    match kind.received(text) {
        Ok(found) if found.key_holds => format!("good {}", found.value),
        Ok(found) => format!("key {}", found.value),
        Err(_) => "format".to_owned(),
    }
}
