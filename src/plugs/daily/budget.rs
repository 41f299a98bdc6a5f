//! The state of each budget: what was spent in the calendar month, by day, and a forecast for the whole month, which
//! assumes that the rest of the month is like the part so far.

use crate::base::days::{self, Days};
use crate::base::error::{Result, Status, thousands};
use crate::base::zone;
use crate::config::Config;
use crate::config::budget::Budget;
use crate::identities::Identities;
use crate::plugs::usage::report::filter::{Filter, Only};
use crate::plugs::usage::report::names::Names;
use crate::plugs::usage::report::period::{self, day};
use crate::plugs::usage::report::spending::{self, Spent, model_name};
use crate::price::{PicoUsd, Prices};
use crate::report::{money, number, ratio};
use crate::store::reader::{Reader, Row};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The state of a budget in a month.
#[derive(Debug)]
pub struct BudgetStatus {
    pub budget: Budget,
    pub month: PicoUsd,
    pub spent: PicoUsd,
    /// Costs by day of the month, including today.
    pub days: BTreeMap<NaiveDate, PicoUsd>,
    /// Tokens of models without a price, which are not counted as cost, and these models.
    pub unpriced_tokens: i128,
    pub unpriced_models: BTreeSet<String>,
    /// Why the budget cannot count anything, if a name in it is unknown.
    pub unknown: Option<String>,
    /// The seconds of the month so far, and in total.
    pub elapsed: i128,
    pub length: i128,
    /// The remaining days, including today.
    pub days_left: u32,
}

/// Reads the state of all configured budgets.
///
/// # Errors
///
/// If the database cannot be read.
pub fn standings(
    reader: Reader<'_>,
    config: &Config,
    identities: &Arc<Identities>,
    prices: &Prices,
    zone: Tz,
    now: DateTime<Utc>,
) -> Result<Vec<BudgetStatus>> {
    if config.budget.is_empty() {
        return Ok(Vec::new());
    }
    let today = now.with_timezone(&zone).date_naive();
    let first = today.with_day(1).unwrap_or(today);
    let last = days::last_of_month(today);
    let (begin, end) = (zone::begin(first, zone), zone::end(last, zone));
    let days = Days { since: Some(first), until: Some(today) };
    let mut names = Names::new(reader);
    let standing = |budget: &Budget| {
        let standing = BudgetStatus {
            budget: budget.clone(),
            month: (budget.month * 1e12).round() as PicoUsd,
            spent: 0,
            days: first.iter_days().take_while(|day| *day <= today).map(|day| (day, 0)).collect(),
            unpriced_tokens: 0,
            unpriced_models: BTreeSet::new(),
            unknown: None,
            elapsed: (now - begin).num_seconds().max(0).into(),
            length: (end - begin).num_seconds().into(),
            days_left: last.day() - today.day() + 1,
        };
        match names.resolve(&of(budget, zone, identities)) {
            Ok(filter) => Ok((standing, Some(filter))),
            Err(error) if error.status == Status::Usage => {
                let words = std::iter::once(error.to_string()).chain(error.hint).collect::<Vec<_>>().join("; ");
                Ok((BudgetStatus { unknown: Some(words), ..standing }, None))
            }
            Err(error) => Err(error),
        }
    };
    let mut standings = config.budget.iter().map(standing).collect::<Result<Vec<_>>>()?;
    // Groups only by columns that a budget needs.
    let is_asked = |column: &str| {
        let filters = || standings.iter().filter_map(|(_, filter)| filter.as_ref());
        filters().flat_map(Filter::columns).any(|asked| asked == column)
    };
    let user = if is_asked("username") { "username" } else { "''" };
    let project = if is_asked("project") { "project" } else { "NULL::VARCHAR" };
    let month = Filter { days, ..Filter::of_all(zone, identities.clone()) }.condition();
    let key = |row: &Row<'_>| Ok((row.get(0)?, row.get::<String>(1)?, row.get(2)?));
    type Key = (Option<i64>, String, Option<String>);
    let add = |(quarter, user, project): Key, model: Option<&str>, spent: &Spent| {
        let day = quarter.and_then(|quarter| day(quarter, zone));
        for (standing, filter) in &mut standings {
            if filter.as_ref().is_some_and(|filter| filter.is_of(&user, project.as_deref())) {
                standing.add(day, model, spent);
            }
        }
    };
    spending::read(reader, prices, &[period::quarter(zone)[0], user, project], &month, key, add)?;
    Ok(standings.into_iter().map(|(standing, _)| standing).collect())
}

