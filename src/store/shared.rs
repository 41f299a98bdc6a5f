//! A store that a long pass releases from time to time, so that other processes can use the database.

use crate::base::error::{Error, Result};
use crate::base::lock::StoreLock;
use crate::base::suspension;
use crate::store::{Access, DatabaseFile, Fault, Store, log, migrate, quarantine};
use chrono::{DateTime, Utc};
use std::time::{Duration, Instant};

/// A database that is opened when it is needed, and closed after each turn.
///
/// For example, a run and a report at the same time:
///
/// ```text
/// 0.0 s  get()      opens the database: a turn begins
/// 2.0 s  pass_on()  the turn goes on
/// 3.0 s             a report wants the database: it holds `turn.lock` and waits for `lock`
/// 5.2 s  pass_on()  the turn is longer than 5 s and somebody waits: closes, and sleeps for 50 ms. The report reads
/// 5.3 s  get()      waits for the report, then opens: the next turn begins
/// ```
///
/// If nobody is seen to wait, a turn ends after 30 s. What a turn knows may be wrong in the next one: temporary tables
/// such as `settling` are gone, and another process may have written. So each transaction makes its own temporary
/// tables, and a run that has written nothing yet gets a new id at its end.
pub struct SharedStore {
    database: DatabaseFile,
    now: DateTime<Utc>,
    open: Option<(Store, Instant)>,
    /// The first turn has begun. A damaged database is repaired only before that.
    begun: bool,
    /// The alarm if the database or its log was damaged and moved aside.
    alarm: Option<String>,
}

/// The length of a turn while another process waits. Other processes wait for ten seconds at most.
const TURN: Duration = Duration::from_secs(5);

/// The length of a turn while no process is seen to wait.
const LONG_TURN: Duration = Duration::from_secs(30);

/// The pause after a turn: long enough for a waiting process to see that the database is free.
const PAUSE: Duration = Duration::from_millis(50);

impl SharedStore {
    /// A database that is not opened yet.
    pub fn new(database: &DatabaseFile, now: DateTime<Utc>) -> Self {
        Self { database: database.clone(), now, open: None, begun: false, alarm: None }
    }

    /// The start of the pass.
    pub fn now(&self) -> DateTime<Utc> {
        self.now
    }

    /// Migrates the database to the newest schema.
    ///
    /// # Errors
    ///
    /// As [`migrate::migrate`].
    pub fn migrate(&mut self) -> Result<()> {
        let (schema, now) = (self.database.schema.clone(), self.now);
        migrate::migrate(self.get()?, &schema, now)
    }

    /// Runs a body that can be run again. If it meets damage, the database is repaired and the body runs once more.
    ///
    /// # Errors
    ///
    /// If the body fails for another reason or a second time, or the database cannot be replaced.
    pub fn repairing<T>(&mut self, body: impl Fn(&mut Self) -> Result<T>) -> Result<T> {
        match body(self) {
            Err(error) if matches!(error.fault, Some(Fault::Damage | Fault::Log)) => {
                self.repair(error)?;
                body(self)
            }
            result => result,
        }
    }

    fn repair(&mut self, error: Error) -> Result<()> {
        self.begun = false;
        if let Some((store, _)) = self.open.take() {
            self.alarm = Some(quarantine::replace(store, &self.database, error, self.now)?);
        }
        Ok(())
    }

    /// The alarm if the database or its log was damaged and moved aside.
    pub fn alarm(&self) -> Option<&str> {
        self.alarm.as_deref()
    }

    /// The store, if it is open.
    pub fn into_open(self) -> Option<Store> {
        self.open.map(|(store, _)| store)
    }

    /// Closes the database. The next turn opens it again, with what was committed.
    pub fn close(&mut self) {
        self.open = None;
    }

    /// Ends the turn, for example before waiting long for something else. A long log is moved into the database file.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub fn end(&mut self) -> Result<()> {
        match self.open.take() {
            Some((store, _)) if log::is_long(&self.database) => store.checkpoint(),
            _ => Ok(()),
        }
    }

    /// The database of the current turn; opens it if the last turn has ended. Before the first turn, a database that
    /// cannot be read is moved aside and replaced; later, this is an error.
    ///
    /// # Errors
    ///
    /// If the database cannot be opened.
    pub fn get(&mut self) -> Result<&Store> {
        let open = match self.open.take() {
            Some(open) => open,
            None if self.begun => (Store::open(&self.database, Access::ReadWrite)?, Instant::now()),
            None => {
                let (store, alarm) = quarantine::open(&self.database, self.now)?;
                self.alarm = alarm.or(self.alarm.take());
                (store, Instant::now())
            }
        };
        self.begun = true;
        let (store, _) = self.open.insert(open);
        Ok(store)
    }

    /// Called between two transactions. Ends the turn if it has lasted long enough, or if the process is to stop. A
    /// long log is then moved into the database file, because the next turn would have to read it again.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub fn pass_on(&mut self) -> Result<()> {
        let database = &self.database;
        let is_over = |since: Instant| {
            let held = since.elapsed();
            suspension::is_wanted() || held >= LONG_TURN || held >= TURN && StoreLock::is_awaited(database)
        };
        if self.open.as_ref().is_some_and(|(_, since)| is_over(*since)) {
            self.end()?;
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}
