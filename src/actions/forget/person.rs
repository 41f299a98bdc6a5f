//! Forgetting one visitor of a site with all ids that are joined to theirs, and lifting the ban of one id.

use super::erasure::{self, interrupted};
use super::{Erasure, ForgetOutcome, ForgetPlan, Search, Step};
use crate::base::error::{Error, Result, Status, count};
use crate::base::failpoint;
use crate::plug::ConfiguredProcessors;
use crate::store::persons;
use crate::store::schema::Persons;
use crate::store::{Access, SharedStore, Store};
use sessionmill_contract::Processor;
use std::collections::BTreeSet;

/// A visitor of a site, named by one of their ids.
#[derive(Clone, Copy)]
pub(super) struct Visitor<'a> {
    /// The folder of the site.
    site: &'a str,
    id: &'a str,
}

/// A visitor to erase, and the processors that know visitors.
pub(super) struct Person<'a> {
    visitor: Visitor<'a>,
    configured: ConfiguredProcessors,
}

/// Number of other ids that the confirmation lists.
const NAMED: usize = 10;

impl<'a> Visitor<'a> {
    /// Parses `SITE/ID`. A folder name contains no slash, but the name of a person in the identities can, and then it
    /// is that person.
    pub(super) fn read(name: &'a str, search: &Search<'_>) -> Option<Self> {
        let (site, id) = name.split_once('/').filter(|(site, id)| !site.is_empty() && !id.is_empty())?;
        if search.identities.is_person(name) { None } else { Some(Self { site, id }) }
    }

    fn name(self, persons: &Persons) -> String {
        (persons.facts.name)(self.site, self.id)
    }

    /// `SITE/ID`, as reports show it.
    fn shown(self) -> String {
        format!("{}/{}", self.site, self.id)
    }
}

/// Plans to forget a visitor: finds all ids that are joined to theirs.
pub(super) fn forget<'a>(
    search: &'a Search<'a>,
    visitor: Visitor<'a>,
    even_if_unknown: bool,
) -> Result<ForgetPlan<'a>> {
    let Search { config, resources, .. } = search;
    let (Visitor { site, id }, schema) = (visitor, &resources.database.schema);
    if schema.persons().all(|(_, persons)| (persons.is_nobody)(id)) {
        return Err(Error::new(
            Status::Usage,
            format!("`{id}` is shared by many visitors and does not identify one person"),
        ));
    }
    let names: Vec<_> = schema.persons().map(|(manifest, _)| manifest.name.to_owned()).collect();
    let configured = ConfiguredProcessors::new(&names, config, resources)?;
    let store = Store::open_current(&resources.database, Access::ReadOnly, resources.now)?;
    let ids = ids(search, &store, visitor)?;
    drop(store);
    if ids.is_empty() && !even_if_unknown {
        return Err(Error::new(Status::Usage, format!("there is no data of `{id}` in `{site}`"))
            .hint("--even-if-unknown keeps this id out anyway"));
    }
    let others: Vec<_> = ids.iter().filter(|other| *other != id).map(|other| format!("`{other}`")).collect();
    let name = visitor.shown();
    let mut notes = Vec::new();
    if !others.is_empty() {
        let more = if others.len() > NAMED { ", …" } else { "" };
        let named = others[..others.len().min(NAMED)].join(", ");
        let number = count(others.len() as u64, "other id");
        notes.push(format!("`{name}` is one person with {number}: {named}{more}"));
    }
    let effect = format!("everything that events of `{name}` say is erased for good");
    Ok(ForgetPlan { notes, name, effect, search, step: Step::Person(Person { visitor, configured }) })
}

impl Person<'_> {
    /// Erases the visitor and bans all their ids.
    pub(super) fn erase(self, search: &Search<'_>) -> Result<ForgetOutcome> {
        let Self { visitor, configured } = self;
        let (site, database) = (visitor.site, &search.resources.database);
        let who = format!("`{}`", visitor.shown());
        let mut erasure = Erasure::begin(search)?;
        let (mut facts, mut erased) = (0, BTreeSet::new());
        let all = configured.processors();
        let mut processors: Vec<&dyn Processor> = Vec::new();
        for (manifest, of_plug) in database.schema.persons() {
            let own: Vec<_> = all.iter().copied().filter(|own| own.manifest().name == manifest.name).collect();
            // Ids are joined by settling, so everything read so far is settled first.
            own.iter().try_for_each(|processor| erasure.settle(*processor))?;
            let store = erasure.store.get()?;
            // An older copy of the database can have data of people who were erased before.
            persons::enforce(store, database, &[manifest], search.resources.now)?;
            let mut names = persons::known(store, &of_plug.facts, site, visitor.id)?;
            names.insert(visitor.name(&of_plug));
            // Ban first: if the erasure is interrupted after this, the next run finishes it.
            (of_plug.keep_out)(database, site, &names)?;
            failpoint::point("kept-out", site);
            facts += persons::erase(store, manifest, &of_plug, site, &names, search.resources.now)
                .map_err(interrupted(&who))?;
            erased.extend(names);
            processors.extend(own);
        }
        let (facts, ids) = (count(facts, "fact"), count(erased.len() as u64, "id"));
        erasure.end(&processors, who, &format!("{facts} of {ids}"))
    }
}

/// All ids of a visitor; empty if none is known.
fn ids(search: &Search<'_>, store: &Store, Visitor { site, id }: Visitor<'_>) -> Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for (_, persons) in search.resources.database.schema.persons() {
        let prefix = (persons.facts.name)(site, "");
        let names = persons::known(store, &persons.facts, site, id)?;
        ids.extend(names.iter().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned));
    }
    Ok(ids)
}

/// Plans to lift the ban of an id.
pub(super) fn undo<'a>(search: &'a Search<'a>, visitor: Visitor<'a>) -> Result<ForgetPlan<'a>> {
    let database = &search.resources.database;
    let name = visitor.shown();
    let is_out = |(_, persons): (_, Persons)| Ok((persons.is_out)(database)?(&visitor.name(&persons)));
    if !database.schema.persons().map(is_out).collect::<Result<Vec<_>>>()?.contains(&true) {
        return Err(Error::new(Status::Usage, format!("`{name}` is not forgotten"))
            .hint("`sessionmill forget --list` shows of which sites people are"));
    }
    let note = format!("`{name}`: ids that were erased with it stay out; name each of them to let it in again");
    let effect = format!("the next run reads all files of `{}` again", visitor.site);
    Ok(ForgetPlan { notes: vec![note], name, effect, search, step: Step::LiftPerson(visitor) })
}

impl Visitor<'_> {
    /// Lifts the ban of one id. Ids that were erased with it stay banned, since it is no longer known that they belong
    /// together.
    pub(super) fn let_in(self, search: &Search<'_>) -> Result<ForgetOutcome> {
        let (site, database) = (self.site, &search.resources.database);
        let _locks = erasure::lock(search)?;
        let mut store = SharedStore::new(database, search.resources.now);
        for (manifest, persons) in database.schema.persons() {
            persons::let_in(store.get()?, manifest, &persons, site, self.id)?;
        }
        store.close();
        let read = format!("`sessionmill run` reads the files of `{site}` that are still there");
        let (who, state) = (format!("`{}`", self.shown()), format!("is no longer forgotten; {read}"));
        Ok(ForgetOutcome { who, state, notes: Vec::new() })
    }
}
