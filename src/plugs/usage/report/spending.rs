//! The cost of responses. The database adds up the tokens of responses that are billed alike, and the sums are
//! multiplied by the prices here. So a cost does not depend on how a report groups.

use crate::base::error::Result;
use crate::plugs::usage::costs::PRICES;
use crate::plugs::usage::report::filter::Where;
use crate::plugs::usage::sums::{FAST, Responses};
use crate::price::{Bill, Geo, PEAK_HOURS, PicoUsd, Price, Prices, Terms, Tier, Tokens, UnitCosts, place};
use crate::report::money;
use crate::store::lookup;
use crate::store::reader::{Param, Reader, Row};
use chrono::NaiveDate;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Sums over responses.
#[derive(Clone, Debug, Default)]
pub struct Spent {
    /// Without calls of advisors, compactions and declined attempts.
    pub responses: i128,
    pub tokens: Tokens,
    /// The cost of everything that has a price; `None` if nothing has one.
    pub cost: Option<PicoUsd>,
    /// Responses whose output count is a placeholder from the start of the stream.
    pub placeholders: i128,
    /// The number of source files that contain each response, added up.
    pub copies: i128,
    pub advisor_calls: i128,
    /// Summaries of a conversation that the server made in addition to the response.
    pub compactions: i128,
    /// Attempts that a model declined, before another model gave the response.
    pub declined: i128,
    /// Responses, calls of advisors and declined attempts without a price.
    pub unpriced: i128,
}

impl Spent {
    /// Adds other sums.
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

/// The usage of one price, or of a model without one.
#[derive(Clone, Debug)]
pub struct Used<'p> {
    pub price: Option<&'p Price>,
    /// The first day of the price's period; `None` for the earliest period.
    pub day: Option<NaiveDate>,
    pub terms: Terms,
    pub above: u64,
    /// The cost per token; `None` without a price.
    unit: Option<UnitCosts>,
    pub spent: Spent,
}

impl Used<'_> {
    /// What the price has no multiplier for, such as `fast mode`; `None` if it lacks nothing, or if there is no price
    /// at all.
    pub fn missing(&self) -> Option<String> {
        self.price?.lacks(&self.terms, self.above)
    }

    /// How much more the same prompts would have cost without a cache, in trillionths of a dollar.
    pub fn saved(&self) -> Option<PicoUsd> {
        let Self { price, terms, above, spent, .. } = self;
        let sent = spent.tokens.input + spent.tokens.cache_write + spent.tokens.cache_read;
        let tokens = Tokens { input: sent, cache_write: 0, cache_write_1h: 0, cache_read: 0, ..spent.tokens };
        Some((*price)?.cost(&Bill { tokens, terms: terms.clone(), above: *above })? - spent.cost?)
    }
}

/// The amount that caches saved, over all usage with a price.
pub(in crate::plugs) fn saved(uses: &Uses<'_>) -> Option<PicoUsd> {
    uses.values().flatten().filter_map(Used::saved).reduce(|a, b| a + b)
}

/// The amount in words. It can be negative: writing to a cache that is never read costs more than it saves.
pub(in crate::plugs) fn saved_words(saved: PicoUsd) -> String {
    match saved {
        0.. => format!("caches saved {}", money::rounded(saved)),
        _ => format!("caches cost {} more than they saved", money::rounded(-saved)),
    }
}

/// The usage of each model, as the logs spell it.
pub type Uses<'p> = HashMap<Option<String>, Vec<Used<'p>>>;

/// The name of a model as shown to people.
pub(in crate::plugs) fn model_name(model: Option<&str>) -> &str {
    model.unwrap_or("(no model)")
}

/// Models without a price, and modes, tiers and places without one, with their numbers of responses, sorted by name.
pub(super) fn unpriced(uses: &Uses<'_>) -> Vec<(String, i128)> {
    let mut unpriced: BTreeMap<String, i128> = BTreeMap::new();
    for (model, uses) in uses {
        for used in uses.iter().filter(|used| used.spent.cost.is_none()) {
            let mut name = model_name(model.as_deref()).to_owned();
            if let Some(missing) = used.missing() {
                name += &format!(" ({missing})");
            }
            *unpriced.entry(name).or_default() += used.spent.unpriced;
        }
    }
    unpriced.into_iter().collect()
}

