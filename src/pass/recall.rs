//! The second stage: reads what the database knows about the walked files, once. Updates it if the walk or the
//! configuration shows something new about sources, people or rules.

use crate::base::error::{Error, Result, Status, count};
use crate::base::fault::Fault;
use crate::pass::Pass;
use crate::pass::walk::{Walked, some_of};
use crate::read::Caps;
use crate::run::policy::Policy;
use crate::run::summary::Notices;
use crate::source::Source;
use crate::source::alignment::Wanted;
use crate::source::ledger::Ledger;
use crate::source::open::Root;
use crate::source::scan::Walk;
use crate::store::made_with::MadeWith;
use crate::store::persons::{self, Enforced};
use crate::store::presence::{self, Observed, Tree};
use crate::store::sources::{self, Remembering};
use crate::store::stamp::Stamp;
use crate::store::{SharedStore, Store, forget, known, left_out, limits, runs};
use chrono::{DateTime, Utc};
use sessionmill_contract::{Manifest, Processor};

/// What the later stages have to know.
pub struct Recalled<'p> {
    /// The id of this run. Another run may take it if the database is released before this run has written anything.
    pub run_id: i64,
    pub manifests: Vec<&'p Manifest>,
    /// The sources that were walked and not refused.
    pub sources: Vec<Source>,
    /// The positions of these sources among all sources of the pass.
    pub positions: Vec<usize>,
    pub roots: Vec<Root>,
    /// The files below these roots. No two of them have the same name.
    pub walk: Walk,
    pub ledger: Ledger,
    pub policy: Policy<'p>,
    pub notices: Notices,
}

impl<'p> Recalled<'p> {
    /// The context of this pass's commits.
    pub fn stamp<'r>(&'r self, pass: &Pass<'p>) -> Stamp<'r> {
        Stamp {
            run_id: self.run_id,
            now: pass.now.wall,
            processors: pass.processors,
            manifests: &self.manifests,
            schema: &pass.database.schema,
            sources: &self.sources,
        }
    }
}

/// Reads and updates what the database knows about the walked files.
///
/// # Errors
///
/// If no source is left, or the database cannot be used.
pub fn recall<'p>(store: &mut SharedStore, pass: &Pass<'p>, walks: Vec<Walked>) -> Result<Recalled<'p>> {
    store.migrate()?;
    let damage = store.alarm().map(str::to_owned);
    let store = store.get()?;
    let (walks, mut notices) = take_over(store, pass, walks)?;
    let erased = forget::enforce(store, pass.database, pass.now.wall)?;
    if !erased.is_empty() {
        let people = count(erased.len() as u64, "folder");
        notices.alarms.push(format!(
            "the database had data of {people} of people who are forgotten, as an older copy of it does: it is erased \
             again, and the snapshots are removed"
        ));
    }
    let manifests = pass.manifests();
    let Enforced { added, lost, erased } = persons::enforce(store, pass.database, &manifests, pass.now.wall)?;
    if let Some((file, ids)) = added.first() {
        // The processors of this run were made before, and would read the data of these ids.
        let ids = count(*ids, "id");
        let message = format!("`{file}` lacked {ids} of people who are erased: put back from the database");
        return Err(Error::new(Status::CannotRun, message).hint("this run has read nothing: run it again"));
    }
    notices.alarms.extend(lost.iter().map(|(file, ids)| {
        let ids = count(*ids, "erased id");
        format!("`{file}` is not the one that the database knows, and {ids} not kept out any more: forget them again")
    }));
    if erased > 0 {
        let ids = count(erased, "id");
        notices.alarms.push(format!(
            "the database had data of {ids} of people who are erased, as an older copy of it does: it is erased again, \
             and the snapshots are removed"
        ));
    }
    let snapshots = forget::remove_older_snapshots(store, pass.database, pass.now.wall)?;
    if snapshots > 0 {
        let snapshots = count(snapshots, "snapshot");
        notices.alarms.push(format!(
            "{snapshots} removed: they were made before somebody was erased, as those of an older copy are"
        ));
    }
    let positions: Vec<usize> = (0..walks.len()).filter(|number| walks[*number].is_ok()).collect();
    let sources: Vec<Source> = positions.iter().map(|number| pass.sources[*number].clone()).collect();
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let (roots, walks): (Vec<_>, Vec<_>) = walks.into_iter().flatten().unzip();

    notices.alarms.extend(damage);
    let unread = take_back_decisions(store, &manifests, &mut notices)?;
    let made_with = MadeWith::default();
    touch_changed_rules(store, pass.processors, &made_with, pass.now.wall)?;
    for manifest in &manifests {
        let Caps { file, line, facts } = pass.caps;
        limits::follow(store, manifest, [file, line as u64, facts as u64], &made_with, pass.now.wall)?;
    }
    let mut excluded = forget::exclude(store, pass.processors)?;
    let ledger = known::ledger(store.reader(), &manifests, &names, pass.now.wall)?;
    let run_id = runs::next(store)?;

    let policy = Policy::new(pass.processors, known::forgotten(store.reader(), pass.database)?);
    let (walk, larger) = Walk::of(walks).share_names(&ledger);
    notices.alarms.extend(unread_alarm(&larger, &policy));
    let tree = Tree { sources: &sources, roots: &roots, walk: &walk, ledger: &ledger, policy: &policy };
    let Observed { notices: observed, strange } = presence::observe(store, &tree, pass.adopt, pass.now.wall)?;
    notices.alarms.extend(observed.alarms);
    notices.warnings.extend(observed.warnings.into_iter().chain(unread));
    let policy = policy.freezing(strange);
    left_out::remember(store, &names, &walk, &policy)?;
    excluded.extend(policy.excluded(walk.found.iter()).into_iter().map(str::to_owned));
    if !excluded.is_empty() {
        // Kept answers of a language model can quote these people.
        pass.database.schema.forget(pass.database, &excluded.iter().map(String::as_str).collect())?;
    }
    Ok(Recalled { run_id, manifests, sources, positions, roots, walk, ledger, policy, notices })
}

