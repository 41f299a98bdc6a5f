//! What responses cost. The database adds up those that are billed alike, the price comes here: so a
//! cost does not depend on how a report groups.

use crate::base::error::Result;
use crate::plugs::usage::report::filter::Where;
use crate::price::{Bill, Geo, PEAK_HOURS, PicoUsd, Price, Prices, Terms, Tier, Tokens, place};
use crate::store::reader::{Param, Reader, Row};
use chrono::NaiveDate;
use std::collections::HashMap;

/// Sums over responses.
#[derive(Clone, Debug, Default)]
pub struct Spent {
    /// Calls of advisors are none of their own.
    pub responses: i128,
    pub tokens: Tokens,
    /// Of what has a price; `None` if nothing has.
    pub cost: Option<PicoUsd>,
    /// Responses whose output count is from the start of the stream.
    pub placeholders: i128,
    /// Source files that hold a response, added up.
    pub copies: i128,
    pub advisor_calls: i128,
    /// Summaries that the server made of a conversation, beside its response.
    pub compactions: i128,
    /// Attempts that were declined, before another model served the response.
    pub declined: i128,
    /// Responses, calls of advisors and attempts among these that have no price.
    pub unpriced: i128,
}

impl Spent {
    /// Adds another sum.
    pub fn add(&mut self, other: &Self) {
        self.responses += other.responses;
        self.tokens += &other.tokens;
        self.cost = self.cost.into_iter().chain(other.cost).reduce(|a, b| a + b);
        self.placeholders += other.placeholders;
        self.copies += other.copies;
        self.advisor_calls += other.advisor_calls;
        self.compactions += other.compactions;
        self.declined += other.declined;
        self.unpriced += other.unpriced;
    }
}

/// What was used of one price, or of a model without one.
#[derive(Clone, Debug)]
pub struct Used<'p> {
    pub price: Option<&'p Price>,
    /// Since when, if the table has a price that begins then.
    pub day: Option<NaiveDate>,
    pub terms: Terms,
    pub above: u64,
    pub spent: Spent,
}

impl Used<'_> {
    /// What the price has no multiplier for, such as `fast mode`; `None` if it lacks nothing, or there is no
    /// price at all.
    pub fn missing(&self) -> Option<String> {
        self.price?.lacks(&self.terms, self.above)
    }
}

/// What was used of each model, as the logs spell it.
pub type Uses<'p> = HashMap<Option<String>, Vec<Used<'p>>>;

/// What people see of a model.
pub(in crate::plugs) fn model_name(model: Option<&str>) -> &str {
    model.unwrap_or("(no model)")
}

/// What responses are grouped by: expressions, and what is read beside the responses for them.
pub(in crate::plugs) struct Columns<'k> {
    pub(in crate::plugs) keys: &'k [&'k str],
    pub(in crate::plugs) join: &'k str,
    /// Of what is joined.
    pub(in crate::plugs) params: &'k [Param],
}

impl<'k> Columns<'k> {
    /// Nothing is read beside the responses for these.
    pub(in crate::plugs) fn of(keys: &'k [&'k str]) -> Self {
        Self { keys, join: "", params: &[] }
    }
}

impl<'k, const N: usize> From<&'k [&'k str; N]> for Columns<'k> {
    fn from(keys: &'k [&'k str; N]) -> Self {
        Self::of(keys)
    }
}

/// The tier and the place of a response, with the names that mean the same as none: nearly all have these, and texts to
/// group by take more time than all sums.
const TIER: &str = "nullif(service_tier, 'standard')";
const GEO: &str = "nullif(nullif(inference_geo, 'not_available'), 'global')";

