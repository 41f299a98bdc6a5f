//! The output of the processors for the fixtures, compared byte by byte: the facts of each file without a database, and
//! the settled entities over all files with one.
//!
//! `UPDATE_EXPECTED=1 cargo test golden` writes the expected files; what it writes must be checked
//! against COUNTING before it is committed.
//!
//! A row is a line of `column=value`. Nulls are left out, and so are zeros and `false` in columns that cannot be null.
//! Fixtures whose names end in a word after a number (`resume-1-original`) belong together: they contain copies of the
//! same responses.

#![allow(clippy::disallowed_methods, reason = "no database is read as a file here")]

use crate::world::World;
use duckdb::types::{TimeUnit, Value as Cell};
use sessionmill::base::limits::{Allowance, Limits};
use sessionmill::base::moment::{Clock, Moment};
use sessionmill::plugs::PLUGS;
use sessionmill::read::batch::{self, Queue};
use sessionmill::read::job::Job;
use sessionmill::read::{Caps, Outcome, Read, Reader, Verdict};
use sessionmill::source::open::Root;
use sessionmill::source::scan;
use sessionmill::source::{Layout, Source};
use sessionmill::store::{Access, Store};
use sessionmill_contract::{Columns, FactRow, Inputs, Processor as _, Rows, Settlement, Table, Value};
use sessionmill_tasks::event as task_event;
use sessionmill_usage::{Usage, copy, holder, response, session, tool_event};
use sessionmill_verification::claim;
use sessionmill_verification::evidence::EVIDENCE;
use sessionmill_verification::item::ITEMS;
use sessionmill_verification::relation::RELATIONS;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Columns in which null does not mean 0 or `false`.
const NULLABLE: [&str; 4] = ["active_seconds", "is_error", "reported_cost_micro_usd", "wall_seconds"];

pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The names of all fixtures, as in the ledger, in order.
pub(crate) fn names() -> Vec<String> {
    walk().into_iter().map(|found| found.file.session_file).collect()
}

fn walk() -> Vec<scan::Found> {
    let source = Source::new("sessions", fixtures().join("sessions"), Layout::Users);
    let roots = scan::roots(std::slice::from_ref(&source)).unwrap();
    scan::sessions(&[source], &roots, "tester").unwrap().found
}

