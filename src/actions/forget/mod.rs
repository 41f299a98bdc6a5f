//! Forgetting people and undoing it. To forget is to erase all data of a person and to ban the person, so that later
//! runs read nothing of theirs. A person is named in one of two ways: by name or folder, with all their folders, or as
//! `SITE/ID`, a visitor of a site with one of their ids.
//!
//! Each action has two steps, so that a person can confirm it. [`forget`] and [`undo`] only look and describe the
//! effect; [`ForgetPlan::carry_out`] does it.

mod ban;
mod erasure;
mod folders;
mod person;

use crate::base::error::Result;
use crate::base::names;
use crate::config::Config;
use crate::identities::Identities;
use crate::plug::Resources;
use crate::store::forget::Ban;
use crate::store::{Access, Store, persons};
use erasure::Erasure;
use person::Visitor;
use std::collections::{BTreeMap, BTreeSet};

/// Everything needed to look for a person.
pub struct Search<'a> {
    pub config: &'a Config,
    pub identities: &'a Identities,
    pub resources: &'a Resources,
    /// The user of source files that are not in a user's folder.
    pub login: &'a str,
}

/// A planned action on a person.
pub struct ForgetPlan<'a> {
    /// What the user should know before confirming.
    pub notes: Vec<String>,
    /// The name that was asked for.
    pub name: String,
    /// What the action does, as a sentence.
    pub effect: String,
    search: &'a Search<'a>,
    step: Step<'a>,
}

/// The result of an action.
pub struct ForgetOutcome {
    /// Whom the action was about.
    pub who: String,
    /// The new state, to follow the name: `is forgotten: 2 source files, …`.
    pub state: String,
    pub notes: Vec<String>,
}

enum Step<'a> {
    Folders(folders::Folders),
    Person(person::Person<'a>),
    LiftFolders(ban::Lift),
    LiftPerson(Visitor<'a>),
}

/// Plans to forget a person. `even_if_unknown` accepts a name without data, to ban it in advance.
///
/// # Errors
///
/// If the name is unknown, or the database cannot be read.
pub fn forget<'a>(search: &'a Search<'a>, name: &'a str, even_if_unknown: bool) -> Result<ForgetPlan<'a>> {
    match Visitor::read(name, search) {
        Some(visitor) => person::forget(search, visitor, even_if_unknown),
        None => folders::forget(search, name, even_if_unknown),
    }
}

/// Plans to lift the ban of a person.
///
/// # Errors
///
/// If nobody of that name is forgotten, or the database cannot be read.
pub fn undo<'a>(search: &'a Search<'a>, name: &'a str) -> Result<ForgetPlan<'a>> {
    match Visitor::read(name, search) {
        Some(visitor) => person::undo(search, visitor),
        None => ban::undo(search, name),
    }
}

/// All bans: folders, and the number of banned ids by site.
///
/// # Errors
///
/// If the database cannot be read.
pub fn kept_out(search: &Search<'_>) -> Result<(BTreeMap<String, Ban>, BTreeMap<String, u64>)> {
    let database = &search.resources.database;
    let store = Store::open_current(database, Access::ReadOnly, search.resources.now)?;
    Ok((crate::store::forget::bans(store.reader(), database)?, persons::kept_out(store.reader(), database)?))
}

impl ForgetPlan<'_> {
    /// Carries out the plan.
    ///
    /// # Errors
    ///
    /// If another process uses the database, or it cannot be written.
    pub fn carry_out(self) -> Result<ForgetOutcome> {
        let search = self.search;
        match self.step {
            Step::Folders(folders) => folders.erase(search),
            Step::Person(person) => person.erase(search),
            Step::LiftFolders(lift) => lift.carry_out(search),
            Step::LiftPerson(visitor) => visitor.let_in(search),
        }
    }
}

/// The most similar known names, quoted.
fn likely<'a>(user: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let likely: Vec<_> = names::likely(user, names).iter().map(|name| format!("`{name}`")).collect();
    if likely.is_empty() { None } else { Some(likely.join(" or ")) }
}

/// The name of a person, with their folders if these are called otherwise.
fn who(user: &str, folders: &BTreeSet<String>) -> String {
    match folders.iter().map(|folder| format!("`{folder}`")).collect::<Vec<_>>().join(", ") {
        folder if folder == format!("`{user}`") => folder,
        folders => format!("`{user}` ({folders})"),
    }
}
