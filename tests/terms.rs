//! What a response says about its price besides its tokens: tiers, places, compactions.

use crate::prices::{costs, report, response, world};
use crate::world::World;
use serde_json::{Value, json};

/// The counts of a response, and further fields of its usage.
fn usage(more: &str) -> String {
    format!(
        r#"{{"input_tokens":100000,"output_tokens":10000,"cache_creation_input_tokens":20000,"cache_read_input_tokens":50000{more}}}"#
    )
}

/// The cost of such a response, in dollars.
fn cost([input, output, write, read]: [f64; 4], times: f64) -> f64 {
    (times * (input * 0.1 + output * 0.01 + write * 0.02 + read * 0.05) * 1e9).round() / 1e9
}

#[test]
fn a_response_says_what_multiplies_its_price() {
    let opus = [5.0, 25.0, 6.25, 0.5];
    let sonnet = [3.0, 15.0, 3.75, 0.3];
    let responses = [
        ("11-01", "claude-opus-4-8", r#","inference_geo":"us""#, Some(cost(opus, 1.1))),
        (
            "11-02",
            "claude-opus-4-8",
            r#","inference_geo":"not_available","service_tier":"standard""#,
            Some(cost(opus, 1.0)),
        ),
        ("11-03", "claude-opus-4-5-20251101", r#","inference_geo":"us""#, Some(cost(opus, 1.0))),
        ("11-04", "claude-opus-4-8", r#","service_tier":"batch","inference_geo":"""#, Some(cost(opus, 0.5))),
        (
            "11-05",
            "claude-opus-4-8",
            r#","service_tier":"batch","inference_geo":"us","speed":"fast""#,
            Some(cost(opus, 1.1)),
        ),
        ("11-06", "claude-opus-4-8", r#","service_tier":"priority""#, None),
        ("11-07", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "", Some(cost(sonnet, 1.1))),
        ("11-08", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "", Some(cost(sonnet, 1.0))),
        ("11-09", "us.anthropic.claude-sonnet-4-20250514-v1:0", "", Some(cost(sonnet, 1.0))),
        (
            "11-10",
            "projects/p/locations/europe-west1/publishers/anthropic/models/claude-sonnet-4-6",
            "",
            Some(cost(sonnet, 1.1)),
        ),
        ("11-11", "claude-opus-4-8", r#","inference_geo":"mars""#, None),
        ("11-12", "us.anthropic.claude-opus-4-8", r#","inference_geo":7,"service_tier":null"#, Some(cost(opus, 1.1))),
    ];
    let world = World::new();
    for (day, model, more, _) in &responses {
        world.write(&format!("ada/{day}.jsonl"), response(day, &format!("2026-{day}"), model, &usage(more)));
    }
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let report = report(&world, &["--timezone", "UTC"]);
    let expected: Vec<_> = responses.iter().map(|(day, .., cost)| (format!("2026-{day}"), json!(cost))).collect();
    assert_eq!(costs(&report), expected);
    let unpriced = [("claude-opus-4-8 (mars inference)", 1), ("claude-opus-4-8 (priority tier)", 1)];
    let unpriced = unpriced.map(|(model, responses)| json!({"model": model, "responses": responses}));
    assert_eq!(report["unpriced"], json!(unpriced));
    let said = world.mill(&["report", "--no-refresh", "--explain", "--model", "claude-opus-4-8"]);
    let prices: Vec<_> = said.stderr.lines().filter(|line| line.starts_with("price: ")).collect();
    let rates = "per million $5 input, $25 output, $6.25 and $10 cache write for 5 minutes and 1 hour, $0.5 cache read";
    let row = "by the built-in row `claude-opus-4-8`";
    assert_eq!(
        prices,
        [
            format!("price: `claude-opus-4-8`, 180,000 tokens, $0.90, {row}: {rates}"),
            format!(
                "price: `claude-opus-4-8`, 180,000 tokens, $0.99, {row}, 1.1 times as much for US inference: {rates}"
            ),
            "price: `claude-opus-4-8` with mars inference has none: 180,000 tokens without a cost".to_owned(),
            format!(
                "price: `claude-opus-4-8`, 180,000 tokens, $0.45, {row}, 0.5 times as much for batch tier: {rates}"
            ),
            "price: `claude-opus-4-8` with priority tier has none: 180,000 tokens without a cost".to_owned(),
            format!(
                "price: `claude-opus-4-8`, 180,000 tokens, $0.99, {row}, 2 times as much for fast mode, 0.5 times as much for \
                 batch tier, 1.1 times as much for US inference: {rates}"
            ),
        ]
    );
    let columns = "SELECT service_tier, inference_geo FROM usage_responses WHERE time < '2026-11-05' ORDER BY time";
    assert_eq!(world.rows(columns), ["|us", "standard|not_available", "|us", "batch|"]);
}

#[test]
fn a_configured_row_gives_multipliers_bands_and_dates() {
    let world = world(&[
        ("a", "2026-06-30", "eu.anthropic.claude-opus-4-8", r#"{"input_tokens":1000000}"#),
        ("b", "2026-07-01", "eu.anthropic.claude-opus-4-8", r#"{"input_tokens":1000000}"#),
        ("c", "2026-07-02", "house-1", r#"{"input_tokens":1000000,"service_tier":"flex","inference_geo":"us"}"#),
        ("d", "2026-07-03", "house-1", r#"{"input_tokens":1000,"service_tier":"flex"}"#),
        ("e", "2026-07-04", "house-1", r#"{"input_tokens":1000,"service_tier":"priority"}"#),
    ]);
    let config = "[[price]]\nmodel = \"eu.anthropic.claude-*\"\nfrom = 2026-07-01\ninput = 7\noutput = 1\n\
                  [[price]]\nmodel = \"house-*\"\ninput = 2\noutput = 4\nflex = 0.25\nus = 1.5\n\
                  long = { above = 500000, input = 8, output = 9 }\n";
    std::fs::write(world.path("c.toml"), config).unwrap();
    let found = costs(&report(&world, &["--timezone", "UTC", "--config", "c.toml"]));
    // A row that names the region has its own rates: nothing is added to them.
    let expected = [
        ("06-30", json!(5.5)),
        ("07-01", json!(7.0)),
        ("07-02", json!(3.0)),
        ("07-03", json!(0.0005)),
        ("07-04", Value::Null),
    ];
    assert_eq!(found, expected.map(|(day, cost)| (format!("2026-{day}"), cost)));
    let said = world.mill(&["prices", "show", "house-9", "--config", "c.toml"]);
    assert!(
        said.stdout
            .ends_with("source               configuration\nus                   1.5\nflex                 0.25\n"),
        "{said:?}"
    );
}

#[test]
fn compactions_count_beside_the_response_that_they_make_room_for() {
    let world = World::new();
    let compaction = |input: u64, output: u64| {
        format!(
            r#"{{"type":"compaction","input_tokens":{input},"output_tokens":{output},"cache_creation_input_tokens":1000,"cache_creation":{{"ephemeral_1h_input_tokens":1000}},"cache_read_input_tokens":0}}"#
        )
    };
    let message = r#"{"type":"message","input_tokens":23000,"output_tokens":1000}"#;
    let usage = |more: &str| {
        format!(
            r#"{{"input_tokens":23000,"output_tokens":1000,"iterations":[{}, {message}]{more}}}"#,
            compaction(180_000, 3500)
        )
    };
    // Each prompt is below 200,000 tokens, but their sum is above.
    world.write("ada/long.jsonl", response("long", "2026-02-10", "claude-opus-4-6", &usage("")));
    let fast = usage(r#","speed":"fast","inference_geo":"us""#);
    world.write("ada/fast.jsonl", response("fast", "2026-02-11", "claude-opus-4-6", &fast));
    // A pause after the compaction: the response itself has no tokens.
    let only = format!(r#"{{"input_tokens":0,"output_tokens":0,"iterations":[{}]}}"#, compaction(60_000, 100));
    world.write("ada/paused.jsonl", response("paused", "2026-02-12", "claude-opus-4-6", &only));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let report = report(&world, &["--timezone", "UTC"]);
    let plain = (203_000.0 * 5.0 + 4500.0 * 25.0 + 1000.0 * 10.0) / 1e6;
    let paused = (60_000.0 * 5.0 + 100.0 * 25.0 + 1000.0 * 10.0) / 1e6;
    let expected = [("2026-02-10", plain), ("2026-02-11", 7.5075), ("2026-02-12", paused)];
    assert_eq!(costs(&report), expected.map(|(day, cost)| (day.to_owned(), json!(cost))));
    let totals = &report["totals"];
    assert_eq!(
        [
            &totals["responses"],
            &totals["input_tokens"],
            &totals["output_tokens"],
            &totals["cache_creation_input_tokens"]
        ],
        [&json!(3), &json!(466_000), &json!(9100), &json!(3000)]
    );
    let said = world.mill(&["report", "--no-refresh", "--explain"]);
    let counted = "counted: 3 responses, each once, of the 3 copies in source files; 0 calls of advisors under their own models; \
                   3 compactions beside their responses";
    assert!(said.stderr.lines().any(|line| line == counted), "{}", said.stderr);
    assert_eq!(
        world.rows("SELECT message_id, part, part_kind, model, input_tokens FROM usage_responses ORDER BY ALL LIMIT 2"),
        ["fast|0||claude-opus-4-6|23000", "fast|1|compaction|claude-opus-4-6|180000"]
    );
    assert_eq!(world.rows("SELECT sum(input_tokens), sum(assistant_messages) FROM usage_sessions"), ["466000|3"]);
}

#[test]
fn an_attempt_that_was_declined_costs_at_the_rates_of_its_own_model() {
    let world = World::new();
    let iteration = |kind: &str, model: &str, output: u64, write: u64| {
        format!(
            r#"{{"type":"{kind}","model":"{model}","input_tokens":10,"output_tokens":{output},"cache_creation_input_tokens":{write},"cache_read_input_tokens":70000}}"#
        )
    };
    let usage = |output: u64, iterations: &[String]| {
        let sum = r#""input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":70000"#;
        format!(r#"{{{sum},"output_tokens":{output},"iterations":[{}]}}"#, iterations.join(","))
    };
    let fable = |kind, output| iteration(kind, "claude-fable-5", output, 10_000);
    let opus = |kind, output| iteration(kind, "claude-opus-4-8", output, 0);
    for (day, output, iterations) in [
        ("2026-11-01", 9000, vec![fable("message", 500), opus("fallback_message", 9000)]),
        // Declined before any output, so it is not billed.
        ("2026-11-02", 9000, vec![fable("message", 0), opus("fallback_message", 9000)]),
        // Without a fallback, all iterations are included in the sum.
        ("2026-11-03", 9000, vec![opus("message", 4000), opus("message", 5000)]),
        ("2026-11-04", 9500, vec![opus("message", 500), opus("fallback_message", 9000)]),
    ] {
        let line = response(day, day, "claude-opus-4-8", &usage(output, &iterations));
        world.write(&format!("ada/{day}.jsonl"), line);
    }
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let report = report(&world, &["--by", "model"]);
    let served = (4.0 * (10.0 * 5.0 + 70_000.0 * 0.5) + (3.0 * 9000.0 + 9500.0) * 25.0) / 1e6;
    let declined = (10.0 * 10.0 + 500.0 * 50.0 + 10_000.0 * 12.5 + 70_000.0) / 1e6;
    let expected = [("claude-opus-4-8", served), ("claude-fable-5", declined)];
    assert_eq!(costs(&report), expected.map(|(model, cost)| (model.to_owned(), json!(cost))));
    assert_eq!(report["totals"]["responses"], json!(4));
    assert_eq!(
        world.rows("SELECT message_id, part, model FROM usage_responses WHERE part_kind = 'declined'"),
        ["2026-11-01|1|claude-fable-5"]
    );
    let said = world.mill(&["report", "--no-refresh", "--explain"]);
    let counted = "counted: 4 responses, each once, of the 4 copies in source files; 0 calls of advisors under their own models; \
                   1 declined attempt beside their responses";
    assert!(said.stderr.lines().any(|line| line == counted), "{}", said.stderr);
}

#[test]
fn codex_turns_cost_by_the_tier_that_they_began_with() {
    let world = World::new();
    let line = |kind: &str, second: u32, payload: &str| {
        format!(r#"{{"timestamp":"2026-11-18T12:00:{second:02}.000Z","type":"{kind}","payload":{payload}}}"#) + "\n"
    };
    let settings = |second, tier: &str| {
        let payload = format!(
            r#"{{"type":"thread_settings_applied","thread_settings":{{"model":"gpt-5.6-terra","service_tier":{tier}}}}}"#
        );
        line("event_msg", second, &payload)
    };
    let turn =
        |second, id: &str| line("turn_context", second, &format!(r#"{{"turn_id":"{id}","model":"gpt-5.6-terra"}}"#));
    let count = |second, input: u32| {
        let total = format!(r#"{{"input_tokens":{input},"output_tokens":0}}"#);
        line("event_msg", second, &format!(r#"{{"type":"token_count","info":{{"total_token_usage":{total}}}}}"#))
    };
    let lines = [
        line("session_meta", 0, r#"{"id":"s","cli_version":"0.150.0"}"#),
        turn(1, "t1"),
        count(2, 1_000_000),
        // A change in the middle of a turn applies to the next turn.
        settings(3, r#""priority""#),
        count(4, 2_000_000),
        turn(5, "t2"),
        count(6, 3_000_000),
        settings(7, r#""flex""#),
        turn(8, "t3"),
        count(9, 4_000_000),
        settings(10, "null"),
        turn(11, "t4"),
        count(12, 5_000_000),
        settings(13, r#""scale""#),
        turn(14, "t5"),
        count(15, 6_000_000),
    ];
    world.write("ada/rollout.jsonl", lines.concat());
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    assert_eq!(
        world.rows("SELECT service_tier, input_tokens FROM usage_responses ORDER BY time"),
        ["|1000000", "|1000000", "priority|1000000", "flex|1000000", "|1000000", "scale|1000000"]
    );
    let report = report(&world, &["--by", "model"]);
    // Each is above 272,000 tokens: 4 dollars, twice that, and half of it.
    assert_eq!(report["rows"][0]["cost_usd"], json!(4.0 * (3.0 + 2.0 + 0.5)));
    assert_eq!(report["unpriced"], json!([{"model": "gpt-5.6-terra (scale tier)", "responses": 1}]));
}

#[test]
fn the_row_of_a_model_says_what_its_spelling_multiplies() {
    let world = World::new();
    let applied = |model: &str| {
        let said = world.mill(&["prices", "show", model, "--at", "2026-11-01", "--json"]);
        let rows: Value = serde_json::from_str(&said.stdout).unwrap();
        rows[0]["applied"].clone()
    };
    assert_eq!(applied("jp.anthropic.claude-opus-4-8"), json!("1.1 times as much for regional endpoint"));
    assert_eq!(applied("us-gov.anthropic.claude-opus-4-8"), json!("1.2 times as much for government region"));
    assert_eq!(applied("us-gov.anthropic.claude-opus-4-1-20250805-v1:0"), json!("no price for government region"));
    assert_eq!(applied("global.anthropic.claude-opus-4-8"), Value::Null);
}

/// A fork has the settings of its parent until it changes them.
#[test]
fn a_fork_keeps_the_tier_that_its_history_tells() {
    let world = World::new();
    let id = |minute: u32, number: u32| format!("019ed9f4-{minute:04x}-7{number:03x}-8000-000000000000");
    let line = |kind: &str, payload: String| {
        format!(r#"{{"timestamp":"2026-11-18T12:00:00.000Z","type":"{kind}","payload":{payload}}}"#) + "\n"
    };
    let turn = |id: &str| line("turn_context", format!(r#"{{"turn_id":"{id}","model":"gpt-5.6-terra"}}"#));
    let count = |input: u32| {
        let total = format!(r#"{{"total_token_usage":{{"input_tokens":{input},"output_tokens":0}}}}"#);
        line("event_msg", format!(r#"{{"type":"token_count","info":{total}}}"#))
    };
    let settings = r#"{"type":"thread_settings_applied","thread_settings":{"service_tier":"priority"}}"#;
    let lines = [
        line("session_meta", format!(r#"{{"id":"{}","forked_from_id":"{}"}}"#, id(9, 1), id(1, 1))),
        line("event_msg", settings.to_owned()),
        turn(&id(2, 2)),
        count(1000),
        turn(&id(10, 3)),
        count(1500),
    ];
    world.write("ada/fork.jsonl", lines.concat());
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    assert_eq!(world.rows("SELECT service_tier, input_tokens FROM usage_responses"), ["priority|500"]);
}

#[test]
fn peak_hours_are_those_of_working_days_in_utc() {
    let world = World::new();
    let times = [
        ("2026-11-18T00:59:59Z", 0.15),
        ("2026-11-18T01:00:00Z", 0.3),
        ("2026-11-18T03:59:59Z", 0.3),
        ("2026-11-18T04:00:00Z", 0.15),
        ("2026-11-18T09:59:59Z", 0.3),
        ("2026-11-18T10:00:00Z", 0.15),
        // A Saturday.
        ("2026-11-21T02:00:00Z", 0.15),
    ];
    for (time, _) in times {
        let line = response(time, "2026-11-18", "deepseek-flash", r#"{"input_tokens":1000000}"#);
        world.write(&format!("ada/{time}.jsonl"), line.replace("2026-11-18T10:00:00Z", time));
    }
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let mut found = costs(&report(&world, &["--by", "session"]));
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found, times.map(|(time, dollars)| (format!("s-{time}"), json!(dollars))));
}
