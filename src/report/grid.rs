//! Rows of text as a table that gives way to a narrow terminal and stays readable: names are never broken
//! or shortened, text wraps between words, and columns that can be spared go.

use crate::base::printable::printable;
use crate::report::listing::Written;
use comfy_table::{LineStyle, Table, TableStyle};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    title: String,
    kind: Kind,
    /// The highest goes first where the table is too wide; 0 stays.
    rank: u8,
}

/// What is in a column, which says how it may give way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Ids, times, names of people: something to copy.
    Name,
    /// Something to read.
    Text,
    /// Folders, which share their beginning.
    Path,
    /// Numbers below a title that may take several lines.
    Number,
}

/// One line below the header.
pub(super) const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Text and paths keep so much.
const FLOOR: usize = 16;

impl Field {
    pub fn name(title: &str) -> Self {
        Self { title: printable(title), kind: Kind::Name, rank: 0 }
    }

    pub fn text(title: &str) -> Self {
        Self { kind: Kind::Text, ..Self::name(title) }
    }

    pub fn path(title: &str) -> Self {
        Self { kind: Kind::Path, ..Self::name(title) }
    }

    pub fn number(title: &str) -> Self {
        Self { kind: Kind::Number, ..Self::name(title) }
    }

    /// Lets a narrow table do without it.
    #[must_use]
    pub fn spare(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// Writes a table for a terminal of so many columns; without a width it is as wide as it is. What cannot
/// give way any more is wider than the terminal.
pub fn grid(fields: &[Field], rows: &[Vec<String>], width: Option<usize>) -> Written {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    let widths = widths(fields, &rows, width);
    let cells = |row: &[String]| -> Vec<String> {
        let cells = row.iter().zip(fields).zip(&widths);
        cells.filter_map(|((cell, field), width)| Some(field.fitted(cell, (*width)?))).collect()
    };
    let titles: Vec<_> = fields.iter().map(|field| field.title.clone()).collect();
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(cells(&titles));
    table.add_rows(rows.iter().map(|row| cells(row)));
    let left_out = fields.iter().zip(&widths).filter(|(_, width)| width.is_none());
    Written { text: ruled(&table, false), left_out: left_out.map(|(field, _)| field.title.clone()).collect() }
}

/// The table's lines, with a rule above the totals.
pub(super) fn ruled(table: &Table, totals: bool) -> String {
    let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    if let (true, Some(rule)) = (totals, lines.get(1).cloned()) {
        lines.insert(lines.len() - 1, rule);
    }
    lines.join("\n") + "\n"
}

/// How wide each column is; `None` for those that are left out.
fn widths(fields: &[Field], rows: &[Vec<String>], width: Option<usize>) -> Vec<Option<usize>> {
    let cells = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.width());
        cells.max().unwrap_or_default()
    };
    let natural: Vec<usize> = (0..fields.len()).map(|at| cells(at).max(fields[at].title.width())).collect();
    let floor = |at: usize| match fields[at].kind {
        Kind::Name => natural[at],
        Kind::Text | Kind::Path => natural[at].min(FLOOR.max(fields[at].title.width())),
        Kind::Number => fields[at].title.split(' ').map(UnicodeWidthStr::width).fold(cells(at), usize::max),
    };
    let width = width.unwrap_or(usize::MAX);
    let mut shown: Vec<usize> = (0..fields.len()).collect();
    // A blank on both sides of each cell, and one between two.
    let frame = |shown: &[usize]| (3 * shown.len()).saturating_sub(1);
    while shown.iter().map(|at| floor(*at)).sum::<usize>() + frame(&shown) > width {
        let spare = shown.iter().copied().filter(|at| fields[*at].rank > 0).max_by_key(|at| (fields[*at].rank, *at));
        let Some(spare) = spare else { break };
        shown.retain(|at| *at != spare);
    }
    let (names, mut giving): (Vec<usize>, Vec<usize>) = shown.iter().partition(|at| fields[**at].kind == Kind::Name);
    let mut room = width.saturating_sub(frame(&shown) + shown.iter().map(|at| floor(*at)).sum::<usize>());
    let mut widths = vec![None; fields.len()];
    names.iter().for_each(|at| widths[*at] = Some(natural[*at]));
    // All have the least; those that want little more take that, and the others share the rest.
    giving.sort_by_key(|at| natural[*at] - floor(*at));
    for (done, at) in giving.iter().enumerate() {
        let (wanted, share) = (natural[*at] - floor(*at), room / (giving.len() - done));
        // A title that does not fit into one line takes several, however wide they are.
        let more = if wanted > share && fields[*at].kind == Kind::Number { 0 } else { wanted.min(share) };
        room -= more;
        widths[*at] = Some(floor(*at) + more);
    }
    widths
}

