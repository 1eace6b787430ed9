//! The words of a timeline: lengths of time, what stands after a verb, and when a reading was taken.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wardwatch_actors::clock::{Span, Timestamp};

/// When second 0 is.
pub fn start() -> Timestamp {
    "2026-11-22T06:00:00Z".parse().unwrap()
}

/// The words after the verb.
#[derive(Default)]
pub struct Said {
    pub words: Vec<String>,
    pub quoted: Option<String>,
    pub json: Option<Value>,
    /// `since 5 s`, `of icu-1/p-17`, …
    pub named: BTreeMap<&'static str, String>,
}

const NAMED: [&str; 11] =
    ["since", "of", "by", "because", "field", "times", "signal", "to", "from", "until", "as"];

/// The words after a verb: a quotation, an object, names with their values, and the rest.
pub fn said(text: &str) -> Option<Said> {
    let mut said = Said::default();
    let mut text = text.trim();
    while !text.is_empty() {
        if text.starts_with(['"', '{']) {
            let mut values = serde_json::Deserializer::from_str(text).into_iter();
            match values.next()?.ok()? {
                Value::String(quoted) => said.quoted = Some(quoted),
                object => said.json = Some(object),
            }
            text = text[values.byte_offset()..].trim_start();
            continue;
        }
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        text = rest.trim_start();
        let Some(name) = NAMED.into_iter().find(|name| *name == word) else {
            said.words.push(word.to_owned());
            continue;
        };
        let length = match name {
            "since" | "until" => text.len() - span(text)?.1.len(),
            "because" if text.starts_with('"') => text[1..].find('"')? + 2,
            _ => text.find(' ').unwrap_or(text.len()),
        };
        said.named.insert(name, text[..length].trim().trim_matches('"').to_owned());
        text = text[length..].trim_start();
    }
    Some(said)
}

/// A length of time at the beginning of a text, as `1 h 30 min`, and what follows.
pub fn span(text: &str) -> Option<(Span, &str)> {
    let (mut ms, mut rest, mut found) = (0.0, text.trim_start(), false);
    while let Some((number, after)) =
        rest.split_once(' ').and_then(|(n, after)| Some((n.parse::<f64>().ok()?, after)))
    {
        let (unit, after) = after.split_once(' ').unwrap_or((after, ""));
        let factor = match unit {
            "ms" => 1.0,
            "s" => 1e3,
            "min" => 60e3,
            "h" => 3600e3,
            _ => return None,
        };
        (ms, rest, found) = (ms + number * factor, after.trim_start(), true);
    }
    found.then(|| (Span::from_ms(ms as i64), rest))
}

pub fn time(at: Span) -> String {
    (start() + at).to_string()
}

/// Whether everything in `part` is in `whole`.
pub fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, part)| contains(whole.get(key).unwrap_or(&Value::Null), part))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(whole, part)| contains(whole, part))
        }
        (whole, part) => whole == part,
    }
}

/// What an option says of when a reading was taken and how it is counted; answers whether it still is to be counted.
pub fn stamped(payload: &mut Value, at: Span, number: usize, word: &str, rest: &str) -> Option<bool> {
    let number = i64::try_from(number).ok()?;
    match (word, rest) {
        ("clock", rest) => {
            let (off, direction) = span(rest)?;
            payload["time"] = json!(time(if direction == "ahead" { at + off } else { at - off }));
        }
        ("kept", rest) => {
            let (since, rest) = span(rest.strip_prefix("since ")?)?;
            let (each, _) = span(rest.strip_prefix("each ")?)?;
            payload["time"] = json!(time(since + Span::from_ms(each.as_ms() * number)));
        }
        ("taken", rest) => payload["time"] = json!(time(span(rest.strip_prefix("at ")?)?.0)),
        ("seq", rest) => payload["seq"] = json!(rest.parse::<u64>().ok()?),
        ("counted", rest) => {
            payload["seq"] = json!(rest.strip_prefix("from ")?.parse::<i64>().ok()? + number)
        }
        ("without", "seq") => {}
        ("without", field @ ("time" | "device")) => {
            payload.as_object_mut()?.remove(field);
        }
        _ => return None,
    }
    Some(!matches!((word, rest), ("seq" | "counted", _) | ("without", "seq")))
}

/// So many readings as one array, each so much after the one before, the last taken at `at`.
pub fn repeated(payload: &Value, at: Span, array: &str) -> Option<Value> {
    let (count, each) = array.strip_prefix("of ")?.split_once(" each ")?;
    let (count, each) = (count.parse::<i64>().ok()?, span(each)?.0.as_ms());
    let element = |place: i64| {
        let mut element = payload.clone();
        element["time"] = json!(time(at - Span::from_ms(each * (count - 1 - place))));
        element
    };
    Some((0..count).map(element).collect())
}
