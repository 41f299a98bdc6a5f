//! The usage report: tokens and their cost by day, person, model and so on. Queries add up; what is
//! counted once was decided when it was settled.

use crate::base::error::{Result, thousands};
use crate::base::printable::printable;
use crate::plugs::usage::NAME;
use crate::plugs::usage::report::block::{self, Block};
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::key::Key;
use crate::plugs::usage::report::spending::{self, Spent, Uses};
use crate::plugs::usage::report::{calls, explain, reported};
use crate::price::{PicoUsd, Prices};
use crate::report::{Column, Row, Sheet, freshness};
use crate::store::reader::{self, Reader};
use std::collections::BTreeMap;

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

/// A row on its way.
#[derive(Default)]
struct Sums {
    spent: Spent,
    reported: Option<PicoUsd>,
}

impl Sums {
    /// In the order of [`COLUMNS`].
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

/// Makes the report.
///
/// # Errors
///
/// If the database cannot be read.
pub fn usage(reader: Reader<'_>, by: By, filter: &Filter, prices: &Prices) -> Result<Sheet> {
    let mut sheet = if by == By::Tool { calls::calls(reader, filter)? } else { tokens(reader, by, filter, prices)? };
    (sheet.as_of, sheet.pending) = freshness(reader, NAME)?;
    Ok(sheet)
}

fn tokens(reader: Reader<'_>, by: By, filter: &Filter, prices: &Prices) -> Result<Sheet> {
    let condition = filter.condition();
    let mut sums: BTreeMap<Option<String>, Sums> = BTreeMap::new();
    let mut key = Key::of(by, reader, filter)?;
    let uses = match &mut key {
        Some(key) => {
            let columns = key.columns();
            let name = |row: &reader::Row<'_>| key.name(row);
            let uses = spending::read(reader, prices, columns, &condition, name, |name, _, spent| {
                sums.entry(name).or_default().spent.add(spent);
            })?;
            let columns = key.columns();
            let name = |row: &reader::Row<'_>| key.name(row);
            reported::read(reader, columns, filter, name, |name, cost| {
                sums.entry(name).or_default().add_reported(cost);
            })?;
            uses
        }
        None => {
            let (blocks, uses) = block::blocks(reader, prices, &condition)?;
            for Block { start, spent, .. } in blocks {
                let start = start.with_timezone(&filter.zone).format("%Y-%m-%dT%H:%M:%S%:z");
                sums.entry(Some(start.to_string())).or_default().spent.add(&spent);
            }
            uses
        }
    };
    let mut total = Sums::default();
    for Sums { spent, reported } in sums.values() {
        total.spent.add(spent);
        reported.iter().for_each(|cost| total.add_reported(*cost));
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    if key.is_some_and(|key| !key.is_time()) {
        // Of equals the first by name.
        sums.sort_by_key(|(_, Sums { spent, .. })| {
            std::cmp::Reverse((spent.cost.unwrap_or_default(), spent.tokens.total()))
        });
    }
    let unpriced = unpriced(&uses);
    Ok(Sheet {
        by: by.name(),
        columns: &COLUMNS,
        rows: sums.into_iter().map(|(key, sums)| Row { key, numbers: sums.numbers() }).collect(),
        totals: total.numbers(),
        notes: notes(&total.spent, &unpriced),
        explanation: explain::explain(reader, &total.spent, &uses, prices, filter)?,
        unpriced,
        ..Sheet::default()
    })
}

/// Models without a price, and modes, tiers and places without one, with their responses, in order.
pub(super) fn unpriced(uses: &Uses<'_>) -> Vec<(String, i128)> {
    let mut unpriced: BTreeMap<String, i128> = BTreeMap::new();
    for (model, uses) in uses {
        for used in uses.iter().filter(|used| used.spent.cost.is_none()) {
            let mut name = model.as_deref().unwrap_or("(no model)").to_owned();
            if let Some(missing) = used.missing() {
                name += &format!(" ({missing})");
            }
            *unpriced.entry(name).or_default() += used.spent.responses + used.spent.advisor_calls + used.spent.declined;
        }
    }
    unpriced.into_iter().collect()
}

fn notes(total: &Spent, unpriced: &[(String, i128)]) -> Vec<String> {
    let mut notes = Vec::new();
    if !unpriced.is_empty() {
        let models = unpriced.iter().map(|(model, responses)| {
            format!(
                "`{}` ({})",
                printable(model),
                crate::base::error::count(u64::try_from(*responses).unwrap_or_default(), "response")
            )
        });
        let models = models.collect::<Vec<_>>().join(", ");
        notes.push(format!("no price, and so no cost, of {models}: a `[[price]]` in the configuration can give one"));
    }
    // Rule 11 of COUNTING: say so instead of pretending.
    if total.placeholders > 0 {
        notes.push(format!(
            "{} of {} responses have a placeholder for their output count: clients before 2.1.59 did not write \
             the final one, so output is higher than shown",
            thousands(total.placeholders),
            thousands(total.responses)
        ));
    }
    notes
}
