//! A nurse's timeline as text: what is sent when, and what must be published when.
//!
//! `# …` is a remark, the first one the title; after two spaces it may end any line. `setting KEY = VALUE` is a line of configuration. Everything else begins
//! with its time, which is also its arrival:
//!
//! ```text
//!  0 s to 20 s              measured heart_rate 170           once a second, or `each 5 s`
//!  5 s                      raised heart_rate.high high "Heart rate 170 /min, above 150 /min for 5 s" since 0 s
//!  1 min                    end
//! ```
//!
//! Sent: `measured [of PATIENT] [by DEVICE] VITAL VALUE, …`, where `nothing` is null, and after a semicolon `clock 60 s
//! behind` or `ahead`, `kept since 20 s each 1 s` (a backlog), `taken at 5 s`, `seq 5`, `counted from 5`, `without time`,
//! `without seq`, `without device`, `array of 60 each 1 s` (the last as new as its arrival); `repeated` (the last reading once more); `record [of PATIENT] {…}`; `discharged [of PATIENT]`;
//! `device NAME offline`; `commanded COMMAND [CONDITION] [of PATIENT] [by PERSON] [from SENDER] [until TIME] [as ID] [{…}]`;
//! `receiver NAME online` or `offline`; `confirmed CONDITION [of PATIENT] [from RECEIVER] [as accepted]`, its last change;
//! `sent TOPIC PAYLOAD`. Patient and device are icu-1/p-17 and mon-17 where none is named.
//!
//! Published: `raised`, `updated`, `escalated`, `deescalated`, `acknowledged`, `unacknowledged`, `paused`, `resumed`, `reminder`,
//! `latched` or `cleared`, then CONDITION PRIORITY "message", `since`
//! (its onset), `of`, `by` (the device it is about), `because` (its reason), `backlog`, `unknown` (its presence),
//! `signal` (what is heard), `to` (who is called); `answered ok` or `answered "part of the reason"` (to a command);
//! `rejected "part of the reason"`, `field`, `times`; `emptied record` or `emptied state`. Of these, nothing else may
//! come than what is written, but for conditions named by a line `ignored CONDITION, …`. `state {…}` and `score {…}` say a part of what was published last.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use wardwatch_actors::clock::Span;

use crate::assessed::Published;

#[path = "timeline/commands.rs"]
mod commands;
#[path = "timeline/words.rs"]
mod words;
use words::{Said, contains, repeated, said, span, stamped, start, time};

const PATIENT: &str = "icu-1/p-17";
const DEVICE: &str = "mon-17";

/// One scenario.
#[derive(Default)]
pub struct Timeline {
    pub title: String,
    /// The site's configuration.
    pub settings: String,
    /// Conditions of which this scenario says nothing.
    ignored: Vec<String>,
    sent: Vec<Sent>,
    expected: Vec<Expected>,
    end: Option<Span>,
}

/// One message to WardWatch.
#[derive(Clone)]
struct Sent {
    at: Span,
    topic: String,
    payload: Value,
    /// Whether the device's count is still to be put in.
    counted: bool,
    /// The condition whose alert a command is about, until its id is looked up.
    about: Option<String>,
}

impl Sent {
    /// As a line of a recording.
    fn line(&self) -> String {
        format!("{}\n", json!({"at": time(self.at), "topic": self.topic, "payload": self.payload}))
    }
}

/// What must be published.
struct Expected {
    at: Span,
    line: String,
    verb: String,
    said: Said,
}

impl Timeline {
    /// Reads a scenario.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut timeline = Self::default();
        for (number, line) in text.lines().enumerate() {
            timeline
                .line(line.trim())
                .ok_or_else(|| format!("line {}: `{line}` is not understood", number + 1))?;
        }
        timeline.sent.sort_by_key(|sent| sent.at);
        timeline.expected.sort_by_key(|expected| expected.at);
        timeline.count();
        if timeline.end.is_none() {
            return Err("it has no end".to_owned());
        }
        Ok(timeline)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let line = line.split("  #").next()?.trim_end();
        if let Some(remark) = line.strip_prefix('#') {
            if self.title.is_empty() {
                self.title = remark.trim().to_owned();
            }
            return Some(());
        }
        if let Some(setting) = line.strip_prefix("setting ") {
            self.settings.push_str(setting);
            self.settings.push('\n');
            return Some(());
        }
        if let Some(conditions) = line.strip_prefix("ignored ") {
            self.ignored.extend(conditions.split(',').map(|condition| condition.trim().to_owned()));
            return Some(());
        }
        if line.is_empty() {
            return Some(());
        }
        let (from, rest) = span(line)?;
        let (to, rest) = rest.strip_prefix("to ").map_or(Some((from, rest)), span)?;
        let (each, rest) = rest.strip_prefix("each ").map_or(Some((Span::from_secs(1), rest)), span)?;
        let (verb, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let arrivals = std::iter::successors(Some(from), |at| Some(*at + each)).take_while(|at| *at <= to);
        for (number, at) in arrivals.enumerate() {
            self.entry(at, number, verb, rest.trim(), line)?;
        }
        Some(())
    }

