//! The usage report: tokens and their cost by day, person, model and so on. The queries only add up. Responses that are
//! in several files were reduced to one when they were stored.

use crate::base::error::{Error, Result, Status, count, thousands};
use crate::base::printable::printable;
use crate::plugs::usage::report::block::{self, Accounts, Block};
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::key::Keys;
use crate::plugs::usage::report::spending::{self, Columns, Spent, Uses, unpriced};
use crate::plugs::usage::report::{calls, explain, reported, times};
use crate::price::{PicoUsd, Prices};
use crate::report::trend::{Steps, Trend};
use crate::report::{Column, Row, Sheet, freshness, ratio};
use crate::store::reader::{self, Reader};
use sessionmill_usage::NAME;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

const COLUMNS: [Column; 10] = [
    Column::count("responses", "Responses").spare(),
    Column::count("input_tokens", "Input").rank(2),
    Column::count("output_tokens", "Output").rank(1),
    Column::count("reasoning_output_tokens", "reasoning").spare(),
    Column::count("cache_creation_input_tokens", "Cache write").rank(3),
    Column::count("cache_creation_1h_input_tokens", "1 h writes").spare(),
    Column::count("cache_read_input_tokens", "Cache read").rank(3),
    Column::count("total_tokens", "Total"),
    Column::money("cost_usd", "Cost"),
    Column::money("reported_cost_usd", "Reported").spare(),
];

/// The sums of a row while it is read.
#[derive(Default)]
struct Sums {
    spent: Spent,
    reported: Option<PicoUsd>,
    costs: Trend,
    responses: Trend,
}

impl Sums {
    /// The numbers in the order of [`COLUMNS`].
    fn numbers(&self) -> Vec<Option<i128>> {
        let Spent { responses, tokens, cost, .. } = &self.spent;
        vec![
            Some(*responses),
            Some(tokens.input),
            Some(tokens.output),
            Some(tokens.reasoning),
            Some(tokens.cache_write),
            Some(tokens.cache_write_1h),
            Some(tokens.cache_read),
            Some(tokens.total()),
            *cost,
            self.reported,
        ]
    }

    fn add_reported(&mut self, reported: PicoUsd) {
        self.reported = Some(self.reported.unwrap_or_default() + reported);
    }
}

/// Adds columns that are computed from others: the share of the prompt that came from a cache, and the cost per
/// response. Only for people; programs can compute them.
pub(in crate::plugs) fn add_derived(sheet: &mut Sheet) {
    let each = Column::money("cost_per_response_usd", "Per response").spare();
    sheet.insert("reported_cost_usd", each, |number| {
        let (cost, responses) = (number("cost_usd"), number("responses"));
        (cost > 0 && responses > 0).then(|| cost / responses)
    });
    let cached = Column::share("cached_share", "Cached").spare();
    sheet.insert("total_tokens", cached, |number| {
        let read = number("cache_read_input_tokens");
        let sent = number("input_tokens") + number("cache_creation_input_tokens") + read;
        (sent > 0).then(|| ratio(read, sent, 1000))
    });
}

/// Makes the report.
///
/// # Errors
///
/// If the database cannot be read.
pub fn usage(reader: Reader<'_>, by: &[By], filter: &Filter, prices: &Prices) -> Result<Sheet> {
    let mut sheet = match by {
        [By::Tool] => calls::calls(reader, filter)?,
        [By::Block] => blocks(reader, filter, prices)?,
        by => tokens(reader, by, filter, prices)?,
    };
    (sheet.as_of, sheet.pending) = freshness(reader, NAME)?;
    Ok(sheet)
}

/// Sums by the names of their keys. All groups have the same number of names.
type Groups = BTreeMap<Vec<Option<String>>, Sums>;

fn tokens(reader: Reader<'_>, by: &[By], filter: &Filter, prices: &Prices) -> Result<Sheet> {
    let Some(mut keys) = Keys::of(by, reader, filter)? else {
        let error = Error::new(Status::Usage, "billing windows and tool calls go with no other grouping");
        return Err(error.hint("--by block and --by tool stand alone"));
    };
    let mut groups = Groups::new();
    let columns = keys.columns();
    // Rows that are periods of time have no trend.
    let steps = if keys.are_times().contains(&true) { Steps::default() } else { times::steps(reader, filter)? };
    let step = steps.sql("time");
    let with_step: Vec<&str> = columns.iter().copied().chain([step.as_str()]).collect();
    let names = |row: &reader::Row<'_>| Ok((keys.names(row)?, row.get::<Option<i64>>(columns.len())?));
    let with_step = Columns::of(&with_step);
    let uses = spending::read(reader, prices, with_step, &filter.condition(), names, |(names, step), _, spent| {
        let sums = groups.entry(names).or_default();
        sums.spent.add(spent);
        if let Some(step) = step.and_then(|step| usize::try_from(step).ok()) {
            sums.costs.add(step, spent.cost.unwrap_or_default());
            sums.responses.add(step, spent.responses);
        }
    })?;
    let is_part = reported::read(
        reader,
        &columns,
        filter,
        |row| keys.names(row),
        |names, cost| {
            groups.entry(names).or_default().add_reported(cost);
        },
    )?;
    let rows = in_order(groups, &keys.are_times());
    let mut sheet = sheet(reader, by, rows, &steps, &uses, filter, prices)?;
    if is_part {
        let note = "reported is without the sessions for which a client reports one total";
        sheet.notes.push(note.to_owned());
    }
    Ok(sheet)
}

