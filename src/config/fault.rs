//! What is wrong with a configuration, and where it stands.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong, said so that the reader can mend it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    pub place: SettingPlace,
    /// The key as it would be written, `limits.adult.heart_rate.low`; none where the fault is no key's.
    pub key: Option<String>,
    /// What is wrong; what is allowed.
    pub wrong: String,
}

/// Where a key was given.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettingPlace {
    /// In the configuration file; without a line where the whole file is meant.
    File { path: PathBuf, line: Option<usize> },
    /// In this environment variable.
    Environment(String),
    /// By this flag of the command line.
    Flag(String),
    /// Nowhere: it is a default.
    Default,
}

impl fmt::Display for SettingPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => path.display().fmt(f),
            Self::Environment(variable) => f.write_str(variable),
            Self::Flag(flag) => f.write_str(flag),
            Self::Default => f.write_str("default"),
        }
    }
}

impl fmt::Display for Fault {
    /// `wardwatch.toml:12: limits.adult.heart_rate.low: 130 /min is not allowed; allowed is …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.wrong)
    }
}

impl std::error::Error for Fault {}
