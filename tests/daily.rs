//! Commands for every day: periods, short names, comparisons, two keys, colours, the start page, budgets, the digest.

use crate::world::{Said, World, response};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

/// Two people on two days, each with two models.
fn world() -> World {
    let world = World::new();
    let line = |id: &str, day: &str, output, model: &str| {
        response(id, "10:00:00", output).replace("2026-02-01", day).replace("opus-4-6", model)
    };
    let ada = line("m1", "2026-02-02", 40_000, "opus-4-6") + &line("m2", "2026-02-03", 20_000, "sonnet-4-6");
    let bob = line("m3", "2026-02-03", 10_000, "opus-4-6") + &line("m4", "2026-02-10", 60_000, "opus-4-6");
    world.write("ada/a.jsonl", ada).write("bob/b.jsonl", bob.replace("\"s1\"", "\"s2\""));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    world
}

fn said(world: &World, args: &[&str]) -> Said {
    let said = world.mill(&[args, &["--no-refresh", "--timezone", "UTC"]].concat());
    assert_eq!(said.status, 0, "{said:?}");
    said
}

#[test]
fn a_period_is_its_days_and_programs_get_everything() {
    let world = world();
    let days = |args: &[&str]| {
        let json: Value = serde_json::from_str(&said(&world, &[&["report", "--json"], args].concat()).stdout).unwrap();
        json["rows"].as_array().unwrap().iter().map(|row| row["day"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(days(&[]), ["2026-02-02", "2026-02-03", "2026-02-10"]);
    assert_eq!(days(&["--period", "2026-02-03"]), ["2026-02-03"]);
    assert_eq!(days(&["--period", "2026"]).len(), 3);
    let today = said(&world, &["report", "--period", "today"]);
    let now = Utc::now().date_naive();
    assert_eq!(today.stdout, "nothing to report\n");
    assert_eq!(today.stderr, format!("note: nothing in {now}; the newest day is 2026-02-10: see --period 2026-02\n"));
    let before = said(&world, &["report", "--until", "2026-02-01"]);
    assert_eq!(before.stderr, "note: nothing until 2026-02-01; the newest day is 2026-02-10: see --period 2026-02\n");
    let wrong = world.mill(&["report", "--period", "2026-02", "--since", "2026-02-01"]);
    assert_eq!(wrong.status, 64);
}

#[test]
fn a_terminal_gets_the_last_days_and_is_told_so() {
    let world = world();
    let args = ["report", "sessions", "--no-refresh", "--timezone", "UTC"];
    let shown = world.terminal(80, &args, &[]).stdout;
    assert!(shown.ends_with("nothing to report\n") && shown.contains("the newest day is 2026-02-10"), "{shown}");
    let activity = world.terminal(200, &["report", "activity", "--no-refresh"], &[]).stdout;
    assert!(activity.contains("; the newest day is 2026-02-10: see --period 2026-02\n"), "{activity}");
    // Today's work is in the last thirty days.
    let line = response("m9", "10:00:00", 5).replace("2026-02-01T10:00:00", &Utc::now().format("%FT%T").to_string());
    world.append("ada/a.jsonl", &line);
    assert_eq!(world.mill(&["run"]).status, 0);
    let shown = world.terminal(100, &["report", "--no-refresh", "--timezone", "UTC"], &[]).stdout;
    let first = (Utc::now() - TimeDelta::days(29)).date_naive();
    let note =
        format!("note: the last 30 days, {first} to {}; --period all shows everything\n", Utc::now().date_naive());
    assert!(shown.contains(&note) && !shown.contains("2026-02-10"), "{shown}");
}

#[test]
fn rows_are_about_two_things_in_the_order_of_both() {
    let world = world();
    let csv = said(&world, &["report", "--by", "day,model", "--format", "csv"]).stdout;
    let rows: Vec<_> = csv.lines().map(|line| line.split(',').take(3).collect::<Vec<_>>().join(",")).collect();
    assert_eq!(
        rows,
        [
            "day,model,responses",
            "2026-02-02,claude-opus-4-6,1",
            "2026-02-03,claude-sonnet-4-6,1",
            "2026-02-03,claude-opus-4-6,1",
            "2026-02-10,claude-opus-4-6,1",
        ]
    );
    let whole = said(&world, &["report", "--by", "day,model", "--format", "csv"]).stdout;
    for short in [&["report", "--breakdown", "--csv"], &["daily", "--breakdown", "--csv"]] {
        assert_eq!(said(&world, short).stdout, whole);
    }
    let json: Value =
        serde_json::from_str(&said(&world, &["report", "--by", "person,model", "--json"]).stdout).unwrap();
    assert_eq!(json["by"], "user,model");
    let rows = json["rows"].as_array().unwrap();
    let names = rows.iter().map(|row| (row["user"].as_str().unwrap(), row["model"].as_str().unwrap()));
    let expected = [("bob", "claude-opus-4-6"), ("ada", "claude-opus-4-6"), ("ada", "claude-sonnet-4-6")];
    assert_eq!(names.collect::<Vec<_>>(), expected, "bob cost more than ada");
    let shown = world.terminal(200, &["report", "--by", "user,model", "--period", "all", "--no-refresh"], &[]).stdout;
    let keys: Vec<_> = shown.lines().skip(2).take(3).map(|line| line.split("   ").next().unwrap()).collect();
    assert_eq!(keys, [" bob", " ada", ""], "what is the same as above is not repeated:\n{shown}");
    for (args, message) in [
        (["--by", "day,tool"], "billing windows and tool calls go with no other grouping"),
        (["--by", "day,user,model"], "a row is about one thing, or two different ones"),
        (["--by", "day,day"], "a row is about one thing, or two different ones"),
    ] {
        let said = world.mill(&[&["report", "--no-refresh"], &args[..]].concat());
        assert!(said.status == 64 && said.stderr.contains(message), "{said:?}");
    }
}

#[test]
fn rows_are_ordered_limited_and_compared() {
    let world = world();
    let keys = |args: &[&str]| {
        let said = said(&world, &[&["report", "--format", "csv"], args].concat());
        let keys = said.stdout.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned());
        (keys.collect::<Vec<_>>().join(" "), said.stderr)
    };
    assert_eq!(keys(&["--order", "output"]).0, "2026-02-10 2026-02-02 2026-02-03");
    assert_eq!(keys(&["--by", "user", "--order", "user"]).0, "ada bob");
    let limited = ("bob".to_owned(), "note: 1 of 2 rows; the totals are those of all\n".to_owned());
    assert_eq!(keys(&["--by", "user", "--limit", "1"]), limited);
    let said_of =
        said(&world, &["report", "--by", "user", "--period", "2026-02-10", "--compare", "2026-02-03", "--json"]);
    let json: Value = serde_json::from_str(&said_of.stdout).unwrap();
    let figures = |row: &Value| ["user", "cost_usd", "before", "change"].map(|name| row[name].to_string()).join(" ");
    assert_eq!(
        json["rows"].as_array().unwrap().iter().map(figures).collect::<Vec<_>>(),
        ["\"bob\" 1.50005 0.25005 4.999", "\"ada\" 0.0 0.30003 -1.0"]
    );
    assert_eq!(figures(&json["totals"]), "null 1.50005 0.55008 1.727");
    assert_eq!(said_of.stderr, "note: cost is compared with that of 2026-02-03\n");
    let table = said(&world, &["report", "--by", "user", "--period", "2026-02-10", "--compare", "2026-02-03"]).stdout;
    assert!(table.contains("Before   Difference   Change"), "{table}");
    let wrong = world.mill(&["report", "--no-refresh", "--order", "costs"]);
    assert!(wrong.status == 64 && wrong.stderr.contains("did you mean `cost_usd`?"), "{wrong:?}");
    assert_eq!(world.mill(&["report", "--no-refresh", "--order", ""]).status, 64);
    let by_day = said(&world, &["report", "--compare", "--json"]);
    let json: Value = serde_json::from_str(&by_day.stdout).unwrap();
    let figures = |row: &Value| ["day", "before", "difference"].map(|name| row[name].to_string()).join(" ");
    assert_eq!(
        json["rows"].as_array().unwrap().iter().map(figures).collect::<Vec<_>>(),
        ["\"2026-02-02\" 0.0 1.00005", "\"2026-02-03\" 1.00005 -0.44997", "\"2026-02-10\" 0.0 1.50005"]
    );
    // For days that the user asks for, the sum is compared with that of the days before, and new rows are marked.
    let week = said(&world, &["report", "--compare", "--period", "2026-W07", "--json"]);
    let json: Value = serde_json::from_str(&week.stdout).unwrap();
    assert_eq!(
        json["rows"].as_array().unwrap().iter().map(figures).collect::<Vec<_>>(),
        ["\"2026-02-09\" 1.00005 -1.00005", "\"2026-02-10\" 0.55008 0.94997"]
    );
    assert_eq!(figures(&json["totals"]), "null 1.55013 -0.05008");
    let new = ["report", "--compare", "2026-02-02", "--period", "2026-02-10", "--by", "user", "--order", "change"];
    let new = said(&world, &new).stdout;
    let row = new.lines().nth(2).unwrap().split_whitespace().collect::<Vec<_>>();
    assert!(row.starts_with(&["bob"]) && row.ends_with(&["$0.00", "$1.50", "new"]), "{new}");
    assert_eq!(by_day.stderr, "note: cost is compared with that of the day before\n");
    // If the other days have nothing, a table says that there is nothing to compare with, and programs get the columns.
    for (args, note) in [
        (&["--by", "user", "--compare", "2025"][..], "nothing to compare with from 2025-01-01 to 2025-12-31"),
        (&["--by", "month", "--compare"], "nothing to compare with: no month has another one before it"),
    ] {
        let table = said(&world, &[&["report"], args].concat());
        let head = table.stdout.lines().next().unwrap();
        assert!(head.ends_with("Total    Cost") && table.stderr == format!("note: {note}\n"), "{table:?}");
        let csv = said(&world, &[&["report", "--csv"], args].concat());
        let head = csv.stdout.lines().next().unwrap();
        assert!(head.ends_with("cost_usd,reported_cost_usd,before,difference,change"), "{head}");
    }
    // Days until today are compared with as many days before.
    let begun = said(&world, &["report", "--by", "user", "--since", "2026-02-01", "--compare"]).stderr;
    assert!(begun.contains("nothing to compare with from 20") && begun.contains("to 2026-01-31"), "{begun}");
    let endless = world.mill(&["report", "--by", "user", "--no-refresh", "--compare"]);
    assert!(endless.status == 64 && endless.stderr.contains("there are no days before all days"), "{endless:?}");
}

#[test]
fn a_table_has_colours_where_they_are_wanted() {
    let world = world();
    let args = ["report", "--by", "user", "--period", "all", "--no-refresh", "--timezone", "UTC"];
    let colours = |environment: &[(&str, &str)]| world.mill_with(&args, environment).stdout.contains('\u{1b}');
    assert!(!colours(&[]) && colours(&[("CLICOLOR_FORCE", "1")]));
    assert!(!colours(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    let term = [("TERM", "xterm")];
    assert!(world.terminal(80, &args, &term).stdout.contains("\u{1b}[1m"));
}

#[test]
fn people_are_asked_for_by_the_beginning_of_a_name_in_every_report() {
    let world = world();
    for args in [
        &["report", "--user", "ad"][..],
        &["report", "sessions", "--user", "ad"],
        &["report", "outcomes", "--user", "a*a"],
        &["report", "activity", "--user", "ad"],
        &["timeline", "ad", "--period", "all"],
        &["tasks", "--user", "ad"],
        &["report", "tasks", "--user", "ad"],
    ] {
        let said = said(&world, args);
        assert!(!said.stdout.contains("bob"), "{args:?}: {said:?}");
        let of_nobody = args.iter().map(|arg| if ["ad", "a*a"].contains(arg) { "eve" } else { arg });
        let wrong = world.mill(&of_nobody.collect::<Vec<_>>());
        assert!(wrong.status == 64 && wrong.stderr.contains("unknown user `eve`; known: `ada`, `bob`"), "{wrong:?}");
    }
    assert_eq!(said(&world, &["timeline", "ad", "--period", "all"]).stderr, "note: user `ad` is `ada`\n");
}

/// A line of work some minutes ago.
fn ago(id: &str, session: &str, minutes: i64, output: u64) -> String {
    let time: DateTime<Utc> = Utc::now() - TimeDelta::minutes(minutes);
    let line = response(id, "10:00:00", output).replace("2026-02-01T10:00:00", &time.format("%FT%T").to_string());
    line.replace("\"s1\"", &format!("\"{session}\""))
}

#[test]
fn the_start_page_says_what_is_spent_what_runs_and_what_failed() {
    let world = World::new();
    let prompt = |session: &str, text: &str| {
        format!(
            "{{\"type\":\"user\",\"uuid\":\"p-{session}\",\"sessionId\":\"{session}\",\"timestamp\":\"2026-02-01T09:00:00Z\",\"message\":{{\"role\":\"user\",\"content\":\"{text}\"}}}}\n"
        )
    };
    world
        .write("ada/a.jsonl", prompt("s1", "Oil the mill") + &ago("m1", "s1", 2, 40_000))
        .write("ada/b.jsonl", prompt("s2", "Sharpen the stones") + &ago("m2", "s2", 3 * 1440, 200_000));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let page = world.terminal(80, &["overview", "--no-refresh", "--timezone", "UTC"], &[]).stdout;
    assert!(page.lines().count() < 24 && page.lines().all(|line| line.chars().count() <= 80), "{page}");
    let rows: Vec<_> = page.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for row in [
        "today $1.00 $0.00 new 40.0k 0.0 % 1",
        "Sessions 1 running, 2 in 7 days, the costliest first",
        "Oil the mill s1 shop running $1.00",
        "health ok",
    ] {
        assert!(rows.iter().any(|line| line == row), "no {row} in\n{page}");
    }
    let day = (Utc::now() - TimeDelta::days(3)).format("%m-%d");
    assert!(rows.contains(&format!("Sharpen the stones s2 shop {day} $5.00")), "{page}");
    // No command is the same, and takes the same options.
    assert_eq!(world.mill(&[]).stdout.lines().count(), page.lines().count());
    assert_eq!(world.mill(&["--json", "--no-refresh"]).stdout.lines().next(), Some("{"));
    let wrong = world.mill(&["--jso"]);
    assert!(wrong.status == 64 && wrong.stderr.contains("Usage: sessionmill --json"), "{wrong:?}");
    let json: Value = serde_json::from_str(&said(&world, &["overview", "--json"]).stdout).unwrap();
    assert_eq!((&json["running"][0]["session"], &json["spent"][0]["cost_usd"]), (&"s1".into(), &1.00005.into()));
    let empty = World::new();
    empty.write("ada/a.jsonl", "{}\n");
    assert_eq!(empty.mill(&["run", "--sessions", "root"]).status, 0);
    let page = said(&empty, &["overview"]).stdout;
    assert!(page.contains("Nothing in the last 30 days; the database knows 1 transcript:"), "{page}");
}

#[test]
fn the_start_page_says_what_runs_on_a_narrow_terminal() {
    let world = World::new();
    for (at, user) in ["ada.lovelace@example.org", "bob", "grace.hopper@example.org"].into_iter().enumerate() {
        let session = format!("0000000{at}-1111-4222-8333-444444444444");
        let line = ago(&format!("m{at}"), &session, 2 + at as i64 * 1440, 40_000);
        world.write(&format!("{user}/a.jsonl"), line.replace("/home/ada/shop", "/home/ada/a-project-of-a-long-name"));
    }
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let page = world.terminal(80, &["overview", "--no-refresh", "--timezone", "UTC"], &[]).stdout;
    assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    let row = page.lines().find(|line| line.contains(" 00000000 ")).unwrap();
    assert!(row.contains(" running ") && row.trim_end().ends_with("$1.00"), "{page}");
}

#[test]
fn the_start_page_agrees_with_the_other_commands() {
    let world = World::new();
    let mut lines = String::new();
    // A failed call, and a slash command, which is not a call.
    let line = ago("m1", "s1", 2, 40_000);
    let stamp = line.split("\"timestamp\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let user = |id: &str, content: &str| {
        format!(
            "{{\"type\":\"user\",\"uuid\":\"{id}\",\"sessionId\":\"s1\",\"timestamp\":\"{stamp}\",\"message\":{{\"role\":\"user\",\"content\":{content}}}}}\n"
        )
    };
    lines += &user("u1", "\"<command-name>/review</command-name>\"");
    lines += &line;
    lines += &ago("m2", "s2", 1, 10);
    lines += &ago("m3", "s3", 3, 10).replace("opus-4-6", "opus-99");
    world.write("ada/a.jsonl", lines);
    let args = ["overview", "--sessions", "root", "--timezone", "UTC"];
    let page = world.mill(&args).stdout;
    assert!(page.contains("\nhealth    ok; never ran: verification, tasks, tracking\n"), "{page}");
    assert!(page.contains("\nno price  1 response in 30 days, not in the cost: `claude-opus-99`\n"), "{page}");
    let ids = page.split_whitespace().filter(|word| word.starts_with('s') && word.len() == 2);
    assert_eq!(ids.collect::<Vec<_>>(), ["s1", "s2", "s3"], "the costliest first, whenever they ran:\n{page}");
    let status = world.mill(&["status"]).stdout;
    assert!(status.contains("\ntasks         never ran, 0 items from 0 files\n"), "{status}");
    let tools = said(&world, &["report", "--by", "tool", "--json"]).stdout;
    let json: Value = serde_json::from_str(&said(&world, &["overview", "--json"]).stdout).unwrap();
    let tools: Value = serde_json::from_str(&tools).unwrap();
    assert_eq!(
        (&tools["totals"]["calls"], &json["calls"], &json["unpriced"]["claude-opus-99"]),
        (&0.into(), &0.into(), &1.into())
    );
    let sessions = said(&world, &["report", "sessions"]);
    assert!(
        sessions.stderr.starts_with("note: no price, and so no cost, of `claude-opus-99` (1 response): "),
        "{sessions:?}"
    );
    let nowhere = world.mill(&["report", "--database", "no/x.duckdb"]);
    assert_eq!(
        (nowhere.status, &*nowhere.stderr),
        (
            2,
            "sessionmill: there is no folder `[world]/no`\n  hint: correct --database, or make a database there with \
             `sessionmill run`\n"
        )
    );
    assert!(!world.path("no").exists());
}

#[test]
fn what_caches_save_is_told_in_the_digest_and_to_programs() {
    let world = World::new();
    let line = response("m1", "10:00:00", 0);
    let cached = "\"cache_creation_input_tokens\":50000,\"cache_read_input_tokens\":100000,\"input_tokens\"";
    world.write("ada/a.jsonl", line.replace("\"input_tokens\"", cached));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    // At $5 per million, $6.25 for cache writes and $0.50 for cache reads: without a cache, 150,000 tokens would cost
    // $0.75; with it they cost $0.3125 and $0.05.
    let json: Value = serde_json::from_str(&said(&world, &["report", "--json"]).stdout).unwrap();
    assert_eq!(json["cache_saved_usd"], 0.3875);
    let digest = said(&world, &["digest", "--period", "2026-02-01"]).stdout;
    assert!(digest.contains("\n$0.36; nothing in 2026-01-31; caches saved $0.39\n"), "{digest}");
    let digest = said(&world, &["digest", "--period", "2026-02-01", "--json"]).stdout;
    assert_eq!(serde_json::from_str::<Value>(&digest).unwrap()["cache_saved_usd"], 0.3875);
    let explained = said(&world, &["report", "--explain"]).stderr;
    assert!(
        explained.contains("\ncaches saved $0.39, beside what the same prompts would cost without a cache\n"),
        "{explained}"
    );
    // Writing to a cache that is never read costs more than it saves.
    let written = line.replace("\"input_tokens\"", "\"cache_creation_input_tokens\":100000,\"input_tokens\"");
    world.write("ada/a.jsonl", written.replace("m1", "m2"));
    assert_eq!(world.mill(&["run"]).status, 0);
    let digest = said(&world, &["digest", "--period", "2026-02-01"]).stdout;
    assert!(digest.contains("; caches cost $0.13 more than they saved\n"), "{digest}");
}

#[test]
fn a_week_that_the_days_cut_is_told() {
    let world = World::new();
    world.write("ada/a.jsonl", crate::world::response("m1", "10:00:00", 5));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let cut = |args: &[&str]| world.mill(&[args, &["--no-refresh", "--timezone", "UTC"]].concat()).stderr;
    let note = "note: the days that are asked for cut a week: 2026-01-26 has only 2026-02-01\n";
    assert_eq!(cut(&["report", "--by", "week", "--period", "2026-02"]), note);
    assert_eq!(cut(&["report", "--by", "week", "--since", "2026-01-26"]), "");
}

const BUDGETS: &str = "identities = \"people.toml\"\n[[budget]]\nname = \"all\"\nmonth = 5\n\
    [[budget]]\nname = \"engines\"\nmonth = 10\nteam = \"Engines\"\nwarn = 0.05\n\
    [[budget]]\nname = \"nobody\"\nmonth = 1\nperson = \"eve\"\n";
const PEOPLE: &str =
    "[[person]]\nemail = \"ada@example.org\"\nname = \"Ada\"\nteam = \"Engines\"\nfolders = [\"ada\"]\n";

#[test]
fn budgets_say_what_is_left_and_warn() {
    let world = World::new();
    std::fs::write(world.path("c.toml"), BUDGETS).unwrap();
    std::fs::write(world.path("people.toml"), PEOPLE).unwrap();
    world.write("ada/a.jsonl", ago("m1", "s1", 0, 40_000));
    world.write("bob/b.jsonl", ago("m2", "s2", 0, 200_000) + &ago("m3", "s2", 0, 7).replace("opus-4-6", "opus-99"));
    assert_eq!(world.mill(&["run", "--sessions", "root", "--config", "c.toml"]).status, 0);
    let of = |args: &[&str]| world.mill(&[args, &["--config", "c.toml"]].concat());
    let said = of(&["report", "budgets", "--no-refresh", "--timezone", "UTC", "--json"]);
    let json: Value = serde_json::from_str(&said.stdout).unwrap();
    let figures =
        |budget: &Value| ["name", "state", "spent_usd", "used"].map(|name| budget[name].to_string()).join(" ");
    let told: Vec<_> = json.as_array().unwrap().iter().map(figures).collect();
    assert_eq!(
        told,
        ["\"all\" \"over\" 6.0001 1.2", "\"engines\" \"warning\" 1.00005 0.1", "\"nobody\" \"warning\" 0.0 0.0"]
    );
    assert_eq!(
        said.stderr,
        "note: nothing counts for budget `nobody`: unknown user `eve`; known: `Ada`, `bob`\n\
         note: budget `all` lacks 17 tokens of 1 model without a price: `claude-opus-99`\n"
    );
    let table = of(&["report", "budgets", "--no-refresh"]).stdout;
    assert!(table.contains("   -$1.00        $0.00   "), "{table}");
    let long = BUDGETS
        .replace("\"nobody\"", "\"what nobody asked for and everybody wants to have\"")
        .replace("month = 10\n", "month = 1e6\n");
    std::fs::write(world.path("long.toml"), long).unwrap();
    let narrow = world.terminal(80, &["report", "budgets", "--no-refresh", "--config", "long.toml"], &[]).stdout;
    let table: Vec<_> = narrow.lines().take_while(|line| !line.starts_with("note: ")).collect();
    assert!(table.iter().all(|line| line.chars().count() <= 80), "{narrow}");
    // On the first day of a month there is no forecast yet, and its column is left out.
    let forecast = if json[0]["forecast_usd"].is_null() { "State" } else { "Forecast" };
    assert!(["State", "Spent", "Used", "Left", forecast].iter().all(|title| table[0].contains(title)), "{narrow}");
    let page = of(&["overview", "--no-refresh"]).stdout;
    assert!(page.contains("\nbudget    all: $6.00 of $5.00 spent (120 %)"), "{page}");
    // A budget with an unknown name counts nothing, so it is a warning.
    assert!(page.contains("\nbudget    nobody: nothing counts: unknown user `eve`; known: `Ada`, `bob`\n"), "{page}");
    assert_eq!(json[0]["used_up_on"], Utc::now().date_naive().to_string());
    // Budgets with a line of their own are not repeated.
    assert!(page.contains("\nhealth    warning: budgets, as above"), "{page}");
    // Budgets are of this month, and of no other.
    let digest = |period: &str| of(&["digest", "--no-refresh", "--timezone", "UTC", "--period", period]).stdout;
    assert!(digest("this-month").contains("\nthis month's budget all: $6.00 of $5.00 spent (120 %)"));
    let last = of(&["digest", "--no-refresh", "--timezone", "UTC", "--period", "last-month", "--json"]).stdout;
    assert_eq!(serde_json::from_str::<Value>(&last).unwrap()["budgets"], serde_json::json!([]));
    // A project is named as for `--project`: here by the last part of its path.
    let short = "[[budget]]\nname = \"shop\"\nmonth = 5\nproject = \"shop\"\nperson = \"bob\"\n";
    std::fs::write(world.path("short.toml"), short).unwrap();
    let said = world.mill(&["report", "budgets", "--no-refresh", "--json", "--config", "short.toml"]);
    let of_shop: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&of_shop[0]["spent_usd"], &of_shop[0]["unknown"]), (&5.00005.into(), &Value::Null));
    let days = json[0]["days"].as_array().unwrap();
    assert_eq!(days.last().unwrap()["left_usd"], -1.0001);
    assert_eq!(days.len(), Utc::now().format("%d").to_string().parse::<usize>().unwrap());
    let status: Value = serde_json::from_str(&of(&["status", "--json"]).stdout).unwrap();
    let usage = &status["processors"][0];
    let words = usage["reasons"][1].as_str().unwrap();
    assert_eq!(usage["state"], "warning");
    assert!(words.starts_with("budget `engines`: $1.00 of $10.00 spent (10 %)"), "{words}");
    let metrics = of(&["run", "usage", "--metrics-file", "m.prom"]);
    assert_eq!(metrics.status, 0, "{metrics:?}");
    let metrics = std::fs::read_to_string(world.path("m.prom")).unwrap();
    for line in [
        "sessionmill_month_cost_dollars{person=\"bob\",project=\"/home/ada/shop\"} 5.00005\n",
        "sessionmill_month_tokens{person=\"Ada\",project=\"/home/ada/shop\"} 40010\n",
        "sessionmill_budget_dollars{budget=\"engines\"} 10\n",
        "sessionmill_budget_spent_dollars{budget=\"all\"} 6.0001\n",
    ] {
        assert!(metrics.contains(line), "no {line} in\n{metrics}");
    }
    let wrong = |text: &str| {
        std::fs::write(world.path("w.toml"), format!("[[budget]]\nname = \"b\"\n{text}")).unwrap();
        world.mill(&["report", "--config", "w.toml"]).stderr
    };
    assert!(
        wrong("month = 0").contains("line 3: `budget.month`: a budget is from a cent to a billion dollars"),
        "{}",
        wrong("month = 0")
    );
    assert!(wrong("month = 5\nwarn = 80").contains("a part of a budget is above 0 and at most 1"));
}

#[test]
fn a_digest_fits_the_terminal_and_says_what_it_leaves_out() {
    let world = World::new();
    let file =
        format!("ada/-home-ada-{}/00000000-1111-4222-8333-444444444444.jsonl", "a-project-of-a-long-name-".repeat(3));
    let work = |id: &str, file: &str, old: &str, new: &str| {
        let edit = serde_json::json!({
            "type": "assistant", "uuid": id, "sessionId": "s1", "timestamp": "2026-02-01T10:01:00Z", "cwd": "/home/ada/shop",
            "message": {"id": id, "role": "assistant", "model": "claude-opus-4-6", "usage": {"output_tokens": 1},
                "content": [{"type": "tool_use", "id": format!("t-{id}"), "name": "Edit",
                    "input": {"file_path": file, "old_string": old, "new_string": new}}]},
        });
        let result = serde_json::json!({
            "type": "user", "uuid": format!("r-{id}"), "sessionId": "s1", "timestamp": "2026-02-01T10:02:00Z",
            "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": format!("t-{id}"), "content": "ok"}]},
        });
        format!("{edit}\n{result}\n")
    };
    let test = work("m2", "a.rs", "one\ntwo\n", "three\n").replace("\"Edit\"", "\"Bash\"");
    let test = test.replace("\"file_path\":\"a.rs\"", "\"command\":\"cargo test && git commit -m a\"");
    world.write(
        &file,
        response("m1", "10:00:00", 9_000_000) + &work("m3", "b.rs", "one\ntwo\n", "three\n") + &test + "{broken\n",
    );
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let args = ["digest", "--period", "2026-02", "--no-refresh", "--timezone", "UTC"];
    let text = world.terminal(80, &args, &[]).stdout;
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.contains("lines that are no JSON:"), "{text}");
    let narrow = world.terminal(60, &args, &[]).stdout;
    assert!(narrow.contains("\nnote: no room for `"), "{narrow}");
}

