//! The text of mistakes in a configuration, for the author of the file: which key, what was found, what is allowed, and
//! an example. Pure.

use chrono::NaiveDate;
use serde_json::Value;
use sessionmill_contract::mask::mask;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// A message and a hint.
pub(super) type Words = (String, Option<String>);

/// Most characters of the file that a message quotes.
const QUOTED: usize = 60;

/// The text for a line that is not valid TOML. `message` is the parser's.
pub(super) fn broken(text: &str, at: usize, message: &str) -> Words {
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |feed| feed + 1);
    let whole = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default().trim();
    let is_list = whole.split_once('=').is_some_and(|(_, value)| value.trim_start().starts_with(['[', '{']));
    let line = &*mask(whole);
    let (key, value) = line.split_once('=').map_or((line, None), |(key, value)| (key.trim(), Some(value.trim())));
    let shown = quoted(line);
    let is = |part: &str| message.contains(part);
    let (what, hint) = match value {
        Some("") => (format!("`{}` has no value", quoted(key)), example(key, "\"…\"")),
        None if is("key with no value") || is("missing assignment") => {
            (format!("`{shown}` has no `=` and no value"), example(key, "\"…\""))
        }
        Some(value) if is("must be quoted") && !is_list => {
            (format!("`{}` is not in quotes", quoted(value)), example(key, &in_quotes(value)))
        }
        _ if is("unclosed table") || is("unclosed array table") => {
            (format!("`{shown}` lacks its closing bracket"), example_line(&closed(line)))
        }
        _ if is("duplicate key") => (format!("`{}` is set twice", quoted(key)), Some("keep one of them".to_owned())),
        _ if is("escape") || is("unicode value") => (
            format!("unknown backslash escape in `{shown}`"),
            Some("text with backslashes goes in single quotes: '\\…'".to_owned()),
        ),
        _ if is("unclosed array") => (format!("the list that begins in `{shown}` lacks its closing `]`"), None),
        _ if is("unclosed inline table") => {
            (format!("the table that begins in `{shown}` lacks its closing `}}`"), None)
        }
        _ if is("comma") || is("must be quoted") => {
            (format!("the items of `{shown}` must be separated by single commas"), None)
        }
        _ if is("string") || is("quote") => (format!("a quote is missing in `{shown}`"), None),
        _ => (
            format!("`{shown}` cannot be understood"),
            Some("a line is `[table]`, `key = value` or `# comment`, and text is in quotes".to_owned()),
        ),
    };
    (what, hint)
}

/// The table header of a line, with all its closing brackets.
fn closed(line: &str) -> String {
    let open = line.chars().take_while(|c| *c == '[').count();
    let name = line.trim_matches(|c: char| c == '[' || c == ']' || c.is_whitespace());
    format!("{}{name}{}", "[".repeat(open), "]".repeat(open))
}

/// A value that was refused, and its key.
pub(super) struct RefusedValue {
    /// The key with those of its tables: `source.layout`.
    pub key: String,
    /// Whether the value is an item of the key's list.
    is_item: bool,
    /// The value as written.
    found: String,
}

impl RefusedValue {
    pub(super) fn of(table: &DeTable<'_>, at: &Range<usize>, text: &str) -> Option<Self> {
        let (key, is_item) = key(table, at, "")?;
        Some(Self { key, is_item, found: text.get(at.clone()).map(quoted).unwrap_or_default() })
    }

    /// A message of our own, with the key and, unless the message names it already, the value.
    pub(super) fn own(&self, message: &str) -> String {
        let Self { key, found, .. } = self;
        let is_told = found.starts_with(['[', '{']) || message.contains(found.trim_matches(['"', '\'']));
        if is_told { format!("`{key}`: {message}") } else { format!("`{key}`: {message}, not `{found}`") }
    }
}

/// The text for a value of the wrong kind, made from serde's `message`. `None` if the message is one of our own.
pub(super) fn wrong(place: &RefusedValue, default: &Value, message: &str) -> Option<Words> {
    let RefusedValue { key, is_item, found } = place;
    let name = key.rsplit('.').next().unwrap_or(key);
    let key = if *is_item { format!("each item of `{key}`") } else { format!("`{key}`") };
    if let Some((_, allowed)) = message.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, ")) {
        let allowed: Vec<&str> = allowed.split('`').skip(1).step_by(2).collect();
        let near = crate::base::names::nearest(found.trim_matches(['"', '\'']), allowed.iter().copied());
        let list: Vec<_> = allowed.iter().map(|allowed| format!("`{allowed}`")).collect();
        let hint = match near {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None => allowed.first().and_then(|first| example(name, &in_quotes(first))),
        };
        return Some((format!("{key} must be {}, not `{found}`", either(&list)), hint));
    }
    if message.contains("overflowed") {
        return Some((format!("{key} must be a number that fits into 64 bits, not `{found}`"), None));
    }
    let what = ["invalid type: ", "invalid value: ", "invalid length "];
    let rest = what.iter().find_map(|what| message.strip_prefix(what))?;
    let (_, expected) = rest.rsplit_once(", expected ")?;
    let (allowed, kind) = allowed(expected);
    let shown = repaired(found, kind).filter(|repaired| repaired != found).or_else(|| written(default));
    let shown = shown.unwrap_or_else(|| kind.example().to_owned());
    let shown = if *is_item { format!("[{shown}]") } else { shown };
    Some((format!("{key} must be {allowed}, not `{found}`"), example(name, &shown)))
}

