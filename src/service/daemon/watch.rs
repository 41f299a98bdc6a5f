//! File watches on the trigger folder and, if configured, on the sources. They only give hints: a change that they miss
//! is found at the next check.

use crate::config::Config;
use crate::service::daemon::event::{Event, Settings};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;

/// The watches of a daemon. Dropping them stops them.
pub struct Watches {
    /// The trigger folder, and the roots.
    places: (PathBuf, Vec<PathBuf>),
    _watchers: Vec<RecommendedWatcher>,
}

impl Watches {
    /// Starts the watches that the settings ask for.
    pub fn of(settings: &Settings, outbox: &Sender<Event>) -> Self {
        let places = places(settings);
        let is_trigger = |file: &Path| file.extension().is_some_and(|extension| extension == "trigger");
        let triggers = watcher(&places.0, RecursiveMode::NonRecursive, outbox, is_trigger, || Event::TriggerAdded);
        let root = |root: &PathBuf| watcher(root, RecursiveMode::Recursive, outbox, |_| true, || Event::SourceChanged);
        let watchers = triggers.into_iter().chain(places.1.iter().filter_map(root)).collect();
        Self { places, _watchers: watchers }
    }

    /// The watches for settings that may have changed. If the folders are the same, the watches are kept, since
    /// starting them on large trees is expensive.
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
    concerns: fn(&Path) -> bool,
    event: fn() -> Event,
) -> Option<RecommendedWatcher> {
    let outbox = outbox.clone();
    let hint = move |change: notify::Result<notify::Event>| {
        // Reading a folder causes events too, and the daemon reads it itself. An error of the watcher counts as a hint,
        // and so does an event without paths, by which the system says that it has dropped events.
        let is_hint = change.map_or(true, |notify::Event { kind, paths, .. }| {
            !kind.is_access() && (paths.is_empty() || paths.iter().any(|path| concerns(path)))
        });
        if is_hint {
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
            tracing::warn!(
                path = %path.display(),
                error = error.to_string(),
                "cannot watch; changes are found at the next check"
            );
            None
        }
    }
}
