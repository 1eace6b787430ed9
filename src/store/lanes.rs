//! What waits to be written, by what goes first where too much waits: readings, then changes by their priority.

use std::collections::VecDeque;

use wardwatch_actors::conditions::Priority;

use super::batch::Row;

/// Readings alone, changes of each priority with the readings that led to them, and what is said of stays and to the audit.
const LANES: usize = 6;
const READINGS: usize = 0;
const STAYS: usize = LANES - 1;

/// Rows in the order of their numbers, each in the lane of its priority.
#[derive(Debug, Default)]
pub struct Lanes {
    /// The first is the first to go.
    lanes: [VecDeque<Row>; LANES],
    changes: usize,
}

impl Lanes {
    /// This waits, too.
    pub fn push(&mut self, row: Row) {
        self.changes += row.changes.len();
        self.lanes[lane(&row)].push_back(row);
    }

    /// How many rows wait.
    pub fn len(&self) -> usize {
        self.lanes.iter().map(VecDeque::len).sum()
    }

    /// How many changes wait.
    pub fn changes(&self) -> usize {
        self.changes
    }

    /// Whether somebody waits to hear of one of them.
    pub fn is_urgent(&self) -> bool {
        self.lanes[READINGS + 1..].iter().any(|lane| !lane.is_empty())
    }

    /// Takes the first of all.
    pub fn pop_first(&mut self) -> Option<Row> {
        let number = |lane: &VecDeque<Row>| lane.front().map_or(u64::MAX, |row| row.number);
        let first = (0..LANES).min_by_key(|lane| number(&self.lanes[*lane]))?;
        self.pop(first)
    }

    /// Takes the oldest of the lowest, so that others find room.
    pub fn pop_lowest(&mut self) -> Option<Row> {
        let lowest = (0..LANES).find(|lane| !self.lanes[*lane].is_empty())?;
        self.pop(lowest)
    }

    /// The same among those with changes.
    pub fn pop_lowest_change(&mut self) -> Option<Row> {
        let lowest = (READINGS + 1..LANES).find(|lane| !self.lanes[*lane].is_empty())?;
        self.pop(lowest)
    }

    fn pop(&mut self, lane: usize) -> Option<Row> {
        let row = self.lanes[lane].pop_front()?;
        self.changes -= row.changes.len();
        Some(row)
    }
}

/// The lane of a row: that of its highest change.
fn lane(row: &Row) -> usize {
    if row.stay.is_some() || !row.notes.is_empty() {
        return STAYS;
    }
    let highest = row.changes.iter().map(|numbered| numbered.change.priority).max();
    highest.map_or(READINGS, |priority| match priority {
        Priority::Info => 1,
        Priority::Low => 2,
        Priority::Medium => 3,
        Priority::High => 4,
    })
}
