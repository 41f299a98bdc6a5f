//! A pass that a command runs: for `run`, before a report, and while a view is open.

use crate::base::error::Result;
use crate::base::limits::Limits;
use crate::command::remark;
use crate::config::Config;
use crate::pass::trial::{self, Setup};
use crate::pass::writer::Progress;
use crate::pass::{self, Pass};
use crate::plug::{ConfiguredProcessors, Context};
use crate::run::request::{Origin, Request};
use crate::run::summary::Summary;
use crate::source::{Choice, Layout};
use crate::store::{DatabaseFile, Store};
use indicatif::{ProgressBar, ProgressStyle};
use sessionmill_contract::Processor;

/// Whether a pass shows its progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verbosity {
    Normal,
    Quiet,
}

/// The options that a command sets for its pass.
pub(crate) struct PassOptions<'a> {
    pub origin: Origin,
    pub adopt: bool,
    pub limits: Limits,
    pub verbosity: Verbosity,
    pub configured: &'a ConfiguredProcessors,
    pub config: &'a Config,
    /// Takes the open database after the pass.
    pub leave: &'a dyn Fn(Store),
}

/// Runs a pass, with a progress bar on a terminal.
pub(crate) fn pass(
    choice: &Choice,
    database: &DatabaseFile,
    processors: &[&dyn Processor],
    asked: &PassOptions<'_>,
    context: &Context,
) -> Result<Summary> {
    let PassOptions { origin, adopt, limits, verbosity, configured, config, leave } = asked;
    // The bar is drawn on stderr, if stderr is a terminal.
    let bar = if *verbosity == Verbosity::Normal { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} files, {eta} left") {
        bar.set_style(style);
    }
    let progress = |Progress { files, of }: Progress| {
        bar.set_length(of);
        bar.set_position(files);
    };
    let (sources, login) = (&*choice.sources, &*context.environment.login);
    let setup = Setup { database, sources, config, heartbeat: &limits.stop };
    let summary = pass::run(&Pass {
        database,
        sources,
        processors,
        now: context.now.clone(),
        request: &Request::new(*origin, login),
        login,
        limits,
        caps: config.caps,
        threads: pass::threads(),
        networks: &configured.networks,
        lookups: &configured.lookups,
        adopt: *adopt,
        trial: &trial::in_own_process(setup),
        remark: &|reader, summary| context.plugs.remarks(config, database, reader, summary),
        leave,
        progress: &progress,
    });
    bar.finish_and_clear();
    summary
}

/// Prints which sources the program found itself.
pub(crate) fn remark_found(choice: &Choice) {
    let found: Vec<_> = choice.transcripts().filter(|source| choice.found.contains(source)).collect();
    if !found.is_empty() {
        let found = found.iter().map(|source| {
            let what = match source.layout {
                Layout::Users => "a folder for each user",
                Layout::ClaudeProjects => "Claude Code",
                Layout::CodexSessions => "Codex",
            };
            format!("{} ({what})", source.root.display())
        });
        remark(&format!("sessions: found {}", found.collect::<Vec<_>>().join(", ")));
    }
}