    fn entry(&mut self, at: Span, number: usize, verb: &str, rest: &str, line: &str) -> Option<()> {
        let said = || said(rest);
        let patient = |said: &Said| said.named.get("of").map_or(PATIENT.to_owned(), Clone::clone);
        let (topic, payload, counted) = match verb {
            "end" => {
                self.end = Some(at);
                return Some(());
            }
            "measured" => return self.reading(at, number, rest),
            "repeated" => {
                let last = self.sent.iter().rposition(|sent| sent.topic.contains("/vitals/"))?;
                self.sent[last].counted = false;
                let last = Sent { at, ..self.sent[last].clone() };
                (last.topic, last.payload, false)
            }
            "record" => (format!("wardwatch/patients/{}", patient(&said()?)), said()?.json?, false),
            "discharged" => (format!("wardwatch/patients/{}", patient(&said()?)), Value::Null, false),
            "device" => {
                let (device, status) = rest.split_once(' ')?;
                (format!("wardwatch/devices/{device}/status"), json!(status), false)
            }
            "commanded" | "confirmed" | "receiver" => {
                self.sent.push(commands::said_by_people(at, self.sent.len(), verb, rest)?);
                return Some(());
            }
            "sent" => {
                let (topic, payload) = rest.split_once(' ')?;
                (topic.to_owned(), serde_json::from_str(payload).ok()?, false)
            }
            _ => {
                let (verb, said) = (verb.to_owned(), said()?);
                self.expected.push(Expected { at, line: line.to_owned(), verb, said });
                return Some(());
            }
        };
        self.sent.push(Sent { at, topic, payload, counted, about: None });
        Some(())
    }

    fn reading(&mut self, at: Span, number: usize, rest: &str) -> Option<()> {
        let mut parts = rest.split(';').map(str::trim);
        let mut values = parts.next()?;
        let (mut patient, mut device) = (PATIENT, DEVICE);
        for (word, place) in [("of ", &mut patient), ("by ", &mut device)] {
            if let Some((name, rest)) = values.strip_prefix(word).and_then(|rest| rest.split_once(' ')) {
                (*place, values) = (name.trim_end_matches(':'), rest);
            }
        }
        let mut payload = json!({"time": time(at), "device": device});
        let (mut counted, mut array) = (true, None);
        for option in parts {
            let (word, rest) = option.split_once(' ')?;
            match word {
                "array" => array = Some(rest),
                _ => counted &= stamped(&mut payload, at, number, word, rest)?,
            }
        }
        for value in values.split(',') {
            let (vital, value) = value.trim().split_once(' ')?;
            payload[vital] = match value.trim() {
                "nothing" => Value::Null,
                value => serde_json::from_str(value).unwrap_or_else(|_| json!(value)),
            };
        }
        if let Some(array) = array {
            (payload, counted) = (repeated(&payload, at, array)?, false);
        }
        self.sent.push(Sent {
            at,
            topic: format!("wardwatch/vitals/{patient}"),
            payload,
            counted,
            about: None,
        });
        Some(())
    }

    /// Puts in each device's count, in the order of arrival.
    fn count(&mut self) {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for sent in self.sent.iter_mut().filter(|sent| sent.topic.contains("/vitals/")) {
            let count = counts.entry(sent.payload["device"].to_string()).or_default();
            *count += 1;
            if sent.counted {
                sent.payload["seq"] = json!(count);
            }
        }
    }

    /// What is sent, as a recording.
    pub fn recording(&self) -> String {
        self.sent.iter().map(Sent::line).collect()
    }

    /// How long time runs on after the last message.
    pub fn linger(&self) -> Duration {
        let last = self.sent.last().map_or(Span::ZERO, |sent| sent.at);
        (self.end.unwrap_or_default() - last).to_duration()
    }

    /// What came otherwise than it is written.
    pub fn differences(&self, published: &[Published]) -> Vec<String> {
        let is_glimpse = |expected: &&Expected| matches!(expected.verb.as_str(), "state" | "score");
        let (glimpses, strict): (Vec<_>, Vec<_>) = self.expected.iter().partition(is_glimpse);
        let mut happened = published.iter().filter_map(|message| Some((message, self.in_words(message)?)));
        let mut differences = Vec::new();
        for expected in strict {
            match happened.next() {
                Some((message, _)) if expected.is(message) => {}
                Some((_, words)) => {
                    differences.push(format!("  expected {}\n  but came {}", expected.line, words.trim()));
                    break; // the rest would only be out of step
                }
                None => differences.push(format!("  expected {}\n  but nothing came", expected.line)),
            }
        }
        if differences.is_empty() {
            differences.extend(happened.map(|(_, words)| format!("  nobody expected {}", words.trim())));
        }
        differences.extend(glimpses.iter().filter_map(|expected| expected.is_not_seen(published)));
        differences
    }

