//! Everything that people see: all reports over a small world, on terminals of three widths and in a pipe, compared
//! with the files in `tests/screens`.
//!
//! `UPDATE_EXPECTED=1 cargo test --test world screens` writes the files; check them before committing. Reports about
//! the current time, which are the start page, budgets and `top`, are tested in `daily` and `top`.

use crate::world::{Said, World};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// The reports: the names of their files, and their arguments.
const REPORTS: [(&str, &[&str]); 24] = [
    ("day", &["report"]),
    ("week", &["report", "--by", "week"]),
    ("hour", &["report", "--by", "hour"]),
    ("model", &["report", "--by", "model"]),
    ("user", &["report", "--by", "user"]),
    ("project", &["report", "--by", "project"]),
    ("session", &["report", "--by", "session"]),
    ("block", &["report", "--by", "block"]),
    ("tool", &["report", "--by", "tool"]),
    ("user-model", &["report", "--by", "user,model"]),
    ("compare", &["report", "--by", "user", "--period", "2026-02-09", "--compare", "2026-02-02"]),
    ("sessions", &["report", "sessions"]),
    ("prompts", &["session", "0198c2aa-5e55"]),
    ("errors", &["report", "errors"]),
    ("outcomes-week", &["report", "outcomes"]),
    ("outcomes-user", &["report", "outcomes", "--by", "user"]),
    ("activity-day", &["report", "activity"]),
    ("activity-user", &["report", "activity", "--by", "user"]),
    ("activity-week-user", &["report", "activity", "--by", "week,user"]),
    ("errors-user", &["report", "errors", "--by", "user"]),
    ("verification", &["report", "verification"]),
    ("tasks", &["report", "tasks"]),
    ("timeline", &["timeline", "ada", "--kind", "activity"]),
    ("digest", &["digest", "--period", "2026-02"]),
];

/// A line of a session: its speaker, and its message.
fn line(session: &str, time: &str, project: &str, role: &str, message: Value) -> String {
    let uuid = format!("{session}-{time}-{role}");
    let mut line = json!({
        "type": role, "uuid": uuid, "sessionId": session, "timestamp": format!("2026-{time}.000Z"), "cwd": project,
        "message": {"role": role},
    });
    line["message"].as_object_mut().unwrap().extend(message.as_object().unwrap().clone());
    format!("{line}\n")
}

fn prompt(session: &str, time: &str, project: &str, text: &str) -> String {
    line(session, time, project, "user", json!({"content": text}))
}

/// A response that calls a tool, and the result.
fn call(
    session: &str,
    time: &str,
    project: &str,
    model: &str,
    (tool, input): (&str, Value),
    error: Option<&str>,
) -> String {
    let id = format!("{session}-{time}");
    let usage = json!({
        "input_tokens": 1200, "output_tokens": 48_000, "cache_creation_input_tokens": 9000, "cache_read_input_tokens": 210_000,
    });
    let content = json!([{"type": "tool_use", "id": format!("t-{id}"), "name": tool, "input": input}]);
    let response = json!({"id": format!("m-{id}"), "model": model, "content": content, "usage": usage});
    let result = json!({
        "type": "tool_result", "tool_use_id": format!("t-{id}"), "is_error": error.is_some(), "content": error.unwrap_or("ok"),
    });
    line(session, time, project, "assistant", response)
        + &line(session, &format!("{}9", &time[..time.len() - 1]), project, "user", json!({"content": [result]}))
}

fn task(id: &str, state: &str, time: &str, data: Value) -> String {
    let event = json!({
        "specversion": "1.0", "id": format!("{id}-{state}"), "source": "urn:sessionmill:ada", "type": format!("sessionmill.task.{state}"),
        "subject": id, "time": time, "datacontenttype": "application/json", "data": data,
    });
    format!("{event}\n")
}