/// What responses are grouped by: expressions over the [sums](crate::plugs::usage::sums), and what is joined with the
/// responses to evaluate them.
pub(in crate::plugs) struct Columns<'k> {
    pub(in crate::plugs) keys: &'k [&'k str],
    pub(in crate::plugs) join: &'k str,
    /// The parameters of `join`.
    pub(in crate::plugs) params: &'k [Param],
    pub(in crate::plugs) asked: Asked,
    /// The expressions need each response as a row of its own.
    pub(in crate::plugs) one_by_one: bool,
}

/// Which sums are needed. Other fields of [`Spent`] are 0, and the database need not read their columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plugs) enum Asked {
    All,
    /// Tokens, their cost, and the number of responses.
    Costs,
    /// Numbers of responses, with and without a price.
    Counts,
}

impl<'k> Columns<'k> {
    /// Columns without a join.
    pub(in crate::plugs) fn of(keys: &'k [&'k str]) -> Self {
        Self { keys, join: "", params: &[], asked: Asked::All, one_by_one: false }
    }

    #[must_use]
    pub(in crate::plugs) fn one_by_one(self) -> Self {
        Self { one_by_one: true, ..self }
    }

    #[must_use]
    pub(in crate::plugs) fn only(self, asked: Asked) -> Self {
        Self { asked, ..self }
    }
}

impl<'k, const N: usize> From<&'k [&'k str; N]> for Columns<'k> {
    fn from(keys: &'k [&'k str; N]) -> Self {
        Self::of(keys)
    }
}

/// The sums, and which [`Asked`] needs each of them.
const SUMS: [(&str, &[Asked]); 13] = {
    use Asked::{All, Costs, Counts};
    [
        ("input_tokens", &[All, Costs]),
        ("output_tokens", &[All, Costs]),
        ("cache_creation_input_tokens", &[All, Costs]),
        ("cache_creation_1h_input_tokens", &[All, Costs]),
        ("cache_read_input_tokens", &[All, Costs]),
        ("web_searches", &[All, Costs]),
        ("responses", &[All, Costs, Counts]),
        ("placeholders", &[All, Counts]),
        ("advisor_calls", &[All, Counts]),
        ("compactions", &[All, Counts]),
        ("declined", &[All, Counts]),
        ("reasoning_output_tokens", &[All]),
        ("copies", &[All]),
    ]
};

/// The tier and the place of a response. Names of the default are NULL.
const TIER: &str = "nullif(service_tier, 'standard')";
const GEO: &str = "nullif(nullif(inference_geo, 'not_available'), 'global')";

/// What the price of a response depends on, and how a query finds it.
struct Billing<'p> {
    prices: &'p Prices,
    /// The prices of the models that are in the database.
    asked: Prices,
    ways: Vec<Way>,
    responses: Responses,
}

/// A model, and a way in which its requests are billed.
struct Way {
    model: Option<String>,
    fast: bool,
    tier: Option<String>,
    geo: Option<String>,
}

impl<'p> Billing<'p> {
    fn read(reader: Reader<'_>, prices: &'p Prices, condition: &Where, one_by_one: bool) -> Result<Self> {
        let Where { clause, params } = condition;
        // Searching the responses for the ways takes as long as adding them up, so the ways are read from the table of
        // prices, which has all of them.
        let sql = match lookup::is_in_step(reader, PRICES, None)? {
            true => (format!("SELECT DISTINCT model, fast, {TIER}, {GEO} FROM {PRICES}"), &[][..]),
            false => {
                (format!("SELECT DISTINCT model, {FAST}, {TIER}, {GEO} FROM usage_responses WHERE {clause}"), &**params)
            }
        };
        let way =
            |row: &Row<'_>| Ok(Way { model: row.get(0)?, fast: row.get(1)?, tier: row.get(2)?, geo: row.get(3)? });
        let ways: Vec<Way> = reader.rows(&sql.0, sql.1, way)?;
        let models: Vec<String> = ways.iter().filter_map(|way| way.model.clone()).collect();
        let asked = prices.of(&models);
        let responses = match one_by_one {
            true => Responses::one_by_one(Some(&asked)),
            false => Responses::added_up(reader, condition, Some([prices, &asked]))?,
        };
        Ok(Self { prices, asked, ways, responses })
    }

