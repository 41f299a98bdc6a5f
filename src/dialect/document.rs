//! Recognises a JSON document that is laid out over several lines, which is not a log.
//!
//! A file whose first line is only `{` or `[` is taken for a document, and nothing in it is read. But that bracket can
//! also be the rest of a torn line, with a log below it. So the document ends at its last closing bracket, or at a line
//! that cannot continue the JSON. For example:
//!
//! ```text
//! [
//! {"type":"user", …}
//! {"type":"assistant", …}
//! ```
//!
//! There is no comma between the objects, so this is a log. The first object could have been an element of a list; it
//! is read as soon as the second one shows that it is a line of its own.

/// A line that may have to be read later.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
}

/// How a line relates to a document.
#[derive(Debug)]
pub(super) enum Step {
    Inside,
    /// The document has ended on an earlier line.
    Behind,
    /// There is no document, because this line cannot continue it. Contains the previous line, if that is a line of a
    /// log.
    Broken(Option<Line>),
}

/// A document up to some line.
#[derive(Debug)]
pub(super) struct Document {
    /// The number of its first line.
    pub(super) first: u64,
    /// The open brackets.
    open: Vec<u8>,
    /// The last byte of the previous line.
    last: u8,
    above: Option<Line>,
}

impl Document {
    /// The document that begins with the first line of a file that is not blank, if one does.
    pub(super) fn begin(number: u64, bytes: &[u8]) -> Option<Self> {
        let bracket = *bytes.first().filter(|_| matches!(bytes, b"{" | b"["))?;
        Some(Self { first: number, open: vec![bracket], last: bracket, above: None })
    }

    /// Continues with a line that is not blank.
    pub(super) fn step(&mut self, number: u64, offset: u64, bytes: &[u8]) -> Step {
        let Some(inner) = self.open.last().copied() else { return Step::Behind };
        let is_object = bytes.first() == Some(&b'{');
        let can_follow = match self.last {
            b':' => true,
            b'[' | b',' => inner == b'[',
            _ => false,
        };
        if is_object && !can_follow {
            return Step::Broken(self.above.take());
        }
        let before = self.open.len();
        self.read(bytes);
        self.last = bytes.last().copied().unwrap_or_default();
        let is_whole = is_object && self.last == b'}' && self.open.len() == before;
        self.above = is_whole.then(|| Line { number, offset, bytes: bytes.to_owned() });
        Step::Inside
    }

    /// Opens and closes the brackets of a line that are not inside strings.
    fn read(&mut self, bytes: &[u8]) {
        let (mut in_string, mut is_escaped) = (false, false);
        for byte in bytes {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if in_string => is_escaped = true,
                b'"' => in_string = !in_string,
                _ if in_string => {}
                b'{' | b'[' => self.open.push(*byte),
                b'}' | b']' => _ = self.open.pop(),
                _ => {}
            }
        }
    }
}
