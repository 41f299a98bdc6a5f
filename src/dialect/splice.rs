//! Finds the records on a line. Usually there is one, but not always: after a lost line feed there are two; a writer
//! that was stopped leaves the beginning of a record before the next one; and of two concurrent writers, one can write
//! a record into the middle of another.
//!
//! A broken record must not affect others, and an object inside of it must not be taken for a record. For example, in
//! `{"type":"user","message":{"role":"us{"type":"assistant",…}` the last object is a record, but in
//! `{"type":"user","message":{"role":"user"},"uu` the inner one is not.
//!
//! A nested object stands after a colon, a comma or a bracket, and is followed by a comma or a bracket. An object for
//! which neither is true is a record. In the other cases the dialect decides whether the object has something that only
//! a record has: a record can be cut right after a nested object, or be written between two parts of another.

use super::json::{self, Fields, Object};
use super::walk;
use serde::de::IgnoredAny;

/// What the text around an object says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// Everything before it on the line is whole records.
    Due,
    /// A broken record comes before it, but it is not part of that.
    AfterBroken,
    /// It may be part of a broken record around it, or of one that was cut right after it.
    PerhapsInside,
}

/// How often the search after a cut may read a line again: once for each object that the cut left open. Real records
/// have only a handful.
const EFFORT: usize = 8;

/// Finds the records of a line, one by one. `parse` gets the text from a possible record on, and returns the record's
/// length, or `None` if no record begins there; in that case it must not emit anything. Returns whether the whole line
/// consists of records.
pub(super) fn records(line: &[u8], parse: &mut dyn FnMut(&[u8], Position) -> Option<usize>) -> bool {
    let told = whole(line, parse);
    let rest = &line[told..];
    if rest.is_empty() {
        return true;
    }
    let repaired = json::repair(rest);
    let rest = repaired.as_deref().unwrap_or(rest);
    let told = if repaired.is_some() { whole(rest, parse) } else { 0 };
    let broken = &rest[told..];
    if !broken.is_empty() {
        behind_cuts(broken, parse);
    }
    broken.is_empty()
}

/// The record that begins at the first byte, and its length with white space after it.
pub(super) fn record<'de, T: Fields<'de>>(bytes: &'de [u8]) -> Option<(T, usize)> {
    let (record, end) = walk::object(bytes).or_else(|| read(bytes))?;
    Some((record, end + blanks(&bytes[end..])))
}

/// The object that begins at the first byte. Reads every byte of it.
fn read<'de, T: Fields<'de>>(bytes: &'de [u8]) -> Option<(T, usize)> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter();
    let Some(Ok(Object(Some(record)))) = values.next() else { return None };
    Some((record, values.byte_offset()))
}

/// The length of a whole value, with white space after it.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    values.next()?.ok()?;
    let end = values.byte_offset();
    Some(end + blanks(&bytes[end..]))
}

/// Passes records on until one is not whole. Returns how far it got.
fn whole(line: &[u8], parse: &mut dyn FnMut(&[u8], Position) -> Option<usize>) -> usize {
    let mut at = blanks(line);
    while at < line.len() {
        let Some(length) = parse(&line[at..], Position::Due) else { break };
        at += length;
    }
    at
}

/// Passes on the whole records after the first one of a line, which is cut. Returns how many bytes it read.
fn behind_cuts(line: &[u8], parse: &mut dyn FnMut(&[u8], Position) -> Option<usize>) -> usize {
    let mut read = 0;
    let mut at = 1;
    while let Some(found) = line.get(at..).and_then(|rest| memchr::memchr(b'{', rest)) {
        let start = at + found;
        // A record has at least one field.
        let first = start + 1 + blanks(&line[start + 1..]);
        if line.get(first) != Some(&b'"') {
            at = start + 1;
            continue;
        }
        let (length, object) = object(&line[start..]);
        read += length;
        if read > line.len().saturating_mul(EFFORT) {
            break;
        }
        let end = start + length;
        // Nothing inside a whole object is a record, nor inside one that is too deep to read.
        at = if object == Ended::Early { start + 1 } else { end };
        if object != Ended::Whole {
            continue;
        }
        let before = line[..start].iter().rfind(|byte| !byte.is_ascii_whitespace());
        let place = match (before, line.get(end + blanks(&line[end..]))) {
            (Some(b':' | b',' | b'['), _) => Position::PerhapsInside,
            (_, None | Some(b'{')) => Position::AfterBroken,
            _ => Position::PerhapsInside,
        };
        if let Some(length) = parse(&line[start..], place) {
            at = start + length;
        }
    }
    read
}

/// The depth that serde_json can read. A deeper object has at least as many bytes.
const DEEPEST: usize = 128;

/// How reading an object ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Whole,
    Early,
    TooDeep,
}

/// The length of an object, or of the part of it that was read.
fn object(bytes: &[u8]) -> (usize, Ended) {
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Err(error)) => {
            // A line contains no line feed, so the column is the position.
            let length = error.column().clamp(1, bytes.len());
            let is_deep = length >= DEEPEST && error.to_string().starts_with("recursion limit exceeded");
            (length, if is_deep { Ended::TooDeep } else { Ended::Early })
        }
        _ => (values.byte_offset().max(1), Ended::Whole),
    }
}

