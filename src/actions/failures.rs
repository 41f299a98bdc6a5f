//! Retries or drops failures: source files that a processor failed on, and keys that it could not settle.

use crate::base::error::{Error, Result, Status, count};
use crate::base::names;
use crate::config::Config;
use crate::plug::{ConfiguredProcessors, Resources};
use crate::store::failures::{self, FailureAction};
use crate::store::{Access, Store, pauses};
use std::collections::BTreeSet;

/// Which failures an action is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Which {
    pub names: Names,
    /// Only failures of this processor.
    pub processor: Option<String>,
}

/// Which failures, by the names of files and keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Names {
    All,
    These(Vec<String>),
}

/// The result of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The number of failed files and keys that were changed.
    pub failures: u64,
    /// Processors that are paused, so a retry has to wait for the end of the pause; each as a sentence.
    pub pauses: Vec<String>,
}

/// Marks failures to be retried by the next run, or drops them.
///
/// # Errors
///
/// If a processor or a name is unknown, or the database cannot be written. Then nothing is changed.
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
        // Several processors can have failed on the same file.
        let known = files.iter().map(|failed| failed.session_file.as_str());
        let known: BTreeSet<&str> = known.chain(keys.iter().map(|failed| failed.key.as_str())).collect();
        for name in names {
            if known.is_empty() {
                return Err(Error::new(Status::Usage, format!("`{name}` has not failed; there are no failures")));
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
    /// The result as a sentence.
    pub fn words(&self, action: FailureAction) -> String {
        let what = count(self.failures, "failure");
        match action {
            FailureAction::Retry => format!("{what} to be tried again by the next run"),
            FailureAction::Drop => format!("{what} dropped"),
        }
    }
}
