//! `sessionmill report tasks`: the number of tasks and of failures, and durations.

use super::list::{Which, purged};
use crate::base::error::{Result, Status};
use crate::command::form::{self, Form, Shown};
use crate::command::remark;
use crate::plug::Context;
use crate::plugs::tasks::report::figures::{self, By};
use crate::plugs::tasks::report::filter::Filter;
use crate::plugs::tasks::report::session;

/// Tasks by type, status, user or day: number of tasks and of failures, and durations
///
/// Closed tasks are counted until they are purged. Durations are from the creation of a task to its end; half of the
/// tasks took no longer than p50, and 95 of 100 no longer than p95. Orphaned tasks have no end. Runs of this program are
/// counted with --type session_processor only.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill report tasks\n  \
                        sessionmill report tasks --by day --type image_analysis --since 2026-02-01\n  \
                        sessionmill report tasks --by status --short-id order-17 --json")]
pub(super) struct Args {
    /// What a row is about
    #[arg(long, value_enum, default_value_t = By::Type)]
    by: By,

    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    shown: Shown,

    #[command(flatten)]
    form: Form,
}

pub(super) fn report(args: &Args, context: &Context) -> Result<Status> {
    let (setup, filter) = args.which.filter(true, context)?;
    let (sheet, read_before) = setup.read(context, |reader| {
        let make = |days| figures::figures(reader, args.by, &Filter { days, ..filter.clone() });
        let sheet = args.shown.sheet(&setup, make)?;
        let read_before = if sheet.rows.is_empty() { session::read_before(reader, context.now.wall)? } else { 0 };
        Ok((sheet, read_before))
    })?;
    if read_before > 0 {
        remark(&purged(read_before));
    }
    form::sheet(&sheet, args.form.format(), args.form.texts())
}
