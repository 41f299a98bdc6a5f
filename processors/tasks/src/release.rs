//! When held tasks close: at the later of their own end and the first release of their short id that came when
//! they had been created. Without one, or if it comes too late, they close when they have been held for long enough.

use crate::Policy;
use crate::link::{Kind, LinkRow};
use crate::policy::later;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FactRow, Failure, Row as _, Rows, table};

table! {
    /// when each held task closes
    pub static RELEASES: Table = "task_releases", Hidden;

    /// A held task that has ended. `close_reason` is `released`, `hold_max`, or `ended` for one that was released
    /// before its end. It holds for a task that ended at `ended_at` only.
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

/// Says when the held tasks of a short id close.
///
/// # Errors
///
/// If a fact is no link.
pub fn settle(policy: &Policy, short_id: &str, facts: &[FactRow], entities: &mut Rows) -> Result<(), Failure> {
    let links = facts.iter().map(|fact| LinkRow::read(fact.values)).collect::<Result<Vec<_>, _>>()?;
    let of_kind = |kind: Kind| links.iter().filter(move |link| link.kind == kind.name());
    for LinkRow { task_id, task_type, moment: created_at, ended_at, .. } in of_kind(Kind::Held).copied() {
        let ended_at = ended_at.ok_or_else(|| crate::link::LINKS.unreadable())?;
        let releases = of_kind(Kind::Release).filter(|release| release.task_type == task_type);
        let released_at = releases.map(|release| release.moment).filter(|at| *at >= created_at).min();
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
