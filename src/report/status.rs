//! What the database contains, how up to date it is, and the health of the processors.

use crate::base::disabled::Disabled;
use crate::base::error::{Result, count, thousands};
use crate::base::holder::Holder;
use crate::base::lock::{self, Presence};
use crate::base::moment::Moment;
use crate::base::printable::{printable, short};
use crate::base::utc;
use crate::config::Config;
use crate::pass::pending::Pending;
use crate::report::health::{Condition, Health, HealthInputs, RunMode};
use crate::report::screen::{Screen, Tone};
use crate::run::summary::Deferral;
use crate::source::Source;
use crate::source::ledger::Ledger;
use crate::store::left_out::{self, LeftOut};
use crate::store::reader::Reader;
use crate::store::record::{self, FileCause, KeyCause, Record};
use crate::store::run::Run;
use crate::store::service_state::{ProcessorState, ServiceState};
use crate::store::{known, quarantine, room};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sessionmill_contract::Manifest;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

/// States worse than this are shown with their reasons.
pub const FINE: Condition = Condition::Ok;

/// An overview of a database.
#[derive(Debug, Serialize)]
pub struct Status {
    /// The worst state of all processors that are not disabled; at least a warning if there are `warnings`.
    pub state: Condition,
    pub database: String,
    /// The running daemon of the database.
    pub service: Option<String>,
    /// What is wrong with the database itself or its snapshots.
    pub warnings: Vec<String>,
    pub sources: Vec<Value>,
    pub files: i64,
    /// Files that were missing at the last walk. Their data is kept.
    pub gone: i64,
    pub lines: i64,
    pub malformed_lines: i64,
    /// Numbers of files by recognised format.
    pub formats: Vec<(String, i64)>,
    /// Numbers of lines with unknown record types, by type.
    pub unknown_lines: Vec<(String, i64)>,
    /// Files that could contain transcripts but are not read.
    pub left_out: Vec<LeftOut>,
    pub processors: Vec<ProcessorStatus>,
}

/// An overview of one processor.
#[derive(Debug, Serialize)]
pub struct ProcessorStatus {
    pub processor: String,
    pub version: u32,
    pub state: Condition,
    /// The worst reason first.
    pub reasons: Vec<String>,
    /// When the schedule asks for the next run (UTC), even if no daemon runs.
    pub next_due: Option<String>,
    /// The process that runs it now.
    pub running: Option<Holder>,
    /// Files that it has processed at this version.
    pub files: i64,
    pub items: i64,
    /// Files that it could not process, except those that a user dropped.
    pub failures: u64,
    /// The number of these that will not be tried again.
    pub dead: u64,
    pub causes: Vec<FileCause>,
    /// Files that the last run left for the next one.
    pub backlog: u64,
    /// Why the last run left files, except for failures.
    pub deferred: Vec<Deferral>,
    /// Files whose current content it has not processed; `None` if the sources cannot be read.
    pub pending: Option<u64>,
    /// Since when the oldest of these could have been processed by a run (UTC).
    pub pending_since: Option<String>,
    /// Keys whose entities are not up to date.
    pub unsettled_keys: u64,
    /// Why keys could not be settled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key_causes: Vec<KeyCause>,
    #[serde(serialize_with = "last_run")]
    pub last_run: Option<Run>,
}

/// The fields of the last run that the status shows.
fn last_run<S: Serializer>(run: &Option<Run>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    let shown = run.as_ref().map(|run| {
        let mut shown = json!({
            "run_id": run.run_id,
            "trigger": run.trigger,
            "started_at": utc::seconds(run.started_at),
            "outcome": run.outcome,
            "files": run.files,
            "processed": run.processed,
            "pending": run.pending(),
        });
        if !run.alarms.is_empty() {
            shown["alarms"] = json!(run.alarms);
        }
        shown
    });
    shown.serialize(serializer)
}

/// What the database says, before the health is derived.
#[derive(Debug)]
pub struct Overview {
    status: Status,
    records: Vec<Record>,
    alarms: Vec<(String, String)>,
    /// The state that the service reports about itself, if it can be trusted.
    service_state: Option<ServiceState>,
    is_kept: bool,
    pub places: Vec<Source>,
    /// `None` if it is not known who is forgotten.
    pub forgotten: Option<BTreeSet<String>>,
}

/// What else the health depends on.
pub struct View<'v> {
    pub database: &'v Path,
    pub config: &'v Config,
    pub now: &'v Moment,
    /// Without it, the mode follows from the history of the database.
    pub run_mode: Option<RunMode>,
    /// For each processor, if the sources could be read.
    pub pending: Option<&'v [Pending]>,
    pub disabled: &'v Disabled,
}