/// The filter of a budget, with names as in reports.
fn of(budget: &Budget, zone: Tz, identities: &Arc<Identities>) -> Filter {
    let only = |name: &Option<String>| name.clone().map(Only::short);
    Filter {
        team: only(&budget.team),
        project: only(&budget.project),
        user: only(&budget.person),
        ..Filter::of_all(zone, identities.clone())
    }
}

/// Concerns about budgets, as text.
///
/// # Errors
///
/// If the identities or the database cannot be read.
pub fn concerns(reader: Reader<'_>, config: &Config, now: DateTime<Utc>) -> Result<Vec<String>> {
    if config.budget.is_empty() {
        return Ok(Vec::new());
    }
    let (prices, identities) = (Prices::new(&config.price)?, Identities::given(config.identities.as_deref())?);
    let standings = standings(reader, config, &Arc::new(identities), &prices, config.zone(), now)?;
    Ok(standings.iter().filter_map(BudgetStatus::concern).collect())
}

impl BudgetStatus {
    /// Adds usage.
    fn add(&mut self, day: Option<NaiveDate>, model: Option<&str>, spent: &Spent) {
        match spent.cost {
            Some(cost) => {
                self.spent += cost;
                day.into_iter().for_each(|day| *self.days.entry(day).or_default() += cost);
            }
            None => {
                self.unpriced_tokens += spent.tokens.total();
                self.unpriced_models.insert(model_name(model).to_owned());
            }
        }
    }

    /// The spent part, in thousandths.
    pub fn used(&self) -> i128 {
        ratio(self.spent, self.month, 1000)
    }

    pub fn left(&self) -> PicoUsd {
        self.month - self.spent
    }

    /// The cost of the month at the current rate; `None` on the first day of usage, which says too little about a
    /// month.
    pub fn forecast(&self) -> Option<PicoUsd> {
        (self.days.len() > 1 && self.elapsed > 0).then(|| self.spent * self.length / self.elapsed)
    }

    /// The day on which the budget was used up, or will be at the current rate.
    pub fn used_up(&self) -> Option<NaiveDate> {
        let mut sum = 0;
        let spent_on = self.days.iter().find(|(_, spent)| {
            sum += *spent;
            sum >= self.month
        });
        let seconds =
            || (self.forecast()? >= self.month && self.spent > 0).then(|| self.month * self.elapsed / self.spent);
        let day = || {
            let day = u64::try_from(seconds()? / 86_400).ok()?;
            self.days.keys().next()?.checked_add_days(chrono::Days::new(day))
        };
        spent_on.map(|(day, _)| *day).or_else(day)
    }

