//! A processor for the tests of groups and islands: visits of people, who can have several ids, and links between these
//! ids; with a naive second implementation.
//!
//! ```text
//! links ─▶ edges ┐
//! visits ────────┴─▶ stays, days ─▶ totals of days
//! ```

use crate::world::World;
use chrono::{DateTime, TimeDelta, Utc};
use sessionmill::store::{Access, Store};
use sessionmill_contract::{
    Agent, Bound, Edges, Event, Failure, FailureClass, Fold, Inputs, Islands, Manifest, Processor, Row as _, Rows,
    Said, Settlement, SourceFile, table,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

table! {
    static LINKS: Table = "test_links", Hidden;

    struct LinkRow<'a> {
        link: &'a str,
        line: u64,
        one: &'a str,
        other: &'a str,
    }
}

table! {
    static EDGES: Table = "test_edges", Hidden;

    struct EdgeRow<'a> {
        link: &'a str,
        one: &'a str,
        other: &'a str,
    }
}

table! {
    static VISITS: Table = "test_visits", Hidden;

    struct VisitRow<'a> {
        person: &'a str,
        line: u64,
        time: DateTime<Utc>,
        span: Option<&'a str>,
        value: i64,
    }
}

table! {
    static STAYS: Table = "test_stays", Hidden;

    struct StayRow<'a> {
        person: &'a str,
        started_at: DateTime<Utc>,
        places: &'a str,
        edges: &'a str,
        ends: Option<DateTime<Utc>>,
    }
}

table! {
    static DAYS: Table = "test_days", Hidden;

    struct DayRow<'a> {
        person: &'a str,
        started_at: DateTime<Utc>,
        day: &'a str,
        sum: i64,
    }
}

table! {
    static TOTALS: Table = "test_totals", Hidden;

    struct TotalRow<'a> {
        day: &'a str,
        people: &'a str,
        total: i64,
    }
}

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS facts.test_links (session_file VARCHAR, username VARCHAR, key_hash BIGINT,
        link VARCHAR, line BIGINT, one VARCHAR, other VARCHAR);
    CREATE TABLE IF NOT EXISTS facts.test_edges (key_hash BIGINT, link VARCHAR, one VARCHAR, other VARCHAR);
    CREATE TABLE IF NOT EXISTS facts.test_visits (session_file VARCHAR, username VARCHAR, key_hash BIGINT,
        person VARCHAR, line BIGINT, time TIMESTAMP, span VARCHAR, value BIGINT);
    CREATE TABLE IF NOT EXISTS facts.test_stays (
        key_hash BIGINT, person VARCHAR, started_at TIMESTAMP, places VARCHAR, edges VARCHAR, ends TIMESTAMP);
    CREATE TABLE IF NOT EXISTS facts.test_days (
        key_hash BIGINT, chain_hash BIGINT, person VARCHAR, started_at TIMESTAMP, day VARCHAR, sum BIGINT);
    CREATE TABLE IF NOT EXISTS facts.test_totals (key_hash BIGINT, day VARCHAR, people VARCHAR, total BIGINT)";

const PLAIN: Settlement = Settlement {
    name: "links",
    version: 1,
    facts: &LINKS,
    key: Some("link"),
    edges: None,
    islands: None,
    order: &["session_file", "line"],
    reviews: None,
    entities: &[&EDGES],
    clusters: None,
    expires: None,
    alone: None,
};

static MANIFEST: Manifest = Manifest {
    name: "visits",
    version: 1,
    cadence: Duration::from_secs(60),
    bound: Bound::Cpu,
    facts: &[&VISITS, &LINKS],
    settlements: &[
        PLAIN,
        Settlement {
            name: "stays",
            facts: &VISITS,
            key: Some("person"),
            edges: Some(&Edges { table: &EDGES, ids: ["one", "other"] }),
            islands: Some(&Islands { at: "time", span: "span", start: "started_at" }),
            entities: &[&STAYS, &DAYS],
            expires: Some("ends"),
            alone: None,
            ..PLAIN
        },
        Settlement {
            name: "days",
            facts: &DAYS,
            key: Some("day"),
            order: &["person", "started_at"],
            entities: &[&TOTALS],
            ..PLAIN
        },
    ],
};

/// Prompts are `visit <person> <µs> <span or -> <value>` and `link <name> <id> <id>`.
pub struct Visits {
    pub gap: TimeDelta,
    /// Keys that cannot be settled, given by a value of one of their visits.
    pub faulty: BTreeSet<i64>,
    /// Entities have a time this much later than their first fact.
    pub late: TimeDelta,
    /// Keys that were settled, with the number of facts that were available.
    pub seen: Mutex<Vec<String>>,
}

