//! `sessionmill forget`: erase a person, and keep them out. Who is kept out already is the matter of `ban`.

use crate::base::error::{Error, Result, Status, count};
use crate::base::names;
use crate::cli::erasure::Erasure;
use crate::cli::person::{self, Visitor};
use crate::cli::{Context, Database, ban, remark};
use crate::config::Config;
use crate::identities::Identities;
use crate::source::{Layout, Remembered};
use crate::store::forget::{self, Erased};
use crate::store::{Access, DatabaseFile, Store, known, sources};
use sessionmill_contract::Manifest;
use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};

/// Erase what a person's transcripts said, and read none of them again
///
/// Facts, claims, quotes and the answers of a language model about them go; what others said stays, and is
/// settled again. Older snapshots are removed, and a new one is published. The transcripts themselves,
/// and copies of the database elsewhere, are not touched. --undo lifts the ban: files that are still there
/// are read again; what came from files that are gone, and kept answers, stay erased.
///
/// SITE/ID erases one person of a site's web events instead, with all ids that are joined to this one, and
/// passes over these ids from then on, in a new database, too. --undo SITE/ID lets this one id in again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill forget ada\n  sessionmill forget ada --yes\n  \
                        sessionmill forget shop/user-17\n  \
                        sessionmill forget --list\n  sessionmill forget --undo ada")]
pub(crate) struct Args {
    /// Who: a person with all their folders, by name or e-mail address, a folder, or SITE/ID
    #[arg(value_name = "NAME", required_unless_present_any = ["list", "undo"], conflicts_with = "list")]
    user: Option<String>,

    /// List everybody who is forgotten
    #[arg(long, conflicts_with_all = ["undo", "yes"])]
    list: bool,

    /// With --list: as JSON
    #[arg(long, requires = "list")]
    json: bool,

    /// Let runs read the person's transcripts, or the events of SITE/ID, again
    #[arg(long, value_name = "NAME", num_args = 0..=1)]
    #[expect(clippy::option_option, reason = "the name can stand before the flag, too")]
    undo: Option<Option<String>>,

    /// Ban the name even if nobody has it yet
    #[arg(long, conflicts_with_all = ["list", "undo"])]
    even_if_unknown: bool,

    /// Do not ask
    #[arg(long)]
    yes: bool,

    #[command(flatten)]
    database: Database,
}

pub(crate) fn forget(args: &Args, context: &Context) -> Result<Status> {
    let (config, database) = args.database.find(context)?;
    let now = context.now.wall;
    crate::store::require(&database)?;
    let identities = Identities::given(config.identities.as_deref())?;
    let forget = ForgetContext { config: &config, identities: &identities, database: &database, context };
    let user = match (&args.user, &args.undo) {
        (Some(_), Some(Some(_))) => return Err(Error::new(Status::Usage, "one name at a time")),
        (Some(user), None) => user.as_str(),
        (Some(user), Some(None)) | (None, Some(Some(user))) => {
            return match Visitor::read(user, &forget) {
                Some(visitor) => person::undo(&forget, visitor, args.yes),
                None => ban::undo(&forget, user, args.yes),
            };
        }
        (None, Some(None)) => return Err(Error::new(Status::Usage, "--undo needs the name of somebody")),
        (None, None) => return ban::list(&forget, args.json),
    };
    if let Some(visitor) = Visitor::read(user, &forget) {
        return person::forget(&forget, visitor, args.yes, args.even_if_unknown);
    }
    let (processors, manifests) = (context.plugs.processors(), context.plugs.manifests());
    let known = everybody(&forget, &manifests)?;
    let mut folders: BTreeSet<&str> =
        known.iter().map(String::as_str).filter(|folder| identities.is_of(folder, user)).collect();
    folders.extend(identities.folders(user));
    if folders.is_empty() {
        if !args.even_if_unknown {
            return Err(nobody(user, &known, &identities));
        }
        if user.is_empty() || user.contains('/') {
            return Err(Error::new(Status::Usage, format!("`{user}` cannot be the name of a folder below the root")));
        }
        remark(&format!("note: nobody is called `{user}` yet"));
        folders.insert(user);
    }
    for note in others(&folders, &known, &identities) {
        remark(&note);
    }
    let who = who(user, &folders);
    let prompt = format!("everything that the transcripts of {who} said is erased for good");
    if !args.yes && !is_meant(user, &prompt) {
        return Err(Error::new(Status::Usage, "nothing was erased: `forget` needs a confirmation").hint(
            "where a transcript is gone, it cannot be undone: run it in a terminal and type the name, or pass --yes",
        ));
    }
    let mut erasure = Erasure::begin(&forget)?;
    let (mut answers, mut erased) = (0, Erased::default());
    for folder in folders {
        let own = context.plugs.forget(&database, &BTreeSet::from([folder]))?;
        answers += own;
        let Erased { files, facts } = forget::forget(erasure.store.get()?, &manifests, folder, own, now)?;
        erased.files += files;
        erased.facts += facts;
    }
    let Erased { files, facts } = erased;
    let erased = format!("{}, {}, {}", count(files, "source file"), count(facts, "fact"), count(answers, "answer"));
    erasure.end(&processors, &who, &erased)
}

