//! The calendar: a square for each day in columns of weeks, darker for higher numbers.

use crate::base::days::Days as Of;
use crate::plugs::usage::report::html::text::Text;
use chrono::{Datelike, Days, NaiveDate, Weekday};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The number of columns.
const WEEKS: u64 = 53;
/// The distance between squares, and the room for labels: on the left, where they stay when the squares are scrolled,
/// and above.
const STEP: u64 = 14;
const LEFT: u64 = 32;
const TOP: u64 = 18;
/// The number of shades, without that of a day without usage.
const SHADES: usize = 4;

/// The calendar of the weeks that end with the last day of usage. Days outside of `within` are not drawn. `told`
/// formats the number of a day.
pub(in crate::plugs) fn calendar(days: &BTreeMap<NaiveDate, i128>, within: Of, told: fn(i128) -> String) -> String {
    let Some(last) = days.keys().next_back().copied() else { return String::new() };
    let monday = last.week(Weekday::Mon).checked_first_day().unwrap_or(last);
    let begin = monday.checked_sub_days(Days::new((WEEKS - 1) * 7)).unwrap_or(monday);
    let limits = limits(days.range(begin..).map(|(_, number)| *number).collect());
    let mut html = format!(
        "<div class=\"weeks\"><svg class=\"calendar\" width=\"{LEFT}\" height=\"{h}\" aria-hidden=\"true\">",
        h = TOP + 7 * STEP,
    );
    for (row, name) in [(0, "Mon"), (2, "Wed"), (4, "Fri")] {
        let _ = write!(html, "<text x=\"0\" y=\"{}\">{name}</text>", TOP + row * STEP + 10);
    }
    let _ = writeln!(
        html,
        "</svg>\n<div class=\"scroll end\"><svg class=\"calendar\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
         role=\"img\" aria-label=\"Calendar of {begin} to {last}; the tables over time have the numbers\">",
        w = WEEKS * STEP,
        h = TOP + 7 * STEP,
    );
    let mut month = None;
    let shown = begin.iter_days().take_while(|day| *day <= last);
    for (at, day) in (0..).zip(shown).filter(|(_, day)| within.has(*day)) {
        let (x, y) = (at / 7 * STEP, TOP + at % 7 * STEP);
        // The name of a month is above its first full week, if there is room.
        if at % 7 == 0 && month != Some(day.month()) && day.day() <= 7 && at / 7 + 2 < WEEKS {
            month = Some(day.month());
            let _ = write!(html, "<text x=\"{x}\" y=\"11\">{}</text>", day.format("%b"));
        }
        let number = days.get(&day).copied().unwrap_or_default();
        let shade = limits.iter().filter(|limit| number > **limit).count() + usize::from(number > 0);
        let _ = writeln!(
            html,
            "<rect class=\"h{shade}\" x=\"{x}\" y=\"{y}\" width=\"11\" height=\"11\" rx=\"2\"><title>{}</title></rect>",
            Text(&format!("{} {day}: {}", day.format("%a"), told(number)))
        );
    }
    html += "</svg></div></div>\n<p class=\"legend\">less";
    for shade in 0..=SHADES {
        let _ = write!(html, " <i class=\"h{shade}\"></i>");
    }
    html + " more</p>\n"
}

/// The limits between shades, chosen so that each shade has the same number of days.
pub(in crate::plugs) fn limits(mut numbers: Vec<i128>) -> Vec<i128> {
    numbers.retain(|number| *number > 0);
    numbers.sort_unstable();
    let quarter = |part: usize| numbers.get((numbers.len() * part / SHADES).checked_sub(1)?).copied();
    (1..SHADES).filter_map(quarter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shade_has_as_many_days() {
        assert_eq!(limits(vec![0, 4, 1, 3, 2, 0]), [1, 2, 3]);
        assert_eq!(limits(vec![5]), Vec::<i128>::new());
        assert_eq!(limits((1..=8).collect()), [2, 4, 6]);
    }

    #[test]
    fn the_last_day_is_in_the_last_column() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let days = BTreeMap::from([(day("2026-02-02"), 1), (day("2026-02-04"), 2), (day("1970-01-01"), 9)]);
        let html = calendar(&days, Of::default(), |n| n.to_string());
        let x = 52 * STEP;
        let square = |shade: usize, y: u64, title: &str| {
            format!(
                "<rect class=\"h{shade}\" x=\"{x}\" y=\"{y}\" width=\"11\" height=\"11\" rx=\"2\"><title>{title}</title></rect>"
            )
        };
        assert!(html.contains(&square(1, TOP, "Mon 2026-02-02: 1")), "{html}");
        assert!(html.contains(&square(3, TOP + 2 * STEP, "Wed 2026-02-04: 2")), "{html}");
        assert!(!html.contains("1970") && !html.contains("2026-02-05"), "{html}");
        assert!(html.contains("Sun 2026-02-01: 0"), "a day without usage: {html}");
        let february = Of { since: Some(day("2026-02-01")), until: None };
        let html = calendar(&days, february, |n| n.to_string());
        assert!(html.contains("Sun 2026-02-01: 0") && !html.contains("2026-01-31:"), "{html}");
    }
}