/// The most unknown record types that are shown.
const TYPES: usize = 20;

/// Reads the overview. `server_of` gives the server that a processor uses now, if known; a pause that another server
/// asked for does not count.
///
/// # Errors
///
/// If the database cannot be read.
pub fn read<'s>(
    reader: Reader<'_>,
    database: &Path,
    manifests: &[&Manifest],
    server_of: &dyn Fn(&str) -> Option<&'s str>,
) -> Result<Overview> {
    let (places, alarms) = (known::sources(reader)?, known::alarms(reader)?);
    let sources = Vec::new();
    let (files, gone, lines, malformed_lines) = reader.one(
        "SELECT count(*), count(gone_since), coalesce(sum(lines), 0)::BIGINT, coalesce(sum(malformed_lines), 0)::BIGINT
         FROM session_files",
        &[],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
    )?;
    let formats = reader.rows(
        "SELECT dialect, count(*) AS files FROM session_files GROUP BY dialect ORDER BY files DESC, dialect",
        &[],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let sql = format!(
        "SELECT kind, sum(lines)::BIGINT AS lines FROM session_unknown_lines
         GROUP BY kind ORDER BY lines DESC, kind LIMIT {TYPES}"
    );
    let unknown_lines = reader.rows(&sql, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let left_out = left_out::of(reader)?;
    let processors = manifests.iter().map(|manifest| processor(reader, manifest)).collect::<Result<_>>()?;
    let record = |manifest: &&Manifest| Record::read(reader, manifest.name, server_of(manifest.name));
    let records = manifests.iter().map(record).collect::<Result<Vec<_>>>()?;
    let unwritten = |(record, manifest): (Record, &&Manifest)| record.or_unwritten(database, manifest.name);
    let records = records.into_iter().zip(manifests).map(unwritten).collect();
    let forgotten = known::forgotten_if_told(reader, database)?;
    let warnings = quarantine::warning(database).into_iter().collect();
    let (state, database) = (Condition::Ok, database.display().to_string());
    let service = None;
    let status = Status {
        state,
        database,
        service,
        warnings,
        sources,
        files,
        gone,
        lines,
        malformed_lines,
        formats,
        unknown_lines,
        left_out,
        processors,
    };
    let is_kept = record::is_kept(reader)?;
    Ok(Overview { status, records, alarms, service_state: None, is_kept, places, forgotten })
}

/// What the ledger records of a processor.
fn processor(reader: Reader<'_>, manifest: &Manifest) -> Result<ProcessorStatus> {
    let (files, items) = reader.one(
        "SELECT count(*), coalesce(sum(items_extracted), 0)::BIGINT FROM session_processor_state
         WHERE processor_name = ? AND processor_version = ?",
        &[manifest.name.into(), i64::from(manifest.version).into()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(ProcessorStatus {
        processor: manifest.name.to_owned(),
        version: manifest.version,
        state: Condition::Ok,
        reasons: Vec::new(),
        next_due: None,
        running: None,
        files,
        items,
        failures: 0,
        dead: 0,
        causes: Vec::new(),
        backlog: 0,
        deferred: Vec::new(),
        pending: None,
        pending_since: None,
        unsettled_keys: 0,
        key_causes: Vec::new(),
        last_run: None,
    })
}

impl Overview {
    /// What is known of each file of the sources.
    ///
    /// # Errors
    ///
    /// If the database cannot be read.
    pub fn ledger(&self, reader: Reader<'_>, manifests: &[&Manifest], now: DateTime<Utc>) -> Result<Ledger> {
        let names: Vec<_> = self.places.iter().map(|source| source.name.as_str()).collect();
        known::ledger(reader, manifests, &names, now)
    }

    /// Takes the runs and alarms from the service's report. This is for snapshots, which are as old as the last change
    /// of the database.
    #[must_use]
    pub fn of_snapshot(self, service_state: ServiceState) -> Self {
        let Self { mut status, records, places, .. } = self;
        status.warnings = service_state.damaged.clone().into_iter().collect();
        let of = |(processor, record): (&ProcessorStatus, Record)| {
            service_state.of(&processor.processor).map_or(record, |entry| entry.record.clone())
        };
        let records = status.processors.iter().zip(records).map(of).collect();
        let mut alarms = service_state.alarms.clone();
        alarms.extend(
            known::missing(&places).filter(|(name, _)| !service_state.alarms.iter().any(|(known, _)| known == name)),
        );
        let is_kept = service_state.is_kept;
        Self { status, records, alarms, is_kept, places, service_state: Some(service_state), ..self }
    }

    /// Lets the service's report decide what a processor lacks, instead of what this process finds.
    #[must_use]
    pub fn with_word(self, service_state: Option<ServiceState>) -> Self {
        Self { service_state, ..self }
    }

    /// Derives the health of the processors.
    pub fn judge(self, view: &View<'_>) -> Status {
        let Self { mut status, records, alarms, service_state, is_kept, places, .. } = self;
        let source = |Source { name, root, layout, user }: &Source| {
            let alarm = alarms.iter().find(|(source, _)| source == name).map(|(_, alarm)| alarm);
            json!({"name": name, "root": root, "layout": layout, "user": user, "alarm": alarm})
        };
        status.sources = places.iter().map(source).collect();
        let alarms: Vec<_> = alarms.into_iter().map(|(_, alarm)| alarm).chain(room::alarm(view.database)).collect();
        let unpublished = service_state.as_ref().and_then(|state| state.unpublished.as_ref());
        status.warnings.extend(unpublished.map(|why| format!("the last snapshot could not be published: {why}")));
        let word = service_state.as_ref().and_then(ServiceState::service);
        status.service = match lock::presence(view.database, lock::DAEMON) {
            Presence::Held(line) => Some(line),
            Presence::Free => None,
            Presence::Unseen => word.map(|pid| format!("pid {pid}")),
        };
        let by_history = if is_kept || status.service.is_some() { RunMode::Scheduled } else { RunMode::Manual };
        let run_mode = view.run_mode.unwrap_or(by_history);
        // Only the service can read its credentials and reach its network, so only the service's report says what it
        // lacks there.
        let word = service_state.filter(|_| word.is_some_and(|pid| status.service == Some(format!("pid {pid}"))));
        for (number, (processor, record)) in status.processors.iter_mut().zip(records).enumerate() {
            let schedule = view.config.schedule.get(&processor.processor);
            let is_its_own = status.service.is_some() && view.disabled.is_local(&processor.processor);
            let entry = word.as_ref().and_then(|word| word.of(&processor.processor));
            let lacks = match entry {
                Some(entry) => entry.lacks.as_deref(),
                None => view.disabled.why(&processor.processor),
            };
            let pending = view.pending.and_then(|pending| pending.get(number)).filter(|_| lacks.is_none());
            let running = match lock::presence(view.database, &processor.processor) {
                Presence::Held(line) => Holder::parse(&line),
                Presence::Free => None,
                Presence::Unseen => entry.and_then(ProcessorState::runner).cloned(),
            };
            let mut facts = HealthInputs::of(
                &record,
                schedule,
                view.config.schedule.timezone,
                run_mode,
                &alarms,
                lacks.filter(|_| entry.is_some() || !is_its_own),
            );
            facts.is_running = running.is_some();
            facts.oldest_pending = pending.and_then(|pending| pending.oldest);
            let Health { state, reasons, next_due } = facts.health(view.now);
            (processor.state, processor.reasons) = (state, reasons);
            processor.next_due = next_due.map(utc::seconds);
            processor.running = running;
            (processor.failures, processor.dead) = (facts.failed + facts.dead, facts.dead);
            processor.backlog = record.backlog();
            processor.pending = pending.map(|pending| pending.files);
            processor.pending_since = pending.and_then(|pending| pending.oldest).map(utc::seconds);
            processor.unsettled_keys = record.unsettled_keys;
            processor.causes = record.causes;
            processor.key_causes = record.key_causes;
            processor.deferred = record.deferrals;
            processor.last_run = record.last;
        }
        let own = if status.warnings.is_empty() { Condition::Ok } else { Condition::Warning };
        status.state = status.processors.iter().map(|processor| processor.state).fold(own, Condition::max);
        status
    }
}

impl Status {
    /// Adds concerns about a processor that runs well.
    pub fn warn(&mut self, processor: &str, concerns: Vec<String>) {
        let found = self.processors.iter_mut().find(|found| found.processor == processor);
        let Some(found) = found.filter(|found| !concerns.is_empty() && found.state != Condition::Disabled) else {
            return;
        };
        found.state = found.state.max(Condition::Warning);
        found.reasons.extend(concerns);
        self.state = self.state.max(found.state);
    }

    /// The overview as text.
    pub fn words(&self, now: DateTime<Utc>, screen: Screen) -> String {
        let mut words = format!("database      {}\n", printable(&self.database));
        if let Some(service) = &self.service {
            let _ = writeln!(words, "service       {}", printable(service));
        }
        for warning in &self.warnings {
            let _ = writeln!(words, "warning       {}", printable(warning));
        }
        for source in &self.sources {
            let field = |name: &str| printable(source[name].as_str().unwrap_or_default());
            let _ = writeln!(words, "source        {} ({} layout)", field("root"), field("layout"));
            if source["alarm"].is_string() {
                let _ = writeln!(words, "              alarm: {}", field("alarm"));
            }
        }
        let files = |files: i64| count(files.cast_unsigned(), "file");
        let lines = count(self.lines.cast_unsigned(), "line");
        let _ = write!(words, "files         {}, {lines}", files(self.files));
        if self.malformed_lines > 0 {
            let _ = write!(words, ", {} of them malformed", thousands(self.malformed_lines.into()));
        }
        if self.gone > 0 {
            let _ = write!(words, "; {} deleted since, what was counted stays", files(self.gone));
        }
        words.push('\n');
        for (format, number) in &self.formats {
            let what = match format.as_str() {
                "document" => "one document each, no log",
                "other" => "of an agent that is not known, nothing read out of them",
                "" => "without a line",
                name => name,
            };
            let _ = writeln!(words, "{:14}{} {}", "", files(*number), printable(what));
        }
        for (kind, lines) in &self.unknown_lines {
            let kind = printable(kind);
            let _ = writeln!(words, "unknown       {} of type `{kind}`", count(lines.cast_unsigned(), "line"));
        }
        for LeftOut { reason, files: number, example } in &self.left_out {
            let (reason, example) = (printable(reason), printable(example));
            let _ = writeln!(words, "left out      {}, such as `{example}`: {reason}", files(*number));
        }
        for processor in &self.processors {
            let is_told = |reason: &&String| self.sources.iter().any(|source| source["alarm"] == **reason);
            processor.write(&mut words, processor.reasons.iter().filter(|reason| !is_told(reason)), now, screen);
        }
        words
    }
}

impl ProcessorStatus {
    /// Whether the processor is only considered healthy because it never ran, and no schedule asks it to.
    pub fn is_unproven(&self) -> bool {
        self.state == Condition::Ok && self.last_run.is_none() && self.running.is_none()
    }

    fn write<'p>(
        &'p self,
        words: &mut String,
        reasons: impl Iterator<Item = &'p String>,
        now: DateTime<Utc>,
        screen: Screen,
    ) {
        const INDENT: &str = "              ";
        let items = count(self.items.cast_unsigned(), "item");
        let files = count(self.files.cast_unsigned(), "file");
        let state = if self.is_unproven() { "never ran" } else { self.state.name() };
        let state = screen.paint(Tone::of_state(state), state);
        let _ = writeln!(words, "{:<13} {state}, {items} from {files}", self.processor);
        for reason in reasons {
            let _ = writeln!(words, "{INDENT}! {}", printable(reason));
        }
        for FileCause { class, message, files, example } in &self.causes {
            let (files, example) = (count(*files, "file"), printable(&short(example)));
            let _ = writeln!(words, "{INDENT}  {files}: {class}: {}, such as `{example}`", printable(message));
        }
        for KeyCause { class, message, keys, example } in &self.key_causes {
            let (keys, example) = (count(*keys, "key"), printable(&short(example)));
            let _ = writeln!(words, "{INDENT}  {keys}: {class}: {}, such as `{example}`", printable(message));
        }
        if let Some(Holder { pid, trigger, since }) = &self.running {
            let _ = writeln!(words, "{INDENT}running since {since} (pid {pid}, {trigger})");
        }
        match &self.last_run {
            None if self.is_unproven() => {}
            None => {
                let _ = writeln!(words, "{INDENT}never ran");
            }
            Some(Run { started_at, trigger, outcome, processed, files, .. }) => {
                let (processed, files) = (thousands((*processed).into()), thousands((*files).into()));
                let started_at = utc::seconds(*started_at);
                let _ = write!(words, "{INDENT}last run {started_at} by {trigger}: {outcome}");
                let _ = writeln!(words, ", {processed} of {files} files changed");
            }
        }
        if self.backlog > 0 {
            let _ = writeln!(words, "{INDENT}{} waiting for the next run", count(self.backlog, "file"));
            for Deferral { reason, files } in &self.deferred {
                let _ = writeln!(words, "{INDENT}  {}: {}", count(*files, "file"), printable(reason));
            }
        }
        if let (Some(pending @ 1..), Some(since)) = (self.pending, &self.pending_since) {
            let age = since.parse().map_or(String::new(), |since: DateTime<Utc>| age(now - since));
            let _ =
                writeln!(words, "{INDENT}{} not seen yet, the oldest since {since} ({age})", count(pending, "file"));
        }
        if let Some(due) = &self.next_due {
            let _ = writeln!(words, "{INDENT}next run due {due}");
        }
    }
}

/// A rough age: `40 s`, `5 min`, `3 h`, `2 d`.
fn age(age: TimeDelta) -> String {
    match age.num_seconds().max(0) {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds @ 7200..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
