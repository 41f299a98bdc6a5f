//! Identities of people, what their responses were for, and the keys that reports group by.

use crate::golden;
use crate::world::{Said, World, response};
use serde_json::Value;

fn report(world: &World, args: &[&str]) -> Value {
    let said = world.mill(&[&["report", "--no-refresh", "--timezone", "UTC", "--json"], args].concat());
    assert_eq!(said.status, 0, "{said:?}");
    serde_json::from_str(&said.stdout).unwrap()
}

/// Key and output tokens of each row, by key. The rows must add up to the total.
fn outputs(world: &World, args: &[&str]) -> Vec<(String, u64)> {
    let report = report(world, args);
    let by = report["by"].as_str().unwrap();
    let rows = report["rows"].as_array().unwrap().iter();
    let row = |row: &Value| (row[by].as_str().unwrap_or("(none)").to_owned(), row["output_tokens"].as_u64().unwrap());
    let mut rows: Vec<_> = rows.map(row).collect();
    rows.sort();
    let sum: u64 = rows.iter().map(|(_, output)| output).sum();
    assert_eq!(report["totals"]["output_tokens"], sum, "{args:?}");
    rows
}

fn expect(world: &World, args: &[&str], expected: &[(&str, u64)]) {
    let expected: Vec<_> = expected.iter().map(|(key, output)| ((*key).to_owned(), *output)).collect();
    assert_eq!(outputs(world, args), expected, "{args:?}");
}

fn run(world: &World) -> Said {
    let said = world.mill(&["run", "--sessions", "root"]);
    assert_eq!(said.status, 0, "{said:?}");
    said
}

const PEOPLE: &str = r#"
[[person]]
email = "ada@example.org"
name = "Ada Lovelace"
team = "Engines"
folders = ["ada", "ada-laptop"]

[[person]]
email = "bob@example.org"
folders = ["bob*"]
"#;

/// Four folders of two people and a folder of nobody, with a response each.
fn world() -> World {
    let world = World::new();
    for (number, folder) in ["ada", "ada-laptop", "bob", "bob-2", "eve"].into_iter().enumerate() {
        let line = response(&format!("m{number}"), &format!("1{number}:00:00"), 10_u64.pow(number.try_into().unwrap()));
        world.write(&format!("{folder}/s.jsonl"), line.replace("\"s1\"", &format!("\"s{number}\"")));
    }
    run(&world);
    std::fs::write(world.path("people.toml"), PEOPLE).unwrap();
    std::fs::write(world.path("c.toml"), "identities = \"people.toml\"\n").unwrap();
    world
}

#[test]
fn folders_of_a_person_are_one_user_and_have_a_team() {
    let world = world();
    let config = ["--config", "c.toml"];
    let by = |by| [&["--by", by], &config[..]].concat();
    expect(
        &world,
        &["--by", "user"],
        &[("ada", 1), ("ada-laptop", 10), ("bob", 100), ("bob-2", 1000), ("eve", 10_000)],
    );
    expect(&world, &by("user"), &[("Ada Lovelace", 11), ("bob@example.org", 1100), ("eve", 10_000)]);
    expect(&world, &by("team"), &[("(none)", 11_100), ("Engines", 11)]);
    expect(&world, &["--by", "team"], &[("(none)", 11_111)]);
    // The same identities as CSV, given by the flag.
    let rows = "folder,email,name,team\nada,ada@example.org,Ada Lovelace,Engines\nada-laptop,ada@example.org,,\nbob*,bob@example.org,,\n";
    std::fs::write(world.path("people.csv"), rows).unwrap();
    assert_eq!(outputs(&world, &["--by", "user", "--identities", "people.csv"]), outputs(&world, &by("user")));
    let said = world.mill(&[&["report", "--no-refresh", "--format", "csv"], &by("team")[..]].concat());
    let keys: Vec<_> = said.stdout.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(keys, ["team", "", "Engines"]);
}

#[test]
fn filters_know_people_teams_and_folders() {
    let world = world();
    let of = |args: &[&str]| {
        let report = report(&world, &[args, &["--config", "c.toml"]].concat());
        report["totals"]["output_tokens"].as_u64().unwrap()
    };
    assert_eq!(of(&["--user", "Ada Lovelace"]), 11);
    assert_eq!(of(&["--user", "ada@example.org"]), 11);
    assert_eq!(of(&["--user", "ada-laptop"]), 10);
    assert_eq!(of(&["--user", "bob@example.org"]), 1100);
    assert_eq!(of(&["--user", "eve"]), 10_000);
    assert_eq!(of(&["--team", "Engines"]), 11);
    assert_eq!(of(&["--team", "Engines", "--user", "eve"]), 0);
    for (args, stderr) in [
        (
            ["--user", "Aba Lovelace"],
            "unknown user `Aba Lovelace`; known: `Ada Lovelace`, `bob@example.org`, `eve`\n  hint: did you mean `Ada Lovelace`?",
        ),
        (["--team", "Engins"], "unknown team `Engins`; known: `Engines`\n  hint: did you mean `Engines`?"),
    ] {
        let said = world.mill(&[&["report", "--no-refresh", "--config", "c.toml"], &args[..]].concat());
        assert_eq!((said.status, &*said.stdout, &*said.stderr), (64, "", &*format!("sessionmill: {stderr}\n")));
    }
    assert_eq!((of(&["--user", "Ada"]), of(&["--user", "ada-*"]), of(&["--team", "eng"])), (11, 10, 11));
}

