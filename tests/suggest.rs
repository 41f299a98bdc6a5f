//! `sessionmill suggest`: statements of people as lines for instruction files of agents.

use crate::world::World;
use serde_json::Value;

/// A statement of a person in a project, and the agent's answer.
fn says(session: &str, at: &str, cwd: &str, text: &str) -> String {
    format!(
        r#"{{"type":"user","uuid":"{session}-{at}","sessionId":"{session}","cwd":"{cwd}","timestamp":"2026-02-{at}:00Z","message":{{"role":"user","content":"{text}"}}}}
{{"type":"assistant","uuid":"{session}-{at}-a","sessionId":"{session}","timestamp":"2026-02-{at}:05Z","message":{{"id":"{session}-{at}-m","role":"assistant","model":"claude-sonnet-4-5","content":[{{"type":"text","text":"Done. I moved the helper and ran the tests."}}],"usage":{{"input_tokens":100000,"output_tokens":0}}}}}}
"#
    )
}

const RULE: &str = "From now on, always write amounts in cents in every log file.";

fn world() -> World {
    let world = World::new();
    let shop = |folder: &str, session: &str, day: &str| {
        says(session, &format!("{day}T10:00"), folder, RULE)
            + &says(session, &format!("{day}T10:10"), folder, "please commit the changes")
    };
    world.write("ada/a.jsonl", shop("/home/ada/shop", "s1", "01"));
    world.write("ada/b.jsonl", shop("/home/ada/shop/.worktrees/2", "s2", "02"));
    world.write("bob/c.jsonl", shop("/Users/bob/shop", "s3", "03"));
    world.write("bob/d.jsonl", says("s4", "04T10:00", "/Users/bob/other", "From now on, always run make lint first."));
    world
}

fn suggest(world: &World, args: &[&str]) -> String {
    let said = world.mill(&[&["suggest", "--sessions", "root"], args].concat());
    assert_eq!(said.status, 0, "{}", said.stderr);
    said.stdout
}

#[test]
fn suggest_shows_rules_with_who_said_so_and_prompts_that_come_back() {
    let page = suggest(&world(), &["--project", "shop", "--min-confidence", "0"]);
    let expected = "# shop

1 line; no file of it is on this machine.

## How to work

- Always write amounts in cents in every log file.
  - said 3 times in 3 sessions by ada and bob, last on 2026-02-03; confidence 0.";
    assert!(page.starts_with(expected), "{page}");
    assert_eq!(page.matches(&format!("“{RULE}”")).count(), 2, "the two newest");
    assert!(page.contains(&format!("  - “{RULE}” (bob, 2026-02-03)\n  - “{RULE}” (ada, 2026-02-02)\n")), "{page}");
    let prompts = "## Prompts that come back

- “please commit the changes”: a command could say it, such as `/commit-changes`
  - 3 times in 3 sessions by ada and bob; $0.90 in all, $0.30 each time
";
    assert!(page.ends_with(prompts), "{page}");
}

