//! Every setting of the program, typed: from the file, over that the environment, over that the flags.

mod dashboard;
pub mod fault;
pub mod given;
mod layers;
mod log;
pub mod mqtt;
mod rules;
mod size;
pub mod sources;
mod store;
mod strict;
mod wrong;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use wardwatch_actors::clock::Span;
use wardwatch_actors::people::UnitId;
use wardwatch_actors::settings::{
    AdmissionSettings, AlertSettings, BoundTable, ByClass, EscalationStep, LimitOverrides, LimitTable,
    MissingTable, Receivers, ScoreSettings, SenderRights, Settings, SignalPolicy, SignalSettings,
    SilenceOverrides, duration,
};

pub use dashboard::DashboardConfig;
pub use fault::{Fault, SettingPlace};
pub use given::{Override, environment};
pub use log::{LogConfig, LogFormat, LogLevel};
pub use mqtt::{BrokerUrl, MqttConfig, Secret};
pub use size::ByteSize;
pub use sources::{SourceConfig, Sources};
pub use store::{KeepFor, StoreConfig, StoreUrl, Synchronous};
pub use wrong::nearest;

use given::{Given, Givens};
use wrong::Wrong;

/// The whole configuration. Every key has a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub mqtt: MqttConfig,
    pub admission: AdmissionSettings,
    /// What the site changes in the default limits.
    pub limits: ByClass<LimitOverrides>,
    /// What single units change in that.
    pub units: BTreeMap<UnitId, UnitConfig>,
    pub missing: MissingConfig,
    pub scores: ScoreSettings,
    pub alerts: AlertSettings,
    /// What is heard of an alert.
    pub signals: SignalSettings,
    /// Who is called when nobody answers, one after the other.
    pub escalation: Vec<EscalationStep>,
    /// Who may command what.
    pub senders: BTreeMap<String, SenderRights>,
    /// Who confirms the alerts that it receives.
    pub receivers: Receivers,
    /// What a command may set limits to.
    pub bounds: BoundTable,
    pub sources: BTreeMap<sources::Pattern, SourceConfig>,
    pub store: StoreConfig,
    pub log: LogConfig,
    pub dashboard: DashboardConfig,
}

/// What one unit sets differently.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnitConfig {
    pub limits: ByClass<LimitOverrides>,
    pub missing: ByClass<SilenceOverrides>,
}

/// When a vital is missing.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MissingConfig {
    /// After how long missing data rises from low to medium priority.
    #[serde(with = "duration")]
    pub medium_after: Span,
    /// After how long a patient with a record, from whose devices nothing live came, is unheard.
    #[serde(with = "duration")]
    pub unheard: Span,
    pub adult: SilenceOverrides,
    pub paediatric: SilenceOverrides,
    pub neonate: SilenceOverrides,
}

impl Default for MissingConfig {
    fn default() -> Self {
        let MissingTable { medium_after, unheard, classes, .. } = MissingTable::default();
        let ByClass { adult, paediatric, neonate } = classes;
        Self { medium_after, unheard, adult, paediatric, neonate }
    }
}

impl Config {
    /// Reads the file, lays the environment and then the flags over it, and holds the whole to every rule.
    ///
    /// Without a file, all is default that environment and flags do not set. Every fault is reported at once.
    pub fn load(
        path: Option<&Path>,
        environment: &[(String, String)],
        overrides: &[Override],
    ) -> Result<Self, Vec<Fault>> {
        let givens = Givens::collect(path, environment, overrides);
        Self::judged(&givens)
    }

    /// Every key is read by itself, so that each fault is found; those that can be read make the whole.
    pub(crate) fn judged(givens: &Givens) -> Result<Self, Vec<Fault>> {
        let mut faults: BTreeSet<Fault> = givens.faults.iter().cloned().collect();
        let mut readable = Vec::new();
        let mut unread = Vec::new();
        for given in &givens.all {
            match Self::read(given, givens) {
                Ok(()) => readable.push(given),
                Err(fault) => {
                    faults.insert(fault);
                    unread.push(given.path.clone());
                }
            }
        }
        let whole = match faults.is_empty() {
            true => layers::of_text(&givens.text, &readable),
            false => layers::of_keys(&readable),
        };
        match whole {
            Ok(config) => {
                faults.extend(rules::faults(&config, givens, &unread));
                if faults.is_empty() { Ok(config) } else { Err(faults.into_iter().collect()) }
            }
            Err(error) => Err(faults.into_iter().chain([givens.fault_of_whole(&error)]).collect()),
        }
    }