#[test]
fn a_digest_is_one_document_in_three_forms() {
    let world = world();
    let of = |args: &[&str]| said(&world, &[&["digest", "--period", "2026-02-10"], args].concat()).stdout;
    let text = of(&[]);
    for part in [
        "Digest of 2026-02-10\n$1.50; nothing in 2026-02-09\n",
        "\nPeople\n",
        "\nProjects that changed most\n",
        "\nKnowledge to review\nNothing waits for a review.\n",
        "\nProblems\nNo call failed.\n",
        "\nData quality\nNothing is wrong with the data.\n",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let json: Value = serde_json::from_str(&of(&["--format", "json"])).unwrap();
    assert_eq!((&json["cost_usd"], &json["period"]["since"]), (&1.50005.into(), &"2026-02-10".into()));
    let names: Vec<_> =
        json["sections"].as_array().unwrap().iter().map(|section| section["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["spend", "people", "movers", "problems", "knowledge", "quality"]);
    // A project's digest has neither knowledge nor budgets.
    let of_one = self::said(&world, &["digest", "--period", "2026-02-10", "--project", "shop"]);
    assert!(of_one.stdout.starts_with("Digest of 2026-02-10, project shop\n$1.50; "), "{of_one:?}");
    assert!(!of_one.stdout.contains("Knowledge"), "{of_one:?}");
    assert_eq!(of_one.stderr, "note: project `shop` is `/home/ada/shop`\n");
    let page = of(&["--format", "html"]);
    assert!(
        page.contains("<h1>Digest of 2026-02-10</h1>") && page.contains("<a href=\"#people\">People</a>"),
        "{page}"
    );
    let said = world.mill(&["digest", "--period", "2026-02-10", "--no-refresh", "--to", "d.txt"]);
    assert_eq!((said.status, &*said.stdout, &*said.stderr), (0, "", "written: d.txt\n"));
    assert_eq!(std::fs::read_to_string(world.path("d.txt")).unwrap(), text);
    // The extension of the file decides on the format.
    for (file, begin) in [("d.html", "<!doctype html>"), ("d.json", "{"), ("d.JSON", "{")] {
        assert_eq!(world.mill(&["digest", "--period", "2026-02-10", "--no-refresh", "--to", file]).status, 0);
        assert!(std::fs::read_to_string(world.path(file)).unwrap().starts_with(begin), "{file}");
    }
    assert_eq!(world.mill(&["digest", "--period", "all"]).status, 64);
    let ahead = world.mill(&["digest", "--period", "2027", "--no-refresh", "--timezone", "UTC"]);
    assert_eq!(
        (ahead.status, &*ahead.stdout, &*ahead.stderr),
        (
            0,
            "nothing to report\n",
            "note: nothing from 2027-01-01 to 2027-12-31; the newest day is 2026-02-10: see --period 2026-02\n"
        )
    );
    let ahead: Value = serde_json::from_str(&world.mill(&["digest", "--period", "2027", "--json"]).stdout).unwrap();
    assert_eq!(ahead["sections"][0]["rows"], serde_json::json!([]));
}
