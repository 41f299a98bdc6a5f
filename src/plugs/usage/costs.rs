//! Tables of prices and repositories, for SQL. `usage_prices` has what a token costs for each model and each way in
//! which its requests are billed. `usage_repositories` has the project or repository of each working directory. The
//! view `usage_costs` joins both with the responses. Reports use the same prices and the same rule for repositories; a
//! test compares the view with every report.

use crate::base::error::Result;
use crate::config::Config;
use crate::identities::{Identities, Seen};
use crate::plugs::usage::sums;
use crate::price::{Geo, PicoUsd, Price, Prices, Terms, Tier, UnitCosts, place};
use crate::store::lookup::{Cells, Lookup, Rows as Made};
use chrono::NaiveDate;

/// The table of prices. It has at least one row for each model and each way in which its requests are billed.
pub(super) const PRICES: &str = "usage_prices";

/// Models, and how their requests are billed according to the log. `fast` of a call of an advisor is false here.
const BILLED: &str = "
    SELECT DISTINCT model, fast::VARCHAR, service_tier, inference_geo
    FROM facts.usage_sums WHERE model IS NOT NULL";

/// Working directories, each with the git remote of its source file. The remote belongs to the directory where the file
/// starts, and to directories below. Later directories of a file can be in other repositories, so they get no remote.
const PROJECTS: &str = r"
    WITH begun AS (
        SELECT session_file, remote, arg_min(project, line) AS directory
        FROM usage_responses JOIN usage_sessions USING (session_file)
        WHERE remote IS NOT NULL AND project IS NOT NULL GROUP BY session_file, remote)
    SELECT DISTINCT project, r.username,
        CASE WHEN project = directory OR starts_with(project, directory || '/')
            OR starts_with(project, directory || '\') THEN remote END
    FROM facts.usage_sums AS r LEFT JOIN begun USING (session_file) WHERE project IS NOT NULL";

/// The tables, with the prices of the configuration.
///
/// # Errors
///
/// If the built-in prices are broken.
pub(super) fn lookups(config: &Config) -> Result<Vec<Lookup>> {
    let prices = Prices::new(&config.price)?;
    let sums = sums::lookups(&prices);
    let settings = format!("{:?}", prices.rows().collect::<Vec<_>>());
    let of_model = move |value: &Cells| match &value[..] {
        [Some(model), fast, tier, geo] => {
            let terms = Terms {
                fast: fast.as_deref() == Some("true"),
                tier: Tier::of(tier.as_deref()),
                geo: Geo::of(geo.as_deref()),
                place: place(model),
                peak: false,
            };
            let rows = Rows { prices: &prices, model, terms };
            rows.all().into_iter().map(|row| [value.clone(), row].concat()).collect()
        }
        _ => Vec::new(),
    };
    let of_models = move |values: &[Cells]| values.iter().flat_map(&of_model).collect();
    let made = Made::About { values: BILLED, about: Box::new(of_models) };
    // The other tables are made from the tables of sums, so these come first.
    let [of_responses, of_calls] = sums;
    let mut lookups = vec![of_responses, of_calls, Lookup { name: PRICES, settings, rows: made }];
    // If the identities cannot be read, the table is left unchanged, as the table `people` is.
    if let Ok(identities) = Identities::given(config.identities.as_deref()) {
        let settings = identities.settings();
        let of_projects = move |values: &[Cells]| {
            let seen = values.iter().filter_map(|value| {
                Some(Seen { cwd: value[0].as_deref()?, folder: value[1].as_deref()?, remote: value[2].as_deref() })
            });
            let projects = identities.projects(&seen.collect::<Vec<_>>());
            projects.into_iter().map(|(cwd, project)| vec![Some(cwd.to_owned()), Some(project)]).collect()
        };
        let made = Made::About { values: PROJECTS, about: Box::new(of_projects) };
        lookups.push(Lookup { name: "usage_repositories", settings, rows: made });
    }
    Ok(lookups)
}

/// A model and how its requests are billed, with the prices to look them up in.
struct Rows<'p> {
    prices: &'p Prices,
    model: &'p str,
    terms: Terms,
}

