//! Price changes of the vendors: the built-in table must contain all published reductions, increases and bands.

use sessionmill::price::{Bill, Geo, Prices, Residency, Terms, Tier, Tokens};

/// Input, output, 5-minute cache write, and cache read, in dollars per million tokens.
type Rates = [f64; 4];

/// A model, the first day of the new price, the prompt length, and the rates before and after.
type Change = (&'static str, &'static str, u64, Rates, Rates);

/// Written by hand from the pages that the table names.
const CHANGES: [Change; 38] = [
    ("claude-3-5-haiku-20241022", "2024-12-03", 0, [1.0, 5.0, 1.25, 0.1], [0.8, 4.0, 1.0, 0.08]),
    ("claude-opus-4-6", "2026-03-13", 200_000, [10.0, 37.5, 12.5, 1.0], [5.0, 25.0, 6.25, 0.5]),
    ("claude-opus-4-6", "2026-03-13", 0, [5.0, 25.0, 6.25, 0.5], [5.0, 25.0, 6.25, 0.5]),
    ("claude-sonnet-4-6", "2026-03-13", 200_000, [6.0, 22.5, 7.5, 0.6], [3.0, 15.0, 3.75, 0.3]),
    ("claude-sonnet-4-20250514", "2025-08-12", 200_000, [3.0, 15.0, 3.75, 0.3], [6.0, 22.5, 7.5, 0.6]),
    ("claude-mythos-preview", "2026-06-09", 0, [25.0, 125.0, 31.25, 2.5], [10.0, 50.0, 12.5, 1.0]),
    // The increase that was announced for this day was cancelled.
    ("claude-sonnet-5", "2026-09-01", 0, [2.0, 10.0, 2.5, 0.2], [2.0, 10.0, 2.5, 0.2]),
    ("gpt-4o", "2024-10-02", 0, [5.0, 15.0, 5.0, 5.0], [2.5, 10.0, 2.5, 1.25]),
    ("gpt-4o-2024-05-13", "2024-10-02", 0, [5.0, 15.0, 5.0, 5.0], [5.0, 15.0, 5.0, 5.0]),
    ("gpt-4o-2024-08-06", "2024-10-02", 0, [2.5, 10.0, 2.5, 1.25], [2.5, 10.0, 2.5, 1.25]),
    ("o1-mini", "2025-01-31", 0, [3.0, 12.0, 3.0, 1.5], [1.1, 4.4, 1.1, 0.55]),
    ("o3-2025-04-16", "2025-06-10", 0, [10.0, 40.0, 10.0, 2.5], [2.0, 8.0, 2.0, 0.5]),
    ("gpt-5.6-terra", "2026-07-30", 0, [2.5, 15.0, 3.125, 0.25], [2.0, 12.0, 2.5, 0.2]),
    ("gpt-5.6-terra", "2026-07-30", 272_000, [5.0, 22.5, 6.25, 0.5], [4.0, 18.0, 5.0, 0.4]),
    ("gpt-5.6-luna", "2026-07-30", 0, [1.0, 6.0, 1.25, 0.1], [0.2, 1.2, 0.25, 0.02]),
    ("gpt-5.6-luna", "2026-07-30", 272_000, [2.0, 9.0, 2.5, 0.2], [0.4, 1.8, 0.5, 0.04]),
    ("gpt-5.6-sol", "2026-08-21", 0, [5.0, 30.0, 6.25, 0.5], [4.0, 20.0, 5.0, 0.4]),
    ("gpt-5.6-sol", "2026-08-21", 272_000, [10.0, 45.0, 12.5, 1.0], [8.0, 30.0, 10.0, 0.8]),
    ("gpt-5.6", "2026-08-21", 0, [5.0, 30.0, 6.25, 0.5], [4.0, 20.0, 5.0, 0.4]),
    ("gemini-1.5-flash", "2024-08-12", 0, [0.35, 1.05, 0.35, 0.35], [0.075, 0.3, 0.075, 0.075]),
    ("gemini-1.5-pro", "2024-10-01", 128_000, [7.0, 21.0, 7.0, 7.0], [2.5, 10.0, 2.5, 2.5]),
    ("gemini-3.6-flash", "2026-08-13", 0, [1.5, 7.5, 1.5, 0.15], [0.75, 3.75, 0.75, 0.075]),
    ("gemini-3.6-flash", "2027-01-01", 0, [0.75, 3.75, 0.75, 0.075], [1.5, 7.5, 1.5, 0.15]),
    ("gemini-3.7-flash", "2027-01-01", 0, [0.75, 3.75, 0.75, 0.075], [1.5, 7.5, 1.5, 0.15]),
    ("deepseek-chat", "2025-02-09", 0, [0.14, 0.28, 0.14, 0.014], [0.27, 1.1, 0.27, 0.07]),
    ("deepseek-chat", "2025-09-06", 0, [0.27, 1.1, 0.27, 0.07], [0.56, 1.68, 0.56, 0.07]),
    ("deepseek-reasoner", "2025-09-06", 0, [0.55, 2.19, 0.55, 0.14], [0.56, 1.68, 0.56, 0.07]),
    ("deepseek-reasoner", "2025-09-29", 0, [0.56, 1.68, 0.56, 0.07], [0.28, 0.42, 0.28, 0.028]),
    ("deepseek-chat", "2026-04-24", 0, [0.28, 0.42, 0.28, 0.028], [0.14, 0.28, 0.14, 0.0028]),
    ("deepseek-v4-flash", "2026-08-17", 0, [0.14, 0.28, 0.14, 0.0028], [0.22, 0.66, 0.22, 0.007]),
    ("deepseek-v4-flash", "2026-09-10", 0, [0.22, 0.66, 0.22, 0.007], [0.15, 0.6, 0.15, 0.003]),
    ("deepseek-v4-pro", "2026-08-17", 0, [0.435, 0.87, 0.435, 0.003625], [0.66, 1.98, 0.66, 0.022]),
    ("deepseek-v4-pro", "2026-09-14", 0, [0.66, 1.98, 0.66, 0.022], [0.15, 0.6, 0.15, 0.003]),
    ("grok-4", "2026-05-16", 0, [3.0, 15.0, 3.0, 0.75], [1.25, 2.5, 1.25, 0.2]),
    ("grok-4-fast-reasoning", "2026-05-16", 200_000, [0.4, 1.0, 0.4, 0.4], [2.5, 5.0, 2.5, 0.4]),
    ("grok-3", "2026-05-16", 0, [3.0, 15.0, 3.0, 0.75], [1.25, 2.5, 1.25, 0.2]),
    ("grok-code-fast-1", "2026-05-16", 0, [0.2, 1.5, 0.2, 0.02], [1.0, 2.0, 1.0, 0.2]),
    ("grok-4-1-fast", "2026-05-16", 0, [0.2, 0.5, 0.2, 0.05], [1.25, 2.5, 1.25, 0.2]),
];