    /// Reads one key as if it were the only one.
    fn read(given: &Given, givens: &Givens) -> Result<(), Fault> {
        if given.is_a_password_in_a_file() {
            return Err(fault_of_password(given));
        }
        strict::read(given).map_err(|wrong| fault(givens, &given.place, &wrong))?;
        if given.is_beyond_a_variable() {
            let wrong = "cannot be given by a variable; allowed is in the file".to_owned();
            return Err(Fault { place: given.place.clone(), key: Some(given::written(&given.path)), wrong });
        }
        Ok(())
    }

    /// What the actors need of it.
    ///
    /// A configuration that was loaded has limits that can be judged; one made by hand may not.
    pub fn settings(&self) -> Result<Settings, Vec<wardwatch_actors::settings::TableFault>> {
        let limits = self.units.iter().map(|(unit, config)| (unit.clone(), config.limits.clone())).collect();
        let silences = self.units.iter().map(|(unit, config)| (unit.clone(), config.missing.clone()));
        let MissingConfig { medium_after, unheard, adult, paediatric, neonate } = self.missing.clone();
        Ok(Settings {
            admission: self.admission.clone(),
            limits: LimitTable::new(&self.limits, &limits)?,
            missing: MissingTable {
                medium_after,
                unheard,
                classes: ByClass { adult, paediatric, neonate },
                units: silences.collect(),
            },
            scores: self.scores.clone(),
            alerts: self.alerts.clone(),
            policy: SignalPolicy { signals: self.signals.clone(), escalation: self.escalation.clone() },
            senders: self.senders.clone(),
            receivers: self.receivers.clone(),
            bounds: self.bounds.clone(),
        })
    }

    /// What is known of single devices.
    pub fn sources(&self) -> Sources {
        Sources::new(&self.sources)
    }
}

/// A password in a file that many may read. It is not shown again here.
fn fault_of_password(given: &Given) -> Fault {
    let wrong = "a password may not stand in this file; \
                 allowed is password_file, or the variable WARDWATCH__MQTT__PASSWORD";
    Fault { place: given.place.clone(), key: Some(given::written(&given.path)), wrong: wrong.to_owned() }
}

