//! Sessions that clients name, and sessions that rules find among the remaining events.

use crate::line::Line;
use crate::people::People;
use crate::rules::{self, Begun, Found, Reason, Role, Rules};
use crate::settings::SessionSource;
use std::collections::BTreeMap;

/// All sessions of events that are settled together, ordered by start, and the positions of events without a session.
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
        let mut others = join(&mut sessions, lines, positions, rules);
        if rules.settings.session_source != SessionSource::Client {
            let (mut found, unattached) = rules::sessions(lines, &others, rules);
            all.append(&mut found);
            others = unattached;
        }
        // An event that a client sends on its own belongs to a session that has already been closed, if no other runs.
        let role = |position: &usize| Role::of(lines[*position].class, &rules.settings.switches);
        let (late, unattached): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|position| matches!(role(position), Role::Extends | Role::Attaches));
        loose.extend(unattached);
        loose.extend(rules::attach(&mut sessions, lines, late));
        all.append(&mut sessions);
    }
    all.sort_by_key(|session| (session.started_at, session.first));
    (all, loose)
}

/// The sessions that clients name, ordered by start, and the positions of all other events.
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

/// The session with one name; `None` if none of its events opens a session.
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
                session.end = session.end.or(Some(position));
                continue;
            }
            Role::Extends | Role::Attaches => continue,
        }
        // The client continues the session.
        session.end = None;
        session.extend(at, switches);
    }
    if let Some(end) = session.end {
        session.close(end);
    }
    Some(session)
}

/// Adds events that name no session to their person's named sessions, as if they named them. An event goes to the
/// session that began last among those that run at its time. Returns the events that fit none.
fn join(sessions: &mut [Found<'_>], lines: &[Line<'_>], positions: Vec<usize>, rules: Rules<'_>) -> Vec<usize> {
    let switches = &rules.settings.switches;
    let role = |position: usize| Role::of(lines[position].class, switches);
    let keeps_alive = |position: &usize| matches!(role(*position), Role::Opens | Role::Extends);
    // The last event of each session that names it and keeps it alive. An end before that event does not close the
    // session.
    let kept: Vec<usize> = sessions
        .iter()
        .map(|session| session.members.iter().copied().rfind(keeps_alive).unwrap_or(session.last))
        .collect();
    let (mut begun, mut rest) = (Begun::default(), Vec::new());
    for position in positions {
        let at = lines[position].row.time;
        let is_over =
            |session: &Found<'_>| at > session.attaches_until || session.end.is_some_and(|end| end < position);
        let Some(number) = begun.latest(sessions, at, is_over) else {
            rest.push(position);
            continue;
        };
        let session = &mut sessions[number];
        session.members.push(position);
        match role(position) {
            Role::Opens | Role::Extends => session.extend(at, switches),
            Role::Ends if position > kept[number] => session.close(position),
            Role::Ends | Role::Attaches => {}
        }
    }
    sessions.iter_mut().for_each(|session| session.members.sort_unstable());
    rest
}
