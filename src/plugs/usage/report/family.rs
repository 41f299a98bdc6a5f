//! The subagents of a session as a tree: who called whom, with the cost of each, alone and with the subagents that it
//! called.

use crate::base::error::Result;
use crate::plugs::usage::report::filter::Where;
use crate::plugs::usage::report::spending::{self, Spent};
use crate::price::{PicoUsd, Prices};
use crate::report::{money, number};
use crate::store::reader::Reader;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A subagent.
#[derive(Debug)]
pub struct Member {
    pub id: String,
    pub kind: Option<String>,
    /// The subagent that called this one; `None` if the main conversation did.
    pub by: Option<String>,
    /// The number of subagents above this one.
    pub depth: usize,
    pub spent: Spent,
    /// Its cost, including the subagents that it called.
    pub total: Option<PicoUsd>,
}

impl Member {
    /// As JSON.
    pub fn json(&self) -> Value {
        json!({
            "subagent": self.id, "type": self.kind, "started_by": self.by,
            "responses": number(self.spent.responses), "total_tokens": number(self.spent.tokens.total()),
            "cost_usd": self.spent.cost.map(money::dollars), "cost_with_subagents_usd": self.total.map(money::dollars),
        })
    }
}

/// The subagents of a session, each followed by those that it called, in the order of the calls. A subagent without a
/// known call is placed below the main conversation.
pub(super) fn family(reader: Reader<'_>, prices: &Prices, of_session: &Where) -> Result<Vec<Member>> {
    let mut spent: BTreeMap<String, Spent> = BTreeMap::new();
    spending::read(
        reader,
        prices,
        &["subagent_id"],
        of_session,
        |row| row.get(0),
        |id: Option<String>, _, sum| {
            if let Some(id) = id {
                spent.entry(id).or_default().add(sum);
            }
        },
    )?;
    let sql = "SELECT subagent_id, subagent_type, started_by FROM usage_subagents WHERE session_id = ?
               ORDER BY started_at, subagent_id";
    let started: Vec<(String, Option<String>, Option<String>)> =
        reader.rows(sql, &of_session.params, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let known: BTreeSet<&String> = started.iter().map(|(id, ..)| id).collect();
    let untold: Vec<_> = spent.keys().filter(|id| !known.contains(id)).cloned().collect();
    let all: Vec<_> = started.into_iter().chain(untold.into_iter().map(|id| (id, None, None))).collect();
    Ok(tree(&all, &spent))
}

/// Places each subagent behind its caller. If a log says that subagents called each other in a circle, they are placed
/// below the main conversation.
fn tree(all: &[(String, Option<String>, Option<String>)], spent: &BTreeMap<String, Spent>) -> Vec<Member> {
    let callers: HashMap<&str, Option<&str>> = all.iter().map(|(id, _, by)| (id.as_str(), by.as_deref())).collect();
    let by = |id: &str| callers.get(id).copied().flatten().filter(|by| callers.contains_key(by));
    let is_in_circle = |id: &str| {
        let above = std::iter::successors(by(id), |id| by(id));
        above.take(all.len()).any(|above| above == id)
    };
    let by = |id: &str| by(id).filter(|_| !is_in_circle(id));
    let mut children: HashMap<Option<&str>, Vec<usize>> = HashMap::new();
    for (position, (id, ..)) in all.iter().enumerate() {
        children.entry(by(id)).or_default().push(position);
    }
    let mut family: Vec<Member> = Vec::with_capacity(all.len());
    let mut rest: Vec<(usize, usize)> = Vec::new();
    let push = |of: Option<&str>, depth: usize, rest: &mut Vec<(usize, usize)>| {
        rest.extend(children.get(&of).into_iter().flatten().rev().map(|position| (*position, depth)));
    };
    push(None, 0, &mut rest);
    while let Some((position, depth)) = rest.pop() {
        let (id, kind, _) = &all[position];
        let spent = spent.get(id).cloned().unwrap_or_default();
        family.push(Member {
            id: id.clone(),
            kind: kind.clone(),
            by: by(id).map(str::to_owned),
            depth,
            total: spent.cost,
            spent,
        });
        push(Some(id), depth + 1, &mut rest);
    }
    // From last to first, so that the total of a subagent is complete before it is added to its caller's.
    for position in (0..family.len()).rev() {
        let caller = family[..position].iter().rposition(|above| above.depth < family[position].depth);
        if let Some(caller) = caller.filter(|_| family[position].depth > 0) {
            let total = family[position].total;
            family[caller].total = family[caller].total.into_iter().chain(total).reduce(|a, b| a + b);
        }
    }
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subagent_costs_what_it_calls_too() {
        let started = |id: &str, by: Option<&str>| (id.to_owned(), None, by.map(str::to_owned));
        let all = [
            started("a", None),
            started("b", Some("a")),
            started("c", None),
            started("d", Some("b")),
            started("e", Some("gone")),
            started("f", Some("g")),
            started("g", Some("f")),
            started("h", Some("a")),
        ];
        let spent =
            all.iter().zip(1..).map(|((id, ..), cost)| (id.clone(), Spent { cost: Some(cost), ..Spent::default() }));
        let family = tree(&all, &spent.collect());
        let told: Vec<_> =
            family.iter().map(|member| (member.id.as_str(), member.depth, member.total.unwrap())).collect();
        let expected =
            [("a", 0, 15), ("b", 1, 6), ("d", 2, 4), ("h", 1, 8), ("c", 0, 3), ("e", 0, 5), ("f", 0, 6), ("g", 0, 7)];
        assert_eq!(told, expected);
    }
}
