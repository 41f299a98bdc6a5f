//! Reads a file in a separate process, to see whether the process survives.

use crate::base::error::cause;
use crate::base::heartbeat::Heartbeat;
use crate::base::limits::{Allowance, Halt, Limits};
use crate::base::moment::{Clock, Moment};
use crate::config::Config;
use crate::read::batch::{self, Queue};
use crate::read::job::Job;
use crate::read::{Caps, Reader};
use crate::source::Source;
use crate::source::open::{Refusal, Root};
use crate::source::stat::Stat;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sessionmill_contract::{FailureClass, Processor, SourceFile};
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Reads a file in a separate process, with processors of the pass. Returns how that process died if it did.
pub type Trial<'t> = dyn Fn(&Job, &[&dyn Processor]) -> Result<(), Refusal> + 't;

/// The most bytes of address space of that process: many times what reading a file takes.
const MEMORY: u64 = 2 << 30;

/// The process may take this long, plus a second for every 4 MB of the file.
const PATIENCE: Duration = Duration::from_secs(60);
const BYTES_A_SECOND: u64 = 4_000_000;
const PAUSE: Duration = Duration::from_millis(5);

/// Signals with which users and services end a process: SIGHUP, SIGINT, SIGQUIT and SIGTERM.
const STOPS: [i32; 4] = [1, 2, 3, 15];

/// What a trial needs from its pass.
#[derive(Clone, Copy)]
pub struct Setup<'s> {
    pub database: &'s Path,
    pub sources: &'s [Source],
    pub config: &'s Config,
    pub heartbeat: &'s Heartbeat,
}

/// Returns a function that reads a file in a separate process.
pub fn in_own_process(setup: Setup<'_>) -> impl Fn(&Job, &[&dyn Processor]) -> Result<(), Refusal> {
    move |job, processors| spawn(job, processors, setup)
}

/// Starts this program again to read a file, with the same configuration.
///
/// # Errors
///
/// A failure of class `crash` if that process dies or takes too long, and of class `environment` if it cannot run. The
/// file is deferred if the pass is to stop.
fn spawn(job: &Job, processors: &[&dyn Processor], setup: Setup<'_>) -> Result<(), Refusal> {
    let Setup { database, sources, config, heartbeat } = setup;
    let caps = config.caps;
    let environment = |error: std::io::Error| {
        Refusal::failed(FailureClass::Environment, format!("cannot be tried on its own: {}", cause(&error)))
    };
    let mut command = Command::new(std::env::current_exe().map_err(environment)?);
    command.args(["trial", "--"]).args([database, &sources[job.source].root, &job.path]);
    command.args([&job.file.session_file, &job.file.username]);
    command.args([caps.file, caps.line as u64, caps.facts as u64].map(|cap| cap.to_string()));
    command.args(job.due.iter().map(|due| processors[*due].manifest().name));
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Ctrl-C and Ctrl-Z reach only the pass, which kills the trial itself if it has to stop.
    command.process_group(0);
    let config = written(config).map_err(|error| environment(std::io::Error::other(error)))?;
    let mut child = command.spawn().map_err(environment)?;
    // A process that ends before it has read all of this reports that with its exit code.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(config.as_bytes()));
    let patience = PATIENCE + Duration::from_secs(job.stat.size / BYTES_A_SECOND);
    let died =
        |how: String| Err(Refusal::failed(FailureClass::Crash, format!("ends the process that reads it: {how}")));
    match wait(&mut child, patience, heartbeat).map_err(environment)? {
        Some(status) if status.success() => Ok(()),
        Some(status) => match status.signal() {
            // The whole service is being stopped with all its processes, so the file is not the cause.
            Some(signal) if STOPS.contains(&signal) => Err(Refusal::Deferred(Halt::Stopped)),
            Some(signal) => died(format!("signal {signal}")),
            None => Err(Refusal::failed(FailureClass::Environment, format!("cannot be tried on its own: {status}"))),
        },
        None if heartbeat.is_stopped() => Err(Refusal::Deferred(Halt::Stopped)),
        None => died("it does not finish in time".to_owned()),
    }
}

/// The configuration as TOML, without prices and sources, which no processor uses.
///
/// # Errors
///
/// If it cannot be written as TOML.
pub fn written(config: &Config) -> Result<String, toml::ser::Error> {
    let mut values = Config { price: Vec::new(), source: Vec::new(), ..config.clone() }.values();
    // A TOML file cannot contain null, so settings without a value are left out.
    if let Some(settings) = values.as_object_mut() {
        settings.retain(|_, value| !value.is_null());
        let tables = settings.values_mut().filter_map(serde_json::Value::as_object_mut);
        tables.for_each(|table| table.retain(|_, value| !value.is_null()));
    }
    toml::to_string(&values)
}

/// Waits for the end of a process. Kills it when the time is over or the pass is to stop, and then returns `None`. Time
/// during which this process itself is suspended does not count.
fn wait(child: &mut Child, patience: Duration, heartbeat: &Heartbeat) -> std::io::Result<Option<ExitStatus>> {
    let mut waited = Duration::ZERO;
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if waited < patience && !heartbeat.is_stopped() => {
                heartbeat.beat();
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            None => {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
        }
    }
}

/// Reads the file as a pass would, in the separate process. The result does not matter, only whether the process
/// survives.
///
/// # Errors
///
/// If the root cannot be opened.
pub fn read(
    source: Source,
    path: &Path,
    file: SourceFile,
    caps: Caps,
    processors: &[&dyn Processor],
) -> std::io::Result<()> {
    let most = getrlimit(Resource::As).maximum.map_or(MEMORY, |most| most.min(MEMORY));
    setrlimit(Resource::As, Rlimit { current: Some(most), maximum: Some(most) })?;
    let roots = [Root::open(&source.root)?];
    let (clock, limits) = (Clock::begin(Moment::now()), Limits::default());
    let allowance = Allowance::new(&limits, &clock);
    let reader = Reader { marks: None, roots: &roots, processors, caps, allowance: &allowance };
    let due = (0..processors.len()).collect();
    let jobs = [Job { file, source: 0, path: path.to_owned(), stat: Stat::default(), due, known: None }];
    batch::read(&Queue::new(&jobs), &reader, |_| true);
    Ok(())
}