/// The cost of a million tokens of each kind, in dollars.
fn rates(prices: &Prices, model: &str, day: &str, above: u64, terms: &Terms) -> Option<Rates> {
    const MILLION: i128 = 1_000_000;
    let none = Tokens::default();
    let kinds = [
        Tokens { input: MILLION, ..none },
        Tokens { output: MILLION, ..none },
        Tokens { cache_write: MILLION, ..none },
        Tokens { cache_read: MILLION, ..none },
    ];
    let price = prices.find(model, Some(day.parse().unwrap()))?;
    let mut rates = [0.0; 4];
    for (rate, tokens) in rates.iter_mut().zip(kinds) {
        *rate = price.cost(&Bill { tokens, terms: terms.clone(), above })? as f64 / 1e12;
    }
    Some(rates)
}

#[test]
fn every_change_is_there_to_the_day() {
    let prices = Prices::new(&[]).unwrap();
    let terms = Terms::default();
    for (model, day, above, before, after) in CHANGES {
        let eve = day.parse::<chrono::NaiveDate>().unwrap().pred_opt().unwrap().to_string();
        assert_eq!(rates(&prices, model, &eve, above, &terms), Some(before), "{model} on {eve}, above {above}");
        assert_eq!(rates(&prices, model, day, above, &terms), Some(after), "{model} on {day}, above {above}");
    }
}

