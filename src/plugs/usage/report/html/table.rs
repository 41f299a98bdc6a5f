//! Tables of HTML.

use crate::plugs::usage::report::html::text::Text;
use std::fmt::Write as _;

/// What stands in a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::plugs) enum Kind {
    Words,
    Numbers,
}

/// A column: its title, and what stands in it.
pub(in crate::plugs) type Head<'a> = (&'a str, Kind);

/// A table whose first column names its rows.
pub(in crate::plugs) fn table(caption: &str, head: &[Head<'_>], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let class = |kind: Kind| if kind == Kind::Numbers { " class=\"n\"" } else { "" };
    let mut html = format!("<div class=\"scroll\"><table><caption>{}</caption><thead><tr>", Text(caption));
    for (title, kind) in head {
        let _ = write!(html, "<th scope=\"col\"{}>{}</th>", class(*kind), Text(title));
    }
    html += "</tr></thead><tbody>\n";
    for row in rows {
        html += "<tr>";
        for (at, (cell, (_, kind))) in row.iter().zip(head).enumerate() {
            let (open, close) = if at == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
            let _ = write!(html, "<{open}{}>{}</{close}>", class(*kind), Text(cell));
        }
        html += "</tr>\n";
    }
    html + "</tbody></table></div>\n"
}

/// The same, to be unfolded.
pub(super) fn folded(caption: &str, head: &[Head<'_>], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    format!("<details><summary>Table</summary>{}</details>\n", table(caption, head, rows))
}