fn blocks(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Sheet> {
    let (blocks, uses) = block::blocks(reader, prices, filter, Accounts::People)?;
    let mut groups = Groups::new();
    for Block { start, spent, .. } in blocks {
        let start = start.with_timezone(&filter.zone).format("%Y-%m-%dT%H:%M:%S%:z");
        groups.entry(vec![Some(start.to_string())]).or_default().spent.add(&spent);
    }
    sheet(reader, &[By::Block], groups.into_iter().collect(), &Steps::default(), &uses, filter, prices)
}

/// The groups in the order of the report, level by level: periods by time, everything else by usage, then by name.
/// Groups that share the names of the upper levels stay together.
fn in_order(groups: Groups, are_times: &[bool]) -> Vec<(Vec<Option<String>>, Sums)> {
    let weight = |spent: &Spent| (spent.cost.unwrap_or_default(), spent.tokens.total());
    let mut levels: HashMap<Vec<Option<String>>, Spent> = HashMap::new();
    for (names, sums) in &groups {
        (1..=names.len()).for_each(|level| levels.entry(names[..level].to_vec()).or_default().add(&sums.spent));
    }
    let mut rows: Vec<_> = groups.into_iter().collect();
    rows.sort_by(|(a, _), (b, _)| {
        let levels = (0..a.len()).map(|level| {
            let of = |names: &[Option<String>]| levels.get(&names[..=level]).map(weight);
            let by_weight = if are_times[level] { Ordering::Equal } else { of(b).cmp(&of(a)) };
            by_weight.then_with(|| a[level].cmp(&b[level]))
        });
        levels.fold(Ordering::Equal, Ordering::then)
    });
    rows
}

fn sheet(
    reader: Reader<'_>,
    by: &[By],
    groups: Vec<(Vec<Option<String>>, Sums)>,
    steps: &Steps,
    uses: &Uses<'_>,
    filter: &Filter,
    prices: &Prices,
) -> Result<Sheet> {
    let mut total = Sums::default();
    for (_, Sums { spent, reported, .. }) in &groups {
        total.spent.add(spent);
        reported.iter().for_each(|cost| total.add_reported(*cost));
    }
    let has_costs = total.spent.cost.is_some_and(|cost| cost > 0);
    let rows = groups.into_iter().map(|(names, sums)| {
        let mut names = names.into_iter();
        let trend = if has_costs { &sums.costs } else { &sums.responses };
        let (numbers, trend) = (sums.numbers(), steps.numbers(trend));
        Row { key: names.next().flatten(), then: names.collect(), numbers, trend }
    });
    let mut by = by.iter().map(|by| by.name());
    let unpriced = unpriced(uses);
    Ok(Sheet {
        by: by.next().unwrap_or_default(),
        then: by.collect(),
        columns: COLUMNS.as_slice().into(),
        rows: rows.collect(),
        totals: total.numbers(),
        notes: notes(&total.spent, &unpriced),
        saved: spending::saved(uses),
        explanation: explain::explain(reader, &total.spent, uses, prices, filter)?,
        unpriced,
        ..Sheet::default()
    })
}

/// Says which models have no price, if any.
pub(in crate::plugs) fn without_price(unpriced: &[(String, i128)]) -> Option<String> {
    let responses = |responses: i128| count(u64::try_from(responses).unwrap_or_default(), "response");
    let models = unpriced.iter().map(|(model, number)| format!("`{}` ({})", printable(model), responses(*number)));
    let models = models.collect::<Vec<_>>().join(", ");
    let way_out = "a `[[price]]` in the configuration can give one";
    (!models.is_empty()).then(|| format!("no price, and so no cost, of {models}: {way_out}"))
}

fn notes(total: &Spent, unpriced: &[(String, i128)]) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(without_price(unpriced));
    // The notes name what is missing in the figures.
    if total.placeholders > 0 {
        notes.push(format!(
            "output is higher than shown: {} of {} responses lack the count (--explain)",
            thousands(total.placeholders),
            thousands(total.responses)
        ));
    }
    notes
}
