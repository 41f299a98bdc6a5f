//! Pairs of ids that are settled together, and the reason.

use sessionmill_contract::table;

table! {
    /// one row per pair of ids that are settled together, and per link that was refused
    pub static EDGES: Table = "activity_edges", Hidden;

    /// Two ids. Ids of an `identity` edge are one person. Ids of a `client` edge share a client session, but can be two
    /// people. A `refused` edge joins nothing: both ids are the id for which links were refused.
    #[derive(Clone, Debug, PartialEq)]
    pub struct EdgeRow<'a> {
        /// as in activity_links
        node: &'a str,
        /// identity, client or refused
        kind: &'a str,
        /// the known user, or the id that stays; for a client session the smallest id in it
        id: &'a str,
        /// the id that is joined to it
        other: &'a str,
        /// links that were refused to the id; 0 for other kinds
        refused: u64,
    }
}
