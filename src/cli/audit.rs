//! `wardwatch audit`: whether what the store says of the past was changed, and that past as a file.

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;
use serde_json::Value;
use wardwatch::feed::archive::Period;
use wardwatch::store::{AuditEntry, AuditReport, NotedHead, StoreReader};
use wardwatch_actors::clock::Timestamp;

use super::output;

/// How many faults are printed; more are counted.
const MOST_FAULTS: usize = 100;

/// How many rows are read at once.
const PAGE: u32 = 1000;

/// Check or export the audit: every alert change, admission, command, configuration and start, with who and why
#[derive(Debug, Args)]
pub struct Audit {
    #[command(subcommand)]
    task: AuditTask,
}

#[derive(Debug, Subcommand)]
enum AuditTask {
    Verify(Verify),
    Export(Export),
}

/// Find rows that were edited, are missing or were cut off; exits 1 where there are any
///
/// Rows that were cut off at the end, and a chain that was written anew, show only by a head that was noted elsewhere: the heartbeat
/// has it as `audit_head`.
#[derive(Debug, Args)]
struct Verify {
    /// A head of the audit as the heartbeat said it at some time, or its hash alone
    #[arg(long)]
    head: Option<NotedHead>,
    #[command(flatten)]
    store: super::history::WhichStore,
}

/// Write the audit, or a period of it, to standard output
#[derive(Debug, Args)]
struct Export {
    /// From when, as 2026-11-22T06:35:00Z; without it, from the beginning
    #[arg(long)]
    from: Option<Timestamp>,
    /// To when; without it, to the end
    #[arg(long)]
    to: Option<Timestamp>,
    /// A JSON object a line, or a table
    #[arg(long, value_enum, default_value = "jsonl")]
    format: ExportFormat,
    #[command(flatten)]
    store: super::history::WhichStore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ExportFormat {
    Jsonl,
    Csv,
}

impl Audit {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.task {
            AuditTask::Verify(verify) => verify.run(),
            AuditTask::Export(export) => export.run(),
        }
    }
}

impl Verify {
    fn run(self) -> anyhow::Result<ExitCode> {
        let report = self.store.open()?.verify(self.head.as_ref())?;
        let whole = report.faults.is_empty();
        match output::print(in_words(&report)) {
            // Who reads no further still learns from the status whether it is whole.
            Err(fault) if !fault.reader_is_gone() => return Err(fault.into()),
            Ok(()) | Err(_) => {}
        }
        Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn in_words(report: &AuditReport) -> String {
    let mut text = String::new();
    for fault in report.faults.iter().take(MOST_FAULTS) {
        text += &format!("{fault}\n");
    }
    if let Some(more) = report.faults.len().checked_sub(MOST_FAULTS).filter(|more| *more > 0) {
        text += &format!("and {more} more\n");
    }
    if report.untaken > 0 {
        let changes = output::count(report.untaken, "alert change");
        text += &format!("{changes} of before the audit will be taken into it while the service runs\n");
    }
    let verdict = if report.faults.is_empty() { "the audit is whole" } else { "the audit is not whole" };
    let rows = output::count(report.rows, "row");
    match (&report.first, &report.last) {
        (Some(first), Some(last)) => {
            text += &format!("{verdict}: {rows}, from {first} to {last}\nhead {}\n", report.head);
        }
        _ => text += &format!("{verdict}: it has no rows yet\n"),
    }
    text
}

impl Export {
    fn run(self) -> anyhow::Result<ExitCode> {
        let store: StoreReader = self.store.open()?;
        let (first, last) = (Timestamp::from_unix_ms(i64::MIN), Timestamp::from_unix_ms(i64::MAX));
        let period = Period { from: self.from.unwrap_or(first), to: self.to.unwrap_or(last) };
        if self.format == ExportFormat::Csv {
            output::print(HEADINGS)?;
        }
        let mut after = 0;
        loop {
            let page = store.audit(period, after, PAGE)?;
            let Some(newest) = page.last() else { return Ok(ExitCode::SUCCESS) };
            after = newest.row;
            let lines: String = page.iter().map(|entry| self.line(entry)).collect();
            output::print(lines)?;
        }
    }

    fn line(&self, entry: &AuditEntry) -> String {
        let line = ExportedLine::of(entry);
        match self.format {
            ExportFormat::Jsonl => serde_json::to_string(&line).unwrap_or_default() + "\n",
            ExportFormat::Csv => line.as_csv(),
        }
    }
}

const HEADINGS: &str = "row,time,kind,subject,what,sender,by,reason,content,hash\r\n";

/// A row as it is exported.
#[derive(Serialize)]
struct ExportedLine<'a> {
    row: u64,
    time: Timestamp,
    kind: &'a str,
    subject: &'a str,
    what: &'a str,
    sender: Option<&'a str>,
    by: Option<&'a str>,
    reason: Option<&'a str>,
    content: &'a Value,
    hash: &'a str,
}

impl<'a> ExportedLine<'a> {
    fn of(entry: &'a AuditEntry) -> Self {
        let AuditEntry { row, time, kind, subject, what, content, hash } = entry;
        // An alert change names who commanded it, all else says so itself.
        let author = content.get("author").filter(|author| author.is_object());
        let text = |key: &str| {
            let of_author = author.and_then(|author| author.get(key)).and_then(Value::as_str);
            of_author.or_else(|| content.get(key).and_then(Value::as_str))
        };
        let (sender, by, reason) = (text("sender"), text("by"), text("reason"));
        Self { row: *row, time: *time, kind, subject, what, sender, by, reason, content, hash }
    }

    fn as_csv(&self) -> String {
        let content = self.content.to_string();
        let optional = |text: Option<&'a str>| text.unwrap_or_default();
        let texts = [self.kind, self.subject, self.what, optional(self.sender), optional(self.by)];
        let texts = texts.into_iter().chain([optional(self.reason), &content, self.hash]);
        let fields: String = texts.map(|text| format!(",{}", csv_field(text))).collect();
        format!("{},{}{fields}\r\n", self.row, self.time)
    }
}

/// A field as RFC 4180 has it; what a spreadsheet would take for a formula has a `'` before it.
fn csv_field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_a_table_is_one_field_and_no_formula() {
        assert_eq!(csv_field("raised heart_rate.high"), "raised heart_rate.high");
        assert_eq!(csv_field("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(csv_field("two\nlines"), "\"two\nlines\"");
        assert_eq!(csv_field("=HYPERLINK(1)"), "'=HYPERLINK(1)");
    }
}
