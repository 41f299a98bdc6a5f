//! The part of all usage that a report is about: flags that reports share.

use crate::base::error::Result;
use crate::cli::place::read;
use crate::cli::scope::{ReportArgs, ReportSetup};
use crate::cli::{Context, remark};
use crate::plugs::usage::NAME;
use crate::plugs::usage::report::filter::{Filter, Only};
use crate::price::Prices;
use crate::store::DatabaseFile;
use crate::store::reader::Reader;

/// The part of all usage that a report is about.
#[derive(Debug, clap::Args)]
pub(super) struct Scope {
    #[command(flatten)]
    report: ReportArgs,

    /// Only people of this team
    #[arg(long)]
    team: Option<String>,

    /// Only this project: a working directory, or a repository with its worktrees
    #[arg(long, value_name = "DIR")]
    project: Option<String>,

    /// Only this model
    #[arg(long)]
    pub(super) model: Option<String>,

    /// Only logs of this agent: claude-code, codex
    #[arg(long)]
    agent: Option<String>,
}

/// What a report of usage is made from.
pub(super) struct ReportContext {
    pub(super) database: DatabaseFile,
    pub(super) filter: Filter,
    prices: Prices,
}

impl Scope {
    pub(super) fn report(&self, context: &Context) -> Result<ReportContext> {
        self.report_of(&[NAME], context)
    }

    /// The same with what further processors make.
    pub(super) fn report_of(&self, processors: &[&str], context: &Context) -> Result<ReportContext> {
        let ReportSetup { config, database, zone, identities } = self.report.setup(processors, context)?;
        let only = |name: &Option<String>| name.clone().map(Only::from);
        let filter = Filter {
            since: self.report.since,
            until: self.report.until,
            user: only(&self.report.user),
            team: only(&self.team),
            project: only(&self.project),
            model: only(&self.model),
            agent: only(&self.agent),
            zone,
            identities,
        };
        Ok(ReportContext { database, filter, prices: Prices::new(&config.price)? })
    }
}

impl ReportContext {
    /// Makes a report, and tells about names that nothing is known of.
    pub(super) fn read<T>(
        &self,
        context: &Context,
        body: impl Fn(Reader<'_>, &Filter, &Prices) -> Result<T>,
    ) -> Result<T> {
        let (made, strangers) = read(&self.database, context, |reader| {
            let (filter, strangers) = self.filter.resolved(reader)?;
            Ok((body(reader, &filter, &self.prices)?, strangers))
        })?;
        for stranger in strangers {
            remark(&format!("note: {stranger}"));
        }
        Ok(made)
    }
}
