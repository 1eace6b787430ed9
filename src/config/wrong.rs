//! Why a single key cannot be read, in words for whoever wrote it.

use std::fmt;

use serde::de::{self, Unexpected};

/// Why reading stopped, and at which key.
#[derive(Debug, Clone, PartialEq)]
pub struct Wrong {
    /// The key, from the innermost name outwards.
    path: Vec<String>,
    what: What,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    /// A key or a word that is none of those allowed.
    NotOneOf { given: String, allowed: &'static [&'static str], in_the_name: bool },
    /// Said in full.
    InWords(String),
}

impl Wrong {
    /// A value that is no word at all where one of a few is allowed.
    pub fn not_one_of(given: Unexpected<'_>, allowed: &'static [&'static str]) -> Self {
        What::NotOneOf { given: shown(&given), allowed, in_the_name: false }.into()
    }

    /// The same, found while reading the name of this key.
    pub fn in_the_name(mut self, key: &str) -> Self {
        if let What::NotOneOf { in_the_name, .. } = &mut self.what {
            *in_the_name = true;
        }
        self.below(key)
    }

    /// The same, found below this key.
    pub fn below(mut self, key: &str) -> Self {
        self.path.push(key.to_owned());
        self
    }

    /// The key, from the outermost name inwards.
    pub fn path(&self) -> Vec<String> {
        self.path.iter().rev().cloned().collect()
    }

    /// The names that are allowed in place of the one that was given; none where the fault is no name's.
    #[cfg(test)]
    pub fn allowed_names(&self) -> Option<&'static [&'static str]> {
        match self.what {
            What::NotOneOf { allowed, in_the_name: true, .. } => Some(allowed),
            _ => None,
        }
    }
}

impl From<What> for Wrong {
    fn from(what: What) -> Self {
        Self { path: Vec::new(), what }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::InWords(words) => f.write_str(words),
            What::NotOneOf { given, allowed, in_the_name } => {
                match in_the_name {
                    true => f.write_str("unknown key")?,
                    false => write!(f, "{given} is not allowed")?,
                }
                if let Some(near) = nearest(given, allowed) {
                    write!(f, ", did you mean {near}?")?;
                }
                write!(f, "; allowed is {}", allowed.join(", "))
            }
        }
    }
}

impl std::error::Error for Wrong {}

impl de::Error for Wrong {
    fn custom<T: fmt::Display>(words: T) -> Self {
        What::InWords(words.to_string()).into()
    }

    fn invalid_type(given: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        What::InWords(format!("{} is not allowed; allowed is {}", shown(&given), for_people(expected))).into()
    }

    fn invalid_value(given: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(given, expected)
    }

    fn unknown_variant(given: &str, allowed: &'static [&'static str]) -> Self {
        What::NotOneOf { given: given.to_owned(), allowed, in_the_name: false }.into()
    }

    fn unknown_field(given: &str, allowed: &'static [&'static str]) -> Self {
        Self::unknown_variant(given, allowed)
    }
}

fn shown(given: &Unexpected<'_>) -> String {
    match given {
        Unexpected::Map => "a section".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Str(text) => format!("\"{text}\""),
        Unexpected::Signed(number) => number.to_string(),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Float(number) => number.to_string(),
        Unexpected::Bool(value) => value.to_string(),
        other => other.to_string(),
    }
}

/// What serde expects, in words of a configuration.
fn for_people(expected: &dyn de::Expected) -> String {
    let expected = expected.to_string();
    match &*expected {
        "a string" | "path string" => "a text in quotes".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "usize" | "u64" | "u32" | "u16" => "a whole number from 0".to_owned(),
        "f64" => "a number".to_owned(),
        "a sequence" => "a list, as [\"heart_rate\"]".to_owned(),
        words if words.starts_with("struct ") || words == "a map" => {
            "a section with keys of its own".to_owned()
        }
        _ => expected,
    }
}

/// The name that was probably meant: at most a third of it differs.
pub fn nearest(given: &str, allowed: &[&'static str]) -> Option<&'static str> {
    let near = allowed.iter().map(|name| (distance(given, name), *name)).min()?;
    (near.0 * 3 <= given.chars().count().max(3)).then_some(near.1)
}

/// How many single letters must change, come, go or swap with their neighbour to make one name the other.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = change.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_the_name_that_was_meant() {
        let names = ["low", "high", "extreme_low", "hysteresis"];
        for (slip, meant) in [("lwo", "low"), ("hihg", "high"), ("extrem_low", "extreme_low")] {
            assert_eq!(nearest(slip, &names), Some(meant), "{slip}");
        }
        for other in ["colour", "x", ""] {
            assert_eq!(nearest(other, &names), None, "{other}");
        }
    }
}
