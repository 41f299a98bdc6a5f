//! Hints that something is new: watches of the folder of triggers, and of the sources if that is wanted.
//! What they miss is found by the next look.

use crate::config::Config;
use crate::service::daemon::event::{Event, Settings};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

/// The watches of a daemon. Dropping them ends them.
pub struct Watches {
    /// The folder of triggers, then the roots.
    places: (PathBuf, Vec<PathBuf>),
    _watchers: Vec<RecommendedWatcher>,
}

impl Watches {
    /// Begins to watch what the settings want.
    pub fn of(settings: &Settings, outbox: &Sender<Event>) -> Self {
        let places = places(settings);
        let triggers = watcher(&places.0, RecursiveMode::NonRecursive, outbox, || Event::Dropped);
        let root = |root: &PathBuf| watcher(root, RecursiveMode::Recursive, outbox, || Event::Changed);
        let watchers = triggers.into_iter().chain(places.1.iter().filter_map(root)).collect();
        Self { places, _watchers: watchers }
    }

    /// The same for settings that can be others: large trees are not begun anew for nothing.
    #[must_use]
    pub fn moved(self, settings: &Settings, outbox: &Sender<Event>) -> Self {
        if self.places == places(settings) { self } else { Self::of(settings, outbox) }
    }
}

fn places(settings: &Settings) -> (PathBuf, Vec<PathBuf>) {
    let Settings { database, sources, config: Config { daemon, .. }, .. } = settings;
    let roots = sources.iter().filter(|_| daemon.watch).map(|source| source.root.clone());
    (daemon.triggers(database), roots.collect())
}

fn watcher(
    path: &Path,
    mode: RecursiveMode,
    outbox: &Sender<Event>,
    event: fn() -> Event,
) -> Option<RecommendedWatcher> {
    let outbox = outbox.clone();
    let hint = move |change: notify::Result<notify::Event>| {
        // Reading a folder is an access too, and the daemon does that itself. An error is a hint as well.
        if change.map_or(true, |change| !change.kind.is_access()) {
            let _ = outbox.send(event());
        }
    };
    let watching = notify::recommended_watcher(hint).and_then(|mut watcher| {
        watcher.watch(path, mode)?;
        Ok(watcher)
    });
    match watching {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(path = %path.display(), error = error.to_string(), "cannot watch: what is new is found by the next look");
            None
        }
    }
}