impl Rows<'_> {
    /// One row for each combination of period, prompt size and peak hours that has its own price. The columns are those
    /// of `usage_prices` that follow the values of [`BILLED`].
    fn all(&self) -> Vec<Cells> {
        let mut eras: Vec<(Option<NaiveDate>, Option<&Price>)> = Vec::new();
        for day in std::iter::once(None).chain(self.prices.days().into_iter().map(Some)) {
            let price = self.prices.find(self.model, day);
            let is_same = |last: &(_, Option<&Price>)| match (last.1, price) {
                (Some(last), Some(price)) => std::ptr::eq(last, price),
                (last, price) => last.is_none() && price.is_none(),
            };
            if !eras.last().is_some_and(is_same) {
                eras.push((day, price));
            }
        }
        let ends: Vec<_> = eras.iter().skip(1).map(|(day, _)| *day).chain([None]).collect();
        let eras = eras.into_iter().zip(ends);
        eras.flat_map(|((from, price), until)| self.of_price(price, [from, until])).collect()
    }

    fn of_price(&self, price: Option<&Price>, days: [Option<NaiveDate>; 2]) -> Vec<Cells> {
        let long = price.and_then(|price| price.long.as_ref()).map(|long| long.above);
        let bands = match long {
            Some(above) => vec![[None, Some(above)], [Some(above), None]],
            None => vec![[None, None]],
        };
        let has_peak = price.is_some_and(|price| price.times.peak.is_some());
        let peaks = if has_peak { vec![Some(false), Some(true)] } else { vec![None] };
        let times: Cells = days.iter().map(|day| day.map(|day| format!("{day} 00:00:00"))).collect();
        let mut rows = Vec::new();
        for band in bands {
            for peak in &peaks {
                let terms = Terms { peak: peak.unwrap_or_default(), ..self.terms.clone() };
                let above = band[0].unwrap_or_default();
                let mut row = times.clone();
                row.extend(band.map(|tokens| tokens.map(|tokens| tokens.to_string())));
                row.push(peak.map(|peak| peak.to_string()));
                row.push(price.map(|price| price.model.clone()));
                row.push(price.and_then(|price| price.from).map(|day| day.to_string()));
                row.push(price.and_then(|price| price.lacks(&terms, above)));
                row.extend(cells(price.and_then(|price| price.unit_costs(&terms, above))));
                rows.push(row);
            }
        }
        rows
    }
}

fn cells(unit: Option<UnitCosts>) -> [Option<String>; 6] {
    let Some(UnitCosts { input, output, cache_write_5m, cache_write_1h, cache_read, web_search }) = unit else {
        return [const { None }; 6];
    };
    [input, output, cache_write_5m, cache_write_1h, cache_read, web_search].map(|cost| Some(dollars(cost)))
}

/// The exact amount as a decimal of US dollars.
fn dollars(cost: PicoUsd) -> String {
    format!("{}.{:012}", cost / 1_000_000_000_000, cost % 1_000_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(model: &str, fast: bool) -> Vec<String> {
        let prices = Prices::new(&[]).unwrap();
        let rows = Rows { prices: &prices, model, terms: Terms { fast, ..Terms::default() } };
        let text = |row: Cells| row.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join("|");
        rows.all().into_iter().map(text).collect()
    }

    #[test]
    fn a_price_has_a_row_for_each_time_and_length_of_prompt() {
        assert_eq!(
            rows("o3", false),
            [
                "|2025-06-10 00:00:00||||o3|||0.000010000000|0.000040000000|0.000010000000|0.000010000000|0.000002500000|0.010000000000",
                "2025-06-10 00:00:00|||||o3|2025-06-10||0.000002000000|0.000008000000|0.000002000000|0.000002000000|0.000000500000|0.010000000000",
            ]
        );
        let bands: Vec<_> = rows("claude-sonnet-4-5", false)
            .iter()
            .map(|row| row.split('|').take(9).collect::<Vec<_>>().join("|"))
            .collect();
        assert_eq!(
            bands,
            ["|||200000||claude-sonnet-4-5|||0.000003000000", "||200000|||claude-sonnet-4-5|||0.000006000000"]
        );
    }

    #[test]
    fn what_has_no_price_says_why() {
        assert_eq!(rows("claude-opus-4-5", true), ["|||||claude-opus-4-5||fast mode||||||"]);
        assert_eq!(rows("nobody-1", false), ["|||||||||||||"]);
    }
}
