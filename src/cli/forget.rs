//! `sessionmill forget`: erase a person, and keep them out.

use crate::cli::{Context, Database, remark};
use crate::error::{Error, Result, Status, count};
use crate::holder::Holder;
use crate::identities::Identities;
use crate::llm::journal;
use crate::lock::ProcessorLock;
use crate::pulse::Pulse;
use crate::registry;
use crate::settle;
use crate::store::forget::{self, Erased};
use crate::store::known;
use crate::store::{Access, Store, Turns, publish, quarantine, snapshot};
use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// Erase what a person's transcripts said, and read none of them again
///
/// Facts, claims, quotes and the answers of a language model about them go; what others said stays, and is
/// settled anew. Snapshots of before are removed, and a new one is published. The transcripts themselves,
/// and copies of the database elsewhere, are not touched.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill forget ada\n  sessionmill forget ada --yes")]
pub(crate) struct Args {
    /// Who: a person with all their folders, by name or e-mail address, or a folder
    user: String,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    database: Database,
}

pub(crate) fn forget(args: &Args, context: &Context) -> Result<Status> {
    let (config, database) = args.database.find(context)?;
    let user = args.user.as_str();
    let now = context.now.wall;
    if !database.is_file() {
        let message = format!("there is no database `{}`", database.display());
        return Err(Error::new(Status::CannotRun, message).hint("name it with --database FILE"));
    }
    let identities = Identities::given(config.identities.as_deref())?;
    let known = known::people(&Store::open_current(&database, Access::ReadOnly, now)?)?;
    let mut folders: BTreeSet<&str> =
        known.iter().map(String::as_str).filter(|folder| identities.is_of(folder, user)).collect();
    folders.extend(identities.folders(user));
    if folders.is_empty() {
        let near = registry::nearest(user, known.iter().map(|folder| identities.label(folder)));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        remark(&format!("note: there is nothing of `{user}`{near}"));
        folders.insert(user);
    }
    let who = match folders.iter().map(|folder| format!("`{folder}`")).collect::<Vec<_>>().join(", ") {
        folder if folder == format!("`{user}`") => folder,
        folders => format!("`{user}` ({folders})"),
    };
    if !args.yes && !is_meant(user, &who) {
        return Err(Error::new(Status::Usage, format!("`{user}` is not forgotten"))
            .hint("it cannot be undone: type the name when you are asked, or say --yes"));
    }
    let processors = registry::processors();
    let holder = Holder::new("forget", now);
    let lock = |name: &str| ProcessorLock::take(&database, name, &holder);
    let _locks = processors.iter().map(|processor| lock(processor.manifest().name)).collect::<Result<Vec<_>>>()?;

    let mut store = Turns::new(&database, now);
    let manifests: Vec<_> = processors.iter().map(|processor| processor.manifest()).collect();
    let (answers, mut erased) = (journal::forget(&database, &folders)?, Erased::default());
    for folder in folders {
        let Erased { files, facts } = forget::forget(store.get()?, &manifests, folder, now)?;
        erased.files += files;
        erased.facts += facts;
    }
    for processor in processors {
        let unsettled = settle::settle(&mut store, *processor, &Pulse::default())?;
        if let Some(first) = unsettled.first() {
            let (keys, name) = (count(unsettled.len() as u64, "key"), processor.manifest().name);
            let message = format!("{who} is erased, but {keys} of `{name}` still tell of it: {}", first.failure);
            return Err(Error::new(Status::CannotRun, message).hint("`sessionmill run` settles them"));
        }
    }
    store.get()?.checkpoint()?;
    store.close();
    let Erased { files, facts } = erased;
    let erased = format!("{}, {}, {}", count(files, "source file"), count(facts, "fact"), count(answers, "answer"));
    remark(&format!("{who} is forgotten: {erased}"));

    let snapshots = snapshot::remove(&database)?;
    if snapshots > 0 {
        publish::publish(&database, &config.publish, now)?;
        remark(&format!("{} of before removed, and a new one published", count(snapshots, "snapshot")));
    }
    for aside in quarantine::moved_aside(&database) {
        remark(&format!("note: `{}` was moved aside as damaged and can hold remains: delete it", aside.display()));
    }
    Ok(Status::Done)
}

/// Asks who calls, if somebody is there.
fn is_meant(user: &str, who: &str) -> bool {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return false;
    }
    remark(&format!("everything that the transcripts of {who} said is erased for good; type the name to confirm"));
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).is_ok() && answer.trim() == user
}
