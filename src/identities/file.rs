//! Parses the two formats of the identities file: TOML with a table per person, and CSV with a row per folder.
//!
//! Pure: text in, entries and mistakes out. Contradictions between entries are found later, by the caller.

use super::{Entry, project};
use crate::base::names;
use crate::config::reading::{self, Mistake};
use serde::Deserialize;
use toml::Spanned;

/// The entries, and the mistakes.
type Found = (Vec<Entry>, Vec<Mistake>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    person: Vec<Table>,
    #[serde(default)]
    project: Vec<ProjectTable>,
}

/// A `[[project]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectTable {
    name: Spanned<String>,
    /// Working directories, or patterns of them.
    paths: Vec<String>,
}

/// A `[[person]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    email: Spanned<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    team: String,
    /// Folder names, or patterns of them.
    folders: Vec<Spanned<String>>,
}

pub(super) fn toml(text: &str) -> (Vec<Entry>, Vec<project::Entry>, Vec<Mistake>) {
    let first = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default().to_lowercase();
    if !first.contains(['[', '=', '#']) && COLUMNS[..2].iter().all(|column| first.contains(column)) {
        let mistake = Mistake::at(1, "this is CSV, not TOML".to_owned());
        let hint = Some("let the name of the file end in `.csv`".to_owned());
        return (Vec::new(), Vec::new(), vec![Mistake { hint, ..mistake }]);
    }
    let (document, mistakes) = reading::document::<Document>(text);
    let (tables, projects) = document.map(|document| (document.person, document.project)).unwrap_or_default();
    let projects = projects.into_iter().map(|ProjectTable { name, paths }| {
        let line = reading::line(text, name.span().start);
        project::Entry { line, name: name.into_inner(), paths }
    });
    let tables = tables.into_iter();
    let entries = tables.flat_map(|Table { email, name, team, folders }| {
        let email_line = reading::line(text, email.span().start);
        let email = email.into_inner();
        folders.into_iter().map(move |folder| {
            let line = reading::line(text, folder.span().start);
            let (email, name, team) = (email.clone(), name.clone(), team.clone());
            Entry { line, email_line, folder: folder.into_inner(), email, name, team }
        })
    });
    (entries.collect(), projects.collect(), mistakes)
}

/// The columns. The last two are optional.
const COLUMNS: [&str; 4] = ["folder", "email", "name", "team"];

/// Possible separators of cells. Spreadsheets write semicolons in countries where numbers have a decimal comma.
const SEPARATORS: [(u8, &str); 4] = [(b',', "commas"), (b';', "semicolons"), (b'\t', "tabs"), (b'|', "bars")];

/// The separator that yields the most known columns in a header; if none yields any, the most frequent one.
fn separator(header: &str) -> u8 {
    let known = |separator: u8| {
        let cells = header.split(char::from(separator)).map(|cell| cell.trim().trim_matches('"').to_lowercase());
        cells.filter(|cell| COLUMNS.contains(&cell.as_str())).count()
    };
    let best = SEPARATORS.iter().rev().max_by_key(|(separator, _)| (known(*separator), count(header, *separator)));
    best.map_or(b',', |(separator, _)| *separator)
}

