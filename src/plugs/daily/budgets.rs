//! `sessionmill report budgets`: this month's budgets, with what is left.

use crate::base::error::{Result, Status, count, thousands};
use crate::command::scope::Current;
use crate::command::{Form, remark};
use crate::plug::Context;
use crate::plugs::daily::budget::{self, BudgetStatus};
use crate::price::Prices;
use crate::report::grid::{Field, bar, sparkline};
use crate::report::listing::Listing;
use crate::report::money;
use crate::report::render::percent;
use crate::store::cell::plain;
use sessionmill_usage::NAME;

/// What was spent of this month's budgets, and what is left
///
/// Each `[[budget]]` of the configuration has an amount for a calendar month, and can be for a team, a project, a
/// person, or a combination of these. The forecast is the cost of the month if the rest of it is like the part so far,
/// with the day on which nothing will be left. JSON has the amount left after each day.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example of the configuration:\n  [[budget]]\n  name = \"engines\"\n  month = 500\n  \
                        team = \"Engines\"")]
pub(super) struct Args {
    #[command(flatten)]
    current: Current,

    #[command(flatten)]
    form: Form,
}

pub(super) fn budgets(args: &Args, context: &Context) -> Result<Status> {
    let setup = args.current.setup(&[NAME], context)?;
    let prices = Prices::new(&setup.config.price)?;
    let standings = setup.read(context, |reader| {
        budget::standings(reader, &setup.config, &setup.identities, &prices, setup.zone, context.now.wall)
    })?;
    args.form.list(&Listing {
        rows: &standings,
        empty: "no budgets: a `[[budget]]` with a `name` and `month = 500`, in US dollars, in the configuration sets one",
        fields: vec![
            Field::text("Budget"),
            Field::state("State"),
            Field::number("Month").spare(3),
            Field::number("Spent"),
            Field::number("Used").spare(2),
            Field::drawing(""),
            Field::number("Left").spare(1),
            Field::number("Left a day").spare(5),
            Field::number("Forecast"),
            Field::name("Used up").spare(4),
            Field::drawing("By day"),
        ],
        shown: &|standing: &BudgetStatus| {
            let BudgetStatus { budget, month, spent, days, days_left, .. } = standing;
            let left = standing.left();
            vec![
                budget.name.clone(),
                standing.state().to_owned(),
                money::rounded(*month),
                money::rounded(*spent),
                percent(standing.used()),
                bar(*spent, *month),
                money::rounded(left),
                money::rounded(left.max(0) / i128::from(*days_left)),
                standing.forecast().map_or_else(|| "–".to_owned(), money::rounded),
                standing.used_up().map_or_else(|| "–".to_owned(), |day| day.to_string()),
                sparkline(&days.values().copied().collect::<Vec<_>>()),
            ]
        },
        object: &BudgetStatus::json,
        names: &[
            "name",
            "state",
            "month_usd",
            "spent_usd",
            "left_usd",
            "used",
            "forecast_usd",
            "used_up_on",
            "warn",
            "team",
            "project",
            "person",
            "unpriced_tokens",
        ],
        text: plain,
    })?;
    for (standing, why) in standings.iter().filter_map(|standing| Some((standing, standing.unknown.as_ref()?))) {
        remark(&format!("note: nothing counts for budget `{}`: {why}", standing.budget.name));
    }
    for standing in standings.iter().filter(|standing| standing.unpriced_tokens > 0) {
        let models: Vec<_> = standing.unpriced_models.iter().map(|model| format!("`{model}`")).collect();
        remark(&format!(
            "note: budget `{}` lacks {} tokens of {} without a price: {}",
            standing.budget.name,
            thousands(standing.unpriced_tokens),
            count(models.len() as u64, "model"),
            models.join(", ")
        ));
    }
    Ok(Status::Done)
}
