//! Reads the configuration as written: the values of the file and the variables, where each comes from, and every
//! mistake.
//!
//! Pure: the text of the file and the values of the variables are arguments. The types of the configuration decide what
//! is valid. When a type refuses a value, the mistake is noted, the value is removed, and the rest is tried again until
//! it is valid. So one check shows all mistakes of a file.

use super::schedules::TIMEZONE;
use super::variable::{self, Variable};
use super::wording::{self, RefusedValue, below};
use super::{Config, Declaration, SCHEDULE};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sessionmill_contract::mask::mask;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer};

/// The result of reading.
#[derive(Debug, Default)]
pub struct Reading {
    /// The valid part.
    pub config: Config,
    /// Where each value that is not a default comes from, by [`settings`] key.
    pub origins: BTreeMap<String, Origin>,
    /// The mistakes, in the order of the file; those of variables come last.
    pub mistakes: Vec<Mistake>,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A line of the file, counted from 1.
    Line(usize),
    /// An environment variable.
    Variable(&'static str),
}

/// A value or a line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    pub origin: Origin,
    pub message: String,
    pub hint: Option<String>,
}

impl Mistake {
    pub(crate) fn at(line: usize, message: String) -> Self {
        Self { origin: Origin::Line(line), message, hint: None }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Line(line) => write!(f, "line {line}: {}", self.message),
            Origin::Variable(name) => write!(f, "`{name}`: {}", self.message),
        }
    }
}

/// The span of a value that comes from a variable and so has no place in the file.
const NOWHERE: Range<usize> = 0..0;

impl Reading {
    /// Reads the text of a file and the variables of the older program. A variable wins over the file.
    pub fn of(text: &str, variables: &BTreeMap<&'static str, String>, processors: &[Declaration]) -> Self {
        let mut reading = Self::default();
        let (mut document, broken) = parse(text, &mut reading.mistakes);
        origins(document.get_ref(), "", text, &mut reading.origins);

        let settings: Vec<_> = variable::all(processors)
            .into_iter()
            .filter_map(|v| Some((v.setting(variables.get(v.name)?), v)))
            .collect();
        for (setting, Variable { name, key, .. }) in &settings {
            match setting {
                Ok(setting) => {
                    put(document.get_mut(), *key, setting);
                    reading.origins.insert(key.join("."), Origin::Variable(name));
                }
                Err(message) => {
                    let (origin, message) = (Origin::Variable(name), message.clone());
                    reading.mistakes.push(Mistake { origin, message, hint: None });
                }
            }
        }
        let defaults = self::settings(&Config::of(processors));
        let mut sections = Vec::new();
        for table in processors.iter().filter_map(|declared| declared.table) {
            let mut own = DeTable::new();
            if let Some((name, value)) = document.get_mut().remove_entry(table.name) {
                own.insert(name, value);
            }
            let own = Document { table: Spanned::new(NOWHERE, own), broken: &broken, text, defaults: &defaults };
            let (section, mistakes) = table.read(own);
            sections.push(section);
            reading.mistakes.extend(mistakes);
        }
        let mut document = Document { table: document, broken: &broken, text, defaults: &defaults };
        reading.mistakes.extend(document.remove_unknown_schedules(processors));
        let (config, mistakes) = document.right::<Config>();
        reading.config = Config { sections, ..config.unwrap_or_default() };
        reading.config.schedule.complete(processors);
        reading.mistakes.extend(mistakes);
        let (origins, config) = (&reading.origins, &reading.config);
        let clashes = config.clashes().into_iter();
        let clashes = clashes.map(|(key, message)| Mistake {
            origin: origins.get(&key).copied().unwrap_or(Origin::Line(1)),
            message,
            hint: None,
        });
        reading.mistakes.extend(clashes.collect::<Vec<_>>());
        reading.mistakes.sort_by_key(|mistake| mistake.origin);
        reading
    }
}

/// Reads another TOML file: its valid part, and its mistakes.
pub(crate) fn document<T: DeserializeOwned>(text: &str) -> (Option<T>, Vec<Mistake>) {
    let mut mistakes = Vec::new();
    let (document, broken) = parse(text, &mut mistakes);
    let (value, wrong) = Document { table: document, broken: &broken, text, defaults: &[] }.right();
    mistakes.extend(wrong);
    mistakes.sort_by_key(|mistake| mistake.origin);
    (value, mistakes)
}

