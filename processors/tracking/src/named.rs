//! Sessions that clients name, and what rules find among the other events.

use crate::line::Line;
use crate::people::People;
use crate::rules::{self, Found, Reason, Role, Rules};
use crate::settings::SessionSource;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// All sessions of events that are settled together, by their start, and the positions of events in none.
pub(crate) fn sessions<'l>(lines: &[Line<'l>], people: &People<'_>, rules: Rules<'_>) -> (Vec<Found<'l>>, Vec<usize>) {
    let (named, rest) = named(lines, rules);
    let mut persons: BTreeMap<&str, (Vec<Found<'l>>, Vec<usize>)> = BTreeMap::new();
    for session in named {
        persons.entry(people.person_id(lines[session.last].row.person)).or_default().0.push(session);
    }
    for position in rest {
        persons.entry(people.person_id(lines[position].row.person)).or_default().1.push(position);
    }
    let (mut all, mut loose) = (Vec::new(), Vec::new());
    for (mut sessions, positions) in persons.into_values() {
        let others = join(&mut sessions, lines, positions, rules);
        all.append(&mut sessions);
        if rules.settings.session_source == SessionSource::Client {
            loose.extend(others);
        } else {
            let (mut found, unattached) = rules::sessions(lines, &others, rules);
            all.append(&mut found);
            loose.extend(unattached);
        }
    }
    all.sort_by_key(|session| (session.started_at, session.first));
    (all, loose)
}

/// The sessions that clients name, by their start, and the positions of all events outside of them.
fn named<'l>(lines: &[Line<'l>], rules: Rules<'_>) -> (Vec<Found<'l>>, Vec<usize>) {
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut rest = Vec::new();
    for (position, line) in lines.iter().enumerate() {
        match line.row.client_session_id {
            Some(name) if rules.settings.session_source != SessionSource::Computed => {
                by_name.entry(name).or_default().push(position);
            }
            _ => rest.push(position),
        }
    }
    let mut sessions = Vec::new();
    for (name, positions) in by_name {
        match one(name, lines, &positions, rules) {
            Some(session) => sessions.push(session),
            None => rest.extend(positions),
        }
    }
    sessions.sort_by_key(|session| (session.started_at, session.first));
    rest.sort_unstable();
    (sessions, rest)
}

/// The session of one name; nothing if none of its events opens one.
fn one<'l>(name: &'l str, lines: &[Line<'l>], positions: &[usize], rules: Rules<'_>) -> Option<Found<'l>> {
    let switches = &rules.settings.switches;
    let role = |position: usize| Role::of(lines[position].class, switches);
    let first = positions.iter().copied().find(|position| role(*position) == Role::Opens)?;
    let mut session = Found::at(first, &lines[first], switches);
    (session.client, session.reason) = (Some(name), Reason::Client);
    session.members = positions.to_vec();
    for &position in positions {
        let at = lines[position].row.time;
        match role(position) {
            Role::Opens => session.last = position,
            Role::Extends if at >= session.started_at => {}
            Role::Ends => {
                session.ended_at = Some(at);
                continue;
            }
            Role::Extends | Role::Attaches => continue,
        }
        session.extend(at, switches);
    }
    session.ended_at = session.ended_at.filter(|ended| *ended >= session.last_at);
    if session.ended_at.is_some() {
        session.reason = Reason::End;
    }
    Some(session)
}

/// Adds events that name no session to the sessions of their person: to the latest that has begun and is not over.
/// Until when one goes on is said by the events that name it, so that the order of the others makes no difference.
fn join(sessions: &mut [Found<'_>], lines: &[Line<'_>], positions: Vec<usize>, rules: Rules<'_>) -> Vec<usize> {
    if sessions.is_empty() {
        return positions;
    }
    let switches = &rules.settings.switches;
    // The latest moment that any session up to this one goes on to: where that is over, all of them are.
    let mut until = DateTime::<Utc>::MIN_UTC;
    let untils: Vec<_> = sessions
        .iter()
        .map(|session| {
            until = until.max(session.attaches_until);
            until
        })
        .collect();
    let mut rest = Vec::new();
    let mut joined = Vec::new();
    for position in positions {
        let at = lines[position].row.time;
        let begun = sessions.partition_point(|session| session.started_at <= at);
        let running = (0..begun).rev().take_while(|session| at <= untils[*session]);
        match running.into_iter().find(|session| at <= sessions[*session].attaches_until) {
            Some(session) => joined.push((session, position)),
            None => rest.push(position),
        }
    }
    for (session, position) in joined {
        let (session, at) = (&mut sessions[session], lines[position].row.time);
        session.members.push(position);
        if Role::of(lines[position].class, switches) == Role::Opens {
            session.last_at = session.last_at.max(at);
        }
    }
    sessions.iter_mut().for_each(|session| session.members.sort_unstable());
    rest
}