/// Two people in two weeks, with three projects, two models with a price and one without, failed calls, an
/// interruption, a statement of knowledge, and tasks of a time in the far future.
fn world() -> World {
    let world = World::new();
    let (opus, haiku, new) = ("claude-opus-4-6", "claude-haiku-4-5", "claude-opus-99");
    let (shop, mill, site) = ("/home/ada/shop", "/home/ada/mill", "/home/bob/site");
    let bash = |command: &str| ("Bash", json!({"command": command}));
    let edit = |file: &str| ("Edit", json!({"file_path": file, "old_string": "a", "new_string": "b\nc"}));
    let (a, b, c) = (
        "0198c2aa-5e55-4a00-9000-00000000000a",
        "0198c2aa-5e77-4a00-9000-00000000000b",
        "0199d1bb-0000-4a00-9000-00000000000c",
    );
    let exit = Some("Exit code 101: error");
    world.write(
        "ada/a.jsonl",
        prompt(a, "02-02T09:00:00", shop, "Let people pay by invoice, and say so on the page of the basket")
            + &call(a, "02-02T09:00:20", shop, opus, edit("/home/ada/shop/basket.rs"), None)
            + &call(a, "02-02T09:03:00", shop, opus, bash("cargo test"), exit)
            + &call(a, "02-02T09:04:00", shop, opus, bash("cargo test"), exit)
            + &call(a, "02-02T09:05:00", shop, opus, bash("cargo test"), exit)
            + &call(a, "02-03T10:00:00", shop, opus, bash("cargo test && git commit -m basket"), None)
            + &prompt(a, "02-03T10:01:00", shop, "OTIF stands for on time in full."),
    );
    world.write(
        "ada/b.jsonl",
        prompt(b, "02-09T14:00:00", mill, "Oil the mill")
            + &call(
                b,
                "02-09T14:00:30",
                mill,
                haiku,
                ("Read", json!({"file_path": "/home/ada/mill/none.rs"})),
                Some("File does not exist."),
            )
            + &call(b, "02-09T14:02:00", mill, haiku, edit("/home/ada/mill/wheel.rs"), None)
            + &prompt(b, "02-09T14:02:30", mill, "[Request interrupted by user]")
            + "{broken\n",
    );
    world.write(
        "bob/c.jsonl",
        prompt(c, "02-09T08:00:00", site, "Draw the figures of the month")
            + &call(c, "02-09T08:00:10", site, opus, edit("/home/bob/site/figures.js"), None)
            + &call(c, "02-10T08:00:10", site, new, bash("git commit -m figures"), None),
    );
    let made = json!({"short_id": "order-17", "task_type": "image_analysis"});
    let tasks = task("t1", "created", "2099-02-01T10:00:00Z", made.clone())
        + &task("t1", "completed", "2099-02-01T10:00:02Z", json!({}))
        + &task("t2", "created", "2099-02-03T10:00:00Z", made)
        + &task("t2", "failed", "2099-02-03T10:01:00Z", json!({"error": "no answer"}))
        + &task("t3", "created", "2099-02-03T11:00:00Z", json!({"short_id": "nightly", "task_type": "backup"}));
    let folder = world.events().join("ada");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("tasks.jsonl"), tasks).unwrap();
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    assert_eq!(world.mill(&["run", "tasks"]).status, 0);
    world
}

#[test]
fn every_report_looks_as_expected_on_every_screen() {
    let world = world();
    let mut wrong = Vec::new();
    for (name, args) in REPORTS {
        let days: &[&str] = if args.contains(&"--period") { &[] } else { &["--period", "all"] };
        let args = [args, days, &["--timezone", "UTC", "--no-refresh"]].concat();
        let mut text = String::new();
        for width in [80, 120, 200] {
            let Said { status, stdout, .. } = world.terminal(width, &args, &[]);
            assert_eq!(status, 0, "{args:?}: {stdout}");
            let wide: Vec<_> = stdout.lines().filter(|line| line.chars().count() > width).collect();
            assert!(wide.iter().all(|line| line.starts_with("note: ")), "{args:?}, {width} columns: {wide:#?}");
            writeln!(text, "{width} columns\n{stdout}").unwrap();
        }
        let piped = world.mill(&args);
        assert_eq!(piped.status, 0, "{args:?}: {piped:?}");
        write!(text, "a pipe\n{}{}", piped.stdout, piped.stderr).unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/screens").join(name).with_extension("txt");
        wrong.extend(crate::golden::difference(&path, &text));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
