//! Erases somebody for good and keeps them out, and lets somebody in again: a person with all their folders, or one
//! person of a site by one of their ids.
//!
//! Each is done in two steps, so that whoever asks can say what will happen and have it confirmed: [`forget`] and
//! [`undo`] look and change nothing, [`ForgetPlan::carry_out`] does it.

mod ban;
mod erasure;
mod folders;
mod person;

use crate::base::error::Result;
use crate::base::names;
use crate::config::Config;
use crate::identities::Identities;
use crate::plugs::Resources;
use crate::store::forget::Ban;
use erasure::Erasure;
use person::Visitor;
use std::collections::{BTreeMap, BTreeSet};

/// Where somebody is looked for.
pub struct Search<'a> {
    pub config: &'a Config,
    pub identities: &'a Identities,
    pub resources: &'a Resources,
    /// The user of transcripts that lie in no user's folder.
    pub login: &'a str,
}

/// What is going to happen to somebody.
pub struct ForgetPlan<'a> {
    /// What whoever asks should know before.
    pub notes: Vec<String>,
    /// The name that was asked for.
    pub name: String,
    /// What will be.
    pub effect: String,
    search: &'a Search<'a>,
    step: Step<'a>,
}

/// The result.
pub struct ForgetOutcome {
    /// Whom it is about.
    pub who: String,
    /// What is so now, without a name: `is forgotten: 2 source files, …`.
    pub state: String,
    pub notes: Vec<String>,
}

enum Step<'a> {
    Folders(folders::Folders),
    Person(person::Person<'a>),
    LiftFolders(ban::Lift),
    LiftPerson(Visitor<'a>),
}

/// Looks for somebody who is to be forgotten. `even_if_unknown` takes a name that nobody has yet.
///
/// # Errors
///
/// If nobody has the name, or the database cannot be read.
pub fn forget<'a>(search: &'a Search<'a>, name: &'a str, even_if_unknown: bool) -> Result<ForgetPlan<'a>> {
    match Visitor::read(name, search) {
        Some(visitor) => person::forget(search, visitor, even_if_unknown),
        None => folders::forget(search, name, even_if_unknown),
    }
}

/// Looks for somebody who is to be let in again.
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

/// Everybody who is kept out: folders, and the number of ids by site.
///
/// # Errors
///
/// If the database cannot be read.
pub fn kept_out(search: &Search<'_>) -> Result<(BTreeMap<String, Ban>, BTreeMap<String, u64>)> {
    Ok((ban::bans(search)?.0, person::kept_out(search)?))
}

impl ForgetPlan<'_> {
    /// Does it.
    ///
    /// # Errors
    ///
    /// If somebody else uses the database, or it cannot be written.
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

/// Names that may be meant, quoted.
fn likely<'a>(user: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let likely: Vec<_> = names::likely(user, names).iter().map(|name| format!("`{name}`")).collect();
    if likely.is_empty() { None } else { Some(likely.join(" or ")) }
}

/// A person, with their folders where these have other names.
fn who(user: &str, folders: &BTreeSet<String>) -> String {
    match folders.iter().map(|folder| format!("`{folder}`")).collect::<Vec<_>>().join(", ") {
        folder if folder == format!("`{user}`") => folder,
        folders => format!("`{user}` ({folders})"),
    }
}
