//! How the figures of a usage report are computed: what was counted, what was left out, and which prices apply.

use crate::base::error::{Result, count, thousands};
use crate::base::printable::printable;
use crate::plugs::usage::report::causes;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::spending::{self, Spent, Used, Uses, model_name};
use crate::plugs::usage::sums::Responses;
use crate::price::{ONCE, Price, Prices};
use crate::report::money;
use crate::store::left_out::{self, LeftOut};
use crate::store::reader::Reader;
use sessionmill_contract::Processor as _;
use sessionmill_usage::NAME;
use sessionmill_usage::Usage;
use std::collections::BTreeSet;
use std::path::Path;

/// The explanation, as sentences.
pub(super) fn explain(
    reader: Reader<'_>,
    total: &Spent,
    uses: &Uses<'_>,
    prices: &Prices,
    filter: &Filter,
) -> Result<Vec<String>> {
    let mut said = vec![
        format!(
            "counted: {} responses, each once, of the {} copies in source files; {} calls of advisors under their own models",
            thousands(total.responses),
            thousands(total.copies),
            thousands(total.advisor_calls)
        ) + &left_out(total),
        "of several copies of a user the one with most output counts, whole; day, session, project and user are those of \
         the earliest copy of all"
            .to_owned(),
        format!("days begin at midnight in {}", filter.zone.name()),
        "not counted: `<synthetic>` responses, numbers inside of tool results, malformed lines (`report errors` names their files)"
            .to_owned(),
        format!(
            "output: {} of {} responses have a placeholder from the start of the stream, since clients before 2.1.59 did not \
             write the final count",
            thousands(total.placeholders),
            thousands(total.responses)
        ),
        format!(
            "cost: list prices by model and day; {} of {} tokens of cache writes are for 1 hour; {} web searches \
             beside the tokens; rounded only when shown",
            thousands(total.tokens.cache_write_1h),
            thousands(total.tokens.cache_write),
            thousands(total.tokens.web_searches)
        ),
        "reported: what clients say themselves, on lines and for whole sessions where these begin; never part of the cost"
            .to_owned(),
    ];
    let saved = spending::saved(uses).map(spending::saved_words);
    said.extend(saved.map(|saved| format!("{saved}, beside what the same prompts would cost without a cache")));
    said.extend(left_out::of(reader)?.into_iter().map(|LeftOut { reason, files, example }| {
        let (files, example) = (count(files.cast_unsigned(), "file"), printable(&example));
        format!("not counted: {files}, such as `{example}`: {}", printable(&reason))
    }));
    said.extend(people(reader, filter)?);
    let mut priced: Vec<_> = uses.iter().flat_map(|(model, uses)| uses.iter().map(move |used| (model, used))).collect();
    priced.sort_by_key(|(model, used)| (*model, used.day, used.above, &used.terms));
    // Days and prompt sizes with the same price are shown together.
    let mut uses: Vec<(&Option<String>, std::result::Result<String, String>, Spent)> = Vec::new();
    for (model, used) in priced {
        let rate = rate(used, prices);
        match uses.iter_mut().find(|(of, by, _)| (*of, by) == (model, &rate)) {
            Some((.., spent)) => spent.add(&used.spent),
            None => uses.push((model, rate, used.spent.clone())),
        }
    }
    said.extend(uses.into_iter().map(|(model, rate, spent)| use_of(model.as_deref(), rate, &spent)));
    Ok(said)
}

/// Names compactions and declined attempts, which are counted apart from responses; empty if there are none.
fn left_out(total: &Spent) -> String {
    let kinds = [(total.compactions, "compaction"), (total.declined, "declined attempt")];
    let kinds = kinds.into_iter().filter(|(number, _)| *number > 0);
    let said = kinds.map(|(number, kind)| count(u64::try_from(number).unwrap_or_default(), kind).to_string());
    let said: Vec<_> = said.collect();
    if said.is_empty() { String::new() } else { format!("; {} beside their responses", said.join(" and ")) }
}

/// Says how many subagents were started and have no response in the database, if any.
///
/// # Errors
///
/// If the database cannot be read.
pub fn missing(reader: Reader<'_>, filter: &Filter) -> Result<Option<String>> {
    let missing: i128 = causes::missing(reader, filter)?.iter().map(|trouble| trouble.count).sum();
    let subagents = count(missing.try_into().unwrap_or_default(), "subagent");
    Ok((missing > 0).then(|| {
        format!("not counted: {subagents} without a response here, whose transcripts are elsewhere; `report errors` names the sessions")
    }))
}

