//! The service as real processes: it runs, gets triggers, is stopped, and is killed.

use crate::detectors::conversation;
use crate::publish::{outdate, published_schema};
use crate::server::{Says, Server};
use crate::world::{World, response};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sessionmill::base::lock::WorkLock;
use sessionmill::plugs::PLUGS;
use sessionmill::store::snapshot::Snapshot;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A daemon that is killed if a test does not stop it.
struct Service(Child);

impl Service {
    fn of(world: &World, args: &[&str]) -> Self {
        Self(world.service(&[&["daemon", "--sessions", "root"], args].concat())).begun(world)
    }

    /// A daemon that another program starts, with more environment.
    fn by(world: &World, program: &[&str], args: &[&str], environment: &[(&str, &str)]) -> Self {
        Self(world.service_by(program, &[&["daemon"], args].concat(), environment)).begun(world)
    }

    fn begun(self, world: &World) -> Self {
        until("it serves", || world.path("data/triggers/results").is_dir());
        self
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Stops it in an orderly way; returns its exit code.
    fn stop(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.0.wait().unwrap().code()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits for another process, up to ten minutes, because the machine can be busy.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(600), "not within ten minutes: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn config(world: &World, schedule: &str) {
    fs::create_dir_all(world.path("home/.config/sessionmill")).unwrap();
    fs::write(world.path("home/.config/sessionmill/config.toml"), schedule).unwrap();
}

/// A table of schedules that turns off all processors that it does not name.
pub fn schedule(named: &[(&str, &str)]) -> String {
    let line = |name: &str| {
        let own = named.iter().find(|(own, _)| *own == name).map_or("off", |(_, schedule)| schedule);
        format!("{name} = \"{own}\"\n")
    };
    PLUGS.names().fold("[schedule]\n".to_owned(), |table, name| table + &line(name))
}

/// Nothing is due except at the start.
const RARELY: &str = "[schedule]\nusage = \"every 7d\"\nverification = \"off\"\ntasks = \"off\"\ntracking = \"off\"\n";

fn runs(world: &World) -> Vec<String> {
    let database = world.database();
    if database.exists() {
        world.rows("SELECT processor_name, trigger, outcome FROM processor_runs ORDER BY run_id, processor_name")
    } else {
        Vec::new()
    }
}

fn first_run(world: &World) {
    until("the first run", || world.log().contains("run ended"));
    assert_eq!(runs(world), ["usage|schedule|done"]);
}

#[test]
fn it_runs_what_is_due_and_stops_in_order() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    config(
        &world,
        "[schedule]\nusage = \"every 1s\"\nverification = \"every 7d\"\ntasks = \"off\"\ntracking = \"off\"\n",
    );
    let service = Service::of(&world, &[]);
    until("three runs of usage and one of verification", || {
        let runs = runs(&world);
        runs.iter().filter(|run| *run == "usage|schedule|done").count() >= 3
            && runs.contains(&"verification|schedule|done".to_owned())
    });
    world.append("ada/a.jsonl", &response("m2", "10:00:00", 5));
    until("the new response", || world.rows("SELECT count(*) FROM usage_responses") == ["2"]);
    let report = world.mill(&["report", "--json"]);
    assert_eq!(report.status, 0, "{report:?}");
    assert_eq!(service.stop(), Some(0));
    assert!(!runs(&world).iter().any(|run| run.contains("running")));
}

#[test]
fn processors_that_compute_share_a_run() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    config(&world, &schedule(&[("usage", "every 7d"), ("verification", "every 7d")]));
    let _service = Service::of(&world, &[]);
    let both = ["usage|schedule|done", "verification|schedule|done"];
    until("the end of the run", || runs(&world) == both);
    assert_eq!(world.rows("SELECT count(DISTINCT run_id) FROM processor_runs"), ["1"]);
    until("the ends in the log", || world.log().matches("run ended").count() == 2);
}

#[test]
fn it_measures_every_run_and_status_shows_it_at_work() {
    let world = World::new();
    let metrics = world.path("mill.prom");
    config(&world, &format!("{RARELY}\n[daemon]\nmetrics_file = \"{}\"\n", metrics.display()));
    let service = Service::of(&world, &[]);
    first_run(&world);
    let state = "sessionmill_health_state{processor=\"usage\",state=\"ok\"} 1\n";
    until("the metrics", || fs::read_to_string(&metrics).is_ok_and(|text| text.contains(state)));
    let said = world.mill(&["status", "--check"]);
    let head = format!("database      [world]/data/mill.duckdb\nservice       pid {}\n", service.0.id());
    assert!(said.status == 0 && said.stdout.starts_with(&head), "{said:?}");
    fs::rename(world.root(), world.path("aside")).unwrap();
    fs::write(world.path("data/triggers/usage.trigger"), "").unwrap();
    let failing = "sessionmill_health_state{processor=\"usage\",state=\"failing\"} 1\n";
    until("the failure", || fs::read_to_string(&metrics).unwrap().contains(failing));
    assert_eq!(world.mill(&["status", "--check"]).status, 2);
}

