//! Forgetting a person with all their folders.

use super::erasure::interrupted;
use super::{Erasure, ForgetOutcome, ForgetPlan, Search, Step, likely, who};
use crate::base::error::{Error, Result, Status, count};
use crate::identities::Identities;
use crate::plug::ConfiguredProcessors;
use crate::source::Remembered;
use crate::source::scan;
use crate::store::forget::{self, Erased};
use crate::store::{Access, Store, known, sources};
use std::collections::BTreeSet;
use std::path::Path;

/// The folders of people to erase.
pub(super) struct Folders {
    who: String,
    folders: BTreeSet<String>,
    /// Settling after the erasure uses the configured settings, as a run does.
    configured: ConfiguredProcessors,
}

pub(super) fn forget<'a>(search: &'a Search<'a>, user: &str, even_if_unknown: bool) -> Result<ForgetPlan<'a>> {
    let identities = search.identities;
    let configured = ConfiguredProcessors::new(&[], search.config, search.resources)?;
    let known = everybody(search)?;
    let mut folders: BTreeSet<String> = known.iter().filter(|folder| identities.is_of(folder, user)).cloned().collect();
    folders.extend(identities.folders(user).map(str::to_owned));
    let mut notes = Vec::new();
    if folders.is_empty() {
        if !even_if_unknown {
            return Err(nobody(user, &known, identities));
        }
        if user.is_empty() || user.contains('/') {
            return Err(Error::new(Status::Usage, format!("`{user}` cannot be the name of a folder below the root")));
        }
        notes.push(format!("note: nobody is called `{user}` yet"));
        folders.insert(user.to_owned());
    }
    notes.extend(others(&folders, &known, identities));
    notes.extend(identities.patterns(user).map(|pattern| {
        format!("note: a folder that comes later is read even if it fits `{pattern}`; forget it by its name then")
    }));
    let who = who(user, &folders);
    let effect = format!("everything that the transcripts of {who} said is erased for good");
    Ok(ForgetPlan {
        notes,
        name: user.to_owned(),
        effect,
        search,
        step: Step::Folders(Folders { who, folders, configured }),
    })
}

impl Folders {
    pub(super) fn erase(self, search: &Search<'_>) -> Result<ForgetOutcome> {
        let Self { who, folders, configured } = self;
        let database = &search.resources.database;
        let mut erasure = Erasure::begin(search)?;
        let (mut answers, mut erased) = (0, Erased::default());
        for folder in &folders {
            let own = database.schema.forget(database, &BTreeSet::from([folder.as_str()]))?;
            answers += own;
            let store = erasure.store.get()?;
            let forgotten = forget::forget(store, &database.schema.manifests(), folder, own, search.resources.now);
            let is_out =
                |store: &Store| known::forgotten(store.reader(), database).is_ok_and(|out| out.contains(folder));
            let Erased { files, facts } =
                forgotten.map_err(|error| if is_out(store) { interrupted(&who)(error) } else { error })?;
            erased.files += files;
            erased.facts += facts;
        }
        let Erased { files, facts } = erased;
        let erased = format!("{}, {}, {}", count(files, "source file"), count(facts, "fact"), count(answers, "answer"));
        erasure.end(&configured.all(), who, &erased)
    }
}

/// All people with data, by folder: in the database, in kept answers, in the sources.
fn everybody(search: &Search<'_>) -> Result<BTreeSet<String>> {
    let database = &search.resources.database;
    let store = Store::open_current(database, Access::ReadOnly, search.resources.now)?;
    let mut everybody = known::everybody(&store, &database.schema.manifests())?;
    let sources = sources::of(&store)?;
    drop(store);
    everybody.extend(database.schema.people(database)?);
    // A source that cannot be listed contributes nobody.
    for Remembered { source, .. } in sources {
        match source.owner(search.login) {
            None => {
                let entries = std::fs::read_dir(&source.root).into_iter().flatten().flatten();
                everybody.extend(entries.map(|entry| scan::key(Path::new(&entry.file_name()))));
            }
            Some(owner) => everybody.extend([owner.to_owned()]),
        }
    }
    Ok(everybody)
}

/// The error for an unknown name.
fn nobody(user: &str, known: &BTreeSet<String>, identities: &Identities) -> Error {
    if identities.is_person(user) {
        return Error::new(Status::Usage, format!("there is no folder of `{user}` yet"))
            .hint("name a folder with --even-if-unknown to ban it before it exists");
    }
    let names = known.iter().map(String::as_str).flat_map(|folder| [folder, identities.label(folder)]);
    let hint = match likely(user, names.chain(identities.names())) {
        Some(names) => format!("did you mean {names}? "),
        None => "`sessionmill report --by user` lists the names. ".to_owned(),
    };
    Error::new(Status::Usage, format!("nobody here is called `{user}`"))
        .hint(hint + "--even-if-unknown bans this name anyway")
}

/// Notes about other folders of the same people, which are kept: naming a folder forgets that folder only.
fn others(folders: &BTreeSet<String>, known: &BTreeSet<String>, identities: &Identities) -> BTreeSet<String> {
    let mut notes = BTreeSet::new();
    for folder in folders {
        let Some(person) = identities.person(folder) else { continue };
        let is_theirs = |other: &&String| identities.person(other).is_some_and(|other| std::ptr::eq(other, person));
        let others = known.iter().filter(|other| !folders.contains(*other)).filter(is_theirs);
        let others: Vec<_> = others.map(|other| format!("`{other}`")).collect();
        if !others.is_empty() {
            let (label, others) = (identities.label(folder), others.join(", "));
            notes
                .insert(format!("note: {others} of the same person stays: name `{label}` to forget all their folders"));
        }
    }
    notes
}
