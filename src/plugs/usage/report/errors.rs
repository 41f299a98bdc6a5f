//! What failed, and problems with the data, as counts of each kind of trouble.

use crate::base::days::Days;
use crate::base::error::Result;
use crate::plugs::usage::report::filter::{Filter, Where};
use crate::plugs::usage::report::spending::{self, Asked, Columns, Spent, Used, Uses, model_name, unpriced};
use crate::plugs::usage::report::trouble::{Kind, Trouble};
use crate::plugs::usage::report::{causes, times};
use crate::plugs::usage::sums::Responses;
use crate::price::Prices;
use crate::report::trend::Steps;
use crate::store::reader::Reader;

/// Reads the troubles of these kinds: by kind, then the most frequent first.
///
/// # Errors
///
/// If the database cannot be read.
pub fn errors(reader: Reader<'_>, filter: &Filter, prices: &Prices, kinds: &[Kind]) -> Result<Vec<Trouble>> {
    let costs = |reader: Reader<'_>| causes::costs(reader, filter, prices, kinds);
    let (costs, mut troubles) = reader.both(costs, |reader| {
        let counts = Columns::of(&[]).only(Asked::Counts);
        let uses = spending::read(reader, prices, counts, &filter.condition(), |_| Ok(()), |(), _, _| {})?;
        of_uses(reader, filter, prices, &uses, &times::steps(reader, filter)?, kinds)
    })?;
    for trouble in &mut troubles {
        let cost = costs.get(&(trouble.kind, trouble.what.clone())).copied();
        trouble.cost = trouble.cost.or(cost);
    }
    Ok(troubles)
}

/// The same for usage that was read already, with counts per step. The costs of failed calls and of causes are not
/// filled in.
pub(super) fn of_uses(
    reader: Reader<'_>,
    filter: &Filter,
    prices: &Prices,
    uses: &Uses<'_>,
    steps: &Steps,
    kinds: &[Kind],
) -> Result<Vec<Trouble>> {
    let is_asked = |asked: &[Kind]| kinds.iter().any(|kind| asked.contains(kind));
    let loops = |reader: Reader<'_>| match is_asked(&[Kind::RetryLoop]) {
        true => causes::loops(reader, filter, prices),
        false => Ok(Vec::new()),
    };
    let (loops, mut troubles) = reader.both(loops, |reader| others(reader, filter, prices, steps, &is_asked))?;
    troubles.extend(loops);
    troubles.extend(placeholders(uses));
    let unpriced = unpriced(uses).into_iter();
    troubles.extend(unpriced.map(|(what, count)| Trouble::new(Kind::Unpriced, what, count, None)));
    troubles.retain(|trouble| kinds.contains(&trouble.kind));
    troubles.sort_by_key(|trouble| trouble.kind);
    Ok(troubles)
}

/// Troubles of kinds that neither come from the usage of models nor are retry loops, which are read separately.
fn others(
    reader: Reader<'_>,
    filter: &Filter,
    prices: &Prices,
    steps: &Steps,
    is_asked: &impl Fn(&[Kind]) -> bool,
) -> Result<Vec<Trouble>> {
    let mut troubles = Vec::new();
    if is_asked(&[Kind::ToolError, Kind::Cause]) {
        troubles.extend(causes::calls(reader, filter, steps)?);
    }
    if is_asked(&[Kind::EditedAgain]) {
        troubles.extend(causes::edited_again(reader, filter)?);
    }
    if is_asked(&[Kind::Runaway]) {
        troubles.extend(causes::runaways(reader, filter, prices)?);
    }
    if is_asked(&[Kind::MissingSubagent]) {
        troubles.extend(causes::missing(reader, filter)?);
    }
    if is_asked(&[Kind::ApiError, Kind::ApiCause, Kind::MalformedLine]) {
        troubles.extend(of_files(reader, filter)?);
    }
    if is_asked(&[Kind::FailedFile]) {
        troubles.extend(failed_files(reader, filter)?);
    }
    if is_asked(&[Kind::UnknownLine]) {
        troubles.extend(unknown_lines(reader, filter)?);
    }
    Ok(troubles)
}

