//! A row of the price table, as the built-in file and the configuration contain it.

use crate::price::model::place;
use crate::price::multiplier::{Factor, Multipliers, Residency, Terms, Times};
use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The price of a model from a day on.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(from = "Row", into = "Row")]
pub struct Price {
    /// A model name in lower case; or a prefix, if it ends in `*`.
    pub model: String,
    /// The first day, in UTC; `None` if the price has no start date.
    pub from: Option<NaiveDate>,
    pub rates: Rates,
    /// Multipliers for requests under special terms.
    pub times: Multipliers,
    /// Other rates for requests with a long prompt.
    pub long: Option<Long>,
    /// Per thousand searches.
    pub web_search: Rate,
}

/// Rates for requests whose prompt exceeds a threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Long {
    /// The threshold: input, cache write and cache read together.
    pub above: u64,
    pub rates: Rates,
    /// Whether the priority tier accepts such requests.
    pub priority: bool,
}

/// One rate for each kind of token.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    pub input: Rate,
    pub output: Rate,
    pub cache_write_5m: Rate,
    pub cache_write_1h: Rate,
    pub cache_read: Rate,
}

/// Dollars per million tokens, stored in millionths of a dollar. That number is also the price of one token in
/// picodollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(pub u64);

impl TryFrom<f64> for Rate {
    type Error = &'static str;

    fn try_from(dollars: f64) -> Result<Self, Self::Error> {
        let millionths = (dollars * 1e6).round();
        if !(0.0..=1e12).contains(&millionths) {
            return Err("a rate is from 0 to a million dollars");
        }
        if (dollars * 1e6 - millionths).abs() > 1e-3 {
            return Err("a rate has at most six decimals");
        }
        Ok(Self(millionths as u64))
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.dollars()
    }
}

