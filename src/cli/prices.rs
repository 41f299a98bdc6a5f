//! `sessionmill prices`: the table of prices, and the row that applies to a model on a day.

use crate::base::error::{Error, Result, Status};
use crate::base::names;
use crate::base::printable::printable;
use crate::command::terminal::remark;
use crate::command::{Database, Form, print};
use crate::plug::Context;
use crate::price::{self, Factor, Price, Prices, Rate, Rates, Terms};
use crate::report::grid::Field;
use crate::report::listing::{Listing, short_number};
use crate::report::render::Format;
use chrono::NaiveDate;
use serde_json::{Value, json};

/// Show what models cost
///
/// Dollars per million tokens, and per thousand web searches. A `[[price]]` in the configuration takes precedence over
/// a built-in row. A model without a row has no cost in reports.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  sessionmill prices\n  sessionmill prices show claude-sonnet-4-5\n  \
                        sessionmill prices show us.anthropic.claude-opus-4-6-v1 --at 2026-03-01 --json"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,

    #[command(flatten)]
    options: Options,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show the row that applies to a model, in any spelling
    Show {
        model: String,

        /// Day of the price [default: today, in UTC]
        #[arg(long, value_name = "DATE", value_parser = crate::command::scope::day)]
        at: Option<NaiveDate>,

        #[command(flatten)]
        options: Options,
    },
}

#[derive(Debug, clap::Args)]
struct Options {
    #[command(flatten)]
    form: Form,

    #[command(flatten)]
    database: Database,
}

/// Columns that the table of all rows leaves out.
const SPARE: [&str; 12] = [
    "long_cache_write_5m",
    "long_cache_write_1h",
    "long_cache_read",
    "web_search",
    "us",
    "regional",
    "government",
    "batch",
    "flex",
    "priority",
    "ultrafast",
    "peak",
];

pub(crate) fn prices(args: &Args, context: &Context) -> Result<Status> {
    let options = if let Some(Action::Show { options, .. }) = &args.action { options } else { &args.options };
    let (config, _) = options.database.find(context)?;
    let prices = Prices::new(&config.price)?;
    match &args.action {
        None => {
            let status = list(&prices.rows().map(cells).collect::<Vec<_>>(), &options.form)?;
            if options.form.format() == Format::Table {
                remark(
                    "note: US dollars per million tokens; `fast` is a factor, and prompts of more than `above` tokens cost `long_…`",
                );
            }
            Ok(status)
        }
        Some(Action::Show { model, at, .. }) => {
            let day = at.unwrap_or_else(|| context.now.wall.date_naive());
            let found = prices.find(model, Some(day)).ok_or_else(|| stranger(model, &prices))?;
            let row = prices.rows().filter(|(row, _)| std::ptr::eq(*row, found));
            let applied = applied(found, model);
            let row: Vec<_> = row.map(|row| [cells(row), vec![("applied", applied.clone())]].concat()).collect();
            match options.form.format() {
                Format::Table => print(&row.into_iter().map(lines).collect::<String>()),
                _ => list(&row, &options.form),
            }
        }
    }
}

/// The values of a row, by the names of their columns.
type Cells = Vec<(&'static str, Value)>;

/// Prints one line for each row.
fn list(rows: &[Cells], form: &Form) -> Result<Status> {
    let names: Vec<_> = rows.first().into_iter().flatten().map(|(name, _)| *name).collect();
    let field = |name: &str| match name {
        "model" | "from" => Field::name(name),
        "source" => Field::name(name).spare(1),
        "input" | "output" => Field::number(name),
        name => Field::number(name).spare(1),
    };
    let is_shown = |name: &&str| !SPARE.contains(name);
    form.list(&Listing {
        rows,
        empty: "no prices",
        fields: names.iter().filter(|name| is_shown(name)).map(|name| field(name)).collect(),
        shown: &|row| row.iter().filter(|(name, _)| is_shown(name)).map(|(_, value)| short_number(value)).collect(),
        object: &|row| Value::Object(row.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()),
        names: &names,
        text: short_number,
    })
}

/// Prints a line for each column of a row.
fn lines(row: Cells) -> String {
    let said = row.into_iter().filter(|(_, value)| !value.is_null());
    said.map(|(name, value)| format!("{name:<19}  {}\n", printable(&short_number(&value)))).collect()
}

/// The columns of a row, with the names that they have in the configuration.
fn cells((price, configured): (&Price, bool)) -> Cells {
    let rate = |rate: Rate| json!(rate.dollars());
    let long = |pick: fn(&Rates) -> Rate| price.long.as_ref().map_or(Value::Null, |long| rate(pick(&long.rates)));
    let Rates { input, output, cache_write_5m, cache_write_1h, cache_read } = price.rates;
    let times = &price.times;
    vec![
        ("model", json!(price.model)),
        ("from", json!(price.from.map(|day| day.to_string()))),
        ("input", rate(input)),
        ("output", rate(output)),
        ("cache_write_5m", rate(cache_write_5m)),
        ("cache_write_1h", rate(cache_write_1h)),
        ("cache_read", rate(cache_read)),
        ("fast", json!(times.fast)),
        ("above", json!(price.long.as_ref().map(|long| long.above))),
        ("long_input", long(|rates| rates.input)),
        ("long_output", long(|rates| rates.output)),
        ("long_cache_write_5m", long(|rates| rates.cache_write_5m)),
        ("long_cache_write_1h", long(|rates| rates.cache_write_1h)),
        ("long_cache_read", long(|rates| rates.cache_read)),
        ("web_search", rate(price.web_search)),
        ("source", json!(if configured { "configuration" } else { "built-in" })),
        ("us", json!(times.us)),
        ("regional", json!(times.regional)),
        ("government", json!(times.government)),
        ("batch", json!(times.batch)),
        ("flex", json!(times.flex)),
        ("priority", json!(times.priority)),
        ("ultrafast", json!(times.ultrafast)),
        ("peak", json!(times.peak)),
    ]
}

/// The multiplier that the spelling of the model implies: some spellings name the place that serves the model.
fn applied(price: &Price, model: &str) -> Value {
    let terms = Terms { place: price::place(model), ..Terms::default() };
    match &price.factors(&terms, 0)[..] {
        [Factor { name, times: Some(times) }] => json!(format!("{} times as much for {name}", times.value())),
        [Factor { name, .. }] => json!(format!("no price for {name}")),
        _ => Value::Null,
    }
}

fn stranger(model: &str, prices: &Prices) -> Error {
    let plain = price::plain(model);
    let mut known: Vec<_> = prices.rows().map(|(row, _)| row.model.as_str()).collect();
    known.dedup();
    let nearest = names::nearest(&plain, known.into_iter());
    let error = Error::new(Status::CannotRun, format!("no price of `{plain}`"));
    let hint = "a `[[price]]` in the configuration can give one";
    error.hint(nearest.map_or(hint.to_owned(), |name| format!("did you mean `{name}`? {hint}")))
}
