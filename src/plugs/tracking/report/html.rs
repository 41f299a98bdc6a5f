//! The part of the HTML report about activity: a calendar, a heat map of the hours of the week, and tables. It needs no
//! script and no network.

use crate::base::error::{Result, Status, thousands};
use crate::plugs::tracking::report::activity::of_visits;
use crate::plugs::tracking::report::by::By;
use crate::plugs::tracking::report::cost::Costs;
use crate::plugs::tracking::report::filter::Filter;
use crate::plugs::tracking::report::rhythm::Rhythm;
use crate::plugs::tracking::report::visits::{self, Visit};
use crate::plugs::usage::report::html::calendar::{calendar, limits};
use crate::plugs::usage::report::html::table::Kind::{Numbers, Words};
use crate::plugs::usage::report::html::table::table;
use crate::plugs::usage::report::html::text::Text;
use crate::plugs::usage::repositories::Repositories;
use crate::report::render::{self, hours};
use crate::report::{Column, Row, Sheet};
use crate::store::reader::Reader;
use chrono::NaiveDate;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The most rows of a table.
const MOST: usize = 15;

/// The distance between squares, and the room for labels on the left and above.
const STEP: usize = 22;
const LEFT: usize = 40;
const TOP: usize = 18;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Makes the part, with an anchor. Only the period of the whole page has a calendar. Empty if the database has no table
/// of activity, as in a snapshot of an older version.
///
/// # Errors
///
/// If the database cannot be read.
pub fn part(reader: Reader<'_>, filter: &Filter, anchor: &str, is_whole: bool) -> Result<String> {
    let sql = "SELECT count(*) > 0 FROM information_schema.tables WHERE table_name = 'activity_sessions'";
    if !reader.one(sql, &[], |row| row.get::<bool>(0))? {
        return Ok(String::new());
    }
    // A person with responses need not have a session.
    let read = |by: By| match visits::read(reader, &[by], filter) {
        Err(error) if error.status == Status::Usage => Ok(Vec::new()),
        visits => visits,
    };
    let mut visits = read(By::Project)?;
    visits.retain(|visit| filter.bots || !visit.is_bot);
    let mut rhythm = Rhythm::new(filter.zone);
    let mut days: BTreeMap<NaiveDate, i128> = BTreeMap::new();
    for visit in &visits {
        rhythm.add(visit);
        *days.entry(visit.started.with_timezone(&filter.zone).date_naive()).or_default() += visit.active_seconds;
    }
    let (has_web, has_agents) = (visits.iter().any(|visit| !visit.is_agent), visits.iter().any(|visit| visit.is_agent));
    if days.is_empty() {
        return Ok(String::new());
    }
    let calendar = match is_whole {
        true => format!("<div><h3>Presence by day</h3>\n{}</div>\n", calendar(&days, filter.days, hours)),
        false => String::new(),
    };
    let mut html = format!(
        "<h2 id=\"{anchor}\">When people are there</h2>\n<p class=\"soft\">Presence is the time between prompts, calls and \
         responses, or events of a site, that are at most 10 minutes apart: more than the active time above, which is between \
         responses. An activity session is a stretch of it, in any number of transcripts.</p>\n\
         <div class=\"pair\">{calendar}<div><h3>Presence by hour of the week</h3>\n{}</div></div>\n\
         <div class=\"pair\">\n",
        week(&rhythm)
    );
    let repositories = Repositories::read(reader, &filter.identities)?;
    let of = |by: By, visits: &[Visit]| sheet(&of_visits(&[by], filter, visits, &repositories, &Costs::default()));
    html += &of(By::User, &visits);
    if has_agents {
        html += &of(By::Project, &visits);
    }
    for by in [By::Channel, By::Entry].into_iter().filter(|_| has_web) {
        html += &of(by, &read(by)?);
    }
    Ok(html + "</div>\n")
}

/// A heat map: a square for each hour of the week, darker for more time.
fn week(rhythm: &Rhythm) -> String {
    let (width, height) = (LEFT + 24 * STEP, TOP + 7 * STEP);
    let limits = limits(rhythm.seconds.iter().flatten().copied().collect());
    let mut html = format!(
        "<div class=\"scroll\"><svg class=\"calendar\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Presence by weekday and hour; \
         sessionmill report activity has the numbers\">\n"
    );
    for hour in (0..24).step_by(3) {
        let _ = write!(html, "<text x=\"{}\" y=\"11\">{hour:02}</text>", LEFT + hour * STEP);
    }
    for (day, (name, seconds)) in DAYS.iter().zip(&rhythm.seconds).enumerate() {
        let y = TOP + day * STEP;
        let _ = writeln!(html, "<text x=\"0\" y=\"{}\">{name}</text>", y + 14);
        for (hour, seconds) in seconds.iter().enumerate() {
            let shade = limits.iter().filter(|limit| seconds > limit).count() + usize::from(*seconds > 0);
            let _ = writeln!(
                html,
                "<rect class=\"h{shade}\" x=\"{}\" y=\"{y}\" width=\"19\" height=\"19\" rx=\"3\">\
                 <title>{name} {hour:02}:00: {}</title></rect>",
                LEFT + hour * STEP,
                Text(&hours(*seconds))
            );
        }
    }
    html + "</svg></div>\n"
}

/// A report as a table, without its cost: the page already shows cost, from responses.
fn sheet(sheet: &Sheet) -> String {
    const SHOWN: [&str; 4] = ["sessions", "active_seconds", "median_seconds", "engaged_rate"];
    let mut columns: Vec<(usize, &Column)> = sheet.columns.iter().enumerate().collect();
    columns.retain(|(at, column)| SHOWN.contains(&column.name) && sheet.totals.get(*at).is_some_and(Option::is_some));
    let cell = |row: &Row, (at, column): &(usize, &Column)| {
        let number = row.numbers.get(*at).copied().flatten();
        render::cell(number, column.unit, thousands)
    };
    let rows = sheet.rows.iter().take(MOST).map(|row| {
        let name = row.key.clone().unwrap_or_else(|| "(none)".to_owned());
        std::iter::once(name).chain(columns.iter().map(|column| cell(row, column))).collect()
    });
    let titles: Vec<String> = columns.iter().map(|(_, column)| column.title.to_lowercase()).collect();
    let head: Vec<_> =
        std::iter::once((sheet.by, Words)).chain(titles.iter().map(|title| (&**title, Numbers))).collect();
    let left_out = match sheet.rows.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!("<p class=\"soft\">and {} more</p>\n", thousands(more as i128)),
    };
    format!("<div>{}{left_out}</div>\n", table(&format!("Activity sessions by {}", sheet.by), &head, rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono_tz::Tz;

    #[test]
    fn the_darkest_square_is_that_of_most_time() {
        let mut rhythm = Rhythm::new(Tz::UTC);
        rhythm.seconds[0][9] = 3600;
        rhythm.seconds[6][23] = 60;
        let html = week(&rhythm);
        let square = |shade: usize, x: usize, y: usize, title: &str| {
            format!(
                "<rect class=\"h{shade}\" x=\"{x}\" y=\"{y}\" width=\"19\" height=\"19\" rx=\"3\"><title>{title}</title></rect>"
            )
        };
        assert!(html.contains(&square(3, LEFT + 9 * STEP, TOP, "Mon 09:00: 1.0 h")), "{html}");
        assert!(html.contains(&square(1, LEFT + 23 * STEP, TOP + 6 * STEP, "Sun 23:00: 1 min")), "{html}");
        assert_eq!(html.matches("<rect").count(), 168);
    }
}