#[test]
fn golden_facts_of_each_file_are_the_expected_ones() {
    let roots = [Root::open(&fixtures().join("sessions")).unwrap()];
    let processors = &PLUGS.processors();
    let (clock, limits) = (Clock::begin(Moment::now()), Limits::default());
    let caps = Caps::default();
    let reader = Reader { marks: None, roots: &roots, processors, caps, allowance: &Allowance::new(&limits, &clock) };
    let job = |found: scan::Found| {
        let stat = found.stat.unwrap();
        Job { file: found.file, source: 0, path: found.path, stat, due: (0..processors.len()).collect(), known: None }
    };
    let jobs: Vec<_> = walk().into_iter().map(job).collect();
    let mut wrong = Vec::new();
    batch::read(&Queue::new(&jobs), &reader, |Outcome { job, result }| {
        let name = &job.file.session_file;
        let read = result.unwrap_or_else(|refusal| panic!("{name}: {refusal:?}"));
        let expected = fixtures().join("sessions").join(name).with_extension("rows");
        wrong.extend(difference(&expected, &facts(&read)));
        true
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn golden_entities_over_all_files_are_the_expected_ones() {
    let world = World::new();
    for name in names() {
        world.write(&name, fs::read(fixtures().join("sessions").join(&name)).unwrap());
    }
    let counts = world.pass();
    assert_eq!((counts.processed, counts.errors, counts.unsettled_keys), (names().len() as u64, 0, 0), "{counts:?}");
    let mut text = String::new();
    let tables = [
        ("main", &response::RESPONSES, "message_id, part"),
        ("facts", &holder::SHARED, "message_id, username"),
        ("main", &tool_event::TOOL_EVENTS, "event_id"),
        ("facts", &ITEMS, "ALL"),
        ("facts", &EVIDENCE, "ALL"),
        ("facts", &RELATIONS, "ALL"),
    ];
    for (schema, table, order) in tables {
        writeln!(text, "{}", table.name).unwrap();
        let sql = format!("SELECT {} FROM {schema}.{} ORDER BY {order}", table.list(), table.name);
        for values in stored(&world, &sql, table.columns.len()) {
            text += &row(table, &values);
        }
        text.push('\n');
    }
    let wrong = difference(&fixtures().join("sessions.settled"), &text);
    assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
}

/// If an entity is a fact as it is, the view shows the same as settling would give.
#[test]
fn facts_that_are_not_settled_are_shown_as_if_they_were() {
    let world = World::new();
    for name in names() {
        world.write(&name, fs::read(fixtures().join("sessions").join(&name)).unwrap());
    }
    world.pass();
    let alone = Usage.manifest().settlements.iter().filter(|settlement| settlement.alone.is_some());
    let mut compared = 0;
    for settlement in alone {
        let Settlement { facts, key: Some(key), entities: [entities, ..], .. } = settlement else {
            panic!("{settlement:?}")
        };
        let sql = format!(
            "SELECT session_file, username, {key}, {columns} FROM facts.{name} WHERE alone ORDER BY {key}",
            columns = facts.list(),
            name = facts.name
        );
        let all = stored(&world, &sql, 3 + facts.columns.len());
        let mut settled = Vec::new();
        for of_key in all.chunk_by(|a, b| a[2] == b[2]) {
            let text = |cells: &[Value], at: usize| cells[at].cell().as_str().unwrap().to_owned();
            let names: Vec<_> = of_key.iter().map(|cells| [0, 1].map(|at| text(cells, at))).collect();
            let mut columns = Columns::new(facts);
            of_key.iter().for_each(|cells| columns.push(cells[3..].iter().map(Value::cell)));
            let rows = names.iter().zip(columns.rows());
            let rows = rows.map(|([session_file, username], values)| FactRow { session_file, username, values });
            let (rows, mut out) = (rows.collect::<Vec<_>>(), Rows::default());
            let inputs = Inputs { facts: &rows, edges: &[], reviews: &[] };
            Usage.settle(settlement, &text(&of_key[0], 2), inputs, &mut out).unwrap();
            settled.extend(out.of(entities).map(|entity| row(entities, &entity.to_vec())));
            assert_eq!(settlement.entities[1..].iter().map(|table| out.of(table).count()).sum::<usize>(), 0);
        }
        let name = entities.name;
        let sql = format!("SELECT {} FROM main.{name} ANTI JOIN facts.{name} USING ({key})", entities.list());
        let shown = stored(&world, &sql, entities.columns.len());
        let mut shown: Vec<_> = shown.iter().map(|cells| row(entities, cells)).collect();
        settled.sort();
        shown.sort();
        assert_eq!(shown, settled);
        compared += shown.len();
    }
    assert!(compared > 100, "{compared}");
}

/// The rows of a query.
fn stored(world: &World, sql: &str, columns: usize) -> Vec<Vec<Value>> {
    let store = Store::open(&world.database(), Access::ReadOnly).unwrap();
    let mut statement = store.connection().prepare(sql).unwrap();
    let rows = statement.query_map([], |found| (0..columns).map(|column| Ok(value(found.get(column)?))).collect());
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

#[test]
fn golden_rows_and_fixtures_come_in_pairs() {
    let fixtures: BTreeSet<_> = files("jsonl").into_iter().map(|path| path.with_extension("")).collect();
    let rows: BTreeSet<_> = files("rows").into_iter().map(|path| path.with_extension("")).collect();
    assert!(!fixtures.is_empty());
    assert_eq!(fixtures, rows);
}

fn files(extension: &str) -> Vec<PathBuf> {
    let paths = walkdir::WalkDir::new(fixtures().join("sessions")).into_iter().map(|entry| entry.unwrap().into_path());
    paths.filter(|path| path.extension().is_some_and(|e| e == extension)).collect()
}

/// The tally and the facts of a file.
fn facts(read: &Read) -> String {
    let tally = read.tally.as_ref().unwrap();
    let mut text = format!("lines={} malformed={}\n", tally.lines, tally.malformed);
    for (name, count) in &tally.unknown {
        writeln!(text, "unknown type={} records={count}", quoted(name)).unwrap();
    }
    for (_, verdict) in &read.verdicts {
        let Verdict::Facts(facts) = verdict else { panic!("{verdict:?}") };
        for table in [&copy::COPIES, &tool_event::TOOL_CALLS, &session::SESSIONS, &claim::CLAIMS, &task_event::EVENTS] {
            let mut rows = facts.of(table).peekable();
            if rows.peek().is_some() {
                writeln!(text, "\n{}", table.name).unwrap();
                rows.for_each(|cells| text += &row(table, &cells.to_vec()));
            }
        }
    }
    text
}

fn row(table: &Table, values: &[Value]) -> String {
    let mut cells = Vec::new();
    for (column, value) in table.names().iter().zip(values) {
        let cell = match value {
            Value::Null => continue,
            Value::Bool(false) | Value::Int(0) if !NULLABLE.contains(column) => continue,
            Value::Bool(bool) => bool.to_string(),
            Value::Int(int) => int.to_string(),
            Value::Text(text) => quoted(text),
            Value::Time(time) => time.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string(),
        };
        cells.push(format!("{column}={cell}"));
    }
    cells.join(" ") + "\n"
}

/// Plain if the value has no character that could be taken for its end.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '=');
    if !text.is_empty() && text.chars().all(plain) { text.to_owned() } else { format!("{text:?}") }
}

fn value(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Boolean(bool) => Value::Bool(bool),
        Cell::BigInt(int) => Value::Int(int),
        Cell::Text(text) => Value::Text(text.into()),
        Cell::Timestamp(TimeUnit::Microsecond, micros) => {
            Value::Time(chrono::DateTime::from_timestamp_micros(micros).unwrap())
        }
        other => panic!("{other:?}"),
    }
}

/// The first line that differs, if any. Writes the file instead if `UPDATE_EXPECTED` is set.
pub(crate) fn difference(path: &Path, found: &str) -> Option<String> {
    if std::env::var_os("UPDATE_EXPECTED").is_some_and(|value| value == "1") {
        fs::write(path, found).unwrap();
        return None;
    }
    let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display();
    let Ok(expected) = fs::read_to_string(path) else { return Some(format!("`{name}` is missing")) };
    if expected == found {
        return None;
    }
    let differs = |(line, (a, b)): (usize, (Option<&str>, Option<&str>))| {
        (a != b).then(|| {
            let show = |text: Option<&str>| text.unwrap_or("(no line)").to_owned();
            format!("`{name}` line {}\n  expected: {}\n  found:    {}", line + 1, show(a), show(b))
        })
    };
    let (mut expected, mut found) = (expected.lines(), found.lines());
    let pairs = std::iter::from_fn(|| {
        let pair = (expected.next(), found.next());
        (pair != (None, None)).then_some(pair)
    });
    Some(pairs.enumerate().find_map(differs).unwrap_or_else(|| format!("`{name}`: only its last line feed differs")))
}
