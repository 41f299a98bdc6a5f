//! Task sessions: life cycles in files of all formats, and what is listed at some time.
//!
//! The clock of a world is at 2079-07-08, and its tasks run on the day before.

use crate::world::{World, rows};
use serde_json::{Value as Json, json};
use sessionmill::plugs::tasks::PLUG;
use sessionmill::store::{Access, Store};
use sessionmill_contract::{Row as _, Settlement};
use sessionmill_tasks::tombstone::{Action, TombstoneRow};
use sessionmill_tasks::{Policy, Tasks};
use std::time::Duration;

/// A line about a task, with the id of its event.
fn event(id: &str, time: &str, state: &str, task: &str, data: &Json) -> String {
    let time = if time.contains('T') { time.to_owned() } else { format!("2079-07-07T{time}Z") };
    let kind = format!("org.example.task.{state}");
    let mut line =
        json!({"specversion": "1.0", "id": id, "source": "/runner", "type": kind, "subject": task, "time": time});
    line["data"] = data.clone();
    line.to_string() + "\n"
}

/// The data of a task of a type, in the group `s1`.
fn of(task_type: &str) -> Json {
    json!({"short_id": "s1", "task_type": task_type})
}

fn world(lines: &[String]) -> World {
    let world = World::new();
    world.write("ada/tasks.jsonl", lines.concat()).pass();
    world
}

/// Some columns of the tasks that are listed at a time, without runs of the program.
fn at(world: &World, moment: &str, columns: &str) -> Vec<String> {
    let tasks = format!("FROM task_sessions_at(TIMESTAMP '{moment}') WHERE session_file IS NOT NULL ORDER BY task_id");
    world.rows(&format!("SELECT {columns} {tasks}"))
}

/// The same at 23:00.
fn listed(world: &World, columns: &str) -> Vec<String> {
    at(world, "2079-07-07 23:00:00", columns)
}

#[test]
fn a_task_is_what_its_events_say() {
    let world = world(&[
        event(
            "1",
            "10:00:00",
            "created",
            "t1",
            &json!({"short_id": "s1", "task_type": "image_analysis", "user_id": "u1", "image": 7}),
        ),
        event("2", "10:00:05", "updated", "t1", &json!({"progress": 0.5, "user_id": ""})),
        event("3", "10:00:09", "failed", "t1", &json!({"error": {"message": "no space left", "code": 28}})),
        event("4", "10:00:00", "created", "t2", &json!({"metadata": {"short_id": "s2"}, "short_id": "s1"})),
        event("5", "10:00:00", "created", "t3", &json!({"task_type": "image_analysis"})),
        event("6", "10:00:00", "created", "t4", &of("scraping")),
    ]);
    let columns = "task_id, short_id, task_type, username, user_id, status, is_active, is_held, created_at, updated_at, \
                   ended_at, closed_at, close_reason, expires_at, duration_seconds, attempt, error, data, is_inferred, \
                   is_guessed, events, ignored_events, session_file, line";
    assert_eq!(
        listed(&world, columns),
        [
            "t1|s1|image_analysis|ada|u1|failed|false|false|2079-07-07T10:00:00Z|2079-07-07T10:00:09Z|\
             2079-07-07T10:00:09Z|2079-07-07T10:00:09Z|failed|2079-07-14T10:00:09Z|9.0|1|no space left|\
             {\"progress\":0.5,\"user_id\":\"\"}|false|false|3|0|ada/tasks.jsonl|1",
            "t2|s1||ada||active|true|false|2079-07-07T10:00:00Z|2079-07-07T10:00:00Z||||||1|||false|false|1|0|\
             ada/tasks.jsonl|4",
        ],
        "a task without a short id and one of an excluded type are not listed"
    );
    let events = "SELECT task_id, state, line FROM task_events ORDER BY ALL";
    assert_eq!(world.rows(events), ["t1|created|1", "t1|failed|3", "t1|updated|2", "t2|created|4"]);
    assert_eq!(world.rows("SELECT count(*) FROM facts.task_events"), ["6"], "all are kept");
}

#[test]
fn an_id_can_be_a_number() {
    let lines = r#"
{"specversion":"1.0","id":1,"source":"/a","type":"task.created","subject":7,"time":"2079-07-07T10:00:00Z","data":{"short_id":12345678901234567890,"user_id":3}}
{"specversion":"1.0","id":1,"source":"/a","type":"task.failed","subject":7,"time":"2079-07-07T10:00:00Z","data":{}}
{"specversion":"1.0","id":2,"source":"/a","type":"task.created","time":"2079-07-07T10:00:00Z","data":{"task_id":8,"metadata":{"short_id":1.50}}}
{"context":{"id":3,"source":"/ci","type":"dev.cdevents.taskrun.started.0.2.0","timestamp":"2079-07-07T10:00:00Z"},"subject":{"id":-9,"content":{"pipelineRun":{"id":42}}}}
{"type":"task-received","uuid":10,"root_id":0,"timestamp":3455949600}
{"specversion":"1.0","id":4,"source":"/a","type":"task.created","subject":"t","time":"2079-07-07T10:00:00Z","data":{"short_id":true}}
"#;
    let world = world(&[lines.trim_start().to_owned()]);
    let tasks = ["-9|42|", "10|0|", "7|12345678901234567890|3", "8|1.50|"];
    assert_eq!(listed(&world, "task_id, short_id, user_id"), tasks);
    assert_eq!(listed(&world, "status"), ["active"; 4], "an event with the id of another one is a copy");
}

