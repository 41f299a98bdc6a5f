//! `sessionmill report verification`: how much people know, by domain, person, kind of evidence or month.

use crate::base::error::{Result, Status};
use crate::cli::form::{self, Form};
use crate::cli::place::read;
use crate::cli::scope::{ReportArgs, ReportSetup, tell_pending};
use crate::cli::{Context, remark, terminal_width};
use crate::plugs::verification::report::overview::{self as verification};
use crate::plugs::verification::{NAME, Settings};
use crate::report::render;

/// Items of knowledge and their evidence
///
/// The processor `verification` runs first, as for other reports, unless the configuration names a language
/// model: only `sessionmill run verification` and the service ask that.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What a row is about
    #[arg(long, value_enum, default_value_t = verification::By::Domain)]
    by: verification::By,

    #[command(flatten)]
    report: ReportArgs,

    #[command(flatten)]
    form: Form,
}

pub(crate) fn report(args: &Args, context: &Context) -> Result<Status> {
    let ReportSetup { config, database, zone, identities } = args.report.setup(&[NAME], context)?;
    let ReportArgs { since, until, user, no_refresh, .. } = &args.report;
    let filter = verification::Filter { since: *since, until: *until, user: user.clone(), zone, identities };
    let sheet = read(&database, context, |reader| verification::verification(reader, args.by, &filter))?;
    let (format, texts) = (args.form.format(), args.form.texts());
    form::grid(&render::sheet(&sheet, format, texts, terminal_width())?)?;
    if config.settings::<Settings>().api().is_some() && !no_refresh {
        let time =
            sheet.as_of.as_deref().map_or("no run has asked the model yet".to_owned(), |time| format!("as of {time}"));
        remark(&format!("note: {time}; `sessionmill run verification` asks it about what is new"));
    }
    tell_pending(&sheet);
    Ok(Status::Done)
}
