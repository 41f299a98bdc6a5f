//! The second stage: what the database knows of what was walked. It is read once, and brought up to date where the
//! walk shows something new about sources, people or rules.

use crate::base::error::{Error, Result, count};
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
use crate::store::presence::{self, Observed, Tree};
use crate::store::sources::{self, Remembering};
use crate::store::stamp::Stamp;
use crate::store::{SharedStore, Store, forget, known, left_out, limits, runs};
use chrono::{DateTime, Utc};
use sessionmill_contract::{Manifest, Processor};

/// Everything that the rest of a pass has to know.
pub struct Recalled<'p> {
    /// The number of this run, as long as the database is held.
    pub run_id: i64,
    pub manifests: Vec<&'p Manifest>,
    /// The sources that were walked and are not refused.
    pub sources: Vec<Source>,
    /// Their positions among all sources of the pass.
    pub positions: Vec<usize>,
    pub roots: Vec<Root>,
    /// What was seen below these roots, where each name stands for one file.
    pub walk: Walk,
    pub ledger: Ledger,
    pub policy: Policy<'p>,
    pub notices: Notices,
}

impl<'p> Recalled<'p> {
    /// What every row of the pass's commits shares.
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

/// Recalls what the database knows of walks.
///
/// # Errors
///
/// If no source is left, or the database cannot be used.
pub fn recall<'p>(store: &mut SharedStore, pass: &Pass<'p>, walks: Vec<Walked>) -> Result<Recalled<'p>> {
    store.migrate()?;
    let store = store.get()?;
    let (walks, mut notices) = take_over(store, pass, walks)?;
    let positions: Vec<usize> = (0..walks.len()).filter(|number| walks[*number].is_ok()).collect();
    let sources: Vec<Source> = positions.iter().map(|number| pass.sources[*number].clone()).collect();
    let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
    let (roots, walks): (Vec<_>, Vec<_>) = walks.into_iter().flatten().unzip();

    let manifests = pass.manifests();
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
        // The kept answers of a model quote these people.
        pass.database.schema.forget(pass.database, &excluded.iter().map(String::as_str).collect())?;
    }
    Ok(Recalled { run_id, manifests, sources, positions, roots, walk, ledger, policy, notices })
}

/// Brings what the database knows of the sources up to date. A source that is refused or cannot be walked
/// is left out with an alarm; it is an error if none is left.
fn take_over(store: &Store, pass: &Pass<'_>, walks: Vec<Walked>) -> Result<(Vec<Walked>, Notices)> {
    let wanted = pass.sources.iter().zip(&walks).map(|(source, walk)| Wanted::new(source, walk.is_ok()));
    let wanted: Vec<_> = wanted.collect();
    let Remembering { refused, left_out } = sources::remember(store, &wanted, pass.adopt)?;
    // That a root cannot be walked is reported first: a wrong path would else be refused as a new source.
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

/// Takes decisions that the database has lost back from the file beside it. Returns what cannot be read of the
/// file and is in the database.
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
            // Only decisions that the database has lost are missing: it has all others itself.
            Err(error) if matches!(error.fault, None | Some(Fault::Refused)) => {
                tracing::warn!("{error}; no decision is taken back");
                notices.alarms.push(format!("{error}; no decision is taken back"));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(unread)
}

/// Makes every key due whose settlement has another version or other settings than before, or was made by a clock that
/// was ahead.
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

/// An alarm for files of two sources with one name, where the one that is not read is the larger one.
fn unread_alarm(larger: &[String], policy: &Policy<'_>) -> Option<String> {
    let larger: Vec<_> = larger.iter().filter(|file| !policy.forgets(file)).collect();
    let first = larger.first()?;
    let files = count(larger.len() as u64, "transcript");
    Some(format!(
        "{files}, such as `{first}`, not read, although larger than what another source has under that name: \
         what is new there is not counted"
    ))
}
