//! The command line: what can be asked for, and how the answer reaches the caller.

mod config;
mod daemon;
mod errors;
mod failures;
mod forget;
mod form;
mod html;
mod knowledge;
mod log;
mod place;
mod prices;
mod publish;
mod query;
mod report;
mod run;
mod runs;
mod scope;
mod session;
mod sessions;
mod statement;
mod status;
mod trial;
mod trigger;

use crate::config::Environment;
use crate::error::{Error, Result, Status, cause};
use crate::moment::Moment;
use crate::printable::printable;
use clap::{CommandFactory, Parser, Subcommand};
use form::Form;
use place::{Database, Place};
use std::io::{IsTerminal, Write};
use tracing::level_filters::LevelFilter;

/// Keeps a DuckDB database in step with the logs of AI coding agents.
///
/// `sessionmill report` on its own shows today's usage of your own Claude Code transcripts. On a
/// server, `sessionmill run` brings the database up to date and `report --no-refresh` reads it.
#[derive(Debug, Parser)]
#[command(name = "sessionmill", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 all good, 1 a run finished with failed files, 2 could not run, 64 usage, \
                          75 another process is at it, 78 configuration.";

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Report(report::Args),
    /// Usage by day: short for `report --by day`
    Daily(report::Options),
    /// Usage by week: short for `report --by week`
    Weekly(report::Options),
    /// Usage by month: short for `report --by month`
    Monthly(report::Options),
    Session(session::Args),
    Status(status::Args),
    Runs(runs::Args),
    Daemon(daemon::Args),
    Trigger(trigger::Args),
    Failures(failures::Args),
    Forget(forget::Args),
    Knowledge(knowledge::Args),
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
    /// Print the manual page
    ///
    /// To read it: sessionmill man | man -l -
    Man,
}

/// What a command gets from the process.
pub(crate) struct Context {
    pub now: Moment,
    pub environment: Environment,
}

/// Runs the command line. Says on stderr what went wrong.
pub fn main(now: Moment) -> Status {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Status::Usage } else { Status::Done };
        }
    };
    // What a service does is told by its log; a command tells what it did by itself.
    log::begin(if matches!(cli.command, Command::Daemon(_)) { LevelFilter::INFO } else { LevelFilter::WARN });
    let context = Context { now, environment: Environment::read() };
    execute(cli.command, &context).unwrap_or_else(|error| {
        say(&error);
        error.status
    })
}

fn execute(command: Command, context: &Context) -> Result<Status> {
    use crate::report::by::By;
    match command {
        Command::Run(args) => run::run(&args, context),
        Command::Report(args) => report::any(&args, context),
        Command::Daily(options) => report::report(By::Day, &options, context),
        Command::Weekly(options) => report::report(By::Week, &options, context),
        Command::Monthly(options) => report::report(By::Month, &options, context),
        Command::Session(args) => session::session(&args, context),
        Command::Forget(args) => forget::forget(&args, context),
        Command::Failures(args) => failures::failures(&args, context),
        Command::Daemon(args) => daemon::daemon(&args, context),
        Command::Trigger(args) => trigger::trigger(&args, context),
        Command::Runs(args) => runs::runs(&args, context),
        Command::Knowledge(args) => knowledge::knowledge(&args, context),
        Command::Status(args) => status::status(&args, context),
        Command::Prices(args) => prices::prices(&args, context),
        Command::Query(args) => query::query(&args, context),
        Command::Config(args) => config::config(&args, context),
        Command::Publish(args) => publish::publish(&args, context),
        Command::Trial(args) => trial::trial(&args, context),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "sessionmill", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Command::Man => {
            let mut page = Vec::new();
            let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
            rendered.map_err(|error| Error::cannot("write", "the manual page", cause(&error)))?;
            print(&String::from_utf8_lossy(&page))
        }
    }
}

fn print(text: &str) -> Result<Status> {
    crate::report::render::write(&mut std::io::stdout(), text)?;
    Ok(Status::Done)
}

/// An error and its hint.
fn say(error: &Error) {
    remark(&format!("sessionmill: {}", error.message));
    if let Some(hint) = &error.hint {
        remark(&format!("  hint: {hint}"));
    }
}

/// A remark that is no data. Whatever is quoted in it, a terminal is told nothing but text.
fn remark(text: &str) {
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    let _ = writeln!(std::io::stderr(), "{}", lines.join("\n"));
}

/// The width of the terminal that stdout is, if it is one.
fn terminal_width() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let columns = rustix::termios::tcgetwinsize(stdout).ok().map(|size| size.ws_col.into());
    columns.filter(|columns| *columns > 0)
}
