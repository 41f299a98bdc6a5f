//! Settles random histories of tasks in random order. Compares the result with a second implementation that replays the
//! events one by one and shares no code with the first.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use sessionmill_contract::{FactRow, Inputs, Processor, Row, RowRef, Rows, TaskState, Value};
use sessionmill_tasks::event::{EVENTS, EventRow};
use sessionmill_tasks::link::{LINKS, LinkRow};
use sessionmill_tasks::release::{RELEASES, ReleaseRow};
use sessionmill_tasks::task::{TASKS, TaskRow};
use sessionmill_tasks::{Policy, Tasks};
use std::collections::BTreeMap;

const HISTORIES: u64 = 1_000;

/// An event in a file.
#[derive(Clone, Debug)]
struct FileEvent {
    file: &'static str,
    user: &'static str,
    row: EventRow<'static>,
}

/// A time this many seconds after a fixed day. The range is small, so many events have equal times.
fn second(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_772_366_400 + second, 0).unwrap()
}

fn one_of<T: Copy>(random: &mut Rng, all: &[T]) -> T {
    all[random.usize(..all.len())]
}

fn file_event(random: &mut Rng, task_id: &'static str, line: u64) -> FileEvent {
    let (file, user) = one_of(random, &[("ada/a.jsonl", "ada"), ("bob/b.jsonl", "bob"), ("eve/c.jsonl", "eve")]);
    let state = one_of(random, &TaskState::ALL).name();
    let row = EventRow {
        task_id,
        time: second(random.i64(0..8)),
        source: one_of(random, &["/runner", "/script"]),
        event_id: one_of(random, &[None, Some("1"), Some("2"), Some("3"), Some("4"), Some("5"), Some("6")]),
        sequence: one_of(random, &[None, None, Some("01"), Some("02")]),
        state,
        short_id: one_of(random, &[None, Some("s1"), Some("s1"), Some("s2"), Some(task_id)]),
        task_type: one_of(random, &[None, Some(kind(task_id))]),
        user_id: one_of(random, &[None, Some("u1"), Some("u2")]),
        attempt: one_of(random, &[1, 1, 1, 2, 3]),
        error: one_of(random, &[None, None, Some("no space")]),
        data: one_of(random, &[None, None, Some("{\"n\":1}"), Some("{\"n\":2}")]),
        is_guessed: random.u8(..10) == 0,
        line,
        task_name: None,
    };
    FileEvent { file, user, row }
}

/// The type of a task, given by the first letter of its id.
fn kind(task_id: &str) -> &'static str {
    match &task_id[..1] {
        "h" => "scenario_generation",
        "s" => "save_scenario",
        "x" => "scraping",
        _ => "image_analysis",
    }
}

fn policy(random: &mut Rng) -> Policy {
    let writers: &[&str] = one_of(random, &[&[][..], &["ada", "bob"][..]]);
    let writers = writers.iter().map(|name| (*name).to_owned()).collect();
    Policy { hold_max: TimeDelta::seconds(3), orphan_after: TimeDelta::seconds(5), writers, ..Policy::default() }
}

/// The processor's result for events that arrive in this order.
fn settled(processor: &Tasks, all: &[FileEvent]) -> (Vec<Vec<Value>>, Vec<Vec<Value>>) {
    let [first, second] = processor.manifest().settlements else { panic!("two settlements") };
    let inputs = |facts| Inputs { facts, edges: &[], reviews: &[] };
    let mut by_task: BTreeMap<&str, Vec<FactRow>> = BTreeMap::new();
    let mut events = Rows::default();
    all.iter().for_each(|event| events.push(event.row));
    for (FileEvent { file, user, row }, values) in all.iter().zip(events.of(&EVENTS)) {
        let fact = FactRow { session_file: file, username: user, values };
        by_task.entry(row.task_id).or_default().push(fact);
    }
    let mut tasks = Rows::default();
    for (task_id, facts) in &by_task {
        processor.settle(first, task_id, inputs(facts), &mut tasks).unwrap();
    }
    let mut by_group: BTreeMap<String, Vec<FactRow>> = BTreeMap::new();
    for values in tasks.of(&LINKS) {
        let fact = FactRow { session_file: "", username: "", values };
        let group = LinkRow::read(values).unwrap().short_id;
        by_group.entry(group.to_owned()).or_default().push(fact);
    }
    let mut releases = Rows::default();
    for (short_id, facts) in &by_group {
        processor.settle(second, short_id, inputs(facts), &mut releases).unwrap();
    }
    let all = |rows: &Rows, table| {
        let mut all: Vec<_> = rows.of(table).map(RowRef::to_vec).collect();
        all.sort_by_key(|row| format!("{row:?}"));
        all
    };
    (all(&tasks, &TASKS), all(&releases, &RELEASES))
}

