//! Requests to the daemon, as files that authorised users put into a folder.
//!
//! `<processor>.trigger` is empty or one JSON object, and by default asks for a run of the processor. `<id>.trigger`
//! contains an [`Order`]. The daemon claims a trigger by renaming it into another folder, checks who wrote it and what
//! it says, and answers in `results/<id>.json`. A trigger cannot name a path or contain a query.
//!
//! Other users may write to the folder, so every access to it goes through [`crate::service::folder`], which follows no
//! links.

use crate::base::acl;
use crate::base::error::{Error, Result, cause};
use crate::base::holder::Holder;
use crate::base::utc;
use crate::plug::Decided;
use crate::plug::{Plug, Plugs};
use crate::run::request::{Origin, Request};
use crate::run::summary::Summary;
use crate::service::folder::{Old, OwnFolder};
use crate::service::order::{Order, is_id, is_word};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

/// The folder into which users put triggers.
#[derive(Debug)]
pub struct Folder {
    dropped: OwnFolder,
    /// Triggers that the daemon has claimed, by id.
    claimed: Arc<OwnFolder>,
    results: Arc<OwnFolder>,
    /// Users who may create triggers, in addition to root and this process's user.
    allowed: Vec<u32>,
    /// The processors that a trigger can name.
    plugs: Plugs,
}

/// A claimed trigger.
#[derive(Debug)]
pub struct Claim {
    pub id: String,
    /// The processor in the trigger's file name or in its content. It need not exist.
    pub processor: Option<String>,
    /// The user who wrote it.
    pub by: String,
    /// The same user as a uid, who gets the right to read the answer.
    uid: Option<u32>,
    /// The request, or why it is refused.
    pub order: std::result::Result<Order, String>,
    /// Its file name among the claimed ones.
    file: String,
    claimed: Arc<OwnFolder>,
    /// The folder for the answer.
    results: Arc<OwnFolder>,
}

