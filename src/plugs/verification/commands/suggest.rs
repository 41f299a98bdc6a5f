//! `sessionmill suggest`: lines for the instruction files that agents read.

use super::fraction;
use crate::base::error::{Error, Result, Status};
use crate::command::place::read;
use crate::command::scope::refresh;
use crate::command::{Database, SourceArgs, print};
use crate::identities::Identities;
use crate::plug::Context;
use crate::plugs::verification::report::suggest::{self, Wish, diff, page};
use crate::plugs::verification::settings::Settings;
use crate::report::render::pretty;
use crate::source::access::may_write;
use clap::ValueEnum;
use std::path::PathBuf;
use std::sync::Arc;

/// Suggest lines for CLAUDE.md and AGENTS.md from what people told their agents
///
/// For each project: rules and facts that its file does not say yet, each with how often it was said and by whom; what
/// the file says but people had to repeat since; and prompts that recur in three or more sessions, which could be slash
/// commands, with their cost. Only items that are certain enough or approved are shown; if there are none, the best of
/// the less certain ones. The file is read from the project's folder, if that is on this machine. A statement that a
/// person repeats in one session counts once.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill suggest\n  \
                        sessionmill suggest --project . --format diff | git apply\n  \
                        sessionmill suggest --person --user ada\n  \
                        sessionmill suggest --project shop --against docs/RULES.md --min-confidence 0")]
pub(super) struct Args {
    /// Only this project: a folder, such as `.`, or the name of one
    #[arg(long, value_name = "PROJECT", conflicts_with = "person")]
    project: Option<String>,

    /// For people instead of projects: how each likes to work, wherever they work
    #[arg(long)]
    person: bool,

    /// Only statements of this user: a person's name or e-mail address, or a folder
    #[arg(long)]
    user: Option<String>,

    /// Leave out what this file says [default: the project's CLAUDE.md and AGENTS.md]
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// Only items with at least this confidence, from 0 to 1 [default: 0.7; for a project without such items, its best
    /// three]
    #[arg(long, value_name = "X", value_parser = fraction, conflicts_with = "all")]
    min_confidence: Option<f64>,

    /// Any confidence: short for --min-confidence 0
    #[arg(long)]
    all: bool,

    /// A page with quotes, JSON, or a patch for `git apply`
    #[arg(long, value_enum, default_value_t = SuggestFormat::Markdown)]
    format: SuggestFormat,

    /// Use the database as it is, without reading new transcripts
    #[arg(long)]
    no_refresh: bool,

    #[command(flatten)]
    place: SourceArgs,

    #[command(flatten)]
    database: Database,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum SuggestFormat {
    Markdown,
    Json,
    Diff,
}

pub(super) fn suggest(args: &Args, context: &Context) -> Result<Status> {
    let (config, database) = args.database.find(context)?;
    if let Some(file) = args.against.as_ref().filter(|file| !file.is_file()) {
        return Err(Error::new(Status::Usage, format!("--against: there is no file `{}`", file.display())));
    }
    if !args.no_refresh && may_write(&database) {
        refresh(&[sessionmill_verification::NAME, sessionmill_usage::NAME], &args.place, &config, &database, context)?;
    }
    let identities = Arc::new(Identities::given(config.identities.as_deref())?);
    let wish = Wish {
        project: args.project.clone(),
        by_person: args.person,
        user: args.user.clone(),
        against: args.against.as_ref().map(|file| std::path::absolute(file).unwrap_or_else(|_| file.clone())),
        min_confidence: args.min_confidence.or(args.all.then_some(0.0)),
        home: context.environment.home.clone(),
    };
    let weights = config.settings::<Settings>().confidence;
    let pages =
        read(&database, context, |reader| suggest::pages(reader, &wish, &identities, (&weights, context.now.wall)))?;
    print(&match args.format {
        SuggestFormat::Json => pretty(&pages),
        SuggestFormat::Markdown if pages.is_empty() => "nothing to suggest\n".to_owned(),
        SuggestFormat::Markdown => pages.iter().map(page::markdown).collect::<Vec<_>>().join("\n"),
        SuggestFormat::Diff => match &pages[..] {
            [] => String::new(),
            [page] => diff::diff(page),
            pages => {
                let names: Vec<_> = pages.iter().map(|page| format!("`{}`", page.about)).collect();
                let message = format!("a change is for one file, and there are {}: {}", pages.len(), names.join(", "));
                return Err(
                    Error::new(Status::Usage, message).hint("choose one with --project, or --user with --person")
                );
            }
        },
    })
}
