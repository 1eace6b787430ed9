//! `wardwatch check`: every fault of a configuration at once, then what it means for the patients.

use std::fmt;
use std::path::{Path, PathBuf};

use wardwatch_actors::people::Class;
use wardwatch_actors::settings::{Limits, Settings, Watch};
use wardwatch_actors::vitals::{Quantity, Vital};

use crate::config::fault::Fault;
use crate::config::given::Givens;
use crate::config::{Config, Place};

/// What `check` found.
#[derive(Debug, Clone)]
pub struct Report {
    path: PathBuf,
    /// Everything that keeps the service from starting.
    pub faults: Vec<Fault>,
    /// What is allowed but has no effect.
    pub notes: Vec<Fault>,
    /// What holds for whom, where nothing is at fault.
    settings: Option<Settings>,
}

/// Checks the file as `run` would read it, in this environment.
pub fn check(path: &Path, environment: &[(String, String)]) -> Report {
    let givens = Givens::collect(Some(path), environment, &[]);
    let notes = notes(&givens);
    let (faults, settings) = match Config::judged(&givens) {
        Ok(config) => (Vec::new(), config.settings().ok()),
        Err(faults) => (faults, None),
    };
    Report { path: path.to_owned(), faults, notes, settings }
}

/// The keys that are known, and not used yet.
fn notes(givens: &Givens) -> Vec<Fault> {
    let path = ["dashboard", "listen"].map(str::to_owned);
    let note = |place: Place| Fault {
        place,
        key: Some(path.join(".")),
        wrong: "is not used by this version".to_owned(),
    };
    givens.exact_place(&path).map(note).into_iter().collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            writeln!(f, "{fault}")?;
        }
        for note in &self.notes {
            writeln!(f, "note: {note}")?;
        }
        let count = match self.faults.len() {
            0 => "no fault".to_owned(),
            1 => "1 fault".to_owned(),
            many => format!("{many} faults"),
        };
        writeln!(f, "{}: {count}", self.path.display())?;
        match &self.settings {
            Some(settings) => effective(f, settings),
            None => Ok(()),
        }
    }
}

/// What holds for each class, and in each unit that differs.
fn effective(f: &mut fmt::Formatter<'_>, settings: &Settings) -> fmt::Result {
    for class in Class::ALL {
        writeln!(f)?;
        table(f, &format!("Limits, {}", class.name()), settings.limits.of_class(class))?;
        for (unit, limits) in settings.limits.differing(class) {
            writeln!(f)?;
            table(f, &format!("Limits, {} in {unit}", class.name()), limits)?;
        }
    }
    writeln!(f)?;
    missing(f, settings)?;
    writeln!(f)?;
    news2(f, settings)
}

/// The columns beside the vital's name.
const COLUMNS: [&str; 7] =
    ["extreme low", "low", "high", "extreme high", "hysteresis", "delay", "extreme delay"];

fn table(f: &mut fmt::Formatter<'_>, title: &str, limits: &Limits) -> fmt::Result {
    write!(f, "{title:<34}")?;
    for column in COLUMNS {
        write!(f, "  {column:>width$}", width = width(column))?;
    }
    writeln!(f)?;
    for vital in Limits::VITALS {
        row(f, vital, limits)?;
    }
    Ok(())
}

fn row(f: &mut fmt::Formatter<'_>, vital: Vital, limits: &Limits) -> fmt::Result {
    let limits = limits.get(vital);
    let limit = |limit: Option<Quantity>| limit.map_or("off".to_owned(), |limit| limit.to_string());
    let cells = [
        limit(limits.extreme_low),
        limit(limits.low),
        limit(limits.high),
        limit(limits.extreme_high),
        limits.hysteresis.to_string(),
        limits.delay.to_string(),
        limits.extreme_delay.to_string(),
    ];
    write!(f, "{:<34}", format!("  {vital} {}", vital.facts().symbol))?;
    for (column, cell) in COLUMNS.into_iter().zip(cells) {
        write!(f, "  {cell:>width$}", width = width(column))?;
    }
    writeln!(f)
}

fn width(column: &str) -> usize {
    column.len().max("10 min".len())
}

fn missing(f: &mut fmt::Formatter<'_>, settings: &Settings) -> fmt::Result {
    let missing = &settings.missing;
    writeln!(f, "Missing data")?;
    line(f, "a vital is missing after", "3 times its usual interval, at least 20 s")?;
    let mut fixed =
        |place: String, vital: Vital, watch: Watch| line(f, &format!("  {vital}, {place}"), watch);
    for class in Class::ALL {
        for (vital, watch) in missing.classes.get(class).iter() {
            fixed(class.name().to_owned(), vital, watch)?;
        }
        for (unit, classes) in &missing.units {
            for (vital, watch) in classes.get(class).iter() {
                fixed(format!("{} in {unit}", class.name()), vital, watch)?;
            }
        }
    }
    line(f, "rises to medium priority after", missing.medium_after)?;
    line(f, "a patient is unheard after", missing.unheard)
}

fn news2(f: &mut fmt::Formatter<'_>, settings: &Settings) -> fmt::Result {
    let news2 = &settings.news2;
    if !news2.enabled {
        return writeln!(f, "NEWS2 is off");
    }
    writeln!(f, "NEWS2, adults")?;
    line(f, "delay", news2.delay)?;
    line(f, "falls or clears after", news2.clear_delay)?;
    line(f, "counts continuous vitals for", news2.valid_for.continuous)?;
    line(f, "counts blood pressure for", news2.valid_for.blood_pressure)?;
    line(f, "counts temperature for", news2.valid_for.temperature)?;
    line(f, "counts consciousness for", news2.valid_for.consciousness)
}

fn line(f: &mut fmt::Formatter<'_>, what: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{:<34}  {value}", format!("  {what}"))
}
