//! A chart of stacked bars, one for each period, with a legend and a table of its numbers. The drawing stretches to any
//! width; all text is outside of the drawing, so it keeps its size.

use crate::plugs::usage::report::html::table::{self, Kind};
use crate::plugs::usage::report::html::text::Text;
use md5::{Digest as _, Md5};
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

/// The number of series with their own colour. Further series are merged into one.
pub(super) const COLOURS: usize = 7;

/// The data of a chart.
pub(super) struct Bars<'a> {
    pub(super) title: &'a str,
    /// What a bar stands for: day, week, month, or hour of the day.
    pub(super) period: &'a str,
    /// Names of the bars, in order.
    pub(super) bars: &'a [String],
    /// Names, with a number for each bar. At most [`COLOURS`] series, and one for all others.
    pub(super) series: Vec<(String, Vec<i128>)>,
    /// The number of each series' colour.
    pub(super) colours: Vec<usize>,
    /// Formats a number.
    pub(super) told: fn(i128) -> String,
    /// How many of the numbers make one unit that is shown, such as 3600 for seconds shown as hours.
    pub(super) unit: i128,
}

/// The colours of the first names of the whole page. A name's colour follows from its place in a list, or else from its
/// letters; if that colour is taken, it gets the next free one. So a colour does not depend on costs, and stays the
/// same from one page to the next.
pub(super) fn own_colours(whole: &[&String], place: impl Fn(&str) -> Option<usize>) -> HashMap<String, usize> {
    let mut names: Vec<_> = whole.iter().take(COLOURS).map(|name| (place(name).ok_or(name.as_str()), *name)).collect();
    names.sort();
    let mut own = HashMap::new();
    let mut free: BTreeSet<usize> = (0..COLOURS).collect();
    for (place, name) in names {
        let wanted = place.unwrap_or_else(|name| Md5::digest(name)[0].into()) % COLOURS;
        if let Some(colour) = free.range(wanted..).next().or_else(|| free.first()).copied() {
            free.remove(&colour);
            own.insert(name.clone(), colour);
        }
    }
    own
}

/// The colours of the names in a period. A name with a colour of its own keeps it when a reader switches to another
/// period. The other names get the remaining colours.
pub(super) fn colours(drawn: &[(String, Vec<i128>)], own: &HashMap<String, usize>) -> Vec<usize> {
    let own = |name: &String| own.get(name).copied();
    let taken: Vec<_> = drawn.iter().filter_map(|(name, _)| own(name)).collect();
    let mut free = (0..=COLOURS).filter(|colour| !taken.contains(colour));
    let others = |at: usize| (at >= COLOURS).then_some(COLOURS);
    let colour = |(at, (name, _)): (usize, &(String, Vec<i128>))| {
        others(at).or_else(|| own(name)).or_else(|| free.next()).unwrap_or(COLOURS)
    };
    drawn.iter().enumerate().map(colour).collect()
}

/// The width of a bar with its gap, and the height of the chart, in units of the drawing.
const STEP: usize = 10;
const HEIGHT: i128 = 100;

