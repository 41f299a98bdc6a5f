//! Lines that tools printed. Who pastes one into a prompt does not say it.
//!
//! A line is known again from its first letter to its last letter or digit: numbers of lines, indentation, marks of lists
//! and quotations around it do not count. It is kept as a number, made of the line as JSON has it: of all that tools print,
//! nothing is read more than once.

use foldhash::fast::FixedState;
use memchr::memchr2;
use sessionmill_contract::Output;
use std::collections::HashSet;
use std::hash::BuildHasher as _;
use std::ops::Range;

/// Bytes of a line that is said by nobody else: `ok 12 passed` is printed and said alike.
const LEAST: usize = 20;

/// Lines that are kept at least, a number for each: the last ones.
const KEPT: usize = 1 << 16;

/// The lines that tools have printed so far in a session.
#[derive(Debug, Default)]
pub struct Printed {
    recent: HashSet<u64>,
    /// Those before, as many.
    older: HashSet<u64>,
}

impl Printed {
    /// Takes in what a tool answered.
    pub fn add(&mut self, output: Output<'_>) {
        match output {
            Output::Nothing => {}
            Output::Text(text) => self.add(Output::Json(&as_json(text))),
            Output::Json(json) => numbers(json, |number| {
                if self.recent.len() >= KEPT {
                    self.older = std::mem::take(&mut self.recent);
                }
                self.recent.insert(number);
            }),
        }
    }

    /// Where a text has such lines.
    pub fn lines_of(&self, text: &str) -> Vec<Range<usize>> {
        if self.recent.is_empty() {
            return Vec::new();
        }
        let is_known = |line: &str| {
            let mut is_known = false;
            let has = |number| self.recent.contains(&number) || self.older.contains(&number);
            numbers(&as_json(line), |number| is_known |= has(number));
            is_known
        };
        let mut end = 0;
        let lines = text.split_inclusive('\n').map(|line| {
            end += line.len();
            (line.trim_end(), end - line.len()..end)
        });
        lines.filter(|(line, _)| is_known(line)).map(|(_, range)| range).collect()
    }
}

fn as_json(text: &str) -> Vec<u8> {
    serde_json::Value::from(text).to_string().into_bytes()
}

/// Hands on the numbers of the lines in the texts of a piece of JSON.
fn numbers(json: &[u8], mut each: impl FnMut(u64)) {
    let (mut start, mut at) = (0, 0);
    while let Some(next) = memchr2(b'"', b'\\', &json[at..]) {
        at += next;
        let (length, is_end) = match json[at..] {
            [b'"', ..] => (1, true),
            [_, b'n', ..] => (2, true),
            [_, _, ..] => (2, false),
            _ => break,
        };
        if is_end {
            number(&json[start..at]).into_iter().for_each(&mut each);
            start = at + length;
        }
        at += length;
    }
    number(&json[start..]).into_iter().for_each(each);
}

/// The number of a line that is long enough.
fn number(mut line: &[u8]) -> Option<u64> {
    line = loop {
        match line {
            [b'\\', b'u', _, _, _, _, rest @ ..] | [b'\\', _, rest @ ..] => line = rest,
            [first, rest @ ..] if !first.is_ascii_alphabetic() => line = rest,
            _ => break line.strip_suffix(b"\\r").unwrap_or(line),
        }
    };
    let end = line.iter().rposition(u8::is_ascii_alphanumeric)? + 1;
    (end >= LEAST).then(|| FixedState::default().hash_one(&line[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_known_again_however_they_are_escaped_and_marked() {
        let json = br#"[{"type":"text","text":"ok\n   12\u2192\tInvoices are \"net 30\".\r\nTokens of ours: live 15 minutes"}]"#;
        let said =
            "see:\n> Invoices are \"net 30\"\nok\n- Tokens of ours: live 15 minutes\nTokens of ours: live 5 minutes";
        let second = said.find("- Tokens").unwrap();
        let expected = vec![5..said.find("ok").unwrap(), second..said.find("Tokens of ours: live 5").unwrap()];
        let text = "12 Invoices are \"net 30\"!\n Tokens of ours: live 15 minutes";
        for output in [Output::Json(json), Output::Text(text)] {
            let mut printed = Printed::default();
            printed.add(output);
            assert_eq!(printed.lines_of(said), expected, "{output:?}");
        }
    }

    #[test]
    fn the_last_lines_are_kept() {
        let mut printed = Printed::default();
        let line = |number: usize| format!("a line of its own, number {number:06}");
        (0..=2 * KEPT).for_each(|number| printed.add(Output::Text(&line(number))));
        let known = |number: usize| !printed.lines_of(&line(number)).is_empty();
        assert!(known(2 * KEPT) && known(KEPT) && !known(0));
    }

    #[test]
    fn json_that_breaks_off_is_read_so_far() {
        let mut printed = Printed::default();
        printed.add(Output::Json(br#""Refunds are paid within a week\n\u00"#));
        printed.add(Output::Json(br#""\"#));
        assert_eq!(printed.lines_of("Refunds are paid within a week").len(), 1);
    }
}