/// A dated row without a line in the list would be a change that nobody has checked.
#[test]
fn every_dated_row_is_in_the_list() {
    let prices = Prices::new(&[]).unwrap();
    // Rows of the same announcement: the listed model stands for the others.
    let alike = [
        ("grok-3-mini", "grok-3"),
        ("grok-4-0709", "grok-4"),
        ("grok-4-fast-non-reasoning", "grok-4-fast-reasoning"),
        ("grok-4.1-fast-non-reasoning", "grok-4.1-fast"),
        ("grok-4.1-fast-reasoning", "grok-4.1-fast"),
        ("gemini-3.8-flash", "gemini-3.7-flash"),
    ];
    let alike_days = [
        ("deepseek-chat", "2025-09-29"),
        ("deepseek-chat", "2026-08-17"),
        ("deepseek-reasoner", "2026-04-24"),
        ("deepseek-reasoner", "2026-08-17"),
    ];
    for (row, _) in prices.rows() {
        let Some(from) = row.from.map(|day| day.to_string()) else { continue };
        let model = alike.iter().find(|(model, _)| *model == row.model).map_or(&*row.model, |(_, listed)| listed);
        let is_listed =
            CHANGES.iter().any(|(listed, day, ..)| sessionmill::price::plain(listed) == model && *day == from);
        assert!(is_listed || alike_days.contains(&(model, &from)), "{} from {from}", row.model);
    }
}

#[test]
fn peak_hours_cost_twice_since_deepseek_has_them() {
    let prices = Prices::new(&[]).unwrap();
    let peak = Terms { peak: true, ..Terms::default() };
    let input = |model, day| rates(&prices, model, day, 0, &peak).map(|rates| rates[0]);
    assert_eq!(input("deepseek-v4-pro", "2026-08-16"), Some(0.435));
    assert_eq!(input("deepseek-v4-pro", "2026-08-17"), Some(1.32));
    assert_eq!(input("deepseek-flash", "2026-11-02"), Some(0.3));
    assert_eq!(input("claude-opus-5", "2026-11-02"), Some(5.0));
}

/// Models in logs that a table of current models alone would not have.
#[test]
fn names_of_gateways_and_clouds_have_rows() {
    let prices = Prices::new(&[]).unwrap();
    let input = |model: &str| rates(&prices, model, "2026-11-01", 0, &Terms::default()).map(|rates| rates[0]);
    for (models, dollars) in [
        (
            &["claude-opus-41", "claude-opus-4-0", "claude-opus-4.1", "claude-opus-4-1@20250805", "claude-4-opus"][..],
            15.0,
        ),
        (&["claude-sonnet-4-0", "claude-4-sonnet-20250514", "claude-3.7-sonnet-thought", "claude-sonnet-45"], 3.0),
        (
            &["anthropic/claude-opus-4.6", "claude-opus-46-thinking", "claude-opus-4-6-latest", "claude-4.6-opus-high"],
            5.0,
        ),
        (&["global.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-45", "claude-haiku-4.5"], 1.0),
        (&["gpt-5.3-codex-spark", "gpt-5.3-codex", "openai/gpt-5-3-codex", "gpt-5.2-chat-latest"], 1.75),
        (&["codex-mini-latest"], 1.5),
        (&["gpt-5-high", "gpt-5-chat-latest", "openai/gpt-5-codex"], 1.25),
        (&["z-ai/glm-4.6", "zai-org/GLM-4.7", "glm-4-5", "moonshotai/kimi-k2-thinking", "kimi-k2-5"], 0.6),
        (&["google/gemini-2.5-pro", "gemini-2-5-pro", "x-ai/grok-4.3", "grok-4-latest"], 1.25),
        (&["minimax/MiniMax-M2", "gemini-2.5-flash", "MiniMax-M2-5"], 0.3),
    ] {
        for model in models {
            assert_eq!(input(model), Some(dollars), "{model}");
        }
    }
}

