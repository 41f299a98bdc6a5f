//! Tasks through the commands that people type: what they write, and what they print.

use crate::world::{Said, World};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

/// An event of a task in the future, so that the task is neither orphaned nor purged during the test.
fn event(id: &str, task: &str, state: &str, time: &str, data: &Value) -> String {
    let event = json!({
        "specversion": "1.0", "id": id, "source": "urn:example:worker", "type": format!("com.example.task.{state}"),
        "subject": task, "time": format!("2099-02-01T{time}Z"), "data": data,
    });
    event.to_string() + "\n"
}

/// Writes events as a user with this login name.
fn write(world: &World, login: &str, lines: &[String]) {
    let folder = world.events().join(login);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("2099-02-01.jsonl"), lines.concat()).unwrap();
}

/// Tasks of two people: one active, one failed, one held, one completed.
fn example() -> World {
    let world = World::new();
    let order = |task_type: &str, more: Value| {
        let mut data = json!({"short_id": "order-17", "task_type": task_type});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    };
    write(
        &world,
        "ada",
        &[
            event("1", "t-run", "created", "10:00:00", &order("image_analysis", json!({"user_id": "u7"}))),
            event("2", "t-fail", "created", "10:00:01", &order("image_analysis", json!({}))),
            event("3", "t-fail", "failed", "10:00:03.5", &json!({"error": "no answer after 30 s"})),
            event("4", "t-held", "created", "09:00:00", &order("scenario_generation", json!({}))),
            event("5", "t-held", "completed", "12:20:00", &json!({})),
        ],
    );
    let data = json!({"short_id": "nightly", "task_type": "backup", "metadata": {"pages": 3}});
    write(
        &world,
        "bob",
        &[
            event("6", "t-done", "created", "08:00:00", &data),
            event("7", "t-done", "completed", "08:00:00.25", &json!({})),
        ],
    );
    world
}

fn ok(said: Said) -> String {
    assert_eq!(said.status, 0, "{said:?}");
    said.stdout
}

/// The ids in a list of tasks.
fn ids(listed: &str) -> String {
    let listed: Value = serde_json::from_str(listed).unwrap();
    let ids = listed.as_array().unwrap().iter().map(|task| task["task_id"].as_str().unwrap().to_owned());
    ids.collect::<Vec<_>>().join(" ")
}

/// What a command prints to stderr, without lines about paths.
fn talk(said: &Said) -> Vec<&str> {
    said.stderr.lines().filter(|line| !line.starts_with("events: ") && !line.starts_with("database: ")).collect()
}