#[test]
fn every_report_that_tells_people_tells_them_by_name() {
    let world = world();
    let said = |args: &[&str]| {
        let said = world.mill(&[args, &["--no-refresh", "--config", "c.toml", "--timezone", "UTC"]].concat());
        assert_eq!(said.status, 0, "{said:?}");
        said
    };
    let sessions: Value = serde_json::from_str(&said(&["report", "sessions", "--json"]).stdout).unwrap();
    let users: Vec<_> = sessions.as_array().unwrap().iter().map(|session| session["user"].as_str().unwrap()).collect();
    assert_eq!(users, ["eve", "bob@example.org", "bob@example.org", "Ada Lovelace", "Ada Lovelace"]);
    let steps: Value = serde_json::from_str(&said(&["session", "s1", "--json"]).stdout).unwrap();
    assert_eq!(
        (&steps["steps"][0]["user"], &steps["steps"][0]["file"]),
        (&"Ada Lovelace".into(), &"ada-laptop/s.jsonl".into())
    );
    let explained = said(&["report", "--explain"]).stderr;
    let sentence = "people: 4 of 5 folders are of 2 people, by `people.toml`; each of the others stands for itself\n";
    assert!(explained.contains(sentence), "{explained}");
    assert!(!world.mill(&["report", "--explain", "--no-refresh"]).stderr.contains("people: "));
    said(&["report", "html", "--out", "page.html"]);
    let page = std::fs::read_to_string(world.path("page.html")).unwrap();
    for expected in ["<dd>of 3 people</dd>", "<caption>By team</caption>", "people: 4 of 5 folders are of 2 people"] {
        assert!(page.contains(expected), "no {expected} in\n{page}");
    }
    let rows = |class: &str| {
        page.matches(&format!("<tr><th scope=\"row\">Ada Lovelace</th><td class=\"{class}\">2</td>")).count()
    };
    assert_eq!((rows("n spare"), rows("n")), (1, 2), "responses, then sessions and activity sessions\n{page}");
    assert!(!page.contains(">ada-laptop<"), "{page}");
}

#[test]
fn what_somebody_does_in_two_folders_at_a_time_is_active_once() {
    let world = World::new();
    for (folder, minutes) in [("ada", ["00", "08"]), ("ada-laptop", ["04", "12"])] {
        let line = |minute: &str| response(&format!("{folder}{minute}"), &format!("10:{minute}:00"), 1);
        world.write(
            &format!("{folder}/s.jsonl"),
            minutes.map(line).concat().replace("\"s1\"", &format!("\"{folder}\"")),
        );
    }
    run(&world);
    std::fs::write(world.path("people.toml"), PEOPLE).unwrap();
    let active = |args: &[&str]| {
        let said = world.mill(&[&["report", "html", "--no-refresh", "--out", "page.html"], args].concat());
        assert_eq!(said.status, 0, "{said:?}");
        let page = std::fs::read_to_string(world.path("page.html")).unwrap();
        let (_, after) = page.split_once("<dt>Active time</dt><dd>").unwrap();
        after.split_once("</dd>").unwrap().0.to_owned()
    };
    assert_eq!(active(&[]), "16 min");
    assert_eq!(active(&["--identities", "people.toml"]), "12 min");
}

#[test]
fn evidence_of_two_folders_is_of_one_person() {
    let world = World::new();
    for name in golden::names().iter().filter(|name| name.starts_with("grace/claims-")) {
        let text = std::fs::read(golden::fixtures().join("sessions").join(name)).unwrap();
        world.write(name, &text).write(&name.replacen("grace", "grace-2", 1), text);
    }
    run(&world);
    let users = |args: &[&str]| {
        let args = [&["report", "verification", "--by", "user", "--no-refresh", "--json"], args].concat();
        let json: Value = serde_json::from_str(&world.mill(&args).stdout).unwrap();
        let rows = json["rows"].as_array().unwrap().iter();
        let users: Vec<_> = rows.map(|row| row["user"].as_str().unwrap().to_owned()).collect();
        (users, json["totals"]["people"].as_u64().unwrap())
    };
    std::fs::write(world.path("p.csv"), "folder,email\ngrace*,grace@example.org\n").unwrap();
    assert_eq!(users(&[]), (vec!["grace".to_owned(), "grace-2".to_owned()], 2));
    let person = (vec!["grace@example.org".to_owned()], 1);
    assert_eq!(users(&["--identities", "p.csv"]), person);
    assert_eq!(users(&["--identities", "p.csv", "--user", "grace@example.org"]), person);
}

