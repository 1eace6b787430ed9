//! `wardwatch check`: every fault of a configuration at once, then what it means for the patients.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use thiserror::Error;
use wardwatch_actors::people::Class;
use wardwatch_actors::settings::{Limits, RuleSettings, Settings, Watch};
use wardwatch_actors::vitals::{Quantity, Vital};

use crate::causes::Causes;
use crate::config::fault::Fault;
use crate::config::given::Givens;
use crate::config::{Config, Override, StoreUrl};
use crate::link::{Link, LinkSettings};

/// What is allowed and may not be meant.
const NOBODY_CALLED: &str = "warning: no [[escalation]] step is given: nobody is called where an alert of high priority has no answer";

/// What `check` found.
#[derive(Debug, Clone)]
pub struct Report {
    path: PathBuf,
    /// Everything that keeps the service from starting.
    pub faults: Vec<Fault>,
    /// What holds for whom, where nothing is at fault.
    settings: Option<Settings>,
}

/// Checks the file as `run` would read it, in this environment, and opens what `run` would open.
pub fn check(path: &Path, environment: &[(String, String)]) -> Report {
    let givens = Givens::collect(Some(path), environment, &[]);
    let (faults, settings) = match Config::judged(&givens) {
        Ok(config) => {
            let broker = broker_faults(&config, &givens);
            let faults = broker.into_iter().chain(store_fault(&config, &givens)).collect();
            (faults, config.settings().ok())
        }
        Err(faults) => (faults, None),
    };
    Report { path: path.to_owned(), faults, settings }
}

/// The configuration, where all that it names of the broker can be used; else every fault.
///
/// The store is not among it: its disk may come later, and `run` waits for that by being started again.
pub fn load(
    path: Option<&Path>,
    environment: &[(String, String)],
    overrides: &[Override],
) -> Result<Config, Vec<Fault>> {
    load_with_givens(path, environment, overrides).map(|(config, _)| config)
}

/// The same, with the keys that were given, to say later what changed.
pub fn load_with_givens(
    path: Option<&Path>,
    environment: &[(String, String)],
    overrides: &[Override],
) -> Result<(Config, Givens), Vec<Fault>> {
    let givens = Givens::collect(path, environment, overrides);
    let config = Config::judged(&givens)?;
    let faults = broker_faults(&config, &givens);
    if faults.is_empty() { Ok((config, givens)) } else { Err(faults) }
}

/// What keeps the broker from even being tried: a password, a certificate or a key that is none.
fn broker_faults(config: &Config, givens: &Givens) -> Vec<Fault> {
    let settings = match LinkSettings::of(&config.mqtt) {
        Ok(settings) => settings,
        Err(fault) => return vec![fault_at(givens, "mqtt", "password_file", &fault)],
    };
    let fault = Link::new(&settings).err();
    fault.map(|fault| fault_at(givens, "mqtt", fault.setting(), &fault)).into_iter().collect()
}

/// Why the store could not be opened or written to now.
fn store_fault(config: &Config, givens: &Givens) -> Option<Fault> {
    let StoreUrl::Sqlite(path) = &config.store.url else { return None };
    let fault = probe_store(path).err()?;
    Some(fault_at(givens, "store", "url", &fault))
}

/// Why nothing can be kept there.
#[derive(Debug, Error)]
enum UnusableStore {
    #[error("{} is not a writable folder; allowed is one that exists and can be written to", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    #[error("{} cannot be opened; allowed is a file that may be read and written", .0.display())]
    File(PathBuf, #[source] io::Error),
    #[error("{} is not an SQLite database; allowed is one, or a file that does not exist yet", .0.display())]
    NoDatabase(PathBuf),
}

/// Writes beside the database and reads its beginning, as SQLite would; leaves nothing behind.
fn probe_store(path: &Path) -> Result<(), UnusableStore> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let (process, nth) = (std::process::id(), PROBES.fetch_add(1, Ordering::Relaxed));
    let probe = folder.join(format!(".wardwatch-check-{process}-{nth}"));
    let written = File::create_new(&probe).and_then(|_| std::fs::remove_file(&probe));
    written.map_err(|fault| UnusableStore::Folder(folder.to_owned(), fault))?;
    let mut start = Vec::new();
    let opened = File::options().read(true).write(true).open(path);
    match opened.and_then(|file| file.take(SQLITE.len() as u64).read_to_end(&mut start)) {
        Ok(0) => Ok(()),
        Ok(_) if start == SQLITE => Ok(()),
        Ok(_) => Err(UnusableStore::NoDatabase(path.to_owned())),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(fault) => Err(UnusableStore::File(path.to_owned(), fault)),
    }
}

/// How many folders were probed, so that no two threads probe with one file.
static PROBES: AtomicUsize = AtomicUsize::new(0);

/// What every SQLite database begins with.
const SQLITE: &[u8] = b"SQLite format 3\0";

fn fault_at(givens: &Givens, section: &str, key: &str, fault: &(dyn Error + 'static)) -> Fault {
    let path = [section, key].map(str::to_owned);
    Fault { place: givens.place(&path), key: Some(path.join(".")), wrong: Causes(fault).to_string() }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.faults {
            writeln!(f, "{fault}")?;
        }
        let count = match self.faults.len() {
            0 => "no fault".to_owned(),
            1 => "1 fault".to_owned(),
            many => format!("{many} faults"),
        };
        writeln!(f, "{}: {count}", self.path.display())?;
        match &self.settings {
            Some(settings) => {
                if settings.policy.escalation.is_empty() {
                    writeln!(f, "{NOBODY_CALLED}")?;
                }
                effective(f, settings)
            }
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
    settings.scores.rules().into_iter().try_for_each(|rule| {
        writeln!(f)?;
        score(f, rule)
    })
}

/// The columns beside the vital's name.
const COLUMNS: [&str; 8] =
    ["extreme low", "low", "high", "extreme high", "hysteresis", "delay", "extreme delay", "clear delay"];

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
        limits.clear_delay.to_string(),
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

fn score(f: &mut fmt::Formatter<'_>, rule: RuleSettings) -> fmt::Result {
    if !rule.enabled {
        return writeln!(f, "{} is off", rule.name);
    }
    writeln!(f, "{}, {}", rule.name, rule.of)?;
    rule.spans.into_iter().try_for_each(|setting| line(f, setting.words, setting.value))
}

fn line(f: &mut fmt::Formatter<'_>, what: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{:<34}  {value}", format!("  {what}"))
}
