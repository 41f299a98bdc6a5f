//! The health of the processors, read together with something else.

use crate::base::error::Result;
use crate::command::place::read_open;
use crate::command::scope::ReportSetup;
use crate::config::Config;
use crate::plug::{ConfiguredProcessors, Context};
use crate::report::status::{self, Overview, View};
use crate::store::reader::Reader;
use crate::store::service_state::ServiceState;
use crate::store::snapshot::Snapshot;
use crate::store::{DatabaseFile, Store};

/// The health of the processors without a look at the sources, and the result of `body` at the same moment. `body` also
/// returns the concerns about the processor `name`, so they are not computed again.
///
/// # Errors
///
/// If the database cannot be read.
pub(crate) fn glance<T>(
    setup: &ReportSetup,
    context: &Context,
    name: &'static str,
    body: impl Fn(Reader<'_>) -> Result<(T, Vec<String>)>,
) -> Result<(T, status::Status)> {
    let ReportSetup { config, database, .. } = setup;
    let configured = ConfiguredProcessors::new(&[], config, &context.resources(database))?;
    let known = |processor: &str| processor == name;
    let read = read_with(&configured, config, database, setup.left(), context, known, |reader, _| body(reader));
    let ((made, own), overview, mut concerns) = read?;
    concerns.push((name, own));
    let overview = match ServiceState::read(database) {
        Some(state) if Snapshot::instead_of(database).is_some() => overview.of_snapshot(state),
        state => overview.with_word(state),
    };
    let view =
        View { database, config, now: &context.now, run_mode: None, pending: None, disabled: &configured.disabled };
    Ok((made, judged(overview, concerns, &view)))
}

/// Concerns by processor.
pub(crate) type Concerns = Vec<(&'static str, Vec<String>)>;

pub(crate) fn read_with<T>(
    configured: &ConfiguredProcessors,
    config: &Config,
    database: &DatabaseFile,
    left: Option<Store>,
    context: &Context,
    is_known: impl Fn(&str) -> bool,
    body: impl Fn(Reader<'_>, &Overview) -> Result<T>,
) -> Result<(T, Overview, Concerns)> {
    let now = context.now.wall;
    let manifests: Vec<_> = configured.all().iter().map(|processor| processor.manifest()).collect();
    read_open(database, left, context, |reader| {
        let server_of = |name: &str| configured.server_of(name);
        let overview = status::read(reader, database, &manifests, &server_of)?;
        // If concerns cannot be computed, the error is a concern.
        let asked = context.plugs.iter().filter(|plug| !is_known(plug.name()));
        let concerns = asked.map(|plug| {
            let concerns = (plug.concerns)(reader, config, now).unwrap_or_else(|error| vec![error.to_string()]);
            (plug.name(), concerns)
        });
        let concerns = concerns.collect();
        Ok((body(reader, &overview)?, overview, concerns))
    })
}

pub(crate) fn judged(overview: Overview, concerns: Concerns, view: &View<'_>) -> status::Status {
    let mut status = overview.judge(view);
    concerns.into_iter().for_each(|(processor, concerns)| status.warn(processor, concerns));
    status
}
