//! Requests, as files that somebody with the right to drops into a folder.
//!
//! `<processor>.trigger` is empty or one JSON object, and asks for a run of the processor if it says nothing else.
//! `<id>.trigger` is an [`Order`]. The daemon claims it by a rename, looks at who wrote it and what it says, and
//! answers in `results/<id>.json`. Nothing in it names a path of the system or a query.
//!
//! Others may write to the folder: what is done in it is done by [`crate::service::folder`], through no link.

use crate::base::acl;
use crate::base::error::{Error, Result, cause};
use crate::base::holder::Holder;
use crate::base::utc;
use crate::plugs::Decided;
use crate::plugs::{Plug, Plugs};
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

/// The folder that triggers are dropped into.
#[derive(Debug)]
pub struct Folder {
    dropped: OwnFolder,
    /// Triggers that were taken out of it, by their ids.
    claimed: Arc<OwnFolder>,
    results: Arc<OwnFolder>,
    /// Users who may drop triggers, beside root and this process's own.
    allowed: Vec<u32>,
    /// Processors that a trigger can be for.
    plugs: Plugs,
}

/// A trigger that was taken out of the folder.
#[derive(Debug)]
pub struct Claim {
    pub id: String,
    /// The processor that its name names, or it itself. There may be none of that name.
    pub processor: Option<String>,
    /// Who wrote it.
    pub by: String,
    /// The same as a number, which may read the answer.
    uid: Option<u32>,
    /// What it asks for, or why that is refused.
    pub order: std::result::Result<Order, String>,
    /// Its name among the claimed ones.
    file: String,
    claimed: Arc<OwnFolder>,
    /// Where it is answered.
    results: Arc<OwnFolder>,
}

