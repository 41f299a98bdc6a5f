//! Texts of transcripts do not leak: no log, error, summary or overview quotes them, and no name controls a terminal.

use crate::world::{Said, World, response};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

/// Fifty secrets of twelve forms, the same in every run.
fn secrets() -> Vec<String> {
    let mut random = fastrand::Rng::with_seed(50);
    (0..50).map(|number| secret(number % 12, &mut random)).collect()
}

pub fn secret(shape: usize, random: &mut fastrand::Rng) -> String {
    let of = |random: &mut fastrand::Rng, letters: &str, length: usize| -> String {
        let letters: Vec<char> = letters.chars().collect();
        (0..length).filter_map(|_| random.choice(&letters)).collect()
    };
    const DIGITS: &str = "0123456789";
    const HEX: &str = "0123456789abcdef";
    const WORD: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    let word = |random: &mut fastrand::Rng, length| of(random, WORD, length);
    let hex = |random: &mut fastrand::Rng, length| of(random, HEX, length);
    let digits = |random: &mut fastrand::Rng, length| of(random, DIGITS, length);
    match shape {
        0 => format!("sk-ant-api03-{}", word(random, 40)),
        1 => format!("ghp_{}", word(random, 36)),
        2 => format!("eyJ{}.eyJ{}.{}", word(random, 20), word(random, 30), word(random, 43)),
        3 => format!("https://ada:{}@example.org/", word(random, 12)),
        4 => format!("-----BEGIN PRIVATE KEY-----{}", word(random, 48)),
        5 => format!("{}@example.org", word(random, 10)),
        6 => format!("4{} {} {} {}", digits(random, 3), digits(random, 4), digits(random, 4), digits(random, 4)),
        7 => format!("{}+/{}==", word(random, 30), word(random, 10)),
        8 => hex(random, 64),
        9 => {
            let parts = [8, 4, 4, 4, 12].map(|length| hex(random, length));
            parts.join("-")
        }
        10 => format!("+49 {} {}", digits(random, 3), digits(random, 8)),
        _ => format!("Größe {} 秘密 {} 🔑", word(random, 5), word(random, 5)),
    }
}