pub(super) fn csv(text: &str) -> Found {
    let text = text.trim_start_matches('\u{feff}');
    // A spreadsheet can name the separator in a first line of its own: `sep=;`.
    let named = text.lines().next().and_then(|line| line.strip_prefix("sep=")).and_then(|rest| rest.bytes().next());
    let above = if named.is_some() { text.find('\n').map_or(text.len(), |feed| feed + 1) } else { 0 };
    // That line is replaced by an empty one, so that line numbers stay right.
    let text = &format!("{}{}", "\n".repeat(usize::from(above > 0)), &text[above..]);
    let separator = named.unwrap_or_else(|| self::separator(text.trim_start().lines().next().unwrap_or_default()));
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut mistakes = Vec::new();
    let header: csv::StringRecord = reader.headers().cloned().unwrap_or_default();
    let header: csv::StringRecord = header.iter().map(str::to_lowercase).collect();
    if header.get(0).is_some_and(|name| name.starts_with('[')) {
        let mistake = Mistake::at(1, "this is TOML, not CSV".to_owned());
        return (
            Vec::new(),
            vec![Mistake { hint: Some("let the name of the file end in `.toml`".to_owned()), ..mistake }],
        );
    }
    for name in header.iter().filter(|name| !COLUMNS.contains(name)) {
        let nearest = names::nearest(name, COLUMNS.into_iter());
        let hint =
            nearest.map_or_else(|| format!("known: {}", COLUMNS.join(", ")), |name| format!("did you mean `{name}`?"));
        mistakes.push(Mistake { hint: Some(hint), ..Mistake::at(1, format!("unknown column `{name}`")) });
    }
    let place = COLUMNS.map(|column| header.iter().position(|name| name == column));
    for (column, place) in COLUMNS.iter().zip(place).take(2) {
        if place.is_none() {
            mistakes.push(Mistake::at(1, format!("missing column `{column}`")));
        }
    }
    if !mistakes.is_empty() {
        return (Vec::new(), mistakes);
    }
    let mut entries = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = line(text, record.position());
                let [folder, email, name, team] =
                    place.map(|place| place.and_then(|place| record.get(place)).unwrap_or_default().to_owned());
                entries.push(Entry { line, email_line: line, folder, email, name, team });
            }
            Err(error) => {
                let message = match error.kind() {
                    csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                        format!("{len} cells, where the header has {expected_len}")
                    }
                    _ => "this line cannot be understood as CSV".to_owned(),
                };
                let number = line(text, error.position());
                let own = text.lines().nth(number - 1).map_or(separator, self::separator_of_row);
                let name = |byte| SEPARATORS.iter().find(|(own, _)| *own == byte).map(|(_, name)| *name);
                let hint = match (name(own), name(separator)) {
                    (Some(own), Some(other)) if own != other => {
                        Some(format!("it has {own} between its cells, the header has {other}"))
                    }
                    _ => None,
                };
                mistakes.push(Mistake { hint, ..Mistake::at(number, message) });
            }
        }
    }
    (entries, mistakes)
}

/// The most frequent separator in a row.
fn separator_of_row(row: &str) -> u8 {
    SEPARATORS
        .iter()
        .rev()
        .max_by_key(|(separator, _)| count(row, *separator))
        .map_or(b',', |(separator, _)| *separator)
}

fn count(line: &str, separator: u8) -> usize {
    line.bytes().filter(|byte| *byte == separator).count()
}