#[test]
fn a_bad_file_is_explained_and_nothing_is_reported_by_it() {
    let world = world();
    let bad = "[[person]]\nemail = \"ada@example.org\"\nfolder = [\"ada\"]\n\n[[person]]\nemail = \"bob\"\nfolders = [\"bob\"]\n";
    std::fs::write(world.path("people.toml"), bad).unwrap();
    let said = world.mill(&["report", "--no-refresh", "--config", "c.toml"]);
    let first = "sessionmill: cannot read the identities `people.toml`: line 1: missing key `folders`\n";
    let hint = "  hint: `sessionmill config check` explains 2 mistakes more\n";
    assert_eq!((said.status, &*said.stdout, said.stderr), (78, "", format!("{first}{hint}")));
    let said = world.mill(&["config", "check", "--config", "c.toml"]);
    let expected = "c.toml: OK\npeople.toml:1: missing key `folders`\n\
                    people.toml:3: unknown key `folder`\n  did you mean `folders`?\npeople.toml:6: `bob` is not an e-mail address\n";
    assert_eq!((said.status, said.stdout.starts_with(expected)), (78, true), "{}", said.stdout);
    std::fs::remove_file(world.path("people.toml")).unwrap();
    for args in [&["report", "--no-refresh", "--config", "c.toml"][..], &["config", "check", "--config", "c.toml"]] {
        let said = world.mill(args);
        let told = format!("{}{}", said.stdout, said.stderr);
        assert!(
            said.status == 78
                && told.contains("cannot read the identities `people.toml`: there is no such file or folder"),
            "{told}"
        );
    }
}

#[test]
fn a_worktree_counts_for_its_repository() {
    let world = World::new();
    let line = |id: &str, cwd: &str, output| response(id, "10:00:00", output).replace("/home/ada/shop", cwd);
    let lines = [
        line("m1", "/home/ada/shop", 1),
        line("m2", "/home/ada/shop/.worktrees/2/src", 10),
        line("m3", "/home/ada/shop/.claude/worktrees/agent-1", 100),
        line("m4", "/home/ada/shop-worktrees/fix", 1000),
        line("m5", "/home/ada/shop/src", 10_000),
    ];
    world.write("ada/s.jsonl", lines.concat());
    run(&world);
    expect(&world, &["--by", "project"], &[("/home/ada/shop", 1111), ("/home/ada/shop/src", 10_000)]);
    expect(&world, &["--by", "model", "--project", "/home/ada/shop"], &[("claude-opus-4-6", 1111)]);
    expect(&world, &["--by", "model", "--project", "/home/ada/shop-worktrees/fix"], &[("claude-opus-4-6", 1000)]);
    let sessions = world.mill(&[
        "report",
        "sessions",
        "--no-refresh",
        "--format",
        "csv",
        "--project",
        "/home/ada/shop-worktrees/fix",
    ]);
    assert!(sessions.stdout.contains("\ns1,ada,/home/ada/shop,"), "{sessions:?}");
}

#[test]
fn hours_are_those_of_the_zone() {
    let world = World::new();
    world.write(
        "ada/s.jsonl",
        response("m1", "09:59:59", 1) + &response("m2", "10:00:00", 10) + &response("m3", "22:30:00", 100),
    );
    run(&world);
    expect(&world, &["--by", "hour"], &[("09", 1), ("10", 10), ("22", 100)]);
    let said =
        world.mill(&["report", "--by", "hour", "--no-refresh", "--timezone", "Asia/Kathmandu", "--format", "csv"]);
    let rows: Vec<_> = said.stdout.lines().map(|line| line.split(',').take(4).collect::<Vec<_>>().join(",")).collect();
    assert_eq!(rows, ["hour,responses,input_tokens,output_tokens", "04,1,10,100", "15,2,20,11"]);
}

