//! Which ids are settled together, and why.

use sessionmill_contract::table;

table! {
    /// one row per pair of ids that are settled together, and per link that was refused
    pub static EDGES: Table = "activity_edges", Hidden;

    /// Two ids. Those of an `identity` are one person. Those of a `client` share a client session, and can be two
    /// people. A `refused` link joins nothing: both ids are the one that it was refused to.
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
