//! Who writes to the database: opens it, commits batches, and puts the file in its place again where it was lost.

use std::fs::File;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::audit::{AuditChain, AuditHead};
use super::batch::Batch;
use super::database::{self, Connect};
use super::faults::{CommitFault, StoreFault, is_damage};
use super::files::{FileIdentity, StoreFiles, beside};
use super::minutes::Minutes;
use super::numbering::{Numbering, UNREAD};
use super::recovery::{self, Recovered};
use super::retention::Retention;
use super::tables::RejectedRows;
use super::{holders, peek, replacement, rescue, tables};
use crate::causes::Causes;
use crate::config::StoreConfig;

/// How often it looks whether the files are still its own.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After about how many pages the log of SQLite is copied into the database: 48 MB. Nothing is committed meanwhile,
/// for some milliseconds; the seldomer, the fewer alerts wait for it, and a page written often is copied once.
const CHECKPOINT_PAGES: usize = 12_000;

/// How often a log is tried that somebody keeps from being copied.
const TIDY_EVERY: Duration = Duration::from_millis(500);

/// What is kept for how long, and how long SQLite's log may get.
#[derive(Debug, Clone)]
pub struct WriterTerms {
    pub keep_readings: Duration,
    /// None is for ever.
    pub keep_changes: Option<Duration>,
    pub keep_minutes: Duration,
    /// In bytes. Longer, since somebody reads an older state, it is left to him: the database is copied into a new
    /// file, which takes its place.
    pub longest_log: u64,
}

impl WriterTerms {
    /// As the site sets them.
    pub fn of(config: &StoreConfig) -> Self {
        Self {
            keep_readings: config.keep_readings.to_duration(),
            keep_changes: config.keep_changes.span().map(|span| span.to_duration()),
            keep_minutes: config.keep_minutes.to_duration(),
            longest_log: 512 << 20,
        }
    }
}

/// What a run begins with.
#[derive(Debug)]
pub struct Beginning {
    pub recovered: Recovered,
    /// The next number to be given.
    pub next: u64,
    /// Why nothing can be written yet.
    pub fault: Option<StoreFault>,
}

/// The connection, as long as there is one.
enum Hold {
    Nothing,
    Open(Connection, FileIdentity),
    /// The files at our path are not ours any more: what was committed can only be read through this connection.
    Orphaned(Connection, FileIdentity),
}

/// Writes batches.
pub struct Writer {
    files: StoreFiles,
    connect: Connect,
    terms: WriterTerms,
    retention: Retention,
    lock: Option<File>,
    held: Hold,
    numbering: Numbering,
    /// Up to this number, as given, everything is committed.
    done: u64,
    /// The highest row that is ours, and the highest that may be, if a commit failed after all.
    known: u64,
    tried: u64,
    /// Whether the store has not been read since the start.
    unread: bool,
    /// How often in a row SQLite called the file damaged.
    damaged: u32,
    /// What has to be reported though the store may be written to again.
    notice: Option<String>,
    /// What the last run left, where it could be read only later.
    found: Option<Recovered>,
    /// About how many pages were written since the last checkpoint.
    pages: usize,
    /// When the log could last not be copied, since somebody reads an older state.
    tidied: Option<Instant>,
    looked: Instant,
    audit: AuditChain,
    minutes: Minutes,
}

impl Writer {
    /// A writer that has opened nothing yet.
    pub fn new(files: StoreFiles, connect: Connect, terms: WriterTerms) -> Self {
        Self {
            files,
            connect,
            retention: Retention::new(&terms),
            terms,
            lock: None,
            held: Hold::Nothing,
            numbering: Numbering::default(),
            done: UNREAD - 1,
            known: 0,
            tried: 0,
            unread: true,
            damaged: 0,
            notice: None,
            found: None,
            pages: 0,
            tidied: None,
            looked: Instant::now(),
            audit: AuditChain::NONE,
            minutes: Minutes::default(),
        }
    }

    /// The last row of the audit.
    pub fn audit_head(&self) -> AuditHead {
        self.audit.head
    }

    /// Opens the store and reads what the last run left. Where nothing can be written, what can be read is read all
    /// the same, and nothing is touched.
    pub fn begin(&mut self) -> Result<Beginning, StoreFault> {
        let fault = match self.attach() {
            Ok(()) => None,
            Err(fault) if fault.ends_the_start() => return Err(fault),
            Err(fault) => Some(fault),
        };
        let recovered = match (&fault, self.found.take()) {
            (None, found) => found,
            (Some(_), _) => peek::read(&self.files.database).map(|(recovered, last)| {
                (self.known, self.unread) = (last, false);
                recovered
            }),
        };
        if !self.unread {
            self.done = self.known;
        }
        Ok(Beginning { recovered: recovered.unwrap_or_default(), next: self.done + 1, fault })
    }

