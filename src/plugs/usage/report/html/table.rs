//! Tables of HTML.

use crate::base::error::thousands;
use crate::plugs::usage::report::html::text::Text;
use crate::report::render::{cell, percent};
use crate::report::{Row, Sheet, ratio};
use std::fmt::Write as _;

/// The content of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::plugs) enum Kind {
    Words,
    Numbers,
    /// Numbers that a narrow page leaves out.
    Spare,
    /// A share in percent, with a bar.
    Share,
}

/// A column: its title and its content.
pub(in crate::plugs) type Head<'a> = (&'a str, Kind);

/// A table whose first column names the rows. `caption` can be empty if the heading above says the same.
pub(in crate::plugs) fn table(caption: &str, head: &[Head<'_>], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let class = |kind: Kind| match kind {
        Kind::Words => "",
        Kind::Numbers => " class=\"n\"",
        Kind::Spare => " class=\"n spare\"",
        Kind::Share => " class=\"n share\"",
    };
    let caption = if caption.is_empty() { String::new() } else { format!("<caption>{}</caption>", Text(caption)) };
    let mut html = format!("<div class=\"scroll\"><table>{caption}<thead><tr>");
    for (title, kind) in head {
        let _ = write!(html, "<th scope=\"col\"{}>{}</th>", class(*kind), Text(title));
    }
    html += "</tr></thead><tbody>\n";
    for row in rows {
        html += "<tr>";
        for (at, (cell, (_, kind))) in row.iter().zip(head).enumerate() {
            let (open, close) = if at == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
            let text = Text(cell).to_string();
            // A path can wrap after each slash.
            let text = if at == 0 { text.replace('/', "/<wbr>") } else { text };
            let _ = write!(html, "<{open}{}>{}{text}</{close}>", class(*kind), drawn(cell, *kind));
        }
        html += "</tr>\n";
    }
    html + "</tbody></table></div>\n"
}

/// The bar of a share.
fn drawn(cell: &str, kind: Kind) -> String {
    let percent = cell.trim_end_matches([' ', '%']).parse::<f64>().ok().filter(|_| kind == Kind::Share);
    percent.map(|percent| format!("<i style=\"width:{percent}%\"></i>")).unwrap_or_default()
}

/// A share as the text of a [`Kind::Share`] column.
pub(in crate::plugs) fn share(part: i128, whole: i128) -> String {
    percent(ratio(part.max(0), whole, 1000))
}

/// A sheet as a table, with the share of each row. Empty columns are left out.
pub(in crate::plugs) fn sheet(caption: &str, sheet: &Sheet) -> String {
    let total = |at: usize| sheet.totals.get(at).copied().flatten();
    let columns: Vec<_> = (0..sheet.columns.len()).filter(|at| sheet.has_any(*at)).collect();
    let weight = sheet.weight().filter(|_| sheet.rows.len() > 1);
    let titles: Vec<_> = columns.iter().map(|at| sheet.columns[*at].title.to_lowercase()).collect();
    let kinds = columns.iter().map(|at| if sheet.columns[*at].rank > 0 { Kind::Spare } else { Kind::Numbers });
    let head = sheet.keys().map(|key| (key, Kind::Words));
    let head = head.chain(titles.iter().map(String::as_str).zip(kinds));
    let head: Vec<_> = head.chain(weight.map(|_| ("share", Kind::Share))).collect();
    let row = |row: &Row| {
        let number = |at: usize| row.numbers.get(at).copied().flatten();
        let keys = row.keys().map(|key| key.unwrap_or("(none)").to_owned());
        let cells = columns.iter().map(|at| cell(number(*at), sheet.columns[*at].unit, thousands));
        let share = weight.map(|at| share(number(at).unwrap_or_default(), total(at).unwrap_or_default()));
        keys.chain(cells).chain(share).collect::<Vec<_>>()
    };
    table(caption, &head, sheet.rows.iter().map(row))
}

/// A table that the reader can unfold.
pub(super) fn folded(caption: &str, head: &[Head<'_>], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    format!("<details><summary>Table</summary>{}</details>\n", table(caption, head, rows))
}