/// Where a person is looked for.
pub(super) struct ForgetContext<'a> {
    pub config: &'a Config,
    pub identities: &'a Identities,
    pub database: &'a DatabaseFile,
    pub context: &'a Context,
}

/// Everybody of whom there is something, by their folders: in the database, in kept answers, in the sources.
fn everybody(forget: &ForgetContext<'_>, manifests: &[&Manifest]) -> Result<BTreeSet<String>> {
    let ForgetContext { database, context, .. } = forget;
    let store = Store::open_current(database, Access::ReadOnly, context.now.wall)?;
    let mut everybody = known::everybody(&store, manifests)?;
    let sources = sources::of(&store)?;
    drop(store);
    everybody.extend(context.plugs.people(database)?);
    // A source that cannot be listed names nobody.
    for Remembered { source, .. } in sources {
        match source.layout {
            Layout::Users => {
                let entries = std::fs::read_dir(&source.root).into_iter().flatten().flatten();
                everybody.extend(entries.map(|entry| entry.file_name().to_string_lossy().into_owned()));
            }
            _ => everybody.extend([context.environment.login.clone()]),
        }
    }
    Ok(everybody)
}

/// The refusal of a name that nobody has.
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

/// Says which folders stay that belong to the same people: who names a folder means that folder only.
fn others(folders: &BTreeSet<&str>, known: &BTreeSet<String>, identities: &Identities) -> Vec<String> {
    let mut notes = BTreeSet::new();
    for folder in folders {
        let Some(person) = identities.person(folder) else { continue };
        let is_theirs = |other: &&String| identities.person(other).is_some_and(|other| std::ptr::eq(other, person));
        let others = known.iter().filter(|other| !folders.contains(other.as_str())).filter(is_theirs);
        let others: Vec<_> = others.map(|other| format!("`{other}`")).collect();
        if !others.is_empty() {
            let (label, others) = (identities.label(folder), others.join(", "));
            notes
                .insert(format!("note: {others} of the same person stays: name `{label}` to forget all their folders"));
        }
    }
    notes.into_iter().collect()
}

/// Names that may be meant, quoted.
pub(super) fn likely<'a>(user: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let likely: Vec<_> = names::likely(user, names).iter().map(|name| format!("`{name}`")).collect();
    if likely.is_empty() { None } else { Some(likely.join(" or ")) }
}

/// A person, with their folders where these have other names.
pub(super) fn who(user: &str, folders: &BTreeSet<&str>) -> String {
    match folders.iter().map(|folder| format!("`{folder}`")).collect::<Vec<_>>().join(", ") {
        folder if folder == format!("`{user}`") => folder,
        folders => format!("`{user}` ({folders})"),
    }
}

/// Asks who calls, if somebody is there.
pub(super) fn is_meant(user: &str, prompt: &str) -> bool {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return false;
    }
    remark(&format!("{prompt}; type the name to confirm"));
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).is_ok() && answer.trim() == user
}