    /// What has to be reported though the store may be written to again.
    pub fn take_notice(&mut self) -> Option<String> {
        self.notice.take()
    }

    /// What the last run left, where it could be read only now.
    pub fn take_found(&mut self) -> Option<Recovered> {
        self.found.take()
    }

    /// Looks from time to time whether the files are still its own.
    pub fn look(&mut self) {
        if self.looked.elapsed() >= LOOK_EVERY {
            self.look_now();
        }
    }

    fn look_now(&mut self) {
        self.looked = Instant::now();
        let now = self.files.identity();
        if let Hold::Open(_, identity) = &self.held
            && let Some(words) = identity.became(&now, &self.files)
        {
            error!("{words}; what it held is written again");
            self.notice = Some(words);
            self.held = match std::mem::replace(&mut self.held, Hold::Nothing) {
                Hold::Open(connection, identity) => Hold::Orphaned(connection, identity),
                other => other,
            };
        }
    }

    /// Writes all of the batch in one transaction. What fails leaves nothing behind, and is to be tried
    /// again: on a new connection, since this one may hang on to a file that is gone.
    pub fn commit(&mut self, batch: &Batch) -> Result<RejectedRows, CommitFault> {
        self.look();
        self.hold()?;
        self.shorten_log()?;
        match self.write(batch) {
            Ok(rejections) => {
                (self.done, self.damaged) = (batch.upto, 0);
                self.known = self.known.max(self.numbering.row(batch.upto).cast_unsigned());
                self.pages += batch.pages();
                Ok(rejections)
            }
            Err(source) => {
                self.tried = self.tried.max(self.numbering.row(batch.upto).cast_unsigned());
                self.damaged = if is_damage(&source) { self.damaged + 1 } else { 0 };
                self.look_now();
                if let Hold::Open(..) = self.held {
                    self.held = Hold::Nothing;
                }
                Err(CommitFault::Write { path: self.files.database.clone(), source })
            }
        }
    }

    fn write(&mut self, batch: &Batch) -> rusqlite::Result<RejectedRows> {
        let Hold::Open(connection, _) = &mut self.held else { return Ok(RejectedRows::default()) };
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let tables::WrittenBatch { rejections, chain, readings } =
            tables::write(&transaction, batch, &self.numbering, self.audit)?;
        let audit = self.retention.step(&transaction, batch, &self.numbering, chain)?;
        let minutes = self.minutes.write(&transaction, batch.rows.len(), false)?;
        transaction.commit()?;
        self.audit = audit;
        self.minutes.written(minutes);
        self.minutes.gather(readings.into_iter());
        Ok(rejections)
    }

    /// Makes sure that there is an open database.
    fn hold(&mut self) -> Result<(), StoreFault> {
        match std::mem::replace(&mut self.held, Hold::Nothing) {
            open @ Hold::Open(..) => self.held = open,
            Hold::Nothing => self.attach()?,
            Hold::Orphaned(connection, identity) => {
                if let Err(fault) = self.put_back(&connection, &identity) {
                    self.held = Hold::Orphaned(connection, identity);
                    return Err(fault);
                }
                // Without a look at the files by name, of which some are no longer its own.
                drop(connection);
                replacement::finish(&self.files)?;
                info!("the store {} is complete again", self.files.database.display());
                self.attach()?;
            }
        }
        Ok(())
    }

    /// Opens the database at our path.
    fn attach(&mut self) -> Result<(), StoreFault> {
        let lock = self.files.identity().lock;
        if self.lock.is_none() || lock.is_none() {
            self.lock = Some(self.files.lock()?);
        }
        replacement::finish(&self.files)?;
        let opened = if self.damaged > 1 { None } else { Some(self.open()) };
        let (connection, last) = match opened {
            Some(Ok(opened)) => opened,
            Some(Err(fault)) if !fault.is_damage() => return Err(fault),
            damage => {
                self.begin_anew(damage.and_then(Result::err).as_ref())?;
                self.open()?
            }
        };
        if self.done >= UNREAD - 1 && self.unread || last > self.known.max(self.tried) {
            self.numbering.shift(self.done + 1, last + 1);
        }
        (self.unread, self.known) = (false, last.max(self.known));
        // Where nobody waits for it: what a killed run left there may be long.
        database::copy_log(&connection);
        self.held = Hold::Open(connection, self.files.identity());
        Ok(())
    }

