//! The state of all processors in the text format of Prometheus, for the textfile collector of node_exporter.

use crate::base::atomic_file;
use crate::base::error::{Error, Result};
use crate::base::moment::Moment;
use crate::config::Config;
use crate::config::schedules::Schedules;
use crate::plug::{ConfiguredProcessors, Measure};
use crate::report::health::{Condition, HealthInputs, RunMode};
use crate::store::record::Record;
use crate::store::service_state::ServiceState;
use crate::store::{Access, DatabaseFile, Store, known, quarantine, room};
use chrono::{DateTime, Utc};
use std::fmt::Write as _;
use std::path::Path;

/// A metric with its values, each by its labels other than the processor's.
struct Metric {
    name: &'static str,
    help: &'static str,
    values: Vec<(String, f64)>,
}

/// A processor with its record and its state.
pub struct Sample {
    pub processor: &'static str,
    pub record: Record,
    pub state: Condition,
    /// The number of alarms that somebody must act on.
    pub alarms: usize,
}

/// Writes the present metrics of a database. The file is replaced atomically.
///
/// # Errors
///
/// If the database cannot be read or the file cannot be written.
pub fn write(
    database: &DatabaseFile,
    config: &Config,
    configured: &ConfiguredProcessors,
    now: &Moment,
    file: &Path,
) -> Result<()> {
    let store = Store::open_current(database, Access::ReadOnly, now.wall)?;
    let (samples, measures) = store.read(|reader| {
        let of_sources = known::alarms(reader)?.into_iter().map(|(_, alarm)| alarm);
        let alarms: Vec<_> = of_sources.chain(room::alarm(database)).collect();
        let sample = |name: &'static str| {
            let record = Record::read(reader, name, configured.server_of(name))?.or_unwritten(database, name);
            let Schedules { timezone, .. } = config.schedule;
            let facts = HealthInputs::of(
                &record,
                config.schedule.get(name),
                timezone,
                RunMode::Scheduled,
                &alarms,
                configured.disabled.why(name),
            );
            let state = facts.health(now).state;
            let of_run = record.over.iter().flat_map(|run| &run.alarms).filter(|alarm| !alarms.contains(alarm)).count();
            Ok(Sample { processor: name, alarms: alarms.len() + of_run, record, state })
        };
        let samples = database.schema.names().map(sample).collect::<Result<Vec<_>>>()?;
        let measures = configured.plugs.iter().filter_map(|plug| {
            let measures = (plug.measures)(reader, config, now.wall);
            // The state of the processors is written even if the measures cannot be read.
            measures.inspect_err(|error| tracing::warn!(error = error.to_string(), "cannot measure what is used")).ok()
        });
        Ok((samples, measures.flatten().collect::<Vec<_>>()))
    })?;
    drop(store);
    let text = text(&samples) + &warnings(database) + &measures.iter().map(Measure::text).collect::<String>();
    // The collector runs as another user.
    atomic_file::write(file, &text, Some(0o644)).map_err(|error| Error::cannot("write", file.display(), error))
}

/// The warnings that are not about a processor. A metric that is usually 0 is left out, as `alarms` is.
fn warnings(database: &DatabaseFile) -> String {
    let unpublished = ServiceState::read(database).is_some_and(|service| service.unpublished.is_some());
    let subjects = [("damaged_files", quarantine::warning(database).is_some()), ("snapshot", unpublished)];
    let mut text = String::new();
    for (subject, _) in subjects.iter().filter(|(_, is_warned)| *is_warned) {
        if text.is_empty() {
            text += "# HELP sessionmill_warnings Warnings about the database; not there without one.\n\
                     # TYPE sessionmill_warnings gauge\n";
        }
        let _ = writeln!(text, "sessionmill_warnings{{about=\"{subject}\"}} 1");
    }
    text
}

/// The metrics in the text format.
pub fn text(samples: &[Sample]) -> String {
    let of = |name, help, values: &dyn Fn(&Sample) -> Vec<(String, f64)>| {
        let labelled = |sample: &Sample| {
            let label = format!("processor=\"{}\"", sample.processor);
            let values = values(sample).into_iter();
            values.map(move |(labels, value)| (format!("{label}{labels}"), value)).collect::<Vec<_>>()
        };
        Metric { name, help, values: samples.iter().flat_map(labelled).collect() }
    };
    let one = |value: f64| vec![(String::new(), value)];
    let seconds = |time: Option<DateTime<Utc>>| time.map_or(Vec::new(), |time| one(time.timestamp() as f64));
    let states = |states: &[(&str, f64)]| {
        states.iter().map(|(state, value)| (format!(",state=\"{state}\""), *value)).collect::<Vec<_>>()
    };
    let metrics = [
        of("health_state", "State of a processor: 1 for the one that it is in.", &|sample| {
            states(&Condition::ALL.map(|state| (state.name(), f64::from(u8::from(state == sample.state)))))
        }),
        of("last_run_timestamp_seconds", "Start of the last run.", &|sample| {
            seconds(sample.record.last.as_ref().map(|run| run.started_at))
        }),
        of("alarms", "Alarms of the last run, or of the sources; not there without one.", &|sample| {
            if sample.alarms > 0 { one(sample.alarms as f64) } else { Vec::new() }
        }),
        of("last_success_timestamp_seconds", "End of the last run that went through all files.", &|sample| {
            seconds(sample.record.success)
        }),
        of("last_run_duration_seconds", "Length of the last run that ended.", &|sample| {
            sample.record.ended.as_ref().map_or(Vec::new(), |run| one(run.elapsed_ms as f64 / 1000.0))
        }),
        of("last_run_files", "Files of the last run that ended, by what became of them.", &|sample| {
            let files =
                sample.record.ended.as_ref().map(|run| run.by_state().map(|(state, files)| (state, files as f64)));
            files.map_or(Vec::new(), |files| states(&files))
        }),
        of("failures", "Files that a processor could not deal with, by what becomes of them.", &|sample| {
            states(&sample.record.failures.map(|(state, files)| (state, files as f64)))
        }),
        of("backlog_files", "Files that wait for a next run, because of a limit or a failure.", &|sample| {
            one(sample.record.backlog() as f64)
        }),
        of("unsettled_keys", "Keys whose entities are not up to date.", &|sample| {
            one(sample.record.unsettled_keys as f64)
        }),
    ];
    let mut text = String::new();
    for Metric { name, help, values } in metrics.iter().filter(|metric| !metric.values.is_empty()) {
        let _ = writeln!(text, "# HELP sessionmill_{name} {help}\n# TYPE sessionmill_{name} gauge");
        for (labels, value) in values {
            let _ = writeln!(text, "sessionmill_{name}{{{labels}}} {value}");
        }
    }
    text
}
