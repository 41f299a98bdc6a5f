//! `sessionmill forget --list` and `--undo`: who is kept out of the database, and letting folders in again.

use crate::base::error::{Error, Result, Status, count, thousands};
use crate::base::utc;
use crate::cli::forget::{ForgetContext, is_meant, likely, who};
use crate::cli::{erasure, person, print, remark, terminal_width};
use crate::report::grid::{Field, grid};
use crate::report::render::pretty;
use crate::source::Source;
use crate::source::scan;
use crate::store::forget::{self, Ban, digest};
use crate::store::{Access, SharedStore, Store, sources};
use chrono::{DateTime, Utc};
use serde_json::json;
use sessionmill_contract::Bound;
use std::collections::{BTreeMap, BTreeSet};

/// Writes everybody who is kept out.
pub(super) fn list(forget: &ForgetContext<'_>, as_json: bool) -> Result<Status> {
    let (bans, _) = bans(forget)?;
    let ids = person::kept_out(forget)?;
    let person = |folder: &str| forget.identities.person(folder).map(|person| person.label.clone());
    if as_json {
        let row = |(folder, ban): (&String, &Ban)| {
            json!({
                "user": folder,
                "person": person(folder),
                "forgotten_at": ban.since.map(utc::shortest),
                "erased_files": ban.files.as_ref().map(BTreeSet::len),
                "erased_answers": ban.answers,
            })
        };
        let sites = ids.iter().map(|(site, ids)| json!({"site": site, "erased_ids": ids}));
        return print(&pretty(&bans.iter().map(row).chain(sites).collect::<Vec<_>>()));
    }
    let of_site = |(site, ids): (&String, &u64)| format!("{} of people of `{site}` kept out\n", count(*ids, "id"));
    let sites: String = ids.iter().map(of_site).collect();
    if bans.is_empty() && !sites.is_empty() {
        return print(&sites);
    }
    if bans.is_empty() {
        return print("nobody is forgotten\n");
    }
    let number = |number: Option<u64>| number.map_or("–".to_owned(), |number| thousands(number.into()));
    let time = |time: Option<DateTime<Utc>>| time.map_or("–".to_owned(), utc::minute_of_column);
    let row = |(folder, ban): (&String, &Ban)| {
        let files = ban.files.as_ref().map(|files| files.len() as u64);
        vec![folder.clone(), person(folder).unwrap_or_default(), time(ban.since), number(files), number(ban.answers)]
    };
    let fields = ["User", "Person", "Forgotten (UTC)", "Erased files", "Erased answers"].map(Field::name);
    let mut fields = fields.to_vec();
    let mut rows: Vec<_> = bans.iter().map(row).collect();
    if forget.identities.is_empty() {
        fields.remove(1);
        rows.iter_mut().for_each(|row| drop(row.remove(1)));
    }
    print(&(grid(&fields, &rows, terminal_width()) + &sites))
}

/// Lets runs read a person's transcripts again, when who calls has seen what comes back and what does not.
pub(super) fn undo(forget: &ForgetContext<'_>, user: &str, is_sure: bool) -> Result<Status> {
    let ForgetContext { config, identities, database, context } = forget;
    let (bans, sources) = bans(forget)?;
    let own: BTreeMap<&str, &Ban> = bans
        .iter()
        .map(|(folder, ban)| (folder.as_str(), ban))
        .filter(|(folder, _)| identities.is_of(folder, user))
        .collect();
    if own.is_empty() {
        let names = bans.keys().flat_map(|folder| [folder.as_str(), identities.label(folder)]);
        let near = likely(user, names).map(|names| format!("did you mean {names}? ")).unwrap_or_default();
        return Err(Error::new(Status::Usage, format!("`{user}` is not forgotten"))
            .hint(near + "`sessionmill forget --list` shows who is"));
    }
    let folders: BTreeSet<&str> = own.keys().copied().collect();
    let who = who(user, &folders);
    let there = there(&sources, &folders, &context.environment.login);
    let names: BTreeSet<_> = there.iter().map(|file| digest(file)).collect();
    let gone = |ban: &Ban| Some(ban.files.as_ref()?.difference(&names).count() as u64);
    let gone: Option<u64> = own.values().map(|ban| gone(ban)).sum();
    let answers: Option<u64> = own.values().map(|ban| ban.answers).sum();
    let said = |number: Option<u64>, noun: &str| {
        number.map_or(format!("an unknown number of {noun}s"), |number| count(number, noun).to_string())
    };
    remark(&format!(
        "{who}:\n  still there, read again by the next run: {}\n  gone, what came from them stays erased: {}, {}",
        count(there.len() as u64, "source file"),
        said(gone, "source file"),
        said(answers, "kept answer")
    ));
    if context.plugs.iter().any(|plug| (plug.bound)(config) == Bound::Network) {
        remark("note: the language model is asked about their transcripts again");
    }
    if !is_sure && !is_meant(user, &format!("the next run reads the transcripts of {who} again")) {
        return Err(Error::new(Status::Usage, format!("`{user}` is still forgotten"))
            .hint("type the name when you are asked, or pass --yes"));
    }
    let _locks = erasure::lock(forget)?;
    let mut store = SharedStore::new(database, context.now.wall);
    forget::lift(store.get()?, &folders)?;
    store.get()?.checkpoint()?;
    store.close();
    remark(&format!("{who} is no longer forgotten; `sessionmill run` reads the files that are still there"));
    Ok(Status::Done)
}

/// Everybody who is kept out, and the sources.
fn bans(forget: &ForgetContext<'_>) -> Result<(BTreeMap<String, Ban>, Vec<Source>)> {
    let store = Store::open_current(forget.database, Access::ReadOnly, forget.context.now.wall)?;
    let sources = sources::of(&store)?.into_iter().filter(|known| !known.is_retired).map(|known| known.source);
    Ok((forget::bans(store.reader(), forget.database)?, sources.collect()))
}

/// The files of people that the next run can read. A source that cannot be walked now is named, and has none.
fn there(sources: &[Source], folders: &BTreeSet<&str>, login: &str) -> BTreeSet<String> {
    let mut there = BTreeSet::new();
    for source in sources {
        let source = std::slice::from_ref(source);
        match scan::roots(source).and_then(|roots| scan::sessions(source, &roots, login)) {
            Ok(walk) => {
                let own = walk.found.into_iter().filter(|found| folders.contains(found.file.username.as_str()));
                there.extend(own.filter(|found| found.stat.is_ok()).map(|found| found.file.session_file));
            }
            Err(error) => remark(&format!("note: its files are not counted: {}", error.message)),
        }
    }
    there
}