    /// Opens it, reads what a last run left where nobody has, and says which row is the last.
    fn open(&mut self) -> Result<(Connection, u64), StoreFault> {
        let fault = |source| StoreFault::Read { path: self.files.database.clone(), source };
        let connection = (self.connect)(&self.files.database)?;
        if self.unread {
            self.found = Some(recovery::recover(&connection).map_err(fault)?);
            self.retention.take_up(&connection).map_err(fault)?;
            self.minutes = Minutes::of(&connection).map_err(fault)?;
        }
        let last = database::last_number(&connection).map_err(fault)?;
        self.audit = AuditChain::of(&connection).map_err(fault)?.or_longer(self.audit);
        Ok((connection, last))
    }

    /// SQLite calls the file damaged: a new one takes its place, with all that can still be read.
    fn begin_anew(&mut self, fault: Option<&StoreFault>) -> Result<(), StoreFault> {
        let files = self.files.clone();
        let mut rescued = rescue::Rescued::default();
        files.free_name("damaged")?;
        replacement::prepare(&files, |partial| {
            let mut connection = (self.connect)(partial)?;
            rescued = rescue::copy(&files, &mut connection, self.audit.head)?;
            Ok(())
        })?;
        let aside = files.set_aside("damaged")?;
        replacement::put_in_place(&files)?;
        self.damaged = 0;
        let path = files.database.display();
        let aside =
            aside.map_or_else(String::new, |aside| format!(" and is set aside as {}", aside.display()));
        let why = fault.map_or_else(String::new, |fault| format!(": {}", Causes(fault)));
        let rescue::Rescued { memories, changes, readings, .. } = rescued;
        let words = format!(
            "the store {path} was damaged{aside}; a new one begins with what could be read of it: \
             {memories} patients, {changes} alert changes, {readings} readings"
        );
        error!("{words}{why}");
        self.notice = Some(words);
        Ok(())
    }

    /// What was committed is in the files of this connection, which are not those at our path any more: prepares
    /// a database that has it all.
    fn put_back(&mut self, connection: &Connection, identity: &FileIdentity) -> Result<(), StoreFault> {
        // Nothing of what lies there now is touched when it is closed.
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        let now = self.files.identity();
        if now.database == identity.database && database::empty_log(connection) {
            return if now.wal == identity.wal { Ok(()) } else { self.files.set_log_aside() };
        }
        replacement::prepare(&self.files, |partial| {
            let fault = |source| StoreFault::Replace { path: self.files.database.clone(), source };
            replacement::copy(connection, partial).map_err(fault)
        })
    }

    /// Between batches: copies the log of SQLite into the database where it has become long.
    pub fn tidy(&mut self) {
        if self.pages <= CHECKPOINT_PAGES || self.tidied.is_some_and(|at| at.elapsed() < TIDY_EVERY) {
            return;
        }
        let Hold::Open(connection, _) = &self.held else { return };
        if database::copy_log(connection) {
            (self.pages, self.tidied) = (0, None);
            return;
        }
        if self.tidied.is_none() {
            let holders = holders::of(&self.files.database);
            warn!("{holders} reads an older state of the store: its log grows until that ends");
        }
        self.tidied = Some(Instant::now());
    }

    /// A log that a reader keeps from being copied must not fill the disk: he keeps the files that he reads, and a
    /// copy of the database takes their place.
    fn shorten_log(&mut self) -> Result<(), CommitFault> {
        let Hold::Open(connection, _) = &self.held else { return Ok(()) };
        let log = beside(&self.files.database, "-wal");
        let length = || std::fs::metadata(&log).map_or(0, |log| log.len());
        if self.tidied.is_none() || length() <= self.terms.longest_log || database::copy_log(connection) {
            return Ok(());
        }
        let (path, holders) = (self.files.database.clone(), holders::of(&self.files.database));
        let mib = length() >> 20;
        error!(
            "{holders} keeps the log of the store at {mib} MiB; it is left to that reader, and a copy of the store takes its place"
        );
        let moved = self.move_on();
        moved.map_err(|source| CommitFault::Log { path, holders, mib, source: Box::new(source) })
    }

    /// Copies the database into a new file, which takes its place.
    fn move_on(&mut self) -> Result<(), StoreFault> {
        let Hold::Open(connection, _) = &self.held else { return Ok(()) };
        let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        replacement::prepare(&self.files, |partial| {
            let fault = |source| StoreFault::Replace { path: self.files.database.clone(), source };
            replacement::copy(connection, partial).map_err(fault)
        })?;
        self.held = Hold::Nothing;
        replacement::put_in_place(&self.files)?;
        (self.pages, self.tidied) = (0, None);
        self.attach()
    }

    /// Leaves a database without a log.
    pub fn finish(&mut self) {
        if let Hold::Open(connection, _) = &mut self.held {
            if let Err(error) = self.minutes.finish(connection) {
                warn!(%error, "the last minute cannot be written; the next start gathers it anew");
            }
            database::empty_log(connection);
        }
    }
}
