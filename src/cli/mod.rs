//! The command line: the commands of the program itself, and how the command of a command line is found.

mod check;
mod config;
#[cfg(feature = "console")]
mod console;
mod daemon;
mod failures;
mod forget;
mod hint;
mod prices;
mod publish;
mod query;
mod run;
mod runs;
mod sink;
mod sources;
mod status;
mod trial;
mod trigger;

use crate::base::atomic_file;
use crate::base::error::{Error, Result, Status};
use crate::base::moment::Moment;
use crate::base::suspension;
use crate::command::terminal::{self, say};
use crate::command::{log, print};
use crate::config::Environment;
use crate::plug::{self, Context, Plugs};
use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tracing::level_filters::LevelFilter;

/// Keeps a DuckDB database in step with the logs of AI coding agents.
///
/// `sessionmill` alone shows costs, running sessions and failures; it takes the options of `overview`. `sessionmill
/// report` reads what is new in your own transcripts into the database, and shows their usage by day. On a server,
/// `sessionmill run` or the service reads transcripts, and `report --no-refresh` shows what the database contains.
#[derive(Debug, Parser)]
#[command(name = "sessionmill", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {}

const EXIT_CODES: &str = "Exit codes: 0 all good, 1 a run finished with failed files, 2 could not run, 64 usage, \
                          75 another process is running it, 78 configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Status(status::Args),
    Runs(runs::Args),
    Sources(sources::Args),
    Check(check::Args),
    Daemon(daemon::Args),
    #[cfg(feature = "console")]
    Console(console::Args),
    Trigger(trigger::Args),
    Failures(failures::Args),
    Forget(forget::Args),
    Query(query::Args),
    Config(config::Args),
    Prices(prices::Args),
    Publish(publish::Args),
    #[command(hide = true)]
    Trial(trial::Args),
    /// Print a completion script for a shell
    ///
    /// For bash: sessionmill completions bash > ~/.local/share/bash-completion/completions/sessionmill
    Completions {
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write the pages of all commands
    ///
    /// To read it: sessionmill man | man -l -
    Man {
        /// Folder for sessionmill.1 and a page for each command; it is created if needed
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// Runs the command line. Writes errors to stderr.
pub fn main(plugs: Plugs, now: Moment) -> Status {
    let asked = match asked(plugs) {
        Ok(asked) => asked,
        Err(error) => {
            if error.use_stderr() {
                terminal::usage(&error);
                return Status::Usage;
            }
            let _ = error.print();
            return Status::Done;
        }
    };
    // A service logs what it does; a command prints it.
    let queue = asked.is_service().then(log::Queue::start);
    log::begin(if queue.is_some() { LevelFilter::INFO } else { LevelFilter::WARN }, queue.clone());
    // The daemon, which can be another user, must be able to read a trigger. Manual pages are for everybody.
    if !matches!(asked, Asked::Own(Command::Trigger(_) | Command::Man { .. })) {
        atomic_file::be_private();
    }
    let context = Context { now, environment: Environment::read(&plugs.declarations()), plugs };
    let done = suspension::listen().and_then(|()| execute(asked, &context));
    queue.iter().for_each(log::Queue::end);
    done.unwrap_or_else(|error| {
        say(&error);
        error.status
    })
}

/// The command of a command line.
enum Asked {
    Own(Command),
    /// A command of a processor, with its arguments.
    Plug(&'static plug::Command, ArgMatches),
}

impl Asked {
    /// Whether the command runs until a signal ends it.
    fn is_service(&self) -> bool {
        match self {
            Self::Own(Command::Daemon(_)) => true,
            #[cfg(feature = "console")]
            Self::Own(Command::Console(args)) => args.is_service(),
            _ => false,
        }
    }
}

/// The command that runs if none is given.
const START: &str = "overview";

/// The command that all processors add their reports to.
const REPORT: &str = "report";

fn asked(plugs: Plugs) -> clap::error::Result<Asked> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let matches = match parser(plugs).try_get_matches() {
        Err(error) => {
            let start = if error.kind() == ErrorKind::UnknownArgument { start(plugs, &arguments) } else { None };
            return start.unwrap_or(Err(error)).map_err(|error| hint::with_hint(&parser(plugs), error, &arguments));
        }
        Ok(matches) => matches,
    };
    let Some((name, own)) = matches.subcommand() else {
        return start(plugs, &[]).unwrap_or_else(|| {
            Err(parser(plugs).error(ErrorKind::MissingSubcommand, "a command is missing; --help shows all"))
        });
    };
    let report = own.subcommand().filter(|_| name == REPORT);
    let report = report.and_then(|(name, own)| Some((plugs.reports().find(|report| report.name() == name)?, own)));
    let command = plugs.commands().find(|command| command.name() == name).map(|command| (command, own));
    match report.or(command) {
        Some((command, own)) => Ok(Asked::Plug(command, own.clone())),
        None => Command::from_arg_matches(&matches).map(Asked::Own),
    }
}

/// The start page, if the command line has only flags: it takes the same flags without its name.
fn start(plugs: Plugs, arguments: &[OsString]) -> Option<clap::error::Result<Asked>> {
    let start = plugs.commands().find(|command| command.name() == START)?;
    if arguments.first().is_some_and(|first| !first.as_encoded_bytes().starts_with(b"-")) {
        return None;
    }
    let all = std::iter::once(OsString::from("sessionmill")).chain(arguments.iter().cloned());
    let matches = start.parser().bin_name("sessionmill").try_get_matches_from(all);
    Some(matches.map(|matches| Asked::Plug(start, matches)))
}

/// The parser of the command line: the program's own commands, with those of the processors after `run`.
fn parser(plugs: Plugs) -> clap::Command {
    let own = Command::augment_subcommands(clap::Command::new("own"));
    let mut own = own.get_subcommands().cloned();
    let of_plug = |command: &'static plug::Command| match command.name() {
        REPORT => command.parser().subcommands(plugs.reports().map(plug::Command::parser)),
        _ => command.parser(),
    };
    let all: Vec<_> = own.next().into_iter().chain(plugs.commands().map(of_plug)).chain(own).collect();
    let all = all.into_iter().enumerate().map(|(number, command)| command.display_order(number));
    Cli::command().subcommands(all)
}

fn execute(asked: Asked, context: &Context) -> Result<Status> {
    let command = match asked {
        Asked::Own(command) => command,
        Asked::Plug(command, matches) => return command.run(&matches, context),
    };
    match command {
        Command::Run(args) => run::run(&args, context),
        Command::Forget(args) => forget::forget(&args, context),
        Command::Failures(args) => failures::failures(&args, context),
        Command::Daemon(args) => daemon::daemon(&args, context),
        #[cfg(feature = "console")]
        Command::Console(args) => console::console(&args, context),
        Command::Trigger(args) => trigger::trigger(&args, context),
        Command::Runs(args) => runs::runs(&args, context),
        Command::Check(args) => check::check(&args, context.plugs),
        Command::Sources(args) => sources::sources(&args, context),
        Command::Status(args) => status::status(&args, context),
        Command::Prices(args) => prices::prices(&args, context),
        Command::Query(args) => query::query(&args, context),
        Command::Config(args) => config::config(&args, context),
        Command::Publish(args) => publish::publish(&args, context),
        Command::Trial(args) => trial::trial(&args, context),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut parser(context.plugs), "sessionmill", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Command::Man { out: Some(folder) } => {
            write_manual(&folder, context.plugs).map_err(|error| Error::cannot("write", folder.display(), error))?;
            Ok(Status::Done)
        }
        Command::Man { out: None } => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(self::command(context.plugs)).render(&mut page);
            rendered.map_err(|error| Error::cannot("write", "the manual page", error))?;
            print(&String::from_utf8_lossy(&page))
        }
    }
}

/// The parser for the manual pages. `help` has no page.
pub fn command(plugs: Plugs) -> clap::Command {
    parser(plugs).disable_help_subcommand(true)
}

/// Writes a manual page for each command.
fn write_manual(folder: &Path, plugs: Plugs) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(self::command(plugs), folder)
}
