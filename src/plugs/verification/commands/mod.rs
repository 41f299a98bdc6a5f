//! `sessionmill knowledge`: what people know, how certain it is, and the decisions of curators.

mod export;
mod list;
mod report;
mod review;
mod show;
mod suggest;

use crate::base::error::{Result, Status};
use crate::command::place::read;
use crate::command::scope::refresh;
use crate::command::{Database, SourceArgs};
use crate::identities::Identities;
use crate::plug::Context;
use crate::plug::command::{Command, parsed};
use crate::plugs::usage::report::filter::Only;
use crate::plugs::verification::report::knowledge::{self, Filter, Item};
use crate::plugs::verification::settings::Settings;
use crate::source::access::may_write;
use crate::store::reader::Reader;
use clap::Args as _;
use clap::builder::PossibleValuesParser;
use sessionmill_verification::NAME;
use sessionmill_verification::review::Standing;
use sessionmill_verification::{Detection, Domain};
use std::sync::Arc;

pub(super) const REPORTS: [Command; 1] = [Command {
    name: NAME,
    arguments: report::Args::augment_args,
    run: |matches, context| report::report(&parsed(matches)?, context),
}];

pub(super) const COMMANDS: [Command; 2] = [KNOWLEDGE, SUGGEST];

const KNOWLEDGE: Command = Command {
    name: "knowledge",
    arguments: Args::augment_args,
    run: |matches, context| knowledge(&parsed(matches)?, context),
};

const SUGGEST: Command = Command {
    name: "suggest",
    arguments: suggest::Args::augment_args,
    run: |matches, context| suggest::suggest(&parsed(matches)?, context),
};

/// Show and review the knowledge that people confirmed in conversations
///
/// An item is a fact that a person stated to the assistant: a correction, a confirmation, a definition that was not
/// asked for, or an instruction how to work. Its evidence is who said so, and where. Confidence follows from the
/// evidence and decays with time; [verification.confidence] in the configuration sets how. With rules, about seven in
/// ten of the items that are listed by default are correct for real prompts; a language model as detector finds more.
/// The list has the most trusted items first, and leaves out pending items of low confidence. The processor runs first,
/// unless the configuration names a language model.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  sessionmill knowledge --domain finance --status pending\n  \
                  sessionmill knowledge show kv_d8a67e06cb5c\n  \
                  sessionmill knowledge approve kv_d8a67e06cb5c --by ada\n  \
                  sessionmill knowledge merge kv_5f0f1b2a9c3d --into kv_d8a67e06cb5c\n  \
                  sessionmill knowledge export --format markdown --status approved"
)]
struct Args {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    list: list::List,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the items; the same as no subcommand
    List(list::List),
    /// Show items with their evidence, related items, and decisions
    Show(show::Args),
    /// Approve items
    Approve(review::Items),
    /// Reject items; items that repeat them and are similar to no other item are rejected, too
    Reject(review::Items),
    /// Merge items into another one, which gets their evidence
    Merge(review::Merge),
    /// Split statements, as `show` lists them, off the item that they are evidence of
    Split(review::Items),
    /// List the decisions, including those about items that nobody states any more
    Reviews(list::Reviews),
    Export(export::Args),
}

/// Which items.
#[derive(Debug, clap::Args)]
struct Which {
    /// Only items of this domain
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Domain::ALL.map(Domain::name)))]
    domain: Option<String>,

    /// Only items with evidence from this user: a person's name or e-mail address, or a folder; the beginning or a
    /// pattern with * works, too
    #[arg(long)]
    user: Option<String>,

    /// Only items of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = PossibleValuesParser::new(Detection::ALL.map(Detection::name)))]
    kind: Option<String>,

    /// Only items with this status
    #[arg(long, value_parser = PossibleValuesParser::new(Standing::ALL.map(Standing::name)))]
    status: Option<String>,

    /// Only items with at least this confidence, from 0 to 1
    #[arg(long, value_name = "X", value_parser = fraction, conflicts_with = "all")]
    min_confidence: Option<f64>,

    /// Any confidence: short for --min-confidence 0
    #[arg(long)]
    all: bool,

    /// Only items with this text in the title, the content or the entities
    #[arg(long)]
    text: Option<String>,

    /// Use the database as it is, without reading new transcripts
    #[arg(long)]
    no_refresh: bool,

    #[command(flatten)]
    place: SourceArgs,

    #[command(flatten)]
    database: Database,
}

fn knowledge(args: &Args, context: &Context) -> Result<Status> {
    use sessionmill_verification::review::Action as Decision;
    match &args.action {
        None => list::list(&args.list, context),
        Some(Action::List(args)) => list::list(args, context),
        Some(Action::Show(args)) => show::show(args, context),
        Some(Action::Approve(items)) => review::decide(items, Decision::Approve, None, context),
        Some(Action::Reject(items)) => review::decide(items, Decision::Reject, None, context),
        Some(Action::Merge(args)) => review::decide(&args.items, Decision::Merge, Some(&args.into), context),
        Some(Action::Split(items)) => review::decide(items, Decision::Split, None, context),
        Some(Action::Reviews(args)) => list::reviews(args, context),
        Some(Action::Export(args)) => export::export(args, context),
    }
}

impl Which {
    /// The minimum confidence, if a flag sets one.
    fn least(&self) -> Option<f64> {
        self.min_confidence.or(self.all.then_some(0.0))
    }

    fn filter(&self, identities: Identities) -> Filter {
        Filter {
            identities: Arc::new(identities),
            id: None,
            domain: self.domain.clone(),
            user: self.user.clone().map(Only::short),
            kind: self.kind.clone(),
            status: self.status.clone(),
            text: self.text.clone(),
            min_confidence: self.least(),
        }
    }

    /// The items of the filter, and the result of `more` for the same database.
    fn items<T>(
        &self,
        context: &Context,
        more: impl Fn(Reader<'_>, &Identities) -> Result<T>,
    ) -> Result<(Vec<Item>, T)> {
        let (config, database) = self.database.find(context)?;
        if !self.no_refresh && may_write(&database) {
            refresh(&[NAME], &self.place, &config, &database, context)?;
        }
        let filter = self.filter(Identities::given(config.identities.as_deref())?);
        let (weights, identities) = (config.settings::<Settings>().confidence, &filter.identities);
        read(&database, context, |reader| {
            let items = knowledge::items(reader, &filter, &weights, context.now.wall)?;
            Ok((items, more(reader, identities)?))
        })
    }
}

/// Parses the name of who decides. It must not be blank, because lists show it.
fn name(text: &str) -> std::result::Result<String, String> {
    let name = text.trim();
    if name.is_empty() { Err("a name is not blank".to_owned()) } else { Ok(name.to_owned()) }
}

fn fraction(text: &str) -> std::result::Result<f64, String> {
    text.parse().ok().filter(|number| (0.0..=1.0).contains(number)).ok_or_else(|| "a number from 0 to 1".to_owned())
}
