//! `sessionmill sources`: the trees of transcripts that the database is built from, and their state.

use crate::base::error::{Result, Status, thousands};
use crate::base::holder::Holder;
use crate::base::lock::{self, DAEMON, ProcessorLock};
use crate::command::place::read;
use crate::command::{Database, Form, remark};
use crate::config::Config;
use crate::plug::Context;
use crate::report::grid::Field;
use crate::report::listing::{Listing, object};
use crate::report::sources::{self as report, Listed};
use crate::source::scan;
use crate::source::{Layout, Source, real};
use crate::store::cell::plain;
use crate::store::{Access, DatabaseFile, Store, sources};
use std::path::{Path, PathBuf};

/// List the sources of the database; record that a source has moved or is retired
///
/// A database remembers the folders that it is built from, each under a name. A source is read as long as runs name it:
/// in the configuration, with --sessions, or because the program found it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill sources\n  sessionmill sources moved team /srv/user_sessions\n  \
                        sessionmill sources retire old-laptop")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    database: Database,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    Moved(Moved),
    Retire(Retire),
}

/// List the sources: their folders, their transcripts, and problems with them
#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    database: Database,
}

/// Record that the tree of a source is in another folder now
///
/// Its transcripts keep their names, and the next run reads them there. Change the folder in the
/// configuration too.
#[derive(Debug, clap::Args)]
struct Moved {
    /// The source: its name, or its old folder
    old: String,

    /// The new folder
    new: PathBuf,

    #[command(flatten)]
    database: Database,
}

/// Retire a source
///
/// The data from its transcripts stays in all reports. Its folder is not read any more, nothing about it is an alarm,
/// and transcripts of other sources may have the same names. A run that names its folder reads it again.
#[derive(Debug, clap::Args)]
struct Retire {
    /// The source: its name, or its folder
    name: String,

    #[command(flatten)]
    database: Database,
}

pub(crate) fn sources(args: &Args, context: &Context) -> Result<Status> {
    match &args.command {
        None => list(&args.form, &args.database, context),
        Some(Command::List(List { form, database })) => list(form, database, context),
        Some(Command::Moved(args)) => moved(args, context),
        Some(Command::Retire(args)) => retire(args, context),
    }
}

fn list(form: &Form, database: &Database, context: &Context) -> Result<Status> {
    let (_, database) = database.find(context)?;
    let sources = read(&database, context, report::sources)?;
    form.list(&Listing {
        rows: &sources,
        empty: "no sources yet",
        fields: vec![
            Field::name("Source"),
            Field::path("Folder"),
            Field::name("Layout").spare(2),
            Field::number("Transcripts").spare(1),
            Field::text("State"),
        ],
        shown: &row,
        object: &object,
        names: &["name", "root", "layout", "user", "state", "alarm", "retired_at", "found", "files", "gone"],
        text: plain,
    })
}

fn row(source: &Listed) -> Vec<String> {
    let state = match (&source.alarm, &source.retired_at) {
        (_, Some(retired_at)) => format!("retired {}", retired_at.split('T').next().unwrap_or_default()),
        (Some(alarm), None) => format!("alarm: {alarm}"),
        (None, None) => source.state.to_owned(),
    };
    let files = thousands(source.files.into());
    vec![source.name.clone(), source.root.clone(), source.layout.to_owned(), files, state]
}

fn moved(args: &Moved, context: &Context) -> Result<Status> {
    let (config, database) = args.database.find(context)?;
    let root = real(&args.new);
    // Any layout works for this check: it only lists the folder.
    scan::roots(&[Source::new("", &root, Layout::Users)])?;
    let Source { name, root, .. } = change(&database, context, |store| sources::move_to(store, &args.old, &root))?;
    remark(&format!("source `{name}` is in {} now", root.display()));
    let other = config.sources().into_iter().find(|source| source.name == name && source.real().root != root);
    if let Some(other) = other {
        remark(&format!("note: the configuration still has `{name}` in {}: change it there too", other.root.display()));
    }
    after(&database);
    Ok(Status::Done)
}

fn retire(args: &Retire, context: &Context) -> Result<Status> {
    let (config, database) = args.database.find(context)?;
    let now = context.now.wall;
    let Source { name, root, .. } = change(&database, context, |store| sources::retire(store, &args.name, now))?;
    remark(&format!("source `{name}` ({}) is retired; what its transcripts said stays", root.display()));
    if is_configured(&config, &root) {
        remark("note: the configuration still names its folder: remove it there, or the next run reads it again");
    }
    after(&database);
    Ok(Status::Done)
}

fn is_configured(config: &Config, root: &Path) -> bool {
    config.sources().iter().any(|source| source.real().root == root)
}

/// Changes what the database knows of its sources. Holds all locks of processors, so that no run uses the sources
/// meanwhile.
fn change(database: &DatabaseFile, context: &Context, body: impl Fn(&Store) -> Result<Source>) -> Result<Source> {
    crate::store::require(database)?;
    let holder = Holder::new("sources", context.now.wall);
    let lock = |name: &str| ProcessorLock::take(database, name, &holder);
    let _locks = context.plugs.names().map(lock).collect::<Result<Vec<_>>>()?;
    body(&Store::open_current(database, Access::ReadWrite, context.now.wall)?)
}

/// Prints what else to do.
fn after(database: &Path) {
    if lock::holder(database, DAEMON).is_some() {
        remark("note: a daemon serves this database: let it read its configuration again (SIGHUP, systemctl reload)");
    }
}