#[test]
fn it_publishes_at_the_start_where_readers_have_another_schema() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).pass();
    config(
        &world,
        "[publish]\nafter_runs = false\n[schedule]\nusage = \"off\"\nverification = \"off\"\ntasks = \"off\"\ntracking = \"off\"\n",
    );
    assert_eq!(world.mill(&["publish"]).status, 0);
    outdate(&Snapshot::newest(&world.database()).unwrap().path);
    let service = Service::of(&world, &[]);
    until("a snapshot of the newest schema", || published_schema(&world) == PLUGS.schema().version());
    assert_eq!(service.stop(), Some(0));
}

/// The number of responses in the newest snapshot.
fn published(world: &World) -> Option<String> {
    let newest = Snapshot::newest(&world.database())?;
    Some(crate::world::rows(&newest.path, "SELECT count(*) FROM usage_responses").remove(0))
}

#[test]
fn what_a_run_changed_while_a_snapshot_was_made_is_published_afterwards() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    config(&world, RARELY);
    let service = Service::of(&world, &[]);
    first_run(&world);
    until("the first snapshot", || published(&world) == Some("1".to_owned()));
    let far = Instant::now() + Duration::from_secs(60);
    let publisher = WorkLock::take(&world.database(), "publish", far).unwrap();
    for number in 2..5 {
        world.append("ada/a.jsonl", &response(&format!("m{number}"), "10:00:00", 5));
        assert_eq!(world.mill(&["trigger", "usage", "--wait"]).status, 0);
    }
    std::thread::sleep(Duration::from_secs(1));
    drop(publisher);
    until("all of it", || published(&world) == Some("4".to_owned()));
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn what_a_stopped_daemon_did_not_publish_is_published_at_the_start() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5)).pass();
    config(&world, &schedule(&[]));
    assert_eq!(world.mill(&["publish"]).status, 0);
    world.append("ada/a.jsonl", &response("m2", "10:00:00", 5)).pass();
    let left = world.path("data/published/mill.duckdb.new");
    fs::write(&left, "half").unwrap();
    let service = Service::of(&world, &[]);
    until("a snapshot", || published(&world) == Some("2".to_owned()));
    assert!(!left.exists());
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_daemon_says_that_it_cannot_publish() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    config(&world, RARELY);
    fs::create_dir(world.path("data")).unwrap();
    fs::write(world.path("data/published"), "a file in its place").unwrap();
    let service = Service::of(&world, &[]);
    first_run(&world);
    until("it cannot publish", || world.log().contains("cannot publish a snapshot"));
    until("the warning", || {
        let check = world.mill(&["status", "--check"]);
        check.status == 1 && check.stdout.contains("warning       the last snapshot could not be published: ")
    });
    // The next run tries again.
    fs::remove_file(world.path("data/published")).unwrap();
    assert_eq!(world.mill(&["trigger", "usage", "--wait"]).status, 0);
    until("a snapshot", || published(&world) == Some("1".to_owned()));
    until("no warning", || world.mill(&["status", "--check"]).status == 0);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn whoever_waits_for_a_run_finds_its_result_in_the_state() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    config(&world, RARELY);
    let service = Service::of(&world, &[]);
    first_run(&world);
    until("the state", || world.path("data/mill.duckdb.health.json").exists());
    let state = || {
        let text = fs::read_to_string(world.path("data/mill.duckdb.health.json")).unwrap();
        let state: Value = serde_json::from_str(&text).unwrap();
        state["processors"].as_array().unwrap().iter().find(|entry| entry["processor"] == "usage").unwrap().clone()
    };
    for number in 2..6 {
        assert_eq!(world.mill(&["trigger", "usage", "--wait"]).status, 0);
        let state = state();
        assert_eq!((&state["record"]["last"]["run_id"], &state["running"]), (&json!(number), &Value::Null));
    }
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn two_daemons_do_not_serve_one_database() {
    let world = World::new();
    config(&world, RARELY);
    let service = Service::of(&world, &[]);
    let said = world.mill(&["daemon", "--sessions", "root"]);
    assert_eq!(said.status, 75);
    let pid = service.0.id();
    let message = format!("cannot serve `[world]/data/mill.duckdb`: another process is running it (pid {pid})");
    assert!(said.stderr.contains(&message), "{said:?}");
}

