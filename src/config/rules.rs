//! What no single key can show: ranges, files, and keys that must agree with each other.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::Path;

use wardwatch_actors::clock::Span;
use wardwatch_actors::people::Class;
use wardwatch_actors::people::check_name;
use wardwatch_actors::settings::{
    DelayByPriority, LONGEST_SILENCE, LimitFault, LimitKey, Limits, SilenceOverrides, TableFault, Watch,
};

use super::Config;
use super::fault::Fault;
use super::given::{Givens, written};
use super::mqtt::check_prefix;
use super::size::ByteSize;

/// Every rule that this configuration breaks, where `unread` are the keys that were given and could not be read.
pub fn faults(config: &Config, givens: &Givens, unread: &[Vec<String>]) -> Vec<Fault> {
    let mut rules = Rules { givens, unread, faults: Vec::new() };
    rules.broker(config);
    rules.credentials(config);
    rules.admission(config);
    rules.scores(config);
    rules.alerts(config);
    rules.signals(config);
    rules.commands(config);
    rules.receivers(config);
    rules.missing(config);
    rules.store(config);
    for fault in config.settings().err().unwrap_or_default() {
        rules.limits(&fault);
    }
    rules.faults
}

struct Rules<'a> {
    givens: &'a Givens,
    unread: &'a [Vec<String>],
    faults: Vec<Fault>,
}

