//! The event folder: commands of this program append lines to it, in a subfolder for each login.
//!
//! It is a source like any other, with the name `events`, but need not be configured. Writers and readers find it by
//! the same rule: `$SESSIONMILL_EVENTS`, else the server's folder if it exists, else `sessionmill/events` in the user's
//! data folder.

pub mod journal;

pub use journal::{EventJournal, Extent};

use crate::source::{Choice, Layout, Remembered, Source, real};
use std::path::Path;

/// The event folder of a server, which the package makes.
pub const SERVER_ROOT: &str = "/var/lib/sessionmill-events";

/// The name of the source.
const NAME: &str = "events";

/// How the event folder is added to the sources of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Joining<'a> {
    pub root: &'a Path,
    /// All sources that the database remembers.
    pub remembered: &'a [Remembered],
    /// Whether this run was told which folder to read. Then the event folder is added only if the database already
    /// contains its data.
    pub is_narrow: bool,
}

impl Joining<'_> {
    /// Adds the event folder to the choice, if there is one to read. It is also enough for a run that has no other
    /// source.
    pub(super) fn join(self, choice: Option<Choice>) -> Option<Choice> {
        let others = choice.as_ref().map_or(&[][..], |choice| &choice.sources);
        let Some((source, is_new)) = self.source(choice.is_none(), others) else { return choice };
        let mut choice = choice.unwrap_or_else(|| Choice { by: "a search".to_owned(), ..Choice::default() });
        choice.events = Some(source.root.clone());
        if is_new {
            choice.found.push(source.clone());
        }
        choice.sources.push(source);
        Some(choice)
    }

    /// The folder as a source, and whether the database does not know it yet.
    fn source(self, is_alone: bool, others: &[Source]) -> Option<(Source, bool)> {
        let root = real(self.root);
        let overlaps = |other: &Source| {
            let other = real(&other.root);
            other.starts_with(&root) || root.starts_with(other)
        };
        if others.iter().any(overlaps) {
            return None;
        }
        if let Some(known) = self.remembered.iter().find(|known| known.source.root == root) {
            return (!known.is_retired).then(|| (known.source.clone(), false));
        }
        if self.is_narrow || !(is_used(&root) || !is_alone && is_listed(&root)) {
            return None;
        }
        let names =
            || others.iter().chain(self.remembered.iter().map(|known| &known.source)).map(|source| &source.name);
        let more = (2..).map(|number: u32| format!("{NAME}-{number}"));
        let name = std::iter::once(NAME.to_owned()).chain(more).find(|name| !names().any(|taken| taken == name));
        Some((Source::new(name?, root, Layout::Users), true))
    }
}

/// Whether an event folder has a subfolder. One that this user may not list is read by others.
pub fn is_used(root: &Path) -> bool {
    std::fs::read_dir(root).is_ok_and(|mut entries| entries.any(|entry| entry.is_ok_and(|entry| entry.path().is_dir())))
}

fn is_listed(root: &Path) -> bool {
    std::fs::read_dir(root).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, root: &Path) -> Source {
        Source::new(name, root, Layout::Users)
    }

    fn names(choice: Option<Choice>) -> Option<(Vec<String>, Vec<String>)> {
        let names = |sources: Vec<Source>| sources.into_iter().map(|source| source.name).collect();
        choice.map(|choice| (names(choice.sources), names(choice.found)))
    }

    #[test]
    fn the_folder_joins_what_was_chosen_once_it_is_there_and_is_enough_once_it_is_used() {
        let world = tempfile::tempdir().unwrap();
        let world = world.path().canonicalize().unwrap();
        let root = world.join("events");
        let other = source("team", &world.join("team"));
        let chosen = || Some(Choice { sources: vec![other.clone()], ..Choice::default() });
        let join = |choice| names(Joining { root: &root, remembered: &[], is_narrow: false }.join(choice));
        let words = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(join(chosen()), Some((words(&["team"]), words(&[]))), "it is not there");
        std::fs::create_dir(&root).unwrap();
        assert_eq!(join(chosen()), Some((words(&["team", "events"]), words(&["events"]))));
        assert_eq!(join(None), None, "an empty one is nothing to run for");
        std::fs::create_dir(root.join("ada")).unwrap();
        assert_eq!(join(None), Some((words(&["events"]), words(&["events"]))));
        let narrow = Joining { root: &root, remembered: &[], is_narrow: true };
        assert_eq!(names(narrow.join(chosen())), Some((words(&["team"]), words(&[]))));
        let within = || Some(Choice { sources: vec![source("all", &world)], ..Choice::default() });
        assert_eq!(join(within()), Some((words(&["all"]), words(&[]))), "its files are read already");
        let named = || Some(Choice { sources: vec![source("events", &world.join("x"))], ..Choice::default() });
        assert_eq!(join(named()).unwrap().0, words(&["events", "events-2"]));
    }

    #[test]
    fn a_folder_that_the_database_knows_is_read_under_its_name_until_it_is_retired() {
        let world = tempfile::tempdir().unwrap();
        let root = world.path().canonicalize().unwrap().join("events");
        let known = |is_retired| [Remembered { source: source("jobs", &root), is_retired, is_found: Some(true) }];
        let other = source("team", Path::new("/no/team"));
        let join = |is_retired, is_narrow| {
            let choice = Some(Choice { sources: vec![other.clone()], ..Choice::default() });
            let remembered = &known(is_retired);
            names(Joining { root: &root, remembered, is_narrow }.join(choice)).unwrap()
        };
        let both = (vec!["team".to_owned(), "jobs".to_owned()], vec![]);
        assert_eq!(join(false, false), both, "a run reports that it is missing");
        assert_eq!(join(false, true), both);
        assert_eq!(join(true, false), (vec!["team".to_owned()], vec![]));
    }
}
