//! A pass of processors over sources, of which a suspect file is tried in a process of its own.

use crate::base::limits::Limits;
use crate::base::moment::Moment;
use crate::config::Config;
use crate::pass::network::Network;
use crate::pass::trial::{self, Setup};
use crate::pass::writer::Progress;
use crate::pass::{self, Pass};
use crate::run::request::Request;
use crate::source::Source;
use crate::store::DatabaseFile;
use crate::store::lookup::Lookup;
use sessionmill_contract::Processor;

/// What a run is about, beside its processors.
pub struct Run<'r> {
    pub database: &'r DatabaseFile,
    pub config: &'r Config,
    pub sources: &'r [Source],
    /// The user of transcripts that lie in no user's folder.
    pub login: &'r str,
    pub request: &'r Request,
    /// The start of the run.
    pub now: &'r Moment,
    pub limits: &'r Limits,
    /// How processors ask that wait for a network, by name.
    pub networks: &'r [(&'static str, Network)],
    /// Tables of what the configuration knows.
    pub lookups: &'r [Lookup],
    /// Take over a database of another root.
    pub adopt: bool,
    /// Is told how far the run is.
    pub progress: &'r dyn Fn(Progress),
}

impl Run<'_> {
    /// Runs processors: [`pass::run`] all of them or none, [`pass::run_free`] those that are running nowhere else.
    pub fn of<T>(&self, processors: &[&dyn Processor], run: impl FnOnce(&Pass<'_>) -> T) -> T {
        let Self { database, config, sources, login, request, now, limits, networks, lookups, adopt, progress } = *self;
        let setup = Setup { database, config, heartbeat: &limits.stop };
        run(&Pass {
            database,
            sources,
            processors,
            now: now.clone(),
            request,
            login,
            limits,
            caps: config.caps,
            threads: pass::threads(),
            networks,
            lookups,
            adopt,
            trial: &|job, processors| trial::spawn(job, &sources[job.source], processors, setup),
            progress,
        })
    }
}
