//! Tables of text that adapt to the width of the terminal. Names are never broken or shortened, text wraps between
//! words, and optional columns are dropped, first those that contain only zeros. All tables are written here, and the
//! kind of a column decides on its colours.

use crate::base::printable::printable;
use crate::report::screen::{Screen, Tone};
use comfy_table::{Cell, CellAlignment, LineStyle, Table, TableStyle};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    title: String,
    kind: Kind,
    /// If the table is too wide, the column with the highest rank is dropped first; 0 is never dropped, unless it has
    /// only zeros.
    rank: u8,
    /// The width that a text keeps as long as other columns can be dropped.
    floor: usize,
}

/// What a column contains. It decides how the column can be shortened, and on its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Times and names of people, which a reader may want to copy.
    Name,
    /// Ids that commands accept by their beginning. A terminal shows as many characters as distinguish them.
    Id,
    /// Text that is read, over several lines if needed.
    Text,
    /// Text on a single line, cut to the width of the column.
    Line,
    /// Folders. They often have the same beginning, so they are cut there.
    Path,
    /// Text that also contains paths. A terminal shows as many of their last parts as distinguish them.
    Project,
    /// Numbers. The title can wrap.
    Number,
    /// Counts of failures: every number above zero is bad.
    Failures,
    /// The state or outcome of something.
    State,
    /// A drawing: see [`bar`] and [`sparkline`].
    Drawing,
}

/// A single line below the header.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// Minimum widths: texts and paths normally keep `FLOOR`. When no column is left to drop, paths keep `TIGHT` and texts
/// `FLOOR`.
const FLOOR: usize = 16;
const TIGHT: usize = 8;

/// The longest name, in columns, that a wrapped text keeps whole.
const NAME: usize = 32;

/// The number of characters of an id that are always shown.
const ID: usize = 8;

/// The width of a full bar.
pub const BAR: usize = 10;

impl Field {
    pub fn name(title: &str) -> Self {
        Self { title: printable(title), kind: Kind::Name, rank: 0, floor: FLOOR }
    }

    pub fn id(title: &str) -> Self {
        Self { kind: Kind::Id, ..Self::name(title) }
    }

    pub fn text(title: &str) -> Self {
        Self { kind: Kind::Text, ..Self::name(title) }
    }

    pub fn line(title: &str) -> Self {
        Self { kind: Kind::Line, ..Self::name(title) }
    }

    pub fn path(title: &str) -> Self {
        Self { kind: Kind::Path, ..Self::name(title) }
    }

    pub fn project(title: &str) -> Self {
        Self { kind: Kind::Project, ..Self::name(title) }
    }

    pub fn number(title: &str) -> Self {
        Self { kind: Kind::Number, ..Self::name(title) }
    }

    pub fn failures(title: &str) -> Self {
        Self { kind: Kind::Failures, ..Self::name(title) }
    }

    pub fn state(title: &str) -> Self {
        Self { kind: Kind::State, ..Self::name(title) }
    }

    /// Bars, or sparklines with a title. They are dropped before all other columns.
    pub fn drawing(title: &str) -> Self {
        Self { kind: Kind::Drawing, rank: u8::MAX, ..Self::name(title) }
    }

    /// Lets a narrow table drop the column.
    #[must_use]
    pub fn spare(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    /// Drops other columns before this one gets narrower than `floor`.
    #[must_use]
    pub fn at_least(self, floor: usize) -> Self {
        Self { floor, ..self }
    }

    fn is_number(&self) -> bool {
        matches!(self.kind, Kind::Number | Kind::Failures)
    }

    fn tone(&self, cell: &str) -> Tone {
        match self.kind {
            Kind::Number | Kind::Failures if is_nothing(cell) => Tone::Dim,
            Kind::Failures => Tone::Bad,
            Kind::State => Tone::of_state(cell),
            Kind::Drawing => Tone::Live,
            Kind::Id => Tone::Dim,
            _ => Tone::Plain,
        }
    }
}

/// Whether a number means zero: `0`, `$0.00`, `0 min`, `–`. A word such as `new` does not.
fn is_nothing(cell: &str) -> bool {
    let is_number = cell.contains(|c: char| c.is_ascii_digit());
    let has_any = cell.contains(|c: char| c.is_ascii_digit() && c != '0');
    if is_number { !has_any } else { matches!(cell, "" | "–") }
}

/// A bar for a part of a whole, in steps of an eighth of a column. A part above zero is always visible.
pub fn bar(part: i128, whole: i128) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    if part <= 0 || whole <= 0 {
        return String::new();
    }
    let eighths = (part.min(whole) * (BAR as i128) * 8 / whole).max(1);
    let (full, rest) = usize::try_from(eighths / 8).ok().zip(usize::try_from(eighths % 8).ok()).unwrap_or_default();
    "█".repeat(full) + EIGHTHS[rest]
}

