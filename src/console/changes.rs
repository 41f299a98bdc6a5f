//! Requests for changes. The console does not write the database itself. It writes a trigger file for the daemon and
//! waits a moment for the answer. If no daemon serves the database, a console of the database's owner calls the same
//! action itself, and starts a run as a separate process.

use super::app::App;
use super::decisions::IDS;
use super::problem::Problem;
use crate::actions;
use crate::actions::forget::Search;
use crate::base::error::Error;
use crate::base::holder::Holder;
use crate::base::lock::{self, Presence};
use crate::base::utc;
use crate::identities::Identities;
use crate::plug::Resources;
use crate::plug::call::Reply;
use crate::service::order::{Action, Command, Order};
use crate::service::trigger;
use crate::source::access::may_write;
use crate::store::failures::FailureAction;
use axum::http::StatusCode;
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a request waits for the answer.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(25);
/// The time between the moment the daemon removes a trigger and its answer is shorter than this.
const TAKING: Duration = Duration::from_millis(500);

/// The result of a request for a change.
#[derive(Clone, Debug)]
pub(crate) enum Receipt {
    /// The change was made.
    Done(Value),
    /// The change is in progress. This path of the API returns the result later.
    Accepted(String),
}

impl App {
    /// Requests a change.
    pub(crate) async fn ask(self: &Arc<Self>, order: Order) -> std::result::Result<Receipt, Problem> {
        let named = order.processor.clone();
        order.check(named.as_deref()).map_err(Problem::bad_request)?;
        let app = Arc::clone(self);
        // Does not take one of the places of readers: it waits, but does not read the database.
        let asked = tokio::task::spawn_blocking(move || app.ask_now(order)).await;
        asked.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed because of a bug"))?
    }

    fn ask_now(&self, mut order: Order) -> std::result::Result<Receipt, Problem> {
        if let Some(name) = order.processor.as_deref().filter(|_| order.command == Command::Run)
            && let Some(holder) = lock::holder(&self.database, name)
        {
            return Err(busy(name, Holder::parse(&holder)));
        }
        let has_daemon = match lock::presence(&self.database, lock::DAEMON) {
            Presence::Held(_) => true,
            Presence::Free => false,
            Presence::Unseen => true,
        };
        if !has_daemon {
            if !may_write(&self.database) {
                return Err(Problem::unavailable("no daemon serves the database, and the console may not change it"));
            }
            return self.act(&order);
        }
        let now = (self.now)().wall;
        let id = format!("{IDS}{}-{}", utc::name(now), std::process::id());
        order.id = Some(id.clone());
        let folder = self.config.daemon.triggers(&self.database);
        // Only one trigger of each name can wait at a time. A run is named after its processor, so there is one per
        // processor; any other trigger is named after its own id.
        let name = match &order.processor {
            Some(processor) if order.command == Command::Run => processor.clone(),
            _ => id.clone(),
        };
        trigger::drop_into(&folder, &name, &order)?;
        let until = Instant::now() + PATIENCE;
        loop {
            match trigger::answer_of(&folder, &id) {
                Some(answer) if order.command == Command::Run || answer["state"] != "running" => {
                    return self.answered(&id, &answer, order.processor.as_deref().unwrap_or_default());
                }
                _ if Instant::now() >= until => return Ok(accepted(&id)),
                _ => sleep(PAUSE),
            }
        }
    }

    /// Translates an answer of the daemon into the terms of the API.
    fn answered(&self, id: &str, answer: &Value, processor: &str) -> std::result::Result<Receipt, Problem> {
        let reason = || answer["reason"].as_str().unwrap_or("it was refused").to_owned();
        match answer["state"].as_str() {
            Some("running") => Ok(accepted(id)),
            Some("done" | "stopped") => Ok(Receipt::Done(answer.clone())),
            Some("busy") => Err(busy(processor, serde_json::from_value(answer["holder"].clone()).ok())),
            Some("refused") => Err(Problem::bad_request(reason())),
            _ => Err(Problem::new(StatusCode::CONFLICT, reason())),
        }
    }