/// Parses TOML. Invalid lines are noted as mistakes, and their places returned.
fn parse<'t>(text: &'t str, mistakes: &mut Vec<Mistake>) -> (Spanned<DeTable<'t>>, Vec<Origin>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().unwrap_or(NOWHERE).start;
        let (message, hint) = wording::broken(text, at, error.message());
        mistakes.push(Mistake { hint, ..Mistake::at(line(text, at), message) });
    }
    (document, mistakes.iter().map(|mistake| mistake.origin).collect())
}

/// A parsed document, ready to become a structure.
pub struct Document<'d> {
    table: Spanned<DeTable<'d>>,
    /// Lines that are not valid TOML.
    broken: &'d [Origin],
    text: &'d str,
    /// All settings with their defaults.
    defaults: &'d [(String, Value)],
}

impl Document<'_> {
    /// Deserializes the structure. A value that its type refuses is noted as a mistake and removed.
    pub(super) fn right<T: DeserializeOwned>(mut self) -> (Option<T>, Vec<Mistake>) {
        let (mut mistakes, mut taken): (_, Vec<String>) = (Vec::new(), Vec::new());
        loop {
            let error = match T::deserialize(Deserializer::from(self.table.clone())) {
                Ok(value) => return (Some(value), mistakes),
                Err(error) => error,
            };
            let span = error.span().unwrap_or(NOWHERE);
            let origin = Origin::Line(line(self.text, span.start));
            // A mistake in a broken line is noted already. A field is not missing if its value was just removed.
            let is_taken = taken.iter().any(|key| error.message() == format!("missing field `{key}`"));
            if !self.broken.contains(&origin) && !is_taken {
                let place = RefusedValue::of(self.table.get_ref(), &span, self.text);
                mistakes.push(mistake(origin, error.message(), place.as_ref(), self.defaults));
            }
            let Some(key) = remove(self.table.get_mut(), &span) else { return (None, mistakes) };
            taken.push(key);
        }
    }

    /// Removes the schedules of unknown processors, and returns the mistakes.
    fn remove_unknown_schedules(&mut self, processors: &[Declaration]) -> Vec<Mistake> {
        let schedule = self.table.get_mut().get_mut(SCHEDULE).map(Spanned::get_mut);
        let Some(DeValue::Table(schedule)) = schedule else { return Vec::new() };
        let is_known = |name: &str| name == TIMEZONE || processors.iter().any(|declared| declared.name == name);
        let known: Vec<_> = [TIMEZONE]
            .into_iter()
            .chain(processors.iter().map(|declared| declared.name))
            .map(|name| format!("`{name}`"))
            .collect();
        let mut mistakes = Vec::new();
        for (name, value) in std::mem::take(schedule) {
            if is_known(name.get_ref()) {
                schedule.insert(name, value);
                continue;
            }
            let origin = Origin::Line(line(self.text, name.span().start));
            let message = format!("unknown field `{}`, expected one of {}", name.get_ref(), known.join(", "));
            if !self.broken.contains(&origin) {
                mistakes.push(mistake(origin, &message, None, self.defaults));
            }
        }
        mistakes
    }
}

/// The effective settings of a configuration, by key: `daemon.tick`, `source[0].name`.
pub fn settings(config: &Config) -> Vec<(String, Value)> {
    let mut settings = Vec::new();
    flatten(String::new(), config.values(), &mut settings);
    settings
}

fn flatten(key: String, value: Value, settings: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(table) => {
            table.into_iter().for_each(|(name, value)| flatten(below(&key, &name), value, settings));
        }
        Value::Array(values) if values.iter().any(Value::is_object) => {
            values.into_iter().enumerate().for_each(|(n, value)| flatten(format!("{key}[{n}]"), value, settings));
        }
        value => settings.push((key, value)),
    }
}

/// Notes the line of each value.
fn origins(table: &DeTable<'_>, key: &str, text: &str, origins: &mut BTreeMap<String, Origin>) {
    for (name, value) in table {
        let key = below(key, name.get_ref());
        match value.get_ref() {
            DeValue::Table(table) => self::origins(table, &key, text, origins),
            DeValue::Array(values) if values.iter().any(|value| value.get_ref().is_table()) => {
                for (number, value) in values.iter().enumerate() {
                    if let Some(table) = value.get_ref().as_table() {
                        self::origins(table, &format!("{key}[{number}]"), text, origins);
                    }
                }
            }
            _ => {
                origins.insert(key, Origin::Line(line(text, name.span().start)));
            }
        }
    }
}