/// A sparkline: a small bar for each number.
pub fn sparkline(numbers: &[i128]) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = numbers.iter().copied().max().unwrap_or_default();
    let level = |number: &i128| match *number {
        number if number <= 0 || most <= 0 => ' ',
        number => LEVELS[usize::try_from((number * 8 - 1) / most).unwrap_or_default().min(7)],
    };
    numbers.iter().map(level).collect()
}

/// The text of a list, and the titles of the columns that were left out.
#[derive(Debug, Default)]
pub struct Written {
    pub text: String,
    /// Columns left out for lack of room.
    pub left_out: Vec<String>,
    /// Columns left out for lack of room that have only zeros or dashes.
    pub empty: Vec<String>,
}

/// Writes a table. If nothing is left to drop or shorten, the table is wider than the screen.
pub fn grid(fields: &[Field], rows: &[Vec<String>], screen: Screen) -> Written {
    with_totals(fields, rows, None, screen)
}

/// The same with a row of totals below a line.
pub fn with_totals(fields: &[Field], rows: &[Vec<String>], totals: Option<&[String]>, screen: Screen) -> Written {
    let rows = rows.iter().map(Vec::as_slice).chain(totals);
    let mut rows: Vec<Vec<String>> = rows.map(|row| row.iter().map(|cell| printable(cell)).collect()).collect();
    if screen.is_terminal {
        let ids = fields.iter().enumerate().filter(|(_, field)| field.kind == Kind::Id);
        ids.for_each(|(at, _)| shorten(&mut rows, at));
        let projects = fields.iter().enumerate().filter(|(_, field)| field.kind == Kind::Project);
        projects.for_each(|(at, _)| keep_last_parts(&mut rows, at));
    }
    let widths = widths(fields, &rows, screen.width);
    let cells = |row: &[String], tone: Option<Tone>| -> Vec<Cell> {
        let cells = row.iter().zip(fields).zip(&widths);
        let cell = |((cell, field), width): ((&String, &Field), &Option<usize>)| {
            let tone = tone.unwrap_or_else(|| field.tone(cell));
            let cell = tone.cell(&field.fitted(cell, (*width)?));
            Some(if field.is_number() { cell.set_alignment(CellAlignment::Right) } else { cell })
        };
        cells.filter_map(cell).collect()
    };
    let titles: Vec<_> = fields.iter().map(|field| field.title.clone()).collect();
    let mut table = Table::new();
    table.load_style(STYLE);
    if screen.has_colour {
        table.enforce_styling();
        table.style_text_only();
    } else {
        table.force_no_tty();
    }
    table.set_header(cells(&titles, Some(Tone::Strong)));
    for (at, row) in rows.iter().enumerate() {
        let is_total = totals.is_some() && at + 1 == rows.len();
        table.add_row(cells(row, is_total.then_some(Tone::Strong)));
    }
    let left_out = (0..fields.len()).filter(|at| widths[*at].is_none() && fields[*at].kind != Kind::Drawing);
    let (empty, left_out): (Vec<_>, Vec<_>) = left_out.partition(|at| is_zero(fields, &rows, *at));
    let titles = |left_out: Vec<usize>| left_out.into_iter().map(|at| fields[at].title.clone()).collect();
    Written { text: ruled(&table, totals.is_some()), left_out: titles(left_out), empty: titles(empty) }
}

/// Cuts the ids of a column to as many characters as distinguish them.
fn shorten(rows: &mut [Vec<String>], at: usize) {
    let ids: BTreeSet<&str> = rows.iter().filter_map(|row| row.get(at)).map(String::as_str).collect();
    // Of sorted ids, neighbours have the longest common beginnings.
    let shared = |(a, b): (&&str, &&str)| a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let letters = ids.iter().zip(ids.iter().skip(1)).map(shared).max().map_or(ID, |most| ID.max(most + 1));
    for id in rows.iter_mut().filter_map(|row| row.get_mut(at)) {
        if let Some((end, _)) = id.char_indices().nth(letters) {
            id.truncate(end);
        }
    }
}

