//! Finds the quotes and brackets of a JSON text, 64 bytes at a time, so that values that are not used can be skipped
//! without reading them.
//!
//! ```text
//! {"a":"\"}","b":[1,{}]}
//! ^                    ^   a pair of brackets …
//!                ^    …    … and those inside it; a bracket in a string does not count
//!  ^ ^ ^   ^ ^ ^           quotes that begin or end a string; an escaped one does not count
//! ```
//!
//! It also detects a record that was written into the middle of another: in valid JSON, strings, objects and lists
//! stand between commas, colons and brackets.

use sessionmill_simd::block::{BLOCK, Marks};
use sessionmill_simd::marks;

/// The quotes and brackets of one object.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// One bit per byte, in words of 64.
    quotes: Vec<u64>,
    brackets: Vec<Bracket>,
    /// Positions in `brackets` of those that are open during the search.
    open: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bracket {
    at: u32,
    /// The position in `brackets` of the matching bracket.
    twin: u32,
}

/// The most blocks that are searched at a time: their marks fit into the first-level cache of a core.
const BLOCKS: usize = 32;

/// The most brackets of an object. A line can consist of brackets only, and each takes ten times its length in memory.
const MOST: usize = 1 << 20;

/// The odd and the even bits.
const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
const EVEN: u64 = !ODD;

/// What one block passes on to the next.
#[derive(Default)]
struct Carry {
    /// The next byte is escaped.
    escaped: bool,
    /// All ones if the next byte is inside a string.
    in_string: u64,
    /// The previous byte is the closing quote of a string.
    closed: bool,
    /// The previous byte may stand next to a string.
    is_beside: bool,
}

