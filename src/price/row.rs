//! A row of the table of prices, as the built-in file and the configuration write it.

use crate::price::model::place;
use crate::price::multiplier::{Factor, Multipliers, Residency, Terms, Times};
use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a model costs, from a day on.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(from = "Row", into = "Row")]
pub struct Price {
    /// A name in lower case, or the beginning of one before a `*`.
    pub model: String,
    /// First day, in UTC; `None` is from the beginning.
    pub from: Option<NaiveDate>,
    pub rates: Rates,
    /// What multiplies the rates of some requests.
    pub times: Multipliers,
    /// Requests with a long prompt cost this instead.
    pub long: Option<Long>,
    /// Per thousand searches.
    pub web_search: Rate,
}

/// Rates of a request whose prompt is longer than a threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Long {
    /// Tokens of input, cache write and cache read together.
    pub above: u64,
    pub rates: Rates,
    /// Whether the priority tier takes such requests.
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

/// Dollars per million, which is the same number of millionths of a dollar for one: held in millionths
/// of these.
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
    /// Dollars, for people.
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

    /// What is not given costs as much as input.
    fn new(input: Rate, output: Rate, cache: [Option<Rate>; 3]) -> Self {
        let [cache_write_5m, cache_write_1h, cache_read] = cache.map(|rate| rate.unwrap_or(input));
        Self { input, output, cache_write_5m, cache_write_1h, cache_read }
    }
}

impl Price {
    /// How well the row fits a model: by how many letters, or wholly; then the log's own spelling before the
    /// plain name.
    pub(super) fn fits(&self, spelled: &str, plain: &str) -> Option<(usize, bool)> {
        let fit = |spelling: &str| match self.model.strip_suffix('*') {
            Some(beginning) => spelling.starts_with(beginning).then_some(beginning.len()),
            None => (spelling == self.model).then_some(usize::MAX),
        };
        fit(spelled).map(|letters| (letters, true)).or_else(|| Some((fit(plain)?, false)))
    }

    /// The band of a request whose prompt is above `above` tokens, if it has one.
    pub fn band(&self, above: u64) -> Option<&Long> {
        self.long.as_ref().filter(|long| above >= long.above)
    }

    /// The multipliers that the row does not give and a request under these terms needs, such as `fast mode`;
    /// nothing if it lacks none.
    pub fn lacks(&self, terms: &Terms, above: u64) -> Option<String> {
        let factors = self.factors(terms, above).into_iter().filter(|factor| factor.times.is_none());
        let names: Vec<_> = factors.map(|factor| factor.name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// The reasons why a request under these terms, with a prompt above `above` tokens, does not cost the
    /// listed rates. A row that names a place itself has the rates of that place.
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

/// A date without a time.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
    let date = toml::value::Datetime::deserialize(deserializer)?;
    let day = date.to_string().parse();
    day.map(Some).map_err(|_| serde::de::Error::custom(format!("`{date}` is no day, such as 2026-02-01")))
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
    fn what_a_row_does_not_say_costs_as_much_as_input() {
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
    fn what_is_no_row_is_told() {
        for (text, cause) in [
            ("input = 1", "missing field `output`"),
            ("input = -1\noutput = 1", "a rate is from 0 to a million dollars"),
            ("input = nan\noutput = 1", "a rate is from 0 to a million dollars"),
            ("input = 0.0000001\noutput = 1", "a rate has at most six decimals"),
            ("input = 1\noutput = 1\nflex = -1", "a multiplier is from 0 to a thousand"),
            (
                "from = 2026-02-01T10:00:00Z\ninput = 1\noutput = 1",
                "`2026-02-01T10:00:00Z` is no day, such as 2026-02-01",
            ),
        ] {
            assert_eq!(row(text).unwrap_err(), cause, "{text}");
        }
        assert!(row("input = 1\noutput = 1\ncached = 1").unwrap_err().starts_with("unknown field `cached`"));
    }
}