/// The rules of turns, on the fixtures named after them.
#[test]
fn responses_count_for_what_their_turn_is_for() {
    let world = World::new();
    let begin = ["linus/turn-of", "linus/mcp-server-of", "linus/branch-changes", "grace/subagents-of-a-turn"];
    for name in golden::names().iter().filter(|name| begin.iter().any(|begin| name.starts_with(begin))) {
        world.write(name, std::fs::read(golden::fixtures().join("sessions").join(name)).unwrap());
    }
    run(&world);
    // Both subagents work for `/audit`; the second also for the skill that the first was started for.
    expect(&world, &["--by", "command"], &[("(none)", 275), ("/audit", 1630), ("/compact-notes", 40), ("/review", 50)]);
    expect(&world, &["--by", "skill"], &[("(none)", 445), ("charts", 30), ("slides", 20), ("threats", 1500)]);
    expect(&world, &["--by", "subagent"], &[("(none)", 395), ("auditor", 600), ("digger", 1000)]);
    expect(&world, &["--by", "mcp-server"], &[("(none)", 1970), ("tracker", 25)]);
    expect(&world, &["--by", "branch"], &[("(none)", 30), ("fix/lock", 20), ("main", 1945)]);
    // A session includes the work of its subagents.
    let session = "00000074-5e55-4a00-8000-000000000000";
    assert!(outputs(&world, &["--by", "session"]).contains(&(session.to_owned(), 1630)));
    let page = world.mill(&["report", "html", "--no-refresh", "--out", "page.html"]);
    assert_eq!(page.status, 0, "{page:?}");
    let page = std::fs::read_to_string(world.path("page.html")).unwrap();
    for kind in ["project", "slash command", "skill", "type of subagent", "MCP server"] {
        assert!(page.contains(&format!("<caption>By {kind}</caption>")), "{kind}");
    }
    assert!(!page.contains("<caption>By team</caption>"));
    assert!(page.contains("<th scope=\"row\">digger</th>") && page.contains("Spend, by hour of day"), "{page}");
    let table = world.mill(&["report", "--by", "mcp-server", "--no-refresh"]).stdout;
    assert!(table.starts_with(" MCP server "), "{table}");
}

#[test]
fn a_subagent_of_codex_works_for_the_session_that_started_it() {
    let world = World::new();
    let name = "alan/codex-subagent-without-times-in-ids.jsonl";
    world.write(name, std::fs::read(golden::fixtures().join("sessions").join(name)).unwrap());
    run(&world);
    expect(&world, &["--by", "session"], &[("older-parent", 20)]);
    expect(&world, &["--by", "subagent"], &[("(unknown)", 20)]);
}

/// Clones in the folders of two people are one project, in all reports and in SQL. `[[project]]` takes precedence.
#[test]
fn clones_of_several_people_are_one_project() {
    let world = World::new();
    let at = |id: &str, output, cwd: &str| response(id, "10:00:00", output).replace("/home/ada/shop", cwd);
    world.write("ada/a.jsonl", &(at("m1", 1, "/home/ada/src/mill") + &at("m2", 10, "/home/ada/src/mill/wheel")));
    world.write("bob/b.jsonl", &(at("m3", 100, "/Users/bob/mill") + &at("m4", 1000, "/Users/bob/oil")));
    run(&world);
    expect(&world, &["--by", "project"], &[("*/mill", 111), ("/Users/bob/oil", 1000)]);
    expect(&world, &["--by", "user", "--project", "*/mill"], &[("ada", 11), ("bob", 100)]);
    expect(&world, &["--by", "user", "--project", "/home/ada/src/mill"], &[("ada", 1)]);
    // A terminal shows as much of a name as distinguishes projects, and a narrow terminal cuts it. Both work as names.
    let args = ["report", "--by", "project", "--period", "all", "--no-refresh", "--timezone", "UTC"];
    let shown = world.terminal(120, &args, &[]).stdout;
    let names = shown.lines().skip(2).take(2).map(|line| line.split_whitespace().next().unwrap().to_owned());
    assert_eq!(names.collect::<Vec<_>>(), ["oil", "mill"], "{shown}");
    for (name, project, output) in [
        ("oil", "/Users/bob/oil", 1000),
        ("mill", "*/mill", 111),
        ("…b/oil", "/Users/bob/oil", 1000),
        ("bob/oil", "/Users/bob/oil", 1000),
    ] {
        expect(&world, &["--by", "project", "--project", name], &[(project, output)]);
    }
    let sql = "SELECT repository, sum(output_tokens)::BIGINT AS output FROM usage_costs GROUP BY 1 ORDER BY 1";
    let said = world.mill(&["query", sql, "--format", "csv"]);
    assert_eq!(said.stdout, "repository,output\n*/mill,111\n/Users/bob/oil,1000\n", "{said:?}");
    let text = "[[project]]\nname = \"Wheel\"\npaths = [\"*/mill/wheel\"]\n";
    std::fs::write(world.path("who.toml"), text).unwrap();
    let args = ["--by", "project", "--identities", "who.toml"];
    expect(&world, &args, &[("*/mill", 101), ("/Users/bob/oil", 1000), ("Wheel", 10)]);
}
