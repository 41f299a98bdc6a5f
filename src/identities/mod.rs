//! Who the people are and which projects they work on: maps each user folder to an e-mail address, a name and a team,
//! and each working directory to a project.
//!
//! Reports apply the mapping when they are made, so a change of the file takes effect at once, also for earlier work.
//! For SQL, each run updates the table [`people`](mod@people).

mod file;
mod fold;
pub mod people;
mod project;
pub mod repository;

use crate::base::error::{Error, Result, Status};
use crate::base::names;
use crate::config::reading::Mistake;
use fold::Repository;
use project::Projects;
use repository::repository;
use sessionmill_contract::pattern::matches;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The content of the identities file.
#[derive(Debug, Default)]
pub struct Identities {
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    people: Vec<Person>,
    /// Folders, by name.
    exact: HashMap<String, usize>,
    /// Patterns of folders, in the order of the file. The first match wins.
    patterns: Vec<(String, usize)>,
    projects: Projects,
}

/// A working directory that a session names.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub cwd: &'a str,
    /// The user folder that contains the session.
    pub folder: &'a str,
    /// The git remote that the session names.
    pub remote: Option<&'a str>,
}

/// A person, with any number of folders.
#[derive(Debug, PartialEq, Eq)]
pub struct Person {
    /// The e-mail address, which is unique.
    pub email: String,
    /// The name in reports. It includes the e-mail address if two people have the same name, and is that address if
    /// there is no name.
    pub label: String,
    pub team: Option<String>,
}

impl Person {
    /// Whether this is the person's name or e-mail address.
    fn is(&self, name: &str) -> bool {
        self.label == name || self.email.eq_ignore_ascii_case(name)
    }
}

/// One folder or pattern of the file. Missing values are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Entry {
    /// The lines of the folder and of the e-mail address.
    line: usize,
    email_line: usize,
    folder: String,
    email: String,
    name: String,
    team: String,
}

impl Identities {
    /// Reads a file without mistakes.
    ///
    /// # Errors
    ///
    /// With status `Config` if the file cannot be read, or for the first mistake in it.
    pub fn read(path: &Path) -> Result<Self> {
        let (identities, mistakes) = Self::check(path)?;
        crate::config::refusal("read the identities", path, &mistakes).map_or(Ok(identities), Err)
    }

    /// Reads the file if there is one.
    ///
    /// # Errors
    ///
    /// As [`Identities::read`].
    pub fn given(file: Option<&Path>) -> Result<Self> {
        file.map_or_else(|| Ok(Self::default()), Self::read)
    }