impl Bars<'_> {
    pub(super) fn html(&self) -> String {
        let sum = |at: usize| self.series.iter().filter_map(|(_, numbers)| numbers.get(at)).sum::<i128>();
        let sums: Vec<i128> = (0..self.bars.len()).map(sum).collect();
        let (top, cut) = top(&sums, self.unit);
        // A few bars are as narrow as those of a week.
        let width = self.bars.len().max(LABELS) * STEP;
        let mut html = format!("<figure>\n<figcaption>{}, by {}</figcaption>\n", Text(self.title), self.period);
        let _ = write!(
            html,
            "<div class=\"plot\"><span class=\"top\">{}</span><span class=\"mid\">{}</span>\n\
             <svg viewBox=\"0 0 {width} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">\n\
             <path class=\"grid\" d=\"M0 0H{width}M0 50H{width}M0 100H{width}\"/>\n",
            Text(&(self.told)(top)),
            Text(&(self.told)(top / 2)),
            Text(&format!("{}: bars by {}; the table below has the numbers", self.title, self.period)),
        );
        for (at, (bar, sum)) in self.bars.iter().zip(&sums).enumerate() {
            html += &self.bar(at, bar, *sum, top);
        }
        html += "</svg></div>\n<div class=\"axis\">";
        // A phone has room for four long names.
        let most = if self.bars.is_empty() || self.label(0).len() <= "02-28".len() { LABELS } else { 4 };
        let labels = self.bars.len().min(most);
        for label in 0..labels {
            let at = label * (self.bars.len() - 1) / (labels - 1).max(1);
            // The middle of the bar, in hundredths of a percent. The first and last labels are aligned with their bars,
            // so that they do not stick out.
            let middle = (at * 2 + 1) * STEP * 5000 / width;
            let (class, place) = match at {
                0 if self.bars.len() > LABELS => (" class=\"first\"", 0),
                at if at + 1 == self.bars.len() && at >= LABELS => (" class=\"last\"", 10_000),
                _ => ("", middle),
            };
            let _ =
                write!(html, "<span{class} style=\"left:{}%\">{}</span>", decimal(place as i128), Text(self.label(at)));
        }
        html += "</div>\n";
        if cut > 0 {
            let bars = crate::base::error::count(cut as u64, "bar");
            let _ = writeln!(html, "<p class=\"soft\">{bars} above {} cut, marked at the top</p>", (self.told)(top));
        }
        html += "<ul class=\"legend\">";
        for (colour, (name, _)) in self.colours.iter().zip(&self.series) {
            let _ = write!(html, "<li><i class=\"s{colour}\"></i>{}</li>", Text(name));
        }
        html += "</ul>\n";
        html += &self.table(&sums);
        html + "</figure>\n"
    }

    /// The name of a bar, shortened: a day or week without its year, if all bars are in one year.
    fn label(&self, at: usize) -> &str {
        let year = |name: &String| name.get(..5).map(str::to_owned);
        let name = &self.bars[at];
        match (self.period, self.bars.first().and_then(year), self.bars.last().and_then(year)) {
            ("day" | "week", Some(first), Some(last)) if first == last => name.strip_prefix(&first).unwrap_or(name),
            _ => name,
        }
    }

    /// A bar, with an invisible bar of full height above it, so that hovering anywhere shows the numbers.
    fn bar(&self, at: usize, name: &str, sum: i128, top: i128) -> String {
        let x = at * STEP;
        let mut told = format!("{name}: {}", (self.told)(sum));
        let mut parts = String::new();
        let mut below = 0;
        for (colour, (series, numbers)) in self.colours.iter().zip(&self.series) {
            let value = numbers.get(at).copied().unwrap_or_default();
            if value <= 0 {
                continue;
            }
            let (y, end) = (height((below + value).min(top), top), height(below.min(top), top));
            let _ = write!(
                parts,
                "<rect class=\"s{colour}\" x=\"{x}.8\" y=\"{}\" width=\"8.4\" height=\"{}\"/>",
                decimal(HEIGHT * 100 - y),
                decimal(y - end)
            );
            let _ = write!(told, " · {series} {}", (self.told)(value));
            below += value;
        }
        if sum > top {
            let _ = write!(parts, "<path class=\"cut\" d=\"M{x}.8 3h8.4\"/>");
        }
        format!(
            "<g><title>{}</title><rect class=\"hit\" x=\"{x}\" y=\"0\" width=\"{STEP}\" height=\"{HEIGHT}\"/>{parts}</g>\n",
            escaped_whole(&told)
        )
    }

    fn table(&self, sums: &[i128]) -> String {
        let names = self.series.iter().map(|(name, _)| (name.as_str(), Kind::Numbers));
        let head: Vec<_> =
            std::iter::once((self.period, Kind::Words)).chain(names).chain([("all", Kind::Numbers)]).collect();
        let rows = self.bars.iter().enumerate().map(|(at, bar)| {
            let numbers = self.series.iter().filter_map(|(_, numbers)| numbers.get(at)).chain(sums.get(at));
            std::iter::once(bar.clone()).chain(numbers.map(|number| (self.told)(*number))).collect()
        });
        table::folded(self.title, &head, rows)
    }
}

/// Escapes a long text in pieces, because a single [`Text`] would be cut.
fn escaped_whole(text: &str) -> String {
    text.split_inclusive(" · ").map(|piece| Text(piece).to_string()).collect()
}

/// The height in hundredths of the drawing's units.
fn height(value: i128, top: i128) -> i128 {
    value.saturating_mul(HEIGHT * 100) / top.max(1)
}

fn decimal(hundredths: i128) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// The most labels below a chart.
const LABELS: usize = 7;

/// The top of a chart, and the number of bars that are cut there. If the highest bar is more than four times as high as
/// the 90th percentile, the top is lower, so that a few bars do not flatten all others.
fn top(sums: &[i128], unit: i128) -> (i128, usize) {
    let round_up = |number: i128| round_up((number + unit - 1) / unit) * unit;
    let mut sorted: Vec<i128> = sums.iter().copied().filter(|sum| *sum > 0).collect();
    sorted.sort_unstable();
    let most = sorted.last().copied().unwrap_or_default();
    let usual = sorted.get((sorted.len() * 9 / 10).saturating_sub(1)).copied().unwrap_or_default();
    let top = if sorted.len() >= 10 && most > usual * 4 { round_up(usual * 3 / 2) } else { round_up(most) };
    (top, sums.iter().filter(|sum| **sum > top).count())
}