/// A key that cannot be read, at its own line where the file gave it.
fn fault(givens: &Givens, place: &SettingPlace, wrong: &Wrong) -> Fault {
    let path = wrong.path();
    let place = match place {
        SettingPlace::File { .. } => givens.place(&path),
        elsewhere => elsewhere.clone(),
    };
    Fault { place, key: Some(given::written(&path)), wrong: wrong.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/wardwatch.toml");

    fn with_environment(variables: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let variables: Vec<_> = variables.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        Config::load(None, &variables, &[]).map_err(|faults| faults.iter().map(Fault::to_string).collect())
    }

    /// The names that are allowed below `path`; none where it is no section.
    fn names_below(path: &[String]) -> Option<&'static [&'static str]> {
        let unknown = [path, &["?".to_owned()]].concat();
        let given = Given { place: SettingPlace::Default, path: unknown.clone(), value: true.into() };
        let wrong = strict::read(&given).unwrap_err();
        wrong.allowed_names().filter(|_| wrong.path() == unknown)
    }

    /// Every key below `path` that a file can give, without those of single units and devices.
    fn keys_below(path: &[String], keys: &mut Vec<Vec<String>>) {
        let Some(names) = names_below(path) else { return keys.push(path.to_vec()) };
        for name in names {
            keys_below(&[path, &[name.to_string()]].concat(), keys);
        }
    }

    #[test]
    fn without_any_key_all_is_default() {
        assert_eq!(Config::load(None, &[], &[]), Ok(Config::default()));
        assert_eq!(Config::default().settings(), Ok(Settings::default()));
    }

    #[test]
    fn the_deployed_file_says_exactly_what_is_built_in() {
        let deployed = Config::load(Some(DEPLOYED.as_ref()), &[], &[]).unwrap();
        assert_eq!(deployed.settings(), Ok(Settings::default()));
        let limits_spelled_out = deployed.limits.clone();
        assert_eq!(deployed, Config { limits: limits_spelled_out, ..Config::default() });
    }

    #[test]
    fn the_deployed_file_names_every_key() {
        let givens = Givens::collect(Some(DEPLOYED.as_ref()), &[], &[]);
        let text = std::fs::read_to_string(DEPLOYED).unwrap();
        let commented = |name: &str| {
            text.lines().any(|line| {
                line.strip_prefix("# ").is_some_and(|line| line.split([' ', '=']).next() == Some(name))
            })
        };
        let mut keys = Vec::new();
        keys_below(&[], &mut keys);
        assert!(keys.len() > 200, "{}", keys.len());
        for key in keys {
            let leaf = &key[key.len() - 1];
            let of_a_vital = key.iter().find_map(|name| wardwatch_actors::vitals::Vital::named(name));
            match (&*key[0], of_a_vital) {
                ("missing", Some(_)) => assert!(text.contains(&format!("[missing.{}]", key[1])), "{key:?}"),
                ("escalation", _) => assert!(text.contains("# [[escalation]]"), "{key:?}"),
                ("signals", Some(_)) => assert!(text.contains("# [signals.depth]"), "{key:?}"),
                ("bounds", _) => assert!(text.contains("# [bounds."), "{key:?}"),
                ("limits", Some(vital)) if !wardwatch_actors::settings::Limits::VITALS.contains(&vital) => {}
                ("units" | "sources" | "senders" | "receivers", _) => {
                    assert!(text.contains(&format!("# [{}.", key[0])), "{key:?}")
                }
                _ => assert!(
                    givens.exact_place(&key).is_some() || commented(leaf),
                    "{key:?} is not in the file"
                ),
            }
        }
    }

    #[test]
    fn the_environment_goes_over_the_file_and_a_flag_over_both() {
        let environment = [("WARDWATCH__MQTT__URL".to_owned(), "mqtt://from-environment".to_owned())];
        let flag = Override { flag: "--url", key: "mqtt.url", value: "mqtt://from-flag".to_owned() };
        let host = |flags: &[Override]| {
            let config = Config::load(Some(DEPLOYED.as_ref()), &environment, flags).unwrap();
            config.mqtt.url.host
        };
        assert_eq!(host(&[]), "from-environment");
        assert_eq!(host(&[flag]), "from-flag");
    }

    #[test]
    fn a_variable_has_the_type_of_its_key() {
        let config = with_environment(&[
            ("WARDWATCH__MQTT__MAX_UNACKNOWLEDGED", "100"),
            ("WARDWATCH__MQTT__CLIENT_ID", "17"),
            ("WARDWATCH__SCORES__NEWS2__ENABLED", "false"),
            ("WARDWATCH__LIMITS__ADULT__TEMPERATURE__HIGH", "38.5"),
            ("WARDWATCH__LIMITS__ADULT__TEMPERATURE__HYSTERESIS", "0.3"),
            ("WARDWATCH__MQTT__USERNAME", ""),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!((config.mqtt.max_unacknowledged, &*config.mqtt.client_id), (100, "17"));
        assert_eq!(config.mqtt.username, None);
        assert!(!config.scores.news2.enabled);
    }

    #[test]
    fn readings_can_be_kept_in_a_database() {
        let config = with_environment(&[("WARDWATCH__STORE__URL", "sqlite://wardwatch.db")]).unwrap();
        assert_eq!(config.store.url, StoreUrl::Sqlite("wardwatch.db".into()));
    }

    #[test]
    fn a_fault_in_the_environment_names_the_variable() {
        let faults = with_environment(&[
            ("WARDWATCH__MQTT__KEEPALIVE", "60s"),
            ("WARDWATCH__MQTT__MAX_UNACKNOWLEDGED", "many"),
            ("WARDWATCH__ADMISSION__MAX_RATE", "0"),
        ])
        .unwrap_err();
        assert_eq!(faults.len(), 3);
        assert!(
            faults[0].starts_with("WARDWATCH__ADMISSION__MAX_RATE: admission.max_rate: 0 is not"),
            "{faults:?}"
        );
        assert!(
            faults[1].starts_with(
                "WARDWATCH__MQTT__KEEPALIVE: mqtt.keepalive: unknown key, did you mean keep_alive?"
            ),
            "{faults:?}"
        );
        assert!(
            faults[2].ends_with("\"many\" is not allowed; allowed is a whole number from 0"),
            "{faults:?}"
        );
    }

    #[test]
    fn a_unit_with_a_dot_in_its_name_is_set_in_the_file_only() {
        let variable = "WARDWATCH__UNITS__ICU.1__LIMITS__ADULT__HEART_RATE__LOW";
        let key = "units.\"icu.1\".limits.adult.heart_rate.low";
        let fault = format!("{variable}: {key}: cannot be given by a variable; allowed is in the file");
        assert_eq!(with_environment(&[(variable, "45")]).unwrap_err(), [fault]);
        let plain = "WARDWATCH__UNITS__ICU-1__LIMITS__ADULT__HEART_RATE__LOW";
        assert!(with_environment(&[(plain, "45")]).is_ok());
    }

    #[test]
    fn a_password_comes_from_the_environment_and_needs_a_user() {
        let password = ("WARDWATCH__MQTT__PASSWORD", "s3cret");
        let config = with_environment(&[password, ("WARDWATCH__MQTT__USERNAME", "ward")]).unwrap();
        let password_now = config.mqtt.current_password().unwrap();
        assert_eq!(password_now.as_ref().map(Secret::reveal), Some("s3cret"));
        assert_eq!(
            with_environment(&[password]).unwrap_err(),
            ["default: mqtt.username: is not given; a password needs one"]
        );
    }
}
