//! Sessions that the processor makes from logs, called in the order in which the store calls it.
//!
//! | module | what it tests |
//! | --- | --- |
//! | `boundary` | when a session ends, for every way to cut |
//! | `columns` | what a session says |
//! | `identity` | who is who |
//! | `oracle` | random logs against a second, slow implementation |

mod boundary;
mod columns;
mod identity;
mod oracle;

use crate::edge::EDGES;
use crate::line::{LINES, LineRow};
use crate::link::LINKS;
use crate::presence::{PRESENCE, PresenceRow};
use crate::preset::Switches;
use crate::session::{SESSIONS, SessionRow};
use crate::{MANIFEST, Settings, Tracking};
use chrono::{DateTime, TimeDelta, Utc};
use sessionmill_contract::activity::{Campaign, Class, Device, Geo, Link};
use sessionmill_contract::{
    Activity, Cell, Cells as _, Event, FactRow, Inputs, Processor, Row, RowRef, Rows, Said, SourceFile, Table, Value,
};
use std::collections::BTreeMap;

/// An event of a web log.
#[derive(Clone, Debug)]
struct Web {
    file: &'static str,
    line: u64,
    id: Option<String>,
    /// Whether the id is not a hash of the content.
    has_own_id: bool,
    at: DateTime<Utc>,
    class: Class,
    name: &'static str,
    who: String,
    client: Option<String>,
    url: Option<&'static str>,
    referrer: Option<&'static str>,
    campaign: Option<&'static str>,
    clicks: &'static [(&'static str, &'static str)],
    /// User, anonymous id, and whether it is forced.
    link: Option<(String, String, bool)>,
    device: Device<'static>,
    properties: &'static str,
}

/// 10:00 on a Monday, plus `seconds` and `micros`.
fn at(seconds: i64, micros: i64) -> DateTime<Utc> {
    let ten = "2026-03-02T10:00:00Z".parse::<DateTime<Utc>>().unwrap();
    ten + TimeDelta::seconds(seconds) + TimeDelta::microseconds(micros)
}

impl Web {
    /// A page view by Ada, `seconds` after 10:00.
    fn view(seconds: i64) -> Self {
        Self {
            file: "shop/a.jsonl",
            line: 0,
            id: None,
            has_own_id: true,
            at: at(seconds, 0),
            class: Class::View,
            name: "$pageview",
            who: "ada".to_owned(),
            client: None,
            url: Some("https://shop.example/"),
            referrer: None,
            campaign: None,
            clicks: &[],
            link: None,
            device: Device::default(),
            properties: "{}",
        }
    }

    fn of(class: Class, name: &'static str, seconds: i64) -> Self {
        Self { class, name, url: None, ..Self::view(seconds) }
    }

    fn event(seconds: i64) -> Self {
        Self::of(Class::Event, "add to cart", seconds)
    }

    fn by(self, who: &str) -> Self {
        Self { who: who.to_owned(), ..self }
    }

    fn in_session(self, client: &str) -> Self {
        Self { client: Some(client.to_owned()), ..self }
    }

    fn linking(self, user: &str, anonymous: &str) -> Self {
        Self { link: Some((user.to_owned(), anonymous.to_owned(), false)), ..self }
    }

    fn micros(self, micros: i64) -> Self {
        Self { at: self.at + TimeDelta::microseconds(micros), ..self }
    }
}

/// Numbers the lines of each file in the order in which they stand.
fn numbered(events: &[Web]) -> Vec<Web> {
    let mut lines: BTreeMap<&str, u64> = BTreeMap::new();
    let number = |event: &Web| {
        let line = lines.entry(event.file).or_default();
        *line += 1;
        Web { line: *line, ..event.clone() }
    };
    events.iter().map(number).collect()
}

/// The facts of all files.
fn folded(tracking: &Tracking, events: &[Web]) -> Vec<(SourceFile, Rows)> {
    let mut files: Vec<SourceFile> = Vec::new();
    for event in events {
        let (username, _) = event.file.split_once('/').unwrap();
        let file = SourceFile::new(event.file, username);
        if !files.contains(&file) {
            files.push(file);
        }
    }
    let folded = files.into_iter().map(|file| {
        let mut fold = tracking.open(&file);
        for event in events.iter().filter(|event| event.file == file.session_file) {
            let link =
                event.link.as_ref().map(|(user, anonymous, is_forced)| Link { user, anonymous, is_forced: *is_forced });
            let links: Vec<Link<'_>> = link.into_iter().collect();
            let activity = Activity {
                class: event.class,
                name: event.name,
                part: 0,
                has_own_id: event.has_own_id,
                distinct_id: &event.who,
                client_session_id: event.client.as_deref(),
                links: &links,
                url: event.url,
                path: None,
                referrer: event.referrer,
                campaign: Campaign { name: event.campaign, ..Campaign::default() },
                click_ids: event.clicks,
                device: event.device,
                geo: Geo::default(),
                properties: event.properties,
                replay: None,
            };
            let said = Said::Activity(&activity);
            fold.event(&Event { line: event.line, time: Some(event.at), id: event.id.as_deref(), said });
        }
        let mut rows = Rows::default();
        fold.finish(&mut rows).unwrap();
        (file, rows)
    });
    folded.collect()
}