/// A tree with secrets wherever there can be text: in good, malformed and failing files.
fn planted(secrets: &[String]) -> World {
    let world = World::new();
    for (number, secret) in secrets.iter().enumerate() {
        let json = serde_json::to_string(secret).unwrap();
        let lines = [
            format!(r#"{{"type":"user","sessionId":"s","message":{{"role":"user","content":{json}}}}}"#),
            format!(r#"{{"type":{json},"uuid":"u{number}"}}"#),
            format!(
                r#"{{"type":"assistant","message":{{"id":"m{number}","role":"assistant","content":[{{"type":"tool_use","id":"t{number}","name":{json},"input":{{"command":{json}}}}}],"usage":{{"output_tokens":{json},"input_tokens":1}}}}}}"#
            ),
            format!(r#"{{"type":"system","subtype":{json},"timestamp":{json},{json}:{json}}}"#),
            format!(r#"{{"type":"user","message":{{"role":"user","content":{json}"#),
            secret.clone(),
            format!("{{{json}"),
            format!("[{json}]{json}"),
            format!("{{\"type\":\"user\",\"message\":{json}}}{secret}"),
        ];
        world.write(&format!("ada/{number}.jsonl"), lines.join("\n"));
        world.write(&format!("bob/{number}.jsonl"), secret);
    }
    // Files that fail in different ways.
    let all = secrets.join("\n");
    world.write("eve/unreadable.jsonl", &all).write("eve/large.jsonl", all.repeat(40)).write("eve/linked.jsonl", &all);
    world.write("stray.jsonl", &all);
    fs::set_permissions(world.root().join("eve/unreadable.jsonl"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::hard_link(world.root().join("eve/linked.jsonl"), world.path("elsewhere")).unwrap();
    fs::write(world.path("mill.toml"), format!("[caps]\nfile = {}\n", all.len() * 20)).unwrap();
    world
}

/// The first secret of which the text contains a longer part.
fn quoted<'s>(text: &str, secrets: &'s [String]) -> Option<&'s String> {
    const PART: usize = 12;
    let is_quoted = |secret: &&String| {
        let chars: Vec<char> = secret.chars().collect();
        chars.windows(PART).any(|part| text.contains(&part.iter().collect::<String>()))
    };
    secrets.iter().find(is_quoted)
}

#[test]
fn no_secret_of_a_transcript_is_in_logs_errors_summaries_or_overviews() {
    let secrets = secrets();
    assert_eq!(secrets.len(), 50);
    let world = planted(&secrets);
    let trace = [("SESSIONMILL_LOG", "trace"), ("RUST_BACKTRACE", "full"), ("RUST_LOG", "trace")];
    let clean = |about: &str, Said { stdout, stderr, .. }: &Said| {
        for text in [stdout, stderr] {
            assert_eq!(quoted(text, &secrets), None, "{about}: {text}");
        }
    };
    let run = ["run", "--sessions", "root", "--config", "mill.toml"];
    let Some(said) = world.mill_unprivileged(&run, &trace) else { return };
    clean("run", &said);
    for part in ["failed `eve/unreadable.jsonl`", "rejected `eve/large.jsonl`", "rejected `stray.jsonl`"] {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
    assert_eq!(said.status, 1, "{said:?}");
    for secret in &secrets {
        let json = serde_json::to_string(secret).unwrap();
        world.append("ada/0.jsonl", &format!("\n{json}\n{{\"type\":{json}}}\n"));
    }
    clean("run --json", &world.mill_unprivileged(&[&run[..], &["--json"]].concat(), &trace).unwrap());
    for args in
        [&["status"][..], &["status", "--json"], &["report", "--no-refresh"], &["report", "--config", "mill.toml"]]
    {
        clean(&args.join(" "), &world.mill_with(args, &trace));
    }
    assert!(
        world
            .rows("SELECT kind FROM session_unknown_lines GROUP BY ALL ORDER BY ALL")
            .contains(&"(other types)".into())
    );
    let texts = "SELECT schema_name, table_name, column_name FROM duckdb_columns()
                 WHERE NOT internal AND data_type = 'VARCHAR' AND schema_name = 'main' ORDER BY ALL";
    let mut seen = 0;
    for column in world.rows(texts) {
        let [schema, table, column] = column.split('|').collect::<Vec<_>>()[..] else { panic!("{column}") };
        if table.starts_with("usage_") {
            continue; // Tools are shown by their names.
        }
        for cell in
            world.rows(&format!("SELECT DISTINCT \"{column}\" FROM {schema}.{table} WHERE \"{column}\" IS NOT NULL"))
        {
            assert_eq!(quoted(&cell, &secrets), None, "{table}.{column}");
            seen += 1;
        }
    }
    assert!(seen > 200, "{seen}");
}

/// Whether the text contains control characters.
fn steers(text: &str) -> bool {
    let odd = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{feff}');
    text.chars().any(odd)
}

#[test]
fn no_name_steers_a_terminal_and_programs_get_it_exactly() {
    let world = World::new();
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J\r\u{9b}31m\u{202e}\u{2028}\nsessionmill: all good";
    let text = |name: &str| response(name, "10:00:00", 5).replace("claude-opus-4-6", "\\u001b[31mmodel\\nline");
    world
        .write(&format!("{evil}/{evil}.jsonl"), text("m1"))
        .write("ada/s.jsonl", text("m2").replace("/home/ada/shop", "\\u001b]8;;x\\u0007/p"));
    world.write(&format!("{evil}.jsonl"), "");
    fs::create_dir(world.root().join(format!("{evil}/folder"))).unwrap();
    std::os::unix::fs::symlink("ada", world.root().join(format!("{evil}-link"))).unwrap();
    let secret = world.root().join(format!("{evil}/locked.jsonl"));
    fs::write(&secret, "").unwrap();
    for path in [&secret, &world.root().join(format!("{evil}/folder"))] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    }
    let Some(said) = world.mill_unprivileged(&["run", "--sessions", "root"], &[("SESSIONMILL_LOG", "trace")]) else {
        return;
    };
    let shown = r"\u{1b}]0;owned\u{7}\u{1b}[2J\r\u{9b}31m\u{202e}\u{2028}\nsessionmill: all good";
    for line in [
        format!("  failed `{shown}/locked.jsonl`: environment: cannot be opened: permission denied\n"),
        format!("  rejected `{shown}.jsonl`: directly in the root, in no user's folder\n"),
        format!("  alarm: cannot list `{shown}/folder`: permission denied\n"),
        format!("  warning: `{shown}-link` is a symbolic link, which is not followed\n"),
    ] {
        assert!(said.stdout.contains(&line), "{line}{}", said.stdout);
    }
    let commands: [&[&str]; 10] = [
        &["run", "--sessions", "root"],
        &["run", "--sessions", "root", "--max-sessions", "0"],
        &["report", "--by", "user"],
        &["report", "--by", "model", "--no-refresh", "--user", "\u{1b}[2J"],
        &["report", "--by", "project", "--no-refresh", "--model", "\u{1b}[31mmodel"],
        &["report", "--by", "session", "--no-refresh"],
        &["status"],
        &["query", "SELECT * FROM session_files, usage_responses"],
        &["query", "SELEC '\u{1b}[2J'"],
        &["run", "--sessions", "\u{1b}[2J\u{202e}"],
    ];
    for args in commands {
        let said = world.mill_unprivileged(args, &[]).unwrap();
        assert!(!steers(&said.stdout) && !steers(&said.stderr), "{args:?}: {said:?}");
        assert!(!said.stdout.contains("\nsessionmill: all good"), "{args:?}: {said:?}");
    }
    let user = world.mill(&["query", "SELECT username FROM session_files WHERE username <> 'ada'", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&user.stdout).unwrap();
    assert_eq!(json[0]["username"], evil);
    let csv = ["report", "--by", "user", "--no-refresh", "--format", "csv"];
    let said = world.mill(&csv);
    assert!(!steers(&said.stdout) && said.stdout.contains(r"\u{1b}]0;owned"), "{said:?}");
    let said = world.mill(&[&csv[..], &["--raw"]].concat());
    let mut csv = csv::Reader::from_reader(said.stdout.as_bytes());
    let users: Vec<String> = csv.records().map(|record| record.unwrap()[0].to_owned()).collect();
    assert!(users.iter().any(|user| user == evil), "{users:?}");
    let said = world.mill_unprivileged(&["run", "--sessions", "root", "--json"], &[]).unwrap();
    let json: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(json["processors"][0]["errors_detail"][0]["session"], format!("{evil}/locked.jsonl"));
}