/// The kinds of values.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Path,
    Whole,
    Number,
    Truth,
    List,
    Table,
    Day,
    Own,
}

impl Kind {
    fn example(self) -> &'static str {
        match self {
            Self::Text | Self::Own => "\"…\"",
            Self::Path => "\"/path/to/it\"",
            Self::Whole => "10",
            Self::Number => "0.5",
            Self::Truth => "true",
            Self::List => "[\"…\"]",
            Self::Table => "{ … }",
            Self::Day => "2026-02-01",
        }
    }
}

/// Translates the type that serde expects into words for the author of the file.
fn allowed(expected: &str) -> (String, Kind) {
    let (words, kind) = match expected {
        "a string" | "str" | "string" | "a borrowed string" => ("text in quotes", Kind::Text),
        "path string" => ("a path in quotes", Kind::Path),
        "a boolean" => ("`true` or `false`", Kind::Truth),
        "f64" | "f32" => ("a number", Kind::Number),
        "u64" | "usize" | "i64" | "isize" => ("a whole number from 0", Kind::Whole),
        "u16" => ("a whole number from 0 to 65535", Kind::Whole),
        "a nonzero u16" => ("a whole number from 1 to 65535", Kind::Whole),
        "u32" | "i32" => ("a whole number from 0 to 4294967295", Kind::Whole),
        "a sequence" => ("a list in brackets", Kind::List),
        "a map" | "a table" => ("a table", Kind::Table),
        _ if expected.starts_with("a nonzero ") => ("a whole number from 1", Kind::Whole),
        _ if expected.starts_with("struct ") || expected.starts_with("a table of ") => ("a table", Kind::Table),
        _ if expected.to_lowercase().contains("datetime") => ("a day without quotes", Kind::Day),
        own => (own, Kind::Own),
    };
    (words.to_owned(), kind)
}

/// The found value as it was probably meant; `None` if that cannot be guessed.
fn repaired(found: &str, kind: Kind) -> Option<String> {
    let bare = found.trim_matches(['"', '\'']).trim();
    match kind {
        Kind::Whole => bare.replace(['_', ',', ' '], "").parse::<u64>().ok().filter(|n| *n > 0).map(|n| n.to_string()),
        Kind::Number => bare.parse::<f64>().ok().filter(|number| number.is_finite()).map(|_| bare.to_owned()),
        Kind::Truth => match bare.to_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some("true".to_owned()),
            "false" | "no" | "off" | "0" => Some("false".to_owned()),
            _ => None,
        },
        Kind::Day => bare.parse::<NaiveDate>().ok().map(|day| day.to_string()),
        Kind::List if !found.starts_with(['[', '{']) => Some(format!("[{found}]")),
        _ => None,
    }
}

/// A default value as a file contains it.
fn written(default: &Value) -> Option<String> {
    match default {
        Value::String(text) => Some(in_quotes(text)),
        Value::Number(_) | Value::Bool(_) => Some(default.to_string()),
        _ => None,
    }
}

fn example(key: &str, value: &str) -> Option<String> {
    example_line(&format!("{key} = {value}"))
}

fn example_line(line: &str) -> Option<String> {
    Some(format!("for example: {line}"))
}

fn in_quotes(text: &str) -> String {
    format!("\"{}\"", text.trim_matches(['"', '\'']))
}

/// `a`, `b` or `c`.
fn either(list: &[String]) -> String {
    match list {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => list.concat(),
    }
}

/// The first line of a text, shortened. Secrets in it are masked, since messages end up in logs and a key can stand in
/// the wrong place.
fn quoted(text: &str) -> String {
    let line = mask(text.trim().lines().next().unwrap_or_default());
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.into_owned(),
    }
}

/// The key of the value at a span, and whether the value is an item of the key's list.
fn key(table: &DeTable<'_>, at: &Range<usize>, above: &str) -> Option<(String, bool)> {
    table.iter().find_map(|(name, value)| {
        let key = below(above, name.get_ref());
        if name.span() == *at || value.span() == *at { Some((key, false)) } else { within(value.get_ref(), at, &key) }
    })
}

fn within(value: &DeValue<'_>, at: &Range<usize>, key: &str) -> Option<(String, bool)> {
    match value {
        DeValue::Table(table) => self::key(table, at, key),
        DeValue::Array(values) => values.iter().find_map(|value| {
            if value.span() == *at { Some((key.to_owned(), true)) } else { within(value.get_ref(), at, key) }
        }),
        _ => None,
    }
}
/// The full name of a setting in a table.
pub(super) fn below(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") }
}
