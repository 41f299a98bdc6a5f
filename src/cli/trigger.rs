//! `sessionmill trigger`: asks the daemon for a run now.

use crate::base::error::{Error, Result, Status};
use crate::base::holder::is_alive;
use crate::base::lock::{self, Presence};
use crate::base::owner;
use crate::base::printable::printable;
use crate::base::utc;
use crate::command::{Database, print, remark};
use crate::plug::Context;
use crate::report::render::pretty;
use crate::service::order::{self, Order};
use crate::service::trigger;
use serde_json::Value;
use std::num::NonZeroU64;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Request a run of a processor from the daemon, and wait for the answer
///
/// Writes a trigger file into the daemon's folder. Root, the daemon's own user and the users in [daemon] allow_uids may
/// do this.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 begun, or done with --wait; 1 done, but files failed; 2 refused or failed; 75 a \
                        run of it is in progress.\n\n\
                        Examples:\n  sessionmill trigger usage\n  sessionmill trigger usage --wait --max-sessions 10"
)]
pub(crate) struct Args {
    /// The processor
    processor: String,

    /// Wait for the end of the run, not only for its start
    #[arg(long)]
    wait: bool,

    /// Id of the request, for its answer in results/ID.json; the same request is never run twice
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// Process at most N files
    #[arg(long, value_name = "N")]
    max_sessions: Option<NonZeroU64>,

    /// Start no file after this time, such as 150s or 5m
    #[arg(long, value_name = "TIME")]
    time_budget: Option<String>,

    /// Print the answer as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: Database,
}

/// How long to wait for an answer: by default, a daemon looks into its folder at least this often.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) fn trigger(args: &Args, context: &Context) -> Result<Status> {
    let name = context.plugs.named(std::slice::from_ref(&args.processor))?[0].name();
    let (config, database) = args.database.find(context)?;
    if lock::presence(&database, lock::DAEMON) == Presence::Free {
        let message = format!("no daemon serves `{}`", database.display());
        let owner = owner::leave_to_owner(&database).err().and_then(|error| error.hint);
        let owner = owner.map(|hint| format!("; {hint}")).unwrap_or_default();
        let hint = format!("`sessionmill run {name}` runs it without one{owner}");
        return Err(Error::new(Status::CannotRun, message).hint(hint));
    }
    let folder = config.daemon.triggers(&database);
    let uid = rustix::process::geteuid().as_raw();
    let is_owner = match std::fs::metadata(&folder) {
        Ok(folder) => folder.uid() == uid,
        Err(error) => error.kind() != std::io::ErrorKind::PermissionDenied,
    };
    if uid != 0 && !is_owner && !config.daemon.allow_uids.contains(&uid) {
        let message = format!("uid {uid} may not ask the daemon of `{}`", database.display());
        return Err(Error::new(Status::CannotRun, message).hint("[daemon] allow_uids names who may"));
    }
    let time = utc::name(context.now.wall);
    let id = args.id.clone().unwrap_or_else(|| format!("{name}-{time}-{}", std::process::id()));
    let limits = order::Args {
        max_sessions: args.max_sessions,
        time_budget: args.time_budget.clone(),
        ..order::Args::default()
    };
    let order = Order { id: Some(id.clone()), processor: Some(name.to_owned()), args: limits, ..Order::default() };
    order.check(Some(name)).map_err(|reason| Error::new(Status::Usage, format!("invalid request: {reason}")))?;
    match trigger::answer_of(&folder, &id) {
        Some(answer) if answer["state"] != "running" => {
            let at = answer["answered_at"].as_str().unwrap_or_default();
            remark(&format!("`{id}` is done already, since {at}: a request with another --id is a new one"));
        }
        Some(_) => remark(&format!("`{id}` is running already")),
        None => trigger::drop_into(&folder, name, &order)?,
    }
    let answer = await_answer(args, &folder, &id, &database)?;
    if args.json {
        print(&pretty(&answer))?;
    } else {
        remark(&words(name, &id, &answer));
    }
    Ok(match answer["state"].as_str() {
        Some("running") => Status::Done,
        Some("stopped") => Status::FilesFailed,
        Some("done") if has_failed(&answer) => Status::FilesFailed,
        Some("done") => Status::Done,
        Some("busy") => Status::Busy,
        _ => Status::CannotRun,
    })
}

fn await_answer(args: &Args, folder: &Path, id: &str, database: &Path) -> Result<Value> {
    let until = Instant::now() + PATIENCE;
    loop {
        let answer = trigger::answer_of(folder, id);
        match answer {
            Some(answer) if !args.wait || answer["state"] != "running" => return Ok(answer),
            Some(answer) if is_gone(&answer, database) => {
                let message = format!("the daemon ended before it could answer `{id}`");
                return Err(Error::new(Status::CannotRun, message).hint("the next one goes on with it"));
            }
            None if Instant::now() >= until => {
                let message = format!("the daemon does not answer to `{id}`");
                return Err(Error::new(Status::CannotRun, message).hint("`sessionmill status` shows how it is"));
            }
            _ => std::thread::sleep(PAUSE),
        }
    }
}

/// Whether the daemon that started the run has died. If the user may not see its lock file, its process is checked.
fn is_gone(answer: &Value, database: &Path) -> bool {
    match lock::presence(database, lock::DAEMON) {
        Presence::Held(_) => false,
        Presence::Free => true,
        Presence::Unseen => {
            let pid = answer["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
            pid.is_some_and(|pid| !is_alive(pid))
        }
    }
}

fn words(name: &str, id: &str, answer: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match answer["state"].as_str() {
        Some("running") => format!("{name}: begun; the answer will be `{id}`"),
        Some("busy") => match &answer["holder"] {
            Value::Null => format!("{name}: another run is in progress"),
            holder => format!(
                "{name}: already running (pid {}, {} since {})",
                holder["pid"],
                text(&holder["trigger"]),
                text(&holder["since"])
            ),
        },
        Some(state @ ("done" | "stopped")) => {
            let summary = &answer["summary"];
            let counts = &summary["processors"][0];
            let number = |key: &str| crate::base::error::thousands(counts[key].as_u64().unwrap_or_default().into());
            let rejected = match &*number("rejected") {
                "0" => String::new(),
                rejected => format!(", {rejected} rejected"),
            };
            let alarms = summary["alarms"].as_array().into_iter().flatten();
            let alarms: String = alarms.map(|alarm| format!("\nalarm: {}", printable(&text(alarm)))).collect();
            format!(
                "{name}: {state}; {} of {} files changed, {} deferred, {} failed{rejected}{alarms}",
                number("processed"),
                number("files"),
                number("deferred"),
                number("errors")
            )
        }
        _ => format!("{name}: {}: {}", text(&answer["state"]), text(&answer["reason"])),
    }
}

fn has_failed(answer: &Value) -> bool {
    let summary = &answer["summary"];
    let has_errors = |counts: &Value| counts["errors"] != 0 || counts["unsettled_keys"] != 0;
    summary["alarms"].as_array().is_some_and(|alarms| !alarms.is_empty())
        || summary["processors"].as_array().is_some_and(|all| all.iter().any(has_errors))
}