impl Default for Visits {
    fn default() -> Self {
        let (gap, late) = (TimeDelta::seconds(10), TimeDelta::zero());
        Self { gap, faulty: BTreeSet::new(), late, seen: Mutex::default() }
    }
}

/// The time of the first pass of a world.
fn first_pass() -> DateTime<Utc> {
    DateTime::from_timestamp(40_000 * 86_400, 0).unwrap()
}

/// When a stay ends.
pub fn end(sum: i64) -> Option<DateTime<Utc>> {
    (sum % 3 == 0).then(|| first_pass() + TimeDelta::hours(sum))
}

fn day(person: &str, at: DateTime<Utc>) -> String {
    format!("{}/{}", at.timestamp() / 60, person.len() % 2)
}

impl Processor for Visits {
    fn manifest(&self) -> &Manifest {
        &MANIFEST
    }

    fn open<'s>(&'s self, _: &'s SourceFile) -> Box<dyn Fold + 's> {
        Box::new(Lines(Vec::new()))
    }

    fn gap(&self, of: &Settlement) -> Duration {
        assert!(of.islands.is_some());
        self.gap.to_std().unwrap()
    }

    fn settle(&self, of: &Settlement, key: &str, inputs: Inputs<'_>, entities: &mut Rows) -> Result<(), Failure> {
        self.seen.lock().unwrap().push(format!("{} {key} {}", of.name, inputs.facts.len()));
        match of.name {
            "links" => {
                let LinkRow { one, other, .. } = LinkRow::read(inputs.facts[0].values)?;
                entities.push(EdgeRow { link: key, one, other });
            }
            "days" => {
                let (mut people, mut total) = (String::new(), 0);
                for fact in inputs.facts {
                    let DayRow { person, sum, .. } = DayRow::read(fact.values)?;
                    people += &format!("{person} ");
                    total += sum;
                }
                entities.push(TotalRow { day: key, people: &people, total });
            }
            _ => {
                let (mut sum, mut places, mut started_at) = (0, String::new(), None);
                for fact in inputs.facts {
                    let VisitRow { person, line, time: at, value, .. } = VisitRow::read(fact.values)?;
                    if self.faulty.contains(&value) {
                        return Err(Failure::new(FailureClass::Transient, "not this one"));
                    }
                    places += &format!("{}:{line}={person} ", fact.session_file);
                    sum += value;
                    started_at = Some(started_at.map_or(at, |first: DateTime<Utc>| first.min(at)));
                }
                let started_at = started_at.unwrap() + self.late;
                let mut edges = String::new();
                for edge in inputs.edges {
                    let EdgeRow { link, .. } = EdgeRow::read(edge)?;
                    edges += &format!("{link} ");
                }
                entities.push(StayRow { person: key, started_at, places: &places, edges: &edges, ends: end(sum) });
                entities.push(DayRow { person: key, started_at, day: &day(key, started_at), sum });
            }
        }
        Ok(())
    }
}

struct Lines(Vec<(u64, String)>);

impl Fold for Lines {
    fn event(&mut self, event: &Event<'_>) {
        if let Said::Agent(_, Agent::Prompt { text }) = event.said {
            self.0.push((event.line, text.to_owned()));
        }
    }

    fn held(&self) -> usize {
        self.0.len()
    }

    fn finish(self: Box<Self>, facts: &mut Rows) -> Result<(), Failure> {
        for (line, text) in self.0.into_iter().rev() {
            match text.split(' ').collect::<Vec<_>>()[..] {
                ["visit", person, at, span, value] => {
                    let at = DateTime::from_timestamp_micros(at.parse().unwrap()).unwrap();
                    let span = Some(span).filter(|span| *span != "-");
                    facts.push(VisitRow { person, line, time: at, span, value: value.parse().unwrap() });
                }
                ["link", link, one, other] => facts.push(LinkRow { link, line, one, other }),
                _ => panic!("{text}"),
            }
        }
        Ok(())
    }
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// Person, µs, span, value.
    Visit(String, i64, Option<String>, i64),
    Link(String, String, String),
}

pub fn visit(person: &str, micros: i64, span: Option<&str>, value: i64) -> Line {
    Line::Visit(person.into(), micros, span.map(str::to_owned), value)
}

pub fn link(name: &str, one: &str, other: &str) -> Line {
    Line::Link(name.into(), one.into(), other.into())
}

pub fn text(lines: &[Line]) -> String {
    let line = |line: &Line| {
        let said = match line {
            Line::Visit(person, at, span, value) => {
                format!("visit {person} {at} {} {value}", span.as_deref().unwrap_or("-"))
            }
            Line::Link(name, one, other) => format!("link {name} {one} {other}"),
        };
        format!("{{\"role\":\"user\",\"content\":\"{said}\"}}\n")
    };
    lines.iter().map(line).collect()
}