    /// Reads a file and collects every mistake.
    ///
    /// # Errors
    ///
    /// With status `Config` if the file cannot be read.
    pub fn check(path: &Path) -> Result<(Self, Vec<Mistake>)> {
        #[expect(clippy::disallowed_methods, reason = "names of people, not the database")]
        let text = std::fs::read_to_string(path).map_err(|error| Error {
            status: Status::Config,
            ..Error::cannot("read the identities", path.display(), error)
        })?;
        let is_csv = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("csv") || extension.eq_ignore_ascii_case("tsv"));
        let (entries, projects, mut mistakes) = if is_csv {
            let (entries, mistakes) = file::csv(&text);
            (entries, Vec::new(), mistakes)
        } else {
            file::toml(&text)
        };
        let mut identities = Self::of(entries, &mut mistakes);
        identities.projects = Projects::of(projects, &mut mistakes);
        identities.file = Some(path.to_owned());
        mistakes.sort_by_key(|mistake| mistake.origin);
        // A mistake about a person is found once for each of their folders.
        mistakes.dedup();
        Ok((identities, mistakes))
    }

    fn of(entries: Vec<Entry>, mistakes: &mut Vec<Mistake>) -> Self {
        let mut identities = Self::default();
        let mut lines: HashMap<String, usize> = HashMap::new();
        let mut stated: BTreeMap<String, (usize, [Stated; 2])> = BTreeMap::new();
        for Entry { line, email_line, folder, email, name, team } in entries {
            let mut wrong = |line: usize, message: String| mistakes.push(Mistake::at(line, message));
            if !email.contains('@') {
                wrong(email_line, format!("`{email}` is not an e-mail address"));
                continue;
            }
            let email = email.to_lowercase();
            let next = stated.len();
            let (person, of_person) = stated.entry(email.clone()).or_insert_with(|| (next, Default::default()));
            for ((what, new), old) in [("names", name), ("teams", team)].into_iter().zip(of_person) {
                match old {
                    _ if new.is_empty() => {}
                    None => *old = Some((new, email_line)),
                    Some((old, first)) if *old != new => {
                        wrong(email_line, format!("`{email}` has two {what}: `{new}`, and `{old}` in line {first}"));
                    }
                    Some(_) => {}
                }
            }
            if folder.is_empty() || folder.contains('/') {
                wrong(
                    line,
                    format!("`{folder}` is not a folder name: expected the name of a user's folder below the root"),
                );
            } else if let Some(first) = lines.get(&folder) {
                wrong(line, format!("folder `{folder}` is named twice, first in line {first}"));
            } else if folder.contains('*') {
                identities.patterns.push((folder.clone(), *person));
            } else {
                identities.exact.insert(folder.clone(), *person);
            }
            lines.entry(folder).or_insert(line);
        }
        identities.people = people(stated);
        identities
    }

    /// All content as a text, to detect a change.
    pub fn settings(&self) -> String {
        let Self { file: _, people, exact, patterns, projects } = self;
        let exact: BTreeMap<_, _> = exact.iter().collect();
        format!("{people:?} {exact:?} {patterns:?} {}", projects.settings())
    }

    /// The project of a working directory, if the file names one.
    pub fn project(&self, cwd: &str) -> Option<&str> {
        self.projects.name(cwd)
    }

    /// The projects of working directories. The first of these that is known: the name in the file, the git remote or
    /// folder name that clones share, the repository that the path shows.
    pub fn projects<'a>(&self, seen: &[Seen<'a>]) -> HashMap<&'a str, String> {
        let (mut names, mut others, mut repositories) = (HashMap::new(), Vec::new(), Vec::new());
        for Seen { cwd, folder, remote } in seen {
            if let Some(name) = self.project(cwd) {
                names.insert(*cwd, name.to_owned());
            } else {
                others.push(*cwd);
                repositories.push(Repository { path: repository(cwd), person: self.label(folder), remote: *remote });
            }
        }
        let clones = fold::fold(&repositories);
        let name = |repository: &str| clones.get(repository).map_or(repository, String::as_str).to_owned();
        names.extend(others.into_iter().map(|cwd| (cwd, name(repository(cwd)))));
        names
    }

    /// Whether the file names no people.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// The owner of a folder: the person of the entry with its exact name, else of the first matching pattern.
    pub fn person(&self, folder: &str) -> Option<&Person> {
        let of_pattern =
            || self.patterns.iter().find(|(pattern, _)| matches(pattern, folder)).map(|(_, person)| person);
        self.people.get(*self.exact.get(folder).or_else(of_pattern)?)
    }

    /// The name of a folder's owner in reports, or the folder name if it has no owner.
    pub fn label<'a>(&'a self, folder: &'a str) -> &'a str {
        self.person(folder).map_or(folder, |person| &person.label)
    }

    /// The place in the file of the person who is called so in reports.
    pub fn place(&self, label: &str) -> Option<usize> {
        self.people.iter().position(|person| person.label == label)
    }

    /// Whether a folder belongs to the person with this name or e-mail address, or has this name itself.
    pub fn is_of(&self, folder: &str, name: &str) -> bool {
        folder == name || self.person(folder).is_some_and(|person| person.is(name))
    }

    /// The folders that a short name means. Folders that belong to the name win. Otherwise, the name is matched against
    /// owners and folder names, as a pattern or a prefix.
    ///
    /// # Errors
    ///
    /// If no folder matches; with the nearest names.
    pub fn meant(&self, name: &str, folders: &[String]) -> Result<Vec<String>> {
        let answers = |folder: &String| {
            let person = self.person(folder).map_or([None; 2], |person| [Some(&*person.label), Some(&*person.email)]);
            if self.is_of(folder, name) {
                return Some(names::Fit::Whole);
            }
            // A folder with an owner is found by its own name only if a pattern asks for it.
            let own = Some(folder.as_str()).filter(|_| person[0].is_none() || name.contains('*'));
            person.into_iter().flatten().chain(own).filter_map(|known| names::fit(name, known)).max()
        };
        let meant = names::best(folders, answers);
        if meant.is_empty() {
            let mut labels: Vec<_> = folders.iter().map(|folder| self.label(folder)).collect();
            labels.sort_unstable();
            labels.dedup();
            return Err(names::unknown("user", name, labels.into_iter()));
        }
        Ok(meant)
    }

    /// Whether the file names a person with this name or e-mail address.
    pub fn is_person(&self, name: &str) -> bool {
        self.people.iter().any(|person| person.is(name))
    }

    /// The names and e-mail addresses of all people.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.people.iter().flat_map(|person| [&*person.label, &*person.email])
    }

    /// The folders that the file assigns to a person by name.
    pub fn folders<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.exact.keys().map(String::as_str).filter(move |folder| self.is_of(folder, name))
    }

    /// The patterns that the file assigns to a person. Folders that appear later can match.
    pub fn patterns<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.patterns
            .iter()
            .filter(move |(_, person)| self.people[*person].is(name))
            .map(|(pattern, _)| pattern.as_str())
    }

    /// The team of a folder's owner.
    pub fn team(&self, folder: &str) -> Option<&str> {
        self.person(folder)?.team.as_deref()
    }
}

