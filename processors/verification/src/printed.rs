//! Recognises lines that tools printed. A person who pastes such a line into a prompt does not state it.
//!
//! A line is recognised by its text from the first letter to the last letter or digit. Line numbers, indentation, list
//! marks and quotation marks around it do not matter. Each line is stored as a hash of its JSON form, so that tool
//! output need not be unescaped.

use foldhash::fast::FixedState;
use memchr::memchr2;
use sessionmill_contract::Output;
use std::collections::HashSet;
use std::hash::BuildHasher as _;
use std::ops::Range;

/// The least bytes of a line that counts. Shorter ones, such as `ok 12 passed`, could also be a person's own words.
const LEAST: usize = 20;

/// The number of lines that are remembered at least: the latest ones.
const KEPT: usize = 1 << 16;

/// The lines that tools have printed so far in a session.
#[derive(Debug, Default)]
pub struct Printed {
    recent: HashSet<u64>,
    /// The lines before `recent`, of the same number.
    older: HashSet<u64>,
}

impl Printed {
    /// Adds the output of a tool.
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

    /// Where a text contains such lines.
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

/// Passes on the hashes of the lines in the texts of a piece of JSON.
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

/// The hash of a line, if it is long enough.
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
