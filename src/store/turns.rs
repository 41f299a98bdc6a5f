//! A store that is held for a turn at a time, so that others get the database during a long pass.

use crate::error::Result;
use crate::store::{Access, Store};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A database that is opened when it is needed and let go of after a turn.
pub struct Turns {
    path: PathBuf,
    open: Option<(Store, Instant)>,
}

/// Others wait for ten seconds at most.
const TURN: Duration = Duration::from_secs(5);

/// Long enough for whoever waits to see that the database is free.
const PAUSE: Duration = Duration::from_millis(50);

impl Turns {
    /// Opens the database for the first turn.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let mut turns = Self { path: path.to_owned(), open: None };
        turns.get()?;
        Ok(turns)
    }

    /// The database of this turn; opened, if the last turn is over.
    ///
    /// # Errors
    ///
    /// If it cannot be opened again.
    pub fn get(&mut self) -> Result<&Store> {
        let (store, _) = match self.open.take() {
            Some(open) => self.open.insert(open),
            None => self.open.insert((Store::open(&self.path, Access::ReadWrite)?, Instant::now())),
        };
        Ok(store)
    }

    /// Between two transactions: ends the turn if it is long enough. The log is moved into the
    /// database file then, else the next turn would begin with reading it again.
    ///
    /// # Errors
    ///
    /// If the database cannot be written.
    pub fn pass_on(&mut self) -> Result<()> {
        if let Some((store, _)) = self.open.take_if(|(_, since)| since.elapsed() >= TURN) {
            store.checkpoint()?;
            drop(store);
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}
