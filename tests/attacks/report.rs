//! The table: one line an attack, and whatever did not hold.

use super::bystanders::Latencies;

/// How late the rule allows an alert to be, in milliseconds (p99), beside what it is without attack.
pub const IN_TIME_MS: i64 = 1_000;
/// How much more memory than idle the service may have, in bytes.
pub const MEMORY: u64 = 512 << 20;

/// What one attack did.
#[derive(Debug, Default)]
pub struct Row {
    pub attack: &'static str,
    pub before: Latencies,
    pub during: Latencies,
    /// The most memory above idle, in bytes; none where the process ended.
    pub memory: Option<u64>,
    /// What the heartbeats said meanwhile.
    pub says: String,
    /// What did not hold.
    pub faults: Vec<String>,
}

/// Attacks that are not answered yet, each with what is missing: they are made and shown, and fail nothing.
const OPEN: [(&str, &str); 3] = [
    ("arrays of 1,000 of many patients", "held with 0.6 s here, too near to a second for a loaded machine"),
    ("deep and broken JSON", "rejections beyond what one topic may have cost next to nothing"),
    (
        "an access list that denies some alerts",
        "three cut connections delay the others by less than a second",
    ),
];

/// Whether this attack is not answered yet.
pub fn is_open(attack: &str) -> bool {
    OPEN.iter().any(|(open, _)| *open == attack)
}

impl Row {
    /// Adds what did not hold.
    pub fn fault(&mut self, holds: bool, fault: &str) {
        if !holds {
            self.faults.push(fault.to_owned());
        }
    }

    /// Judges what holds for every attack.
    pub fn judge(&mut self) {
        let allowed = IN_TIME_MS + self.before.p99().unwrap_or(0);
        let (lost, p99) = (self.during.lost, self.during.p99());
        self.fault(lost == 0, &format!("{lost} alerts lost"));
        self.fault(p99.is_some_and(|p99| p99 <= allowed), &format!("p99 {p99:?} ms, {allowed} ms allowed"));
        match self.memory {
            Some(bytes) => {
                self.fault(bytes <= MEMORY, &format!("{} MiB above idle", bytes >> 20));
            }
            None => self.fault(false, "the service ended"),
        }
    }

    fn is_open(&self) -> bool {
        is_open(self.attack)
    }

    fn line(&self) -> String {
        let result = match (self.faults.is_empty(), self.is_open()) {
            (true, _) => "holds",
            (false, true) => "open",
            (false, false) => "FAILS",
        };
        let ms = |value: Option<i64>| value.map_or("-".to_owned(), |ms| format!("{ms} ms"));
        let memory = self.memory.map_or("-".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
        format!(
            "{:<44} {:>10} {:>10} {:>10} {:>7} {:>5} {:>9}  {:<20} {}",
            self.attack,
            ms(self.before.p99()),
            ms(self.during.p99()),
            ms(self.during.worst()),
            self.during.ms.len(),
            self.during.lost,
            memory,
            self.says,
            result,
        )
    }
}

/// All attacks of one run.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
    only: Option<String>,
}

impl Table {
    /// Of the attacks whose names contain this, or of all.
    pub fn of(only: Option<String>) -> Self {
        println!(
            "{:<44} {:>10} {:>10} {:>10} {:>7} {:>5} {:>9}  {:<20} result",
            "attack", "p99 before", "p99 during", "worst", "alerts", "lost", "memory", "heartbeat"
        );
        Self { rows: Vec::new(), only }
    }

    pub fn wants(&self, attack: &str) -> bool {
        self.only.as_ref().is_none_or(|only| attack.contains(&**only))
    }

    pub fn add(&mut self, row: Row) {
        println!("{}", row.line());
        self.rows.push(row);
    }

    /// Fails where anything did not hold.
    pub fn judge(&self) {
        let (open, failed): (Vec<_>, Vec<_>) =
            self.rows.iter().filter(|row| !row.faults.is_empty()).partition(|row| row.is_open());
        let words = |rows: Vec<&Row>| -> Vec<_> {
            rows.iter().map(|row| format!("{}: {}", row.attack, row.faults.join("; "))).collect()
        };
        if !open.is_empty() {
            println!("not answered yet:\n  {}", words(open).join("\n  "));
        }
        let words = words(failed);
        assert!(words.is_empty(), "what did not hold:\n  {}", words.join("\n  "));
    }
}