/// A world with the tables of the processor.
pub fn world() -> World {
    let world = World::new();
    world.pass();
    execute(&world, TABLES);
    world
}

pub fn execute(world: &World, sql: &str) {
    Store::open(&world.database(), Access::ReadWrite).unwrap().connection().execute_batch(sql).unwrap();
}

/// A pass; returns what was settled.
pub fn pass(world: &World, visits: &Visits) -> Vec<String> {
    visits.seen.lock().unwrap().clear();
    let counts = world.pass_of(&[visits]).unwrap().remove(0);
    assert_eq!(counts.errors, 0);
    visits.seen.lock().unwrap().clone()
}

type Files = BTreeMap<&'static str, Vec<Line>>;

/// The expected rows of stays and of totals of days, beginning with their keys, without those that have ended at `now`.
pub fn oracle(files: &Files, gap: TimeDelta, now: DateTime<Utc>) -> Vec<String> {
    let (mut links, mut visits) = (BTreeMap::new(), Vec::new());
    for (file, lines) in files {
        for (number, line) in (1..).zip(lines) {
            match line {
                Line::Link(name, one, other) => drop(links.entry(name).or_insert((one, other))),
                Line::Visit(person, at, span, value) => visits.push((*file, number, person, *at, span, *value)),
            }
        }
    }
    let mut key: BTreeMap<&String, &String> = visits.iter().map(|(_, _, person, ..)| (*person, *person)).collect();
    key.extend(links.values().flat_map(|(one, other)| [(*one, *one), (*other, *other)]));
    for _ in 0..key.len() {
        for (one, other) in links.values() {
            let smallest = key[one].min(key[other]);
            key.extend([(*one, smallest), (*other, smallest)]);
        }
    }
    let mut rows = Vec::new();
    let mut days: BTreeMap<String, Vec<(&String, i64, i64)>> = BTreeMap::new();
    for group in key.values().collect::<BTreeSet<_>>() {
        let edges: String =
            links.iter().filter(|(_, (one, _))| key[one] == *group).map(|(name, _)| format!("{name} ")).collect();
        let mut own: Vec<_> = visits.iter().filter(|(_, _, person, ..)| key[person] == *group).collect();
        own.sort_by_key(|(.., at, _, _)| *at);
        let mut islands = Vec::new();
        for (number, fact) in own.iter().enumerate() {
            let before = &own[..number];
            let all: Vec<_> = own.iter().map(|fact| fact.4.clone()).collect();
            let spans = |of: &[Option<String>]| of.iter().flatten().cloned().collect::<BTreeSet<_>>();
            let is_near = before.last().is_some_and(|last| fact.3 - last.3 <= gap.num_microseconds().unwrap());
            if !is_near && spans(&all[..number]).is_disjoint(&spans(&all[number..])) {
                islands.push(Vec::new());
            }
            islands.last_mut().unwrap().push(**fact);
        }
        for mut island in islands {
            island.sort();
            let started = island.iter().map(|fact| fact.3).min().unwrap();
            let sum: i64 = island.iter().map(|fact| fact.5).sum();
            let places: String =
                island.iter().map(|(file, line, person, ..)| format!("{file}:{line}={person} ")).collect();
            let started_at = DateTime::from_timestamp_micros(started).unwrap();
            days.entry(day(group, started_at)).or_default().push((group, started, sum));
            if end(sum).is_none_or(|end| end > now) {
                rows.push(format!("{group}|{started}|{places}|{edges}"));
            }
        }
    }
    for (day, mut stays) in days {
        stays.sort();
        let people: String = stays.iter().map(|(person, ..)| format!("{person} ")).collect();
        rows.push(format!("{day}|{}|{people}|", stays.iter().map(|(.., sum)| sum).sum::<i64>()));
    }
    rows.sort();
    rows
}

/// The stored rows of these.
pub fn rows(world: &World) -> Vec<String> {
    let sql = "SELECT person, epoch_us(started_at), places, edges FROM facts.test_stays
               UNION ALL SELECT day, total, people, '' FROM facts.test_totals";
    let mut rows = world.rows(sql);
    rows.sort();
    rows
}

/// All stored rows, by table.
pub fn dump(world: &World, columns: &str) -> Vec<String> {
    let tables = [
        "test_edges",
        "test_visits",
        "test_stays",
        "test_days",
        "test_totals",
        "key_groups",
        "touched_keys",
        "touched_moments",
    ];
    tables
        .iter()
        .flat_map(|table| world.rows(&format!("SELECT '{table}', {columns} FROM facts.{table} ORDER BY ALL")))
        .collect()
}