#[test]
fn suggest_leaves_out_what_the_file_says_and_shows_what_was_said_again() {
    let world = world();
    let file = world.path("RULES.md");
    let pages = |text: &str| -> Value {
        std::fs::write(&file, text).unwrap();
        // Between the second and the third time that it was said.
        let time = "2026-02-02T12:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(time.into()).unwrap();
        let args = ["--project", "shop", "--against", "RULES.md", "--format", "json", "--min-confidence", "0"];
        serde_json::from_str(&suggest(&world, &args)).unwrap()
    };
    let unsaid = pages("# Rules\n\n- Write code.\n");
    assert_eq!((unsaid[0]["lines"].as_array().unwrap().len(), &unsaid[0]["said_again"]), (1, &Value::Array(vec![])));
    let said =
        pages("# Rules\n\n- Write code.\n- Amounts are written in cents, always, when you\n  write every log file.\n");
    assert_eq!(said[0]["lines"], Value::Array(vec![]));
    let again = &said[0]["said_again"][0];
    assert_eq!((&again["written"]["line"], &again["written"]["times"]), (&4.into(), &1.into()), "{again}");
    assert_eq!(again["times"], 3);
    let huge = format!("- {RULE}\n{}", "word ".repeat(300_000));
    assert_eq!(pages(&huge)[0]["lines"].as_array().unwrap().len(), 1, "nobody writes so much by hand");
    // What was repeated most often comes first.
    let other = "From now on, always run make lint before every commit.";
    for day in [4, 5] {
        let (name, at) = (format!("ada/s1{day}.jsonl"), format!("0{day}T10:00"));
        world.write(&name, says(&format!("s1{day}"), &at, "/home/ada/shop", other));
    }
    let both = pages(&format!("- {RULE}\n- {other}\n"));
    let times = both[0]["said_again"].as_array().unwrap().iter().map(|line| line["written"]["times"].as_u64().unwrap());
    assert_eq!(times.collect::<Vec<_>>(), [2, 1], "{both}");
    // The history of the repository says since when each line exists: the second one since 2 February.
    std::fs::create_dir(world.path("bin")).unwrap();
    let blame = ["1770000000", "1770033600"].map(|time| format!("author-time {time}\\n\\tline\\n")).concat();
    std::fs::write(world.path("bin/git"), format!("#!/bin/sh\nprintf '{blame}'\n")).unwrap();
    std::fs::set_permissions(world.path("bin/git"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(&file, format!("- {other}\n- {RULE}\n")).unwrap();
    let args = ["suggest", "--sessions", "root", "--project", "shop", "--against", "RULES.md", "--format", "json"];
    let path = format!("{}:/usr/bin:/bin", world.path("bin").display());
    let dated: Value = serde_json::from_str(&world.mill_with(&args, &[("PATH", &path)]).stdout).unwrap();
    let since =
        dated[0]["said_again"].as_array().unwrap().iter().map(|line| line["written"]["since"].as_str().unwrap());
    assert_eq!(since.collect::<Vec<_>>(), ["2026-02-02T02:40:00Z", "2026-02-02T12:00:00Z"], "{dated}");
    std::fs::write(&file, format!("- {RULE}\n- {other}\n")).unwrap();
    // It was not said since.
    let last = "2026-02-05T12:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    std::fs::File::options().write(true).open(&file).unwrap().set_modified(last.into()).unwrap();
    let args = ["--project", "shop", "--against", "RULES.md", "--format", "json", "--min-confidence", "0"];
    let kept: Value = serde_json::from_str(&suggest(&world, &args)).unwrap();
    assert_eq!([&kept[0]["lines"], &kept[0]["said_again"]], [&Value::Array(vec![]), &Value::Array(vec![])]);
}

#[test]
fn suggest_follows_decisions() {
    let world = world();
    let lines = |least: &str| {
        let page = suggest(&world, &["--project", "shop", "--min-confidence", least]);
        page.lines().filter(|line| line.starts_with("- Always")).count()
    };
    assert_eq!([lines("0"), lines("0.99")], [1, 0]);
    let item = world.rows("SELECT item_id FROM knowledge_items WHERE content LIKE 'Always write amounts%'").remove(0);
    let decide = |action: &str| assert_eq!(world.mill(&["knowledge", action, &item, "--by", "eve"]).status, 0);
    decide("approve");
    assert_eq!([lines("0"), lines("0.99")], [1, 1], "what is approved is sure");
    let pages = suggest(&world, &["--min-confidence", "0.99"]);
    assert!(pages.contains("# shop\n") && !pages.contains("# other\n"), "a page has something: {pages}");
    let unsure = says("s9", "06T10:00", "/home/ada/shop", "We should always use tabs in this project.");
    world.write("ada/f.jsonl", unsure);
    let page = suggest(&world, &["--project", "shop"]);
    assert!(!page.contains("Less sure") && page.contains("\n1 line of lower confidence"), "{page}");
    decide("reject");
    assert_eq!([lines("0"), lines("0.99")], [0, 0]);
}

#[test]
fn suggest_keeps_what_a_person_prefers_off_the_projects() {
    let world = world();
    let own = "From now on I'd prefer a formal tone, and never use emojis.";
    world.write("ada/p.jsonl", says("p", "05T10:00", "/home/ada/shop", own));
    let pages = |args: &[&str]| suggest(&world, &[args, &["--all"]].concat());
    let (projects, persons) = (pages(&[]), pages(&["--person"]));
    assert_eq!(world.rows("SELECT scope FROM knowledge_items WHERE content LIKE '%emojis%'"), ["person"]);
    assert!(!projects.contains("emojis") && projects.contains("cents"), "{projects}");
    assert!(persons.starts_with("# ada\n") && persons.contains("emojis") && !persons.contains("cents"), "{persons}");
    // A file in a home folder belongs to one person.
    std::fs::create_dir_all(world.path("home/.claude")).unwrap();
    std::fs::write(world.path("home/.claude/CLAUDE.md"), "- Prefer a formal tone, never use emojis.\n").unwrap();
    assert!(!pages(&["--person"]).contains("emojis"));
    let of_bob = "From now on I'd prefer consistent wording, and never use snake_case.";
    world.write("bob/p.jsonl", says("q", "06T10:00", "/home/bob/shop", of_bob));
    assert!(pages(&["--person"]).contains("emojis"));
    let ada = pages(&["--user", "ada"]);
    assert!(ada.contains("cents") && !ada.contains("make lint") && !ada.contains("Prompts that come back"), "{ada}");
}

#[test]
fn a_prompt_comes_back_in_three_sessions_and_not_in_copies() {
    let world = World::new();
    let asks = |session: &str, day: &str| {
        says(session, &format!("{day}T10:10"), "/home/ada/shop", "please commit the changes")
    };
    let page = || suggest(&world, &["--project", "shop", "--all"]);
    world.write("ada/a.jsonl", asks("s1", "01") + &asks("s1", "02")).write("ada/b.jsonl", asks("s2", "03"));
    // A statement about the project.
    world.write("ada/c.jsonl", says("s0", "01T09:00", "/home/ada/shop", RULE));
    assert!(!page().contains("commit the changes"), "two sessions");
    // A resumed conversation repeats the prompt, under its own session id.
    world.write("ada/d.jsonl", asks("s2", "03").replace(r#""sessionId":"s2""#, r#""sessionId":"s3""#));
    assert!(!page().contains("commit the changes"), "a copy");
    world.write("ada/e.jsonl", asks("s4", "04"));
    let times = "  - 4 times in 3 sessions by ada; $1.20 in all, $0.30 each time\n";
    assert!(page().contains(&format!(
        "- “please commit the changes”: a command could say it, such as `/commit-changes`\n{times}"
    )));
    // The copy ends before the next prompt of the session.
    world.write("ada/a-backup.jsonl", asks("s1", "01"));
    assert!(page().contains(times), "{}", page());
    // In the most frequent wording, and only as many as people would read.
    let others = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"];
    for session in 5..9 {
        let id = format!("s{session}");
        let others = others.iter().enumerate();
        let others = others
            .map(|(at, name)| says(&id, &format!("0{session}T11:{at}0"), "/home/ada/shop", &format!("deploy {name}")));
        let commit = asks(&id, &format!("0{session}")).replace("the changes", "the changes!!");
        let twice = commit.clone() + &commit.replace("T10:10", "T10:20");
        world.write(&format!("ada/{id}.jsonl"), others.collect::<String>() + &twice);
    }
    let page = page();
    assert!(page.contains("- “please commit the changes!!”: "), "{page}");
    assert_eq!(page.matches("a command could say it").count(), 10, "{page}");
}

#[test]
fn suggest_has_one_line_for_items_that_say_the_same() {
    let world = World::new();
    let said = [
        "From now on, always write amounts in cents in every log file.",
        "From now on, always make log files write every amount in cents.",
        "From now on, always write the tests of every module in Rust.",
    ];
    for (number, said) in (1..).zip(said) {
        let at = format!("0{number}T10:00");
        world.write(&format!("ada/{number}.jsonl"), says(&format!("s{number}"), &at, "/home/ada/shop", said));
    }
    let page = suggest(&world, &["--project", "shop", "--all"]);
    let lines: Vec<_> = page.lines().filter(|line| line.starts_with("- ")).collect();
    assert_eq!(world.rows("SELECT count(*) FROM knowledge_items"), ["3"]);
    assert_eq!(lines.len(), 2, "{page}");
    assert!(page.contains("  - said 2 times in 2 sessions by ada, last on 2026-02-02"), "{page}");
    // Both statements by the same person in one session count once.
    world.append("ada/1.jsonl", &says("s1", "01T10:10", "/home/ada/shop", said[1]));
    let page = suggest(&world, &["--project", "shop", "--all"]);
    assert!(page.contains("  - said 2 times in 2 sessions by ada, last on 2026-02-02"), "{page}");
    // Approved items stay as they were approved.
    for (approved, count) in [(0, 2), (1, 3)] {
        let content = said[approved].replace("From now on, always", "Always");
        let sql = format!("SELECT item_id FROM knowledge_items WHERE content = '{content}'");
        let item = world.rows(&sql).remove(0);
        assert_eq!(world.mill(&["knowledge", "approve", &item, "--by", "eve"]).status, 0);
        let page = suggest(&world, &["--project", "shop", "--all"]);
        let lines: Vec<_> = page.lines().filter(|line| line.starts_with("- ")).collect();
        assert_eq!(lines.len(), count, "{page}");
        assert!(lines.contains(&"- Always write amounts in cents in every log file."), "{page}");
    }
}

#[test]
fn suggest_writes_down_what_was_said_where_somebody_asks_for_that() {
    let world = World::new();
    world.write(
        "ada/a.jsonl",
        says("s", "01T10:00", "/src/shop", "hello")
            + &says("s", "01T10:10", "/src/shop", "Can you add this to CLAUDE.md?"),
    );
    let page = suggest(&world, &["--project", "shop", "--all"]);
    assert!(page.contains("\n- I moved the helper and ran the tests.\n"), "{page}");
    assert!(page.contains("“Can you add this to CLAUDE.md?”"), "{page}");
    let whole = "Can you add to CLAUDE.md that amounts are always written in cents?";
    world
        .write("ada/a.jsonl", says("s", "01T10:00", "/src/shop", "hello") + &says("s", "01T10:10", "/src/shop", whole));
    let page = suggest(&world, &["--project", "shop", "--all"]);
    assert!(page.contains("\n- Add to CLAUDE.md that amounts are always written in cents.\n"), "{page}");
}

#[test]
fn suggest_changes_the_file_of_one_project() {
    let world = world();
    let both = world.mill(&["suggest", "--sessions", "root", "--format", "diff", "--min-confidence", "0"]);
    assert_eq!(both.status, 64);
    assert!(both.stderr.contains("choose one with --project"), "{}", both.stderr);
    let change = suggest(&world, &["--project", "/somewhere/else/shop", "--format", "diff", "--min-confidence", "0"]);
    let expected = "--- /dev/null
+++ b/CLAUDE.md
@@ -0,0 +1,3 @@
+## How to work
+
+- Always write amounts in cents in every log file.
";
    assert_eq!(change, expected);
}

#[test]
fn suggest_names_a_file_in_a_change_as_its_repository_does() {
    let world = world();
    std::fs::create_dir_all(world.path("clone/.git")).unwrap();
    std::fs::create_dir_all(world.path("clone/.claude")).unwrap();
    std::fs::write(world.path("clone/.claude/CLAUDE.md"), "# Rules\n").unwrap();
    let file = world.path("clone/.claude/CLAUDE.md");
    let args = ["--project", "shop", "--against", file.to_str().unwrap(), "--format", "diff", "--min-confidence", "0"];
    let change = suggest(&world, &args);
    assert!(change.starts_with("--- a/.claude/CLAUDE.md\n+++ b/.claude/CLAUDE.md\n"), "{change}");
    // From a folder within a clone, the file is the one of the clone.
    std::fs::create_dir_all(world.path("shop/.git")).unwrap();
    std::fs::create_dir_all(world.path("shop/src")).unwrap();
    std::fs::write(world.path("shop/CLAUDE.md"), "# Rules\n").unwrap();
    let change = suggest(&world, &["--project", "shop/src", "--format", "diff", "--min-confidence", "0"]);
    assert!(change.starts_with("--- a/CLAUDE.md\n+++ b/CLAUDE.md\n"), "{change}");
}

#[test]
fn suggest_names_projects_as_the_identities_do() {
    let world = world();
    std::fs::write(world.path("who.toml"), "[[project]]\nname = \"The Shop\"\npaths = [\"*/shop\"]\n").unwrap();
    std::fs::write(world.path("c.toml"), "identities = \"who.toml\"\n").unwrap();
    let page = suggest(&world, &["--config", "c.toml", "--project", "The Shop", "--min-confidence", "0"]);
    assert!(page.starts_with("# The Shop\n"), "{page}");
}

#[test]
fn where_nothing_is_sure_the_best_is_shown_as_less_sure() {
    let world = World::new();
    let said =
        ["always use tabs", "always sort imports", "never push to main", "always run make lint", "never use mocks"];
    for (number, said) in said.into_iter().enumerate() {
        let text = format!("We should {said} in this project.");
        world.write(&format!("ada/{number}.jsonl"), says(&format!("s{number}"), "01T10:00", "/home/ada/shop", &text));
    }
    let unsure = "[verification.confidence]\ncap = 0.5\n";
    std::fs::write(world.path("c.toml"), unsure).unwrap();
    let all = suggest(&world, &["--config", "c.toml", "--all"]);
    let lines = |page: &str| page.lines().filter(|line| line.starts_with("- ")).map(str::to_owned).collect::<Vec<_>>();
    assert!(all.contains("## How to work") && !all.contains("Less sure"), "{all}");
    let (all, best) = (lines(&all), suggest(&world, &["--config", "c.toml"]));
    assert!(best.starts_with("# shop\n\n## Less sure\n\n- "), "{best}");
    assert_eq!(lines(&best), all[..3]);
    assert!(best.ends_with(&format!("\n{} lines of lower confidence: `--all` shows them.\n", all.len() - 3)), "{best}");
    let none = suggest(&world, &["--config", "c.toml", "--min-confidence", "0.6"]);
    let nothing = "# shop\n\nNothing to suggest.\n\n5 lines of lower confidence: `--all` shows them.\n";
    assert_eq!(none, nothing, "who asks for more gets no less");
    assert_eq!(suggest(&world, &["--config", "c.toml", "--format", "diff"]), "", "a change has only what is sure");
}