    /// The columns that a query groups by besides the model; `None` for a column that has the same value in all groups.
    fn columns(&self) -> [(&'static str, Option<String>); 6] {
        let Self { asked, ways, .. } = self;
        let above = match self.responses.is_added_up {
            true => above(asked),
            false => Some("above".to_owned()),
        };
        let column = |is_told: bool, sql: &str| is_told.then(|| sql.to_owned());
        [
            ("era", era(asked)),
            ("above", above.map(|above| format!("{above}::BIGINT"))),
            ("fast", column(ways.iter().any(|way| way.fast), "fast")),
            ("tier", column(ways.iter().any(|way| way.tier.is_some()), TIER)),
            ("geo", column(ways.iter().any(|way| way.geo.is_some()), GEO)),
            ("peak", peak(asked)),
        ]
    }

    /// The unit costs of each way as a table in SQL, with its parameters: a row for each combination of period, prompt
    /// size and peak hours. A way without a price has no row.
    fn rates(&self) -> (String, Vec<Param>) {
        // The first row only defines the types of the columns, and matches nothing.
        let none = "NULL::VARCHAR, 0::INTEGER, 0::BIGINT, false, NULL::VARCHAR, NULL::VARCHAR, false";
        let mut rows = vec![format!("({none}{})", ", 0::HUGEINT".repeat(6))];
        let mut params = Vec::new();
        let days = self.asked.days();
        let bands: Vec<u64> = std::iter::once(0).chain(self.asked.thresholds()).collect();
        let has_peak = self.asked.rows().any(|(row, _)| row.times.peak.is_some());
        for Way { model, fast, tier, geo } in &self.ways {
            for era in 0..=days.len() {
                for above in &bands {
                    for peak in [false, true].into_iter().filter(|peak| has_peak || !peak) {
                        let (model, tier, geo) = (model.clone(), tier.clone(), geo.clone());
                        let (era, above, fast) = (era as i128, *above, *fast);
                        let billed = Billed { model, era, above, fast, tier, geo, peak };
                        let Some(unit) = billed.used(self.prices, &days).unit else { continue };
                        let UnitCosts { input, output, cache_write_5m, cache_write_1h, cache_read, web_search } = unit;
                        let unit = [input, output, cache_write_5m, cache_write_1h, cache_read, web_search];
                        let unit = unit.map(|cost| format!(", {cost}")).concat();
                        rows.push(format!("(?, {era}, {above}, {fast}, ?, ?, {peak}{unit})"));
                        params.extend([billed.model, billed.tier, billed.geo].map(Param::from));
                    }
                }
            }
        }
        let names = "model, era, above, fast, tier, geo, peak, input, output, write_5m, write_1h, read, search";
        (format!("(VALUES {}) AS rate({names})", rows.join(", ")), params)
    }
}

/// The keys of some groups in an order, and the number of all groups. The order is SQL over `key`, `cost` (NULL without
/// a price), `tokens`, `responses` and `begun`. The database computes the costs and sorts, so that it need not hand
/// over the sums of each group: there can be 100,000.
///
/// # Errors
///
/// If the database cannot be read.
pub(in crate::plugs) fn ranked(
    reader: Reader<'_>,
    prices: &Prices,
    key: &str,
    condition: &Where,
    order: &str,
    [from, most]: [usize; 2],
) -> Result<(Vec<String>, usize)> {
    // The most that DuckDB accepts as a limit.
    let most = u32::try_from(most).unwrap_or(u32::MAX);
    let billing = Billing::read(reader, prices, condition, false)?;
    let (rates, of_rates) = billing.rates();
    let same = ["0", "0", "false", "NULL::VARCHAR", "NULL::VARCHAR", "false"];
    let columns = billing.columns().into_iter().zip(same);
    let columns: Vec<_> =
        columns.map(|((name, sql), same)| format!("{} AS {name}", sql.as_deref().unwrap_or(same))).collect();
    let sql = format!(
        "WITH sums AS (
             SELECT {key} AS key, model, {columns}, {begun} AS begun, sum(input_tokens) AS input,
                 sum(output_tokens) AS output, sum(cache_creation_input_tokens) AS write,
                 sum(cache_creation_1h_input_tokens) AS write_1h, sum(cache_read_input_tokens) AS read,
                 sum(web_searches) AS search, {number} AS responses
             FROM {responses} WHERE {clause} AND {key} IS NOT NULL GROUP BY ALL),
         groups AS (
             SELECT key, min(begun) AS begun, sum(sums.input + sums.output + sums.write + sums.read) AS tokens,
                 sum(sums.responses) AS responses,
                 sum(sums.input * rate.input + sums.output * rate.output
                     + (sums.write - sums.write_1h) * rate.write_5m + sums.write_1h * rate.write_1h
                     + sums.read * rate.read + sums.search * rate.search) AS cost
             FROM sums LEFT JOIN {rates} ON rate.model = sums.model AND rate.era = sums.era
                 AND rate.above = sums.above AND rate.fast = sums.fast AND rate.peak = sums.peak
                 AND rate.tier IS NOT DISTINCT FROM sums.tier AND rate.geo IS NOT DISTINCT FROM sums.geo
             GROUP BY key)
         SELECT number, key FROM (SELECT count(*) AS number FROM groups)
         LEFT JOIN (FROM groups ORDER BY {order} LIMIT {most} OFFSET {from}) ON true ORDER BY {order}",
        columns = columns.join(", "),
        responses = billing.responses.table,
        number = if order.contains("responses") { "sum(responses)" } else { "0" },
        begun = if order.contains("begun") { "min(first_time)" } else { "NULL::TIMESTAMP" },
        clause = condition.clause,
    );
    let (mut keys, mut all) = (Vec::new(), 0);
    reader.each(&sql, &[&*condition.params, &*of_rates].concat(), |row| {
        all = usize::try_from(row.count(0)?).unwrap_or(usize::MAX);
        keys.extend(row.get::<Option<String>>(1)?);
        Ok(())
    })?;
    Ok((keys, all))
}