#[test]
fn a_trigger_runs_a_processor_and_is_answered() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    config(&world, RARELY);
    let none = world.mill(&["trigger", "usage"]);
    assert_eq!(
        (none.status, none.stderr.as_str()),
        (
            2,
            "sessionmill: no daemon serves `[world]/data/mill.duckdb`\n  hint: `sessionmill run usage` runs it without one\n"
        )
    );
    let service = Service::of(&world, &[]);
    first_run(&world);
    world.append("ada/a.jsonl", &response("m2", "10:00:00", 5));
    let said = world.mill(&["trigger", "usage", "--wait", "--id", "first"]);
    assert_eq!((said.status, said.stderr.as_str()), (0, "usage: done; 1 of 1 files changed, 0 deferred, 0 failed\n"));
    assert_eq!(runs(&world), ["usage|schedule|done", "usage|trigger|done"]);
    let audit = "SELECT action, requested_by, request_id FROM processor_runs WHERE trigger = 'trigger'";
    let by = if rustix::process::geteuid().is_root() { "root" } else { "uid-" };
    let row = world.rows(audit).remove(0);
    assert!(row.starts_with(&format!("run_session_processor:usage|{by}")) && row.ends_with("|first"), "{row}");
    let answered_at = answers(&world)[0]["answered_at"].as_str().unwrap().to_owned();
    // The same request is answered from the record, and not run again.
    world.append("ada/a.jsonl", &response("m3", "10:00:00", 5));
    let again = world.mill(&["trigger", "usage", "--wait", "--id", "first"]);
    let done = format!("`first` is done already, since {answered_at}: a request with another --id is a new one\n");
    assert_eq!((again.status, again.stderr), (0, done + &said.stderr));
    assert!(!world.path("data/triggers/usage.trigger").exists());
    assert_eq!(runs(&world).len(), 2);
    // An empty file works, too, and the answer has the counters.
    fs::write(world.path("data/triggers/usage.trigger"), "").unwrap();
    until("the answer", || answers(&world).iter().any(|answer| answer["id"] != "first" && answer["state"] == "done"));
    let answers = answers(&world);
    let answer = answers.iter().find(|answer| answer["id"] != "first").unwrap();
    assert_eq!(answer["summary"]["processors"][0]["processed"], 1);
    // The claimed file is removed after its answer is written.
    until("no file is claimed", || fs::read_dir(world.path("data/triggers/claimed")).unwrap().count() == 0);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_trigger_of_any_name_says_what_is_to_be_done() {
    const STATES: &str = "SELECT session_file, state, attempts FROM session_failures WHERE processor_name = 'usage'";
    let world = World::new();
    world.write("ada/a.jsonl", conversation(&["By the way, GMV means gross merchandise value before refunds."]));
    world.write("ada/b.jsonl.zst", "damaged, and never a transcript").touch("ada/b.jsonl.zst", 1_000_000_000);
    let task = |id: &str, state: &str, time: &str| {
        let (source, data) = ("urn:example:worker", json!({"short_id": "nightly", "task_type": "backup"}));
        let kind = format!("com.example.task.{state}");
        json!({"specversion": "1.0", "id": id, "source": source, "type": kind, "subject": "t-1", "time": time, "data": data})
            .to_string()
            + "\n"
    };
    let (created, failed) = ("2099-02-01T10:00:00Z", "2099-02-01T10:00:01Z");
    world.write("bob/t.jsonl", task("1", "created", created) + &task("2", "failed", failed));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 1);
    assert_eq!(world.mill(&["failures", "drop", "--all"]).status, 0);
    assert_eq!(world.rows(STATES), ["ada/b.jsonl|dropped|0"]);
    let item = world.rows("SELECT item_id FROM knowledge_items").remove(0);
    config(&world, &(schedule(&[]) + "[publish]\nafter_runs = false\n"));
    let service = Service::of(&world, &[]);
    let ask = |id: &str, order: Value| {
        fs::write(world.path("new"), order.to_string()).unwrap();
        fs::rename(world.path("new"), world.path(&format!("data/triggers/{id}.trigger"))).unwrap();
        let answer = || answers(&world).into_iter().find(|answer| answer["id"] == id && answer["state"] != "running");
        until(id, || answer().is_some());
        let answer = answer().unwrap();
        let text = |key: &str| answer[key].as_str().unwrap_or("-").to_owned();
        [text("state"), text("processor"), answer["message"].as_str().unwrap_or(&text("reason")).to_owned()]
    };
    let review = json!({"action": "approve", "ids": [item], "by": "eve"});
    for (id, order, expected) in [
        (
            "try-1",
            json!({"command": "retry", "args": {"files": ["ada/b.jsonl"]}}),
            ["done", "-", &format!("{} to be tried again by the next run", failures(&world))],
        ),
        (
            "try-2",
            json!({"command": "retry", "args": {"files": ["ada/c.jsonl"]}}),
            ["failed", "-", "unknown failure `ada/c.jsonl`; known: `ada/b.jsonl`"],
        ),
        (
            "review-1",
            json!({"command": "review", "processor": "verification", "args": review}),
            ["done", "verification", &format!("`{item}` is approved")],
        ),
        (
            "review-2",
            json!({"command": "review", "processor": "usage", "args": review}),
            ["failed", "usage", "processor `usage` has nothing to decide about"],
        ),
        (
            "remove-1",
            json!({"command": "remove", "processor": "tasks", "args": {"ids": ["t-1"], "by": "eve"}}),
            ["done", "tasks", "`t-1` is removed: backup of `nightly`, failed; 2 events hidden"],
        ),
        (
            "remove-2",
            json!({"command": "remove", "processor": "usage", "args": {"ids": ["m1"]}}),
            ["failed", "usage", "processor `usage` has nothing to remove"],
        ),
        ("lost", json!({"command": "run", "processor": "nobody"}), ["refused", "lost", "unknown processor"]),
    ] {
        assert_eq!(ask(id, order), expected, "{id}");
    }
    assert_eq!(world.rows(STATES), ["ada/b.jsonl|retry|0"]);
    assert_eq!(world.rows("SELECT status FROM knowledge_items"), ["approved"]);
    assert_eq!(world.rows("SELECT action, reviewer FROM knowledge_reviews"), ["approve|eve"]);
    assert_eq!(world.rows("SELECT action, task_id, removed_by FROM task_tombstones"), ["remove|t-1|eve"]);
    let [state, _, message] = ask("forget-1", json!({"command": "remove", "args": {"user": "bob"}}));
    assert_eq!((state.as_str(), message.as_str()), ("done", "is forgotten: 1 source file, 2 facts, 0 answers"));
    assert_eq!(world.rows("SELECT count(*) FROM facts.task_events"), ["0"]);
    let bob = ["failed", "-", "nobody here is called `bobby`"];
    assert_eq!(ask("forget-2", json!({"command": "remove", "args": {"user": "bobby"}})), bob);
    let [state, _, message] = ask("snapshot", json!({"command": "publish"}));
    let newest = Snapshot::newest(&world.database()).unwrap().path;
    assert_eq!((state.as_str(), message), ("done", format!("published {}", newest.display())));
    assert_eq!(ask("run-1", json!({"command": "run", "processor": "usage"}))[..2], ["done", "usage"]);
    assert_eq!(runs(&world).last().unwrap(), "usage|trigger|failed");
    // The same id again does nothing.
    fs::write(world.path("data/triggers/review-1.trigger"), "{\"command\": \"publish\"}").unwrap();
    until("it is taken", || !world.path("data/triggers/review-1.trigger").exists());
    until("no file is claimed", || fs::read_dir(world.path("data/triggers/claimed")).unwrap().count() == 0);
    assert_eq!(service.stop(), Some(0));
}

