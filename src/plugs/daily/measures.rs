//! Metrics for monitoring: this month's costs by person and project, and the budgets.

use super::budget;
use crate::base::days::Span;
use crate::base::error::Result;
use crate::config::Config;
use crate::identities::Identities;
use crate::plug::measure::Measure;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::spending::{self, Spent};
use crate::plugs::usage::repositories::Repositories;
use crate::price::Prices;
use crate::report::money;
use crate::store::reader::{Reader, Row};
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;

/// The most pairs of a person and a project with their own value, the costliest first. Monitoring systems store a
/// series for each pair.
const MOST: usize = 100;

const OTHERS: &str = "(others)";

/// Reads the metrics.
///
/// # Errors
///
/// If the identities or the database cannot be read.
pub(in crate::plugs) fn measures(reader: Reader<'_>, config: &Config, now: DateTime<Utc>) -> Result<Vec<Measure>> {
    let prices = Prices::new(&config.price)?;
    let identities = Arc::new(Identities::given(config.identities.as_deref())?);
    let zone = config.zone();
    let days = Span::Month(0).days(now.with_timezone(&zone).date_naive());
    let filter = Filter { days, ..Filter::of_all(zone, identities.clone()) };
    let repositories = Repositories::read(reader, &identities)?;
    let mut pairs: HashMap<(String, String), Spent> = HashMap::new();
    let key = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<Option<String>>(1)?));
    spending::read(reader, &prices, &["username", "project"], &filter.condition(), key, |(folder, cwd), _, spent| {
        let project = cwd.as_deref().map_or("(none)", |cwd| repositories.name(cwd));
        pairs.entry((identities.label(&folder).to_owned(), project.to_owned())).or_default().add(spent);
    })?;
    let mut pairs: Vec<_> = pairs.into_iter().collect();
    pairs.sort_by(|(a, of_a), (b, of_b)| {
        let weight = |spent: &Spent| (spent.cost, spent.tokens.total());
        weight(of_b).cmp(&weight(of_a)).then_with(|| a.cmp(b))
    });
    let mut others = Spent::default();
    let rest = pairs.split_off(pairs.len().min(MOST));
    rest.iter().for_each(|(_, spent)| others.add(spent));
    if !rest.is_empty() {
        pairs.push(((OTHERS.to_owned(), OTHERS.to_owned()), others));
    }
    let values = |number: fn(&Spent) -> f64| {
        let value = |((person, project), spent): &((String, String), Spent)| {
            (vec![("person", person.clone()), ("project", project.clone())], number(spent))
        };
        pairs.iter().map(value).collect()
    };
    let standings = budget::standings(reader, config, &identities, &prices, zone, now)?;
    let of_budgets = |number: fn(&budget::BudgetStatus) -> f64| {
        standings.iter().map(|standing| (vec![("budget", standing.budget.name.clone())], number(standing))).collect()
    };
    Ok(vec![
        Measure {
            name: "month_cost_dollars",
            help: "Cost by list prices since the first of the month, by person and project.",
            values: values(|spent| spent.cost.map(money::dollars).unwrap_or_default()),
        },
        Measure {
            name: "month_tokens",
            help: "Tokens since the first of the month, by person and project.",
            values: values(|spent| spent.tokens.total() as f64),
        },
        Measure {
            name: "budget_dollars",
            help: "What may be spent of a budget in a month.",
            values: of_budgets(|standing| standing.budget.month),
        },
        Measure {
            name: "budget_spent_dollars",
            help: "What is spent of a budget since the first of the month.",
            values: of_budgets(|standing| money::dollars(standing.spent)),
        },
    ])
}