/// Reads the responses of a condition in groups that share the values of some columns, and hands on
/// each with the columns. Returns what was used of which price.
///
/// # Errors
///
/// If the database cannot be read.
pub(in crate::plugs) fn read<'p, 'k, K>(
    reader: Reader<'_>,
    prices: &'p Prices,
    columns: impl Into<Columns<'k>>,
    condition: &Where,
    mut key: impl FnMut(&Row<'_>) -> Result<K>,
    mut each: impl FnMut(K, Option<&str>, &Spent),
) -> Result<Uses<'p>> {
    let Columns { keys, join, params } = columns.into();
    let models = format!("SELECT DISTINCT model FROM usage_responses WHERE {} AND model IS NOT NULL", condition.clause);
    let models: Vec<String> = reader.rows(&models, &condition.params, |row| row.get(0))?;
    let asked = prices.of(&models);
    let sql = format!(
        "SELECT {keys}model, {era}::INTEGER, {above}::BIGINT,
             fast AND (part = 0 OR part_kind IS NOT DISTINCT FROM 'compaction'), {TIER}, {GEO}, {peak},
             count(*) FILTER (part = 0), sum(input_tokens), sum(output_tokens), sum(cache_creation_input_tokens),
             sum(cache_creation_1h_input_tokens), sum(cache_read_input_tokens), sum(web_searches),
             sum(reasoning_output_tokens),
             count(*) FILTER (placeholder), sum(copies) FILTER (part = 0),
             count(*) FILTER (part > 0 AND coalesce(part_kind, 'advisor') = 'advisor'),
             count(*) FILTER (part_kind = 'compaction'), count(*) FILTER (part_kind = 'declined')
         FROM usage_responses {join} WHERE {condition} GROUP BY ALL",
        keys = keys.iter().map(|key| format!("{key}, ")).collect::<String>(),
        era = era(&asked),
        above = above(&asked),
        peak = peak(&asked),
        condition = condition.clause,
    );
    let days = asked.days();
    let mut uses = Uses::new();
    let first = keys.len();
    reader.each(&sql, &[params, &*condition.params].concat(), |row| {
        let number = |column: usize| row.integer(first + column);
        let model: Option<String> = row.get(first)?;
        let day = usize::try_from(number(1)?).ok().and_then(|era| days.get(era.checked_sub(1)?)).copied();
        let above = u64::try_from(number(2)?).unwrap_or_default();
        let named = |column: usize| row.get::<Option<String>>(first + column);
        let terms = Terms {
            fast: row.get(first + 3)?,
            tier: Tier::of(named(4)?.as_deref()),
            geo: Geo::of(named(5)?.as_deref()),
            place: model.as_deref().map(place).unwrap_or_default(),
            peak: row.get(first + 6)?,
        };
        let tokens = Tokens {
            input: number(8)?,
            output: number(9)?,
            cache_write: number(10)?,
            cache_write_1h: number(11)?,
            cache_read: number(12)?,
            web_searches: number(13)?,
            reasoning: number(14)?,
        };
        let bill = Bill { tokens, terms, above };
        let used = used(&mut uses, prices, &model, day, &bill);
        let mut spent = Spent {
            responses: number(7)?,
            tokens,
            cost: used.price.and_then(|price| price.cost(&bill)),
            placeholders: number(15)?,
            copies: number(16)?,
            advisor_calls: number(17)?,
            compactions: number(18)?,
            declined: number(19)?,
            unpriced: 0,
        };
        if spent.cost.is_none() {
            spent.unpriced = spent.responses + spent.advisor_calls + spent.declined;
        }
        used.spent.add(&spent);
        each(key(row)?, model.as_deref(), &spent);
        Ok(())
    })?;
    Ok(uses)
}

/// The use that responses of a model belong to.
fn used<'u, 'p>(
    uses: &'u mut Uses<'p>,
    prices: &'p Prices,
    model: &Option<String>,
    day: Option<NaiveDate>,
    Bill { terms, above, .. }: &Bill,
) -> &'u mut Used<'p> {
    let of_model = uses.entry(model.clone()).or_default();
    let at = of_model.iter().position(|used| (used.day, used.above, &used.terms) == (day, *above, terms));
    let at = at.unwrap_or_else(|| {
        let price = model.as_ref().and_then(|model| prices.find(model, day));
        of_model.push(Used { price, day, terms: terms.clone(), above: *above, spent: Spent::default() });
        of_model.len() - 1
    });
    &mut of_model[at]
}

/// The number of the price days that a response is not before. One without a time is the newest. The newest day
/// comes first: most responses are after it, and need no second comparison.
fn era(prices: &Prices) -> String {
    let days = prices.days();
    let cases = days.iter().enumerate().rev();
    let cases = cases.map(|(before, day)| format!(" WHEN time >= TIMESTAMP '{day}' THEN {}", before + 1));
    case(cases.chain([format!(" WHEN time IS NULL THEN {}", days.len())]).collect(), 0)
}

/// Whether a response is at peak hours, where a price rises then. One without a time is not.
fn peak(prices: &Prices) -> String {
    if prices.rows().all(|(row, _)| row.times.peak.is_none()) {
        return "false".to_owned();
    }
    let hours = PEAK_HOURS.map(|hour| hour.to_string()).join(", ");
    format!("coalesce(isodow(time) < 6 AND hour(time) IN ({hours}), false)")
}

/// The highest threshold that a response's prompt is above.
fn above(prices: &Prices) -> String {
    let prompt = "input_tokens + cache_creation_input_tokens + cache_read_input_tokens";
    let thresholds = prices.thresholds();
    let cases = thresholds.iter().rev().map(|above| format!(" WHEN {prompt} > {above} THEN {above}"));
    case(cases.collect(), 0)
}

fn case(cases: String, otherwise: u64) -> String {
    if cases.is_empty() { otherwise.to_string() } else { format!("CASE{cases} ELSE {otherwise} END") }
}
