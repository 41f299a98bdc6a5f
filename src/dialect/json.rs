//! Tolerant JSON: one bad field does not make the numbers of a line unusable. A field of the wrong type counts as
//! missing. Of a repeated field, the last value counts. Invalid UTF-8, lone surrogates and numbers out of range are
//! replaced.
//!
//! Values borrow from the line where its strings have no escapes.

use super::directory;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sessionmill_contract::event::Usage;
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;

/// A struct that takes known fields from an object and ignores the others.
pub(super) trait Fields<'de>: Default {
    fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error>;
}

/// An object; `None` if the value has another type.
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) Option<T>);

/// Those elements of a list that are objects; empty if the value is not a list.
#[derive(Debug)]
pub(super) struct Objects<T>(pub(super) Vec<T>);

/// A string; `None` if the value has another type.
#[derive(Debug, Default)]
pub(super) struct Text<'de>(pub(super) Option<Cow<'de, str>>);

/// A text that can also be written as a number, as ids are by some programs: the number is then the text, with all its
/// digits. `None` if the value has another type. Lone surrogates in the text are replaced.
#[derive(Debug, Default)]
pub(super) struct Id<'de>(pub(super) Option<Cow<'de, str>>);

/// A value as JSON text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'de>(pub(super) &'de str);

/// A value as JSON text that was not checked: it may be invalid or not UTF-8. For values that can be large and are
/// rarely used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unread<'de>(pub(super) &'de [u8]);

/// A token count in any notation. A negative count is 0. A count that no response can reach is `None`, so that a single
/// line cannot spoil the sums.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count(pub(super) Option<u64>);

/// Dollars, in millionths.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Dollars(pub(super) Option<i64>);

/// Whether the value is `true`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flag(pub(super) bool);

/// The most bytes of an id or a name that are kept, so that the size of a fact is limited.
const LONGEST: usize = 512;

/// The most elements of a list that are read, more than any client writes. A line of a few megabytes could contain
/// millions, and each takes a hundred times its length in memory.
const MOST: usize = 10_000;

impl Text<'_> {
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The text as an id. `None` if it is empty or too long.
    pub(super) fn id(&self) -> Option<&str> {
        self.get().filter(|id| is_id(id))
    }

    /// The text as a name, cut if it is too long.
    pub(super) fn name(&self) -> Option<&str> {
        self.get().map(shortened)
    }

    /// The text as a directory, with normalised spelling.
    pub(super) fn directory(&self) -> Option<Cow<'_, str>> {
        let spelled = directory::spelled(self.name()?);
        // Composing Unicode letters can make the text longer.
        Some(if spelled.len() > LONGEST { Cow::Owned(shortened(&spelled).to_owned()) } else { spelled })
    }
}

impl Id<'_> {
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The id. `None` if it is empty or too long.
    pub(super) fn id(&self) -> Option<&str> {
        self.get().filter(|id| is_id(id))
    }
}

/// Whether a text can be kept as an id.
pub(super) fn is_id(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
}

/// A name, cut to the most bytes that are kept.
pub(super) fn shortened(name: &str) -> &str {
    shortened_to(name, LONGEST)
}

/// The longest beginning of a text with at most this many bytes that ends between two characters.
pub(super) fn shortened_to(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// Reads the elements of a list up to a limit, and skips the rest.
pub(super) fn elements<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    mut list: A,
    mut each: impl FnMut(T),
) -> Result<(), A::Error> {
    for _ in 0..MOST {
        let Some(element) = list.next_element()? else { return Ok(()) };
        each(element);
    }
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Passes the elements of a list on as texts, until `each` stops. Anything other than a list has no elements.
pub(super) fn elements_of<'de>(list: &'de [u8], each: &mut dyn FnMut(&'de str) -> ControlFlow<()>) {
    let mut deserializer = serde_json::Deserializer::from_slice(list);
    // A list that breaks off still yields the elements before that.
    let _ = deserializer.deserialize_any(Any(Elements(each)));
}

struct Elements<'e, 'de>(&'e mut dyn FnMut(&'de str) -> ControlFlow<()>);

