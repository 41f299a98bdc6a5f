//! `sessionmill report outcomes`: the results of the work, and what they cost.

use super::scope::Scope;
use crate::base::error::{Result, Status};
use crate::command::Form;
use crate::command::form::{self, Shown};
use crate::command::scope::{Rows, Usual};
use crate::plug::Context;
use crate::plugs::usage::report::outcomes::{self, OutcomesBy};
use crate::report::render::Format;

/// Outcomes of the work: lines, files, commits, pull requests and tests, and what they cost
///
/// This is what transcripts show: changes that agents made to files, and commands that committed, opened a pull request
/// or ran tests. Failed calls do not count, except that failed test runs are shown separately. A file that is written
/// as a whole counts with all of its lines. Work that people do by hand is in no transcript.
///
/// A file that was changed in several rows counts in each of them, and once in the total. Active time is the time
/// between responses that are at most 10 minutes apart. The active times of several people can overlap; by session or
/// project, those of one person can, too.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  sessionmill report outcomes --by project\n  \
                        sessionmill report outcomes --by week --user ada --json")]
pub(super) struct Args {
    /// What a row is about
    #[arg(long, value_enum, default_value_t = OutcomesBy::Week)]
    by: OutcomesBy,

    #[command(flatten)]
    scope: Scope,

    #[command(flatten)]
    shown: Shown,

    #[command(flatten)]
    form: Form,
}

pub(super) fn outcomes(args: &Args, context: &Context) -> Result<Status> {
    let rows = match args.by {
        OutcomesBy::Week => Rows::Weeks,
        OutcomesBy::Month => Rows::Months,
        _ => Rows::Others,
    };
    let format = args.form.format();
    let report = args.scope.report(Usual::of(format, rows), context)?;
    let sheet = report.sheet(&args.shown, context, |reader, filter, prices| {
        let mut sheet = outcomes::outcomes(reader, args.by, filter, prices)?;
        if format == Format::Json {
            sheet.notes.clear();
        }
        Ok(sheet)
    })?;
    form::sheet(&sheet, format, args.form.texts())
}