/// Reads the responses of a condition in groups with the same values of some columns, and calls `each` for each group.
/// Returns the usage of each price.
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
    let Columns { keys, join, params, asked, one_by_one } = columns.into();
    let billing = Billing::read(reader, prices, condition, one_by_one)?;
    // Columns that nobody needs, or that have the same value in all groups, are left out: with many rows, each column
    // takes a while to read.
    let mut selected: Vec<String> = keys.iter().copied().map(str::to_owned).collect();
    let mut select = |sql: Option<String>| {
        sql.map(|sql| {
            selected.push(sql);
            selected.len() - 1
        })
    };
    let model = keys.len();
    select(Some("model".to_owned()));
    let [era, above, fast, tier, geo, peak] = billing.columns().map(|(_, sql)| select(sql));
    let sums = SUMS.map(|(column, asking)| select(asking.contains(&asked).then(|| format!("sum({column})"))));
    let sql = format!(
        "SELECT {selected} FROM {responses} {join} WHERE {condition} GROUP BY ALL",
        selected = selected.join(", "),
        responses = billing.responses.table,
        condition = condition.clause,
    );
    let days = billing.asked.days();
    let mut known: HashMap<Billed, Used<'p>> = HashMap::new();
    reader.each(&sql, &[params, &condition.params].concat(), |row| {
        let number = |column: Option<usize>| column.map_or(Ok(0), |column| row.integer(column));
        let flag = |column: Option<usize>| column.map_or(Ok(false), |column| row.get(column));
        let text = |column: Option<usize>| column.map_or(Ok(None), |column| row.get(column));
        let billed = Billed {
            model: row.get(model)?,
            era: number(era)?,
            above: u64::try_from(number(above)?).unwrap_or_default(),
            fast: flag(fast)?,
            tier: text(tier)?,
            geo: text(geo)?,
            peak: flag(peak)?,
        };
        let mut sum = [0; SUMS.len()];
        for (sum, column) in sum.iter_mut().zip(sums) {
            *sum = number(column)?;
        }
        let [input, output, cache_write, cache_write_1h, cache_read, web_searches, responses, rest @ ..] = sum;
        let [placeholders, advisor_calls, compactions, declined, reasoning, copies] = rest;
        let tokens = Tokens { input, output, cache_write, cache_write_1h, cache_read, web_searches, reasoning };
        // Finding the price takes longer than everything else that is done with a row, so it is done once for each way
        // of billing.
        let used = match known.get_mut(&billed) {
            Some(used) => used,
            None => known.entry(billed.clone()).or_insert(billed.used(prices, &days)),
        };
        let cost = used.unit.map(|unit| unit.of(&tokens));
        let mut spent =
            Spent { responses, tokens, cost, placeholders, copies, advisor_calls, compactions, declined, unpriced: 0 };
        if spent.cost.is_none() {
            spent.unpriced = spent.responses + spent.advisor_calls + spent.declined;
        }
        used.spent.add(&spent);
        each(key(row)?, billed.model.as_deref(), &spent);
        Ok(())
    })?;
    Ok(by_model(known))
}