/// The line of a byte offset, counted from 1.
pub(crate) fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// Sets a key of a table, replacing its value.
fn put<'t>(document: &mut DeTable<'t>, [table, key]: [&'static str; 2], setting: &'t str) {
    let name = |name| Spanned::new(NOWHERE, Cow::Borrowed(name));
    let Ok(value) = DeValue::parse(setting) else { return };
    let empty = || Spanned::new(NOWHERE, DeValue::Table(DeTable::new()));
    let table = document.entry(name(table)).or_insert_with(empty);
    if let DeValue::Table(table) = table.get_mut() {
        table.remove(key);
        table.insert(name(key), Spanned::new(NOWHERE, value.into_inner()));
    }
}

/// Removes the value at a span. Returns its key if it was found.
fn remove(table: &mut DeTable<'_>, at: &Range<usize>) -> Option<String> {
    let mut found = None;
    for (key, mut value) in std::mem::take(table) {
        found = found.or_else(|| remove_within(value.get_mut(), at));
        if found.is_none() && (key.span() == *at || value.span() == *at) {
            found = Some(key.get_ref().clone().into_owned());
            continue;
        }
        table.insert(key, value);
    }
    found
}

/// As [`remove`], for the values within a value. An element of a list has no key of its own.
fn remove_within(value: &mut DeValue<'_>, at: &Range<usize>) -> Option<String> {
    match value {
        DeValue::Table(table) => remove(table, at),
        DeValue::Array(values) => {
            let mut found = None;
            for mut value in std::mem::replace(values, DeArray::new()) {
                found = found.or_else(|| remove_within(value.get_mut(), at));
                if found.is_none() && value.span() == *at {
                    found = Some(String::new());
                    continue;
                }
                values.push(value);
            }
            found
        }
        _ => None,
    }
}

