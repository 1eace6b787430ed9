//! What no single key can tell: ranges, files, and keys that must agree with each other.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

use wardwatch_actors::clock::Span;
use wardwatch_actors::people::{Class, identity};
use wardwatch_actors::settings::limits::LONGEST_DELAY;
use wardwatch_actors::settings::{LimitKey, SilenceOverrides, TableFault};

use super::fault::{Fault, Place};
use super::given::{Givens, written};
use super::{Config, StoreUrl};

/// Every rule that this configuration breaks.
pub fn faults(config: &Config, givens: &Givens) -> Vec<Fault> {
    let mut rules = Rules { givens, faults: Vec::new() };
    rules.broker(config);
    rules.credentials(config);
    rules.admission(config);
    rules.scores(config);
    rules.alerts(config);
    rules.missing(config);
    rules.store(config);
    for fault in config.settings().err().unwrap_or_default() {
        rules.limits(&fault);
    }
    rules.faults
}

struct Rules<'a> {
    givens: &'a Givens,
    faults: Vec<Fault>,
}

impl Rules<'_> {
    fn broker(&mut self, config: &Config) {
        let mqtt = &config.mqtt;
        if let Err(fault) = identity::check_name(&mqtt.client_id) {
            self.tell("mqtt.client_id", fault.to_string());
        }
        let level = |level: &str| !level.is_empty() && !level.contains(['+', '#', '\0']);
        if mqtt.prefix.starts_with('$') || !mqtt.prefix.split('/').all(level) {
            let wrong = format!("\"{}\" cannot begin a topic", mqtt.prefix);
            self.tell(
                "mqtt.prefix",
                format!("{wrong}; allowed is text without + # and $, as hospital/wardwatch"),
            );
        }
        self.within("mqtt.max_unacknowledged", mqtt.max_unacknowledged, 1..=65_535);
        self.within("mqtt.keep_alive", mqtt.keep_alive, Span::from_secs(5)..=Span::from_hours(1));
    }

    fn credentials(&mut self, config: &Config) {
        let mqtt = &config.mqtt;
        let files = [
            ("mqtt.password_file", &mqtt.password_file, false),
            ("mqtt.ca_file", &mqtt.ca_file, true),
            ("mqtt.certificate_file", &mqtt.certificate_file, true),
            ("mqtt.key_file", &mqtt.key_file, true),
        ];
        for (key, path, needs_tls) in files {
            let Some(path) = path else { continue };
            self.readable(key, path);
            if needs_tls && !mqtt.url.tls {
                let wrong = format!("is of no use with {}; allowed is a url with mqtts://", mqtt.url);
                self.tell(key, wrong);
            }
        }
        if let Some(Place::File { .. }) = self.givens.exact_place(&path("mqtt.password")) {
            let allowed = "allowed is password_file, or the variable WARDWATCH__MQTT__PASSWORD";
            self.tell("mqtt.password", format!("a password may not stand in this file; {allowed}"));
        }
        if mqtt.password.is_some() && mqtt.password_file.is_some() {
            self.tell("mqtt.password", "is given beside password_file; allowed is one of them".to_owned());
        }
        let secret = mqtt.password.is_some() || mqtt.password_file.is_some();
        if secret && mqtt.username.is_none() {
            self.tell("mqtt.username", "is not given; a password needs one".to_owned());
        }
        for (key, given, other) in [
            ("mqtt.certificate_file", &mqtt.certificate_file, (&mqtt.key_file, "key_file")),
            ("mqtt.key_file", &mqtt.key_file, (&mqtt.certificate_file, "certificate_file")),
        ] {
            if given.is_some() && other.0.is_none() {
                self.tell(key, format!("is given alone; allowed is together with {}", other.1));
            }
        }
    }

    fn admission(&mut self, config: &Config) {
        let admission = &config.admission;
        self.within("admission.max_patients", admission.max_patients, 1..=1_000_000);
        self.within(
            "admission.leave_after",
            admission.leave_after,
            Span::from_mins(1)..=Span::from_hours(24 * 366),
        );
        self.within("admission.readmit_after", admission.readmit_after, Span::ZERO..=Span::from_hours(24));
        self.within("admission.max_rate", admission.max_rate, 1..=10_000);
    }

    fn scores(&mut self, config: &Config) {
        let news2 = &config.scores.news2;
        self.within("scores.news2.delay", news2.delay, Span::ZERO..=LONGEST_DELAY);
        self.within("scores.news2.clear_delay", news2.clear_delay, Span::ZERO..=Span::from_hours(1));
        let valid_for = &news2.valid_for;
        for (key, span) in [
            ("continuous", valid_for.continuous),
            ("blood_pressure", valid_for.blood_pressure),
            ("temperature", valid_for.temperature),
            ("consciousness", valid_for.consciousness),
        ] {
            let key = format!("scores.news2.valid_for.{key}");
            self.within(&key, span, Span::from_mins(1)..=Span::from_hours(24));
        }
    }

    fn alerts(&mut self, config: &Config) {
        let alerts = &config.alerts;
        let second = Span::from_secs(1);
        self.within("alerts.live_within", alerts.live_within, second..=Span::from_mins(10));
        self.within("alerts.catch_up", alerts.catch_up, second..=Span::from_mins(2));
        self.within("alerts.clock_tolerance", alerts.clock_tolerance, second..=Span::from_mins(10));
        self.within("alerts.publish_within", alerts.publish_within, Span::from_ms(1)..=Span::from_secs(2));
        if alerts.live_within <= alerts.clock_tolerance {
            let allowed = format!("allowed is more than clock_tolerance ({})", alerts.clock_tolerance);
            self.tell("alerts.live_within", format!("{} is not allowed; {allowed}", alerts.live_within));
        }
    }

    fn missing(&mut self, config: &Config) {
        let missing = &config.missing;
        self.within("missing.medium_after", missing.medium_after, Span::ZERO..=Span::from_hours(1));
        self.silences("missing.adult", &missing.adult);
        self.silences("missing.paediatric", &missing.paediatric);
        self.silences("missing.neonate", &missing.neonate);
        for (unit, of_unit) in &config.units {
            for class in Class::ALL {
                let section = ["units", unit.as_str(), "missing", class.name()].map(str::to_owned);
                self.silences_at(&section, of_unit.missing.get(class));
            }
        }
    }

    fn silences(&mut self, section: &str, silences: &SilenceOverrides) {
        self.silences_at(&path(section), silences);
    }

    fn silences_at(&mut self, section: &[String], silences: &SilenceOverrides) {
        for (vital, span) in silences.iter() {
            let key = [section, &[vital.name().to_owned()]].concat();
            if !vital.facts().watched {
                self.tell_at(
                    &key,
                    format!("the silence of {vital} is not watched; allowed is to leave it out"),
                );
            }
            self.within_at(&key, span, Span::from_secs(1)..=Span::from_hours(24));
        }
    }

    fn store(&mut self, config: &Config) {
        let store = &config.store;
        if let StoreUrl::Sqlite(_) = store.url {
            let wrong = format!("{} cannot be opened by this version", store.url);
            self.tell("store.url", format!("{wrong}; allowed is memory"));
        }
        self.within("store.linger", store.linger, Span::ZERO..=Span::from_secs(1));
        self.within(
            "store.keep_readings",
            store.keep_readings,
            Span::from_hours(1)..=Span::from_hours(24 * 3660),
        );
    }

    /// Tells a fault of merged limits at the key that the site wrote, be it the one at fault or the one it clashes with.
    fn limits(&mut self, TableFault { class, unit, fault }: &TableFault) {
        let in_class = |key: LimitKey| {
            ["limits", class.name(), fault.vital.name(), key.name()].map(str::to_owned).to_vec()
        };
        let in_unit = |key: LimitKey| {
            let unit = unit.as_ref().map(|unit| ["units".to_owned(), unit.to_string()]);
            unit.map(|unit| [&unit[..], &in_class(key)].concat())
        };
        let written = |key: LimitKey| {
            let paths = in_unit(key).into_iter().chain([in_class(key)]);
            paths.filter(|path| self.givens.exact_place(path).is_some()).collect::<Vec<_>>()
        };
        let own = written(fault.key).into_iter().next();
        let others = fault.against.map(written).unwrap_or_default();
        let in_a_unit = |path: &Vec<String>| path[0] == "units";
        let clash =
            format!("does not go with {} = {}; allowed there is {}", fault.key, fault.value, fault.allowed);
        let plain = format!("{} is not allowed; allowed is {}", fault.value, fault.allowed);
        match (own, others.into_iter().next()) {
            (Some(own), Some(other)) if in_a_unit(&other) && !in_a_unit(&own) => self.tell_at(&other, clash),
            (Some(own), _) => self.tell_at(&own, plain),
            (None, Some(other)) => self.tell_at(&other, clash),
            (None, None) => self.tell_at(&in_unit(fault.key).unwrap_or_else(|| in_class(fault.key)), plain),
        }
    }

    fn readable(&mut self, key: &str, path: &Path) {
        match std::fs::File::open(path).and_then(|file| file.metadata()) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => {
                self.tell(key, format!("{} is no file; allowed is a file that can be read", path.display()))
            }
            Err(error) => {
                let wrong = format!("{} cannot be read: {error}", path.display());
                self.tell(key, format!("{wrong}; allowed is a file that can be read"));
            }
        }
    }

    fn within<T: PartialOrd + Display>(&mut self, key: &str, value: T, allowed: RangeInclusive<T>) {
        self.within_at(&path(key), value, allowed);
    }

    fn within_at<T: PartialOrd + Display>(&mut self, key: &[String], value: T, allowed: RangeInclusive<T>) {
        if !allowed.contains(&value) {
            let (least, most) = (allowed.start(), allowed.end());
            self.tell_at(key, format!("{value} is not allowed; allowed is {least} to {most}"));
        }
    }

    fn tell(&mut self, key: &str, wrong: String) {
        self.tell_at(&path(key), wrong);
    }

    fn tell_at(&mut self, key: &[String], wrong: String) {
        self.faults.push(Fault { place: self.givens.place(key), key: Some(written(key)), wrong });
    }
}

/// The names of a key without special characters.
fn path(key: &str) -> Vec<String> {
    key.split('.').map(str::to_owned).collect()
}
