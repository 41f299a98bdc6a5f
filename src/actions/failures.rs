//! Tries again what has failed, or gives it up: source files that a processor could not deal with, and keys that it
//! could not settle.

use crate::base::error::{Error, Result, Status, count};
use crate::base::names;
use crate::config::Config;
use crate::plugs::{ConfiguredProcessors, Resources};
use crate::store::failures::{self, FailureAction};
use crate::store::{Access, Store, pauses};
use std::collections::BTreeSet;

/// What is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Which {
    pub names: Names,
    /// Only those of this processor.
    pub processor: Option<String>,
}

/// Which of the failures, by the names of files and keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    All,
    These(Vec<String>),
}

/// What was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Files and keys.
    pub failures: u64,
    /// Processors that ask nobody for a while, whatever is to be tried again, in words.
    pub pauses: Vec<String>,
}

/// Does what somebody wants of failures. The next run tries again what is to be tried again.
///
/// # Errors
///
/// If a processor or a name is unknown, or the database cannot be written. Nothing is changed then.
pub fn change(action: FailureAction, which: &Which, config: &Config, resources: &Resources) -> Result<Changed> {
    let processors = which.processor.clone().map(|name| vec![name]).unwrap_or_default();
    let plugs = resources.plugs.named(&processors)?;
    let store = Store::open_current(&resources.database, Access::ReadWrite, resources.now)?;
    let is_own = |processor: &String| which.processor.as_ref().is_none_or(|name| processor == name);
    let mut files = failures::all(store.reader())?;
    files.retain(|failed| is_own(&failed.processor));
    let mut keys = failures::keys(store.reader())?;
    keys.retain(|failed| is_own(&failed.processor));
    if let Names::These(names) = &which.names {
        // Several processors can have failed on one file.
        let known = files.iter().map(|failed| failed.session_file.as_str());
        let known: BTreeSet<&str> = known.chain(keys.iter().map(|failed| failed.key.as_str())).collect();
        for name in names {
            if known.is_empty() {
                return Err(Error::new(Status::Usage, format!("`{name}` has not failed; nothing has")));
            }
            if !known.contains(name.as_str()) {
                return Err(names::unknown("failure", name, known.iter().copied()));
            }
        }
        files.retain(|failed| names.contains(&failed.session_file));
        keys.retain(|failed| names.contains(&failed.key));
    }
    failures::apply(
        &store,
        action,
        &files.iter().collect::<Vec<_>>(),
        &keys.iter().collect::<Vec<_>>(),
        resources.now,
    )?;
    let mut pauses = Vec::new();
    for name in plugs.iter().map(|plug| plug.name()).filter(|_| action == FailureAction::Retry) {
        let Ok(configured) = ConfiguredProcessors::new(&[name.to_owned()], config, resources) else { continue };
        let pause = pauses::of(store.reader(), name, configured.server_of(name))?;
        pauses.extend(pause.filter(|pause| pause.holds(resources.now)).map(|pause| pause.words(name)));
    }
    Ok(Changed { failures: (files.len() + keys.len()) as u64, pauses })
}

impl Changed {
    /// The result of an action, in words.
    pub fn words(&self, action: FailureAction) -> String {
        let what = count(self.failures, "failure");
        match action {
            FailureAction::Retry => format!("{what} to be tried again by the next run"),
            FailureAction::Drop => format!("{what} dropped"),
        }
    }
}
