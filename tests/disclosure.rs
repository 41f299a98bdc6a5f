//! Which content the console shows to whom, who learns of it, and what it shows after a decision.

#![cfg(feature = "console")]

use crate::console::{Console, add, add_person, team};
use crate::replay;
use crate::world::{World, response};
use serde_json::{Value, json};
use sessionmill::base::lock;
use sessionmill::store::snapshot::Snapshot;
use std::time::{Duration, Instant, SystemTime};

fn ask(console: &Console, path: &str, token: &str, reason: &str) -> (u16, Value) {
    let headers = [format!("Authorization: Bearer {token}"), format!("Audit-Reason: {reason}")];
    let headers: Vec<&str> = headers.iter().map(String::as_str).take(if reason.is_empty() { 1 } else { 2 }).collect();
    let answer = console.ask(&format!("GET /api/v1{path}"), &headers, b"");
    (answer.status, answer.json())
}

#[test]
fn an_auditor_reads_content_with_a_reason_that_its_owner_sees() {
    let world = team();
    let [ada, bob, lead, auditor] = [("ada", "member"), ("bob", "member"), ("eve", "lead"), ("kim", "auditor")]
        .map(|(user, role)| add(&world, user, role));
    let console = Console::start(&world, "");
    let reason = "complaint 17 of a customer";
    let task = |token: &str, reason: &str| ask(&console, "/sessions/task/t1", token, reason);
    assert_eq!(task(&ada, "").1["data"]["prompt"], "a mill");
    assert_eq!((task(&auditor, "").0, &task(&auditor, "").1["data"]), (200, &Value::Null));
    assert_eq!(task(&lead, reason).1["data"], Value::Null, "a reason gives nobody else more rights");
    assert_eq!(task(&auditor, "because").0, 400);
    let read = |token: &str| {
        let entries = ask(&console, "/audit", token, "").1["entries"].clone();
        let all: Vec<_> =
            entries.as_array().unwrap().iter().filter(|entry| entry["event"] == "content.read").cloned().collect();
        all
    };
    assert_eq!((read(&ada).len(), read(&auditor).len()), (0, 0), "nothing was told yet");
    for _ in 0..2 {
        assert_eq!(task(&auditor, reason).1["data"]["prompt"], "a mill");
    }
    let entries = read(&ada);
    assert_eq!(entries.len(), 2, "each time");
    let expected = [("actor", "kim"), ("object", "/sessions/task/t1"), ("owner", "ada"), ("detail", reason)];
    expected.iter().for_each(|(key, value)| assert_eq!(entries[0][key], *value, "{key}"));
    assert_eq!((read(&auditor).len(), read(&bob).len()), (2, 0));
    // Figures reveal no content, and a cached answer is not shown without an entry in the log.
    assert_eq!(ask(&console, "/usage?by=user", &auditor, reason).0, 200);
    assert_eq!(read(&auditor).len(), 2);
}

#[test]
fn everybody_whose_knowledge_a_curator_lists_is_told_once() {
    let world = World::new();
    for (number, (folder, term)) in [("bob", "CHURN"), ("bob-2", "MARGIN"), ("ada", "BACKLOG")].into_iter().enumerate()
    {
        let prompt = json!({"type": "user", "uuid": format!("u{number}"), "sessionId": format!("s-{folder}"),
            "timestamp": "2026-02-01T09:00:00Z", "cwd": "/home/shop",
            "message": {"role": "user", "content": format!("By {term} we mean what {folder} counts at each month's end.")}});
        let reply = response(folder, "10:00:00", 5).replace("\"s1\"", &format!("\"s-{folder}\""));
        world.write(&format!("{folder}/a.jsonl"), format!("{prompt}\n{reply}"));
    }
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let bobs = "[[person]]\nemail = \"bob@example.org\"\nname = \"Bob B\"\nfolders = [\"bob\", \"bob-2\"]\n";
    std::fs::write(world.path("people.toml"), bobs).unwrap();
    let [bob, rob] = ["bob", "rob"].map(|user| add_person(&world, user, "member", "Bob B"));
    let [ada, cyd] = [("ada", "member"), ("cyd", "curator")].map(|(user, role)| add(&world, user, role));
    let console = Console::start_with(&world, "identities = \"people.toml\"", "");
    let told = |token: &str| {
        let entries = ask(&console, "/audit", token, "").1["entries"].clone();
        let read = entries.as_array().unwrap().iter().filter(|entry| entry["event"] == "content.read");
        read.map(|entry| [&entry["actor"], &entry["object"]].map(|text| text.as_str().unwrap().to_owned()).join(" "))
            .collect::<Vec<_>>()
    };
    let of_all = |count: usize| {
        assert_eq!(told(&bob).len(), count, "one entry for two folders: {:?}", told(&bob));
        assert_eq!((told(&rob), told(&bob)), (told(&ada), told(&ada)), "each user who has the folder");
    };
    assert_eq!(ask(&console, "/knowledge", &bob, "").1["total"], 2);
    assert_eq!(ask(&console, "/knowledge?text=nothing", &cyd, "").1["total"], 0);
    of_all(0);
    let list = ask(&console, "/knowledge", &cyd, "").1;
    assert_eq!(list["total"], 3, "{list}");
    of_all(1);
    assert_eq!(told(&ada), ["cyd /knowledge"]);
    let _ = ask(&console, "/knowledge", &cyd, "");
    of_all(2);
    let of_ada = list["items"].as_array().unwrap().iter().find(|item| item["content"].to_string().contains("BACKLOG"));
    let path = format!("/knowledge/{}", of_ada.unwrap()["item_id"].as_str().unwrap());
    assert_eq!(ask(&console, &path, &cyd, "").0, 200);
    assert_eq!((told(&ada).len(), told(&rob).len()), (3, 2), "those of the page only");
    assert_eq!(told(&ada)[0], format!("cyd {path}"));
}