/// The number of processors that failed on a file.
fn failures(world: &World) -> String {
    let count = world.rows("SELECT count(*) FROM session_failures").remove(0);
    format!("{count} failures")
}

fn answers(world: &World) -> Vec<Value> {
    let entries = fs::read_dir(world.path("data/triggers/results")).unwrap();
    let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|e| e == "json"));
    let mut answers: Vec<Value> = files.map(|path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap()).collect();
    answers.sort_by_key(|answer| answer["id"].as_str().unwrap().to_owned());
    answers
}

/// The reason why a trigger without a valid request is refused.
const NO_ORDER: &str = "invalid trigger at line 1: expected nothing, or an object with `id`, `command` (run, retry, review, \
                        remove or publish), `processor` and `args`, as docs/server.md describes";

#[test]
fn triggers_that_make_no_sense_are_refused() {
    let world = World::new();
    config(&world, &format!("{RARELY}[daemon]\ntick = \"1s\"\n"));
    let service = Service::of(&world, &[]);
    first_run(&world);
    let path = world.path("data/triggers/usage.trigger");
    let secret = world.path("secret");
    fs::write(&secret, "").unwrap();
    let is_root = rustix::process::geteuid().is_root();
    type Drop<'d> = (&'static str, Box<dyn Fn() + 'd>);
    let place = |from: &str| fs::rename(world.path(from), &path).unwrap();
    let write = |text: &str, mode: u32| {
        fs::write(world.path("new"), text).unwrap();
        fs::set_permissions(world.path("new"), fs::Permissions::from_mode(mode)).unwrap();
        place("new");
    };
    let mut drops: Vec<Drop<'_>> = vec![
        ("anybody may write it", Box::new(|| write("", 0o666))),
        ("it is over 4 KiB", Box::new(|| write(&" ".repeat(4097), 0o644))),
        (NO_ORDER, Box::new(|| write(r#"{"sql": "DROP TABLE x"}"#, 0o644))),
        ("it is not a regular file", Box::new(|| std::os::unix::fs::symlink(&secret, &path).unwrap())),
        ("it is not a regular file", Box::new(|| fs::hard_link(&secret, &path).unwrap())),
        ("it is not a regular file", Box::new(|| fs::create_dir(&path).unwrap())),
        (
            "it is older than a day",
            Box::new(|| {
                fs::write(world.path("new"), "").unwrap();
                let old = std::time::SystemTime::now() - Duration::from_secs(90_000);
                fs::File::options().write(true).open(world.path("new")).unwrap().set_modified(old).unwrap();
                place("new");
            }),
        ),
    ];
    if is_root {
        drops.push((
            "its owner is not allowed to: see [daemon] allow_uids",
            Box::new(|| {
                fs::write(world.path("new"), "").unwrap();
                chown(world.path("new"), Some(4242), None).unwrap();
                place("new");
            }),
        ));
    }
    for (before, (reason, drop)) in drops.iter().enumerate() {
        drop();
        until(reason, || answers(&world).len() > before);
        let answers = answers(&world);
        assert!(answers.iter().any(|answer| answer["state"] == "refused" && answer["reason"] == *reason), "{reason}");
    }
    fs::write(world.path("data/triggers/nobody.trigger"), "").unwrap();
    until("an unknown processor is refused", || {
        answers(&world).iter().any(|answer| answer["reason"] == "unknown processor")
    });
    until("they are in the history", || {
        runs(&world).iter().filter(|run| *run == "usage|trigger|refused").count() == drops.len()
    });
    assert_eq!(runs(&world).iter().filter(|run| run.contains("done")).count(), 1, "nothing of it was run");
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_trigger_is_found_among_twenty_thousand_files() {
    let world = World::new();
    config(&world, RARELY);
    let service = Service::of(&world, &[]);
    first_run(&world);
    for number in 0..20_000 {
        fs::write(world.path(&format!("data/triggers/{number}.txt")), "").unwrap();
    }
    let said = world.mill(&["trigger", "usage", "--wait"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_run_elsewhere_makes_a_trigger_busy_and_a_trigger_makes_a_run_busy() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    config(&world, RARELY);
    let service = Service::of(&world, &[]);
    first_run(&world);
    let holder = sessionmill::base::holder::Holder::new("cli", world.next().wall);
    let lock = sessionmill::base::lock::ProcessorLock::take(&world.database(), "usage", &holder).unwrap();
    let said = world.mill(&["trigger", "usage", "--wait", "--json"]);
    assert_eq!(said.status, 75, "{said:?}");
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    let pid = std::process::id();
    let expected = json!({"pid": pid, "trigger": "cli", "since": "2079-07-08 00:01:00 UTC"});
    assert_eq!((&answer["state"], &answer["holder"]), (&json!("busy"), &expected));
    drop(lock);
    assert_eq!(runs(&world), ["usage|schedule|done", "usage|trigger|busy"]);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn what_a_killed_daemon_left_is_done_by_the_next_one() {
    let world = World::new();
    for number in 0..200 {
        world.write(&format!("ada/{number}.jsonl"), response(&format!("m{number}"), "10:00:00", 5));
    }
    config(&world, RARELY);
    let service = Service::of(&world, &[]);
    first_run(&world);
    drop(service);
    // A trigger that was claimed, and whose run had started.
    fs::write(world.path("data/triggers/claimed/usage-20260101T000000000000-0"), "").unwrap();
    world.append("ada/7.jsonl", &response("more", "10:00:00", 5));
    let service = Service::of(&world, &[]);
    until("the answer", || answers(&world).iter().any(|answer| answer["state"] == "done"));
    assert_eq!(answers(&world)[0]["id"], "usage-20260101T000000000000-0");
    assert_eq!(runs(&world), ["usage|schedule|done", "usage|trigger|done"]);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_configuration_is_read_again_and_a_bad_one_is_not_taken() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    config(&world, RARELY);
    let service = Service::of(&world, &[]);
    first_run(&world);
    config(&world, "[schedule]\nusage = \"sometimes\"\n");
    service.signal(Signal::HUP);
    until("it says so", || world.log().contains("cannot read the configuration again"));
    config(&world, "[schedule]\nusage = \"every 1s\"\nverification = \"off\"\ntasks = \"off\"\ntracking = \"off\"\n");
    service.signal(Signal::HUP);
    until("it runs more often", || runs(&world).len() > 2);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_watched_source_is_walked_sooner() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    config(&world, RARELY);
    let service = Service::of(&world, &["--watch"]);
    first_run(&world);
    world.append("ada/a.jsonl", &response("m2", "10:00:00", 5));
    until("the new response", || world.rows("SELECT count(*) FROM usage_responses") == ["2"]);
    assert_eq!(runs(&world), ["usage|schedule|done", "usage|watch|done"]);
    assert_eq!(service.stop(), Some(0));
}

/// What a daemon last reported to systemd.
struct Told(Arc<Mutex<String>>);

impl Told {
    /// Reads all messages, because the daemon waits until they are read.
    fn of(world: &World) -> Self {
        let socket = UnixDatagram::bind(world.path("notify")).unwrap();
        let told = Self(Arc::default());
        let last = Arc::clone(&told.0);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                if text.starts_with("STATUS=") {
                    *last.lock().unwrap() = text;
                }
            }
        });
        told
    }

    /// Waits until the daemon reports this.
    fn until(&self, what: &str) {
        until(what, || self.0.lock().unwrap().contains(what));
    }
}

const QUICK: &str = "[daemon]\ntick = \"1s\"\n";

#[test]
fn without_transcripts_it_waits_and_says_what_to_configure() {
    if Path::new("/data/user_sessions").exists() {
        return eprintln!("skipped: this machine has transcripts of its own");
    }
    let world = World::new();
    let told = Told::of(&world);
    config(&world, &format!("{RARELY}{QUICK}"));
    let socket = world.path("notify");
    let service = Service::by(&world, &[], &[], &[("NOTIFY_SOCKET", socket.to_str().unwrap())]);
    let file = world.path("home/.config/sessionmill/config.toml");
    told.until(&format!(
        "STATUS=no transcripts are configured: add a [[source]] with their folder to `{}`",
        file.display()
    ));
    let said = world.mill(&["trigger", "usage", "--wait"]);
    assert!(said.status == 2 && said.stderr.starts_with("usage: failed: no transcripts are configured"), "{said:?}");
    assert_eq!(world.log().matches("no transcripts are configured").count(), 1, "{}", world.log());
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    let source = format!("[[source]]\nname = \"team\"\npath = \"{}\"\n", world.root().display());
    config(&world, &format!("{RARELY}{QUICK}{source}"));
    until("it reads them without being told", || world.log().contains("run ended"));
    assert_eq!(world.rows("SELECT count(*) FROM usage_responses"), ["1"]);
    told.until("usage: next ");
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn events_are_read_as_soon_as_somebody_writes_them() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    let source = format!("[[source]]\nname = \"team\"\npath = \"{}\"\n", world.root().display());
    config(&world, &format!("{RARELY}{QUICK}{source}"));
    let service = Service::by(&world, &[], &[], &[]);
    until("it reads what is configured", || world.log().contains("run ended"));
    assert_eq!(world.mill(&["task", "create", "backup", "--short-id", "nightly"]).status, 0);
    until("it serves them without being told", || world.log().contains("/events"));
    let said = world.mill(&["trigger", "tasks", "--wait"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(world.rows("SELECT short_id FROM task_sessions WHERE is_active"), ["nightly"]);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_reload_takes_over_roots_watches_and_the_folder_of_triggers() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    let told = Told::of(&world);
    let settings = |more: &str, root: &str| {
        let source = format!("[[source]]\nname = \"sessions\"\npath = \"{}\"\n", world.path(root).display());
        config(&world, &format!("{RARELY}{QUICK}{more}{source}"));
    };
    settings("", "root");
    let socket = world.path("notify");
    let service = Service::by(&world, &[], &[], &[("NOTIFY_SOCKET", socket.to_str().unwrap())]);
    first_run(&world);
    let reload = || service.signal(Signal::HUP);

    settings("watch = true\n", "root");
    reload();
    until("it is read", || world.log().contains("configuration read again"));
    world.append("ada/a.jsonl", &response("m2", "10:00:00", 5));
    // Changes are collected for ten times the duration of the last run.
    until("the new response", || world.rows("SELECT count(*) FROM usage_responses") == ["2"]);
    assert_eq!(runs(&world), ["usage|schedule|done", "usage|watch|done"]);

    settings("tick = \"often\"\n", "root");
    reload();
    told.until("configuration refused: ");
    settings(&format!("triggers = \"{}\"\n", world.path("asks").display()), "root");
    fs::write(world.path("data/triggers/usage.trigger"), "{\"id\": \"before\"}").unwrap();
    reload();
    until("the new folder", || world.path("asks/results").is_dir());
    told.until("STATUS=usage: ");
    until("what waited is answered", || {
        let answer = fs::read_to_string(world.path("data/triggers/results/before.json")).unwrap_or_default();
        answer.contains("\"state\": \"done\"")
    });
    let said = world.mill(&["trigger", "usage", "--wait", "--id", "after"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(world.path("asks/results/after.json").exists());

    settings("", "moved");
    fs::rename(world.root(), world.path("moved")).unwrap();
    reload();
    until("it reads the other root", || world.log().contains("moved layout=users"));
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_trigger_is_not_taken_before_it_is_written() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    config(&world, RARELY);
    let service = Service::of(&world, &[]);
    first_run(&world);
    let path = world.path("data/triggers/usage.trigger");
    for id in ["slow-1", "slow-2"] {
        let mut file = fs::File::create_new(&path).unwrap();
        std::thread::sleep(Duration::from_millis(200));
        std::io::Write::write_all(&mut file, format!("{{\"id\": \"{id}\"}}").as_bytes()).unwrap();
        drop(file);
        until("it is answered", || world.path(&format!("data/triggers/results/{id}.json")).exists());
    }
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn listed_users_ask_and_read_their_answers_and_nobody_else_does() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    config(&world, &format!("{RARELY}[daemon]\nallow_uids = [4242, 4243]\n"));
    let settings = world.path("home/.config/sessionmill/config.toml");
    let ask = ["trigger", "usage", "--wait", "--id", "mine", "--config", settings.to_str().unwrap()];
    let closed = ["sh", "-c", "umask 077; exec \"$0\" \"$@\""];
    let service = Service::by(&world, &closed, &["--sessions", "root"], &[]);
    first_run(&world);
    let mode = |path: &str| fs::metadata(world.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!([mode("data/triggers"), mode("data/triggers/results")], [0o1770, 0o750]);
    // The folders above the configuration belong to the tests.
    for folder in ["home", "home/.config", "home/.config/sessionmill"] {
        fs::set_permissions(world.path(folder), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let Some(said) = world.mill_as(4242, &ask) else { return };
    assert_eq!((said.status, &*said.stderr), (0, "usage: done; 0 of 1 files changed, 0 deferred, 0 failed\n"));
    // With root's umask, too, the daemon can read the dropped file, whatever its user is.
    let said = world.mill_by(&closed, &["trigger", "usage", "--wait"]);
    assert_eq!(said.status, 0, "{said:?}");
    let said = world.mill_as(4244, &ask).unwrap();
    let expected = "sessionmill: `4244` (uid 4244) cannot pass `[world]/data`: permission denied; owner ";
    assert!(said.status == 2 && said.stderr.starts_with(expected), "{said:?}");
    let answer = world.path("data/triggers/results/mine.json");
    let read = |uid: &str| {
        let user = ["--reuid", uid, "--regid", uid, "--clear-groups", "cat", answer.to_str().unwrap()];
        world.command("/usr/bin/setpriv", &user, &[]).status
    };
    assert_eq!(["4242", "4243", "4244"].map(read), [0, 1, 1]);
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_stop_does_not_wait_for_a_model() {
    let world = World::new();
    world.write("ada/a.jsonl", conversation(&["No, the year ends in March."]));
    let server = Server::start(|_, _| Says::Nothing);
    let model = format!(
        "[schedule]\nusage = \"off\"\nverification = \"every 7d\"\ntasks = \"off\"\ntracking = \"off\"\n[verification]\ndetector = \"openai\"\n\
         model = \"m\"\nquiet = \"0s\"\nbase_url = \"http://127.0.0.1:{}/v1\"\n",
        server.port
    );
    config(&world, &model);
    let service = Service::of(&world, &[]);
    until("it asks", || !server.requests().is_empty());
    // The model's timeout is a minute. A run that waits for it is abandoned after 20 s, and its history says `running`.
    assert_eq!(service.stop(), Some(0));
    assert_eq!(runs(&world), ["verification|schedule|stopped"]);
    assert_eq!(world.rows("SELECT reason, files FROM processor_deferrals"), ["the run was stopped|1"]);

    config(&world, &model.replace("every 7d", "off"));
    let asked = server.requests().len();
    let service = Service::of(&world, &[]);
    until("it serves again", || world.log().matches("serving source=").count() == 2);
    let mut waits = world.service(&["trigger", "verification", "--wait"]);
    until("it asks again", || server.requests().len() > asked);
    assert_eq!(service.stop(), Some(0));
    assert_eq!(waits.wait().unwrap().code(), Some(1));
    let said = "verification: stopped; 0 of 1 files changed, 1 deferred, 0 failed\n";
    assert!(world.log().contains(said), "{}", world.log());
    assert_eq!(runs(&world)[1..], ["verification|trigger|stopped"]);
}

#[test]
fn errors_have_their_priority_and_their_hint_in_the_journal() {
    let world = World::new();
    config(&world, RARELY);
    fs::write(world.path("log"), "").unwrap();
    let log = fs::metadata(world.path("log")).unwrap();
    let stream = format!("{}:{}", log.dev(), log.ino());
    let journal = [("JOURNAL_STREAM", &*stream)];
    let service = Service::by(&world, &[], &["--sessions", "nowhere"], &journal);
    until("the run fails", || world.log().contains("run failed"));
    let line = |text: &str| world.log().lines().find(|line| line.contains(text)).unwrap_or_default().to_owned();
    let failed = line("run failed");
    assert!(failed.starts_with("<3>run failed") && failed.contains("hint=\"is the folder mounted?"), "{failed}");
    config(&world, "nonsense\n");
    service.signal(Signal::HUP);
    until("it is refused", || world.log().contains("cannot read the configuration again"));
    assert!(line("cannot read the configuration again").starts_with("<3>"), "{}", world.log());
    assert_eq!(service.stop(), Some(0));
    for args in [&[][..], &["--no-such-flag"]] {
        let mut ended = world.service_by(&[], &[&["daemon"], args].concat(), &journal);
        assert_eq!(ended.wait().unwrap().code(), Some(if args.is_empty() { 78 } else { 64 }));
    }
    let said = line("sessionmill: cannot read the configuration");
    assert!(said.starts_with("<3>"), "{}", world.log());
    assert!(line("--no-such-flag").starts_with("<3>error: "), "{}", world.log());
    let elsewhere = world.mill_with(&["run"], &journal);
    assert!(elsewhere.stderr.starts_with("sessionmill: "), "stderr leads elsewhere: {elsewhere:?}");
}

#[test]
fn a_run_that_found_no_room_is_repeated_once_there_is_room() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    fs::create_dir(world.path("data")).unwrap();
    let script = "mount -t tmpfs -o size=80m tmpfs data && dd if=/dev/zero of=data/fill bs=1M count=20 2>/dev/null \
                  && exec \"$0\" \"$@\"";
    let on_disk = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script];
    if world.mill_by(&on_disk, &["--version"]).status != 0 {
        return eprintln!("skipped: nothing can be mounted here");
    }
    config(&world, &format!("[daemon]\ntick = \"1s\"\n{}", schedule(&[("usage", "every 1h")])));
    let service = Service(world.service_by(&on_disk, &["daemon", "--sessions", "root"], &[]));
    until("it has no room", || world.log().contains("there is no room for a pass"));
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(world.log().matches("there is no room for a pass").count(), 1, "it does not try meanwhile");
    fs::remove_file(format!("/proc/{}/root{}", service.0.id(), world.path("data/fill").display())).unwrap();
    until("it runs", || world.log().contains("run ended"));
    assert_eq!(service.stop(), Some(0));
}

#[test]
fn a_run_that_another_program_keeps_from_the_database_is_tried_again_at_once() {
    let world = World::new();
    world.write("ada/a.jsonl", response("m1", "10:00:00", 5));
    config(&world, "[schedule]\nusage = \"every 1s\"\nverification = \"off\"\ntasks = \"off\"\ntracking = \"off\"\n");
    let service = Service::of(&world, &[]);
    until("the first run", || world.log().contains("run ended"));
    // Between two runs, or after waiting for one.
    let mut other = None;
    until("the database", || {
        other = duckdb::Connection::open(world.database()).ok();
        other.is_some()
    });
    until("it cannot", || world.log().contains("not run"));
    let before = world.log().matches("run ended").count();
    std::thread::sleep(Duration::from_secs(12));
    drop(other);
    until("it can", || world.log().matches("run ended").count() > before);
    assert_eq!(world.log().matches("not run").count(), 1, "it is told once: {}", world.log());
    assert_eq!(service.stop(), Some(0));
}