/// A value that an entry gives, and its line.
type Stated = Option<(String, usize)>;

/// The people, by number.
fn people(stated: BTreeMap<String, (usize, [Stated; 2])>) -> Vec<Person> {
    let mut names: HashMap<String, usize> = HashMap::new();
    for (_, [name, _]) in stated.values() {
        name.iter().for_each(|(name, _)| *names.entry(name.clone()).or_default() += 1);
    }
    let person = |(email, (number, [name, team])): (String, (usize, [Stated; 2]))| {
        let label = match name {
            None => email.clone(),
            Some((name, _)) if names.get(&name).is_some_and(|bearers| *bearers > 1) => format!("{name} <{email}>"),
            Some((name, _)) => name,
        };
        (number, Person { email, label, team: team.map(|(team, _)| team) })
    };
    let mut people: Vec<_> = stated.into_iter().map(person).collect();
    people.sort_by_key(|(number, _)| *number);
    people.into_iter().map(|(_, person)| person).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(line: usize, folder: &str, email: &str, name: &str, team: &str) -> Entry {
        let [folder, email, name, team] = [folder, email, name, team].map(str::to_owned);
        Entry { line, email_line: line, folder, email, name, team }
    }

    fn of(entries: &[Entry]) -> (Identities, Vec<String>) {
        let mut mistakes = Vec::new();
        let identities = Identities::of(entries.to_vec(), &mut mistakes);
        (identities, mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_name_is_before_a_pattern_and_the_first_pattern_before_others() {
        let (identities, mistakes) = of(&[
            entry(1, "*-laptop", "pool@x.org", "", ""),
            entry(2, "ada*", "ada@x.org", "Ada", "Engines"),
            entry(3, "ada-laptop", "Ada@X.org", "", ""),
            entry(4, "*", "else@x.org", "", "Others"),
        ]);
        assert_eq!(mistakes, [""; 0]);
        let found = ["ada-laptop", "bob-laptop", "ada2", "eve"].map(|folder| identities.label(folder));
        assert_eq!(found, ["Ada", "pool@x.org", "Ada", "else@x.org"]);
        assert_eq!(["ada", "bob-laptop"].map(|folder| identities.team(folder)), [Some("Engines"), None]);
        assert_eq!(Identities::default().label("ada"), "ada");
    }

    #[test]
    fn two_people_of_one_name_stay_two() {
        let (identities, _) = of(&[
            entry(1, "m1", "m1@x.org", "Mo", ""),
            entry(2, "m2", "m2@x.org", "Mo", ""),
            entry(3, "z", "z@x", "Z", ""),
        ]);
        assert_eq!(["m1", "m2", "z"].map(|folder| identities.label(folder)), ["Mo <m1@x.org>", "Mo <m2@x.org>", "Z"]);
    }

    #[test]
    fn a_contradiction_is_a_mistake() {
        let (_, mistakes) = of(&[
            entry(1, "ada", "ada@x.org", "Ada", "Engines"),
            entry(2, "ada", "bob@x.org", "", ""),
            entry(3, "ada2", "ADA@x.org", "Augusta", "Poetry"),
            entry(4, "eve", "eve", "", ""),
            entry(5, "a/b", "ada@x.org", "", ""),
            entry(6, "", "ada@x.org", "", ""),
        ]);
        assert_eq!(
            mistakes,
            [
                "line 2: folder `ada` is named twice, first in line 1",
                "line 3: `ada@x.org` has two names: `Augusta`, and `Ada` in line 1",
                "line 3: `ada@x.org` has two teams: `Poetry`, and `Engines` in line 1",
                "line 4: `eve` is not an e-mail address",
                "line 5: `a/b` is not a folder name: expected the name of a user's folder below the root",
                "line 6: `` is not a folder name: expected the name of a user's folder below the root",
            ]
        );
    }
}