impl Index {
    /// Searches the object that begins at the first byte. Returns its length. `None` if there is no object on one line
    /// with valid strings and brackets.
    pub(super) fn read(&mut self, text: &[u8]) -> Option<usize> {
        self.quotes.clear();
        self.brackets.clear();
        self.open.clear();
        if text.first() != Some(&b'{') || u32::try_from(text.len()).is_err() {
            return None;
        }
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        let mut carry = Carry::default();
        let mut marks = [Marks::default(); BLOCKS];
        // A line can consist of many short objects. So for each, at most about twice its length is searched.
        let (mut blocks, mut some) = (blocks, 1);
        while !blocks.is_empty() {
            let (next, behind) = blocks.split_at(some.min(blocks.len()));
            marks::of(next, &mut marks);
            for marks in &marks[..next.len()] {
                if let Some(end) = self.block(text, *marks, &mut carry)? {
                    return Some(end);
                }
            }
            (blocks, some) = (behind, BLOCKS.min(2 * some));
        }
        let mut last = [b' '; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        marks::of(&[last], &mut marks);
        self.block(text, marks[0], &mut carry)?
    }

    /// Searches the next block. Returns the end of the object if it is there. `None` if something is invalid.
    #[inline]
    fn block(&mut self, text: &[u8], marks: Marks, carry: &mut Carry) -> Option<Option<usize>> {
        let start = self.quotes.len() * BLOCK;
        let quotes = marks.quote & !escaped(marks.backslash, &mut carry.escaped);
        // The bits from each opening quote up to its closing quote, without the latter.
        let in_string = prefix_xor(quotes) ^ carry.in_string;
        carry.in_string = if in_string >> 63 == 1 { u64::MAX } else { 0 };
        self.quotes.push(quotes);
        // A string stands between separators or brackets. Two strings that touch, or a word that touches a string, show
        // that another record was written into the middle of this one.
        let beside = marks.separator | marks.bracket;
        let (opening, closing) = (quotes & in_string, quotes & !in_string);
        let touches =
            opening & !(beside << 1 | u64::from(carry.is_beside)) | (closing << 1 | u64::from(carry.closed)) & !beside;
        carry.closed = closing >> 63 == 1;
        carry.is_beside = beside >> 63 == 1;
        let mut brackets = marks.bracket & !in_string;
        while brackets != 0 {
            let bit = brackets.trailing_zeros();
            brackets &= brackets - 1;
            let at = start + bit as usize;
            if self.brackets.len() == MOST {
                return None;
            }
            let number = self.brackets.len() as u32;
            match *text.get(at)? {
                b'{' | b'[' => {
                    if at > 0 && !matches!(before(text, at), Some(b':' | b',' | b'[')) {
                        return None;
                    }
                    self.open.push(number);
                    self.brackets.push(Bracket { at: at as u32, twin: 0 });
                }
                closing => {
                    let twin = self.open.pop()?;
                    let opening = self.brackets.get_mut(twin as usize)?;
                    let expected = if text.get(opening.at as usize) == Some(&b'{') { b'}' } else { b']' };
                    if closing != expected {
                        return None;
                    }
                    opening.twin = number;
                    self.brackets.push(Bracket { at: at as u32, twin });
                    if self.open.is_empty() {
                        let upto = u64::MAX >> (63 - bit);
                        return ((marks.control | touches) & upto == 0).then_some(Some(at + 1));
                    }
                    if !matches!(behind(text, at), Some(b',' | b'}' | b']')) {
                        return None;
                    }
                }
            }
        }
        (marks.control | touches == 0).then_some(None)
    }

    /// The first quote at or after this byte.
    pub(super) fn quote(&self, from: usize) -> Option<usize> {
        let mut word = from / BLOCK;
        let mut quotes = self.quotes.get(word)? & (u64::MAX << (from % BLOCK));
        while quotes == 0 {
            word += 1;
            quotes = *self.quotes.get(word)?;
        }
        Some(word * BLOCK + quotes.trailing_zeros() as usize)
    }

    /// The byte of the bracket with this number.
    pub(super) fn bracket(&self, number: usize) -> Option<usize> {
        self.brackets.get(number).map(|bracket| bracket.at as usize)
    }

    /// The number of the bracket that matches this one.
    pub(super) fn twin(&self, number: usize) -> Option<usize> {
        self.brackets.get(number).map(|bracket| bracket.twin as usize)
    }
}

/// The last byte before this one that is not a space.
fn before(text: &[u8], at: usize) -> Option<&u8> {
    text.get(..at)?.iter().rfind(|byte| **byte != b' ')
}

/// The first byte after this one that is not a space.
fn behind(text: &[u8], at: usize) -> Option<&u8> {
    text.get(at + 1..)?.iter().find(|byte| **byte != b' ')
}

/// The bytes that are escaped: those that follow an odd number of backslashes.
///
/// To find them without a loop, the first backslash of each run is added to the run. The addition carries a bit to the
/// first byte after the run. If the run begins at an even bit and that byte is at an odd bit, or the other way round,
/// the length of the run is odd.
#[inline]
fn escaped(backslash: u64, carry: &mut bool) -> u64 {
    let first = u64::from(*carry);
    if backslash == 0 {
        *carry = false;
        return first;
    }
    // An escaped backslash does not begin a run.
    let run = backslash & !first;
    let begins = run & !(run << 1);
    let (behind_even, _) = run.overflowing_add(begins & EVEN);
    let (behind_odd, over) = run.overflowing_add(begins & ODD);
    // A run that reaches the last byte has an odd length if it began at an odd bit.
    *carry = over;
    first | ((behind_even & ODD) | (behind_odd & EVEN)) & !run
}

/// For each bit, whether the number of set bits up to it is odd.
#[inline]
fn prefix_xor(mut bits: u64) -> u64 {
    if bits != 0 {
        for by in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << by;
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quotes, pairs of brackets, and the length.
    type Found = (Vec<usize>, Vec<(usize, usize)>, usize);

    /// The expected result, found byte by byte.
    fn by_the_byte(text: &[u8]) -> Option<Found> {
        let (mut quotes, mut pairs, mut open) = (Vec::new(), Vec::new(), Vec::new());
        let (mut in_string, mut is_escaped) = (false, false);
        let beside = |at: Option<&u8>| at.is_some_and(|byte| b" ,:[]{}Y_y\x7f".contains(byte));
        if text.first() != Some(&b'{') {
            return None;
        }
        for (at, byte) in text.iter().enumerate() {
            let was_escaped = is_escaped;
            is_escaped = *byte == b'\\' && !was_escaped;
            match byte {
                0..32 => return None,
                b'"' if !was_escaped => {
                    let neighbour = if in_string { text.get(at + 1) } else { text.get(at - 1) };
                    if !beside(neighbour) {
                        return None;
                    }
                    quotes.push(at);
                    in_string = !in_string;
                }
                _ if in_string => {}
                b'{' | b'[' => {
                    let before = text[..at].iter().rfind(|byte| **byte != b' ');
                    if !matches!(before, None | Some(b':' | b',' | b'[')) {
                        return None;
                    }
                    open.push(at);
                }
                b'}' | b']' => {
                    let begin = open.pop()?;
                    if text[begin] + 2 != *byte {
                        return None;
                    }
                    pairs.push((begin, at));
                    if open.is_empty() {
                        return Some((quotes, pairs, at + 1));
                    }
                    let behind = text[at + 1..].iter().find(|byte| **byte != b' ');
                    if !matches!(behind, Some(b',' | b'}' | b']')) {
                        return None;
                    }
                }
                b'Y' | b'_' | b'y' | 0x7f => return None,
                _ => {}
            }
        }
        None
    }

    fn check(index: &mut Index, text: &[u8]) -> bool {
        let found = index.read(text);
        let expected = by_the_byte(text);
        let printed = text.escape_ascii();
        assert_eq!(found, expected.as_ref().map(|(.., end)| *end), "{printed}");
        let Some((quotes, mut pairs, end)) = expected else { return false };
        let mut at = 0;
        for quote in quotes {
            assert_eq!(index.quote(at), Some(quote), "{printed}");
            at = quote + 1;
        }
        assert!(index.quote(at).is_none_or(|quote| quote >= end), "{printed}");
        pairs.sort_unstable();
        let numbers = 0..index.brackets.len();
        let twins =
            numbers.map(|number| (index.bracket(number).unwrap(), index.bracket(index.twin(number).unwrap()).unwrap()));
        assert_eq!(twins.filter(|(a, b)| a < b).collect::<Vec<_>>(), pairs, "{printed}");
        true
    }

    #[test]
    fn brackets_and_quotes_are_those_of_each_byte() {
        const PIECES: [&str; 5] = [r#""a\"","#, ":[1,{}],", ",{}", r#","":[]"#, "}"];
        let mut random = fastrand::Rng::with_seed(1);
        let mut index = Index::default();
        let mut whole = 0;
        for round in 0..60_000 {
            // Special bytes, mostly of one kind in each round, with others in between.
            let often = b"\\\"{}[]:a_ \x1f\x7f"[round % 12];
            let mut text = vec![b'{'];
            for _ in 0..random.usize(..300) {
                match random.u8(..9) {
                    0..3 => text.push(often),
                    3..5 => text.push(b'a'),
                    5..7 => text.extend_from_slice(random.choice(PIECES).unwrap().as_bytes()),
                    _ => text.push(*random.choice(b"\\\"{}[]:, y\xc3\xbc").unwrap()),
                }
            }
            whole += usize::from(check(&mut index, &text));
        }
        assert!(whole > 1_000, "{whole} objects");
        for run in 0..200 {
            for before in 0..70 {
                let text = [b"{\"", &vec![b'a'; before][..], &vec![b'\\'; run], b"\"}\"}"].concat();
                assert!(check(&mut index, &text));
            }
        }
    }

    #[test]
    fn brackets_take_a_bounded_part_of_memory() {
        let mut index = Index::default();
        for (pairs, is_read) in [(MOST / 2 - 1, true), (MOST / 2, false)] {
            let text = format!("{{\"a\":[{}]}}", vec!["[]"; pairs - 1].join(","));
            assert_eq!(index.read(text.as_bytes()).is_some(), is_read, "{pairs} pairs");
        }
    }

    #[test]
    fn an_object_ends_before_what_is_wrong_behind_it() {
        let mut index = Index::default();
        for rest in ["", "\u{1}", "]", "\"", "Y", "{\"a\":[}"] {
            assert_eq!(index.read(format!("{{\"a\":[]}}{rest}").as_bytes()), Some(8), "{rest}");
        }
        for odd in ["", "[]", " {}", "{", "{\"}", "{]", "{[}]", "{\t}", "{_}", "{\"\u{1}\"}", "{\"a\\\"}"] {
            assert_eq!(index.read(odd.as_bytes()), None, "{odd}");
        }
    }
}