/// The facts of one table by a key, in the order that the settlement declares.
fn by_key<'f>(
    files: &'f [(SourceFile, Rows)],
    table: &Table,
    key: impl Fn(&str) -> String,
) -> BTreeMap<String, Vec<FactRow<'f>>> {
    let settlement = MANIFEST.settlement_of(table).unwrap();
    let position = table.position(settlement.key.unwrap()).unwrap();
    let mut keys: BTreeMap<String, Vec<FactRow<'_>>> = BTreeMap::new();
    for (file, rows) in files {
        for values in rows.of(table) {
            let fact = FactRow { session_file: &file.session_file, username: &file.username, values };
            keys.entry(key(values.cell(position).as_str().unwrap())).or_default().push(fact);
        }
    }
    let cell = |fact: &FactRow<'_>, column: &&str| match table.position(column) {
        None => (0, fact.session_file.to_owned()),
        Some(position) => match fact.values.cell(position) {
            Cell::Time(at) => (at.timestamp_micros(), String::new()),
            Cell::Int(int) => (int, String::new()),
            Cell::Text(text) => (0, text.to_owned()),
            other => panic!("{other:?}"),
        },
    };
    for facts in keys.values_mut() {
        facts.sort_by_key(|fact| settlement.order.iter().map(|column| cell(fact, column)).collect::<Vec<_>>());
    }
    keys
}

/// Cuts the facts of a key at each pause longer than `gap`, except inside a client session.
fn islands<'i, 'f>(facts: &'i [FactRow<'f>], gap: TimeDelta) -> Vec<&'i [FactRow<'f>]> {
    let line = |fact: &FactRow<'f>| LineRow::read(fact.values).unwrap();
    let time = |fact: &FactRow<'f>| line(fact).time;
    let span = |fact: &FactRow<'f>| line(fact).client_session_id;
    let is_torn = |cut: usize| {
        facts[..cut].iter().any(|fact| span(fact).is_some() && facts[cut..].iter().any(|f| span(f) == span(fact)))
    };
    let is_cut = |cut: &usize| time(&facts[*cut]) - time(&facts[*cut - 1]) > gap && !is_torn(*cut);
    let cuts: Vec<usize> = std::iter::once(0).chain((1..facts.len()).filter(is_cut)).chain([facts.len()]).collect();
    cuts.windows(2).map(|pair| &facts[pair[0]..pair[1]]).collect()
}

/// Whether the facts of a key are cut into islands, as the store cuts them.
#[derive(Clone, Copy, PartialEq)]
enum Cut {
    Islands,
    Nowhere,
}

/// Settles everything.
fn settled(tracking: &Tracking, files: &[(SourceFile, Rows)], cut: Cut) -> Rows {
    let [links, sessions] = MANIFEST.settlements else { panic!() };
    let mut entities = Rows::default();
    for (node, facts) in by_key(files, &LINKS, str::to_owned) {
        let inputs = Inputs { facts: &facts, edges: &[], reviews: &[] };
        tracking.settle(links, &node, inputs, &mut entities).unwrap();
    }
    let edges: Vec<Vec<Value>> = entities.of(&EDGES).map(RowRef::to_vec).collect();
    let ends = |edge: &[Value]| [2, 3].map(|column| edge[column].as_str().unwrap().to_owned());
    let mut group: BTreeMap<String, String> = BTreeMap::new();
    edges.iter().flat_map(|edge| ends(edge)).for_each(|id| _ = group.insert(id.clone(), id));
    for _ in 0..group.len() {
        for edge in &edges {
            let ends = ends(edge);
            let smallest = group[&ends[0]].clone().min(group[&ends[1]].clone());
            ends.into_iter().for_each(|id| _ = group.insert(id, smallest.clone()));
        }
    }
    for (key, facts) in by_key(files, &LINES, |id| group.get(id).cloned().unwrap_or(id.to_owned())) {
        let own: Vec<_> = edges.iter().filter(|edge| group[&ends(edge)[0]] == key).cloned().collect();
        let gap = TimeDelta::from_std(tracking.gap(sessions)).unwrap();
        let parts = if cut == Cut::Islands { islands(&facts, gap) } else { vec![&facts[..]] };
        for facts in parts {
            let inputs = Inputs { facts, edges: &own, reviews: &[] };
            tracking.settle(sessions, &key, inputs, &mut entities).unwrap();
        }
    }
    entities
}

/// The rows of the sessions of a log, by their start.
fn rows(settings: Settings, events: &[Web]) -> Rows {
    let tracking = Tracking::new(settings, None);
    settled(&tracking, &folded(&tracking, &numbered(events)), Cut::Islands)
}

/// The result of a function for each session, ordered by start.
fn each_session<T>(rows: &Rows, tell: impl Fn(&SessionRow<'_>) -> T) -> Vec<T> {
    let mut sessions: Vec<SessionRow<'_>> = rows.of(&SESSIONS).map(|row| SessionRow::read(row).unwrap()).collect();
    sessions.sort_by_key(|session| (session.started_at, session.person_id, session.session_id));
    sessions.iter().map(tell).collect()
}

/// The result of a function for each id of a person.
fn people<T>(rows: &Rows, tell: impl Fn(&PresenceRow<'_>) -> T) -> Vec<T> {
    rows.of(&PRESENCE).map(|row| tell(&PresenceRow::read(row).unwrap())).collect()
}

/// Settings with the switches of a preset.
fn preset(name: &str) -> Settings {
    Settings { switches: Switches::by_name(name).unwrap(), ..Settings::default() }
}

/// Seconds after ten at which a session starts and is last active, why it ends, and its views and events.
fn outline(session: &SessionRow<'_>) -> String {
    let seconds = |time: DateTime<Utc>| time.signed_duration_since(at(0, 0)).num_seconds();
    format!(
        "{}-{} {} {}/{}",
        seconds(session.started_at),
        seconds(session.last_at),
        session.close_reason,
        session.page_views,
        session.event_count
    )
}

fn outlines(settings: Settings, events: &[Web]) -> Vec<String> {
    each_session(&rows(settings, events), outline)
}