/// The answer to a trigger.
#[derive(Debug)]
pub enum Answer<'a> {
    /// The run has started.
    Running,
    /// The run has ended, with or without failed files, or was stopped.
    Done(&'a Summary),
    /// Another run is in progress.
    Busy(Option<&'a Holder>),
    /// The request is invalid, or its writer is not allowed to make it.
    Refused(&'a str),
    /// The action succeeded, with this result.
    Said(&'a str),
    /// The run or the action failed.
    Failed(&'a Error),
}

/// The most bytes of a trigger.
const SIZE: u64 = 4096;

/// A trigger that is older than this is refused, as its writer no longer expects a run. One that is dated further ahead
/// than this was dated by a wrong clock, and is refused too.
const AGE: TimeDelta = TimeDelta::hours(24);

/// A file that stays empty for this time counts as a request for a default run. Before that, its writer may still be
/// about to write it.
pub const WRITING: TimeDelta = TimeDelta::seconds(1);

/// How long answers are kept: longer than the age of any accepted trigger, so that no trigger is carried out twice. An
/// answer that is dated further ahead than this is removed too.
const KEPT: TimeDelta = TimeDelta::days(30);

/// The most triggers named after an id that one check claims.
const OTHERS: usize = 20;

/// Why a trigger for an unknown processor is refused.
const NO_PROCESSOR: &str = "unknown processor";

/// Why a user may not have a person forgotten. Erasing cannot be undone, so the right to request a run is not enough.
const NO_ADMIN: &str = "only root and the daemon's own user may forget a person";

const EXTENSION: &str = ".trigger";
/// The name of the folder of answers.
const RESULTS: &str = "results";

impl Folder {
    /// Opens the folder and its subfolders, making those that are missing.
    ///
    /// # Errors
    ///
    /// If one cannot be made or opened, is a link, or can be changed by others.
    pub fn open(path: &Path, allowed: &[u32], plugs: Plugs) -> Result<Self> {
        let dropped = OwnFolder::make(path)?;
        let claimed = dropped.make_sub("claimed", 0o700)?;
        let results = dropped.make_sub(RESULTS, 0o750)?;
        let (claimed, results, allowed) = (claimed.into(), results.into(), allowed.to_vec());
        let folder = Self { dropped, claimed, results, allowed, plugs };
        folder.admit();
        Ok(folder)
    }

    /// Lets the users who may create triggers reach the folder, write into it, and list the answers to find their own.
    fn admit(&self) {
        const PASS: u16 = 0o1;
        const WRITE: u16 = 0o3;
        const LIST: u16 = 0o5;
        let admitted = self.dropped.admit_above(&self.allowed, PASS);
        let admitted = admitted.and_then(|()| self.dropped.admit(&self.allowed, WRITE));
        if let Err(error) = admitted.and_then(|()| self.results.admit(&self.allowed, LIST)) {
            let (path, error) = (self.path().display(), cause(&error));
            tracing::warn!(%path, error, "cannot let the users of [daemon] allow_uids in: setfacl can, or a group");
        }
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        self.dropped.path()
    }

    /// Claims the triggers that are waiting. A trigger whose answer exists already is dropped.
    pub fn claim(&self, now: DateTime<Utc>) -> Vec<Claim> {
        let mut names: Vec<_> = self.plugs.names().map(str::to_owned).collect();
        // The known names are looked up directly, so they are found no matter how many other files there are.
        let others = self.dropped.names().filter_map(|name| Some(name.strip_suffix(EXTENSION)?.to_owned()));
        let others: Vec<_> = others.filter(|name| !names.contains(name) && is_id(name)).take(OTHERS).collect();
        names.extend(others);
        let mut claims = Vec::new();
        for (number, name) in names.into_iter().enumerate() {
            let id = format!("{name}-{}-{number}", utc::name(now));
            if self.is_unfinished(&name, now) {
                continue;
            }
            if self.dropped.hand_over(&format!("{name}{EXTENSION}"), &self.claimed, &id).is_ok() {
                claims.extend(self.look(name, id, now).filter(|claim| self.is_new(claim)));
            }
        }
        claims
    }

    /// Whether a trigger may still be about to be written: an empty file that was made a moment ago.
    fn is_unfinished(&self, processor: &str, now: DateTime<Utc>) -> bool {
        let since = self.dropped.empty_since(&format!("{processor}{EXTENSION}"));
        since.is_some_and(|since| (TimeDelta::zero()..WRITING).contains(&(now - since)))
    }

    /// Whether a trigger for a processor must be checked again in a moment.
    pub fn has_unfinished(&self, now: DateTime<Utc>) -> bool {
        self.plugs.names().any(|name| self.is_unfinished(name, now))
    }

    /// Triggers that were claimed but not answered when the daemon ended.
    pub fn left(&self, now: DateTime<Utc>) -> Vec<Claim> {
        let mut names: Vec<_> = self.claimed.names().filter(|name| is_word(name)).collect();
        names.sort();
        let claim = |id: String| {
            let name = id.rsplitn(3, '-').last()?.to_owned();
            self.look(name, id, now)
        };
        names.into_iter().filter_map(claim).collect()
    }

    /// Whether a trigger has no answer yet. If it has one, its claimed file is removed.
    fn is_new(&self, claim: &Claim) -> bool {
        let is_known = self.results.has(&format!("{}.json", claim.id));
        if is_known {
            self.claimed.remove(&claim.file);
        }
        !is_known
    }

    /// Reads a claimed file. `None` if it no longer exists.
    fn look(&self, name: String, id: String, now: DateTime<Utc>) -> Option<Claim> {
        let refused = |by: &str, reason: &str| Claim {
            id: id.clone(),
            processor: Some(name.clone()),
            by: by.to_owned(),
            uid: None,
            order: Err(reason.to_owned()),
            file: id.clone(),
            claimed: Arc::clone(&self.claimed),
            results: Arc::clone(&self.results),
        };
        let mut open = match self.claimed.file(&id) {
            Ok(open) => open,
            Err(rustix::io::Errno::NOENT) => return None,
            Err(rustix::io::Errno::LOOP) => return Some(refused("unknown", "it is not a regular file")),
            Err(_) => return Some(refused("unknown", "it cannot be read")),
        };
        let Ok(stat) = open.metadata() else { return Some(refused("unknown", "it cannot be read")) };
        let by = login(stat.uid());
        let is_admin = [0, rustix::process::geteuid().as_raw()].contains(&stat.uid());
        if let Some(reason) = objection(&stat, is_admin || self.allowed.contains(&stat.uid()), now) {
            return Some(Claim { uid: Some(stat.uid()), ..refused(&by, reason) });
        }
        let mut text = Vec::new();
        if open.by_ref().take(SIZE).read_to_end(&mut text).is_err() {
            return Some(refused(&by, "it cannot be read"));
        }
        let named = self.plugs.find(&name).map(Plug::name);
        let order = match named {
            None if text.trim_ascii().is_empty() => Err(NO_PROCESSOR.to_owned()),
            _ => Order::parse(&text, named).and_then(|order| self.known(order)),
        };
        let order = order.and_then(|order| match order.args.user {
            Some(_) if !is_admin => Err(NO_ADMIN.to_owned()),
            _ => Ok(order),
        });
        // The writer of an invalid request waits for an answer too, so its id is used.
        let own_id = match &order {
            Ok(order) => order.id.clone(),
            Err(_) => Order::id_of(&text),
        };
        // An empty file has no id of its own, because each one is a new request.
        let by_name = named.is_none() && !text.trim_ascii().is_empty();
        let own_id = own_id.filter(|id| is_id(id)).or_else(|| by_name.then(|| name.clone()));
        let processor = match &order {
            Ok(order) => named.map(str::to_owned).or_else(|| order.processor.clone()),
            Err(_) => Some(name.clone()),
        };
        let uid = Some(stat.uid());
        Some(Claim { id: own_id.unwrap_or_else(|| id.clone()), processor, uid, order, ..refused(&by, "") })
    }

    /// The order, if the processor that it names exists.
    fn known(&self, order: Order) -> std::result::Result<Order, String> {
        match &order.processor {
            Some(name) if self.plugs.find(name).is_none() => Err(NO_PROCESSOR.to_owned()),
            _ => Ok(order),
        }
    }

    /// Answers a trigger. Unless the answer is "running", the trigger is then finished.
    ///
    /// # Errors
    ///
    /// If the answer cannot be written.
    pub fn answer(&self, claim: &Claim, answer: &Answer<'_>, now: DateTime<Utc>) -> Result<()> {
        let at = utc::seconds(now);
        let mut text =
            json!({"id": claim.id, "processor": claim.processor, "requested_by": claim.by, "answered_at": at});
        let (state, key, value) = match answer {
            Answer::Running => ("running", "pid", json!(std::process::id())),
            Answer::Done(summary) if summary.is_stopped => ("stopped", "summary", json!(summary)),
            Answer::Done(summary) => ("done", "summary", json!(summary)),
            Answer::Busy(holder) => ("busy", "holder", json!(holder)),
            Answer::Refused(reason) => ("refused", "reason", json!(reason)),
            Answer::Said(words) => ("done", "message", json!(words)),
            Answer::Failed(error) => ("failed", "reason", json!(error.to_string())),
        };
        text["state"] = state.into();
        text[key] = value;
        let decided = claim.order.as_ref().map(Order::decided).unwrap_or_default();
        if state == "done" && !decided.is_empty() {
            text["decided"] = json!(decided);
        }
        // Into the folder from which it was claimed: a new configuration can have changed the folder since.
        let name = format!("{}.json", claim.id);
        let cannot = |error: std::io::Error| Error::cannot("write", format!("{RESULTS}/{name}"), error);
        claim.results.write(&name, &crate::base::wire::pretty(&text), 0o600, Old::Replace).map_err(cannot)?;
        let own = rustix::process::geteuid().as_raw();
        let others: Vec<_> = claim.uid.into_iter().filter(|uid| ![0, own].contains(uid)).collect();
        let answer_file = || Ok::<_, std::io::Error>(claim.results.file(&name)?);
        if let Err(error) = answer_file().and_then(|file| acl::allow(&file, &others, 0o4)) {
            tracing::warn!(trigger = claim.id, error = cause(&error), "the requesting user cannot read the answer");
        }
        if !matches!(answer, Answer::Running) {
            claim.claimed.remove(&claim.file);
        }
        Ok(())
    }

    /// Removes answers that are too old to be needed.
    pub fn tidy(&self, now: DateTime<Utc>) {
        for name in self.results.names().collect::<Vec<_>>() {
            let written = self.results.written(&name);
            if written.is_some_and(|written| now.timestamp().abs_diff(written) > KEPT.num_seconds().unsigned_abs()) {
                self.results.remove(&name);
            }
        }
    }
}

impl Claim {
    /// The request for a run, for its record.
    pub fn request(&self) -> Request {
        Request { origin: Origin::Trigger, by: self.by.clone(), id: Some(self.id.clone()) }
    }
}

/// Why a trigger file is refused because of the file itself, before its content is read.
fn objection(stat: &std::fs::Metadata, is_allowed: bool, now: DateTime<Utc>) -> Option<&'static str> {
    let age = stat.modified().ok().map(|at| now - DateTime::<Utc>::from(at));
    if !stat.is_file() || stat.nlink() != 1 {
        Some("it is not a regular file")
    } else if !is_allowed {
        Some("its owner is not allowed to: see [daemon] allow_uids")
    } else if stat.mode() & 0o002 != 0 {
        Some("anybody may write it")
    } else if stat.size() > SIZE {
        Some("it is over 4 KiB")
    } else if age.is_none_or(|age| age > AGE) {
        Some("it is older than a day")
    } else if age.is_none_or(|age| age < -AGE) {
        Some("it is dated more than a day ahead")
    } else {
        None
    }
}

/// Puts a trigger into a folder, as a user who makes a request.
///
/// # Errors
///
/// If a trigger of this name is waiting there, or the file cannot be written.
pub fn drop_into(folder: &Path, name: &str, order: &Order) -> Result<()> {
    let name = format!("{name}{EXTENSION}");
    let path = folder.join(&name);
    let cannot = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let error = Error::cannot("write", path.display(), "another trigger is waiting there");
            Error { status: crate::base::error::Status::Busy, ..error }
        }
        std::io::ErrorKind::PermissionDenied => Error::cannot("write", path.display(), error)
            .hint("the daemon's folder of triggers takes them from root, its own user and [daemon] allow_uids"),
        _ => Error::cannot("write", path.display(), error),
    };
    OwnFolder::open(folder)?.write(&name, &json!(order).to_string(), 0o644, Old::Keep).map_err(cannot)
}

/// The answer to a trigger as JSON, if there is one yet.
pub fn answer_of(folder: &Path, id: &str) -> Option<serde_json::Value> {
    AnswerFolder(OwnFolder::open(folder).ok()?.sub_of_owner(RESULTS).ok()?).of(id)
}

/// The answers in a trigger folder, for a user who makes requests.
pub fn answers(folder: &Path) -> Option<AnswerFolder> {
    Some(AnswerFolder(OwnFolder::open(folder).ok()?.list_of_owner(RESULTS).ok()?))
}

/// The answers in a trigger folder.
pub struct AnswerFolder(OwnFolder);

/// A decision that was made because of a trigger.
#[derive(Clone, Debug)]
pub struct Decision {
    /// When the daemon carried it out.
    pub at: DateTime<Utc>,
    pub processor: String,
    pub decided: Decided,
}

impl AnswerFolder {
    fn of(&self, id: &str) -> Option<serde_json::Value> {
        let mut file = self.0.file(&format!("{id}.json")).ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// When an answer was last written or removed.
    pub fn changed(&self) -> Option<DateTime<Utc>> {
        self.0.changed()
    }

    /// The decisions since a moment, in order of time: those of triggers whose ids start with `ids` and whose answers
    /// this user may read.
    pub fn decisions(&self, ids: &str, since: DateTime<Utc>) -> Vec<Decision> {
        // A file that was written before `since` cannot contain a newer decision.
        let is_recent = |name: &String| self.0.written(name).is_some_and(|at| at >= since.timestamp());
        let names = self.0.names().filter(|name| name.starts_with(ids) && is_recent(name));
        let mut names: Vec<_> = names.collect();
        // The time in an answer has seconds only; ids sort by finer time, so they order answers of the same second.
        names.sort();
        let mut decisions: Vec<_> = names.iter().flat_map(|name| self.decisions_of(name).unwrap_or_default()).collect();
        decisions.retain(|decision| decision.at >= since);
        decisions.sort_by_key(|decision| decision.at);
        decisions
    }

    fn decisions_of(&self, name: &str) -> Option<Vec<Decision>> {
        let answer = self.of(name.strip_suffix(".json")?)?;
        let at = DateTime::parse_from_rfc3339(answer["answered_at"].as_str()?).ok()?.to_utc();
        let processor = answer["processor"].as_str()?;
        let decided: Vec<Decided> = serde_json::from_value(answer["decided"].clone()).ok()?;
        let decision = |decided| Decision { at, processor: processor.to_owned(), decided };
        Some(decided.into_iter().map(decision).collect())
    }
}

/// Whether the trigger with this id is still waiting under this file name.
pub fn is_waiting(folder: &Path, name: &str, id: &str) -> bool {
    let file = OwnFolder::open(folder).ok().and_then(|folder| folder.file(&format!("{name}{EXTENSION}")).ok());
    let mut text = Vec::new();
    let read = file.is_some_and(|file| file.take(SIZE).read_to_end(&mut text).is_ok());
    read && Order::id_of(&text).as_deref() == Some(id)
}

fn login(uid: u32) -> String {
    if uid == 0 { "root".to_owned() } else { format!("uid-{uid}") }
}
