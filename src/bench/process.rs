//! Processes of our own, and what the kernel says of their CPU and memory.

use std::fs;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow};

/// A process that ends when it is not wanted any more.
pub struct OwnChild(Child);

impl OwnChild {
    /// Starts it, with nothing to read.
    pub fn start(mut command: Command) -> anyhow::Result<Self> {
        let started = command.stdin(Stdio::null()).spawn();
        let program = command.get_program().display();
        Ok(Self(started.with_context(|| format!("cannot start {program}"))?))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// How it ended, if it did by itself.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.0.try_wait().context("cannot look after a process")
    }
}

impl Drop for OwnChild {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The CPU that a process has used, over all of its threads that still run.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let threads = format!("/proc/{pid}/task");
    let mut used = 0;
    for thread in fs::read_dir(&threads).with_context(|| only_linux(&threads))? {
        let path = thread?.path().join("schedstat");
        // A thread that ended between two looks used next to nothing.
        let Ok(text) = fs::read_to_string(&path) else { continue };
        used += first_number(&text).ok_or_else(|| anyhow!("{} is not understood", path.display()))?;
    }
    Ok(Duration::from_nanos(used))
}

/// The CPU that a process has used since it was `before`. A thread that ended meanwhile takes its share along.
pub fn cpu_since(pid: u32, before: Duration) -> anyhow::Result<Duration> {
    Ok(cpu(pid)?.saturating_sub(before))
}

/// The memory that a process has now, in bytes.
pub fn memory(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| only_linux(&path))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(first_number).ok_or_else(|| anyhow!("{path} names no VmRSS"))?;
    Ok(kib * 1024)
}

fn only_linux(path: &str) -> String {
    format!("cannot read {path}: the process ended, or this is not Linux")
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_has_memory_and_has_used_cpu() {
        assert!(memory(std::process::id()).unwrap() > 100_000);
        assert!(cpu(std::process::id()).unwrap() > Duration::ZERO);
    }

    #[test]
    fn threads_that_ended_leave_no_less_than_nothing() {
        assert_eq!(cpu_since(std::process::id(), Duration::MAX).unwrap(), Duration::ZERO);
    }
}