/// The line of a record. The position that the parser gives is before any empty lines above the record.
fn line(text: &str, place: Option<&csv::Position>) -> usize {
    let at = place.and_then(|place| usize::try_from(place.byte()).ok()).unwrap_or_default();
    let empty = text.bytes().skip(at).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    reading::line(text, at + empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses the people of a TOML file.
    fn people(text: &str) -> Found {
        let (people, _, mistakes) = toml(text);
        (people, mistakes)
    }

    fn told((entries, mistakes): Found) -> Vec<String> {
        let entry =
            |Entry { line, folder, email, name, team, .. }: Entry| format!("{line} {folder}|{email}|{name}|{team}");
        let hint = |mistake: &Mistake| mistake.hint.as_ref().map_or(String::new(), |hint| format!("; {hint}"));
        let entries = entries.into_iter().map(entry);
        entries.chain(mistakes.iter().map(|mistake| format!("{mistake}{}", hint(mistake)))).collect()
    }

    #[test]
    fn a_person_of_toml_has_an_entry_for_each_folder() {
        let text = "[[person]]\nemail = \"ada@x.org\"\nname = \"Ada\"\nfolders = [\n  \"ada\",\n  \"ada-*\",\n]\n\n\
                    [[person]]\nemail = \"bob@x.org\"\nteam = \"Engines\"\nfolders = [\"bob\"]\n";
        assert_eq!(told(people(text)), ["5 ada|ada@x.org|Ada|", "6 ada-*|ada@x.org|Ada|", "12 bob|bob@x.org||Engines"]);
    }

    #[test]
    fn mistakes_of_toml_have_their_line() {
        let text = "[[person]]\nemial = \"ada@x.org\"\nfolders = [\"ada\"]\n\n[[people]]\n\n[[person]]\nemail = 7\nfolders = [\"x\"]\n";
        assert_eq!(
            told(people(text)),
            [
                "line 1: missing key `email`",
                "line 2: unknown key `emial`; did you mean `email`?",
                "line 5: unknown key `people`; known here: `person`, `project`",
                "line 8: `person.email` must be text in quotes, not `7`; for example: email = \"…\"",
            ]
        );
    }

    #[test]
    fn a_row_of_csv_is_a_folder() {
        let text = "\u{feff}email,folder,team\nada@x.org, ada ,\n\n\"bob@x.org\",bob,\"Engines, large\"\n";
        assert_eq!(told(csv(text)), ["2 ada|ada@x.org||", "4 bob|bob@x.org||Engines, large"]);
    }

    #[test]
    fn cells_are_separated_by_what_the_header_has() {
        let text = "folder,email,name\nada,ada@x.org,\"Lovelace, Ada\"\nbob,bob@x.org,Bob; the builder\n";
        let expected = ["2 ada|ada@x.org|Lovelace, Ada|", "3 bob|bob@x.org|Bob; the builder|"];
        assert_eq!(told(csv(text)), expected);
        for separator in [";", "\t", "|"] {
            let rows = [
                ["Folder", "E-mail", "Name"].join(separator).replace("E-mail", "EMAIL"),
                ["ada", "ada@x.org", "\"Lovelace, Ada\""].join(separator),
                ["bob", "bob@x.org", "\"Bob; the builder\""].join(separator),
            ];
            assert_eq!(told(csv(&rows.join("\r\n"))), expected, "{separator}");
        }
        let named = "sep=;\r\nemail;folder\r\nada@x.org;ada\r\n";
        assert_eq!(told(csv(named)), ["3 ada|ada@x.org||"], "as spreadsheets write it");
        assert_eq!(
            told(csv("folder;email\nada,ada@x.org\n")),
            ["line 2: 1 cells, where the header has 2; it has commas between its cells, the header has semicolons"]
        );
        let unknown = ["line 1: unknown column `mail`; did you mean `email`?", "line 1: missing column `email`"];
        assert_eq!(told(csv("mail;folder\na@x.org;ada\n")), unknown);
        let unknown = told(csv("Ordner;Post\nada;a@x.org\n"));
        assert_eq!(unknown[0], "line 1: unknown column `ordner`; did you mean `folder`?");
    }

    #[test]
    fn a_file_of_the_other_format_is_known() {
        let table = "[[person]]\nemail = \"ada@x.org\"\nfolders = [\"ada\"]\n";
        assert_eq!(told(csv(table)), ["line 1: this is TOML, not CSV; let the name of the file end in `.toml`"]);
        for text in ["folder,email\nada,ada@x.org\n", "\u{feff}Email;Folder\n", "folder\temail\tname\n"] {
            assert_eq!(told(people(text)), ["line 1: this is CSV, not TOML; let the name of the file end in `.csv`"]);
        }
    }

    #[test]
    fn mistakes_of_csv_have_their_line() {
        assert_eq!(
            told(csv("folder,mail,colour\na,b,c\n")),
            [
                "line 1: unknown column `mail`; did you mean `email`?",
                "line 1: unknown column `colour`; known: folder, email, name, team",
                "line 1: missing column `email`",
            ]
        );
        assert_eq!(
            told(csv("folder,email\nada,ada@x.org\nbob\neve,eve@x.org,7\n")),
            ["2 ada|ada@x.org||", "line 3: 1 cells, where the header has 2", "line 4: 3 cells, where the header has 2"]
        );
    }

    #[test]
    fn a_project_has_a_name_and_paths() {
        let (people, projects, mistakes) = toml("\n[[project]]\nname = 'shop'\npaths = ['/a/*', '/b']\n");
        let paths = ["/a/*", "/b"].map(str::to_owned).into();
        assert_eq!((people, projects), (Vec::new(), vec![project::Entry { line: 3, name: "shop".to_owned(), paths }]));
        assert!(mistakes.is_empty());
        let (_, _, mistakes) = toml("[[project]]\nname = 'shop'\npath = '/a'\n");
        assert!(!mistakes.is_empty(), "a key that it does not have");
    }
}
