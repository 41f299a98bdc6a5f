//! Reports as JSON in the form of ccusage, for programs that read it. The figures are ours.
//!
//! In this form, weeks begin on Sunday, and a cost is always a number: usage without a price adds 0.

use crate::base::error::{Error, Result, Status};
use crate::base::utc;
use crate::base::zone::Period;
use crate::plugs::usage::report::block::{self, Accounts, Block};
use crate::plugs::usage::report::by::By;
use crate::plugs::usage::report::filter::Filter;
use crate::plugs::usage::report::period::{self, QUARTER};
use crate::plugs::usage::report::spending::{self, Spent};
use crate::price::Prices;
use crate::report::money;
use crate::store::reader::{Reader, Row};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The sums of a day, week, month or session while it is read.
#[derive(Default)]
struct Entry {
    spent: Spent,
    models: BTreeMap<String, Spent>,
    first: Option<i64>,
    last: Option<i64>,
    file: Option<String>,
}

impl Entry {
    fn add(&mut self, model: Option<&str>, spent: &Spent) {
        self.spent.add(spent);
        self.models.entry(model.unwrap_or_default().to_owned()).or_default().add(spent);
    }

    fn json(&self) -> Map<String, Value> {
        let mut models: Vec<_> = self.models.iter().collect();
        models.sort_by_key(|(_, spent)| Reverse(spent.cost));
        let breakdown = |(model, spent): &(&String, &Spent)| {
            let mut breakdown = tokens(spent);
            breakdown.insert("modelName".to_owned(), json!(model));
            breakdown.insert("cost".to_owned(), cost(spent));
            breakdown
        };
        let mut entry = sums(&self.spent);
        entry.insert("modelsUsed".to_owned(), models.iter().map(|(model, _)| json!(model)).collect());
        entry.insert("modelBreakdowns".to_owned(), models.iter().map(breakdown).collect());
        entry
    }
}

fn count(number: i128) -> Value {
    json!(i64::try_from(number).unwrap_or(i64::MAX))
}

fn cost(spent: &Spent) -> Value {
    json!(money::dollars(spent.cost.unwrap_or_default()))
}

fn tokens(spent: &Spent) -> Map<String, Value> {
    let tokens = &spent.tokens;
    Map::from_iter([
        ("inputTokens".to_owned(), count(tokens.input)),
        ("outputTokens".to_owned(), count(tokens.output)),
        ("cacheCreationTokens".to_owned(), count(tokens.cache_write)),
        ("cacheReadTokens".to_owned(), count(tokens.cache_read)),
    ])
}

fn sums(spent: &Spent) -> Map<String, Value> {
    let mut sums = tokens(spent);
    sums.insert("totalTokens".to_owned(), count(spent.tokens.total()));
    sums.insert("totalCost".to_owned(), cost(spent));
    sums
}

/// Makes the report.
///
/// # Errors
///
/// If ccusage has no such report, or the database cannot be read.
pub fn report(reader: Reader<'_>, by: By, filter: &Filter, prices: &Prices, now: DateTime<Utc>) -> Result<Value> {
    let (list, key, period) = match by {
        By::Day => ("daily", "date", Period::Day),
        By::Week => ("weekly", "week", Period::SundayWeek),
        By::Month => ("monthly", "month", Period::Month),
        By::Session => return sessions(reader, filter, prices),
        By::Block => {
            let (blocks, _) = block::blocks(reader, prices, filter, Accounts::One)?;
            return Ok(json!({"blocks": with_gaps(&blocks, now)}));
        }
        _ => {
            let error = Error::new(Status::Usage, "ccusage has no such report");
            return Err(error.hint("--format ccusage is for --by day, week, month, session and block"));
        }
    };
    let mut entries: BTreeMap<Option<String>, Entry> = BTreeMap::new();
    let mut names = period::Names::new(period, filter.zone);
    let quarter = |row: &Row<'_>| row.get(0);
    spending::read(reader, prices, &[QUARTER], &filter.condition(), quarter, |quarter, model, spent| {
        entries.entry(names.of(quarter)).or_default().add(model, spent);
    })?;
    let entry = |(name, entry): (&Option<String>, &Entry)| {
        let mut json = entry.json();
        json.insert(key.to_owned(), json!(name.as_deref().unwrap_or_default()));
        json
    };
    let list_of = entries.iter().map(entry).collect::<Value>();
    Ok(json!({list: list_of, "totals": totals(entries.values())}))
}