impl<'de> Lenient<'de> for Elements<'_, 'de> {
    type Value = ();
    fn absent(self) {}
    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(Raw(element)) = list.next_element()? {
            if (self.0)(element).is_break() {
                return Err(serde::de::Error::custom("enough"));
            }
        }
        Ok(())
    }
}

/// Skips a value.
pub(super) fn skip<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(|_| ())
}

/// Reads all fields of an object into `T`.
pub(super) fn fields<'de, T: Fields<'de>, A: MapAccess<'de>>(mut map: A) -> Result<T, A::Error> {
    let mut value = T::default();
    while let Some(Text(name)) = map.next_key()? {
        value.field(name.as_deref().unwrap_or_default(), &mut map)?;
    }
    Ok(value)
}

/// Accepts a value of any type. A method that an implementation does not override means "absent".
pub(super) trait Lenient<'de>: Sized {
    type Value;
    fn absent(self) -> Self::Value;
    fn text(self, _text: Cow<'de, str>) -> Self::Value {
        self.absent()
    }
    fn flag(self, _flag: bool) -> Self::Value {
        self.absent()
    }
    fn number(self, _number: f64) -> Self::Value {
        self.absent()
    }
    /// A whole number that fits into 64 bits.
    fn integer(self, number: i64) -> Self::Value {
        self.number(number as f64)
    }
    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.absent())
    }
    fn map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.absent())
    }
}

/// The visitor of a lenient type.
pub(super) struct Any<L>(pub(super) L);

impl<'de, L: Lenient<'de>> Visitor<'de> for Any<L> {
    type Value = L::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_bool<E>(self, flag: bool) -> Result<L::Value, E> {
        Ok(self.0.flag(flag))
    }
    fn visit_i64<E>(self, number: i64) -> Result<L::Value, E> {
        Ok(self.0.integer(number))
    }
    fn visit_u64<E>(self, number: u64) -> Result<L::Value, E> {
        Ok(match i64::try_from(number) {
            Ok(number) => self.0.integer(number),
            Err(_) => self.0.number(number as f64),
        })
    }
    fn visit_f64<E>(self, number: f64) -> Result<L::Value, E> {
        Ok(self.0.number(number))
    }
    fn visit_unit<E>(self) -> Result<L::Value, E> {
        Ok(self.0.absent())
    }
    fn visit_string<E>(self, text: String) -> Result<L::Value, E> {
        Ok(self.0.text(Cow::Owned(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<L::Value, E> {
        Ok(self.0.text(Cow::Owned(text.to_owned())))
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<L::Value, E> {
        Ok(self.0.text(Cow::Borrowed(text)))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<L::Value, A::Error> {
        self.0.list(list)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<L::Value, A::Error> {
        self.0.map(map)
    }
}

struct AnObject<T>(PhantomData<T>);

impl<'de, T: Fields<'de>> Lenient<'de> for AnObject<T> {
    type Value = Object<T>;
    fn absent(self) -> Object<T> {
        Object(None)
    }
    fn map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        Ok(Object(Some(fields(map)?)))
    }
}

impl<'de, T: Fields<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(AnObject(PhantomData)))
    }
}

struct AList<T>(PhantomData<T>);

impl<'de, T: Fields<'de>> Lenient<'de> for AList<T> {
    type Value = Objects<T>;
    fn absent(self) -> Objects<T> {
        Objects(Vec::new())
    }
    fn list<A: SeqAccess<'de>>(self, list: A) -> Result<Objects<T>, A::Error> {
        let mut objects = Vec::new();
        elements(list, |Object(object)| objects.extend(object))?;
        Ok(Objects(objects))
    }
}

impl<T> Default for Objects<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Fields<'de>> Deserialize<'de> for Objects<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(AList(PhantomData)))
    }
}

struct AText;

impl<'de> Lenient<'de> for AText {
    type Value = Text<'de>;
    fn absent(self) -> Text<'de> {
        Text(None)
    }
    fn text(self, text: Cow<'de, str>) -> Text<'de> {
        Text(Some(text))
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(AText))
    }
}

