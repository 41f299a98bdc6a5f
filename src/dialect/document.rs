//! A JSON document that is laid out over lines, as far as it is read.
//!
//! A file that begins with `{` or `[` alone is a document, of which nothing is read. But the bracket can also be what is left
//! of a torn line, with a log below it. So the document ends with its last bracket, or where no JSON goes on: in
//!
//! ```text
//! [
//! {"type":"user", …}
//! {"type":"assistant", …}
//! ```
//!
//! no comma stands between the objects. The first of them could be an element of the list, and is read as soon as the second
//! one shows that it is a line of its own.

/// A line, which may have to be read again.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
}

/// What a line is to a document.
#[derive(Debug)]
pub(super) enum Step {
    Inside,
    /// The document has ended above.
    Behind,
    /// It was none: the line cannot follow on what stands above. The line above, if it is one of a log.
    Broken(Option<Line>),
}

/// A document up to some line.
#[derive(Debug)]
pub(super) struct Document {
    /// Its first line.
    pub(super) first: u64,
    /// The brackets that are open.
    open: Vec<u8>,
    /// The last byte of the line above.
    last: u8,
    above: Option<Line>,
}

impl Document {
    /// The document that the first line of a file that is not blank begins, if it begins one.
    pub(super) fn begin(number: u64, bytes: &[u8]) -> Option<Self> {
        let bracket = *bytes.first().filter(|_| matches!(bytes, b"{" | b"["))?;
        Some(Self { first: number, open: vec![bracket], last: bracket, above: None })
    }

    /// Goes on with a line that is not blank.
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

    /// Opens and closes the brackets of a line that stand in no string.
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
