//! Links between ids in source files. Each end of a link gets a row, so that an id can see all of its links.

use crate::edge::EdgeRow;
use crate::settings::Identity;
use chrono::{DateTime, Utc};
use sessionmill_contract::{FactRow, Failure, Row, Rows, table};
use std::collections::BTreeSet;

table! {
    /// one row per source file and end of a link between two ids, and per client session and id in it
    pub static LINKS: Table = "activity_links", Hidden;

    /// One end of a link.
    #[derive(Clone, Debug, PartialEq)]
    pub struct LinkRow<'a> {
        /// the person whose link it is, as in activity_lines; <user folder>/client/<id> for a client session
        node: &'a str,
        /// what the node is in it: user, anonymous or client
        role: &'a str,
        /// the person at the other end
        other: &'a str,
        /// joins whatever else is known of the two
        is_forced: bool,
        /// of the event that says so, UTC
        time: DateTime<Utc>,
        line: u64,
        part: u64,
    }
}

/// The role of a node in a link.
pub(crate) const USER: &str = "user";
pub(crate) const ANONYMOUS: &str = "anonymous";
pub(crate) const CLIENT: &str = "client";

/// An id with links to more users than this, or a client session with more ids, is a shared device or an error of a
/// client.
const HUB: usize = 100;

/// Makes the edges of one id or one client session from all of its links, which are sorted by time, source file and
/// line.
pub(crate) fn settle(node: &str, facts: &[FactRow], mode: Identity, edges: &mut Rows) -> Result<(), Failure> {
    let mut links = Vec::with_capacity(facts.len());
    for fact in facts {
        links.push(LinkRow::read(fact.values)?);
    }
    let of = |role: &'static str| links.iter().filter(move |link| link.role == role);
    let ids: BTreeSet<&str> = of(CLIENT).map(|link| link.other).collect();
    if let Some(first) = ids.first().filter(|_| ids.len() <= HUB) {
        for other in ids.iter().skip(1) {
            edges.push(EdgeRow { node, kind: "client", id: first, other, refused: 0 });
        }
    }
    let users: BTreeSet<&str> = of(ANONYMOUS).map(|link| link.other).collect();
    let mut joined: BTreeSet<&str> = of(ANONYMOUS).filter(|link| link.is_forced).map(|link| link.other).collect();
    let is_hub = users.len() > HUB;
    match mode {
        _ if is_hub => {}
        Identity::Union => joined.extend(&users),
        Identity::First if of(USER).next().is_some() => {}
        Identity::First => joined.extend(of(ANONYMOUS).find(|link| !link.is_forced).map(|link| link.other)),
    }
    for id in &joined {
        edges.push(EdgeRow { node, kind: "identity", id, other: node, refused: 0 });
    }
    let refused = users.difference(&joined).count() as u64;
    if refused > 0 {
        edges.push(EdgeRow { node, kind: "refused", id: node, other: node, refused });
    }
    Ok(())
}