impl<'de> Deserialize<'de> for Id<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Raw(raw) = Raw::deserialize(deserializer)?;
        let Some(text) = raw.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
            let is_number = raw.starts_with(|first: char| first == '-' || first.is_ascii_digit());
            return Ok(Self(is_number.then_some(Cow::Borrowed(raw))));
        };
        Ok(Self(if text.contains('\\') { unescaped(raw).map(Cow::Owned) } else { Some(Cow::Borrowed(text)) }))
    }
}

/// Resolves the escapes of a string.
fn unescaped(raw: &str) -> Option<String> {
    let repaired = || repair(raw.as_bytes()).and_then(|raw| serde_json::from_slice(&raw).ok());
    serde_json::from_str(raw).ok().or_else(repaired)
}

struct AFlag;

impl<'de> Lenient<'de> for AFlag {
    type Value = Flag;
    fn absent(self) -> Flag {
        Flag(false)
    }
    fn flag(self, flag: bool) -> Flag {
        Flag(flag)
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(AFlag))
    }
}

struct ACount;

impl<'de> Lenient<'de> for ACount {
    type Value = Count;
    fn absent(self) -> Count {
        Count(None)
    }
    fn text(self, text: Cow<'de, str>) -> Count {
        let text = text.trim();
        let fraction = || text.parse().ok().filter(|number: &f64| !number.is_nan()).map(|number| number as u64);
        Count(text.parse().ok().or_else(fraction).filter(is_count))
    }
    fn integer(self, number: i64) -> Count {
        Count(Some(u64::try_from(number).unwrap_or_default()).filter(is_count))
    }
    fn number(self, number: f64) -> Count {
        Count(Some(number as u64).filter(is_count))
    }
}

fn is_count(number: &u64) -> bool {
    *number <= Usage::MAX_COUNT
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(ACount))
    }
}

struct SomeDollars;

impl<'de> Lenient<'de> for SomeDollars {
    type Value = Dollars;
    fn absent(self) -> Dollars {
        Dollars(None)
    }
    fn text(self, text: Cow<'de, str>) -> Dollars {
        text.trim().parse().map_or(Dollars(None), |number| self.number(number))
    }
    fn number(self, number: f64) -> Dollars {
        Dollars((0.0..=1e9).contains(&number).then(|| (number * 1e6).round() as i64))
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any(SomeDollars))
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let is_read = deserializer.is_human_readable();
        let Unread(bytes) = Unread::deserialize(deserializer)?;
        let text = std::str::from_utf8(bytes).map_err(serde::de::Error::custom)?;
        // A string without escapes cannot contain anything invalid.
        let is_plain = text.starts_with('"') && !text.contains('\\');
        if !is_read && !is_plain && serde_json::from_str::<IgnoredAny>(text).is_err() {
            return Err(serde::de::Error::custom("damaged"));
        }
        Ok(Self(text))
    }
}

impl<'de> Deserialize<'de> for Unread<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // serde_json reports that it is human-readable. A walk reports that it is not, and passes the skipped bytes on.
        if deserializer.is_human_readable() {
            return <&RawValue>::deserialize(deserializer).map(|raw| Self(raw.get().as_bytes()));
        }
        deserializer.deserialize_bytes(AnUnread)
    }
}

struct AnUnread;

impl<'de> Visitor<'de> for AnUnread {
    type Value = Unread<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value as it is written")
    }
    fn visit_borrowed_bytes<E>(self, bytes: &'de [u8]) -> Result<Unread<'de>, E> {
        Ok(Unread(bytes))
    }
}

/// The line with invalid UTF-8 replaced by U+FFFD, and numbers out of a double's range replaced by one near its limit.
/// `None` if nothing had to be replaced.
pub(super) fn repair(line: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(line);
    let mut repaired = matches!(text, Cow::Owned(_));
    let mut bytes = text.into_owned().into_bytes();
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        let start = at + found;
        at = start + 2;
        let Some(first) = unit(&bytes, start) else { continue };
        at = start + 6;
        match first {
            0xD800..=0xDBFF if matches!(unit(&bytes, at), Some(0xDC00..=0xDFFF)) => at += 6,
            0xD800..=0xDFFF => {
                bytes[start + 2..start + 6].copy_from_slice(b"fffd");
                repaired = true;
            }
            _ => {}
        }
    }
    repaired |= bound_numbers(&mut bytes);
    repaired.then_some(bytes)
}