/// The cost of the responses of a condition, in groups with the same values of some columns. A group without a price
/// has no entry.
///
/// # Errors
///
/// If the database cannot be read.
pub(in crate::plugs) fn costs<'k, K: Eq + Hash>(
    reader: Reader<'_>,
    prices: &Prices,
    columns: impl Into<Columns<'k>>,
    condition: &Where,
    key: impl FnMut(&Row<'_>) -> Result<K>,
) -> Result<HashMap<K, PicoUsd>> {
    let mut costs = HashMap::new();
    let columns = columns.into().only(Asked::Costs);
    read(reader, prices, columns, condition, key, |key, _, spent| {
        if let Some(cost) = spent.cost {
            *costs.entry(key).or_default() += cost;
        }
    })?;
    Ok(costs)
}

/// What the price of a group of responses depends on, as stored in the database.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Billed {
    model: Option<String>,
    era: i128,
    above: u64,
    fast: bool,
    tier: Option<String>,
    geo: Option<String>,
    peak: bool,
}

impl Billed {
    /// An empty use of the price that applies.
    fn used<'p>(&self, prices: &'p Prices, days: &[NaiveDate]) -> Used<'p> {
        let Self { model, era, above, fast, tier, geo, peak } = self;
        let (fast, peak, above) = (*fast, *peak, *above);
        let terms = Terms {
            fast,
            tier: Tier::of(tier.as_deref()),
            geo: Geo::of(geo.as_deref()),
            place: model.as_deref().map(place).unwrap_or_default(),
            peak,
        };
        let day = usize::try_from(*era).ok().and_then(|era| days.get(era.checked_sub(1)?)).copied();
        let price = model.as_ref().and_then(|model| prices.find(model, day));
        let unit = price.and_then(|price| price.unit_costs(&terms, above));
        Used { price, day, terms, above, unit, spent: Spent::default() }
    }
}

/// The usage of each model. Uses that are billed alike are merged: for example, several words mean the standard tier.
fn by_model(known: HashMap<Billed, Used<'_>>) -> Uses<'_> {
    let mut uses = Uses::new();
    for (Billed { model, .. }, used) in known {
        let of_model: &mut Vec<Used<'_>> = uses.entry(model).or_default();
        let alike =
            |other: &&mut Used<'_>| (other.day, other.above, &other.terms) == (used.day, used.above, &used.terms);
        match of_model.iter_mut().find(alike) {
            Some(other) => other.spent.add(&used.spent),
            None => of_model.push(used),
        }
    }
    uses
}

/// The period of prices that a response is in: the number of price days up to its time. A response without a time is in
/// the newest period. The newest day is tested first, because most responses are after it.
fn era(prices: &Prices) -> Option<String> {
    let days = prices.days();
    let cases = days.iter().enumerate().rev();
    let cases: String =
        cases.map(|(before, day)| format!(" WHEN time >= TIMESTAMP '{day}' THEN {}", before + 1)).collect();
    let last = days.len();
    (last > 0).then(|| format!("(CASE{cases} WHEN time IS NULL THEN {last} ELSE 0 END)::INTEGER"))
}

/// Whether a response is in peak hours, if any price depends on them. A response without a time is not.
fn peak(prices: &Prices) -> Option<String> {
    let hours = PEAK_HOURS.map(|hour| hour.to_string()).join(", ");
    let has_peak = prices.rows().any(|(row, _)| row.times.peak.is_some());
    has_peak.then(|| format!("coalesce(isodow(time) < 6 AND hour(time) IN ({hours}), false)"))
}

/// The highest threshold of these prices that a prompt is above. `above` in the sums can distinguish more thresholds.
fn above(prices: &Prices) -> Option<String> {
    let thresholds = prices.thresholds();
    let cases: String = thresholds.iter().rev().map(|above| format!(" WHEN above >= {above} THEN {above}")).collect();
    (!thresholds.is_empty()).then(|| format!("CASE{cases} ELSE 0 END"))
}
