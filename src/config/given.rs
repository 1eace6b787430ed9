//! The keys that a site gives: in its file, over that in the environment, over that by flags.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Place};
use super::tree::Node;

/// How a variable of the environment begins that sets a key: `WARDWATCH__MQTT__URL` sets `mqtt.url`.
pub const VARIABLE_PREFIX: &str = "WARDWATCH__";

/// A flag of the command line that sets a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The flag, as `--url`.
    pub flag: &'static str,
    /// The key it sets, as `mqtt.url`.
    pub key: &'static str,
    pub value: String,
}

/// One key that was given.
#[derive(Debug)]
pub struct Given {
    pub place: Place,
    pub path: Vec<String>,
    pub value: Node,
}

impl Given {
    /// Whether a secret stands where many may read it.
    pub fn is_a_password_in_a_file(&self) -> bool {
        matches!(self.place, Place::File { .. })
            && self.path.starts_with(&["mqtt", "password"].map(str::to_owned))
    }
}

/// Every key that was given, the later ones over the earlier ones.
#[derive(Debug, Default)]
pub struct Givens {
    pub all: Vec<Given>,
    /// What could not be read at all.
    pub faults: Vec<Fault>,
    file: PathBuf,
    lines: BTreeMap<Vec<String>, usize>,
}

impl Givens {
    /// Collects every key, in the order in which they override each other.
    pub fn collect(path: Option<&Path>, environment: &[(String, String)], overrides: &[Override]) -> Self {
        let mut givens = Self::default();
        if let Some(path) = path {
            givens.read_file(path);
        }
        givens.read_environment(environment);
        for Override { flag, key, value } in overrides {
            let path = key.split('.').map(str::to_owned).collect();
            givens.untyped(Place::Flag((*flag).to_owned()), path, value);
        }
        givens
    }

    /// Where a key was given, or else the nearest section around it.
    pub fn place(&self, path: &[String]) -> Place {
        self.exact_place(path).unwrap_or_else(|| {
            let around = (1..path.len()).rev().find_map(|length| self.lines.get(&path[..length]));
            around.map_or(Place::Default, |line| self.line(*line))
        })
    }

    /// Where a key was given; none where it was not.
    pub fn exact_place(&self, path: &[String]) -> Option<Place> {
        let outside = self.all.iter().rev().find(|given| given.path == path);
        let outside = outside.map(|given| given.place.clone());
        outside.or_else(|| self.lines.get(path).map(|line| self.line(*line)))
    }

    fn line(&self, line: usize) -> Place {
        Place::File { path: self.file.clone(), line: Some(line) }
    }

    fn read_file(&mut self, path: &Path) {
        self.file = path.to_owned();
        match std::fs::read_to_string(path) {
            Ok(text) => self.read_text(&text),
            Err(error) => self.faults.push(Fault {
                place: Place::File { path: path.to_owned(), line: None },
                key: None,
                wrong: format!("cannot be read: {error}"),
            }),
        }
    }

    fn read_text(&mut self, text: &str) {
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let line = line_of(text, &error.span().unwrap_or(0..0));
            let wrong = format!("not TOML: {}", error.message());
            self.faults.push(Fault { place: self.line(line), key: None, wrong });
        }
        self.read_section(text, &mut Vec::new(), document.get_ref());
        let Self { all, faults, .. } = self;
        all.retain(|given| !faults.iter().any(|fault| fault.place == given.place));
    }

    fn read_section(&mut self, text: &str, path: &mut Vec<String>, section: &DeTable<'_>) {
        for (key, value) in section {
            path.push(key.get_ref().to_string());
            let line = line_of(text, &key.span());
            self.lines.insert(path.clone(), line);
            match value.get_ref() {
                DeValue::Table(below) if !below.is_empty() => self.read_section(text, path, below),
                value => {
                    let place = self.line(line);
                    self.all.push(Given { place, path: path.clone(), value: node(value) });
                }
            }
            path.pop();
        }
    }

    fn read_environment(&mut self, environment: &[(String, String)]) {
        let mut variables: Vec<_> = environment.iter().filter(|(_, value)| !value.is_empty()).collect();
        variables.sort();
        for (variable, value) in variables {
            if let Some(key) = variable.strip_prefix(VARIABLE_PREFIX) {
                let path = key.to_lowercase().split("__").map(str::to_owned).collect();
                self.untyped(Place::Environment(variable.clone()), path, value);
            }
        }
    }

    fn untyped(&mut self, place: Place, path: Vec<String>, value: &str) {
        self.all.push(Given { place, path, value: Node::Untyped(value.to_owned()) });
    }
}

/// The variables of this process's environment that set keys.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(variable, value)| Some((variable.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(variable, _)| variable.starts_with(VARIABLE_PREFIX))
        .collect()
}

/// A key as it is written in the file: `sources."s00001-*".zero_is_missing`.
pub fn written(path: &[String]) -> String {
    let bare = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    let names: Vec<_> =
        path.iter().map(|name| if bare(name) { name.clone() } else { format!("{name:?}") }).collect();
    names.join(".")
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..span.start).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

fn node(value: &DeValue<'_>) -> Node {
    match value {
        DeValue::String(text) => Node::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Node::Foreign("a number this large"), Node::Integer),
        DeValue::Float(number) => number.as_str().parse().map_or(Node::Foreign("this number"), Node::Float),
        DeValue::Boolean(value) => Node::Boolean(*value),
        DeValue::Datetime(_) => Node::Foreign("a date"),
        DeValue::Array(values) => Node::List(values.iter().map(|value| node(value.get_ref())).collect()),
        DeValue::Table(keys) => {
            Node::Section(keys.iter().map(|(k, v)| (k.get_ref().to_string(), node(v.get_ref()))).collect())
        }
    }
}