/// The result of replaying the events of a task one by one.
#[derive(Clone, Debug, Default)]
struct Replay {
    highest: u64,
    ends: Vec<FileEvent>,
    created_at: Option<DateTime<Utc>>,
    first: Option<FileEvent>,
    last: Option<FileEvent>,
    short_id: Option<&'static str>,
    own_id: Option<&'static str>,
    task_type: Option<&'static str>,
    user_id: Option<&'static str>,
    error: Option<&'static str>,
    data: Option<&'static str>,
    completed: Vec<DateTime<Utc>>,
    count: u64,
    events: Vec<FileEvent>,
}

fn rank(state: &str) -> usize {
    ["created", "updated", "cancelled", "failed", "completed"].iter().position(|name| *name == state).unwrap()
}

/// The events of a task that count, without copies, in order.
fn in_order(policy: &Policy, all: &[FileEvent], task_id: &str) -> Vec<FileEvent> {
    let place = |event: &FileEvent| (event.file, event.row.line);
    let may = |event: &&FileEvent| policy.writers.is_empty() || policy.writers.contains(event.user);
    let own: Vec<_> = all.iter().filter(|event| event.row.task_id == task_id).filter(may).collect();
    let is_copy = |event: &FileEvent, of: &FileEvent| {
        let same = event.row.event_id.is_some() && event.row.event_id == of.row.event_id;
        same && event.row.source == of.row.source && place(of) < place(event)
    };
    let mut left: Vec<_> = own.iter().filter(|event| !own.iter().any(|of| is_copy(event, of))).collect();
    // A line that was given several times counts once.
    left.sort_by_key(|event| place(event));
    left.dedup_by_key(|event| place(event));
    let mut ordered: Vec<FileEvent> = Vec::new();
    while !left.is_empty() {
        let earliest = (0..left.len()).min_by(|a, b| {
            let [a, b] = [left[*a], left[*b]];
            let by_time = a.row.time.cmp(&b.row.time).then(a.row.source.cmp(b.row.source));
            let by_sequence = by_time.then(a.row.sequence.unwrap_or("").cmp(b.row.sequence.unwrap_or("")));
            by_sequence.then(rank(a.row.state).cmp(&rank(b.row.state))).then(place(a).cmp(&place(b)))
        });
        ordered.push((**left.remove(earliest.unwrap())).clone());
    }
    ordered
}

fn replay(policy: &Policy, all: &[FileEvent], task_id: &'static str) -> Replay {
    let mut replay = Replay::default();
    for event in in_order(policy, all, task_id) {
        let row = event.row;
        match row.state {
            "created" => {
                replay.created_at = replay.created_at.or(Some(row.time));
                if row.attempt > replay.highest {
                    replay.highest = row.attempt;
                    replay.ends.retain(|end| end.row.attempt >= row.attempt);
                }
            }
            "updated" => {}
            _ if row.attempt >= replay.highest => replay.ends.push(event.clone()),
            _ => {}
        }
        if row.state == "completed" {
            replay.completed.push(row.time);
        }
        match row.short_id {
            Some(id) if id == task_id => replay.own_id = Some(id),
            Some(id) => replay.short_id = Some(id),
            None => {}
        }
        replay.task_type = row.task_type.or(replay.task_type);
        replay.user_id = row.user_id.or(replay.user_id);
        replay.error = row.error.or(replay.error);
        replay.data = row.data.or(replay.data);
        replay.first = replay.first.or(Some(event.clone()));
        replay.last = Some(event.clone());
        replay.count += 1;
        replay.events.push(event);
    }
    replay.short_id = replay.short_id.or(replay.own_id);
    replay
}

const TASK_IDS: [&str; 6] = ["h1", "h2", "s1", "s2", "x1", "i1"];