    /// A message as a scenario says it; none for what scenarios need not say.
    pub fn in_words(&self, message: &Published) -> Option<String> {
        let at = message.at.since(start()).to_string();
        if message.is_change() {
            let ignored = self.ignored.iter().any(|condition| condition == message.text("condition"));
            return (!ignored).then(|| format!("{at:>8}  {}", change(message)));
        }
        if message.topic == "rejected" && self.ignored.iter().any(|ignored| ignored == "rejected") {
            return None;
        }
        if message.topic == "rejected" {
            let field =
                message.payload["field"].as_str().map_or(String::new(), |field| format!(" field {field}"));
            let times = message.payload["count"].as_u64().filter(|count| *count > 1);
            let times = times.map_or(String::new(), |times| format!(" times {times}"));
            return Some(format!("{at:>8}  rejected {:?}{field}{times}", message.text("reason")));
        }
        let (kind, patient) = message.topic.split_once('/')?;
        if kind == "replies" {
            return Some(format!("{at:>8}  {}", commands::answer(message)));
        }
        let what = match kind {
            "patients" => "record",
            "state" => "state",
            _ => return None,
        };
        message.payload.is_null().then(|| format!("{at:>8}  emptied {what} of {patient}"))
    }
}

impl Expected {
    fn named(&self, name: &str) -> Option<&str> {
        self.said.named.get(name).map(String::as_str)
    }

    fn says(&self, word: &str) -> bool {
        self.said.words.iter().any(|said| said == word)
    }

    /// Whether this message is what is expected.
    fn is(&self, message: &Published) -> bool {
        let at = message.at.since(start()) == self.at;
        at && match &*self.verb {
            "rejected" => {
                let times = self.named("times").map_or(Some(1), |times| times.parse().ok());
                message.topic == "rejected"
                    && message.text("reason").contains(self.said.quoted.as_deref().unwrap_or("no reason"))
                    && message.payload["field"].as_str() == self.named("field")
                    && message.payload["count"].as_u64() == times
            }
            "answered" => {
                let is_ok = self.says("ok") == (message.payload["ok"] == true);
                let reason = self.said.quoted.as_deref().unwrap_or_default();
                message.topic.starts_with("replies/") && is_ok && message.text("reason").contains(reason)
            }
            "emptied" => {
                let kind = if self.says("record") { "patients" } else { "state" };
                message.topic == format!("{kind}/{}", self.named("of").unwrap_or(PATIENT))
            }
            _ => message.is_change() && self.is_change(message),
        }
    }

    fn is_change(&self, message: &Published) -> bool {
        let onset = self.named("since").is_none_or(|since| {
            span(since).is_some_and(|(since, _)| message.time("onset") == start() + since)
        });
        let subject = message.topic.splitn(3, '/').nth(2);
        self.verb == message.text("event")
            && self.says(message.text("condition"))
            && self.says(message.text("priority"))
            && self.said.quoted.as_deref().is_none_or(|said| said == message.text("message"))
            && subject == Some(self.named("of").unwrap_or(PATIENT))
            && self.named("signal").is_none_or(|signal| message.text("signal") == signal)
            && self.named("to").is_none_or(|route| message.text("route") == route)
            && self.named("by").is_none_or(|device| message.text("device") == device)
            && message.payload["reason"].as_str() == self.named("because")
            && message.payload["backlog"] == self.says("backlog")
            && (message.text("presence") == "unknown") == self.says("unknown")
            && onset
    }

    /// Of a state or score: what differs in the last one published by then.
    fn is_not_seen(&self, published: &[Published]) -> Option<String> {
        let patient = self.named("of").unwrap_or(PATIENT);
        let kind = if self.verb == "state" { "state/" } else { "scores/" };
        let until = start() + self.at;
        let seen = published.iter().rev().filter(|message| message.at <= until);
        let last =
            seen.into_iter().find(|m| m.topic.starts_with(kind) && m.topic.ends_with(&format!("/{patient}")));
        let (last, part) = (last.map(|message| &message.payload), self.said.json.as_ref());
        match (last, part) {
            (Some(last), Some(part)) if contains(last, part) => None,
            (last, _) => {
                Some(format!("  expected {}\n  but was  {}", self.line, last.unwrap_or(&Value::Null)))
            }
        }
    }
}

/// An alert change as a scenario says it.
fn change(message: &Published) -> String {
    let [event, condition, priority] = ["event", "condition", "priority"].map(|field| message.text(field));
    let mut words = format!("{event} {condition} {priority} {:?}", message.text("message"));
    words.push_str(&format!(" since {}", message.time("onset").since(start())));
    let subject = message.topic.splitn(3, '/').nth(2).filter(|subject| *subject != PATIENT);
    let named = [
        ("of", subject),
        ("by", message.payload["device"].as_str()),
        ("because", message.payload["reason"].as_str()),
        ("to", message.payload["route"].as_str()),
        ("signal", Some(message.text("signal")).filter(|signal| !matches!(*signal, "on" | "off"))),
    ];
    for (name, value) in named.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        words.push_str(&format!(" {name} {value}"));
    }
    let flags =
        [("backlog", message.payload["backlog"] == true), ("unknown", message.text("presence") == "unknown")];
    flags.iter().filter(|(_, is)| *is).for_each(|(flag, _)| words.push_str(&format!(" {flag}")));
    words
}