#[test]
fn data_in_base64_is_read_like_data() {
    use base64::Engine as _;
    let event = |task: &str, text: &[u8], more: &str| {
        let data = base64::engine::general_purpose::STANDARD.encode(text);
        format!(
            r#"{{"specversion":"1.0","id":"{task}","source":"/a","type":"task.created","subject":"{task}","time":"2079-07-07T10:00:00Z","data_base64":"{data}"{more}}}"#
        ) + "\n"
    };
    let data = br#"{"short_id":"s1","task_type":"render","size":7}"#;
    let typed = |media: &str| format!(r#","datacontenttype":"{media}""#);
    let world = world(&[
        event("a", data, ""),
        event("b", data, &typed("Application/JSON; charset=utf-8")),
        event("c", data, &typed("application/vnd.mill+json")),
        event("d", data, r#","data":{"short_id":"s2"}"#),
        event("e", br#"{"short_id":"s\ud83d","size":1e999}"#, ""),
        event("f", data, &typed("text/plain")),
        event("g", b"\xff", ""),
        event("h", data, "").replace("eyJ", "!!!"),
    ]);
    let tasks = ["a|s1|render", "b|s1|render", "c|s1|render", "d|s2|", "e|s\u{fffd}|"];
    assert_eq!(listed(&world, "task_id, short_id, task_type"), tasks);
    let stored = "SELECT task_id, data FROM task_events WHERE data IS NOT NULL AND task_id < 'c' ORDER BY ALL";
    let stored_data = String::from_utf8_lossy(data);
    assert_eq!(world.rows(stored), [format!("a|{stored_data}"), format!("b|{stored_data}")]);
}

#[test]
fn an_end_before_the_beginning_makes_no_negative_duration() {
    let world =
        world(&[event("1", "10:00:05", "created", "t1", &of("")), event("2", "10:00:00", "failed", "t1", &json!({}))]);
    let columns = "created_at, ended_at, duration_seconds";
    assert_eq!(listed(&world, columns), ["2079-07-07T10:00:05Z|2079-07-07T10:00:00Z|0.0"]);
}

#[test]
fn copies_order_and_retries_change_nothing() {
    let lines = [
        event("4", "10:00:03", "created", "t1", &json!({"short_id": "s1", "attempt": 2})),
        event("3", "10:00:02", "failed", "t1", &json!({"error": "timeout"})),
        event("1", "10:00:00", "created", "t1", &of("export")),
        event("5", "10:00:04", "failed", "t1", &json!({"error": "late"})),
        event("6", "10:00:05", "completed", "t1", &json!({"attempt": 2})),
        event("7", "10:00:06", "updated", "t1", &json!({"attempt": 2})),
    ];
    let columns = "status, created_at, updated_at, closed_at, attempt, events";
    let expected = ["completed|2079-07-07T10:00:00Z|2079-07-07T10:00:06Z|2079-07-07T10:00:05Z|2|6"];
    let whole = world(&lines);
    assert_eq!(listed(&whole, columns), expected);
    let spread = World::new();
    for (number, line) in lines.iter().rev().enumerate() {
        spread.write(&format!("user{number}/a.jsonl"), line).pass();
        spread.write(&format!("zoe/copy{number}.jsonl"), line).pass();
    }
    assert_eq!(listed(&spread, columns), expected);
    assert_eq!(listed(&spread, "username, ignored_events"), ["user3|6"], "it is of the folder of its first event");
    spread.remove("user1/a.jsonl").remove("zoe/copy1.jsonl").write("user1/a.jsonl", "").pass();
    assert_eq!(listed(&spread, "status, events"), ["completed|6"], "what vanished stays");
}

#[test]
fn a_task_without_events_is_orphaned_until_there_is_one() {
    let world = world(&[event("1", "00:00:00", "created", "rq:job:1", &of("export"))]);
    let columns = "status, is_active, closed_at, close_reason, expires_at";
    assert_eq!(at(&world, "2079-07-07 23:59:59.999999", columns), ["active|true|||"]);
    let orphaned = ["orphaned|false|2079-07-08T00:00:00Z|orphaned|2079-07-15T00:00:00Z"];
    assert_eq!(at(&world, "2079-07-08", columns), orphaned);
    assert_eq!(at(&world, "2079-07-14 23:59:59", columns), orphaned);
    assert!(at(&world, "2079-07-15", columns).is_empty(), "it is purged a week after it was closed");
    // The registry of jobs finds the abandoned job, and reports it.
    let failed = event("2", "2079-07-08T01:00:00Z", "failed", "rq:job:1", &json!({"error": "AbandonedJobError"}));
    world.append("ada/tasks.jsonl", &failed).pass();
    let columns = "status, closed_at, close_reason, error";
    let failed = ["failed|2079-07-08T01:00:00Z|failed|AbandonedJobError"];
    assert_eq!(at(&world, "2079-07-09", columns), failed);
    assert_eq!(at(&world, "2079-07-15", columns), failed);
}

#[test]
fn a_held_task_waits_for_its_release() {
    let world = world(&[
        event("1", "10:00:00", "created", "g1", &of("scenario_generation")),
        event("2", "10:10:00", "completed", "g1", &json!({})),
        event("3", "10:30:00", "created", "g2", &of("scenario_generation")),
        event("4", "11:00:00", "created", "v1", &of("save_scenario")),
        event("5", "11:00:01", "failed", "v1", &json!({"error": "conflict"})),
    ]);
    let columns = "task_id, status, is_active, is_held, ended_at, closed_at, close_reason";
    let held = "g1|completed|true|true|2079-07-07T10:10:00Z||";
    let save = "v1|failed|false|false|2079-07-07T11:00:01Z|2079-07-07T11:00:01Z|failed";
    assert_eq!(listed(&world, columns), [held, "g2|active|true|false|||", save], "a failed save releases nothing");
    let most = "g1|completed|false|false|2079-07-07T10:10:00Z|2079-08-06T10:10:00Z|hold_max";
    assert_eq!(at(&world, "2079-08-06 10:10:00", columns), [most], "the others are purged by then");
    world.append("ada/tasks.jsonl", &event("6", "11:00:05", "completed", "v2", &of("save_scenario"))).pass();
    world.append("ada/tasks.jsonl", &event("7", "12:00:00", "failed", "g2", &json!({}))).pass();
    world.append("ada/tasks.jsonl", &event("8", "12:30:00", "completed", "g3", &of("scenario_generation"))).pass();
    let save = [save, "v2|completed|false|false|2079-07-07T11:00:05Z|2079-07-07T11:00:05Z|completed"];
    let tasks = [
        "g1|completed|false|false|2079-07-07T10:10:00Z|2079-07-07T11:00:05Z|released",
        "g2|failed|false|false|2079-07-07T12:00:00Z|2079-07-07T12:00:00Z|failed",
        "g3|completed|true|true|2079-07-07T12:30:00Z||",
    ];
    assert_eq!(listed(&world, columns), [&tasks[..], &save[..]].concat());
    // A later attempt of the save does not undo the release.
    world.append("ada/tasks.jsonl", &event("9", "11:30:00", "created", "v2", &json!({"attempt": 2}))).pass();
    assert_eq!(listed(&world, "close_reason")[0], "released");
}

#[test]
fn held_tasks_find_their_releases_without_looking_at_each_of_them() {
    let world = world(&[event("1", "10:00:00", "completed", "g1", &of("scenario_generation"))]);
    let plan = world.rows("EXPLAIN FROM tracked_tasks_at(TIMESTAMP '2079-07-07 23:00:00')").concat();
    assert_eq!(plan.matches("NL_JOIN").count(), 1, "only with the one row of the purges: {plan}");
    assert!(plan.contains("HASH_JOIN"), "{plan}");
}

/// Adds tombstones, as decisions of people do.
fn bury(world: &World, rows: &[TombstoneRow<'_>]) {
    let store = Store::open(&world.database(), Access::ReadWrite).unwrap();
    let manifest = PLUG.manifest();
    let settlement: &Settlement = manifest.settlements.iter().find(|settlement| settlement.reviews.is_some()).unwrap();
    let rows: Vec<_> = rows.iter().map(|row| row.clone().values()).collect();
    store.review(manifest, settlement, &rows, &[]).unwrap();
}

fn time(text: &str) -> chrono::DateTime<chrono::Utc> {
    text.parse().unwrap()
}

#[test]
fn a_removed_task_stays_hidden_until_it_is_created_again() {
    let world = world(&[
        event("1", "10:00:00", "created", "t1", &of("export")),
        event("2", "10:00:00", "created", "t2", &of("export")),
    ]);
    let removal = TombstoneRow {
        tombstone_id: 0,
        action: Action::Remove.name(),
        task_id: Some("t1"),
        closed_before: None,
        removed_by: "ada",
        removed_at: time("2079-07-07T10:00:00Z"),
    };
    bury(&world, &[removal]);
    assert_eq!(listed(&world, "task_id"), ["t2"]);
    assert_eq!(world.rows("SELECT task_id FROM task_events"), ["t2"]);
    let again = |id: &str, attempt: u64| event(id, "10:00:01", "created", "t1", &json!({"attempt": attempt}));
    world.append("ada/tasks.jsonl", &event("3", "10:00:05", "completed", "t1", &json!({}))).pass();
    world.append("ada/tasks.jsonl", &again("4", 1)).pass();
    assert_eq!(listed(&world, "task_id"), ["t2"], "neither an end nor the same attempt brings it back");
    // A new database from the same files, and from the decisions beside the old one.
    std::fs::remove_file(world.database()).unwrap();
    world.pass();
    assert_eq!(listed(&world, "task_id"), ["t2"]);
    world.append("ada/tasks.jsonl", &again("5", 2)).pass();
    assert_eq!(
        listed(&world, "task_id, status, created_at, events"),
        ["t1|active|2079-07-07T10:00:00Z|4", "t2|active|2079-07-07T10:00:00Z|1",]
    );
}

#[test]
fn a_purge_is_about_what_was_closed_by_then() {
    let world = world(&[
        event("1", "10:00:00", "completed", "t1", &of("export")),
        event("2", "10:00:01", "completed", "t2", &of("export")),
        event("3", "09:00:00", "created", "t3", &of("export")),
    ]);
    let purge = TombstoneRow {
        tombstone_id: 0,
        action: Action::Purge.name(),
        task_id: None,
        closed_before: Some(time("2079-07-07T10:00:00Z")),
        removed_by: "ada",
        removed_at: time("2079-07-07T12:00:00Z"),
    };
    bury(&world, &[purge]);
    assert_eq!(listed(&world, "task_id, status"), ["t2|completed", "t3|active"]);
    std::fs::remove_file(world.database()).unwrap();
    world.pass();
    assert_eq!(listed(&world, "task_id"), ["t2", "t3"], "nothing comes back in a new database");
}

#[test]
fn what_expired_is_gone_and_is_not_published_again() {
    let world = world(&[
        event("1", "2079-06-01T10:00:00Z", "completed", "old", &of("export")),
        event("2", "10:00:00", "completed", "new", &of("export")),
    ]);
    for _ in 0..2 {
        assert_eq!(world.rows("SELECT task_id FROM facts.task_state"), ["new"]);
        assert_eq!(listed(&world, "task_id"), ["new"]);
        std::fs::remove_file(world.database()).unwrap();
        world.pass();
    }
    world.append("ada/tasks.jsonl", &event("3", "11:00:00", "created", "old", &json!({"attempt": 2}))).pass();
    assert_eq!(listed(&world, "task_id, events"), ["new|1", "old|2"], "its facts were kept");
}

#[test]
fn what_a_clock_ahead_ended_comes_back() {
    let world = world(&[event("1", "10:00:00", "created", "t1", &of("build"))]);
    let expected = listed(&world, "task_id, status");
    assert_eq!(expected, ["t1|active"]);
    let ahead = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    world.wait(ahead).pass();
    assert_eq!(world.rows("SELECT count(*) FROM facts.task_state"), ["0"]);
    world.wait_back(ahead).pass();
    assert_eq!(listed(&world, "task_id, status"), expected);
}

#[test]
fn only_writers_decide() {
    let world = World::new();
    world.write("ci/a.jsonl", event("1", "10:00:00", "created", "t1", &of("export")));
    world.write("eve/a.jsonl", event("2", "10:00:01", "completed", "t1", &of("export")));
    world.write("eve/b.jsonl", event("1", "09:00:00", "failed", "t1", &of("export")));
    let policy = Policy { writers: ["ci".to_owned()].into(), ..Policy::default() };
    world.pass_of(&[&Tasks::new(policy)]).unwrap();
    let columns = "username, status, events, ignored_events";
    assert_eq!(listed(&world, columns), ["ci|active|1|2"]);
    world.pass_of(&[&Tasks::default()]).unwrap();
    assert_eq!(listed(&world, columns), ["ci|completed|2|1"], "of copies the first file counts");
}

#[test]
fn a_build_of_many_runs_finishes_each_of_them() {
    let run = |kind: &str, number: usize, parent: Option<&str>| {
        let facet = |id: &str| json!({"parent": {"run": {"runId": id}, "job": {"name": "build"}}});
        let facets = parent.map_or(json!({}), facet);
        let second = if kind == "START" { number % 60 } else { 30 };
        let minute = if kind == "START" { 0 } else { 1 + number % 50 };
        let line = json!({
            "eventType": kind, "eventTime": format!("2079-07-07T10:{minute:02}:{second:02}.123456789Z"),
            "run": {"runId": format!("run-{number}"), "facets": facets}, "producer": "https://example.org/dbt",
            "job": {"namespace": "shop", "name": format!("orders_{number}"), "facets": {"jobType": {"jobType": "MODEL"}}},
        });
        line.to_string() + "\n"
    };
    let end = |number: usize| match number {
        17 | 18 => "FAIL",
        _ => "COMPLETE",
    };
    let parent = |number: usize| (number > 0).then_some("run-0");
    let lines: Vec<_> = (0..93)
        .flat_map(|number| [run("START", number, parent(number)), run(end(number), number, parent(number))])
        .collect();
    assert_eq!(lines.len(), 186);
    let dataset = "{\"eventTime\":\"2079-07-07T10:00:00Z\",\"dataset\":{\"name\":\"d\"}}\n".to_owned();
    let world = world(&[lines.clone(), lines[..50].to_vec(), vec![dataset]].concat());
    let sql = "SELECT short_id, task_type, status, count(*), sum(events), sum(ignored_events)
               FROM task_sessions_at(TIMESTAMP '2079-07-07 23:00:00') GROUP BY ALL ORDER BY ALL";
    assert_eq!(world.rows(sql), ["run-0|MODEL|completed|91|182|46", "run-0|MODEL|failed|2|4|4"]);
    assert_eq!(world.rows("SELECT dialect, lines, malformed_lines FROM session_files"), ["openlineage|237|0"]);
    assert!(world.rows("FROM session_unknown_lines").is_empty(), "events without a run are known");
    assert_eq!(listed(&world, "created_at")[0], "2079-07-07T10:00:00.123456Z", "nanoseconds are cut");
}

#[test]
fn the_name_of_a_job_is_its_type_only_where_none_is_given() {
    let run = |kind: &str, run: &str, second: u64, facets: &Json| {
        let line = json!({
            "eventType": kind, "eventTime": format!("2079-07-07T10:00:{second:02}Z"), "run": {"runId": run},
            "job": {"namespace": "shop", "name": "orders", "facets": facets},
        });
        line.to_string() + "\n"
    };
    let model = json!({"jobType": {"jobType": "MODEL"}});
    let lines =
        [run("START", "r1", 1, &model), run("COMPLETE", "r1", 2, &json!({})), run("START", "r2", 3, &json!({}))];
    let world = world(&lines);
    assert_eq!(listed(&world, "task_id, task_type, status"), ["r1|MODEL|completed", "r2|orders|active"]);
    let events = "SELECT task_type, task_name FROM facts.task_events ORDER BY line";
    assert_eq!(world.rows(events), ["MODEL|orders", "|orders", "|orders"]);
}

#[test]
fn celery_is_read_in_any_order() {
    let event = |kind: &str, uuid: &str, time: f64, clock: u64, more: &Json| {
        let mut line =
            json!({"type": kind, "uuid": uuid, "timestamp": time, "clock": clock, "hostname": "celery@mill"});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line.to_string() + "\n"
    };
    // 2079-07-07T10:00:00Z in seconds.
    let start = 3_455_949_600.0;
    let named = json!({"name": "shop.mail", "root_id": "c0"});
    let world = world(&[
        event("task-succeeded", "c1", start + 2.5, 12, &json!({"result": "'ok'"})),
        event("task-started", "c1", start + 1.0, 9, &json!({})),
        event("task-received", "c1", start, 8, &named),
        event("task-failed", "c2", start + 3.0, 20, &json!({"exception": "TimeoutError()"})),
        event("task-retried", "c2", start + 2.0, 10, &json!({"exception": "ConnectionError()"})),
        event("task-received", "c2", start + 2.0, 9, &named),
        event("task-revoked", "c3", start, 3, &json!({"root_id": null})),
        event("task-began", "c1", start, 3, &json!({})),
    ]);
    let columns = "task_id, short_id, task_type, status, created_at, closed_at, error, is_inferred";
    assert_eq!(
        listed(&world, columns),
        [
            "c1|c0|shop.mail|completed|2079-07-07T10:00:00Z|2079-07-07T10:00:02.500Z||false",
            "c2|c0|shop.mail|failed|2079-07-07T10:00:02Z|2079-07-07T10:00:03Z|TimeoutError()|false",
            "c3|c3||cancelled|2079-07-07T10:00:00Z|2079-07-07T10:00:00Z||true",
        ]
    );
    assert_eq!(world.rows("FROM session_unknown_lines SELECT kind, lines"), ["task-began|1"]);
}

#[test]
fn cdevents_end_by_their_outcome() {
    let event = |id: &str, kind: &str, subject: &str, content: &Json| {
        json!({
            "context": {"id": id, "source": "/ci", "timestamp": "2079-07-07T12:00:00+02:00",
                "type": format!("dev.cdevents.{kind}.0.2.0"), "version": "0.4.1"},
            "subject": {"id": subject, "type": "taskRun", "content": content},
        })
    };
    let finished = |number: usize, outcome: &Json| {
        let content = json!({"outcome": outcome, "pipelineRun": {"id": "p1"}, "errors": "2 tests failed"});
        event(&format!("f{number}"), "taskrun.finished", &format!("t{number}"), &content).to_string() + "\n"
    };
    let outcomes = [json!("success"), json!("failure"), json!("error"), json!("cancel"), Json::Null];
    let mut lines: Vec<_> = (1..).zip(&outcomes).map(|(number, outcome)| finished(number, outcome)).collect();
    let inside = event("q1", "pipelinerun.queued", "p1", &json!({"pipelineName": "build"}));
    let envelope =
        json!({"specversion": "1.0", "id": "x", "source": "/bus", "type": inside["context"]["type"], "data": inside});
    lines.push(envelope.to_string() + "\n");
    lines.push(inside.to_string() + "\n");
    lines.push(event("e", "environment.created", "prod", &json!({})).to_string() + "\n");
    let world = world(&lines);
    let columns = "task_id, short_id, task_type, status, is_guessed, created_at, events, ignored_events";
    let row = |task: &str, status: &str, is_guessed: bool| {
        format!("{task}|p1|taskrun|{status}|{is_guessed}|2079-07-07T10:00:00Z|1|0")
    };
    assert_eq!(
        listed(&world, columns),
        [
            "p1|p1|pipelinerun|active|false|2079-07-07T10:00:00Z|1|1".to_owned(),
            row("t1", "completed", false),
            row("t2", "failed", false),
            row("t3", "failed", false),
            row("t4", "cancelled", false),
            row("t5", "completed", true),
        ],
        "an event counts once, in its envelope and without"
    );
    let unknown = world.rows("SELECT kind FROM session_unknown_lines");
    assert_eq!(unknown, ["environment/created"]);
}

#[test]
fn times_are_read_in_every_form_and_lines_that_lack_one_are_malformed() {
    let times = [
        ("a", json!("2079-07-07T10:00:00.123456789Z"), Some("2079-07-07T10:00:00.123456Z")),
        ("b", json!("2079-07-07T10:00:00"), Some("2079-07-07T10:00:00Z")),
        ("c", json!("2079-07-07"), Some("2079-07-07T00:00:00Z")),
        ("d", json!("9999-12-31T23:59:59.999Z"), Some("9999-12-31T23:59:59.999Z")),
        ("e", json!(3_455_949_600_250_i64), Some("2079-07-07T10:00:00.250Z")),
        ("f", json!("yesterday"), None),
        ("g", Json::Null, None),
    ];
    let line = |(task, time, _): &(&str, Json, Option<&str>)| {
        let mut line: Json = serde_json::from_str(&event(task, "10:00:00", "created", task, &of("export"))).unwrap();
        line["time"] = time.clone();
        line.to_string() + "\n"
    };
    let mut lines: Vec<_> = times.iter().map(line).collect();
    for lacks in ["id", "source", "subject"] {
        let mut line: Json = serde_json::from_str(&event("1", "10:00:00", "created", "z", &of("export"))).unwrap();
        line.as_object_mut().unwrap().remove(lacks);
        lines.push(line.to_string() + "\n");
    }
    let mut recorded: Json = serde_json::from_str(&event("h", "10:00:00", "created", "h", &of("export"))).unwrap();
    recorded["recordedtime"] = recorded.as_object_mut().unwrap().remove("time").unwrap();
    lines.push(recorded.to_string() + "\n");
    lines.push(event("i", "10:00:00", "paused", "i", &of("export")));
    let world = world(&lines);
    let mut expected: Vec<_> =
        times.iter().filter_map(|(task, _, time)| Some(format!("{task}|{}", (*time)?))).collect();
    expected.push("h|2079-07-07T10:00:00Z".to_owned());
    assert_eq!(listed(&world, "task_id, created_at"), expected);
    assert_eq!(world.rows("SELECT dialect, lines, malformed_lines FROM session_files"), ["cloudevents|12|5"]);
    assert_eq!(world.rows("SELECT kind FROM session_unknown_lines"), ["task/paused"]);
}

/// A record of a transcript of the session `s1`.
fn record(number: u64, kind: &str, content: &Json, more: &Json) -> String {
    let mut line = json!({
        "type": kind, "uuid": format!("u{number}"), "sessionId": "s1", "timestamp": format!("2079-07-07T10:00:{number:02}Z"),
        "message": {"role": kind, "content": content},
    });
    if kind == "assistant" {
        line["message"]["id"] = json!(format!("m{number}"));
    }
    line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    line.to_string() + "\n"
}

fn call(number: u64, id: &str, kind: &str) -> String {
    let input = json!({"subagent_type": kind, "prompt": "look", "description": "looks"});
    record(number, "assistant", &json!([{"type": "tool_use", "id": id, "name": "Task", "input": input}]), &json!({}))
}

fn result(number: u64, id: &str, text: &str, is_error: bool, note: &Json) -> String {
    let content = json!([{"type": "tool_result", "tool_use_id": id, "content": text, "is_error": is_error}]);
    record(number, "user", &content, &json!({"toolUseResult": note}))
}

#[test]
fn subagents_of_a_transcript_are_tasks() {
    let stopped = "The user doesn't want to proceed with this tool use. The tool use was rejected";
    let launched = json!({"isAsync": true, "status": "async_launched", "agentId": "a17"});
    let note = "<task-notification>\n<task-id>a17</task-id>\n<status>failed</status>\n</task-notification>";
    let lines = [
        call(1, "c1", "explore"),
        result(2, "c1", "found it", false, &json!({"status": "completed"})),
        call(3, "c2", "explore"),
        result(4, "c2", "it broke", true, &json!("Error: it broke")),
        call(5, "c3", "plan"),
        result(6, "c3", stopped, true, &json!("User rejected tool use")),
        call(7, "c4", "review"),
        result(8, "c4", "launched", false, &launched),
        record(9, "user", &json!(note), &json!({})),
        call(10, "c5", "plan"),
        call(11, "c6", "review"),
        result(12, "c6", "launched", false, &json!({"isAsync": true, "status": "async_launched", "agentId": "a18"})),
        result(
            13,
            "o1",
            "not yet",
            false,
            &json!({"retrieval_status": "not_ready", "task": {"task_id": "a18", "status": "running"}}),
        ),
        result(
            14,
            "o2",
            "done",
            false,
            &json!({"retrieval_status": "success", "task": {"task_id": "a18", "status": "completed"}}),
        ),
    ];
    let world = world(&lines);
    let columns = "task_id, short_id, task_type, status, created_at, closed_at, events";
    let expected = [
        "m1/c1|s1|subagent:explore|completed|2079-07-07T10:00:01Z|2079-07-07T10:00:02Z|2",
        "m10/c5|s1|subagent:plan|active|2079-07-07T10:00:10Z||1",
        "m11/c6|s1|subagent:review|completed|2079-07-07T10:00:11Z|2079-07-07T10:00:14Z|3",
        "m3/c2|s1|subagent:explore|failed|2079-07-07T10:00:03Z|2079-07-07T10:00:04Z|2",
        "m5/c3|s1|subagent:plan|cancelled|2079-07-07T10:00:05Z|2079-07-07T10:00:06Z|2",
        "m7/c4|s1|subagent:review|failed|2079-07-07T10:00:07Z|2079-07-07T10:00:09Z|3",
    ];
    assert_eq!(listed(&world, columns), expected);
    world.write("ada/resumed.jsonl", lines.concat()).pass();
    assert_eq!(listed(&world, columns), expected, "a copy of the transcript repeats it");
}

#[test]
fn subagents_of_codex_run_until_they_are_done() {
    let mut second = 0;
    let mut line = |payload: Json| {
        second += 1;
        json!({"timestamp": format!("2079-07-07T10:00:{second:02}Z"), "type": "response_item", "payload": payload})
            .to_string()
            + "\n"
    };
    let mut call = |id: &str, tool: &str, arguments: Json, output: Json| {
        let arguments = arguments.to_string();
        let call = json!({"type": "function_call", "name": tool, "arguments": arguments, "call_id": id});
        let output = json!({"type": "function_call_output", "call_id": id, "output": output.to_string()});
        line(call) + &line(output)
    };
    let spawn = |agent: &str| json!({"agent_id": agent, "nickname": "Ada"});
    let kind = |kind: &str| json!({"agent_type": kind, "message": "look"});
    let done = json!({"status": {"a1": {"completed": "found"}, "a9": "running"}, "timed_out": false});
    let calls = [
        call("c1", "spawn_agent", kind("explorer"), spawn("a1")),
        call("c2", "spawn_agent", kind("worker"), spawn("a2")),
        call("c3", "spawn_agent", json!({"message": "go"}), spawn("a3")),
        call("c4", "spawn_agent", kind("worker"), spawn("a4")),
        call("c5", "wait_agent", json!({"targets": ["a1", "a9"]}), done),
        call("c6", "close_agent", json!({"target": "a2"}), json!({"previous_status": "running"})),
    ];
    let note = r#"<subagent_notification>{"agent_id":"a3","status":{"errored":"no quota"}}</subagent_notification>"#;
    let note = line(json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": note}]}));
    let meta = json!({"timestamp": "2079-07-07T10:00:00Z", "type": "session_meta", "payload": {"id": "s1"}});
    let world = world(&[format!("{meta}\n"), calls.concat(), note]);
    let expected = [
        "codex:s1:1/c1|s1|subagent:explorer|completed|2079-07-07T10:00:01Z|2079-07-07T10:00:10Z|3",
        "codex:s1:1/c2|s1|subagent:worker|cancelled|2079-07-07T10:00:03Z|2079-07-07T10:00:12Z|3",
        "codex:s1:1/c3|s1|subagent|failed|2079-07-07T10:00:05Z|2079-07-07T10:00:13Z|3",
        "codex:s1:1/c4|s1|subagent:worker|active|2079-07-07T10:00:07Z||2",
    ];
    assert_eq!(listed(&world, "task_id, short_id, task_type, status, created_at, closed_at, events"), expected);
    let named = "SELECT subagent_id FROM usage_tool_events WHERE subagent_id IS NOT NULL ORDER BY ALL";
    assert_eq!(world.rows(named), ["a1", "a2", "a3", "a4"], "and their transcripts are theirs");
}

#[test]
fn entries_of_task_lists_are_tasks() {
    let subject = "Oil the mill";
    let entry = |status: &str| json!({"content": subject, "status": status, "activeForm": "Oiling"});
    let other = json!({"content": "Sweep", "status": "pending"});
    let lines = [
        result(1, "c1", "created", false, &json!({"task": {"id": "1", "subject": subject}})),
        result(
            2,
            "c2",
            "ok",
            false,
            &json!({"success": true, "taskId": "1", "statusChange": {"from": "pending", "to": "in_progress"}}),
        ),
        result(
            3,
            "c3",
            "ok",
            false,
            &json!({"success": true, "taskId": "1", "statusChange": {"from": "in_progress", "to": "completed"}}),
        ),
        result(4, "c4", "it", false, &json!({"task": {"id": "1", "subject": subject, "status": "completed"}})),
        result(5, "c5", "ok", false, &json!({"oldTodos": [], "newTodos": [entry("in_progress"), other]})),
        result(
            6,
            "c6",
            "ok",
            false,
            &json!({"oldTodos": [entry("in_progress"), other], "newTodos": [entry("completed")]}),
        ),
    ];
    let world = world(&lines);
    let columns = "task_type, short_id, status, created_at, closed_at, attempt, events, data";
    let oil = "{\"subject\":\"Oil the mill\"}";
    let mut expected = [
        format!("todo|s1|completed|2079-07-07T10:00:01Z|2079-07-07T10:00:03Z|1|3|{oil}"),
        format!("todo|s1|completed|2079-07-07T10:00:05Z|2079-07-07T10:00:06Z|1|3|{oil}"),
        "todo|s1|cancelled|2079-07-07T10:00:05Z|2079-07-07T10:00:06Z|1|2|{\"subject\":\"Sweep\"}".to_owned(),
    ];
    expected.sort();
    let mut found = listed(&world, columns);
    found.sort();
    assert_eq!(found, expected);
    let again = json!({"success": true, "taskId": "1", "statusChange": {"from": "completed", "to": "in_progress"}});
    world.append("ada/tasks.jsonl", &result(7, "c7", "ok", false, &again)).pass();
    let numbered = "SELECT status, attempt, events FROM task_sessions_at(TIMESTAMP '2079-07-07 23:00:00') WHERE task_id = 's1/todo/1'";
    assert_eq!(world.rows(numbered), ["active|2|4"], "to take it up again is another attempt");
}

#[test]
fn a_run_warns_of_reserved_short_ids_and_settings_are_checked() {
    let world = World::new();
    world.write("ada/a.jsonl", event("1", "10:00:00", "created", "t1", &json!({"short_id": "task"})));
    let said = world.mill(&["run", "--sessions", "root"]);
    let warning = "the short id `task` is reserved, and 1 task has it: use another one";
    assert!(said.status == 0 && said.stdout.contains(warning), "{said:?}");
    assert!(!world.mill(&["run", "--sessions", "root"]).stdout.contains("reserved"), "once for a change");
    std::fs::write(world.path("c.toml"), "[tasks]\norphans = \"1h\"\nretention = \"1\u{20}day\"\n").unwrap();
    let said = world.mill(&["config", "check", "--config", "c.toml"]);
    assert!(said.status == 78 && said.stdout.contains("unknown key `orphans`"), "{said:?}");
    std::fs::write(world.path("c.toml"), "[tasks]\nretention = \"1h\"\nheld = { render = \"publish\" }\n").unwrap();
    let said = world.mill(&["config", "show", "--config", "c.toml", "--json"]);
    let settings: Vec<Json> = serde_json::from_str(&said.stdout).unwrap();
    let value = |key: &str| settings.iter().find(|setting| setting["setting"] == key).map(|setting| &setting["value"]);
    assert_eq!(value("tasks.retention"), Some(&json!("1h")), "{said:?}");
    assert_eq!(value("tasks.orphan_after"), Some(&json!("1d")));
}

#[test]
fn a_snapshot_lists_tasks_without_their_data() {
    let world = world(&[event("1", "10:00:00", "created", "t1", &json!({"short_id": "s1", "who": "zoe"}))]);
    let said = world.mill(&["publish"]);
    assert_eq!(said.status, 0, "{said:?}");
    let snapshot = world.path("data/published/mill.duckdb");
    let sql = "SELECT task_id, data FROM task_sessions_at(TIMESTAMP '2079-07-07 23:00:00')";
    assert_eq!(
        (world.rows(sql), rows(&snapshot, sql)),
        (vec!["t1|{\"short_id\":\"s1\",\"who\":\"zoe\"}".to_owned()], vec!["t1|".to_owned()])
    );
    assert_eq!(rows(&snapshot, "SELECT task_id FROM task_events"), ["t1"]);
    let store = Store::open(&world.database(), Access::ReadOnly).unwrap();
    assert!(store.connection().execute("INSERT INTO task_tombstones SELECT 1", []).is_err());
}