impl Field {
    fn fitted(&self, cell: &str, width: usize) -> String {
        match self.kind {
            _ if cell.width() <= width => cell.to_owned(),
            Kind::Name => cell.to_owned(),
            Kind::Path => ending(cell, width),
            Kind::Text | Kind::Number => wrapped(cell, width),
        }
    }
}

/// The end of a long text, which tells it apart from others that begin like it.
pub(super) fn ending(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let fits = |c: &char| {
        let left = room.checked_sub(c.width().unwrap_or_default());
        room = left.unwrap_or_default();
        left.is_some()
    };
    let end: Vec<_> = text.chars().rev().take_while(fits).collect();
    std::iter::once('…').chain(end.into_iter().rev()).collect()
}

/// Lines that are broken between words, and between letters of scripts without blanks, which are wide. A
/// word that is longer than a line is cut.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let is_wide = word.width() > word.chars().count();
        let parts: Vec<String> =
            if is_wide { word.chars().map(String::from).collect() } else { vec![beginning(word, width)] };
        for (at, part) in parts.iter().enumerate() {
            let Some(line) = lines.last_mut() else { continue };
            let gap = usize::from(at == 0 && !line.is_empty());
            if !line.is_empty() && line.width() + gap + part.width() > width {
                lines.push(part.clone());
            } else {
                line.extend(std::iter::repeat_n(' ', gap));
                line.push_str(part);
            }
        }
    }
    lines.join("\n")
}

/// As much of a word as there is room for.
fn beginning(word: &str, width: usize) -> String {
    let length = word.chars().count();
    if length <= width {
        return word.to_owned();
    }
    word.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: usize) -> String {
        let fields = [
            Field::name("Item"),
            Field::path("Project").spare(1),
            Field::name("Kind").spare(2),
            Field::name("Day").spare(2),
            Field::text("Title"),
        ];
        let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["kv_772f1b473a1b", "/home/ada/work/shop", "correction", "2026-11-10", "Annual recurring revenue"]),
            row(["kv_0", "", "", "", "https://example.org/a 月次売上高の定義は税抜です"]),
        ];
        grid(&fields, &rows, Some(width)).text
    }

    #[test]
    fn what_is_to_be_read_gives_way_and_what_is_to_be_copied_does_not() {
        assert_eq!(
            shown(93),
            " Item              Project               Kind         Day          Title\n\
             ────────────────────────────────────────────────────────────────────────────────────────────\n \
             kv_772f1b473a1b   /home/ada/work/shop   correction   2026-11-10   Annual recurring revenue\n \
             kv_0                                                              https://example.org/a 月\n                                                                   次売上高の定義は税抜です\n"
        );
    }

    #[test]
    fn columns_go_by_rank_and_from_the_right() {
        let header = |width: usize| {
            let text = shown(width);
            let widest = text.lines().map(UnicodeWidthStr::width).max().unwrap();
            assert!(widest <= width.max(36), "{width}:\n{text}");
            text.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(header(81), "Item Project Kind Day Title");
        assert_eq!(header(80), "Item Project Kind Title");
        assert_eq!(header(67), "Item Project Title");
        assert_eq!(header(54), "Item Title");
        assert_eq!(shown(36), shown(10), "wider than the terminal, since less could not be read");
        assert!(shown(10).contains("https://example…\n"), "{}", shown(10));
    }

    #[test]
    fn numbers_stay_whole_below_a_title_in_several_lines() {
        let fields = [Field::text("What"), Field::number("Cache write"), Field::number("Cost")];
        let rows = [["claude-opus-4-6 in fast mode", "1,234", "$0.12"].map(str::to_owned).to_vec()];
        let widest = " What                           Cache write   Cost";
        assert_eq!(grid(&fields, &rows, None).text.lines().next(), Some(widest));
        assert_eq!(
            grid(&fields, &rows, Some(38)).text,
            " What                 Cache   Cost\n                      write\n\
             ────────────────────────────────────\n \
             claude-opus-4-6 in   1,234   $0.12\n fast mode\n"
        );
    }

    #[test]
    fn paths_keep_their_end() {
        assert_eq!(ending("/home/ada/shop", 14), "/home/ada/shop");
        assert_eq!(ending("/home/ada/shop", 9), "…ada/shop");
        assert_eq!(ending("/店/店", 4), "…/店");
    }
}