/// OpenAI's priority tier does not accept long prompts of GPT-5.4 and 5.5, but those of later models.
#[test]
fn a_tier_that_does_not_take_long_prompts_has_no_price_for_them() {
    let prices = Prices::new(&[]).unwrap();
    let output = |model, above, tier| {
        let terms = Terms { tier, ..Terms::default() };
        rates(&prices, model, "2026-11-01", above, &terms).map(|rates| rates[1])
    };
    for (model, above, tier, expected) in [
        ("gpt-5.4", 0, Tier::Priority, Some(30.0)),
        ("gpt-5.4", 272_000, Tier::Priority, None),
        ("gpt-5.4", 272_000, Tier::Flex, Some(11.25)),
        ("gpt-5.5", 272_000, Tier::Priority, None),
        ("gpt-5.5", 272_000, Tier::Standard, Some(45.0)),
        ("gpt-5.6-sol", 272_000, Tier::Priority, Some(60.0)),
    ] {
        assert_eq!(output(model, above, tier.clone()), expected, "{model} above {above}, {tier:?}");
    }
}

#[test]
fn multipliers_are_those_of_the_makers() {
    let prices = Prices::new(&[]).unwrap();
    let times = |model: &str, terms: Terms| {
        let list = rates(&prices, model, "2026-11-02", 0, &Terms::default()).unwrap()[1];
        rates(&prices, model, "2026-11-02", 0, &terms).map(|rates| (rates[1] / list * 1e4).round() / 1e4)
    };
    let tier = |tier| Terms { tier, ..Terms::default() };
    let us = || Terms { geo: Geo::Us, ..Terms::default() };
    let place = |place| Terms { place, ..Terms::default() };
    for (model, terms, expected) in [
        ("claude-opus-4-6", us(), Some(1.1)),
        ("claude-sonnet-4-6", us(), Some(1.1)),
        ("claude-haiku-5-5", us(), Some(1.1)),
        ("claude-fable-5-1", us(), Some(1.1)),
        ("claude-opus-4-5", us(), Some(1.0)),
        ("claude-sonnet-4-5", us(), Some(1.0)),
        ("claude-haiku-4-5", us(), Some(1.0)),
        ("glm-4.6", us(), None),
        ("claude-sonnet-4-5", place(Residency::Regional), Some(1.1)),
        ("claude-haiku-4-5", place(Residency::Regional), Some(1.1)),
        ("claude-opus-4-1", place(Residency::Regional), Some(1.0)),
        ("claude-3-7-sonnet", place(Residency::Regional), Some(1.0)),
        ("claude-sonnet-4-5", place(Residency::Government), Some(1.2)),
        ("claude-opus-4-1", place(Residency::Government), None),
        ("gemini-2.5-pro", place(Residency::Regional), Some(1.0)),
        ("gpt-5.6-sol", place(Residency::Regional), Some(1.1)),
        ("claude-opus-5", tier(Tier::Batch), Some(0.5)),
        ("claude-opus-5", tier(Tier::Priority), None),
        ("gpt-5.4", tier(Tier::Priority), Some(2.0)),
        ("gpt-5.5", tier(Tier::Priority), Some(2.5)),
        ("gpt-5-mini", tier(Tier::Priority), Some(1.8)),
        ("o3", tier(Tier::Priority), Some(1.75)),
        ("gpt-5.3-codex", tier(Tier::Priority), Some(2.0)),
        ("gpt-6.1-sol", tier(Tier::Ultrafast), Some(6.0)),
        ("gpt-5.6-luna", tier(Tier::Flex), Some(0.5)),
        ("gpt-5.3-codex", tier(Tier::Flex), None),
    ] {
        assert_eq!(times(model, terms.clone()), expected, "{model} {terms:?}");
    }
}
