//! The keys that a site gives: in its file, over that in the environment, over that by flags.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use config::{ConfigError, Map, Source, Value, ValueKind};
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, SettingPlace};

/// How a variable of the environment begins that sets a key: `WARDWATCH__MQTT__URL` sets `mqtt.url`.
pub const VARIABLE_PREFIX: &str = "WARDWATCH__";

/// What stands between the names of a key in a variable.
pub const SEPARATOR: &str = "__";

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
#[derive(Debug, Clone)]
pub struct Given {
    pub place: SettingPlace,
    pub path: Vec<String>,
    /// From the environment or a flag always a text, which has the type of its key.
    pub value: Value,
}

impl Given {
    /// A configuration in which only this key is given.
    pub fn alone(&self) -> Value {
        let section = |value, name: &String| Value::from(Map::from([(name.clone(), value)]));
        self.path.iter().rev().fold(self.value.clone(), section)
    }

    /// Whether its value was written with a type, as only the file can.
    pub fn is_typed(&self) -> bool {
        matches!(self.place, SettingPlace::File { .. })
    }

    /// Whether a secret stands where many may read it.
    pub fn is_a_password_in_a_file(&self) -> bool {
        self.is_typed() && self.path.starts_with(&["mqtt", "password"].map(str::to_owned))
    }

    /// Whether a variable gives a key that only the file can: one of a name that needs quotes.
    pub fn is_beyond_a_variable(&self) -> bool {
        matches!(self.place, SettingPlace::Environment(_)) && !self.path.iter().all(|name| is_bare(name))
    }
}

/// A key that is given otherwise than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    /// As `limits.adult.heart_rate.high`.
    pub key: String,
    /// What was given and what is; none where it is the default.
    before: Option<String>,
    after: Option<String>,
}

impl fmt::Display for KeyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |value: &Option<String>| value.clone().unwrap_or_else(|| "default".to_owned());
        write!(f, "{}: {}, was {}", self.key, words(&self.after), words(&self.before))
    }
}

/// What a site gives, in words: the file, and each key with the value that holds; of a password only that there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GivenWords {
    pub file: Option<String>,
    pub values: BTreeMap<String, String>,
}

impl Source for Given {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        self.alone().into_table()
    }
}

/// Every key that was given, the later ones over the earlier ones.
#[derive(Debug, Default)]
pub struct Givens {
    pub all: Vec<Given>,
    /// What could not be read at all.
    pub faults: Vec<Fault>,
    /// The text of the file; empty where there is none.
    pub text: String,
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
            givens.untyped(SettingPlace::Flag((*flag).to_owned()), path, value);
        }
        givens
    }

    /// What is given otherwise than `before`, in the order of the keys.
    pub fn changes(&self, before: &Self) -> Vec<KeyChange> {
        let (before, after) = (before.values(), self.values());
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let change = |key: &String| {
            let (before, after) = (before.get(key), after.get(key));
            let change = || KeyChange { key: key.clone(), before: before.cloned(), after: after.cloned() };
            (before != after).then(change)
        };
        keys.into_iter().filter_map(change).collect()
    }

    /// What is given, for those who keep account of it.
    pub fn in_words(&self) -> GivenWords {
        let file = (!self.file.as_os_str().is_empty()).then(|| self.file.display().to_string());
        GivenWords { file, values: self.values() }
    }

    /// Each key with the value that holds, as text; of a password only that there is one.
    fn values(&self) -> BTreeMap<String, String> {
        let value = |given: &Given| match given.path.last().is_some_and(|name| name == "password") {
            true => "…".to_owned(),
            false => given.value.to_string(),
        };
        self.all.iter().map(|given| (written(&given.path), value(given))).collect()
    }

    /// Where a key was given, or else the nearest section around it.
    pub fn place(&self, path: &[String]) -> SettingPlace {
        self.exact_place(path).unwrap_or_else(|| {
            let around = (1..path.len()).rev().find_map(|length| self.lines.get(&path[..length]));
            around.map_or(SettingPlace::Default, |line| self.line(*line))
        })
    }

    /// Where a key was given; none where it was not.
    pub fn exact_place(&self, path: &[String]) -> Option<SettingPlace> {
        let outside = self.all.iter().rev().find(|given| given.path == path);
        let outside = outside.map(|given| given.place.clone());
        outside.or_else(|| self.lines.get(path).map(|line| self.line(*line)))
    }

    /// A fault that only shows where all keys are laid over each other.
    pub fn fault_of_whole(&self, error: &ConfigError) -> Fault {
        let place = SettingPlace::File { path: self.file.clone(), line: None };
        let place = if self.text.is_empty() { SettingPlace::Default } else { place };
        Fault { place, key: None, wrong: error.to_string() }
    }

    fn line(&self, line: usize) -> SettingPlace {
        SettingPlace::File { path: self.file.clone(), line: Some(line) }
    }

    fn read_file(&mut self, path: &Path) {
        self.file = path.to_owned();
        match std::fs::read_to_string(path) {
            Ok(text) => {
                self.read_text(&text);
                self.text = text;
            }
            Err(error) => self.faults.push(Fault {
                place: SettingPlace::File { path: path.to_owned(), line: None },
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
                    self.all.push(Given { place, path: path.clone(), value: read(value) });
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
                let path = key.to_lowercase().split(SEPARATOR).map(str::to_owned).collect();
                self.untyped(SettingPlace::Environment(variable.clone()), path, value);
            }
        }
    }

    fn untyped(&mut self, place: SettingPlace, path: Vec<String>, value: &str) {
        self.all.push(Given { place, path, value: value.into() });
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
    let names: Vec<_> =
        path.iter().map(|name| if is_bare(name) { name.clone() } else { format!("{name:?}") }).collect();
    names.join(".")
}

/// Whether a name stands in a key without quotes.
fn is_bare(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..span.start).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// A value of the file; one of a kind that no key has is kept as a kind that nothing reads.
fn read(value: &DeValue<'_>) -> Value {
    let kind = match value {
        DeValue::String(text) => ValueKind::String(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(TOO_LARGE, ValueKind::I64)
        }
        DeValue::Float(number) => number.as_str().parse().map_or(TOO_LARGE, ValueKind::Float),
        DeValue::Boolean(value) => ValueKind::Boolean(*value),
        DeValue::Datetime(_) => DATE,
        DeValue::Array(values) => values.iter().map(|value| read(value.get_ref())).collect::<Vec<_>>().into(),
        DeValue::Table(keys) => ValueKind::Table(
            keys.iter().map(|(name, value)| (name.get_ref().to_string(), read(value.get_ref()))).collect(),
        ),
    };
    kind.into()
}

/// Stands for a number that no key can have.
const TOO_LARGE: ValueKind = ValueKind::I128(i128::MAX);

/// Stands for a date, which no key can have.
const DATE: ValueKind = ValueKind::Nil;
