//! Reads only the used fields of an object, and skips the others by means of an [`Index`].
//!
//! Used fields are read by the same code as with serde_json, which reads every byte and is therefore slower. Anything
//! unusual in the values that are read is an [`Odd`] value: then serde_json reads the object again from its beginning.
//! Damage inside a skipped value is not noticed, as long as its strings and brackets are valid:
//!
//! ```text
//! {"type":"user","uuid":nul}            odd: `uuid` is used
//! {"type":"user","other":nul}           odd: the value stands directly in an object that is read
//! {"type":"user","other":{"x":nul}}     skipped
//! ```

use super::index::Index;
use super::json::{Fields, fields};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use std::cell::RefCell;
use std::fmt;

/// A value that only serde_json can read or explain.
#[derive(Debug)]
pub(super) struct Odd;

impl Error for Odd {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self
    }
}

impl std::error::Error for Odd {}

impl fmt::Display for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an odd value")
    }
}

/// The deepest nesting that is read. Real records are less deep; skipped values can have any depth.
const DEEPEST: usize = 64;

thread_local! {
    /// Reused, so its lists grow to the longest record so far.
    static INDEX: RefCell<Index> = RefCell::default();
}

/// The object that begins at the first byte, and its length. `None` if anything about it is odd.
pub(super) fn object<'de, T: Fields<'de>>(text: &'de [u8]) -> Option<(T, usize)> {
    let mut index = INDEX.take();
    let length = index.read(text);
    let object = length.and_then(|length| {
        let mut place = Cursor { text: text.get(..length)?, index: &index, at: 1, bracket: 1, depth: 0 };
        let object = fields(Within { place: &mut place, end: length - 1, is_first: true }).ok()?;
        Some((object, length))
    });
    INDEX.set(index);
    object
}

/// The position in an object that is being read.
struct Cursor<'i, 'de> {
    text: &'de [u8],
    index: &'i Index,
    /// The next byte.
    at: usize,
    /// The number of the next bracket.
    bracket: usize,
    /// The number of objects and lists around the next value, not counting the outermost.
    depth: usize,
}