/// Cuts each path of a column to the last parts that distinguish it.
fn keep_last_parts(rows: &mut [Vec<String>], at: usize) {
    let short = told_apart(rows.iter().filter_map(|row| row.get(at)).map(String::as_str));
    for path in rows.iter_mut().filter_map(|row| row.get_mut(at)) {
        if let Some(short) = short.get(path) {
            path.clone_from(short);
        }
    }
}

/// The end of each path: as many of its last parts as distinguish it from the other paths.
pub fn told_apart<'p>(paths: impl Iterator<Item = &'p str>) -> HashMap<String, String> {
    let paths: BTreeSet<&str> = paths.collect();
    let mut number: HashMap<&str, usize> = HashMap::new();
    paths.iter().flat_map(|path| ends(path)).for_each(|end| *number.entry(end).or_default() += 1);
    let short = |path: &str| ends(path).filter(|end| number.get(end) == Some(&1)).last().unwrap_or(path).to_owned();
    paths.iter().map(|path| ((*path).to_owned(), short(path))).collect()
}

/// All ends of a path that start at one of its parts, the longest first.
fn ends(path: &str) -> impl Iterator<Item = &str> {
    let begins = path.match_indices('/').map(|(at, _)| at + 1);
    std::iter::once(0).chain(begins).filter_map(|at| path.get(at..)).filter(|end| !end.is_empty())
}

/// The lines of the table, with a line above the totals.
fn ruled(table: &Table, totals: bool) -> String {
    let mut lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    if let (true, Some(rule)) = (totals, lines.iter().find(|line| line.starts_with('─')).cloned()) {
        lines.insert(lines.len() - 1, rule);
    }
    lines.join("\n") + "\n"
}

/// Whether a column has only numbers that mean zero.
fn is_zero(fields: &[Field], rows: &[Vec<String>], at: usize) -> bool {
    fields[at].is_number() && rows.iter().filter_map(|row| row.get(at)).all(|cell| is_nothing(cell))
}

/// The width of each column; `None` for columns that are dropped.
fn widths(fields: &[Field], rows: &[Vec<String>], width: Option<usize>) -> Vec<Option<usize>> {
    let column = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    let cells = |at: usize| column(at).map(|cell| cell.width()).max().unwrap_or_default();
    let natural: Vec<usize> = (0..fields.len()).map(|at| cells(at).max(fields[at].title.width())).collect();
    let least = |at: usize, is_tight: bool| match fields[at].kind {
        Kind::Path | Kind::Project => {
            natural[at].min(if is_tight { TIGHT } else { FLOOR }.max(fields[at].title.width()))
        }
        Kind::Name | Kind::Id | Kind::State | Kind::Drawing => natural[at],
        Kind::Text | Kind::Line if is_tight => natural[at].min(FLOOR.max(fields[at].title.width())),
        Kind::Line => natural[at].min(fields[at].floor.max(fields[at].title.width())),
        Kind::Text => {
            // In a wrapped text, names stay whole. Paths, and scripts written without spaces, can be cut.
            let is_name = |word: &&str| !word.contains('/') && word.width() == word.chars().count();
            let words = column(at).flat_map(|cell| cell.split_whitespace()).filter(is_name);
            let name = words.map(UnicodeWidthStr::width).max().unwrap_or_default().min(NAME);
            natural[at].min(fields[at].floor.max(fields[at].title.width()).max(name))
        }
        Kind::Number | Kind::Failures => {
            fields[at].title.split(' ').map(UnicodeWidthStr::width).fold(cells(at), usize::max)
        }
    };
    let width = width.unwrap_or(usize::MAX);
    let is_blank = |at: &usize| fields[*at].kind == Kind::Drawing && column(*at).all(|cell| cell.trim().is_empty());
    let mut shown: Vec<usize> = (0..fields.len()).filter(|at| !is_blank(at)).collect();
    // A space on both sides of each cell, and one between two cells.
    let frame = |shown: &[usize]| (3 * shown.len()).saturating_sub(1);
    let is_zero = |at: usize| is_zero(fields, rows, at);
    let taken =
        |shown: &[usize], is_tight: bool| shown.iter().map(|at| least(*at, is_tight)).sum::<usize>() + frame(shown);
    while taken(&shown, false) > width {
        let spare = shown.iter().copied().filter(|at| fields[*at].rank > 0 || is_zero(*at));
        let spare = spare.max_by_key(|at| (is_zero(*at), fields[*at].rank, *at));
        let Some(spare) = spare.filter(|_| shown.len() > 1) else { break };
        shown.retain(|at| *at != spare);
    }
    let is_tight = taken(&shown, false) > width;
    let floor = |at: usize| least(at, is_tight);
    let is_fixed = |at: &&usize| floor(**at) == natural[**at];
    let (names, mut giving): (Vec<usize>, Vec<usize>) = shown.iter().partition(is_fixed);
    let mut room = width.saturating_sub(taken(&shown, is_tight));
    let mut widths = vec![None; fields.len()];
    names.iter().for_each(|at| widths[*at] = Some(natural[*at]));
    // Each column has its minimum. The remaining room goes first to columns that are read as a whole, then to lines,
    // which can be cut. Within each group, columns that need little more get that, and the others share the rest.
    let is_line = |at: usize| fields[at].kind == Kind::Line;
    giving.sort_by_key(|at| (is_line(*at), natural[*at] - floor(*at)));
    for (done, at) in giving.iter().enumerate() {
        let others = giving[done..].iter().filter(|other| is_line(**other) == is_line(*at)).count();
        let (wanted, share) = (natural[*at] - floor(*at), room / others);
        // A title that does not fit on one line wraps, and more width would not help.
        let more = if wanted > share && fields[*at].is_number() { 0 } else { wanted.min(share) };
        room -= more;
        widths[*at] = Some(floor(*at) + more);
    }
    widths
}