fn totals<'e>(entries: impl Iterator<Item = &'e Entry>) -> Map<String, Value> {
    let mut total = Spent::default();
    entries.for_each(|entry| total.add(&entry.spent));
    sums(&total)
}

fn sessions(reader: Reader<'_>, filter: &Filter, prices: &Prices) -> Result<Value> {
    type Key = (Option<String>, Option<i64>, Option<i64>, Option<String>);
    let keys = ["session_id", "min(epoch_us(first_time))", "max(epoch_us(last_time))", "min(session_file)"];
    let key = |row: &Row<'_>| -> Result<Key> { Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)) };
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    spending::read(reader, prices, &keys, &filter.condition(), key, |(id, first, last, file), model, spent| {
        let entry = entries.entry(id.unwrap_or_default()).or_default();
        entry.add(model, spent);
        entry.first = entry.first.into_iter().chain(first).min();
        entry.last = entry.last.max(last);
        entry.file = entry.file.take().into_iter().chain(file).min();
    })?;
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|(_, entry)| Reverse(entry.spent.cost));
    let session = |(id, entry): (&String, &Entry)| {
        let moment =
            |micros: Option<i64>| json!(micros.and_then(DateTime::from_timestamp_micros).map(utc::milliseconds));
        let mut json = entry.json();
        json.insert("sessionId".to_owned(), json!(id));
        json.insert("projectPath".to_owned(), json!(project(entry.file.as_deref().unwrap_or_default())));
        json.insert("firstActivity".to_owned(), moment(entry.first));
        json.insert("lastActivity".to_owned(), moment(entry.last));
        json
    };
    let list = sorted.into_iter().map(session).collect::<Value>();
    Ok(json!({"sessions": list, "totals": totals(entries.values())}))
}

/// The folder of a source file, without the first part, which is the user.
fn project(file: &str) -> &str {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    folder.split_once('/').map_or(folder, |(_, below)| below)
}

/// The windows, and the gaps between them that are longer than a window.
fn with_gaps(blocks: &[Block], now: DateTime<Utc>) -> Value {
    let mut list = Vec::new();
    let mut last: Option<DateTime<Utc>> = None;
    for block in blocks {
        if let Some(last) = last.filter(|last| block.first - *last > block::WINDOW) {
            let start = last + block::WINDOW;
            let mut gap = window(&format!("gap-{}", utc::milliseconds(start)), start, block.first, &Spent::default());
            gap["isGap"] = json!(true);
            list.push(gap);
        }
        let end = block.start + block::WINDOW;
        let mut window = window(&utc::milliseconds(block.start), block.start, end, &block.spent);
        window["actualEndTime"] = json!(utc::milliseconds(block.last));
        window["isActive"] = json!(now - block.last < block::WINDOW && now < end);
        window["models"] = block.models.keys().map(|model| json!(model)).collect();
        list.push(window);
        last = Some(block.last);
    }
    list.into()
}

fn window(id: &str, start: DateTime<Utc>, end: DateTime<Utc>, spent: &Spent) -> Value {
    json!({
        "id": id,
        "startTime": utc::milliseconds(start),
        "endTime": utc::milliseconds(end),
        "actualEndTime": null,
        "isActive": false,
        "isGap": false,
        "entries": count(spent.responses + spent.advisor_calls),
        "tokenCounts": {
            "inputTokens": count(spent.tokens.input),
            "outputTokens": count(spent.tokens.output),
            "cacheCreationInputTokens": count(spent.tokens.cache_write),
            "cacheReadInputTokens": count(spent.tokens.cache_read),
        },
        "totalTokens": count(spent.tokens.total()),
        "costUSD": cost(spent),
        "models": [],
        // These fields are forecasts, which sessionmill does not make.
        "burnRate": null,
        "projection": null,
    })
}
