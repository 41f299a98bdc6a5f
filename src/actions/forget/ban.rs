//! Folders that are banned because their people were forgotten, and lifting a ban.

use super::erasure;
use super::{ForgetOutcome, ForgetPlan, Search, Step, likely, who};
use crate::base::error::{Error, Result, Status, count};
use crate::source::Source;
use crate::source::scan;
use crate::store::forget::{self, Ban, digest};
use crate::store::{Access, SharedStore, Store, sources};
use sessionmill_contract::Bound;
use std::collections::{BTreeMap, BTreeSet};

/// Folders whose ban is to be lifted.
pub(super) struct Lift {
    who: String,
    folders: BTreeSet<String>,
}

/// Finds out what lifting the ban of a person would bring back, and what stays erased.
pub(super) fn undo<'a>(search: &'a Search<'a>, user: &str) -> Result<ForgetPlan<'a>> {
    let Search { config, identities, resources, login } = search;
    let (bans, sources) = bans(search)?;
    let own: BTreeMap<&String, &Ban> = bans.iter().filter(|(folder, _)| identities.is_of(folder, user)).collect();
    if own.is_empty() {
        let names = bans.keys().flat_map(|folder| [folder.as_str(), identities.label(folder)]);
        let near = likely(user, names).map(|names| format!("did you mean {names}? ")).unwrap_or_default();
        return Err(Error::new(Status::Usage, format!("`{user}` is not forgotten"))
            .hint(near + "`sessionmill forget --list` shows who is"));
    }
    let folders: BTreeSet<String> = own.keys().map(|folder| (*folder).clone()).collect();
    let who = who(user, &folders);
    let mut notes = Vec::new();
    let there = there(&sources, &folders, login, &mut notes);
    let names: BTreeSet<_> = there.iter().map(|file| digest(file)).collect();
    let gone = |ban: &Ban| Some(ban.files.as_ref()?.difference(&names).count() as u64);
    let gone: Option<u64> = own.values().map(|ban| gone(ban)).sum();
    let answers: Option<u64> = own.values().map(|ban| ban.answers).sum();
    let said = |number: Option<u64>, noun: &str| {
        number.map_or(format!("an unknown number of {noun}s"), |number| count(number, noun).to_string())
    };
    notes.push(format!(
        "{who}:\n  still there, read again by the next run: {}\n  gone, what came from them stays erased: {}, {}",
        count(there.len() as u64, "source file"),
        said(gone, "source file"),
        said(answers, "kept answer")
    ));
    if resources.plugs.iter().any(|plug| (plug.bound)(config) == Bound::Network) {
        notes.push("note: the language model is asked about their transcripts again".to_owned());
    }
    let effect = format!("the next run reads the transcripts of {who} again");
    Ok(ForgetPlan { notes, name: user.to_owned(), effect, search, step: Step::LiftFolders(Lift { who, folders }) })
}

impl Lift {
    pub(super) fn carry_out(self, search: &Search<'_>) -> Result<ForgetOutcome> {
        let Self { who, folders } = self;
        let _locks = erasure::lock(search)?;
        let mut store = SharedStore::new(&search.resources.database, search.resources.now);
        forget::lift(store.get()?, &folders.iter().map(String::as_str).collect())?;
        store.get()?.checkpoint()?;
        store.close();
        let state = "is no longer forgotten; `sessionmill run` reads the files that are still there".to_owned();
        Ok(ForgetOutcome { who, state, notes: Vec::new() })
    }
}

/// All bans, and the sources.
pub(super) fn bans(search: &Search<'_>) -> Result<(BTreeMap<String, Ban>, Vec<Source>)> {
    let database = &search.resources.database;
    let store = Store::open_current(database, Access::ReadOnly, search.resources.now)?;
    let sources = sources::of(&store)?.into_iter().filter(|known| !known.is_retired).map(|known| known.source);
    Ok((forget::bans(store.reader(), database)?, sources.collect()))
}

/// The files of these people that the next run can read. For a source that cannot be walked, a note is added instead.
fn there(sources: &[Source], folders: &BTreeSet<String>, login: &str, notes: &mut Vec<String>) -> BTreeSet<String> {
    let mut there = BTreeSet::new();
    for source in sources {
        let source = std::slice::from_ref(source);
        match scan::roots(source).and_then(|roots| scan::sessions(source, &roots, login)) {
            Ok(walk) => {
                let own = walk.found.into_iter().filter(|found| folders.contains(&*found.file.username));
                there.extend(own.filter(|found| found.stat.is_ok()).map(|found| found.file.session_file));
            }
            Err(error) => notes.push(format!("note: its files are not counted: {error}")),
        }
    }
    there
}