/// The mistake for an error of serde, in our words: messages of serde itself begin with the name of a Rust field. If an
/// unknown key exists in another table, the hint says so.
fn mistake(origin: Origin, message: &str, place: Option<&RefusedValue>, defaults: &[(String, Value)]) -> Mistake {
    let message = &*mask(message);
    let Some((unknown, known)) = message.strip_prefix("unknown field `").and_then(|rest| rest.split_once("`, ")) else {
        let (message, hint) = match place {
            _ if message.starts_with("missing field") => (message.replace("missing field", "missing key"), None),
            None => (message.to_owned(), None),
            Some(place) => {
                let default = defaults.iter().find(|(key, _)| *key == place.key).map(|(_, value)| value);
                wording::wrong(place, default.unwrap_or(&Value::Null), message)
                    .unwrap_or_else(|| (place.own(message), None))
            }
        };
        return Mistake { origin, message, hint };
    };
    let message = format!("unknown key `{unknown}`");
    let mut known: Vec<_> = known.split('`').skip(1).step_by(2).collect();
    if place.is_some_and(|place| place.key == unknown) {
        // The tables of processors are not fields of the structure, so serde does not list them.
        let tables = defaults.iter().filter_map(|(key, _)| key.split(['.', '[']).next());
        for table in tables {
            if !known.contains(&table) {
                known.push(table);
            }
        }
    }
    let elsewhere =
        defaults.iter().map(|(key, _)| key).find(|key| key.rsplit_once('.').is_some_and(|(_, name)| name == unknown));
    let hint = match (crate::base::names::nearest(unknown, known.iter().copied()), elsewhere) {
        (_, Some(key)) => format!("did you mean `{key}`?"),
        (Some(nearest), None) => format!("did you mean `{nearest}`?"),
        (None, None) => {
            let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            format!("known here: {}", known.join(", "))
        }
    };
    Mistake { origin, message, hint: Some(hint) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugs::PLUGS;

    const NONE: BTreeMap<&str, String> = BTreeMap::new();

    /// The processor for which the tests set a schedule.
    fn first() -> &'static str {
        PLUGS.names().next().unwrap()
    }

    fn mistakes(text: &str) -> Vec<String> {
        let hint = |mistake: &Mistake| mistake.hint.as_ref().map_or(String::new(), |hint| format!("; {hint}"));
        Reading::of(text, &NONE, &PLUGS.declarations())
            .mistakes
            .iter()
            .map(|mistake| format!("{mistake}{}", hint(mistake)))
            .collect()
    }

    #[test]
    fn every_mistake_is_reported_with_its_line() {
        let text = "timezon = \"UTC\"
tick = \"5s\"
database = 7

[caps]
line = \"long\"
file = 1000

[schedule]
timezone = \"Europe/Berln\"
usge = \"every 5m\"
usage = \"hourly\"

[daemon]
tick = \"0s\"
max_files = 0
watch = true
allow_uids = [0, \"ada\"]

[[source]]
name = \"a\"

[[source]]
name = \"b\"
path = \"/b\"
layout = \"user\"
";
        assert_eq!(
            mistakes(text),
            [
                "line 1: unknown key `timezon`; did you mean `timezone`?",
                "line 2: unknown key `tick`; did you mean `daemon.tick`?",
                "line 3: `database` must be a path in quotes, not `7`; for example: database = \"/path/to/it\"",
                "line 6: `caps.line` must be a whole number from 0, not `\"long\"`; for example: line = 33554432",
                "line 10: `schedule.timezone`: unknown time zone `Europe/Berln`: IANA names, such as `Europe/Berlin`",
                "line 11: unknown key `usge`; did you mean `usage`?",
                "line 12: `schedule.usage`: `hourly` is not a schedule: expected `every 10m`, `daily 05:00,17:00` or `cron 15 3 * * 1-5`, or `off`",
                "line 15: `daemon.tick`: `0s` is not a time such as 150s, 5m or 1h",
                "line 16: `daemon.max_files` must be a whole number from 1, not `0`; for example: max_files = 10",
                "line 18: each item of `daemon.allow_uids` must be a whole number from 0 to 4294967295, not `\"ada\"`; for example: allow_uids = [10]",
                "line 20: missing key `path`",
                "line 26: `source.layout` must be `users`, `claude-projects` or `codex-sessions`, not `\"user\"`; did you mean `users`?",
            ]
        );
        let Reading { config, .. } = Reading::of(text, &NONE, &PLUGS.declarations());
        assert!(config.daemon.watch && config.caps.file == 1000, "what is right of it counts");
    }

    #[test]
    fn a_broken_line_hides_no_other_mistake() {
        assert_eq!(
            mistakes("timezone = \n\n[daemon\nwatch = true\n[caps]\nfil = 1\n"),
            [
                "line 1: `timezone` has no value; for example: timezone = \"…\"",
                "line 3: `[daemon` lacks its closing bracket; for example: [daemon]",
                "line 6: unknown key `fil`; did you mean `file`?",
            ]
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_reported_without_rust_types() {
        let model = "[verification]\ndetector = 'anthropic'\nmodel = 'm'\n";
        let price = "[[price]]\nmodel = \"m\"\noutput = 1\n";
        for (text, expected) in [
            (
                "database = true",
                "line 1: `database` must be a path in quotes, not `true`; for example: database = \"/path/to/it\"",
            ),
            ("timezone = 2", "line 1: `timezone` must be text in quotes, not `2`; for example: timezone = \"…\""),
            (
                "daemon.watch = \"yes\"",
                "line 1: `daemon.watch` must be `true` or `false`, not `\"yes\"`; for example: watch = true",
            ),
            (
                "daemon.tick = 30",
                "line 1: `daemon.tick` must be a time in quotes, not `30`; for example: tick = \"30s\"",
            ),
            (
                "daemon.allow_uids = 7",
                "line 1: `daemon.allow_uids` must be a list in brackets, not `7`; for example: allow_uids = [7]",
            ),
            ("daemon = 7", "line 1: `daemon` must be a table, not `7`; for example: daemon = { … }"),
            ("source = 7", "line 1: `source` must be a list in brackets, not `7`; for example: source = [7]"),
            (
                "caps.file = -1",
                "line 1: `caps.file` must be a whole number from 0, not `-1`; for example: file = 17179869184",
            ),
            (
                "caps.file = 1.5",
                "line 1: `caps.file` must be a whole number from 0, not `1.5`; for example: file = 17179869184",
            ),
            (
                "caps.file = \"1_000\"",
                "line 1: `caps.file` must be a whole number from 0, not `\"1_000\"`; for example: file = 1000",
            ),
            (
                "schedule.usage = 10",
                "line 1: `schedule.usage` must be text in quotes, not `10`; for example: usage = \"every 10m\"",
            ),
            (
                "schedule.usage = \"every 10\"",
                "line 1: `schedule.usage`: `every 10` is not a schedule: expected a unit: `every 10m` for minutes, `every 10s` for seconds, or `off`",
            ),
            (
                &format!("{model}dollars_per_day = \"5\""),
                "line 4: `verification.dollars_per_day` must be a number, not `\"5\"`; for example: dollars_per_day = 5",
            ),
            (
                &format!("{model}input_price = \"cheap\""),
                "line 4: `verification.input_price` must be a number, not `\"cheap\"`; for example: input_price = 0.5",
            ),
            (
                "verification.detector = \"openia\"",
                "line 1: `verification.detector` must be `rules`, `anthropic` or `openai`, not `\"openia\"`; did you mean `openai`?",
            ),
            (
                "verification.confidence.correction = \"high\"",
                "line 1: `verification.confidence.correction` must be a number, not `\"high\"`; for example: correction = 0.6",
            ),
            (
                &format!("{price}input = \"free\""),
                "line 4: `price.input` must be a number, not `\"free\"`; for example: input = 0.5",
            ),
            (&format!("{price}input = -1"), "line 4: `price.input`: a rate is from 0 to a million dollars, not `-1`"),
            (
                &format!("{price}input = 1\nfrom = \"2026-02-01\""),
                "line 5: `price.from` must be a day without quotes, not `\"2026-02-01\"`; for example: from = 2026-02-01",
            ),
        ] {
            assert_eq!(mistakes(text), [expected]);
        }
    }

    #[test]
    fn invalid_toml_is_reported_without_parser_terms() {
        for (text, expected) in [
            (
                "timezone = Europe/Berlin",
                "line 1: `Europe/Berlin` is not in quotes; for example: timezone = \"Europe/Berlin\"",
            ),
            ("timezone = \"UTC", "line 1: a quote is missing in `timezone = \"UTC`"),
            ("timezone", "line 1: `timezone` has no `=` and no value; for example: timezone = \"…\""),
            ("[daemon]\nwatch = true\nwatch = false", "line 3: `watch` is set twice; keep one of them"),
            ("[[source]\n", "line 1: `[[source]` lacks its closing bracket; for example: [[source]]"),
            (
                "database = \"C:\\data\"",
                "line 1: unknown backslash escape in `database = \"C:\\data\"`; text with backslashes goes in single quotes: '\\…'",
            ),
            (
                "daemon.allow_uids = [7, 8",
                "line 1: the list that begins in `daemon.allow_uids = [7, 8` lacks its closing `]`",
            ),
            (
                "daemon.allow_uids = [7 8]",
                "line 1: the items of `daemon.allow_uids = [7 8]` must be separated by single commas",
            ),
            (
                "}",
                "line 1: `}` cannot be understood; a line is `[table]`, `key = value` or `# comment`, and text is in quotes",
            ),
        ] {
            assert_eq!(mistakes(text)[0], expected);
        }
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_quoted() {
        let key = "sk-ant-api03-q7Zr2Lx9Wm4Tb8Nc6Vd1Hf5Jk3Pg0Sy";
        for text in [
            format!("[verification]\nkey_file = {key}\n"),
            format!("[verification]\nkey_file = [\"{key}\"]\n"),
            format!("[verification]\nmax_tokens = \"{key}\"\n"),
            format!("[verification]\ndetector = \"{key}\"\n"),
            format!("[verification]\nquiet = \"{key}\"\n"),
            format!("[verification]\nkey_file = \"{key}\n"),
            format!("timezone = \"{key}\"\n"),
            format!("[schedule]\nusage = \"{key}\"\n"),
            format!("{key}\n"),
            format!("[{key}\n"),
            format!("api_key = \"{key}\"\n"),
            format!("\"{key}\" = 1\n"),
        ] {
            let said = mistakes(&text).join("\n");
            assert!(!said.is_empty() && !said.contains("q7Zr2Lx9"), "{text}{said}");
        }
    }

    #[test]
    fn no_message_contains_words_of_a_library() {
        let values = [
            "7",
            "-7",
            "1.5",
            "\"x\"",
            "true",
            "[]",
            "[[1]]",
            "{}",
            "{ x = 1 }",
            "2026-02-01",
            "",
            "x",
            "\"",
            "'",
            "[",
            "{",
            "0x",
            "_1",
            "+-1",
            "\"\\q\"",
            "= 1",
            "1 2",
        ];
        let words = [
            "expected a string",
            "invalid",
            "unexpected",
            "usize",
            "u64",
            "u32",
            "f64",
            "i64",
            "struct",
            "variant",
            "sequence",
            "unclosed",
            "literal",
            "boolean",
            "integer",
            "field",
            "datetime",
        ];
        let mut found = Vec::new();
        for (key, _) in settings(&Config::of(&PLUGS.declarations())) {
            // `instruction` contains `struct`.
            let name = key.rsplit('.').next().unwrap();
            for value in values {
                let text = format!("{key} = {value}\n");
                let said = mistakes(&text)
                    .into_iter()
                    .map(|mistake| mistake.replace(&format!("`{value}`"), "").replace(name, "…"));
                found.extend(
                    said.filter(|said| words.iter().any(|word| said.contains(word))).map(|said| text.clone() + &said),
                );
            }
        }
        assert_eq!(found, [""; 0]);
    }

    #[test]
    fn sources_that_clash_are_reported_with_their_lines() {
        let source = |name: &str, path: &str| format!("[[source]]\nname = \"{name}\"\npath = \"{path}\"\n");
        assert_eq!(mistakes(&(source("a", "/no/a") + &source("a", "/no/b"))), ["line 5: two sources are named `a`"]);
        let budget = "[[budget]]\nname = \"b\"\nmonth = 1\n";
        assert_eq!(mistakes(&[budget, budget].concat()), ["line 5: two budgets are named `b`"]);
        assert_eq!(
            mistakes(&(source("a", "/usr/bin") + &source("b", "/usr"))),
            ["line 2: source `a` is inside `b` and would be counted twice"]
        );
        assert_eq!(
            mistakes(&(source("a", "/usr") + &source("b", "/usr"))),
            ["line 5: source `b` is inside `a` and would be counted twice"]
        );
    }

    #[test]
    fn variables_are_stronger_than_the_file_and_every_value_knows_where_it_is_from() {
        let text = "[schedule]\nusage = \"daily 05:00\"\n\n[daemon]\ntick = \"10s\"\nwatch = true\n";
        let variables = [("SCHEDULER_USAGE_PROCESSOR_INTERVAL", "61"), ("SESSION_PROCESSOR_MAX_PER_RUN", "9")];
        let variables = variables.map(|(name, value)| (name, value.to_owned())).into();
        let Reading { config, origins, mistakes } = Reading::of(text, &variables, &PLUGS.declarations());
        assert_eq!(mistakes, []);
        assert_eq!(config.schedule.get(first()), "every 2m".parse().ok().as_ref());
        let expected = [
            ("daemon.max_files", Origin::Variable("SESSION_PROCESSOR_MAX_PER_RUN")),
            ("daemon.tick", Origin::Line(5)),
            ("daemon.watch", Origin::Line(6)),
            ("schedule.usage", Origin::Variable("SCHEDULER_USAGE_PROCESSOR_INTERVAL")),
        ];
        assert_eq!(origins, expected.map(|(key, origin)| (key.to_owned(), origin)).into());
        let settings: BTreeMap<_, _> = settings(&config).into_iter().collect();
        assert_eq!((&settings["daemon.tick"], &settings["daemon.max_files"]), (&"10s".into(), &9.into()));
        assert_eq!(settings["daemon.triggers"], Value::Null);
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let variables = [("SCHEDULER_TICK_SECONDS", "0".to_owned())].into();
        let Reading { config, mistakes, .. } = Reading::of("", &variables, &PLUGS.declarations());
        assert_eq!(mistakes[0].to_string(), "`SCHEDULER_TICK_SECONDS`: `0` is not a whole number above 0");
        assert_eq!(config, Config::of(&PLUGS.declarations()));
    }

    #[test]
    fn a_processor_can_be_off() {
        let of = |text: &str| {
            Reading::of(text, &NONE, &PLUGS.declarations()).config.schedule.get(first()).map(ToString::to_string)
        };
        assert_eq!(of(""), Some("every 10m".to_owned()));
        assert_eq!(of("[schedule]\nusage = \"off\""), None);
        assert_eq!(of("[schedule]\nusage = \"cron 0 5 * * *\""), Some("cron 0 5 * * *".to_owned()));
    }
}