#[test]
fn a_recording_is_told_to_its_owner_where_the_console_may_read_it() {
    let world = replay::world();
    let session = replay::session(&world);
    let recorded = world.mill(&["replay", &session]).stdout;
    let [shop, lead, auditor] =
        [("shop", "member"), ("eve", "lead"), ("kim", "auditor")].map(|(user, role)| add(&world, user, role));
    let path = format!("/activity-sessions/{session}/replay");
    let console = Console::start(&world, "");
    let (status, problem) = ask(&console, &path, &shop, "");
    assert_eq!(status, 404);
    assert!(problem["detail"].as_str().unwrap().contains("[console] transcripts"), "{problem}");
    drop(console);
    std::fs::remove_file(world.path("log")).unwrap();
    let console = Console::start(&world, "transcripts = true\n");
    let answer = console.api(&format!("GET {path}"), &shop);
    assert_eq!(
        (answer.status, answer.header("content-type"), answer.body.contains(&recorded)),
        (200, Some("application/x-ndjson"), true)
    );
    assert!(!answer.body.contains("rye"), "what somebody typed");
    assert_eq!(ask(&console, &path, &lead, "").0, 404);
    assert_eq!(ask(&console, &path, &auditor, "").0, 404);
    let reason = ["Audit-Reason: complaint 17 of a customer", &format!("Authorization: Bearer {auditor}")];
    assert_eq!(console.ask(&format!("GET /api/v1{path}"), &reason, b"").status, 200);
    let entries = ask(&console, "/audit", &shop, "").1["entries"].clone();
    assert_eq!(entries.as_array().unwrap().iter().filter(|entry| entry["event"] == "content.read").count(), 1);
    let earlier = replay::VIEW.replace("v1", "v0").replace("12:00:00", "11:59:00");
    world.write("shop/c.jsonl", format!("{earlier}\n"));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let moved = console.api(&format!("GET {path}"), &shop);
    let now = format!("/api/v1/activity-sessions/{}/replay", replay::session(&world));
    assert_eq!((moved.status, moved.header("location")), (308, Some(&*now)));
    let events = console.api(&format!("GET /activity-sessions/{session}/events"), &shop);
    assert_eq!((events.status, events.header("location")), (308, Some(&*now.replace("replay", "events"))));
    assert_eq!(console.api("GET /activity-sessions/none/replay", &shop).status, 404);
}