#[test]
fn a_task_is_created_and_ends_in_one_line_each() {
    let world = World::new();
    let args =
        ["task", "create", "image_analysis", "--short-id", "order-17", "--user", "u7", "--data", "{\"pages\": 3}"];
    let said = world.mill(&args);
    assert_eq!((said.status, &*said.stderr), (0, ""), "{said:?}");
    let id = said.stdout.trim_end().to_owned();
    assert_eq!((said.stdout.len(), id.len()), (37, 36), "the id and nothing else: {said:?}");
    for args in [
        &["task", "update", &id][..],
        &["task", "fail", &id, "--error", "no answer"],
        &["task", "create", "image_analysis", "--short-id", "order-17", "--id", &id, "--attempt", "2"],
        &["task", "complete", &id, "--attempt", "2"],
        &["task", "cancel", "other", "--type", "backup", "--short-id", "nightly"],
    ] {
        let said = world.mill(args);
        let printed = if args[1] == "create" { format!("{id}\n") } else { String::new() };
        assert_eq!((said.status, &*said.stdout, &*said.stderr), (0, &*printed, ""));
    }
    let files: Vec<_> =
        fs::read_dir(world.events().join("tester")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let text = fs::read_to_string(&files[0]).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds = lines.iter().map(|line| line["type"].as_str().unwrap().rsplit('.').next().unwrap());
    assert_eq!(kinds.collect::<Vec<_>>(), ["created", "updated", "failed", "created", "completed", "cancelled"]);
    let day = lines[0]["time"].as_str().unwrap()[..10].to_owned();
    assert_eq!(files, [world.events().join("tester").join(format!("{day}.jsonl"))]);
    assert_eq!(fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        lines[0]["data"],
        json!({"short_id": "order-17", "task_type": "image_analysis", "user_id": "u7", "metadata": {"pages": 3}})
    );
    assert!(lines.iter().all(|line| line["specversion"] == "1.0" && line["source"] == "urn:sessionmill:tester"));
    let listed = ok(world.mill(&["tasks", "--include", "closed", "--json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let shown: Vec<_> = listed.as_array().unwrap().iter().map(|task| (&task["status"], &task["attempt"])).collect();
    assert_eq!(shown, [(&json!("cancelled"), &json!(1)), (&json!("completed"), &json!(2))]);
    assert_eq!(listed[1]["task_id"], *id);
    assert_eq!((&listed[0]["is_inferred"], &listed[1]["is_inferred"]), (&json!(true), &json!(false)));
    assert_eq!(world.rows("SELECT name, layout FROM sources"), ["events|users"], "it is a source by itself");
}

#[test]
fn what_makes_no_sense_is_refused_with_the_way_out_and_nothing_is_written() {
    let world = World::new();
    let create =
        |short_id: &str, data: &str| world.mill(&["task", "create", "backup", "--short-id", short_id, "--data", data]);
    let example = r#"expected a JSON object such as {"pages": 3}"#;
    for (said, words) in [
        (create("task", "{}"), "`task` is reserved: name what the task belongs to, such as `task-17`".to_owned()),
        (create("user", "{}"), "`user` is reserved: name what the task belongs to, such as `user-17`".to_owned()),
        (create(" ", "{}"), "it is empty".to_owned()),
        (create("nightly", "{pages}"), format!("it is no JSON (column 2): {example}")),
        (create("nightly", "[]"), example.to_owned()),
        (world.mill(&["task", "create", "backup"]), "--short-id <ID>".to_owned()),
        (world.mill(&["task", "fail", "t", "--attempt", "0"]), "invalid value '0' for '--attempt <N>'".to_owned()),
    ] {
        assert!(said.status == 64 && said.stdout.is_empty() && said.stderr.contains(&words), "{words}: {said:?}");
    }
    assert!(!world.events().exists());
}

#[test]
fn no_line_leaves_the_folder_of_its_user() {
    let world = World::new();
    let create = || world.mill(&["task", "create", "backup", "--short-id", "nightly"]);
    ok(create());
    let folder = world.events().join("tester");
    let file: PathBuf = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let theirs = world.path("theirs");
    fs::rename(&file, &theirs).unwrap();
    symlink(&theirs, &file).unwrap();
    let before = fs::read(&theirs).unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    let refused = |why: &str| {
        format!(
            "sessionmill: cannot write `[world]/events/tester/{name}`: {why}\n  hint: remove it: a file is made there\n"
        )
    };
    let said = create();
    assert_eq!((said.status, &*said.stdout, &*said.stderr), (2, "", &*refused("it is a link or a folder")));
    fs::remove_file(&file).unwrap();
    fs::hard_link(&theirs, &file).unwrap();
    assert_eq!(create().stderr, refused("has several names (hard links)"));
    fs::remove_dir_all(&folder).unwrap();
    symlink(world.path("root"), &folder).unwrap();
    let said = create();
    assert!(
        said.stderr.starts_with("sessionmill: cannot open `[world]/events/tester`: it is a link or not a folder\n"),
        "{said:?}"
    );
    assert_eq!(fs::read_dir(world.path("root")).unwrap().count(), 0);
    assert_eq!(fs::read(&theirs).unwrap(), before);
}

#[test]
fn tasks_are_listed_as_tables_that_fit() {
    let world = example();
    let list = |args: &[&str]| ok(world.mill(&[&["tasks"], args].concat()));
    assert_eq!(
        list(&[]),
        " Task     Type                  Short id   User   Status            Created                   For\n\
         ──────────────────────────────────────────────────────────────────────────────────────────────────\n \
         t-run    image_analysis        order-17   ada    active            2099-02-01 10:00         0 ms\n \
         t-held   scenario_generation   order-17   ada    completed, held   2099-02-01 09:00   3 h 20 min\n"
    );
    for (args, expected) in [
        (&["--include", "closed"][..], "t-fail t-run t-held t-done"),
        (&["--include", "closed", "--limit", "2"], "t-fail t-run"),
        (&["--include", "closed", "--order", "duration"], "t-held t-fail t-done t-run"),
        (&["--include", "closed", "--order", "Duration", "--limit", "1"], "t-held"),
        (&["--status", "failed,active"], "t-fail t-run"),
        (&["--status", "completed"], "t-held t-done"),
        (&["--type", "backup", "--include", "closed"], "t-done"),
        (&["--short-id", "order-17", "--include", "closed"], "t-fail t-run t-held"),
        (&["--user", "bob", "--include", "closed"], "t-done"),
        (&["--user", "u7"], "t-run"),
        (&["--since", "2099-02-02"], ""),
        (&["--until", "2099-01-31"], ""),
        (&["--user", "bo*", "--include", "closed"], "t-done"),
        (&["--type", "image"], "t-run"),
        (&["--type", "*analysis"], "t-run"),
        (&["--type", "analysis_of_images"], ""),
    ] {
        assert_eq!(ids(&list(&[args, &["--json"]].concat())), expected, "{args:?}");
    }
    assert_eq!(list(&["--short-id", "no"]), "no active tasks; --include closed lists those that are over\n");
    assert_eq!(list(&["--short-id", "no", "--include", "closed"]), "no tasks\n");
    let said = world.mill(&["tasks", "--type", "image_analysys"]);
    assert_eq!(talk(&said), ["note: no task of type `image_analysys`; did you mean `image_analysis`?"]);
    let said = world.mill(&["tasks", "--include", "closed", "--limit", "1"]);
    assert_eq!(talk(&said), ["note: 1 of 4 tasks, the newest first; --limit N shows more"]);
    let said = world.mill(&["tasks", "--include", "closed", "--limit", "1", "--order", "duration"]);
    assert_eq!(talk(&said), ["note: 1 of 4 tasks, the longest first; --limit N shows more"]);
    assert_eq!(
        list(&["--type", "backup", "--include", "closed", "--format", "csv"]),
        "task_id,short_id,task_type,username,user_id,status,attempt,created_at,updated_at,ended_at,closed_at,\
         close_reason,is_held,is_inferred,error,data,session_file,line\n\
         t-done,nightly,backup,bob,,completed,1,2099-02-01T08:00:00.000000Z,2099-02-01T08:00:00.250000Z,\
         2099-02-01T08:00:00.250000Z,2099-02-01T08:00:00.250000Z,completed,false,false,,\
         \"{\"\"short_id\"\":\"\"nightly\"\",\"\"task_type\"\":\"\"backup\"\",\"\"metadata\"\":{\"\"pages\"\":3}}\",bob/2099-02-01.jsonl,1\n"
    );
    for width in [80, 120, 200] {
        let said = world.terminal(width, &["tasks", "--include", "closed", "--no-refresh"], &[]);
        let widest = said.stdout.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(width), "{width}:\n{}", said.stdout);
    }
}

#[test]
fn a_task_is_shown_with_its_events_and_their_lines() {
    let world = example();
    assert_eq!(
        ok(world.mill(&["tasks", "show", "t-fail"])),
        "t-fail\n\
         type      image_analysis\n\
         short id  order-17\n\
         owner     ada\n\
         status    failed after 2.5 s\n\
         created   2099-02-01 10:00:01 UTC\n\
         updated   2099-02-01 10:00:03 UTC\n\
         closed    2099-02-01 10:00:03 UTC (failed)\n\
         error     no answer after 30 s\n\n \
         Time (UTC)                   State     Attempt   Line                     Error\n\
         ────────────────────────────────────────────────────────────────────────────────────────────────\n \
         2099-02-01 10:00:01.000000   created         1   ada/2099-02-01.jsonl:2\n \
         2099-02-01 10:00:03.500000   failed          1   ada/2099-02-01.jsonl:3   no answer after 30 s\n"
    );
    let said = world.mill(&["tasks", "show", "t-fial"]);
    assert_eq!(
        (said.status, talk(&said)),
        (64, vec!["sessionmill: unknown task `t-fial`", "  hint: did you mean `t-fail`?"])
    );
    let page: Value = serde_json::from_str(&ok(world.mill(&["tasks", "show", "t-done", "--json"]))).unwrap();
    assert_eq!((&page[0]["data"]["metadata"], &page[0]["events"][0]["line"]), (&json!({"pages": 3}), &json!(1)));
}

#[test]
fn a_removed_task_stays_hidden_in_a_new_database_until_it_is_created_again() {
    let world = World::new();
    let task = |args: &[&str]| ok(world.mill(&[&["task"], args].concat()));
    let create = |id: &str, attempt: &str| {
        task(&["create", "backup", "--short-id", "nightly", "--id", id, "--attempt", attempt]);
    };
    create("t-fail", "1");
    task(&["fail", "t-fail", "--error", "no room"]);
    create("t-run", "1");
    let shown = || ids(&ok(world.mill(&["tasks", "--include", "closed", "--json"])));
    let said = world.mill(&["tasks", "remove", "t-fail", "no"]);
    let hint = "  hint: `sessionmill tasks --include closed` lists them";
    assert_eq!((said.status, talk(&said)), (64, vec!["sessionmill: unknown task `no`", hint]));
    assert_eq!(shown(), "t-run t-fail", "all or none");
    let said = world.mill(&["tasks", "remove", "t-fail", "--by", "eve"]);
    let words = "`t-fail` is removed: backup of `nightly`, failed; 2 events hidden";
    assert_eq!((said.status, talk(&said)), (0, vec![words]));
    assert_eq!(shown(), "t-run");
    assert_eq!(world.rows("SELECT action, task_id, removed_by FROM task_tombstones"), ["remove|t-fail|eve"]);
    assert_eq!(world.rows("SELECT count(*) FROM task_events WHERE task_id = 't-fail'"), ["0"]);
    let said = world.mill(&["tasks", "remove", "t-fail"]);
    assert_eq!((said.status, talk(&said)), (0, vec!["`t-fail` is removed already"]));
    fs::remove_file(world.database()).unwrap();
    assert_eq!(shown(), "t-run", "the decision is kept beside the database");
    create("t-fail", "1");
    assert_eq!(shown(), "t-run", "an attempt that there was before");
    create("t-fail", "2");
    assert_eq!(shown(), "t-run t-fail", "with its whole history");
    assert_eq!(world.rows("SELECT count(*) FROM task_events WHERE task_id = 't-fail'"), ["4"]);
}

#[test]
fn a_task_of_a_clock_that_is_ahead_is_removed_at_once() {
    let world = World::new();
    let ahead = event("e1", "t-ahead", "created", "00:00:00", &json!({"short_id": "s"}));
    write(&world, "ada", &[ahead]);
    let shown = || ids(&ok(world.mill(&["tasks", "--include", "closed", "--json"])));
    assert_eq!(shown(), "t-ahead");
    assert_eq!(world.mill(&["tasks", "remove", "t-ahead"]).status, 0);
    assert_eq!(shown(), "");
    let said = world.mill(&["tasks", "remove", "t-ahead"]);
    assert_eq!((said.status, talk(&said)), (0, vec!["`t-ahead` is removed already"]));
    assert_eq!(world.rows("SELECT count(*) FROM task_tombstones"), ["1"]);
    let command = ["task", "create", "backup", "--short-id", "s", "--attempt", "1099511627777"];
    assert_eq!(world.mill(&command).status, 64, "an attempt that is not counted");
}

#[test]
fn a_purge_hides_what_was_closed_before_and_holds_in_a_new_database() {
    let world = World::new();
    let create =
        |short_id: &str| ok(world.mill(&["task", "create", "backup", "--short-id", short_id])).trim_end().to_owned();
    let (first, second, open) = (create("a"), create("b"), create("c"));
    ok(world.mill(&["task", "complete", &first]));
    ok(world.mill(&["task", "fail", &second]));
    let purge = |args: &[&str]| {
        let said = world.mill(&[&["tasks", "purge"], args].concat());
        let talk = talk(&said).join("\n");
        (said.status, said.stdout, talk)
    };
    let expected = |count: &str, words: &str| (0, format!("{count}\n"), words.to_owned());
    assert_eq!(purge(&[]), expected("0", "0 tasks closed for 7d or longer are purged"));
    let would = "2 tasks closed for 0s or longer would be purged";
    assert_eq!(purge(&["--older-than", "0s", "--dry-run"]), expected("2", would));
    assert_eq!(purge(&["--older-than", "0s"]), expected("2", "2 tasks closed for 0s or longer are purged"));
    let left = || world.rows("SELECT task_id FROM task_sessions WHERE session_file IS NOT NULL");
    assert_eq!(left(), std::slice::from_ref(&open));
    let later = create("d");
    ok(world.mill(&["task", "complete", &later]));
    fs::remove_file(world.database()).unwrap();
    ok(world.mill(&["run", "tasks"]));
    assert_eq!(left().len(), 2, "what was closed after it stays");
}

#[test]
fn figures_are_told_by_type_status_user_and_day() {
    let world = example();
    let report = |args: &[&str]| ok(world.mill(&[&["report", "tasks"], args].concat()));
    assert_eq!(
        report(&[]),
        " Type                  Tasks   Active   Failures          p50          p95   Oldest active\n\
         ───────────────────────────────────────────────────────────────────────────────────────────\n \
         image_analysis            2        1          1        2.5 s        2.5 s            0 ms\n \
         backup                    1        0          0       250 ms       250 ms               –\n \
         scenario_generation       1        0          0   3 h 20 min   3 h 20 min               –\n\
         ───────────────────────────────────────────────────────────────────────────────────────────\n \
         Total                     4        1          1        2.5 s   3 h 20 min            0 ms\n"
    );
    let keys = |by: &str| {
        let sheet: Value = serde_json::from_str(&report(&["--by", by, "--json"])).unwrap();
        let row = |row: &Value| format!("{} {}", row[by].as_str().unwrap(), row["tasks"]);
        sheet["rows"].as_array().unwrap().iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(keys("status"), ["completed 2", "active 1", "failed 1"]);
    assert_eq!(keys("user"), ["ada 3", "bob 1"]);
    assert_eq!(keys("day"), ["2099-02-01 4"]);
    let first = ["--order", "failures", "--limit", "1", "--format", "csv", "--by", "user"];
    assert_eq!(
        report(&first),
        "user,tasks,active,failures,p50_ms,p95_ms,oldest_active_ms\nada,3,1,1,2500,12000000,0\n"
    );
    let compared = ["--by", "user", "--period", "2099-02-01", "--compare", "2099-01", "--format", "csv"];
    assert_eq!(
        report(&compared).lines().nth(2).unwrap(),
        "bob,1,0,0,250,250,,0,1,",
        "nothing before: programs have the columns"
    );
    assert_eq!(
        report(&["--by", "day", "--timezone", "Pacific/Kiritimati", "--user", "bob", "--format", "csv"]),
        "day,tasks,active,failures,p50_ms,p95_ms,oldest_active_ms\n2099-02-01,1,0,0,250,250,\n"
    );
}

#[test]
fn runs_of_the_program_are_tasks_in_the_command_and_in_sql() {
    let world = example();
    ok(world.mill(&["run", "tasks"]));
    let listed =
        ok(world.mill(&["tasks", "--type", "session_processor", "--include", "closed", "--no-refresh", "--json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let run = &listed.as_array().unwrap()[0];
    let shown = ["task_type", "status", "user_id", "username", "close_reason", "session_file"].map(|name| &run[name]);
    let null = Value::Null;
    let (task_type, done, user) = (json!("session_processor:tasks"), json!("completed"), json!("tester"));
    assert_eq!(shown, [&task_type, &done, &user, &null, &done, &null]);
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let sql = "SELECT task_id, status FROM task_sessions WHERE starts_with(task_type, 'session_processor:')";
    assert_eq!(world.rows(sql), ["session_processor:tasks:1|completed"]);
    assert_eq!(run["task_id"], "session_processor:tasks:1");
    let shown = ok(world.mill(&["tasks", "show", "session_processor:tasks:1", "--no-refresh"]));
    assert!(
        shown.starts_with("session_processor:tasks:1\ntype      session_processor:tasks\nuser      tester\n"),
        "{shown}"
    );
    world.write("ada/more.jsonl", "{}\n");
    assert_eq!(
        ok(world.mill(&["tasks", "--type", "session_processor"])),
        "no active tasks; --include closed lists those that are over\n",
        "it is not its own task"
    );
    assert_eq!(world.rows("SELECT count(*) > 1 FROM processor_runs"), ["true"]);
    let said = world.mill(&["tasks", "remove", "session_processor:tasks:1", "--no-refresh"]);
    assert_eq!(said.status, 64, "{said:?}");
    assert!(!ok(world.mill(&["tasks", "--include", "closed", "--no-refresh"])).contains("session_processor"));
}

#[test]
fn fifty_processes_at_once_lose_and_tear_nothing() {
    const PROCESSES: usize = 50;
    let world = World::new();
    // A line that was cut off by a crash only loses itself.
    let day = "2099-02-01";
    write(&world, "tester", &["{\"specversion\": \"1.0\", \"id\": \"torn".to_owned()]);
    let script = format!(
        "for n in $(seq {PROCESSES}); do (\n\
           id=$(\"$0\" task create load --short-id batch --data \"{{\\\"n\\\": $n}}\") || exit 1\n\
           if [ $((n % 2)) = 0 ]; then \"$0\" task complete $id; else \"$0\" task fail $id --error odd; fi\n\
         ) & done; wait"
    );
    let said = world.mill_by(&["sh", "-c", &script], &[]);
    assert_eq!((said.status, &*said.stderr), (0, ""));
    let text: String = fs::read_dir(world.events().join("tester"))
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| !entry.file_name().to_str().unwrap().starts_with(day))
        .map(|entry| fs::read_to_string(entry.path()).unwrap())
        .collect();
    // A writer can see a part of another writer's line, as if it were cut off. It then begins a new line, so there can
    // be a blank line.
    let lines = text.lines().filter(|line| !line.is_empty());
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2 * PROCESSES);
    ok(world.mill(&["run", "tasks"]));
    let sql = "SELECT status, count(*), count(DISTINCT data) FROM task_sessions WHERE task_type = 'load' GROUP BY ALL ORDER BY ALL";
    assert_eq!(world.rows(sql), ["completed|25|25", "failed|25|25"]);
}

#[test]
fn a_cut_off_line_costs_itself_only() {
    let world = World::new();
    let create = || ok(world.mill(&["task", "create", "backup", "--short-id", "nightly"]));
    create();
    let file = fs::read_dir(world.events().join("tester")).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{whole}{}", &whole[..40])).unwrap();
    create();
    create();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 4);
    ok(world.mill(&["run", "tasks"]));
    assert_eq!(world.rows("SELECT count(*) FROM task_sessions WHERE task_type = 'backup'"), ["3"]);
    assert_eq!(world.rows("SELECT malformed_lines FROM session_files"), ["1"]);
}

#[test]
fn a_folder_where_everybody_may_make_one_is_read_as_far_as_it_is_whose_it_says() {
    let world = example();
    let set = |mode| fs::set_permissions(world.events(), fs::Permissions::from_mode(mode)).unwrap();
    set(0o3773);
    let Some(said) = world.mill_as(4711, &["task", "create", "backup", "--short-id", "mine"]) else { return };
    assert_eq!(said.status, 0, "{said:?}");
    // The user 4711 does not have the name `tester`.
    assert_eq!(fs::metadata(world.events().join("tester")).unwrap().permissions().mode() & 0o7777, 0o2750);
    let said = world.mill(&["tasks", "--short-id", "mine"]);
    assert_eq!(said.stdout, "no active tasks; --include closed lists those that are over\n", "{said:?}");
    let reason = "a folder that does not belong to the user whose name it has";
    assert_eq!(world.rows("SELECT session_file, reason FROM files_left_out"), [format!("tester|{reason}")]);
    // Other users may not write into the folder either.
    let said = world.mill(&["task", "create", "backup", "--short-id", "other"]);
    assert!(said.stderr.contains("it belongs to uid 4711, not to uid 0"), "{said:?}");
    set(0o755);
    assert!(ok(world.mill(&["tasks", "--short-id", "mine"])).contains("backup"), "a folder of an admin is believed");
}

#[test]
fn the_folder_joins_other_sources_unless_a_run_names_its_own() {
    let world = example();
    world.write("ada/p/a.jsonl", crate::world::response("m1", "10:00:00", 5));
    let files = "SELECT source, count(*) FROM session_files GROUP BY ALL ORDER BY ALL";
    ok(world.mill(&["run", "usage", "--sessions", "root"]));
    assert_eq!(world.rows(files), ["sessions|1"], "only what was named");
    ok(world.mill(&["run", "usage"]));
    assert_eq!(world.rows(files), ["events|2", "sessions|1"]);
    let said = world.mill(&["run", "usage", "--sessions", "root"]);
    assert!(said.status == 0 && !said.stdout.contains("not named any more"), "{said:?}");
    let said = world.mill(&["sources", "--format", "csv"]);
    assert!(said.stdout.contains("\nevents,[world]/events,users,,in use,,,true,2,0\n"), "{said:?}");
    ok(world.mill(&["run", "tasks"]));
    ok(world.mill(&["sources", "retire", "events"]));
    let said = world.mill(&["tasks", "--include", "closed"]);
    assert!(said.stdout.contains("t-done") && !said.stderr.contains("events: "), "what it said stays: {said:?}");
}