impl Rate {
    /// The rate in dollars per million tokens, to show it.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

/// $10 per thousand searches.
const WEB_SEARCH: Rate = Rate(10_000_000);

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Row {
    model: String,
    #[serde(default, deserialize_with = "day", serialize_with = "text")]
    from: Option<NaiveDate>,
    input: Rate,
    output: Rate,
    cache_write_5m: Option<Rate>,
    cache_write_1h: Option<Rate>,
    cache_read: Option<Rate>,
    fast: Option<Times>,
    us: Option<Times>,
    regional: Option<Times>,
    government: Option<Times>,
    batch: Option<Times>,
    flex: Option<Times>,
    priority: Option<Times>,
    ultrafast: Option<Times>,
    peak: Option<Times>,
    long: Option<LongRow>,
    web_search: Option<Rate>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct LongRow {
    above: u64,
    input: Rate,
    output: Rate,
    cache_write_5m: Option<Rate>,
    cache_write_1h: Option<Rate>,
    cache_read: Option<Rate>,
    priority: Option<bool>,
}

impl From<Row> for Price {
    fn from(row: Row) -> Self {
        let Row { model, from, input, output, cache_write_5m, cache_write_1h, cache_read, .. } = row;
        let Row { fast, us, regional, government, batch, flex, priority, ultrafast, peak, long, web_search, .. } = row;
        let rates = Rates::new(input, output, [cache_write_5m, cache_write_1h, cache_read]);
        let times = Multipliers { fast, us, regional, government, batch, flex, priority, ultrafast, peak };
        let web_search = web_search.unwrap_or(WEB_SEARCH);
        Self { model: model.to_lowercase(), from, rates, times, long: long.map(Long::from), web_search }
    }
}

impl From<LongRow> for Long {
    fn from(row: LongRow) -> Self {
        let LongRow { above, input, output, cache_write_5m, cache_write_1h, cache_read, priority } = row;
        let rates = Rates::new(input, output, [cache_write_5m, cache_write_1h, cache_read]);
        Self { above, rates, priority: priority.unwrap_or(true) }
    }
}

impl From<Price> for Row {
    fn from(price: Price) -> Self {
        let Price { model, from, rates, times, long, web_search } = price;
        let Multipliers { fast, us, regional, government, batch, flex, priority, ultrafast, peak } = times;
        let Rates { input, output, .. } = rates;
        let [cache_write_5m, cache_write_1h, cache_read] = rates.cache();
        let long = long.map(|Long { above, rates, priority }| {
            let Rates { input, output, .. } = rates;
            let [cache_write_5m, cache_write_1h, cache_read] = rates.cache();
            let priority = (!priority).then_some(false);
            LongRow { above, input, output, cache_write_5m, cache_write_1h, cache_read, priority }
        });
        let web_search = Some(web_search);
        Self {
            model,
            from,
            input,
            output,
            cache_write_5m,
            cache_write_1h,
            cache_read,
            fast,
            us,
            regional,
            government,
            batch,
            flex,
            priority,
            ultrafast,
            peak,
            long,
            web_search,
        }
    }
}

impl Rates {
    fn cache(&self) -> [Option<Rate>; 3] {
        [self.cache_write_5m, self.cache_write_1h, self.cache_read].map(Some)
    }

    /// A cache rate that the row does not give equals the input rate.
    fn new(input: Rate, output: Rate, cache: [Option<Rate>; 3]) -> Self {
        let [cache_write_5m, cache_write_1h, cache_read] = cache.map(|rate| rate.unwrap_or(input));
        Self { input, output, cache_write_5m, cache_write_1h, cache_read }
    }
}

impl Price {
    /// How well the row matches a model: the length of the matching prefix, or the maximum for an exact match; then
    /// whether it matched the log's own spelling rather than the plain name.
    pub(super) fn fits(&self, spelled: &str, plain: &str) -> Option<(usize, bool)> {
        let fit = |spelling: &str| match self.model.strip_suffix('*') {
            Some(beginning) => spelling.starts_with(beginning).then_some(beginning.len()),
            None => (spelling == self.model).then_some(usize::MAX),
        };
        fit(spelled).map(|letters| (letters, true)).or_else(|| Some((fit(plain)?, false)))
    }

    /// The rates for prompts above `above` tokens, if the row has special ones.
    pub fn band(&self, above: u64) -> Option<&Long> {
        self.long.as_ref().filter(|long| above >= long.above)
    }

    /// The multipliers that a request under these terms needs and the row lacks, such as `fast mode`; `None` if it
    /// lacks none.
    pub fn lacks(&self, terms: &Terms, above: u64) -> Option<String> {
        let factors = self.factors(terms, above).into_iter().filter(|factor| factor.times.is_none());
        let names: Vec<_> = factors.map(|factor| factor.name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// The factors for a request under these terms, with a prompt above `above` tokens. If the row's model name already
    /// names a region, its rates include that region.
    pub fn factors(&self, terms: &Terms, above: u64) -> Vec<Factor> {
        let mut times = self.times.clone();
        if self.band(above).is_some_and(|long| !long.priority) {
            times.priority = None;
        }
        if terms.place != Residency::Global && place(self.model.trim_end_matches('*')) == terms.place {
            return times.factors(&Terms { place: Residency::Global, ..terms.clone() });
        }
        times.factors(terms)
    }
}

/// Reads a date without a time.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
    let date = toml::value::Datetime::deserialize(deserializer)?;
    let day = date.to_string().parse();
    day.map(Some).map_err(|_| serde::de::Error::custom(format!("`{date}` is not a day such as 2026-02-01")))
}

fn text<S: Serializer>(day: &Option<NaiveDate>, serializer: S) -> Result<S::Ok, S::Error> {
    day.map(|day| day.to_string()).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Result<Price, String> {
        toml::from_str(&format!("model = 'M'\n{text}")).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_rate_that_a_row_lacks_equals_the_input_rate() {
        let price =
            row("input = 1.25\noutput = 10\nlong = { above = 5, input = 2, output = 20, cache_read = 0.000001 }")
                .unwrap();
        let rate = |dollars: f64| Rate::try_from(dollars).unwrap();
        let rates = |input, output, cache_read| Rates {
            input: rate(input),
            output: rate(output),
            cache_write_5m: rate(input),
            cache_write_1h: rate(input),
            cache_read: rate(cache_read),
        };
        assert_eq!(
            (price.model.as_str(), price.from, price.times.fast, price.web_search),
            ("m", None, None, rate(10.0))
        );
        assert_eq!(price.rates, rates(1.25, 10.0, 1.25));
        assert_eq!(price.long, Some(Long { above: 5, rates: rates(2.0, 20.0, 0.000_001), priority: true }));
    }

    #[test]
    fn an_invalid_row_is_reported() {
        for (text, cause) in [
            ("input = 1", "missing field `output`"),
            ("input = -1\noutput = 1", "a rate is from 0 to a million dollars"),
            ("input = nan\noutput = 1", "a rate is from 0 to a million dollars"),
            ("input = 0.0000001\noutput = 1", "a rate has at most six decimals"),
            ("input = 1\noutput = 1\nflex = -1", "a multiplier is from 0 to a thousand"),
            (
                "from = 2026-02-01T10:00:00Z\ninput = 1\noutput = 1",
                "`2026-02-01T10:00:00Z` is not a day such as 2026-02-01",
            ),
        ] {
            assert_eq!(row(text).unwrap_err(), cause, "{text}");
        }
        assert!(row("input = 1\noutput = 1\ncached = 1").unwrap_err().starts_with("unknown field `cached`"));
    }
}