/// Responses whose output count is a placeholder, by model.
fn placeholders(uses: &Uses<'_>) -> Vec<Trouble> {
    let of_model = |(model, uses): (&Option<String>, &Vec<Used<'_>>)| {
        let sum = |number: fn(&Spent) -> i128| uses.iter().map(|used| number(&used.spent)).sum();
        let (count, of): (i128, i128) = (sum(|spent| spent.placeholders), sum(|spent| spent.responses));
        let what = model_name(model.as_deref()).to_owned();
        (count > 0).then(|| Trouble::new(Kind::Placeholder, what, count, Some(of)))
    };
    let mut placeholders: Vec<_> = uses.iter().filter_map(of_model).collect();
    placeholders.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.what.cmp(&b.what)));
    placeholders
}

/// A condition on source files. With a project or a model, it selects the files of sessions that have such responses.
fn on_files(reader: Reader<'_>, filter: &Filter) -> Result<Where> {
    let mut condition = Filter { project: None, model: None, ..filter.clone() }.condition();
    if filter.project.is_some() || filter.model.is_some() {
        let of_responses = filter.condition();
        let responses = Responses::added_up(reader, &of_responses, None)?.table;
        let ids = format!("SELECT session_id FROM {responses} WHERE {}", of_responses.clause);
        condition.clause += &format!(" AND session_id IN ({ids})");
        condition.params.extend(of_responses.params);
    }
    Ok(condition)
}

/// Source files. All counts of a file are dated at the start of the file.
const FILES: &str = "(SELECT *, started AS time FROM usage_sessions)";

/// Counts of source files, and the same counts by cause.
fn of_files(reader: Reader<'_>, filter: &Filter) -> Result<Vec<Trouble>> {
    const COUNTS: [(Kind, &str, &str); 5] = [
        (Kind::ApiError, "", "api_errors"),
        (Kind::ApiCause, "overload", "api_overloads"),
        (Kind::ApiCause, "limit", "api_limits"),
        (Kind::ApiCause, "auth", "api_auth_errors"),
        (Kind::MalformedLine, "", "malformed_lines"),
    ];
    let Where { clause, params } = on_files(reader, filter)?;
    let columns = COUNTS.map(|(.., column)| column);
    let sql = format!(
        "SELECT session_file, {} FROM {FILES} WHERE ({} > 0) AND {clause} ORDER BY session_file",
        columns.join(", "),
        columns.join(" > 0 OR ")
    );
    let mut troubles: [Vec<Trouble>; COUNTS.len()] = Default::default();
    reader.each(&sql, &params, |row| {
        for (at, (kind, cause, _)) in COUNTS.into_iter().enumerate() {
            let count = row.integer(at + 1)?;
            match troubles[at].first_mut().filter(|_| kind == Kind::ApiCause) {
                _ if count == 0 => {}
                Some(sum) => sum.count += count,
                None => {
                    let what = if cause.is_empty() { row.get(0)? } else { cause.to_owned() };
                    troubles[at].push(Trouble::new(kind, what, count, None));
                }
            }
        }
        Ok(())
    })?;
    troubles.iter_mut().for_each(|troubles| troubles.sort_by_key(|trouble| std::cmp::Reverse(trouble.count)));
    Ok(troubles.into_iter().flatten().collect())
}

fn failed_files(reader: Reader<'_>, filter: &Filter) -> Result<Vec<Trouble>> {
    let Where { clause, params } =
        Filter { days: Days::default(), project: None, model: None, agent: None, ..filter.clone() }.condition();
    let sql = format!(
        "SELECT processor_name || ': ' || class AS what, count(*) AS files FROM session_failures
         WHERE {clause} AND state <> 'dropped' GROUP BY what ORDER BY files DESC, what"
    );
    reader.rows(&sql, &params, |row| Ok(Trouble::new(Kind::FailedFile, row.get(0)?, row.integer(1)?, None)))
}

/// The outer join keeps unknown lines of files without a session, and so without a time.
fn unknown_lines(reader: Reader<'_>, filter: &Filter) -> Result<Vec<Trouble>> {
    let Where { clause, params } = on_files(reader, filter)?;
    let sql = format!(
        "SELECT kind, sum(lines) AS count FROM session_unknown_lines LEFT JOIN {FILES} USING (session_file)
         WHERE {clause} GROUP BY kind ORDER BY count DESC, kind"
    );
    reader.rows(&sql, &params, |row| Ok(Trouble::new(Kind::UnknownLine, row.get(0)?, row.integer(1)?, None)))
}