/// What is answered to a trigger.
#[derive(Debug)]
pub enum Answer<'a> {
    /// The run has begun.
    Running,
    /// The run has ended, with files that failed or without.
    Done(&'a Summary),
    /// Another run is in progress.
    Busy(Option<&'a Holder>),
    /// It is not valid, or its writer may not ask.
    Refused(&'a str),
    /// It was done, with this result.
    Said(&'a str),
    /// The run could not be done.
    Failed(&'a Error),
}

/// Bytes of a trigger.
const SIZE: u64 = 4096;

/// An older trigger was forgotten by whoever wrote it. One that is dated so far ahead was written by a clock
/// that was wrong.
const AGE: TimeDelta = TimeDelta::hours(24);

/// A trigger that stays empty for this long asks for a default run.
pub const WRITING: TimeDelta = TimeDelta::seconds(1);

/// Answers are kept for this time: longer than a trigger can come again. One that is dated so far ahead is not kept
/// either.
const KEPT: TimeDelta = TimeDelta::days(30);

/// Triggers that are named for no processor, which are taken at one look.
const OTHERS: usize = 20;

/// Why a trigger for a processor that there is not is refused.
const NO_PROCESSOR: &str = "there is no processor of that name";

/// Why somebody is not forgotten: it cannot be undone, and who may ask for a run need not be who may erase.
const NO_ADMIN: &str = "only root and the daemon's own user may have somebody forgotten";

const EXTENSION: &str = ".trigger";
/// Where answers are.
const RESULTS: &str = "results";

impl Folder {
    /// Opens the folder and those in it, making them where they are missing.
    ///
    /// # Errors
    ///
    /// If one cannot be made or opened, is a link, or is open to changes by others.
    pub fn open(path: &Path, allowed: &[u32], plugs: Plugs) -> Result<Self> {
        let dropped = OwnFolder::make(path)?;
        let claimed = dropped.make_sub("claimed", 0o700)?;
        let results = dropped.make_sub(RESULTS, 0o750)?;
        let (claimed, results, allowed) = (claimed.into(), results.into(), allowed.to_vec());
        let folder = Self { dropped, claimed, results, allowed, plugs };
        folder.admit();
        Ok(folder)
    }

    /// Lets the users who may drop triggers get to the folder, write into it, and list the answers to find their own.
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

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dropped.path()
    }

    /// Claims the triggers that are there. One whose answer is known is answered already.
    pub fn claim(&self, now: DateTime<Utc>) -> Vec<Claim> {
        let mut names: Vec<_> = self.plugs.names().map(str::to_owned).collect();
        // A look at the known names finds them however many other files there are.
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

    /// Whether a trigger can still be between its making and its writing: an empty file of this moment.
    fn is_unfinished(&self, processor: &str, now: DateTime<Utc>) -> bool {
        let since = self.dropped.empty_since(&format!("{processor}{EXTENSION}"));
        since.is_some_and(|since| (TimeDelta::zero()..WRITING).contains(&(now - since)))
    }

    /// Whether a trigger for a processor is left for a look in a moment.
    pub fn has_unfinished(&self, now: DateTime<Utc>) -> bool {
        self.plugs.names().any(|name| self.is_unfinished(name, now))
    }

    /// Triggers that were claimed when the daemon ended, to be answered now.
    pub fn left(&self, now: DateTime<Utc>) -> Vec<Claim> {
        let mut names: Vec<_> = self.claimed.names().filter(|name| is_word(name)).collect();
        names.sort();
        let claim = |id: String| {
            let name = id.rsplitn(3, '-').last()?.to_owned();
            self.look(name, id, now)
        };
        names.into_iter().filter_map(claim).collect()
    }

    /// Whether there is no answer to a trigger yet; forgets it, if there is.
    fn is_new(&self, claim: &Claim) -> bool {
        let is_known = self.results.has(&format!("{}.json", claim.id));
        if is_known {
            self.claimed.remove(&claim.file);
        }
        !is_known
    }

    /// Looks at a claimed file; `None` if it is gone.
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
            Err(rustix::io::Errno::LOOP) => return Some(refused("unknown", "it is no regular file")),
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
        // Who asks for something invalid waits for the answer all the same.
        let own_id = match &order {
            Ok(order) => order.id.clone(),
            Err(_) => Order::id_of(&text),
        };
        // An empty file has no id of its own: each one asks again.
        let by_name = named.is_none() && !text.trim_ascii().is_empty();
        let own_id = own_id.filter(|id| is_id(id)).or_else(|| by_name.then(|| name.clone()));
        let processor = match &order {
            Ok(order) => named.map(str::to_owned).or_else(|| order.processor.clone()),
            Err(_) => Some(name.clone()),
        };
        let uid = Some(stat.uid());
        Some(Claim { id: own_id.unwrap_or_else(|| id.clone()), processor, uid, order, ..refused(&by, "") })
    }

    /// An order, if there is the processor that it names.
    fn known(&self, order: Order) -> std::result::Result<Order, String> {
        match &order.processor {
            Some(name) if self.plugs.find(name).is_none() => Err(NO_PROCESSOR.to_owned()),
            _ => Ok(order),
        }
    }

    /// Answers a trigger. It is done with then, unless it is running.
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
        // The daemon can look into another folder since.
        let name = format!("{}.json", claim.id);
        let cannot = |error: std::io::Error| Error::cannot("write", format!("{RESULTS}/{name}"), error);
        claim.results.write(&name, &crate::base::wire::pretty(&text), 0o600, Old::Replace).map_err(cannot)?;
        let own = rustix::process::geteuid().as_raw();
        let others: Vec<_> = claim.uid.into_iter().filter(|uid| ![0, own].contains(uid)).collect();
        let answer_file = || Ok::<_, std::io::Error>(claim.results.file(&name)?);
        if let Err(error) = answer_file().and_then(|file| acl::allow(&file, &others, 0o4)) {
            tracing::warn!(trigger = claim.id, error = cause(&error), "whoever asked cannot read the answer");
        }
        if !matches!(answer, Answer::Running) {
            claim.claimed.remove(&claim.file);
        }
        Ok(())
    }

    /// Forgets answers that nobody can ask for again.
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
    /// Who asks.
    pub fn request(&self) -> Request {
        Request { origin: Origin::Trigger, by: self.by.clone(), id: Some(self.id.clone()) }
    }
}

/// Why the daemon does not read a trigger file, before it knows what the file asks for.
fn objection(stat: &std::fs::Metadata, is_allowed: bool, now: DateTime<Utc>) -> Option<&'static str> {
    let age = stat.modified().ok().map(|at| now - DateTime::<Utc>::from(at));
    if !stat.is_file() || stat.nlink() != 1 {
        Some("it is no regular file")
    } else if !is_allowed {
        Some("its owner may not ask: [daemon] allow_uids names who may")
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

/// Drops a trigger of a name into a folder, as somebody who asks.
///
/// # Errors
///
/// If one is waiting there already, or it cannot be written.
pub fn drop_into(folder: &Path, name: &str, order: &Order) -> Result<()> {
    let name = format!("{name}{EXTENSION}");
    let path = folder.join(&name);
    let cannot = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let error = Error::cannot("write", path.display(), "a trigger is waiting there already");
            Error { status: crate::base::error::Status::Busy, ..error }
        }
        _ => Error::cannot("write", path.display(), error)
            .hint("the daemon's folder of triggers takes them from root, its own user and [daemon] allow_uids"),
    };
    OwnFolder::open(folder)?.write(&name, &json!(order).to_string(), 0o644, Old::Keep).map_err(cannot)
}

/// The answer to a trigger, as JSON, if there is one yet.
pub fn answer_of(folder: &Path, id: &str) -> Option<serde_json::Value> {
    AnswerFolder(OwnFolder::open(folder).ok()?.sub_of_owner(RESULTS).ok()?).of(id)
}

/// The answers to triggers in a folder, as somebody who asks.
pub fn answers(folder: &Path) -> Option<AnswerFolder> {
    Some(AnswerFolder(OwnFolder::open(folder).ok()?.list_of_owner(RESULTS).ok()?))
}

/// Answers to triggers.
pub struct AnswerFolder(OwnFolder);

/// Something that was decided for a trigger.
#[derive(Clone, Debug)]
pub struct Decision {
    /// When the daemon had done it.
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

    /// When the last one was written, or removed.
    pub fn changed(&self) -> Option<DateTime<Utc>> {
        self.0.changed()
    }

    /// What was decided from a moment on, for triggers whose ids begin like this and which this user may read; in order.
    pub fn decisions(&self, ids: &str, since: DateTime<Utc>) -> Vec<Decision> {
        // One that was written before says nothing newer, and need not be read.
        let is_recent = |name: &String| self.0.written(name).is_some_and(|at| at >= since.timestamp());
        let names = self.0.names().filter(|name| name.starts_with(ids) && is_recent(name));
        let mut names: Vec<_> = names.collect();
        // Answers of one second are in the order of their ids, which have more of the time.
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

/// Whether a trigger waits in a folder under a name.
pub fn is_waiting(folder: &Path, name: &str, id: &str) -> bool {
    let file = OwnFolder::open(folder).ok().and_then(|folder| folder.file(&format!("{name}{EXTENSION}")).ok());
    let mut text = Vec::new();
    let read = file.is_some_and(|file| file.take(SIZE).read_to_end(&mut text).is_ok());
    read && Order::id_of(&text).as_deref() == Some(id)
}

fn login(uid: u32) -> String {
    if uid == 0 { "root".to_owned() } else { format!("uid-{uid}") }
}