/// Overwrites numbers that do not fit into a double. Otherwise such a number would make the line unreadable, even in a
/// field that is not used.
fn bound_numbers(bytes: &mut [u8]) -> bool {
    const NEAR_THE_END: &[u8] = b"1e308";
    let mut found = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'"' => {
                while let Some(byte) = bytes.get(at).filter(|byte| **byte != b'"') {
                    at += if *byte == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'0'..=b'9' => {
                let rest = &mut bytes[at - 1..];
                let part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let end = rest.iter().position(|byte| !part(byte)).unwrap_or(rest.len());
                let (number, _) = rest.split_at_mut(end);
                let endless = |text: &str| text.parse().is_ok_and(f64::is_infinite);
                if number.len() >= NEAR_THE_END.len() && std::str::from_utf8(number).is_ok_and(endless) {
                    let (head, tail) = number.split_at_mut(NEAR_THE_END.len());
                    head.copy_from_slice(NEAR_THE_END);
                    tail.fill(b' ');
                    found = true;
                }
                at += end - 1;
            }
            _ => {}
        }
    }
    found
}

/// The code unit of the `\u` escape that begins at `start`.
fn unit(bytes: &[u8], start: usize) -> Option<u32> {
    let hex = bytes.get(start..start + 6)?.strip_prefix(b"\\u")?;
    u32::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(json: &str) -> Option<u64> {
        serde_json::from_str::<Count>(json).unwrap().0
    }

    #[test]
    fn a_count_is_read_however_it_is_written() {
        assert_eq!(count("12"), Some(12));
        assert_eq!(count("12.9"), Some(12));
        assert_eq!(count("\"12\""), Some(12));
        assert_eq!(count("-3"), Some(0));
        assert_eq!(count("1099511627776"), Some(1 << 40));
        for absent in ["null", "\"many\"", "{}", "[1]", "true", "\"\"", "\"NaN\"", "1e308", "1099511627777", "\"inf\""]
        {
            assert_eq!(count(absent), None, "{absent}");
        }
    }

    #[test]
    fn an_identity_is_short_and_a_name_is_cut_between_characters() {
        let text = |length: usize| Text(Some("é".repeat(length).into()));
        assert_eq!(text(256).id().map(str::len), Some(512));
        assert_eq!(text(257).id(), None);
        assert_eq!(Text(Some(format!("x{}", "é".repeat(256)).into())).name().map(str::len), Some(511));
    }

    #[test]
    fn repair_bounds_numbers_outside_of_strings() {
        assert_eq!(repair(br#"{"a\"1e400":"1e400","b":[1e30,-12.5e-3]}"#), None);
        assert_eq!(repair(br#"{"a":"\\","b":-1e4000}"#).unwrap(), br#"{"a":"\\","b":-1e308 }"#);
        assert_eq!(repair(br#"[9e308,0,"#).unwrap(), br#"[1e308,0,"#);
        assert_eq!(repair(b"1e"), None);
        assert_eq!(repair(b"\"1e400"), None);
    }

    #[test]
    fn repair_touches_only_what_is_not_unicode() {
        assert_eq!(repair(br#"{"a":"\ud83d\ude00 \\ud83d \n"}"#), None);
        assert_eq!(repair(br#"["\ud83d"]"#).unwrap(), br#"["\ufffd"]"#);
        assert_eq!(repair(br#"["\ude00\ud83d\ude00\uD83D"]"#).unwrap(), br#"["\ufffd\ud83d\ude00\ufffd"]"#);
        assert_eq!(repair(b"[\"\xff\"]").unwrap(), "[\"\u{fffd}\"]".as_bytes());
        assert_eq!(repair(b"\\"), None);
        assert_eq!(repair(b"\\u12"), None);
    }
}
