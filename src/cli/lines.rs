//! What is said on a terminal of what goes over the bus: a line a message.

use serde::Deserialize;
use wardwatch::client::heartbeat_watch::{WatchLoss, WatchNews};
use wardwatch_actors::clock::Timestamp;

/// What is shown of an alert change.
#[derive(Deserialize)]
pub struct ShownAlert {
    event: String,
    pub priority: String,
    unit: Option<String>,
    patient: Option<String>,
    bed: Option<String>,
    message: String,
    time: String,
    signal: String,
    route: Option<String>,
}

impl ShownAlert {
    /// A line about it.
    pub fn line(&self, colour: bool) -> String {
        let Self { event, priority, unit, patient, bed, message, time, route, .. } = self;
        let paint = match priority.as_str() {
            _ if event == "cleared" => "\x1b[32m",
            "high" => "\x1b[1;31m",
            "medium" => "\x1b[33m",
            "low" => "\x1b[36m",
            _ => "\x1b[2m",
        };
        let who = match (unit, patient) {
            (Some(unit), Some(patient)) => format!("{unit}/{patient}"),
            (Some(unit), None) => unit.clone(),
            _ => "installation".to_owned(),
        };
        let bed = bed.as_ref().map(|bed| format!(" bed {bed}")).unwrap_or_default();
        let route = route.as_ref().map(|route| format!(" → {route}")).unwrap_or_default();
        let what = painted(&format!("{:<6} {event:<11}", priority.to_uppercase()), paint, colour);
        format!("{}  {what} {:<18} {message}{route}\n", time_of_day(time), format!("{who}{bed}"))
    }

    /// How often it rings: the more urgent, the more often; not where its signal is quiet.
    pub fn bells(&self) -> usize {
        let rings =
            matches!(self.event.as_str(), "raised" | "escalated" | "unacknowledged" | "resumed" | "reminder");
        match self.priority.as_str() {
            _ if !rings || !(self.signal == "on" || self.event == "reminder") => 0,
            "high" => 3,
            "medium" => 2,
            "low" => 1,
            _ => 0,
        }
    }
}

/// A line about whether WardWatch is heard.
pub fn watch_line(news: WatchNews, now: Timestamp, colour: bool) -> String {
    let now = now.to_string();
    let line = match news {
        WatchNews::Back => return format!("{}  WardWatch is heard again\n", time_of_day(&now)),
        WatchNews::Lost(WatchLoss::Disconnected, since) => {
            format!("no connection to the broker for {} s", since.as_ms() / 1000)
        }
        WatchNews::Lost(WatchLoss::Offline, _) => "WardWatch is offline".to_owned(),
        WatchNews::Lost(WatchLoss::Silent, since) => {
            format!("WardWatch is silent: no heartbeat for {} s", since.as_ms() / 1000)
        }
    };
    let line = format!("!!! {line}. NOBODY WATCHES: look after the patients yourselves !!!");
    format!("{}  {}\n", time_of_day(&now), painted(&line, "\x1b[1;97;41m", colour))
}

/// A text in a colour, where colours may be used.
pub fn painted(text: &str, paint: &str, colour: bool) -> String {
    if colour { format!("{paint}{text}\x1b[0m") } else { text.to_owned() }
}

/// The hour, minute and second of a time as it is on the bus.
pub fn time_of_day(time: &str) -> &str {
    time.get(11..19).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use wardwatch_actors::clock::Span;

    use super::*;

    fn alert(event: &str, priority: &str, signal: &str) -> ShownAlert {
        let change = format!(
            r#"{{"event":"{event}","priority":"{priority}","unit":"sim-1","patient":"p-001","bed":"A","signal":"{signal}",
            "message":"Heart rate 0 /min, below 40 /min","time":"2026-11-22T10:10:28.000Z","route":"charge-nurse"}}"#
        );
        serde_json::from_str(&change).unwrap()
    }

    #[test]
    fn a_change_says_who_and_why_and_who_is_called() {
        let line = "10:10:28  HIGH   escalated   sim-1/p-001 bed A  Heart rate 0 /min, below 40 /min → charge-nurse\n";
        assert_eq!(alert("escalated", "high", "on").line(false), line);
    }

    #[test]
    fn the_bell_rings_by_priority_and_never_for_what_is_quiet() {
        for (event, priority, signal, bells) in [
            ("raised", "high", "on", 3),
            ("raised", "medium", "on", 2),
            ("escalated", "low", "on", 1),
            ("raised", "info", "off", 0),
            ("reminder", "high", "acknowledged", 3),
            ("escalated", "high", "audio-paused", 0),
            ("updated", "high", "on", 0),
            ("cleared", "high", "off", 0),
        ] {
            assert_eq!(alert(event, priority, signal).bells(), bells, "{event} {priority} {signal}");
        }
    }

    #[test]
    fn that_nobody_watches_is_loud() {
        let now = Timestamp::from_unix_ms(1_800_000_000_000);
        let said = watch_line(WatchNews::Lost(WatchLoss::Silent, Span::from_secs(31)), now, false);
        let loud = "!!! WardWatch is silent: no heartbeat for 31 s. NOBODY WATCHES: look after the patients yourselves !!!";
        assert_eq!(said, format!("08:00:00  {loud}\n"));
        assert_eq!(watch_line(WatchNews::Back, now, true), "08:00:00  WardWatch is heard again\n");
    }
}