impl Field {
    fn fitted<'c>(&self, cell: &'c str, width: usize) -> Cow<'c, str> {
        match self.kind {
            _ if cell.width() <= width => Cow::Borrowed(cell),
            Kind::Name | Kind::Id | Kind::State | Kind::Drawing => Cow::Borrowed(cell),
            Kind::Path | Kind::Project => Cow::Owned(ending(cell, width)),
            Kind::Line => Cow::Owned(beginning(cell, width)),
            Kind::Text | Kind::Number | Kind::Failures => Cow::Owned(wrapped(cell, width)),
        }
    }
}

/// The end of a long text. It distinguishes texts with the same beginning.
fn ending(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let end: Vec<_> = fitting(text.chars().rev(), width).collect();
    std::iter::once('…').chain(end.into_iter().rev()).collect()
}

/// The characters that fit into the width, with room for an ellipsis.
fn fitting(chars: impl Iterator<Item = char>, width: usize) -> impl Iterator<Item = char> {
    let mut room = width.saturating_sub(1);
    chars.take_while(move |c| {
        let left = room.checked_sub(c.width().unwrap_or_default());
        room = left.unwrap_or_default();
        left.is_some()
    })
}

/// Wraps a text between words, and between characters of scripts that are written without spaces, which are wide. A
/// word longer than a line is cut at its end, a path at its beginning.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let is_wide = word.width() > word.chars().count();
        let cut = if word.starts_with('/') { ending } else { beginning };
        let parts: Vec<String> =
            if is_wide { word.chars().map(String::from).collect() } else { vec![cut(word, width)] };
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