/// The result that the processor must give.
fn expected(policy: &Policy, all: &[FileEvent]) -> (Vec<Vec<Value>>, Vec<Vec<Value>>) {
    let replays = TASK_IDS.map(|task_id| (task_id, replay(policy, all, task_id)));
    let (mut tasks, mut releases) = (Vec::new(), Vec::new());
    for (task_id, replay) in &replays {
        let (Some(first), Some(last), Some(short_id)) = (&replay.first, &replay.last, replay.short_id) else {
            continue;
        };
        if replay.task_type == Some("scraping") {
            continue;
        }
        let end = replay.ends.last();
        let is_held = end.is_some() && replay.task_type == Some("scenario_generation");
        let created_at = replay.created_at.unwrap_or(first.row.time);
        let closes_at = match end {
            Some(end) if is_held => end.row.time + TimeDelta::seconds(3),
            Some(end) => end.row.time,
            None => last.row.time + TimeDelta::seconds(5),
        };
        let given = all.iter().filter(|event| event.row.task_id == *task_id).count() as u64;
        let of_attempt = |event: &&FileEvent| event.row.attempt >= replay.highest;
        let began = replay.events.iter().find(of_attempt).map(|event| event.row.time);
        let row = TaskRow {
            task_id,
            short_id,
            task_type: replay.task_type,
            username: first.user,
            user_id: replay.user_id,
            state: end.map_or("active", |end| end.row.state),
            is_held,
            is_inferred: replay.highest == 0,
            is_guessed: end.is_some_and(|end| end.row.is_guessed),
            attempt: replay.events.iter().map(|event| event.row.attempt).max().unwrap(),
            created_at,
            updated_at: last.row.time,
            ended_at: end.map(|end| end.row.time),
            attempt_began_at: began.filter(|_| replay.highest > 0),
            closes_at,
            expires_at: closes_at + TimeDelta::days(7),
            error: replay.error,
            data: replay.data,
            events: replay.count,
            ignored_events: given - replay.count,
            session_file: first.file,
            line: first.row.line,
        };
        tasks.push(row.values());
        let Some(end) = end.filter(|_| is_held) else { continue };
        let mut saved: Vec<_> = replays
            .iter()
            .filter(|(_, other)| other.short_id == Some(short_id) && other.task_type == Some("save_scenario"))
            .flat_map(|(_, other)| other.completed.clone())
            .filter(|saved| *saved >= created_at)
            .collect();
        saved.sort();
        // Time passes second by second until the task is closed.
        let mut moment = end.row.time;
        let close_reason = loop {
            if saved.first().is_some_and(|saved| *saved <= moment) {
                break if moment == end.row.time { "ended" } else { "released" };
            }
            if moment - end.row.time >= TimeDelta::seconds(3) {
                break "hold_max";
            }
            moment += TimeDelta::seconds(1);
        };
        let expires_at = moment + TimeDelta::days(7);
        let row = ReleaseRow { short_id, task_id, ended_at: end.row.time, closes_at: moment, close_reason, expires_at };
        releases.push(row.values());
    }
    for rows in [&mut tasks, &mut releases] {
        rows.sort_by_key(|row| format!("{row:?}"));
    }
    (tasks, releases)
}

#[test]
fn tasks_are_the_same_in_any_order_of_their_events() {
    for seed in 0..HISTORIES {
        let random = &mut Rng::with_seed(seed);
        let processor = Tasks::new(policy(random));
        let policy = policy(&mut Rng::with_seed(seed));
        let mut all = Vec::new();
        for line in 1..=random.u64(1..30) {
            let task_id = one_of(random, &TASK_IDS);
            all.push(file_event(random, task_id, line));
        }
        let expected = expected(&policy, &all);
        for _ in 0..3 {
            random.shuffle(&mut all);
            assert_eq!(settled(&processor, &all), expected, "seed {seed}: {all:#?}");
        }
        // Removed lines leave no trace.
        let gone = random.usize(..=all.len() / 2);
        all.truncate(all.len() - gone);
        assert_eq!(settled(&processor, &all), self::expected(&policy, &all), "seed {seed}, {gone} gone");
    }
}

/// Whether a task that was removed at this time is back: by a `created` event after the removal, with an attempt higher
/// than all before.
fn is_back(events: &[FileEvent], removed_at: DateTime<Utc>) -> bool {
    let before = events.iter().filter(|event| event.row.time <= removed_at).map(|event| event.row.attempt).max();
    let creates = |event: &FileEvent| event.row.state == "created" && event.row.time > removed_at;
    events.iter().any(|event| creates(event) && Some(event.row.attempt) > before)
}

#[test]
fn a_removal_is_undone_by_one_time_of_the_task() {
    for seed in 0..HISTORIES {
        let random = &mut Rng::with_seed(seed);
        let all: Vec<_> = (1..=random.u64(1..8)).map(|line| file_event(random, "i1", line)).collect();
        let processor = Tasks::default();
        let events = in_order(&Policy::default(), &all, "i1");
        let (tasks, _) = settled(&processor, &all);
        let Some(task) = tasks.first().map(|values| TaskRow::read(values).unwrap()) else { continue };
        for at in -1..9 {
            let by_row = task.attempt_began_at.is_some_and(|began| began > second(at));
            assert_eq!(by_row, is_back(&events, second(at)), "seed {seed}, removed at {at}: {all:#?}");
        }
    }
}
