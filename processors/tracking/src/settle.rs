//! Makes sessions and people from all events of one stretch of activity, of all ids that are settled together.

use crate::line::{Line, LineRow, distinct_id, folder_and_kind};
use crate::member::MemberRow;
use crate::named;
use crate::nobody::is_nobody;
use crate::people::People;
use crate::presence::PresenceRow;
use crate::rules::Rules;
use crate::summary;
use chrono::{DateTime, Utc};
use sessionmill_contract::{Failure, Inputs, Rows};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// Settles one stretch. Its facts are sorted by time, source file, line and part.
pub(crate) fn settle(key: &str, inputs: Inputs<'_>, rules: Rules<'_>, entities: &mut Rows) -> Result<(), Failure> {
    let people = People::of(inputs.edges)?;
    let mut tallies: BTreeMap<&str, Tally> = BTreeMap::new();
    let mut all = Vec::with_capacity(inputs.facts.len());
    for fact in inputs.facts {
        all.push(Line::read(fact)?);
    }
    let is_copy = copies(&all);
    for (line, is_copy) in all.iter().zip(&is_copy) {
        let (person, at) = (line.row.person, line.row.time);
        let tally = tallies.entry(person).or_insert_with(|| Tally::at(at));
        tally.last_at = tally.last_at.max(at);
        *if *is_copy { &mut tally.copies } else { &mut tally.events } += 1;
    }
    let mut is_copy = is_copy.into_iter();
    all.retain(|_| is_copy.next() == Some(false));
    let (sessions, loose) = named::sessions(&all, &people, rules);
    let member = |line: &Line<'_>, session_id: Option<&str>, entities: &mut Rows| {
        let LineRow { person, time: started_at, line: number, part, .. } = line.row;
        let (person_id, session_file) = (people.person_id(person), line.file);
        let row = MemberRow { person: key, person_id, session_file, line: number, part, started_at, session_id };
        entities.push(row);
    };
    for position in loose {
        if let Some(tally) = tallies.get_mut(all[position].row.person) {
            tally.loose += 1;
        }
        member(&all[position], None, entities);
    }
    for session in &sessions {
        let session_id = summary::push(key, session, &all, &people, rules, entities);
        session.members.iter().for_each(|position| member(&all[*position], Some(&session_id), entities));
    }
    for (person, tally) in tallies {
        let (username, kind) = folder_and_kind(person);
        entities.push(PresenceRow {
            person: key,
            username,
            kind,
            person_id: people.person_id(person),
            distinct_id: distinct_id(person),
            nobody: is_nobody(distinct_id(person)),
            started_at: tally.started_at,
            last_at: tally.last_at,
            events: tally.events,
            copies: tally.copies,
            loose: tally.loose,
        });
    }
    Ok(())
}

/// The figures of one id.
struct Tally {
    started_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    events: u64,
    copies: u64,
    loose: u64,
}

impl Tally {
    fn at(at: DateTime<Utc>) -> Self {
        Self { started_at: at, last_at: at, events: 0, copies: 0, loose: 0 }
    }
}

/// Which events are copies. Of events with the same identity, only the first by source file and line counts.
fn copies(lines: &[Line<'_>]) -> Vec<bool> {
    let mut is_copy = vec![false; lines.len()];
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(lines.len());
    for (position, line) in lines.iter().enumerate() {
        let Some(id) = line.row.event_id else { continue };
        match first.entry(id) {
            Entry::Vacant(entry) => _ = entry.insert(position),
            Entry::Occupied(mut entry) => {
                let other = *entry.get();
                if line.place() < lines[other].place() {
                    is_copy[other] = true;
                    entry.insert(position);
                } else {
                    is_copy[position] = true;
                }
            }
        }
    }
    is_copy
}
