//! The table: one line an attack, and whatever did not hold.

use super::bystanders::Latencies;

/// How late the rule allows an alert to be, in milliseconds (p99), under attack as without.
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

impl Row {
    /// Adds what did not hold.
    pub fn fault(&mut self, holds: bool, fault: &str) {
        if !holds {
            self.faults.push(fault.to_owned());
        }
    }

    /// Judges what holds for every attack.
    pub fn judge(&mut self) {
        let (lost, p99) = (self.during.lost, self.during.p99());
        self.fault(lost == 0, &format!("{lost} alerts lost"));
        let in_time = p99.is_some_and(|p99| p99 <= IN_TIME_MS);
        self.fault(in_time, &format!("p99 {p99:?} ms, {IN_TIME_MS} ms allowed"));
        match self.memory {
            Some(bytes) => {
                self.fault(bytes <= MEMORY, &format!("{} MiB above idle", bytes >> 20));
            }
            None => self.fault(false, "the service ended"),
        }
    }

    fn line(&self) -> String {
        let result = if self.faults.is_empty() { "holds" } else { "FAILS" };
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
        let failed = self.rows.iter().filter(|row| !row.faults.is_empty());
        let words: Vec<_> = failed.map(|row| format!("{}: {}", row.attack, row.faults.join("; "))).collect();
        assert!(words.is_empty(), "what did not hold:\n  {}", words.join("\n  "));
    }
}
