//! What responses cost: the worked figures of COUNTING from transcript to report, and who has no price.

use crate::world::World;
use serde_json::{Value, json};

/// A line of a response with these counts.
fn response(id: &str, day: &str, model: &str, usage: &str) -> String {
    format!(
        r#"{{"type":"assistant","uuid":"u-{id}","sessionId":"s-{id}","timestamp":"{day}T10:00:00Z","cwd":"/home/ada/shop","message":{{"id":"{id}","role":"assistant","model":"{model}","stop_reason":"end_turn","content":[],"usage":{usage}}}}}"#
    ) + "\n"
}

fn report(world: &World, args: &[&str]) -> Value {
    let said = world.mill(&[&["report", "--no-refresh", "--json"], args].concat());
    assert_eq!(said.status, 0, "{said:?}");
    serde_json::from_str(&said.stdout).unwrap()
}

/// Key and cost of each row.
fn costs(report: &Value) -> Vec<(String, Value)> {
    let by = report["by"].as_str().unwrap();
    let rows = report["rows"].as_array().unwrap().iter();
    rows.map(|row| (row[by].as_str().unwrap_or("(none)").to_owned(), row["cost_usd"].clone())).collect()
}

/// A transcript for each response.
fn world(responses: &[(&str, &str, &str, &str)]) -> World {
    let world = World::new();
    for (id, day, model, usage) in responses {
        world.write(&format!("ada/{id}.jsonl"), response(id, day, model, usage));
    }
    let said = world.mill(&["run", "--sessions", "root"]);
    assert_eq!(said.status, 0, "{said:?}");
    world
}

const PLAIN: &str =
    r#"{"input_tokens":10,"output_tokens":100,"cache_creation_input_tokens":1000,"cache_read_input_tokens":5000}"#;
const HOURS: &str = r#"{"cache_creation_input_tokens":30000,"cache_creation":{"ephemeral_5m_input_tokens":10000,"ephemeral_1h_input_tokens":20000}}"#;
const LONG_READ: &str = r#"{"input_tokens":10,"output_tokens":1000,"cache_read_input_tokens":250000}"#;
const FAST: &str = r#"{"input_tokens":1000,"output_tokens":1000,"speed":"fast"}"#;

