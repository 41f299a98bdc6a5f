//! When held tasks close: at their own end or at the first release of their short id since they were created, whichever
//! is later. Without a release in time, they close after the longest holding time.

use crate::Policy;
use crate::link::{Kind, LinkRow};
use crate::policy::later;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FactRow, Failure, Row as _, Rows, table};
use std::collections::HashMap;

table! {
    /// when each held task closes
    pub static RELEASES: Table = "task_releases", Hidden;

    /// A held task that has ended. `close_reason` is `released`, `hold_max`, or `ended` if the release came before its
    /// end. The row is only valid for a task that ended at `ended_at`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct ReleaseRow<'a> {
        short_id: &'a str,
        task_id: &'a str,
        ended_at: DateTime<Utc>,
        closes_at: DateTime<Utc>,
        close_reason: &'a str,
        expires_at: DateTime<Utc>,
    }
}

/// Computes when the held tasks of a short id close.
///
/// # Errors
///
/// If a fact is not a link.
pub fn settle(policy: &Policy, short_id: &str, facts: &[FactRow], entities: &mut Rows) -> Result<(), Failure> {
    let links = facts.iter().map(|fact| LinkRow::read(fact.values)).collect::<Result<Vec<_>, _>>()?;
    let of_kind = |kind: Kind| links.iter().filter(move |link| link.kind == kind.name());
    // A job with a fixed short id has a release for each of its tasks.
    let mut releases: HashMap<&str, Vec<DateTime<Utc>>> = HashMap::new();
    of_kind(Kind::Release).for_each(|release| releases.entry(release.task_type).or_default().push(release.moment));
    releases.values_mut().for_each(|moments| moments.sort_unstable());
    for LinkRow { task_id, task_type, moment: created_at, ended_at, .. } in of_kind(Kind::Held).copied() {
        let ended_at = ended_at.ok_or_else(|| crate::link::LINKS.unreadable())?;
        let released_at = releases.get(task_type).and_then(|moments| {
            let earlier = moments.partition_point(|at| *at < created_at);
            moments.get(earlier).copied()
        });
        let latest = later(ended_at, policy.hold_max);
        let (closes_at, close_reason) = match released_at {
            Some(at) if at <= ended_at => (ended_at, "ended"),
            Some(at) if at <= latest => (at, "released"),
            _ => (latest, "hold_max"),
        };
        let expires_at = later(closes_at, policy.retention);
        entities.push(ReleaseRow { short_id, task_id, ended_at, closes_at, close_reason, expires_at });
    }
    Ok(())
}