impl<'de> Cursor<'_, 'de> {
    /// The next byte that is not a space. Other white space makes an index fail, so it cannot occur.
    fn peek(&mut self) -> Result<u8, Odd> {
        loop {
            match self.text.get(self.at) {
                Some(b' ') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(Odd),
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Odd> {
        if self.peek()? != byte {
            return Err(Odd);
        }
        self.at += 1;
        Ok(())
    }

    /// Moves past a string. Returns it without its quotes.
    fn string(&mut self) -> Result<&'de [u8], Odd> {
        let begin = self.at + 1;
        let end = self.index.quote(begin).ok_or(Odd)?;
        self.at = end + 1;
        self.text.get(begin..end).ok_or(Odd)
    }

    /// Moves past a number or a word.
    fn scalar(&mut self) -> Result<&'de [u8], Odd> {
        let rest = self.text.get(self.at..).ok_or(Odd)?;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        let end = rest.iter().position(|byte| !is_part(byte)).ok_or(Odd)?;
        self.at += end;
        Ok(&rest[..end])
    }

    /// Moves past an object or list. Returns the position of its closing bracket.
    fn nested(&mut self) -> Result<usize, Odd> {
        let twin = self.index.twin(self.bracket).ok_or(Odd)?;
        let end = self.index.bracket(twin).ok_or(Odd)?;
        (self.at, self.bracket) = (end + 1, twin + 1);
        Ok(end)
    }

    /// Moves past any value.
    fn skip(&mut self) -> Result<(), Odd> {
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' | b'[' => self.nested().map(|_| ()),
            _ => match self.scalar()? {
                b"null" | b"true" | b"false" => Ok(()),
                number if short(number).is_some() => Ok(()),
                number => serde_json::from_slice(number).map(|IgnoredAny| ()).map_err(|_| Odd),
            },
        }
    }

    /// Reads an object or list with `read`, and moves past it.
    fn enter<T>(&mut self, read: impl FnOnce(Within<'_, '_, 'de>) -> Result<T, Odd>) -> Result<T, Odd> {
        if self.depth == DEEPEST {
            return Err(Odd);
        }
        let (at, bracket) = (self.at, self.bracket);
        let end = self.nested()?;
        let behind = (self.at, self.bracket);
        (self.at, self.bracket) = (at + 1, bracket + 1);
        self.depth += 1;
        let value = read(Within { place: self, end, is_first: true })?;
        self.depth -= 1;
        (self.at, self.bracket) = behind;
        Ok(value)
    }
}

/// A value. Reports that it is not human-readable, which distinguishes it from a value of serde_json: see
/// [`Raw`](super::json::Raw).
impl<'de> Deserializer<'de> for &mut Cursor<'_, 'de> {
    type Error = Odd;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        match self.peek()? {
            b'"' => text(self.string()?, visitor),
            b'{' => self.enter(|within| visitor.visit_map(within)),
            b'[' => self.enter(|within| visitor.visit_seq(within)),
            _ => match self.scalar()? {
                b"null" => visitor.visit_unit(),
                b"true" => visitor.visit_bool(true),
                b"false" => visitor.visit_bool(false),
                number => match short(number) {
                    Some(number) => visitor.visit_u64(number),
                    None => serde_json::Deserializer::from_slice(number).deserialize_any(visitor).map_err(|_| Odd),
                },
            },
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.skip()?;
        visitor.visit_unit()
    }

    /// The value as JSON text.
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Odd> {
        self.peek()?;
        let begin = self.at;
        self.skip()?;
        visitor.visit_borrowed_bytes(self.text.get(begin..self.at).ok_or(Odd)?)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// Passes a text on. It is borrowed unless it contains escapes.
fn text<'de, V: Visitor<'de>>(bytes: &'de [u8], visitor: V) -> Result<V::Value, Odd> {
    let text = std::str::from_utf8(bytes).map_err(|_| Odd)?;
    if memchr::memchr(b'\\', bytes).is_none() {
        return visitor.visit_borrowed_str(text);
    }
    visitor.visit_string(unescaped(text).ok_or(Odd)?)
}

/// Resolves the escapes of a string.
fn unescaped(text: &str) -> Option<String> {
    let mut said = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        said.push_str(&rest[..at]);
        let escape = *rest.as_bytes().get(at + 1)?;
        rest = rest.get(at + 2..)?;
        said.push(match escape {
            b'"' | b'\\' | b'/' => escape.into(),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = unit(&mut rest)?;
                if (0xd800..0xdc00).contains(&first) {
                    rest = rest.strip_prefix("\\u")?;
                    char::decode_utf16([first, unit(&mut rest)?]).next()?.ok()?
                } else {
                    char::from_u32(first.into())?
                }
            }
            _ => return None,
        });
    }
    said.push_str(rest);
    Some(said)
}

/// Takes four hexadecimal digits.
fn unit(text: &mut &str) -> Option<u16> {
    let (digits, rest) = text.split_at_checked(4)?;
    *text = rest;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

/// A whole number with few digits.
fn short(number: &[u8]) -> Option<u64> {
    const DIGITS: usize = 18;
    let is_short = (1..=DIGITS).contains(&number.len()) && (number[0] != b'0' || number.len() == 1);
    let digit = |sum: u64, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0'));
    if is_short { number.iter().try_fold(0, digit) } else { None }
}

/// The inside of an object or a list.
struct Within<'p, 'i, 'de> {
    place: &'p mut Cursor<'i, 'de>,
    /// The position of the closing bracket.
    end: usize,
    is_first: bool,
}

impl Within<'_, '_, '_> {
    /// Whether another element follows. Moves past the comma before it.
    fn next(&mut self) -> Result<bool, Odd> {
        self.place.peek()?;
        if self.place.at == self.end {
            return Ok(false);
        }
        if !std::mem::take(&mut self.is_first) {
            self.place.expect(b',')?;
        }
        Ok(true)
    }
}

impl<'de> MapAccess<'de> for Within<'_, '_, 'de> {
    type Error = Odd;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Odd> {
        if !self.next()? {
            return Ok(None);
        }
        if self.place.peek()? != b'"' {
            return Err(Odd);
        }
        let name = std::str::from_utf8(self.place.string()?).map_err(|_| Odd)?;
        if name.contains('\\') {
            return Err(Odd);
        }
        self.place.expect(b':')?;
        seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Odd> {
        seed.deserialize(&mut *self.place)
    }
}

