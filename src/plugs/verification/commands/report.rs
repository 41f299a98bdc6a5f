//! `sessionmill report verification`: amounts of knowledge by domain, person, kind of evidence or month.

use crate::base::error::{Result, Status};
use crate::command::form::{self, Form, Shown};
use crate::command::remark;
use crate::command::scope::{ReportArgs, Usual};
use crate::plug::Context;
use crate::plugs::verification::report::overview::{self as verification};
use crate::plugs::verification::settings::Settings;
use sessionmill_verification::NAME;

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
    shown: Shown,

    #[command(flatten)]
    form: Form,
}

pub(crate) fn report(args: &Args, context: &Context) -> Result<Status> {
    // Knowledge of any age counts.
    let setup = args.report.setup(&[NAME], Usual::All, context)?;
    let ReportArgs { user, current, .. } = &args.report;
    let (zone, identities) = (setup.zone, setup.identities.clone());
    let filter = verification::Filter { days: setup.days, user: user.clone(), zone, identities };
    let sheet = setup.read(context, |reader| {
        args.shown.sheet(&setup, |days| {
            verification::verification(reader, args.by, &verification::Filter { days, ..filter.clone() })
        })
    })?;
    form::sheet(&sheet, args.form.format(), args.form.texts())?;
    let config = &setup.config;
    if config.settings::<Settings>().api().is_some() && !current.no_refresh {
        let time =
            sheet.as_of.as_deref().map_or("no run has asked the model yet".to_owned(), |time| format!("as of {time}"));
        remark(&format!("note: {time}; `sessionmill run verification` asks it about what is new"));
    }
    Ok(Status::Done)
}