    /// `over`; `warning` from the limit that the budget sets, or if it cannot count anything; else `ok`.
    pub fn state(&self) -> &'static str {
        match self.spent {
            _ if self.unknown.is_some() => "warning",
            spent if spent >= self.month => "over",
            spent if spent as f64 >= self.budget.warn * self.month as f64 => "warning",
            _ => "ok",
        }
    }

    /// The concern about the budget, if there is any.
    pub fn concern(&self) -> Option<String> {
        (self.state() != "ok").then(|| format!("budget `{}`: {}", self.budget.name, self.words()))
    }

    /// A shorter text: `budget `engines` is 82 % spent`.
    pub fn brief(&self) -> Option<String> {
        let how = match self.state() {
            "over" => "over",
            "warning" if self.unknown.is_some() => "for nothing that is known",
            "warning" => return Some(format!("budget `{}` is {} % spent", self.budget.name, self.used() / 10)),
            _ => return None,
        };
        Some(format!("budget `{}` is {how}", self.budget.name))
    }

    /// `$412.00 of $500.00 (82 %)`, the forecast, and the day on which it is used up; or why nothing counts.
    pub fn words(&self) -> String {
        if let Some(why) = &self.unknown {
            return format!("nothing counts: {why}");
        }
        let percent = ratio(self.spent, self.month, 100);
        let forecast = self.forecast().map(|cost| format!(", {} by forecast", money::rounded(cost)));
        let (spent, month) = (money::rounded(self.spent), money::rounded(self.month));
        let used_up = self.used_up().map(|day| format!(", used up on {day}")).unwrap_or_default();
        format!("{spent} of {month} spent ({} %){}{used_up}", thousands(percent), forecast.unwrap_or_default())
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let mut left = self.month;
        let days = self.days.iter().map(|(day, spent)| {
            left -= spent;
            json!({"day": day.to_string(), "spent_usd": money::dollars(*spent), "left_usd": money::dollars(left)})
        });
        let days: Vec<_> = days.collect();
        json!({
            "name": self.budget.name, "state": self.state(), "month_usd": self.budget.month,
            "spent_usd": money::dollars(self.spent), "left_usd": money::dollars(self.left()),
            "used": self.used() as f64 / 1000.0, "forecast_usd": self.forecast().map(money::dollars),
            "used_up_on": self.used_up().map(|day| day.to_string()), "warn": self.budget.warn, "team": self.budget.team, "project": self.budget.project,
            "person": self.budget.person, "unpriced_tokens": number(self.unpriced_tokens),
            "unpriced_models": self.unpriced_models, "unknown": self.unknown, "days": days,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(spent: PicoUsd, elapsed: i128) -> BudgetStatus {
        let budget = "name = \"all\"\nmonth = 100";
        BudgetStatus {
            budget: toml::from_str(budget).unwrap(),
            month: 100,
            spent,
            days: (1..=2).filter_map(|day| Some((NaiveDate::from_ymd_opt(2026, 2, day)?, 0))).collect(),
            unpriced_tokens: 0,
            unpriced_models: BTreeSet::new(),
            unknown: None,
            elapsed,
            length: 1000,
            days_left: 14,
        }
    }

    #[test]
    fn a_budget_warns_from_its_part_on_and_is_over_when_it_is_spent() {
        assert_eq!(
            [0, 79, 80, 99, 100, 101].map(|spent| standing(spent, 500).state()),
            ["ok", "ok", "warning", "warning", "over", "over"]
        );
    }

    #[test]
    fn parts_of_a_budget_are_rounded_half_up_and_decide_nothing() {
        let dollars = 1_000_000_000_000;
        let of = |cents: PicoUsd| BudgetStatus { month: 100 * dollars, ..standing(cents * dollars / 1000, 0) };
        let used = of(16_588);
        assert_eq!((used.used(), used.words()), (166, "$16.59 of $100.00 spent (17 %)".to_owned()));
        assert_eq!((of(99_960).used(), of(99_960).state()), (1000, "warning"));
        assert_eq!(money::rounded(of(100_230).left()), "-$0.23");
        assert_eq!(of(100_230).brief().unwrap(), "budget `all` is over");
        let unknown = BudgetStatus { unknown: Some("no project `shup`".to_owned()), ..of(0) };
        assert_eq!(unknown.concern().unwrap(), "budget `all`: nothing counts: no project `shup`");
        assert_eq!(unknown.brief().unwrap(), "budget `all` is for nothing that is known");
    }

    #[test]
    fn a_budget_is_used_up_on_the_day_that_it_was_or_will_be() {
        let day = |day| NaiveDate::from_ymd_opt(2026, 2, day);
        let of = |days: [PicoUsd; 2], length: i128| BudgetStatus {
            days: [day(1), day(2)].into_iter().flatten().zip(days).collect(),
            elapsed: 2 * 86_400,
            length: length * 86_400,
            ..standing(days.iter().sum(), 0)
        };
        assert_eq!(of([40, 60], 28).used_up(), day(2));
        assert_eq!(of([100, 0], 28).used_up(), day(1), "whatever came after");
        // Ten a day: the hundred is used up at the end of the tenth day.
        assert_eq!(of([10, 10], 28).used_up(), day(11));
        assert_eq!(of([10, 11], 28).used_up(), day(10));
        assert_eq!(of([1, 1], 28).used_up(), None, "not in this month");
        assert_eq!(of([0, 0], 28).used_up(), None);
    }

    #[test]
    fn a_forecast_goes_on_as_the_month_has_begun() {
        assert_eq!(standing(30, 250).forecast(), Some(120));
        assert_eq!(standing(30, 0).forecast(), None);
        assert_eq!(BudgetStatus { days: BTreeMap::new(), ..standing(30, 10) }.forecast(), None);
    }
}