/// The beginning of a text, cut to the width.
pub fn beginning(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    fitting(text.chars(), width).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(width: Option<usize>) -> Screen {
        Screen { width, ..Screen::default() }
    }

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
        grid(&fields, &rows, wide(Some(width))).text
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
        let widest = " What                           Cache write    Cost";
        assert_eq!(grid(&fields, &rows, wide(None)).text.lines().next(), Some(widest));
        assert_eq!(
            grid(&fields, &rows, wide(Some(38))).text,
            " What                 Cache    Cost\n                      write\n\
             ────────────────────────────────────\n \
             claude-opus-4-6 in   1,234   $0.12\n fast mode\n"
        );
    }

    #[test]
    fn paths_keep_their_end() {
        assert_eq!(wrapped("changed /home/ada/shop", 9), "changed\n…ada/shop");
        assert_eq!(ending("/home/ada/shop", 14), "/home/ada/shop");
        assert_eq!(ending("/home/ada/shop", 9), "…ada/shop");
        assert_eq!(ending("/店/店", 4), "…/店");
    }

    #[test]
    fn columns_of_zeros_go_first_and_what_went_is_said() {
        let fields =
            [Field::name("User"), Field::number("Input").spare(1), Field::number("Cache"), Field::number("Cost")];
        let rows = [["ada", "5", "0", "$1.00"], ["bob", "0", "0", "$0.00"]].map(|row| row.map(str::to_owned).to_vec());
        let Written { text, empty, .. } = grid(&fields, &rows, wide(Some(25)));
        assert_eq!(
            (text.as_str(), empty),
            (
                " User   Input    Cost\n──────────────────────\n ada        5   $1.00\n bob        0   $0.00\n",
                vec!["Cache".to_owned()]
            )
        );
        let narrow = grid(&fields, &rows, wide(Some(20)));
        assert_eq!((&*narrow.left_out, &*narrow.empty), (&["Input".to_owned()][..], &["Cache".to_owned()][..]));
    }

    #[test]
    fn other_columns_go_before_a_text_gets_too_narrow() {
        let fields = [Field::text("Title").at_least(20), Field::name("User").spare(1), Field::number("Cost")];
        let rows = [["Oil the mill, then sharpen the stones", "ada", "$1.00"].map(str::to_owned).to_vec()];
        let first = |width: usize| {
            let text = grid(&fields, &rows, wide(Some(width))).text;
            text.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(first(37), "Title User Cost");
        assert_eq!(first(36), "Title Cost");
        assert_eq!(first(24), "Title Cost", "nothing else can go");
    }

    #[test]
    fn a_terminal_shows_as_much_of_an_id_as_tells_it_apart() {
        let fields = [Field::id("Session"), Field::text("Title")];
        let rows = [["0198c2aa-5e55-4a00", "one"], ["0198c2aa-5e77-4a00", "two"], ["s1", "three"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        let ids = |screen: Screen| {
            let text = grid(&fields, &rows, screen).text;
            text.lines().skip(2).map(|line| line.split_whitespace().next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let terminal = Screen { is_terminal: true, ..wide(None) };
        assert_eq!(ids(terminal), ["0198c2aa-5e5", "0198c2aa-5e7", "s1"]);
        assert_eq!(ids(wide(Some(80))), ["0198c2aa-5e55-4a00", "0198c2aa-5e77-4a00", "s1"]);
    }

    #[test]
    fn a_terminal_shows_as_many_parts_of_a_project_as_tell_it_apart() {
        let fields = [Field::project("Project")];
        let names =
            ["/home/ada/shop", "/home/bob/mill", "*/mill", "example.org/ada/oil", "spotting", "/home/ada/shop/web"];
        let rows = names.map(|name| vec![name.to_owned()]);
        let shown = |screen: Screen| {
            let text = grid(&fields, &rows, screen).text;
            text.lines().skip(2).map(|line| line.trim().to_owned()).collect::<Vec<_>>()
        };
        let terminal = Screen { is_terminal: true, ..wide(None) };
        assert_eq!(shown(terminal), ["shop", "bob/mill", "*/mill", "oil", "spotting", "web"]);
        assert_eq!(shown(wide(Some(80))), names);
    }

    #[test]
    fn colours_say_what_a_cell_means() {
        let fields = [Field::state("State"), Field::number("Calls"), Field::failures("Failed")];
        let rows = [["ok", "3", "0"], ["failing", "0", "2"]].map(|row| row.map(str::to_owned).to_vec());
        let totals = ["Total", "3", "2"].map(str::to_owned);
        let plain = with_totals(&fields, &rows, Some(&totals), wide(None)).text;
        let screen = Screen { has_colour: true, ..wide(None) };
        let text = with_totals(&fields, &rows, Some(&totals), screen).text;
        let mut bare = text.clone();
        for code in ["[0m", "[1m", "[2m", "[38;5;2m", "[38;5;1m", "[39m"] {
            bare = bare.replace(&format!("\u{1b}{code}"), "");
        }
        assert_eq!(bare.lines().map(str::trim_end).collect::<Vec<_>>(), plain.lines().collect::<Vec<_>>(), "{text:?}");
        for part in ["[38;5;2mok\u{1b}", "[38;5;1mfailing\u{1b}", "[38;5;1m2\u{1b}", "[2m0\u{1b}", "[1mTotal\u{1b}"] {
            assert!(text.contains(part), "{part}: {text:?}");
        }
    }

    #[test]
    fn a_drawing_that_is_blank_is_left_out() {
        let fields = [Field::name("A"), Field::drawing(""), Field::drawing("By day")];
        let text = |cells: [&str; 3]| grid(&fields, &[cells.map(str::to_owned).to_vec()], Screen::default()).text;
        assert_eq!(text(["one", "", "   "]), " A\n─────\n one\n");
        assert_eq!(text(["one", "", " ▁ "]), " A     By day\n──────────────\n one    ▁\n");
    }

    #[test]
    fn bars_are_as_long_as_their_part() {
        assert_eq!(
            [0, 1, 500, 550, 1000, 2000].map(|part| bar(part, 1000)),
            ["", "▏", "█████", "█████▌", "██████████", "██████████"]
        );
        assert_eq!(sparkline(&[0, 1, 40, 80]), " ▁▄█");
        assert_eq!(sparkline(&[0, 0]), "  ");
    }
}