impl<'de> SeqAccess<'de> for Within<'_, '_, 'de> {
    type Error = Odd;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Odd> {
        if self.next()? { seed.deserialize(&mut *self.place).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::json::{Count, Flag, Object, Objects, Raw, Text, Unread, skip};
    use crate::dialect::moment::Time;
    use std::path::Path;

    /// All kinds of fields that dialects use.
    #[derive(Debug, Default)]
    struct Probe<'de> {
        text: Text<'de>,
        count: Count,
        flag: Flag,
        time: Time,
        raw: Option<Raw<'de>>,
        unread: Option<Unread<'de>>,
        inner: Option<Box<Probe<'de>>>,
        list: Objects<Probe<'de>>,
    }

    impl<'de> Fields<'de> for Probe<'de> {
        fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
            match name {
                "type" | "cwd" | "text" | "id" | "role" | "model" | "name" => self.text = map.next_value()?,
                "input_tokens" | "output_tokens" | "count" => self.count = map.next_value()?,
                "isSidechain" | "is_error" | "flag" => self.flag = map.next_value()?,
                "timestamp" | "time" => self.time = map.next_value()?,
                "properties" | "data" | "raw" => self.raw = Some(map.next_value()?),
                "toolUseResult" | "unread" => self.unread = Some(map.next_value()?),
                "message" | "payload" | "inner" => {
                    self.inner = map.next_value::<Object<_>>()?.0.map(Box::new);
                }
                "content" | "list" => self.list = map.next_value()?,
                _ => skip(map)?,
            }
            Ok(())
        }
    }

    /// What serde_json reads from the same bytes.
    fn by_serde(text: &[u8]) -> Option<String> {
        let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Object<Probe<'_>>>();
        let Some(Ok(Object(Some(probe)))) = values.next() else { return None };
        Some(format!("{} {probe:?}", values.byte_offset()))
    }

    fn walked(text: &[u8]) -> Option<String> {
        object::<Probe<'_>>(text).map(|(probe, length)| format!("{length} {probe:?}"))
    }

    /// The lines of all files in a folder.
    fn lines(folder: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let files = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
        let files = files.filter(|file| file.file_type().is_file());
        #[expect(clippy::disallowed_methods, reason = "no database is read as a file here")]
        let texts = files.map(|file| std::fs::read(file.path()).unwrap());
        texts.flat_map(|text| text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn a_walk_reads_what_serde_reads() {
        let (mut whole, mut odd) = (0, 0);
        for line in [lines("fixtures/sessions"), lines("tests/fuzz/corpus/dialects")].concat() {
            let Some(expected) = by_serde(&line) else { continue };
            match walked(&line) {
                Some(found) => {
                    assert_eq!(found, expected, "{}", line.escape_ascii());
                    whole += 1;
                }
                None => odd += 1,
            }
        }
        assert!(whole > 500 && odd * 100 < whole, "{whole} walked, {odd} left to serde");
    }

    #[test]
    fn a_walk_reads_what_serde_reads_of_damaged_lines() {
        let mut random = fastrand::Rng::with_seed(1);
        let lines = [lines("fixtures/sessions"), lines("tests/fuzz/corpus/dialects")].concat();
        let lines: Vec<_> = lines.into_iter().filter(|line| (2..4_000).contains(&line.len())).collect();
        let (mut same, mut refused, mut unseen) = (0, 0, 0);
        for _ in 0..60_000 {
            let mut line = lines[random.usize(..lines.len())].clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..line.len());
                let byte = *random.choice(b"\"\\{}[]:, u0-.eE9Yn\x01\xff\xc3").unwrap();
                match random.u8(..4) {
                    0 => line.insert(at, byte),
                    1 if line.len() > 2 => drop(line.remove(at)),
                    2 => line.truncate(at.max(2)),
                    _ => line[at] = byte,
                }
            }
            let (found, expected) = (walked(&line), by_serde(&line));
            match (found, expected) {
                (Some(found), Some(expected)) => {
                    assert_eq!(found, expected, "{}", line.escape_ascii());
                    same += 1;
                }
                (None, _) => refused += 1,
                // Damage in a skipped value.
                (Some(_), None) => unseen += 1,
            }
        }
        assert!(same > 5_000 && refused > 5_000, "{same} the same, {refused} refused, {unseen} unseen");
    }

    #[test]
    fn odd_values_in_fields_that_are_read_are_left_to_serde() {
        for odd in [
            r#"{"text":nul}"#,
            r#"{"other":nul}"#,
            r#"{"other":01}"#,
            r#"{"other":1 2}"#,
            r#"{"text":"\x"}"#,
            r#"{"text":"\ud83d"}"#,
            r#"{"text":"\u+123"}"#,
            r#"{"count":1e999}"#,
            r#"{"raw":{"a":nul}}"#,
            r#"{"raw":"\x"}"#,
            r#"{"inner":{"other":}}"#,
            r#"{"list":[{},]}"#,
            r#"{"list":[{} {}]}"#,
            r#"{"list":[{},{"other" 1}]}"#,
            r#"{"text":"a",}"#,
            r#"{"text":"a""time":1}"#,
            r#"{"te\u0078t":"a"}"#,
            r#"{text:"a"}"#,
            r#"{,"text":"a"}"#,
            "{\"text\":\t\"a\"}",
        ] {
            assert_eq!(walked(odd.as_bytes()), None, "{odd}");
        }
        assert_eq!(walked(b"{\"text\":\"\xff\"}"), None);
        assert_eq!(walked(b"{\"\xff\":1}"), None);
        let deep = format!("{}{}", r#"{"inner":"#.repeat(100), "1".to_owned() + &"}".repeat(100));
        assert_eq!((walked(deep.as_bytes()), by_serde(deep.as_bytes()).is_some()), (None, true));
    }

    #[test]
    fn values_of_any_form_are_read() {
        for whole in [
            r#"{}"#,
            r#"{ "text" : "a" , "count" : 12 , "flag" : true , "list" : [ { } , { "flag" : false } ] } "#,
            r#"{"text":"\u00e9\ud83d\ude00\n\"\\\/\b\f\r\t"}"#,
            r#"{"text":null,"count":-3,"flag":null,"time":1769947200000}"#,
            r#"{"count":12.5}"#,
            r#"{"count":"12"}"#,
            r#"{"count":18446744073709551615}"#,
            r#"{"count":-0}"#,
            r#"{"text":1,"text":"a","text":[1,"b",{}]}"#,
            r#"{"list":[1,"a",null,{"text":"a"},[{}]],"inner":[]}"#,
            r#"{"other":{"a":[[],{"b":"}"}]},"raw":{"a":[1,{"b":"\""}]},"unread":[ {} ],"text":"a"}"#,
            r#"{"raw":"plain","unread":"\ud83d"}{"text":"b"}"#,
        ] {
            assert_eq!(walked(whole.as_bytes()), by_serde(whole.as_bytes()), "{whole}");
            assert!(walked(whole.as_bytes()).is_some(), "{whole}");
        }
    }

    #[test]
    fn damage_in_a_skipped_value_is_not_noticed() {
        for damaged in [
            r#"{"other":{"a":nul},"text":"a"}"#,
            r#"{"other":{"a" 1 2,},"text":"a"}"#,
            r#"{"other":"\x","text":"a"}"#,
            r#"{"unread":{"a":nul},"text":"a"}"#,
        ] {
            assert_eq!(by_serde(damaged.as_bytes()), None, "{damaged}");
            let (probe, length) = object::<Probe<'_>>(damaged.as_bytes()).unwrap();
            assert_eq!((probe.text.get(), length), (Some("a"), damaged.len()), "{damaged}");
        }
        // Invalid brackets and strings are noticed everywhere.
        for damaged in [r#"{"other":{"a":[},"text":"a"}"#, r#"{"other":{"a":"},"text":"a"}"#] {
            assert_eq!(walked(damaged.as_bytes()), None, "{damaged}");
        }
    }
}
