//! Lines of a stream that comes in windows. Memory is bounded by the longest line, and that by a cap.

/// A splitter that keeps the line a window broke off in.
#[derive(Debug)]
pub struct Lines {
    rest: Vec<u8>,
    cap: usize,
    /// The current line is over the cap: it is skipped to its end.
    oversize: bool,
    number: u64,
    /// Bytes in front of the current line.
    offset: u64,
    /// Bytes of the windows so far.
    fed: u64,
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// From 1.
    pub number: u64,
    /// The byte at which it begins.
    pub offset: u64,
}

/// One line, without its line feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    Whole(&'a [u8]),
    /// It is longer than the cap; its bytes are gone.
    Oversize,
}

impl Lines {
    /// `cap` is in bytes.
    pub fn new(cap: usize) -> Self {
        Self { rest: Vec::new(), cap, oversize: false, number: 0, offset: 0, fed: 0 }
    }

    /// Hands on the lines that end in this window.
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

    /// The place and the bytes of a last line without a line feed, if there is one within the cap.
    pub fn tail(&self) -> Option<(At, &[u8])> {
        let at = At { number: self.number + 1, offset: self.offset };
        (!self.rest.is_empty() && !self.oversize).then_some((at, &self.rest))
    }

    /// Lines that ended.
    pub fn count(&self) -> u64 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines with their numbers and offsets, `None` for one over the cap, and the tail.
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
}
