//! The names in the database, and which of them a filter means.

use crate::base::error::Result;
use crate::base::names::{self, Fit};
use crate::dialect::directory::spelled;
use crate::identities::Identities;
use crate::identities::repository::repository;
use crate::plugs::usage::report::filter::{Filter, Only, Where};
use crate::plugs::usage::repositories::Repositories;
use crate::plugs::usage::sums::Responses;
use crate::store::reader::Reader;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// The names in the database, read once for any number of filters.
pub struct Names<'r> {
    reader: Reader<'r>,
    repositories: Option<Repositories>,
    /// By kind of name, and whether the name may be shortened.
    known: HashMap<(&'static str, bool), Vec<String>>,
    is_shown: Option<&'r IsShown<'r>>,
}

/// Whether somebody may know a name that these people use, given by a folder of each.
type IsShown<'r> = dyn Fn(&BTreeSet<String>) -> bool + 'r;

impl<'r> Names<'r> {
    pub fn new(reader: Reader<'r>) -> Self {
        Self { reader, repositories: None, known: HashMap::new(), is_shown: None }
    }

    /// Only names that somebody may know: other ones are unknown.
    pub fn shown(reader: Reader<'r>, is_shown: &'r IsShown<'r>) -> Self {
        Self { is_shown: Some(is_shown), ..Self::new(reader) }
    }

    /// Looks up the names of a filter in the database.
    ///
    /// # Errors
    ///
    /// If the database cannot be read, or nothing matches a short name. That error suggests the nearest known names.
    pub fn resolve(&mut self, filter: &Filter) -> Result<Filter> {
        let mut resolved = filter.clone();
        for (what, column, only) in filter.names() {
            self.read(what, column, only.is_short, &filter.identities)?;
            let known = &self.known[&(what, only.is_short)];
            let answers = Answers { what, identities: &filter.identities, repositories: self.repositories.as_ref() };
            let values = match what {
                "user" => only.folders(&filter.identities, known)?,
                _ => names::best(known, |value| answers.fit(only, value)),
            };
            if values.is_empty() && only.is_short {
                let names: BTreeSet<_> = known.iter().filter_map(|value| answers.of(value)[0]).collect();
                return Err(names::unknown(what, &only.name, names.into_iter()));
            }
            let labels: BTreeSet<_> = values.iter().filter_map(|value| answers.of(value)[0]).collect();
            let is_whole = values.iter().any(|value| answers.fit(only, value) == Some(Fit::Whole));
            let stands_for = if is_whole { Vec::new() } else { labels.into_iter().map(str::to_owned).collect() };
            let only = Only { values, stands_for, ..only.clone() };
            *match what {
                "user" => &mut resolved.user,
                "team" => &mut resolved.team,
                "project" => &mut resolved.project,
                "model" => &mut resolved.model,
                _ => &mut resolved.agent,
            } = Some(only);
        }
        Ok(resolved)
    }

    fn read(&mut self, what: &'static str, column: &str, is_short: bool, identities: &Arc<Identities>) -> Result<()> {
        if what == "project" && self.repositories.is_none() {
            self.repositories = Some(Repositories::read(self.reader, identities)?);
        }
        if !self.known.contains_key(&(what, is_short)) {
            // People with transcripts can be named even if they have no responses.
            let others = match what {
                "user" if is_short => "UNION SELECT split_part(session_file, '/', 1) FROM session_files",
                _ => "",
            };
            let responses = Responses::added_up(self.reader, &Where::everything(), None)?.table;
            let sql =
                format!("SELECT DISTINCT {column} FROM {responses} WHERE {column} IS NOT NULL {others} ORDER BY ALL");
            let mut known: Vec<String> = self.reader.rows(&sql, &[], |row| row.get(0))?;
            if let Some(is_shown) = self.is_shown.filter(|_| is_short) {
                let sql = format!("SELECT DISTINCT {column}, username FROM {responses} WHERE {column} IS NOT NULL");
                let mut people: HashMap<String, BTreeSet<String>> = HashMap::new();
                let mut folders: HashMap<String, String> = HashMap::new();
                let name = |value: &str| match what {
                    "team" => identities.team(value).unwrap_or_default().to_owned(),
                    _ => value.to_owned(),
                };
                self.reader.each(&sql, &[], |row| {
                    let (value, folder): (String, String) = (row.get(0)?, row.get(1)?);
                    let person = identities.label(&folder).to_owned();
                    people.entry(name(&value)).or_default().insert(folders.entry(person).or_insert(folder).clone());
                    Ok(())
                })?;
                known.retain(|value| people.get(&name(value)).is_some_and(is_shown));
            }
            self.known.insert((what, is_short), known);
        }
        Ok(())
    }
}

/// The names that match the values of a column.
struct Answers<'a> {
    what: &'static str,
    identities: &'a Identities,
    repositories: Option<&'a Repositories>,
}

impl<'a> Answers<'a> {
    /// The names that match a value. The first is the one that reports use.
    fn of(&self, value: &'a str) -> [Option<&'a str>; 3] {
        match self.what {
            "user" => [Some(self.identities.label(value)), Some(value), None],
            "team" => [self.identities.team(value), None, None],
            "project" => [self.repositories.map(|known| known.name(value)), Some(repository(value)), Some(value)],
            _ => [Some(value), None, None],
        }
    }

    /// How well a name matches a value.
    fn fit(&self, only: &Only, value: &str) -> Option<Fit> {
        let name = &only.name;
        let is_whole = match self.what {
            "user" => self.identities.is_of(value, name),
            // A directory can be spelled in several ways, and an older version may have stored another spelling.
            "project" => self.of(&spelled(value)).contains(&Some(&spelled(name))),
            _ => self.of(value).contains(&Some(name)),
        };
        if is_whole {
            return Some(Fit::Whole);
        }
        let short = || self.of(value).into_iter().flatten().filter_map(|known| names::fit(name, known)).max();
        if only.is_short { short() } else { None }
    }
}
