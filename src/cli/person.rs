//! `sessionmill forget SITE/ID`: erase one person of a site with all ids that are joined to theirs, keep these ids
//! out, and let one in again.

use crate::base::error::{Error, Result, Status, count};
use crate::cli::erasure::{self, Erasure};
use crate::cli::forget::{ForgetContext, is_meant};
use crate::cli::remark;
use crate::plugs::{Lineup, Persons, Plug};
use crate::store::{Access, SharedStore, Store, persons};
use sessionmill_contract::Processor;
use std::collections::{BTreeMap, BTreeSet};

/// A person of a site, by one of their ids.
#[derive(Clone, Copy)]
pub(super) struct Visitor<'a> {
    /// The folder.
    site: &'a str,
    id: &'a str,
}

/// Other ids that are named before somebody confirms.
const NAMED: usize = 10;

impl<'a> Visitor<'a> {
    /// Reads `SITE/ID`. No folder has a slash in its name, but the name of a person of the identities can.
    pub(super) fn read(name: &'a str, forget: &ForgetContext<'_>) -> Option<Self> {
        let (site, id) = name.split_once('/').filter(|(site, id)| !site.is_empty() && !id.is_empty())?;
        if forget.identities.is_person(name) { None } else { Some(Self { site, id }) }
    }

    fn name(self, persons: &Persons) -> String {
        (persons.name)(self.site, self.id)
    }
}

/// Erases a person, and keeps all of their ids out.
pub(super) fn forget(
    forget: &ForgetContext<'_>,
    visitor: Visitor<'_>,
    is_sure: bool,
    even_if_unknown: bool,
) -> Result<Status> {
    let ForgetContext { config, database, context, .. } = forget;
    let Visitor { site, id } = visitor;
    if context.plugs.persons().all(|(_, persons)| (persons.is_nobody)(id)) {
        return Err(Error::new(Status::Usage, format!("`{id}` means nobody in particular, and is no one person")));
    }
    let plugs: Vec<_> = context.plugs.persons().map(|(plug, _)| plug.name().to_owned()).collect();
    let lineup = Lineup::new(&plugs, config, &context.world(database))?;
    let store = Store::open_current(database, Access::ReadOnly, context.now.wall)?;
    let ids = ids(forget, &store, visitor)?;
    drop(store);
    if ids.is_empty() && !even_if_unknown {
        return Err(Error::new(Status::Usage, format!("there is nothing of `{id}` in `{site}`"))
            .hint("--even-if-unknown keeps this id out anyway"));
    }
    let others: Vec<_> = ids.iter().filter(|other| *other != id).map(|other| format!("`{other}`")).collect();
    let who = format!("`{site}/{id}`");
    if !others.is_empty() {
        let more = if others.len() > NAMED { ", …" } else { "" };
        let named = others[..others.len().min(NAMED)].join(", ");
        remark(&format!("{who} is one person with {}: {named}{more}", count(others.len() as u64, "other id")));
    }
    let prompt = format!("everything that events of {who} say is erased for good");
    if !is_sure && !is_meant(&format!("{site}/{id}"), &prompt) {
        return Err(Error::new(Status::Usage, "nothing was erased: `forget` needs a confirmation")
            .hint("run it in a terminal and type the name, or pass --yes"));
    }
    let mut erasure = Erasure::begin(forget)?;
    let (mut facts, mut erased) = (0, BTreeSet::new());
    let all = lineup.processors();
    let of = |plug: &Plug| all.iter().copied().filter(|own| own.manifest().name == plug.name()).collect::<Vec<_>>();
    let mut processors: Vec<&dyn Processor> = Vec::new();
    for (plug, of_plug) in context.plugs.persons() {
        let own = of(plug);
        // Who is who is known when all that was read is settled.
        own.iter().try_for_each(|processor| erasure.settle(*processor))?;
        let store = erasure.store.get()?;
        let mut names = persons::known(store, &of_plug, site, id)?;
        names.insert(visitor.name(&of_plug));
        // Kept out first: whoever is interrupted after this can do it again, and nothing comes back.
        (of_plug.keep_out)(database, site, &names)?;
        for processor in &own {
            facts += persons::erase(store, processor.manifest(), &of_plug, site, &names)?;
        }
        erased.extend(names);
        processors.extend(own);
    }
    let ids = count(erased.len() as u64, "id");
    erasure.end(&processors, &who, &format!("{} of {ids}", count(facts, "fact")))
}

/// All ids of a person; none if nothing is known of any.
fn ids(forget: &ForgetContext<'_>, store: &Store, Visitor { site, id }: Visitor<'_>) -> Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for (_, persons) in forget.context.plugs.persons() {
        let prefix = (persons.name)(site, "");
        let names = persons::known(store, &persons, site, id)?;
        ids.extend(names.iter().filter_map(|name| name.strip_prefix(&prefix)).map(str::to_owned));
    }
    Ok(ids)
}

/// Lets one id in again. The others that were erased with it stay out: who they are is not known any more.
pub(super) fn undo(forget: &ForgetContext<'_>, visitor: Visitor<'_>, is_sure: bool) -> Result<Status> {
    let ForgetContext { database, context, .. } = forget;
    let Visitor { site, id } = visitor;
    let who = format!("`{site}/{id}`");
    let is_out = |(_, persons): (&Plug, Persons)| (persons.is_out)(database, &visitor.name(&persons));
    if !context.plugs.persons().map(is_out).collect::<Result<Vec<_>>>()?.contains(&true) {
        return Err(Error::new(Status::Usage, format!("{who} is not forgotten"))
            .hint("`sessionmill forget --list` shows of which sites people are"));
    }
    remark(&format!("{who}: ids that were erased with it stay out; name each of them to let it in again"));
    if !is_sure && !is_meant(&format!("{site}/{id}"), &format!("the next run reads all files of `{site}` again")) {
        return Err(Error::new(Status::Usage, format!("{who} is still forgotten"))
            .hint("type the name when you are asked, or pass --yes"));
    }
    let _locks = erasure::lock(forget)?;
    let mut store = SharedStore::new(database, context.now.wall);
    for (plug, persons) in context.plugs.persons() {
        // In this order, whoever is interrupted can do it again.
        persons::read_again(store.get()?, plug.manifest(), site)?;
        store.get()?.checkpoint()?;
        (persons.let_in)(database, site, &visitor.name(&persons))?;
    }
    store.close();
    remark(&format!(
        "{who} is no longer forgotten; `sessionmill run` reads the files of `{site}` that are still there"
    ));
    Ok(Status::Done)
}

/// How many ids are kept out, by site.
pub(super) fn kept_out(forget: &ForgetContext<'_>) -> Result<BTreeMap<String, u64>> {
    let mut all = BTreeMap::new();
    for (_, persons) in forget.context.plugs.persons() {
        for (site, ids) in (persons.kept_out)(forget.database)? {
            *all.entry(site).or_default() += ids;
        }
    }
    Ok(all)
}