    /// The daemon's answer to a request, or that the request is still waiting.
    pub(crate) fn answer(&self, id: &str) -> Reply {
        if !id.starts_with(IDS) || !crate::service::order::is_id(id) {
            return Reply::NotFound;
        }
        let folder = self.config.daemon.triggers(&self.database);
        let is_waiting = |name: &str| trigger::is_waiting(&folder, name, id);
        let until = Instant::now() + TAKING;
        loop {
            // In this order, because the daemon first removes a trigger and then answers.
            let is_waiting = is_waiting(id) || self.database.schema.names().any(is_waiting);
            match trigger::answer_of(&folder, id) {
                Some(answer) => return Reply::Found(answer),
                None if is_waiting => return Reply::Found(json!({"id": id, "state": "running"})),
                None if Instant::now() >= until => return Reply::NotFound,
                None => sleep(PAUSE),
            }
        }
    }

    /// Makes the change in this process, as no daemon serves the database.
    fn act(&self, order: &Order) -> std::result::Result<Receipt, Problem> {
        let now = (self.now)();
        let resources = Resources {
            credentials: None,
            database: self.database.clone(),
            plugs: self.plugs,
            now: now.wall,
            heartbeat: crate::base::heartbeat::Heartbeat::default(),
            may_ask: false,
        };
        let said = |words: String| Ok(Receipt::Done(json!({"state": "done", "message": words})));
        match order.action(order.processor.as_deref(), &self.login) {
            None => self.run(order.processor.as_deref().unwrap_or_default()),
            Some(Action::Retry(which)) => {
                let changed = actions::failures::change(FailureAction::Retry, &which, &self.config, &resources)?;
                said(changed.words(FailureAction::Retry))
            }
            Some(Action::Review { processor, review }) => {
                said(actions::review::review(&processor, &review, &resources)?.join("; "))
            }
            Some(Action::Remove { processor, removal }) => {
                said(actions::remove::remove(&processor, &removal, &resources)?.join("; "))
            }
            Some(Action::Forget(user)) => {
                let identities = Identities::given(self.config.identities.as_deref())?;
                let (config, login) = (&self.config, self.login.as_str());
                let search = Search { config, identities: &identities, resources: &resources, login };
                said(actions::forget::forget(&search, &user, false)?.carry_out()?.state)
            }
            Some(Action::Publish) => {
                said(actions::publish::words(&actions::publish::publish(&self.config, &resources, None, &now)?))
            }
        }
    }

    /// Starts a run of a processor as a separate process, which continues if the console ends.
    fn run(&self, processor: &str) -> std::result::Result<Receipt, Problem> {
        let cannot = |error: std::io::Error| Error::cannot("start", "a run", error);
        let program = std::env::current_exe().map_err(cannot)?;
        let mut command = std::process::Command::new(program);
        command.arg("run").arg(processor).arg("--json").args(&self.flags);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut run = command.spawn().map_err(cannot)?;
        let until = Instant::now() + PATIENCE;
        loop {
            match run.try_wait().map_err(cannot)?.map(|status| status.code()) {
                Some(Some(0 | 1)) => return Ok(Receipt::Done(json!({"state": "done", "processor": processor}))),
                Some(Some(75)) => {
                    let holder = lock::holder(&self.database, processor).and_then(|line| Holder::parse(&line));
                    return Err(busy(processor, holder));
                }
                Some(_) => {
                    let detail = format!("the run failed: `sessionmill run {processor}` says why");
                    return Err(Problem::new(StatusCode::CONFLICT, detail));
                }
                None if Instant::now() >= until => {
                    // The process must be waited for, or it stays as a zombie.
                    std::thread::spawn(move || run.wait());
                    return Ok(Receipt::Accepted(format!("/runs?processor={processor}&limit=1")));
                }
                None => sleep(PAUSE),
            }
        }
    }
}

/// The receipt for a request that the daemon has not answered yet.
fn accepted(id: &str) -> Receipt {
    Receipt::Accepted(format!("/requests/{id}"))
}

/// The problem that another run of the processor is in progress, with its holder.
fn busy(processor: &str, holder: Option<Holder>) -> Problem {
    let detail = format!("processor `{processor}` is already running");
    Problem::new(StatusCode::CONFLICT, detail).with("holder", json!(holder))
}
