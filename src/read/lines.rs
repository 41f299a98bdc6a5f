//! Splits a stream that comes in windows into lines. The memory for a line is limited by a cap.

use crate::source::open::Refusal;
use sessionmill_contract::FailureClass;

/// Splits windows into lines. Keeps the beginning of a line that continues in the next window.
#[derive(Debug)]
pub struct Lines {
    rest: Vec<u8>,
    cap: usize,
    /// Whether the current line is longer than the cap. It is then skipped to its end.
    oversize: bool,
    number: u64,
    /// The offset of the current line, in bytes.
    offset: u64,
    /// Bytes of all windows so far.
    fed: u64,
}

/// The position of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// Its number, counted from 1.
    pub number: u64,
    /// The offset of its first byte.
    pub offset: u64,
}

/// One line, without its line feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    Whole(&'a [u8]),
    /// It is longer than the cap. Its bytes are not kept.
    Oversize,
}

impl Lines {
    /// `cap` is the most bytes of a line.
    pub fn new(cap: usize) -> Self {
        Self { rest: Vec::new(), cap, oversize: false, number: 0, offset: 0, fed: 0 }
    }

    /// Refuses a file whose first window begins like UTF-16: with a byte-order mark and an ASCII character.
    ///
    /// # Errors
    ///
    /// If it does.
    pub fn refuse_utf_16(&self, window: &[u8]) -> Result<(), Refusal> {
        let is_utf_16 = matches!(window, [0xff, 0xfe, 1..=0xff, 0, ..] | [0xfe, 0xff, 0, 1..=0xff, ..]);
        if self.fed == 0 && is_utf_16 {
            let words = "its text is UTF-16, not UTF-8: convert it with `iconv -f UTF-16 -t UTF-8`";
            return Err(Refusal::failed(FailureClass::Rejected, words));
        }
        Ok(())
    }

    /// Calls `each` for the lines that end in this window.
    pub fn feed(&mut self, mut window: &[u8], mut each: impl FnMut(At, Line<'_>)) {
        self.fed += window.len() as u64;
        while let Some(end) = memchr::memchr(b'\n', window) {
            let (line, after) = window.split_at(end);
            window = after.get(1..).unwrap_or_default();
            self.number += 1;
            let at = At { number: self.number, offset: self.offset };
            self.offset = self.fed - window.len() as u64;
            if self.oversize || self.rest.len() + line.len() > self.cap {
                each(at, Line::Oversize);
            } else if self.rest.is_empty() {
                each(at, Line::Whole(line));
            } else {
                self.rest.extend_from_slice(line);
                each(at, Line::Whole(&self.rest));
            }
            self.oversize = false;
            self.rest.clear();
        }
        if self.oversize || self.rest.len() + window.len() > self.cap {
            self.oversize = true;
            self.rest = Vec::new();
        } else {
            self.rest.extend_from_slice(window);
        }
    }

    /// The position and bytes of a last line without a line feed, if there is one within the cap.
    pub fn tail(&self) -> Option<(At, &[u8])> {
        let at = At { number: self.number + 1, offset: self.offset };
        (!self.rest.is_empty() && !self.oversize).then_some((at, &self.rest))
    }

    /// The number of lines that ended with a line feed.
    pub fn count(&self) -> u64 {
        self.number
    }
}

/// The line without bytes that belong to no record: white space, a byte-order mark, and the zeros that a crash leaves
/// in place of a block that was never written. Returns the number of bytes before the record, and the record.
pub(crate) fn trim(line: &[u8]) -> (u64, &[u8]) {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let start = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
    let line = &line[start..end];
    match line.strip_prefix(BYTE_ORDER_MARK) {
        Some(line) => ((start + BYTE_ORDER_MARK.len()) as u64, line),
        None => (start as u64, line),
    }
}

/// Whether a last line without a line feed consists of complete JSON objects or lists. If not, it may still be being
/// written.
pub(crate) fn is_whole(tail: &[u8]) -> bool {
    let (_, tail) = trim(tail);
    let mut values = serde_json::Deserializer::from_slice(tail).into_iter::<serde::de::IgnoredAny>();
    matches!(tail.first(), Some(b'{' | b'[')) && values.all(|value| value.is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines with their numbers and offsets (`None` for one over the cap), and the tail with its offset.
    type Split = (Vec<(u64, u64, Option<Vec<u8>>)>, Option<(u64, Vec<u8>)>);

    fn split(windows: &[&[u8]], cap: usize) -> Split {
        let mut lines = Lines::new(cap);
        let mut all = Vec::new();
        for window in windows {
            lines.feed(window, |At { number, offset }, line| {
                all.push((number, offset, if let Line::Whole(line) = line { Some(line.to_vec()) } else { None }));
            });
        }
        (all, lines.tail().map(|(at, tail)| (at.offset, tail.to_vec())))
    }

    #[test]
    fn windows_do_not_matter() {
        let text = b"one\n\nthree\r\nfour";
        let whole = split(&[text], 100);
        assert_eq!(whole.0.len(), 3);
        assert_eq!(whole.0.iter().map(|(_, offset, _)| *offset).collect::<Vec<_>>(), [0, 4, 5]);
        assert_eq!(whole.1, Some((12, b"four".to_vec())));
        for cut in 0..text.len() {
            let (a, b) = text.split_at(cut);
            assert_eq!(split(&[a, b], 100), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_over_the_cap_costs_itself_only() {
        let windows: [&[u8]; 4] = [b"ok\n12", b"34", b"567", b"8\nok\n12345678"];
        let (lines, tail) = split(&windows, 5);
        assert_eq!(lines, [(1, 0, Some(b"ok".to_vec())), (2, 3, None), (3, 12, Some(b"ok".to_vec()))]);
        assert_eq!(tail, None);
    }

    #[test]
    fn a_line_is_trimmed_of_what_is_no_record() {
        assert_eq!(trim(b"\0\0 {}\r"), (3, &b"{}"[..]));
        assert_eq!(trim(b"\xef\xbb\xbf{}"), (3, &b"{}"[..]));
        assert_eq!(trim(b" \0\r"), (3, &b""[..]));
    }

    #[test]
    fn an_unfinished_line_counts_if_it_is_whole() {
        for (tail, whole) in [
            (&b"{\"a\":1}"[..], true),
            (b"{\"a\":1}{\"b\":2}", true),
            (b"{\"a\":1}{\"b\"", false),
            (b"[{\"a\":1}]", true),
            (b"[{\"a\":1}", false),
            (b"{\"a\":", false),
            (b"12", false),
            (b"", false),
        ] {
            assert_eq!(is_whole(tail), whole, "{}", tail.escape_ascii());
        }
    }
}