/// The next round number whose half is round, too.
fn round_up(number: i128) -> i128 {
    let mut ten = 1;
    while ten < number / 10 {
        ten *= 10;
    }
    let steps = [1, 2, 4, 6, 8, 10, 12, 16, 20, 40, 60, 80, 100];
    steps.iter().map(|step| step * ten).find(|top| *top >= number).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_is_round_and_not_below_the_highest_bar() {
        for (number, top) in [(0, 1), (1, 1), (3, 4), (9, 10), (11, 12), (41, 60), (99, 100), (101, 120), (812, 1000)] {
            assert_eq!(round_up(number), top, "{number}");
        }
    }

    #[test]
    fn a_bar_that_would_flatten_all_others_is_cut() {
        let usual: Vec<i128> = (1..=20).collect();
        assert_eq!(top(&usual, 1), (20, 0));
        assert_eq!(top(&[&usual[..], &[900]].concat(), 1), (40, 1));
        assert_eq!(top(&[1, 900], 1), (1000, 0), "of few bars none is unusual");
        assert_eq!(top(&[], 1), (1, 0));
        assert_eq!(top(&[20_000, 100], 3600), (6 * 3600, 0), "hours, and not a part of one");
    }

    #[test]
    fn a_name_keeps_its_colour_in_every_period() {
        let own = ('a'..='g').map(String::from).zip(0..).collect();
        let of = |names: &[&str]| {
            colours(&names.iter().map(|name| ((*name).to_owned(), Vec::new())).collect::<Vec<_>>(), &own)
        };
        assert_eq!(of(&["c", "a"]), [2, 0]);
        assert_eq!(of(&["j", "a", "i"]), [1, 0, 2], "what has none of its own takes what is left");
        assert_eq!(of(&["a", "b", "c", "d", "e", "f", "g", "3 others"]), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_name_has_the_same_colour_on_every_page() {
        let of = |names: &[&str], listed: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let own = own_colours(&names.iter().collect::<Vec<_>>(), |name| listed.iter().position(|one| *one == name));
            names.iter().map(|name| own.get(name).copied()).collect::<Vec<_>>()
        };
        let listed = ["ada", "bob", "eve", "joe", "kim", "lee", "mia"];
        assert_eq!(of(&["eve", "ada"], &listed), [Some(2), Some(0)], "those of a list by their places");
        assert_eq!(of(&["eve"], &listed), [Some(2)]);
        let letters = |name: &str| of(&[name], &[])[0];
        assert_eq!(of(&["ada", "eve"], &[]), [letters("ada"), letters("eve")], "others by their letters");
        assert_eq!(of(&["eve", "ada"], &[]), [letters("eve"), letters("ada")], "whatever was spent");
        let all = of(&["a", "b", "c", "d", "e", "f", "g", "h"], &[]);
        assert_eq!(all.iter().flatten().collect::<BTreeSet<_>>().len(), COLOURS, "no two have one");
        assert_eq!(all[COLOURS], None);
    }

    #[test]
    fn bars_stand_on_each_other() {
        let bars = ["Mon".to_owned(), "Tue".to_owned()];
        let series = vec![("a".to_owned(), vec![1, 0]), ("<b>".to_owned(), vec![3, 2])];
        let colours = vec![0, 1];
        let html =
            Bars { title: "T", period: "day", bars: &bars, series, colours, told: |n| n.to_string(), unit: 1 }.html();
        let expected = "<g><title>Mon: 4 · a 1 · &lt;b&gt; 3</title>\
                        <rect class=\"hit\" x=\"0\" y=\"0\" width=\"10\" height=\"100\"/>\
                        <rect class=\"s0\" x=\"0.8\" y=\"75.00\" width=\"8.4\" height=\"25.00\"/>\
                        <rect class=\"s1\" x=\"0.8\" y=\"0.00\" width=\"8.4\" height=\"75.00\"/></g>\n\
                        <g><title>Tue: 2 · &lt;b&gt; 2</title>\
                        <rect class=\"hit\" x=\"10\" y=\"0\" width=\"10\" height=\"100\"/>\
                        <rect class=\"s1\" x=\"10.8\" y=\"50.00\" width=\"8.4\" height=\"50.00\"/></g>\n";
        assert!(html.contains(expected), "{html}");
        assert!(
            html.contains(
                "<tr><th scope=\"row\">Mon</th><td class=\"n\">1</td><td class=\"n\">3</td><td class=\"n\">4</td></tr>"
            ),
            "{html}"
        );
    }
}
