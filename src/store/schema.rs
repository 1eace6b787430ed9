//! The tables, and how an older database becomes one of today.

use rusqlite::Connection;

/// Every step from an empty file to today's tables. A step that was released is never changed: the
/// next one is added behind it. `PRAGMA user_version` counts the steps that were taken.
const STEPS: [&str; 4] = [FIRST, RUNNING_TIME, AUDIT, PAGES];

/// Numbers are given in the order of arrival and shared by all tables.
///
/// Readings lie in that order, and their index in the order of time, so that a batch touches few pages;
/// an index by patient would cost a page a reading. `changes_elsewhere` has what is about units and the
/// installation, and `published` changes leave the index `changes_owed` of those pending.
const FIRST: &str = "
CREATE TABLE readings (
    number INTEGER PRIMARY KEY,
    patient TEXT NOT NULL,
    observed_at INTEGER,
    received_at INTEGER NOT NULL,
    device TEXT,
    seq INTEGER,
    mark INTEGER,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX readings_timed ON readings (observed_at, mark) WHERE observed_at IS NOT NULL;
CREATE UNIQUE INDEX readings_counted ON readings (seq, mark) WHERE observed_at IS NULL AND seq IS NOT NULL;

CREATE TABLE changes (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    sequence INTEGER NOT NULL,
    subject TEXT NOT NULL,
    event TEXT NOT NULL,
    time INTEGER NOT NULL,
    change TEXT NOT NULL,
    published INTEGER NOT NULL DEFAULT 0,
    UNIQUE (id, sequence)
);
CREATE INDEX changes_of ON changes (subject, number);
CREATE INDEX changes_elsewhere ON changes (number) WHERE substr(subject, -2) = '/_';
CREATE INDEX changes_owed ON changes (number) WHERE published = 0;

CREATE TABLE snapshots (
    patient TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    taken_at INTEGER NOT NULL,
    uptime INTEGER NOT NULL,
    version INTEGER NOT NULL,
    memory TEXT NOT NULL
);

-- Without a record: discharged, and not admitted again by a mere reading.
CREATE TABLE admissions (
    patient TEXT PRIMARY KEY,
    record TEXT,
    changed_at INTEGER NOT NULL
);

CREATE TABLE rejected (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    topic TEXT NOT NULL,
    reason TEXT NOT NULL,
    field TEXT,
    payload TEXT NOT NULL,
    count INTEGER NOT NULL
);

-- One row: readings up to this number are in their patients' snapshots.
CREATE TABLE covered (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
);
INSERT INTO covered VALUES (1, 0);
";

/// What is kept for how long is counted in running time, which no wrong clock moves: `running` is for how many
/// milliseconds the service had run in all, and each mark (a milestone of `retention.rs`) says which rows were there by then.
const RUNNING_TIME: &str = "
ALTER TABLE covered ADD COLUMN running INTEGER NOT NULL DEFAULT 0;
CREATE TABLE marks (
    number INTEGER PRIMARY KEY,
    running INTEGER NOT NULL
);
INSERT INTO marks SELECT max(ifnull((SELECT max(number) FROM readings), 0),
    ifnull((SELECT max(number) FROM changes), 0), ifnull((SELECT max(number) FROM snapshots), 0)), 0;

-- After which number the stay ended or its record came.
ALTER TABLE admissions ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
CREATE INDEX admissions_departed ON admissions (number) WHERE record IS NULL;
";

/// What happened, each row with the hash of all before it; `change` names a row of `changes`.
///
/// `audit_before` says from where the chain of this store goes on, and why it began; `covered.chained` how far the
/// changes that were here before, up to `to_chain`, are taken into it.
const AUDIT: &str = "
CREATE TABLE audit (
    position INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    what TEXT NOT NULL,
    change INTEGER,
    body TEXT,
    hash BLOB NOT NULL
);
CREATE INDEX audit_of ON audit (subject, position) WHERE change IS NULL;
CREATE TABLE audit_before (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    position INTEGER NOT NULL,
    hash BLOB NOT NULL,
    why TEXT NOT NULL
);
INSERT INTO audit_before SELECT 1, 0, zeroblob(32),
    iif(EXISTS (SELECT 1 FROM changes) OR EXISTS (SELECT 1 FROM snapshots), 'a store of before the audit', 'a new store');
ALTER TABLE marks ADD COLUMN audit INTEGER NOT NULL DEFAULT 0;
ALTER TABLE covered ADD COLUMN chained INTEGER NOT NULL DEFAULT 0;
ALTER TABLE covered ADD COLUMN to_chain INTEGER NOT NULL DEFAULT 0;
UPDATE covered SET to_chain = ifnull((SELECT max(number) FROM changes), 0);

-- What the site gave when that was last noted in the audit.
CREATE TABLE configuration (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
";

/// What pages ask for: minutes for trends over months, of whom anything was measured on which day, and one row an alert.
///
/// Minutes lie in the order of time, so that a batch touches few pages. `covered.in_minutes`: readings up to this number are in
/// them; `listed`: changes that were here before, up to `to_list`, are in the list of alerts.
const PAGES: &str = "
CREATE TABLE minutes (
    minute INTEGER NOT NULL,
    patient TEXT NOT NULL,
    last INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (minute, patient)
) WITHOUT ROWID;
CREATE TABLE bed_days (
    day INTEGER NOT NULL,
    patient TEXT NOT NULL,
    PRIMARY KEY (day, patient)
) WITHOUT ROWID;
CREATE TABLE alerts (
    number INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    bed TEXT,
    condition TEXT NOT NULL,
    priority INTEGER NOT NULL,
    message TEXT NOT NULL,
    onset INTEGER NOT NULL,
    raised INTEGER NOT NULL,
    acknowledged INTEGER,
    acknowledged_by TEXT,
    ended INTEGER,
    by_itself INTEGER NOT NULL,
    test INTEGER NOT NULL,
    simulated INTEGER NOT NULL
);
CREATE INDEX alerts_raised ON alerts (raised);
CREATE INDEX alerts_of ON alerts (subject, number);
CREATE INDEX alerts_open ON alerts (number) WHERE ended IS NULL;
ALTER TABLE covered ADD COLUMN in_minutes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE covered ADD COLUMN listed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE covered ADD COLUMN to_list INTEGER NOT NULL DEFAULT 0;
UPDATE covered SET to_list = ifnull((SELECT max(number) FROM changes), 0),
    in_minutes = ifnull((SELECT max(number) FROM readings), 0);
";

/// How many steps there are: the form of a database of today.
pub const FORM: usize = STEPS.len();

/// Why a database cannot be brought to today's form.
#[derive(Debug)]
pub enum MigrationFault {
    /// A newer program wrote it; how many steps that one knows.
    Newer(usize),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for MigrationFault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Takes the steps that are missing, each whole or not at all.
pub fn migrate(connection: &mut Connection) -> Result<(), MigrationFault> {
    migrate_to(connection, STEPS.len())
}

/// The same up to the form of an earlier version.
pub fn migrate_to(connection: &mut Connection, form: usize) -> Result<(), MigrationFault> {
    let taken: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let taken = taken as usize;
    if taken > STEPS.len() {
        return Err(MigrationFault::Newer(taken));
    }
    for (step, sql) in STEPS.iter().enumerate().take(form).skip(taken) {
        let step_taken = connection.transaction()?;
        step_taken.execute_batch(sql)?;
        step_taken.pragma_update(None, "user_version", step as u32 + 1)?;
        step_taken.commit()?;
    }
    Ok(())
}