#[test]
fn the_worked_figures_come_out_of_a_report() {
    let world = world(&[
        ("plain", "2026-02-01", "claude-sonnet-4-5-20250929", PLAIN),
        ("hours", "2026-02-02", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", HOURS),
        ("long", "2026-02-03", "claude-sonnet-4@20250514", r#"{"input_tokens":300000,"output_tokens":1000}"#),
        ("long-read", "2026-02-04", "anthropic/claude-sonnet-4.5", LONG_READ),
        ("flat", "2026-03-13", "claude-opus-4-6[1m]", LONG_READ),
        ("fast", "2026-02-06", "claude-opus-4-6", FAST),
        ("at-the-threshold", "2026-02-07", "claude-sonnet-4-5", r#"{"input_tokens":200000}"#),
        ("above-it", "2026-02-08", "claude-sonnet-4-5", r#"{"input_tokens":200001}"#),
        ("searching", "2026-02-09", "claude-opus-4-6", r#"{"server_tool_use":{"web_search_requests":3}}"#),
        ("banded", "2026-03-12", "claude-opus-4-6", LONG_READ),
    ]);
    let days = costs(&report(&world, &["--timezone", "UTC"]));
    let expected = [0.00678, 0.1575, 1.8225, 0.17256, 0.18, 0.6, 1.200006, 0.03, 0.2876, 0.15005];
    let found: Vec<_> = days.iter().map(|(_, cost)| cost.as_f64().unwrap()).collect();
    assert_eq!(found, expected);
    for by in ["day", "week", "month", "user", "project", "model", "session", "agent"] {
        let report = report(&world, &["--by", by, "--timezone", "Asia/Kathmandu"]);
        assert_eq!(report["totals"]["cost_usd"], json!(4.606996), "by {by}");
        assert_eq!(report["unpriced"], json!([]));
    }
}

#[test]
fn what_has_no_price_is_named_and_costs_nothing() {
    let world = world(&[
        ("a", "2026-02-01", "house-model", PLAIN),
        ("b", "2026-02-01", "claude-opus-4-5", FAST),
        ("c", "2026-02-02", "claude-sonnet-4-5", PLAIN),
    ]);
    let report = report(&world, &["--timezone", "UTC"]);
    assert_eq!(costs(&report), [("2026-02-01".to_owned(), Value::Null), ("2026-02-02".to_owned(), json!(0.00678))]);
    let unpriced = [("claude-opus-4-5 (fast mode)", 1), ("house-model", 1)];
    let unpriced = unpriced.map(|(model, responses)| json!({"model": model, "responses": responses}));
    assert_eq!(report["unpriced"], json!(unpriced));
    let said = world.mill(&["report", "--no-refresh", "--timezone", "UTC"]);
    assert_eq!(
        said.stdout,
        " Day          Responses   Input   Output   Cache write   Cache read    Total    Cost
─────────────────────────────────────────────────────────────────────────────────────
 2026-02-01           2   1,010    1,100         1,000        5,000    8,110       –
 2026-02-02           1      10      100         1,000        5,000    6,110   $0.01
─────────────────────────────────────────────────────────────────────────────────────
 Total                3   1,020    1,200         2,000       10,000   14,220   $0.01
"
    );
    assert_eq!(
        said.stderr,
        "note: no price, and so no cost, of `claude-opus-4-5 (fast mode)` (1 response), `house-model` (1 response): \
         a `[[price]]` in the configuration can give one\n"
    );
}

#[test]
fn the_configuration_has_the_last_word_on_prices_from_its_day_on() {
    let world = world(&[
        ("a", "2026-06-30", "house-model", r#"{"input_tokens":1000000}"#),
        ("b", "2026-07-01", "house-model", r#"{"input_tokens":1000000}"#),
        ("c", "2026-07-02", "claude-opus-4-6", r#"{"input_tokens":1000000}"#),
    ]);
    let price = "[[price]]\nmodel = \"house-*\"\nfrom = 2026-07-01\ninput = 0.5\noutput = 1\n";
    std::fs::write(world.path("c.toml"), price).unwrap();
    let args = ["--timezone", "UTC", "--config", "c.toml"];
    let found = costs(&report(&world, &args));
    let expected = [("2026-06-30", Value::Null), ("2026-07-01", json!(0.5)), ("2026-07-02", json!(5.0))];
    assert_eq!(found, expected.map(|(day, cost)| (day.to_owned(), cost)));
    let said = world.mill(&[&["report", "--no-refresh", "--explain"], &args[..]].concat());
    let prices: Vec<_> = said.stderr.lines().filter(|line| line.starts_with("price: ")).collect();
    assert_eq!(
        prices,
        [
            "price: `claude-opus-4-6`, 1,000,000 tokens, $5.00, by the built-in row `claude-opus-4-6` from 2026-03-13: per million $5 input, \
             $25 output, $6.25 and $10 cache write for 5 minutes and 1 hour, $0.5 cache read",
            "price: `house-model` has none: 1,000,000 tokens without a cost",
            "price: `house-model`, 1,000,000 tokens, $0.50, by the configured row `house-*` from 2026-07-01: per million \
             $0.5 input, $1 output, $0.5 and $0.5 cache write for 5 minutes and 1 hour, $0.5 cache read",
        ]
    );
}

/// Tokens of which a million of each kind cost the four rates.
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
        ("11-04", "claude-opus-4-8", r#","service_tier":"batch""#, Some(cost(opus, 0.5))),
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
    // A row that names the region has its rates: nothing is added to them.
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
    // Neither of the prompts is above 200,000 tokens, and both together are.
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
        // In the middle of a turn: it is for the next one.
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
    // Each is above 272,000 tokens: 4 dollars, twice that, half of it.
    assert_eq!(report["rows"][0]["cost_usd"], json!(4.0 * (3.0 + 2.0 + 0.5)));
    assert_eq!(report["unpriced"], json!([{"model": "gpt-5.6-terra (scale tier)", "responses": 1}]));
}

#[test]
fn what_clients_say_stands_beside_what_is_computed() {
    let world = World::new();
    let line = |id: &str, cost: f64| {
        let line =
            response(id, "2026-02-01", "claude-opus-4-6", FAST).replace("\"sessionId\":\"s-", "\"sessionId\":\"");
        line.replace("\"type\":\"assistant\"", &format!("\"type\":\"assistant\",\"costUSD\":{cost}"))
    };
    let total = |session: &str, cost: f64| {
        format!(r#"{{"type":"cost-state","sessionId":"{session}","totalCostUSD":{cost}}}"#) + "\n"
    };
    // The last total of a session stands for its lines, in all files that have one.
    world.write("ada/a.jsonl", line("a", 0.25) + &total("a", 0.5) + &total("a", 0.75));
    world.write("ada/copy.jsonl", line("a", 0.25) + &total("a", 0.5));
    world.write("bob/b.jsonl", line("b", 0.125));
    assert_eq!(world.mill(&["run", "--sessions", "root"]).status, 0);
    let reported = |by: &str| {
        let report = report(&world, &["--by", by, "--timezone", "UTC"]);
        let rows = report["rows"].as_array().unwrap().iter();
        let mut rows: Vec<_> =
            rows.map(|row| (row[by].as_str().unwrap().to_owned(), row["reported_cost_usd"].clone())).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        (rows, report["totals"]["reported_cost_usd"].clone())
    };
    let rows =
        |rows: &[(&str, f64)]| rows.iter().map(|(key, cost)| ((*key).to_owned(), json!(cost))).collect::<Vec<_>>();
    assert_eq!(reported("session"), (rows(&[("a", 0.75), ("b", 0.125)]), json!(0.875)));
    assert_eq!(reported("user"), (rows(&[("ada", 0.75), ("bob", 0.125)]), json!(0.875)));
    assert_eq!(reported("day"), (rows(&[("2026-02-01", 0.875)]), json!(0.875)));
    // A session's total is of no one model.
    assert_eq!(reported("model"), (rows(&[("claude-opus-4-6", 0.125)]), json!(0.125)));
}

#[test]
fn the_table_of_prices_is_shown_with_its_source() {
    let world = World::new();
    std::fs::write(world.path("c.toml"), "[[price]]\nmodel = \"house-*\"\ninput = 0.5\noutput = 1\n").unwrap();
    let said = world.mill(&["prices", "show", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"]);
    assert_eq!(
        said.stdout,
        "model                claude-sonnet-4-5\ninput                3\noutput               15\ncache_write_5m       3.75\n\
         cache_write_1h       6\ncache_read           0.3\nabove                200000\nlong_input           6\n\
         long_output          22.5\nlong_cache_write_5m  7.5\nlong_cache_write_1h  12\nlong_cache_read      0.6\n\
         web_search           10\nsource               built-in\nus                   1\nregional             1.1\n\
         government           1.2\nbatch                0.5\n"
    );
    let said = world.mill(&["prices", "show", "o3", "--at", "2025-06-09", "--json"]);
    let row: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!((&row[0]["input"], &row[0]["from"], &row[0]["fast"]), (&json!(10.0), &Value::Null, &Value::Null));
    let said = world.mill(&["prices", "--config", "c.toml", "--format", "csv"]);
    let mut lines = said.stdout.lines();
    let header = "model,from,input,output,cache_write_5m,cache_write_1h,cache_read,fast,above,long_input,long_output,\
                  long_cache_write_5m,long_cache_write_1h,long_cache_read,web_search,source,us,regional,government,batch,flex,\
                  priority,ultrafast,peak";
    assert_eq!(lines.next(), Some(header));
    assert_eq!(lines.next(), Some("house-*,,0.5,1,0.5,0.5,0.5,,,,,,,,10,configuration,,,,,,,,"));
    assert!(
        lines.any(|line| line == "claude-opus-4-6,2026-03-13,5,25,6.25,10,0.5,6,,,,,,,10,built-in,1.1,1.1,,0.5,,,,"),
        "{}",
        said.stdout
    );
    let said = world.mill(&["prices", "show", "claude-opus-4-66"]);
    let expected = "sessionmill: no price of `claude-opus-4-66`\n  \
                    hint: did you mean `claude-opus-4-6`? a `[[price]]` in the configuration can give one\n";
    assert_eq!((said.status, &*said.stderr), (2, expected));
}

#[test]
fn a_price_that_means_nothing_is_refused() {
    let world = World::new();
    std::fs::write(world.path("c.toml"), "[[price]]\nmodel = \"m\"\ninput = -1\noutput = 1\n").unwrap();
    let said = world.mill(&["prices", "--config", "c.toml"]);
    let expected =
        "sessionmill: cannot read the configuration `c.toml`: line 3: a rate is from 0 to a million dollars\n";
    assert_eq!((said.status, &*said.stderr), (78, expected));
}

#[test]
fn programs_around_ccusage_find_its_shape() {
    let world = world(&[
        ("a", "2026-02-01", "claude-sonnet-4-5", PLAIN),
        ("b", "2026-02-02", "claude-opus-4-6", FAST),
        ("c", "2026-02-02", "house-model", PLAIN),
    ]);
    let shape = |args: &[&str]| -> Value {
        let said = world.mill(&[args, &["--no-refresh", "--timezone", "UTC", "--format", "ccusage"]].concat());
        assert_eq!(said.status, 0, "{said:?}");
        serde_json::from_str(&said.stdout).unwrap()
    };
    let sums = |input: u64, output: u64, cost: f64| {
        json!({
            "inputTokens": input, "outputTokens": output, "cacheCreationTokens": 1000, "cacheReadTokens": 5000,
            "totalTokens": input + output + 6000, "totalCost": cost,
        })
    };
    let with = |mut object: Value, others: Value| {
        object.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        object
    };
    let model = |name: &str, [input, output, write, read]: [u64; 4], cost: f64| {
        json!({
            "modelName": name, "inputTokens": input, "outputTokens": output, "cacheCreationTokens": write,
            "cacheReadTokens": read, "cost": cost,
        })
    };
    let plain = [10, 100, 1000, 5000];
    let sonnet = json!({
        "modelsUsed": ["claude-sonnet-4-5"], "modelBreakdowns": [model("claude-sonnet-4-5", plain, 0.00678)],
    });
    let both = json!({
        "modelsUsed": ["claude-opus-4-6", "house-model"],
        "modelBreakdowns": [model("claude-opus-4-6", [1000, 1000, 0, 0], 0.18), model("house-model", plain, 0.0)],
    });
    let first = with(sums(10, 100, 0.00678), with(sonnet, json!({"date": "2026-02-01"})));
    let second = with(sums(1010, 1100, 0.18), with(both, json!({"date": "2026-02-02"})));
    let mut totals = sums(1020, 1200, 0.18678);
    (totals["cacheCreationTokens"], totals["cacheReadTokens"]) = (2000.into(), 10_000.into());
    totals["totalTokens"] = 14_220.into();
    assert_eq!(shape(&["daily"]), json!({"daily": [first, second], "totals": totals}));
    // The first is a Sunday.
    assert_eq!(shape(&["weekly"])["weekly"][0]["week"], "2026-02-01");
    assert_eq!(shape(&["weekly"])["weekly"].as_array().unwrap().len(), 1);
    assert_eq!(shape(&["monthly"])["monthly"][0]["month"], "2026-02");
    let sessions = shape(&["session"]);
    let session = &sessions["sessions"][0];
    assert_eq!(
        [&session["sessionId"], &session["projectPath"], &session["lastActivity"]],
        ["s-b", "ada", "2026-02-02T10:00:00.000Z"]
    );
    let blocks = shape(&["report", "--by", "block"]);
    let told =
        |block: &Value| ["id", "endTime", "actualEndTime"].map(|key| block[key].as_str().unwrap_or("-").to_owned());
    assert_eq!(
        blocks["blocks"].as_array().unwrap().iter().map(told).collect::<Vec<_>>(),
        [
            ["2026-02-01T10:00:00.000Z", "2026-02-01T15:00:00.000Z", "2026-02-01T10:00:00.000Z"],
            ["gap-2026-02-01T15:00:00.000Z", "2026-02-02T10:00:00.000Z", "-"],
            ["2026-02-02T10:00:00.000Z", "2026-02-02T15:00:00.000Z", "2026-02-02T10:00:00.000Z"],
        ]
    );
    assert_eq!(blocks["blocks"][2]["costUSD"], json!(0.18));
    let said = world.mill(&["report", "--by", "user", "--no-refresh", "--format", "ccusage"]);
    let expected = "sessionmill: ccusage has no such report\n  \
                    hint: --format ccusage is for --by day, week, month, session and block\n";
    assert_eq!((said.status, &*said.stderr), (64, expected));
    let said =
        world.mill(&["report", "--by", "block", "--no-refresh", "--timezone", "Europe/Berlin", "--format", "csv"]);
    let keys: Vec<_> = said.stdout.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(keys, ["2026-02-01T11:00:00+01:00", "2026-02-02T11:00:00+01:00"]);
}

#[test]
fn a_window_ends_with_its_last_instant() {
    let world = World::new();
    let times = [
        "02-01T10:30:00Z",
        "02-01T15:00:00Z",
        "02-01T15:00:30Z",
        "02-01T20:00:00Z",
        "02-02T01:00:00Z",
        "02-02T06:00:01Z",
    ];
    let lines = times.map(|time| {
        let plain = response(time, "2026-02-01", "claude-opus-4-6", PLAIN);
        plain.replace("2026-02-01T10:00:00Z", &format!("2026-{time}"))
    });
    world.write("ada/a.jsonl", lines.concat()).pass();
    let said = world.mill(&["report", "--by", "block", "--no-refresh", "--timezone", "UTC", "--format", "csv"]);
    let windows: Vec<_> =
        said.stdout.lines().skip(1).map(|line| line.splitn(3, ',').take(2).collect::<Vec<_>>()).collect();
    assert_eq!(
        windows,
        [
            ["2026-02-01T10:00:00+00:00", "2"],
            ["2026-02-01T15:00:00+00:00", "2"],
            ["2026-02-02T01:00:00+00:00", "1"],
            ["2026-02-02T06:00:00+00:00", "1"],
        ],
        "a pause of five hours ends none, but the window does"
    );
}