#[test]
fn what_was_removed_is_gone_before_a_snapshot_says_so() {
    let world = World::new();
    // A removed task comes back if it is created later, so these are created before.
    let before = sessionmill::base::utc::seconds(chrono::DateTime::from(SystemTime::now() - Duration::from_secs(3600)));
    let task = |id: &str| {
        json!({"specversion": "1.0", "id": id, "source": "/w", "type": "x.task.created", "subject": id, "time": before,
               "data": {"short_id": "order-9", "task_type": "image_analysis"}})
        .to_string()
            + "\n"
    };
    world.write("ada/late.jsonl", task("t8") + &task("t9"));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let [root, ada, bob] =
        [("root", "admin"), ("ada", "member"), ("bob", "member")].map(|(user, role)| add(&world, user, role));
    let start = || Console::start(&world, "[publish]\nafter_runs = false\n");
    let again = |console: Console| {
        drop(console);
        std::fs::remove_file(world.path("log")).unwrap();
        start()
    };
    let console = start();
    assert_eq!(world.mill(&["publish"]).status, 0);
    let mut daemon = world.service(&["daemon", "--sessions", "root", "--config", "c.toml"]);
    let begun = Instant::now();
    while lock::holder(&world.database(), lock::DAEMON).is_none() || !world.path("data/triggers/results").is_dir() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    let status = |console: &Console, task: &str| console.api(&format!("GET /sessions/task/{task}"), &ada).status;
    let listed = |console: &Console| console.api("GET /sessions/order-9", &ada).json()["total_sessions"].clone();
    assert_eq!((status(&console, "t9"), listed(&console)), (200, json!(2)));
    for (task, token, refused) in [("t9", &ada, 403), ("t9", &bob, 403), ("none", &root, 404)] {
        assert_eq!(console.api(&format!("DELETE /sessions/task/{task}"), token).status, refused);
    }
    // A busy daemon answers later.
    let pid = rustix::process::Pid::from_child(&daemon);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let late = console.api("DELETE /sessions/task/t8", &root);
    let request = late.header("location").unwrap().strip_prefix("/api/v1").unwrap().to_owned();
    assert_eq!(
        (late.status, &late.json()["state"], &late.json()["request"]),
        (202, &json!("running"), &json!(format!("/api/v1{request}")))
    );
    let told = |console: &Console| console.api(&format!("GET {request}"), &root);
    assert_eq!((told(&console).status, told(&console).json()["state"].clone()), (200, json!("running")));
    assert_eq!(console.api(&format!("GET {request}"), &ada).status, 403);
    assert_eq!(status(&console, "t8"), 200, "nothing has happened yet");
    // The daemon does what it was asked to, even if the console ends.
    let console = again(console);
    assert_eq!((told(&console).status, told(&console).json()["state"].clone()), (200, json!("running")));
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    while status(&console, "t8") == 200 {
        assert!(begun.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(told(&console).json()["answer"]["state"], "done", "and nobody has to ask for it");
    let removed = console.api("DELETE /sessions/task/t9", &root);
    assert_eq!(removed.status, 200, "{removed:?}");
    assert_eq!((status(&console, "t9"), listed(&console)), (404, json!(0)), "although the snapshot has it");
    let console = again(console);
    assert_eq!((status(&console, "t8"), status(&console, "t9"), listed(&console)), (404, 404, json!(0)));
    assert_eq!(console.api("DELETE /sessions/task/t9", &root).status, 404);
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(world.mill(&["publish"]).status, 0);
    assert_eq!((status(&console, "t9"), listed(&console)), (404, json!(0)), "the new snapshot says so itself");
    let _ = daemon.kill();
    let _ = daemon.wait();
}

#[test]
fn the_daemon_publishes_what_was_decided() {
    let world = team();
    let root = add(&world, "root", "admin");
    let console = Console::start(
        &world,
        "[schedule]\nusage = \"off\"\ntasks = \"off\"\ntracking = \"off\"\nverification = \"off\"\n",
    );
    assert_eq!(world.mill(&["publish"]).status, 0);
    let before = Snapshot::newest(&world.database()).unwrap();
    let mut daemon = world.service(&["daemon", "--sessions", "root", "--config", "c.toml"]);
    let begun = Instant::now();
    while lock::holder(&world.database(), lock::DAEMON).is_none() || !world.path("data/triggers/results").is_dir() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
    let removed = console.api("DELETE /sessions/task/t1", &root);
    assert!([200, 202].contains(&removed.status), "{removed:?}");
    while Snapshot::newest(&world.database()).unwrap() == before {
        assert!(begun.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(20));
    }
    let newest = Snapshot::newest(&world.database()).unwrap();
    let read_only = duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly).unwrap();
    let connection = duckdb::Connection::open_with_flags(&newest.path, read_only).unwrap();
    let hidden: String =
        connection.query_row("SELECT string_agg(task_id) FROM task_tombstones", [], |row| row.get(0)).unwrap();
    assert_eq!(hidden, "t1");
    let _ = daemon.kill();
    let _ = daemon.wait();
}

#[test]
fn a_long_recording_takes_no_more_memory_than_a_short_one() {
    let world = World::new();
    let recorded = replay::write_long(&world, 80);
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let shop = add(&world, "shop", "member");
    let console = Console::start(&world, "transcripts = true\n");
    let path = format!("/activity-sessions/{}", replay::session(&world));
    assert_eq!(console.api(&format!("GET {path}"), &shop).status, 200);
    let before = console.peak_memory();
    let answer = console.api(&format!("GET {path}/replay"), &shop);
    assert_eq!(answer.status, 200);
    assert_eq!((answer.body.matches("\"event_type\"").count(), answer.body.len() >> 20), (80, 80));
    let grown = console.peak_memory() - before;
    assert!(grown < 40 << 20, "{grown} bytes for {recorded}");
}
