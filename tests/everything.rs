//! Random actions on all processors at once: files change, people decide, tasks are removed, people are forgotten, a
//! root moves. Afterwards the database must equal one that is built from the last bytes that a pass saw of each path,
//! with the same decisions.
//!
//! Some seeds are fixed; one is random in each run and printed. If a sequence fails, actions are left out as long as it
//! still fails, so that the reported sequence is short.

use crate::detectors::conversation;
use crate::world::{DAY, World, response, rounds};
use fastrand::Rng;
use serde_json::json;
use sessionmill::actions::forget::{self, Search};
use sessionmill::actions::remove;
use sessionmill::actions::review;
use sessionmill::base::heartbeat::Heartbeat;
use sessionmill::config::Config;
use sessionmill::identities::Identities;
use sessionmill::plug::{Removal, Resources, Review};
use sessionmill::plugs::PLUGS;
use sessionmill::source::{Layout, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

const SEQUENCES: u64 = 12;
const ACTIONS: usize = 14;
const FILES: [&str; 5] = ["ada/a.jsonl", "ada/deep/b.jsonl", "bob/c.jsonl", "eve/d.jsonl", "oil/e.jsonl"];
const ROOTS: [&str; 2] = ["root", "moved"];

/// An action of a user. The numbers select among what exists at that time.
#[derive(Clone, Debug)]
enum Action {
    Append(&'static str, String),
    Rewrite(&'static str, String),
    Delete(&'static str),
    Pass,
    Decide(usize, &'static str),
    RemoveTask(usize),
    Forget(&'static str),
    MoveRoot,
}

/// Some lines of any format, with few ids, so that files share them.
fn lines(random: &mut Rng) -> String {
    const TAUGHT: [&str; 3] = [
        "By the way, GMV means gross merchandise value before refunds.",
        "No, the fiscal year begins in April.",
        "By the way, ARR means annual recurring revenue.",
    ];
    let time = format!("2026-03-02T{:02}:{:02}:00Z", random.u32(8..20), random.u32(0..60));
    match random.u32(0..4) {
        0 => response(&format!("m{}", random.u32(0..9)), &time[11..19], random.u64(10..99)),
        1 => conversation(&[TAUGHT[random.usize(..TAUGHT.len())]]),
        2 => {
            let state = ["created", "completed", "failed"][random.usize(..3)];
            let task = format!("t{}", random.u32(0..4));
            let data = json!({"short_id": "nightly", "task_type": "backup"});
            // The first day of a world: tasks end with time while the sequence runs.
            let time = time.replace("2026-03-02", "2079-07-08");
            let line = json!({
                "specversion": "1.0", "id": format!("{task}-{state}-{time}"), "source": "urn:example:worker",
                "type": format!("com.example.task.{state}"), "subject": task, "time": time, "data": data,
            });
            format!("{line}\n")
        }
        _ => {
            let (who, other) = (random.u32(0..4), random.u32(0..4));
            let (event, properties) = match random.bool() {
                true => ("$pageview", json!({"$current_url": "https://oil.example/cans"})),
                false => ("$identify", json!({"$anon_distinct_id": format!("p{other}")})),
            };
            let mut line = json!({
                "event": event, "distinct_id": format!("p{who}"), "timestamp": time, "properties": properties,
            });
            match random.bool() {
                true => line["uuid"] = format!("e{}", random.u32(0..40)).into(),
                // Few different times, so that some lines are equal.
                false => line["timestamp"] = format!("2026-03-02T10:0{}:00Z", random.u32(0..3)).into(),
            }
            format!("{line}\n")
        }
    }
}

fn action(random: &mut Rng) -> Action {
    let file = FILES[random.usize(..FILES.len())];
    match random.u32(0..20) {
        0..6 => Action::Append(file, (0..random.u32(1..4)).map(|_| lines(random)).collect()),
        6..8 => Action::Rewrite(file, lines(random)),
        8 => Action::Delete(file),
        9..12 => Action::Decide(random.usize(..8), if random.bool() { "approve" } else { "reject" }),
        12 => Action::RemoveTask(random.usize(..4)),
        13 => Action::Forget(["bob", "eve"][random.usize(..2)]),
        14 => Action::MoveRoot,
        _ => Action::Pass,
    }
}

/// A world, and what its database should be built from.
struct Play {
    world: World,
    /// The number of the folder where the files are.
    root: usize,
    seen: BTreeMap<&'static str, Vec<u8>>,
    forgotten: BTreeSet<&'static str>,
}

impl Play {
    fn path(&self, file: &str) -> std::path::PathBuf {
        self.world.path(ROOTS[self.root]).join(file)
    }

    fn plugs(&self) -> Resources {
        let (database, now, heartbeat) = (self.world.database_file(), self.world.next().wall, Heartbeat::default());
        Resources { credentials: None, database, plugs: PLUGS, now, heartbeat, may_ask: false }
    }

    fn pass(&mut self) {
        let root = self.world.path(ROOTS[self.root]);
        let source = Source::new("sessions", root, Layout::Users);
        self.world.wait(DAY).summary_at(&[source]).unwrap();
        for file in FILES {
            let user = file.split('/').next().unwrap();
            if let Ok(bytes) = fs::read(self.path(file))
                && !self.forgotten.contains(user)
            {
                self.seen.insert(file, bytes);
            }
        }
    }

    /// A row of a query, if there are any.
    fn one_of(&self, sql: &str, number: usize) -> Option<String> {
        let rows = if self.world.database().exists() { self.world.rows(sql) } else { Vec::new() };
        rows.get(number % rows.len().max(1)).cloned()
    }

    fn act(&mut self, action: &Action) {
        let by = || "tester".to_owned();
        match action {
            Action::Append(file, text) => {
                let old = fs::read(self.path(file)).unwrap_or_default();
                fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
                fs::write(self.path(file), [&old, text.as_bytes()].concat()).unwrap();
            }
            Action::Rewrite(file, text) => {
                fs::create_dir_all(self.path(file).parent().unwrap()).unwrap();
                fs::write(self.path(file), text).unwrap();
            }
            Action::Delete(file) => _ = fs::remove_file(self.path(file)),
            Action::Pass => self.pass(),
            Action::Decide(number, action) => {
                let item = self.one_of("SELECT DISTINCT item_id FROM knowledge_items ORDER BY ALL", *number);
                if let Some(item) = item {
                    let review = Review { action: (*action).to_owned(), ids: vec![item], into: None, by: by() };
                    review::review("verification", &review, &self.plugs()).unwrap();
                }
            }
            Action::RemoveTask(number) => {
                let shown = format!(
                    "SELECT task_id FROM task_sessions_at(make_timestamp({}))
                     WHERE session_file IS NOT NULL ORDER BY ALL",
                    self.world.next().wall.timestamp_micros()
                );
                if let Some(task) = self.one_of(&shown, *number) {
                    let removal = Removal { ids: vec![task], by: by() };
                    remove::remove("tasks", &removal, &self.plugs()).unwrap();
                }
            }
            Action::Forget(user) if self.world.database().exists() => {
                let (config, identities, resources) = (Config::default(), Identities::default(), self.plugs());
                let search =
                    Search { config: &config, identities: &identities, resources: &resources, login: "tester" };
                forget::forget(&search, user, true).unwrap().carry_out().unwrap();
                self.forgotten.insert(user);
                self.seen.retain(|file, _| !file.starts_with(user));
            }
            Action::Forget(_) => {}
            Action::MoveRoot => {
                let from = self.world.path(ROOTS[self.root]);
                self.root = 1 - self.root;
                fs::rename(from, self.world.path(ROOTS[self.root])).unwrap();
                self.world.adopt = true;
            }
        }
    }
}

/// Runs a sequence, and compares.
fn play(actions: &[Action]) {
    let mut play = Play { world: World::new(), root: 0, seen: BTreeMap::new(), forgotten: BTreeSet::new() };
    actions.iter().for_each(|action| play.act(action));
    play.pass();
    let fresh = World::new();
    for (file, bytes) in &play.seen {
        fresh.write(file, bytes);
    }
    fs::create_dir_all(fresh.path("data")).unwrap();
    for kept in ["knowledge_reviews", "task_tombstones"] {
        let name = format!("data/mill.duckdb.{kept}");
        if play.world.path(&name).exists() {
            fs::copy(play.world.path(&name), fresh.path(&name)).unwrap();
        }
    }
    // At the time of the last pass, because tasks end and are purged with time.
    let late = play.world.next().wall - fresh.next().wall - chrono::TimeDelta::seconds(60);
    fresh.wait(late.to_std().unwrap()).summary();
    assert_eq!(play.world.dump(), fresh.dump());
}

fn fails(actions: &[Action]) -> bool {
    catch_unwind(AssertUnwindSafe(|| play(actions))).is_err()
}

/// Leaves out actions one by one, as long as the sequence still fails.
fn shrunk(mut actions: Vec<Action>) -> Vec<Action> {
    let mut at = 0;
    while at < actions.len() {
        let mut fewer = actions.clone();
        fewer.remove(at);
        if fails(&fewer) { actions = fewer } else { at += 1 }
    }
    actions
}

fn sequence(seed: u64) {
    let mut random = Rng::with_seed(seed);
    let actions: Vec<_> = (0..ACTIONS).map(|_| action(&mut random)).collect();
    if fails(&actions) {
        let actions = shrunk(actions);
        eprintln!("seed {seed}, shrunk: {actions:#?}");
        play(&actions);
        panic!("seed {seed} fails now and then");
    }
}

#[test]
fn random_actions_of_all_kinds_end_as_a_fresh_database() {
    (0..rounds(SEQUENCES)).for_each(sequence);
    let fresh = fastrand::u64(..);
    println!("a fresh seed: {fresh}");
    sequence(fresh);
}
