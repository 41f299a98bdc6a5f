//! Flags that several reports share: the part of all usage that a report is about.

use crate::base::error::Result;
use crate::command::form::Shown;
use crate::command::remark;
use crate::command::scope::{ReportArgs, ReportSetup, Usual};
use crate::plug::Context;
use crate::plugs::usage::report::filter::{Filter, Only};
use crate::plugs::usage::report::names::Names;
use crate::plugs::usage::report::times;
use crate::price::Prices;
use crate::report::Sheet;
use crate::store::reader::Reader;
use sessionmill_usage::NAME;

/// The part of all usage that a report is about.
#[derive(Debug, clap::Args)]
pub(super) struct Scope {
    #[command(flatten)]
    report: ReportArgs,

    /// Only people of this team
    #[arg(long)]
    team: Option<String>,

    /// Only this project: its name, a working directory, or a repository with its worktrees
    #[arg(long, value_name = "NAME")]
    project: Option<String>,

    /// Only this model, such as opus, opus-4-6 or '*sonnet*'
    #[arg(long)]
    pub(super) model: Option<String>,

    /// Only logs of this agent: claude-code, codex
    #[arg(long)]
    agent: Option<String>,
}

/// Everything that a report of usage is made from.
pub(super) struct ReportContext {
    pub(super) setup: ReportSetup,
    pub(super) filter: Filter,
    prices: Prices,
}

impl Scope {
    pub(super) fn report(&self, usual: Usual, context: &Context) -> Result<ReportContext> {
        self.report_of(&[NAME], usual, context)
    }

    /// The same for a report that also reads tables of other processors.
    pub(super) fn report_of(&self, processors: &[&str], usual: Usual, context: &Context) -> Result<ReportContext> {
        let setup = self.report.setup(processors, usual, context)?;
        let only = |name: &Option<String>| name.clone().map(Only::short);
        let filter = Filter {
            days: setup.days,
            user: only(&self.report.user),
            team: only(&self.team),
            project: only(&self.project),
            model: only(&self.model),
            agent: only(&self.agent),
            zone: setup.zone,
            identities: setup.identities.clone(),
        };
        Ok(ReportContext { prices: Prices::new(&setup.config.price)?, setup, filter })
    }
}

impl ReportContext {
    /// Makes a report. Prints the days and names that it is about where they differ from the flags, for example after a
    /// short name was resolved.
    pub(super) fn read<T>(
        &self,
        context: &Context,
        is_empty: impl Fn(&T) -> bool,
        body: impl Fn(Reader<'_>, &Filter, &Prices) -> Result<T>,
    ) -> Result<T> {
        let (made, filter, newest) = self.setup.read(context, |reader| {
            let filter = Names::new(reader).resolve(&self.filter)?;
            let made = body(reader, &filter, &self.prices)?;
            let newest = if is_empty(&made) { times::newest(reader, &filter)? } else { None };
            Ok((made, filter, newest))
        })?;
        filter.names().filter_map(|(what, _, only)| only.stood_for(what)).for_each(|note| remark(&note));
        self.setup.tell_days(newest.is_some(), newest);
        Ok(made)
    }

    /// The same for a sheet, prepared as the flags say.
    pub(super) fn sheet(
        &self,
        shown: &Shown,
        context: &Context,
        body: impl Fn(Reader<'_>, &Filter, &Prices) -> Result<Sheet>,
    ) -> Result<Sheet> {
        let is_empty = |sheet: &Sheet| sheet.rows.is_empty();
        self.read(context, is_empty, |reader, filter, prices| {
            shown.sheet(&self.setup, |days| body(reader, &Filter { days, ..filter.clone() }, prices))
        })
    }
}