/// Where the responses come from: how much is from source files that have been deleted, and which responses are in the
/// files of several users. This reads more data than the report itself.
///
/// # Errors
///
/// If the database cannot be read.
pub fn sources(reader: Reader<'_>, filter: &Filter) -> Result<[String; 3]> {
    let Where { clause, params } = filter.condition();
    let version = Usage.manifest().version;
    let sql = format!(
        "WITH gone AS (
             SELECT session_file, coalesce(processor_version, 0) < {version} AS is_older
             FROM session_files LEFT JOIN (
                 SELECT session_file, processor_version FROM session_processor_state WHERE processor_name = '{NAME}'
             ) USING (session_file)
             WHERE gone_since IS NOT NULL
         )
         SELECT count(*), count(gone.session_file), count(DISTINCT gone.session_file), coalesce(sum(input_tokens
                 + output_tokens + cache_creation_input_tokens + cache_read_input_tokens) FILTER (gone.session_file IS NOT NULL), 0)::BIGINT,
             count(DISTINCT gone.session_file) FILTER (is_older), count(*) FILTER (is_older),
             count(*) FILTER (message_id IN (SELECT message_id FROM usage_shared_responses))
         FROM usage_responses LEFT JOIN gone USING (session_file) WHERE part = 0 AND {clause}"
    );
    let [all, responses, files, tokens, older, of_older, shared] = reader.one(&sql, &params, |row| {
        let count = |column| row.count(column);
        Ok([count(0)?, count(1)?, count(2)?, count(3)?, count(4)?, count(5)?, count(6)?])
    })?;
    let thousands = |count: u64| thousands(count.into());
    Ok([
        format!(
            "sources: {} of {} responses, {} tokens, are of {} gone since; what was counted stays",
            thousands(responses),
            thousands(all),
            thousands(tokens),
            count(files, "transcript")
        ),
        format!(
            "rules: {}, with {} of these responses, {} last read by older rules and cannot be read again: the figures \
             stay as those rules made them",
            count(older, "gone transcript"),
            thousands(of_older),
            if older == 1 { "was" } else { "were" }
        ),
        format!(
            "shared: {} of {} responses are held by several users; only the copies of the user with the earliest one \
             count (`usage_shared_responses` lists them all)",
            thousands(shared),
            thousands(all)
        ),
    ])
}

/// How many folders belong to people in the identities, if there are any.
fn people(reader: Reader<'_>, filter: &Filter) -> Result<Option<String>> {
    if filter.identities.is_empty() {
        return Ok(None);
    }
    let condition = filter.condition();
    let responses = Responses::added_up(reader, &condition, None)?.table;
    let sql = format!("SELECT DISTINCT username FROM {responses} WHERE {} ORDER BY ALL", condition.clause);
    let folders: Vec<String> = reader.rows(&sql, &condition.params, |row| row.get(0))?;
    let people: Vec<_> = folders.iter().filter_map(|folder| filter.identities.person(folder)).collect();
    let distinct: BTreeSet<_> = people.iter().map(|person| &person.email).collect();
    let file = filter.identities.file.as_deref().unwrap_or(Path::new(""));
    Ok(Some(format!(
        "people: {} of {} are of {}, by `{}`; each of the others stands for itself",
        people.len(),
        count(folders.len() as u64, "folder"),
        count(distinct.len() as u64, "person"),
        printable(&file.display().to_string()),
    )))
}

/// The price that applied, else the mode, tier or place that has no price.
fn rate(used: &Used<'_>, prices: &Prices) -> std::result::Result<String, String> {
    match (used.price, used.missing()) {
        (Some(_), Some(missing)) if missing == "fast mode" => Err(" in fast mode".to_owned()),
        (Some(_), Some(missing)) => Err(format!(" with {missing}")),
        (Some(price), None) => Ok(row(price, used, prices)),
        (None, _) => Err(String::new()),
    }
}

/// The sentence about the use of one price.
fn use_of(model: Option<&str>, rate: std::result::Result<String, String>, spent: &Spent) -> String {
    let model = printable(model_name(model));
    let amount = format!("{} tokens", thousands(spent.tokens.total()));
    match rate {
        Ok(row) => format!("price: `{model}`, {amount}, {}, by {row}", money::rounded(spent.cost.unwrap_or_default())),
        Err(mode) => format!("price: `{model}`{} has none: {amount} without a cost", printable(&mode)),
    }
}

/// The row of the price table that applied, with its rates.
fn row(price: &Price, used: &Used<'_>, prices: &Prices) -> String {
    let configured = prices.rows().any(|(row, configured)| configured && std::ptr::eq(row, price));
    let long = price.band(used.above);
    let rates = long.map_or(&price.rates, |long| &long.rates);
    let mut row =
        format!("the {} row `{}`", if configured { "configured" } else { "built-in" }, printable(&price.model));
    if let Some(from) = price.from {
        row += &format!(" from {from}");
    }
    if let Some(long) = long {
        row += &format!(" above {} tokens of prompt", thousands(long.above.into()));
    }
    for factor in price.factors(&used.terms, used.above) {
        if let Some(times) = factor.times.filter(|times| *times != ONCE) {
            row += &format!(", {} times as much for {}", times.value(), factor.name);
        }
    }
    row + &format!(
        ": per million ${} input, ${} output, ${} and ${} cache write for 5 minutes and 1 hour, ${} cache read",
        rates.input.dollars(),
        rates.output.dollars(),
        rates.cache_write_5m.dollars(),
        rates.cache_write_1h.dollars(),
        rates.cache_read.dollars()
    )
}