impl Rules<'_> {
    fn broker(&mut self, config: &Config) {
        let mqtt = &config.mqtt;
        if let Err(fault) = check_name(&mqtt.client_id) {
            self.report("mqtt.client_id", fault.to_string());
        }
        if let Err(fault) = check_prefix(&mqtt.prefix) {
            self.report("mqtt.prefix", fault.to_string());
        }
        self.within("mqtt.max_unacknowledged", mqtt.max_unacknowledged, 1..=65_535);
        let sizes = ByteSize::from_kib(16)..=ByteSize::from_kib(16 * 1024);
        self.within("mqtt.max_payload", mqtt.max_payload, sizes);
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
        for (key, file, needs_tls) in files {
            let Some(file) = file else { continue };
            self.readable(key, file);
            if needs_tls && !mqtt.url.tls && !self.is_unread(&path("mqtt.url")) {
                let wrong = format!("has no effect with {}; allowed is a url with mqtts://", mqtt.url);
                self.report(key, wrong);
            }
        }
        if mqtt.password.is_some() && mqtt.password_file.is_some() {
            self.report("mqtt.password", "is given beside password_file; allowed is one of them".to_owned());
        }
        let secret = mqtt.password.is_some() || mqtt.password_file.is_some();
        if secret && mqtt.username.is_none() {
            self.report("mqtt.username", "is not given; a password needs one".to_owned());
        }
        for (key, given, other) in [
            ("mqtt.certificate_file", &mqtt.certificate_file, (&mqtt.key_file, "key_file")),
            ("mqtt.key_file", &mqtt.key_file, (&mqtt.certificate_file, "certificate_file")),
        ] {
            if given.is_some() && other.0.is_none() {
                self.report(key, format!("is given alone; allowed is together with {}", other.1));
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
        for setting in config.scores.rules().into_iter().flat_map(|rule| rule.spans) {
            self.within(&setting.key, setting.value, setting.allowed);
        }
    }

    fn alerts(&mut self, config: &Config) {
        let alerts = &config.alerts;
        let second = Span::from_secs(1);
        self.within("alerts.live_within", alerts.live_within, second..=Span::from_mins(10));
        self.within("alerts.catch_up", alerts.catch_up, second..=Span::from_mins(2));
        self.within("alerts.clock_tolerance", alerts.clock_tolerance, second..=Span::from_mins(10));
        self.within("alerts.publish_within", alerts.publish_within, Span::from_ms(1)..=Span::from_secs(2));
        self.within(
            "alerts.devices_back_within",
            alerts.devices_back_within,
            Span::ZERO..=Span::from_mins(1),
        );
        if alerts.live_within <= alerts.clock_tolerance {
            let allowed = format!("allowed is more than clock_tolerance ({})", alerts.clock_tolerance);
            self.report("alerts.live_within", format!("{} is not allowed; {allowed}", alerts.live_within));
        }
    }

    fn signals(&mut self, config: &Config) {
        let signals = &config.signals;
        let (second, hour) = (Span::from_secs(1), Span::from_hours(1));
        self.within("signals.pause", signals.pause, second..=hour);
        self.within("signals.longest_pause", signals.longest_pause, second..=Span::from_hours(4));
        self.within("signals.accepted_holds", signals.accepted_holds, second..=hour);
        self.within("signals.answer_within", signals.answer_within, second..=hour);
        self.within("signals.longest_standby", signals.longest_standby, second..=Span::from_hours(24));
        self.reminder("signals.reminder", signals.reminder);
        if let Some(night) = &signals.night {
            self.reminder("signals.night.reminder", night.reminder);
            self.signal_delay("signals.night.delay", &night.delay);
        }
        self.signal_delay("signals.delay", &signals.delay);
        if signals.longest_pause < signals.pause {
            let allowed = format!("allowed is pause ({}) or more", signals.pause);
            self.report(
                "signals.longest_pause",
                format!("{} is not allowed; {allowed}", signals.longest_pause),
            );
        }
        for (place, step) in config.escalation.iter().enumerate() {
            if !(Span::ZERO..=hour).contains(&step.after) {
                let wrong =
                    format!("step {}: after {} is not allowed; allowed is 0 s to 1 h", place + 1, step.after);
                self.report("escalation", wrong);
            }
            if let Err(fault) = check_name(&step.to) {
                self.report("escalation", format!("step {}: to: {fault}", place + 1));
            }
        }
    }

    fn reminder(&mut self, key: &str, reminder: Watch) {
        if let Watch::After(span) = reminder {
            self.within(key, span, Span::from_secs(1)..=Span::from_hours(24));
        }
    }

    fn signal_delay(&mut self, key: &str, delay: &DelayByPriority) {
        for (priority, delay) in [("low", delay.low), ("medium", delay.medium), ("high", delay.high)] {
            self.within(&format!("{key}.{priority}"), delay, Span::ZERO..=Span::from_mins(10));
        }
    }

    fn commands(&mut self, config: &Config) {
        for sender in config.senders.keys() {
            if let Err(fault) = check_name(sender) {
                self.report_at(&["senders".to_owned(), sender.clone()], fault.to_string());
            }
        }
        for (vital, bounds) in &config.bounds {
            let key = ["bounds".to_owned(), vital.name().to_owned()];
            if !Limits::VITALS.contains(vital) {
                self.report_at(&key, format!("{vital} has no limits; allowed is to leave it out"));
            } else if bounds
                .lowest
                .is_some_and(|lowest| bounds.highest.is_some_and(|highest| highest < lowest))
            {
                self.report_at(&key, "lowest is above highest; allowed is the other way round".to_owned());
            }
        }
    }

    fn receivers(&mut self, config: &Config) {
        for (name, receiver) in &config.receivers {
            let key = |key: &str| ["receivers", name.as_str(), key].map(str::to_owned);
            if receiver.filters.is_empty() && !self.is_unread(&key("filters")) {
                self.report_at(&key("filters"), "is not given; allowed is at least one filter".to_owned());
            }
            self.within_at(&key("within"), receiver.within, Span::from_secs(1)..=Span::from_mins(10));
            if receiver.fallback.is_empty() {
                let wrong = "is not given; allowed is who is called where nothing is confirmed".to_owned();
                self.report_at(&key("fallback"), wrong);
            } else if let Err(fault) = check_name(&receiver.fallback) {
                self.report_at(&key("fallback"), fault.to_string());
            }
        }
    }

    fn missing(&mut self, config: &Config) {
        let missing = &config.missing;
        self.within("missing.medium_after", missing.medium_after, Span::ZERO..=Span::from_hours(1));
        self.within("missing.unheard", missing.unheard, Span::from_mins(1)..=LONGEST_SILENCE);
        self.silences(&path("missing.adult"), &missing.adult);
        self.silences(&path("missing.paediatric"), &missing.paediatric);
        self.silences(&path("missing.neonate"), &missing.neonate);
        for (unit, of_unit) in &config.units {
            for class in Class::ALL {
                let section = ["units", unit.as_str(), "missing", class.name()].map(str::to_owned);
                self.silences(&section, of_unit.missing.get(class));
            }
        }
    }

    fn silences(&mut self, section: &[String], silences: &SilenceOverrides) {
        for (vital, watch) in silences.iter() {
            let key = [section, &[vital.name().to_owned()]].concat();
            if !vital.facts().watched {
                self.report_at(
                    &key,
                    format!("the silence of {vital} is not watched; allowed is to leave it out"),
                );
            }
            if let Watch::After(span) = watch {
                self.within_at(&key, span, Span::from_secs(1)..=LONGEST_SILENCE);
            }
        }
    }

    fn store(&mut self, config: &Config) {
        let store = &config.store;
        self.within("store.linger", store.linger, Span::ZERO..=Span::from_secs(1));
        self.within(
            "store.keep_readings",
            store.keep_readings,
            Span::from_hours(1)..=Span::from_hours(24 * 3660),
        );
        self.within(
            "store.keep_minutes",
            store.keep_minutes,
            Span::from_hours(24)..=Span::from_hours(24 * 3660),
        );
        if let Some(span) = store.keep_changes.span() {
            // What is open or pending is kept in any case.
            self.within("store.keep_changes", span, Span::from_hours(24)..=Span::from_hours(24 * 36_600));
        }
    }

    /// Reports a fault of merged limits at a key that the site wrote: the one at fault, or the one it clashes with.
    fn limits(&mut self, TableFault { class, unit, fault }: &TableFault) {
        let of_class = ["limits", class.name(), fault.vital.name()].map(str::to_owned).to_vec();
        let of_unit =
            unit.as_ref().map(|unit| [&["units".to_owned(), unit.to_string()], &of_class[..]].concat());
        let sections = || of_unit.iter().chain([&of_class]);
        if sections().any(|section| self.is_unread(section)) {
            return;
        }
        let keys = || [Some(fault.key), fault.against].into_iter().flatten();
        let mut candidates = sections().flat_map(|section| keys().map(move |key| (section, key)));
        let given =
            candidates.find(|(section, key)| self.givens.exact_place(&below(section, *key)).is_some());
        let (section, key) = given.unwrap_or((of_unit.as_ref().unwrap_or(&of_class), fault.key));
        let wrong = if key == fault.key {
            format!("{} is not allowed; allowed is {}", fault.value, fault.allowed)
        } else {
            let LimitFault { key, value, allowed, .. } = fault;
            format!("does not go with {key} = {value}; allowed for {key} is {allowed}")
        };
        self.report_at(&below(section, key), wrong);
    }

    /// Whether this key, or one below it, was given and could not be read.
    fn is_unread(&self, key: &[String]) -> bool {
        self.unread.iter().any(|unread| unread.starts_with(key))
    }

    fn readable(&mut self, key: &str, path: &Path) {
        match std::fs::File::open(path).and_then(|file| file.metadata()) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(_) => self
                .report(key, format!("{} is not a file; allowed is a file that can be read", path.display())),
            Err(error) => {
                let wrong = format!("{} cannot be read: {error}", path.display());
                self.report(key, format!("{wrong}; allowed is a file that can be read"));
            }
        }
    }

    fn within<T: PartialOrd + Display>(&mut self, key: &str, value: T, allowed: RangeInclusive<T>) {
        self.within_at(&path(key), value, allowed);
    }

    fn within_at<T: PartialOrd + Display>(&mut self, key: &[String], value: T, allowed: RangeInclusive<T>) {
        if !allowed.contains(&value) {
            let (least, most) = (allowed.start(), allowed.end());
            self.report_at(key, format!("{value} is not allowed; allowed is {least} to {most}"));
        }
    }

    fn report(&mut self, key: &str, wrong: String) {
        self.report_at(&path(key), wrong);
    }

    fn report_at(&mut self, key: &[String], wrong: String) {
        self.faults.push(Fault { place: self.givens.place(key), key: Some(written(key)), wrong });
    }
}

/// The names of a key without special characters.
fn path(key: &str) -> Vec<String> {
    key.split('.').map(str::to_owned).collect()
}

fn below(section: &[String], key: LimitKey) -> Vec<String> {
    [section, &[key.name().to_owned()]].concat()
}