/// Stores the sources, and notes which cannot be walked. A source that is refused or cannot be walked is left out with
/// an alarm. It is an error if no source is left.
fn take_over(store: &Store, pass: &Pass<'_>, walks: Vec<Walked>) -> Result<(Vec<Walked>, Notices)> {
    let wanted = pass.sources.iter().zip(&walks).map(|(source, walk)| Wanted::new(source, walk.is_ok()));
    let wanted: Vec<_> = wanted.collect();
    let Remembering { refused, left_out } = sources::remember(store, &wanted, pass.adopt)?;
    // If a root cannot be walked, this error is reported first. Otherwise a wrong path would be reported as a refused
    // source.
    let walks = walks.into_iter().zip(refused).map(|(walk, refused)| match (walk, refused) {
        (Ok(_), Some(refused)) => Err(refused),
        (walk, _) => walk,
    });
    let walks = some_of(walks.collect())?;
    let alarm = |(source, error): (&Source, &Error)| {
        let hint = error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("source `{}` is left out: {error}{hint}", source.name)
    };
    let errors = pass.sources.iter().zip(&walks).filter_map(|(source, walk)| Some((source, walk.as_ref().err()?)));
    let alarms = errors.map(alarm).chain(left_out).collect();
    let known = known::sources(store.reader())?;
    let frozen = wanted.iter().zip(&walks).filter(|(wanted, _)| known.contains(&wanted.source));
    let frozen = frozen.filter_map(|(wanted, walk)| Some((&*wanted.source.name, walk.as_ref().err()?)));
    presence::freeze(store, &frozen.collect::<Vec<_>>())?;
    Ok((walks, Notices { alarms, warnings: Vec::new() }))
}

/// Restores reviews that the database has lost from the file beside it. Returns messages about lines that cannot be
/// read but whose reviews are in the database.
fn take_back_decisions(store: &Store, manifests: &[&Manifest], notices: &mut Notices) -> Result<Vec<String>> {
    let mut unread = Vec::new();
    for manifest in manifests {
        match store.take_back(manifest) {
            Ok((lost, lines)) => {
                if lost > 0 {
                    tracing::warn!(lost, "the database had lost decisions: they were taken back");
                }
                unread.extend(lines.into_iter().map(|line| format!("{line}; the database has it")));
            }
            // Only reviews that the database has lost are missing then; the pass can go on.
            Err(error) if matches!(error.fault, None | Some(Fault::Refused)) => {
                tracing::warn!("{error}; no decision is taken back");
                notices.alarms.push(format!("{error}; no decision is taken back"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(unread)
}

/// Touches all keys of settlements whose version or settings have changed, or whose last pass ran with a clock that was
/// ahead.
fn touch_changed_rules(
    store: &Store,
    processors: &[&dyn Processor],
    made_with: &MadeWith,
    now: DateTime<Utc>,
) -> Result<()> {
    for processor in processors {
        if store.note_day(processor.manifest(), made_with, now)? {
            let processor = processor.manifest().name;
            tracing::warn!(processor, "the last run was on a later day: every key is settled again");
        }
        for settlement in store.touch_changed_rules(*processor, made_with)? {
            let processor = processor.manifest().name;
            tracing::info!(processor, settlement, "its rules or settings have changed: every key is settled again");
        }
    }
    Ok(())
}

/// The alarm if a file is not read because another source has a smaller one with the same name.
fn unread_alarm(larger: &[String], policy: &Policy<'_>) -> Option<String> {
    let larger: Vec<_> = larger.iter().filter(|file| !policy.forgets(file)).collect();
    let first = larger.first()?;
    let files = count(larger.len() as u64, "transcript");
    Some(format!(
        "{files}, such as `{first}`, not read, although larger than what another source has under that name: \
         what is new there is not counted"
    ))
}