/// White space, and the zero bytes of a disk block that was never written.
fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::json::{Text, skip};
    use serde::de::MapAccess;

    /// Records in these tests have a name. Those that cannot be part of another one are signed.
    #[derive(Default)]
    struct Named<'de> {
        name: Text<'de>,
        signed: bool,
    }

    impl<'de> Fields<'de> for Named<'de> {
        fn field<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
            match name {
                "name" => self.name = map.next_value()?,
                "signed" => {
                    self.signed = true;
                    skip(map)?;
                }
                _ => skip(map)?,
            }
            Ok(())
        }
    }

    fn names(line: &str) -> (String, bool) {
        let mut names = Vec::new();
        let all = records(line.as_bytes(), &mut |rest, place| {
            let (Named { name, signed }, length) = record(rest)?;
            let name = name.get().filter(|_| place != Position::PerhapsInside || signed);
            if place != Position::Due && name.is_none() {
                return None;
            }
            names.push(name.unwrap_or("?").to_owned());
            Some(length)
        });
        (names.concat(), all)
    }

    #[test]
    fn whole_records_share_a_line() {
        for (line, expected) in [
            (r#"{"name":"a"}"#, "a"),
            (r#"{"name":"a"}{"name":"b"}"#, "ab"),
            (r#" {"name":"a"} {"name":"b"} "#, "ab"),
            (r#"{"x":{"name":"b"}}{}"#, "??"),
            (r#"{"x":1e999,"name":"a"}{"name":"b"}"#, "ab"),
        ] {
            assert_eq!(names(line), (expected.to_owned(), true), "{line}");
        }
    }

    #[test]
    fn wherever_a_record_is_cut_the_whole_ones_beside_it_count() {
        let lost = r#"{"signed":1,"list":[{"name":"no"},{"name":"no"}],"text":"{\"name\":\"no\"} {","inner":{"name":"no","a":[1,{}]},"name":"lost","n":-1.5e3,"t":true}"#;
        let [a, b] = [r#"{"signed":1,"name":"a","x":{"name":"no"}}"#, r#"{"x":[{}],"name":"b","signed":1}"#];
        for cut in 1..lost.len() {
            let lost = &lost[..cut];
            for (line, expected) in [
                (format!("{lost}{a}"), "a"),
                (format!("{a}{lost}"), "a"),
                (format!("{lost}{a}{b}"), "ab"),
                (format!("{a}{lost}{b}"), "ab"),
                (format!("{lost}{a}{lost}{b}"), "ab"),
                (format!("{lost}{lost}{a}"), "a"),
                (format!("{lost} {a} "), "a"),
                (lost.to_owned(), ""),
            ] {
                assert_eq!(names(&line), (expected.to_owned(), false), "{line}");
            }
        }
    }

    #[test]
    fn a_record_that_lost_its_beginning_does_not_affect_others() {
        let lost = r#"{"signed":1,"list":[{"name":"no"},{"name":"no"}],"text":"{\"name\":\"no\"} {","inner":{"name":"no"},"t":true}"#;
        let whole = r#"{"name":"a","x":{"name":"no"}}"#;
        for cut in (1..lost.len()).filter(|cut| !lost[*cut..].starts_with('{')) {
            let line = format!("{}{whole}", &lost[cut..]);
            assert_eq!(names(&line), ("a".to_owned(), false), "{line}");
        }
    }

    #[test]
    fn a_record_inside_of_a_broken_one_counts() {
        let broken = r#"{"signed":1,"list":[{"name":"no"},{"name":"no"}],"text":"{\"name\":\"no\"} {","inner":{"name":"no","a":[1,{}]},"n":-1.5e3,"t":true}"#;
        let [a, b] = [r#"{"signed":1,"name":"a","x":{"name":"no"}}"#, r#"{"x":[{}],"name":"b","signed":1}"#];
        for cut in 1..broken.len() {
            let (head, tail) = broken.split_at(cut);
            for (line, expected) in [
                (format!("{head}{a}{tail}"), "a"),
                (format!("{head}{a}{b}{tail}"), "ab"),
                (format!("{head}{a}{tail}{b}"), "ab"),
                (format!("{head}{a}{tail}{head}{b}{tail}"), "ab"),
            ] {
                assert_eq!(names(&line), (expected.to_owned(), false), "{line}");
            }
            if !tail.starts_with('{') {
                let line = format!("{tail}{a}{tail}");
                assert_eq!(names(&line), ("a".to_owned(), false), "{line}");
            }
        }
        for (line, expected) in [
            (format!("garbage {a} trailing"), "a"),
            (format!("[{a},{b}]"), "ab"),
            (format!("[{a}, {b},"), "ab"),
            (format!("{a},{b}"), "ab"),
            (format!("[[{a}],[{{}},{b}]]"), "ab"),
            (r#"[{"name":"no"},{"name":"no"}]"#.to_owned(), ""),
        ] {
            assert_eq!(names(&line), (expected.to_owned(), false), "{line}");
        }
    }

    #[test]
    fn a_search_behind_a_cut_takes_linear_effort() {
        for piece in ["{", "{\"a\":", "{\"a\":[", "{\"a\":\"{", "[{\"a\":1},", "{\"a\":1,\"b\":[{},", "{\"a\":{}},"] {
            let line = piece.repeat(4_000);
            let read = behind_cuts(line.as_bytes(), &mut |_, _| None);
            assert!(read <= (EFFORT + 1) * line.len(), "{piece}: {read}");
        }
    }
}
