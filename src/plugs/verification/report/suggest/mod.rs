//! Lines for the files that agents read before they begin, from what people told them: for each project what its
//! `CLAUDE.md` does not say yet, what it says and people had to say again, and prompts that come back.
//!
//! | module | noun |
//! | --- | --- |
//! | [`file`] | a file that agents read, and since when it says what |
//! | [`prompt`] | a prompt that comes back |
//! | [`page`] | the suggestions as Markdown |
//! | [`diff`] | the suggestions as a change of the file |

pub(crate) mod diff;
mod file;
pub(crate) mod page;
mod prompt;

use crate::base::error::Result;
use crate::base::names;
use crate::base::utc;
use crate::identities::Identities;
use crate::identities::repository::repository;
use crate::plugs::usage::report::filter::Only;
use crate::plugs::usage::repositories::Repositories;
use crate::plugs::verification::report::knowledge::{self, Filter, Item, Piece};
use crate::store::reader::Reader;
use chrono::{DateTime, Utc};
use file::File;
use prompt::Prompt;
use serde::Serialize;
use sessionmill_verification::confidence::{SHOWN, Weights};
use sessionmill_verification::review::Standing;
use sessionmill_verification::rules::{Gist, NOTE, to_the_point};
use sessionmill_verification::{Detection, Scope};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is asked for.
pub(crate) struct Wish {
    /// A folder, or the name of one.
    pub(crate) project: Option<String>,
    /// For each person, how they like to work in any project, instead of for each project.
    pub(crate) by_person: bool,
    /// Only what this person said.
    pub(crate) user: Option<String>,
    /// The file, instead of the project's own.
    pub(crate) against: Option<PathBuf>,
    /// Where nobody asks for one, the usual one, and the best of what is less sure where nothing else is suggested.
    pub(crate) min_confidence: Option<f64>,
    /// Folder of whoever asks.
    pub(crate) home: Option<PathBuf>,
}

/// The suggestions for one project, or for one person.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    /// The name of the project or of the person.
    pub(crate) about: String,
    /// The file that the lines are for, where it is on this machine.
    pub(crate) file: Option<PathBuf>,
    /// Its name in a change of it.
    #[serde(skip)]
    pub(crate) name: Option<PathBuf>,
    #[serde(skip)]
    pub(crate) text: Option<String>,
    /// What the file does not say, the surest first.
    pub(crate) lines: Vec<Line>,
    /// What it says and was said again since.
    pub(crate) said_again: Vec<Line>,
    pub(crate) prompts: Vec<Prompt>,
    /// The best of what is less sure, where there are no lines.
    pub(crate) less_sure: Vec<Line>,
    /// Further items that are less sure than asked for.
    pub(crate) unsure: u64,
}

/// A line that is suggested, and who said so.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) item_id: String,
    pub(crate) line: String,
    /// What the assistant had said, where the line answers that.
    pub(crate) said_of: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) confidence: f64,
    /// Times that it was said, by whom, and in how many sessions.
    pub(crate) times: u64,
    pub(crate) people: BTreeSet<String>,
    pub(crate) sessions: u64,
    pub(crate) last: Option<String>,
    /// The two newest.
    pub(crate) quotes: Vec<Quote>,
    /// Where the file says it.
    pub(crate) written: Option<Written>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Quote {
    pub(crate) user: String,
    pub(crate) time: Option<String>,
    pub(crate) quote: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Written {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    pub(crate) since: Option<String>,
    /// Times that it was said since.
    pub(crate) times: u64,
}

impl Line {
    /// Whether it says how to work, or else how things are.
    pub(crate) fn is_rule(&self) -> bool {
        self.kind == Detection::Instruction.name()
    }
}

/// The pages that are asked for, of which each suggests something.
///
/// # Errors
///
/// If the database cannot be read, or there is no such project.
pub(crate) fn pages(
    reader: Reader<'_>,
    wish: &Wish,
    identities: &Arc<Identities>,
    (weights, now): (&Weights, DateTime<Utc>),
) -> Result<Vec<Page>> {
    let repositories = Repositories::read(reader, identities)?;
    let filter =
        Filter { identities: identities.clone(), user: wish.user.clone().map(Only::from), ..Filter::default() };
    let items = knowledge::items(reader, &filter, weights, now)?;
    let mut evidence = knowledge::evidence(reader, None, identities)?;
    let mut prompts = prompt::repeated(reader, identities, &repositories, wish)?;
    let mut lines: BTreeMap<String, Vec<(Item, Vec<Piece>)>> = BTreeMap::new();
    let folders = folders(reader, &repositories)?;
    for item in items {
        let is_own = item.scope.as_deref() == Some(Scope::Person.name());
        if item.status == Standing::Rejected.name() || is_own != wish.by_person {
            continue;
        }
        let pieces = evidence.remove(&item.item_id).unwrap_or_default();
        let mut by_page: BTreeMap<String, Vec<Piece>> = BTreeMap::new();
        for piece in pieces {
            let of_project = || piece.project.as_deref().map(|cwd| project(cwd, &repositories));
            let page = if wish.by_person { Some(piece.user.as_str()) } else { of_project() };
            let Some(page) = page.map(str::to_owned) else { continue };
            by_page.entry(page).or_default().push(piece);
        }
        for (page, pieces) in by_page {
            lines.entry(page).or_default().push((item.clone(), pieces));
        }
    }
    let names: BTreeSet<String> = lines.keys().chain(prompts.keys()).cloned().collect();
    let chosen = match &wish.project {
        Some(name) => BTreeSet::from([choose(name, &names)?]),
        None => names,
    };
    let is_one = chosen.len() == 1;
    let pages = chosen.into_iter().map(|about| {
        let of_page = (lines.remove(&about).unwrap_or_default(), prompts.remove(&about).unwrap_or_default());
        let files = files(wish, folders.get(&about), is_one);
        page(about, of_page, &files, wish.min_confidence)
    });
    Ok(pages.filter(|page| is_one || !page.is_empty()).collect())
}

/// The project of a working directory: the name that it has in reports; of a repository without one its last part, so that
/// the folders of several people are one.
fn project<'a>(cwd: &'a str, repositories: &'a Repositories) -> &'a str {
    let name = repositories.name(cwd);
    if name != repository(cwd) {
        return name.strip_prefix("*/").unwrap_or(name);
    }
    name.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(name)
}

/// The repositories of each project.
fn folders(reader: Reader<'_>, repositories: &Repositories) -> Result<BTreeMap<String, BTreeSet<PathBuf>>> {
    let mut folders: BTreeMap<String, BTreeSet<PathBuf>> = BTreeMap::new();
    reader.each("SELECT DISTINCT project FROM verification_claims WHERE project <> ''", &[], |row| {
        let cwd: String = row.get(0)?;
        folders.entry(project(&cwd, repositories).to_owned()).or_default().insert(repository(&cwd).into());
        Ok(())
    })?;
    Ok(folders)
}

/// The project that is meant: by its name, by its folder, or by a folder inside of that.
fn choose(wish: &str, known: &BTreeSet<String>) -> Result<String> {
    let path = std::path::absolute(wish).unwrap_or_default();
    let above = || path.components().rev().find_map(|part| known.get(&*part.as_os_str().to_string_lossy()));
    let unknown = || names::unknown("project", wish, known.iter().map(String::as_str));
    known.get(wish).or_else(above).cloned().ok_or_else(unknown)
}

/// The files that the lines are held against, the one that they are for first, each with its name in a change of it.
fn files(wish: &Wish, folders: Option<&BTreeSet<PathBuf>>, is_one: bool) -> Vec<(PathBuf, File)> {
    let in_home = |home: &PathBuf| [".claude/CLAUDE.md", ".codex/AGENTS.md"].map(|name| (name.into(), home.join(name)));
    let paths: Vec<(PathBuf, PathBuf)> = match &wish.against {
        Some(path) => vec![(name_in_change(path), path.clone())],
        // Only one person's files are on this machine.
        None if wish.by_person => wish.home.iter().filter(|_| is_one).flat_map(in_home).collect(),
        None => {
            let named = wish.project.as_ref().map(PathBuf::from).filter(|path| path.is_dir());
            let named = named.map(|path| repository_of(&path).unwrap_or(path));
            let folders = named.iter().chain(folders.into_iter().flatten());
            folders.flat_map(|folder| file::NAMES.map(|name| (name.into(), folder.join(name)))).collect()
        }
    };
    paths.into_iter().filter_map(|(name, path)| Some((name, File::read(&path)?))).collect()
}

/// The folder of the repository that a folder is in.
fn repository_of(folder: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(folder).ok()?;
    path.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned)
}

/// The name of a file in a change of it: below its repository, as `git apply` has it; else below the working directory,
/// or its last part.
fn name_in_change(path: &Path) -> PathBuf {
    let here = || std::env::current_dir().ok().filter(|here| path.starts_with(here));
    let above = path.parent().and_then(repository_of).or_else(here);
    let below = above.and_then(|above| path.strip_prefix(above).ok());
    below.or(path.file_name().map(Path::new)).unwrap_or(path).to_owned()
}

fn page(
    about: String,
    (items, prompts): (Vec<(Item, Vec<Piece>)>, Vec<Prompt>),
    files: &[(PathBuf, File)],
    least: Option<f64>,
) -> Page {
    let first = files.first();
    let mut page = Page {
        about,
        file: first.map(|(_, file)| file.path.clone()),
        name: first.map(|(name, _)| name.clone()),
        text: first.map(|(_, file)| file.text.clone()),
        lines: Vec::new(),
        said_again: Vec::new(),
        prompts,
        less_sure: Vec::new(),
        unsure: 0,
    };
    for (item, pieces) in joined(items) {
        let line = Line::new(&item, pieces, files);
        match &line.written {
            Some(Written { times: 0, .. }) => {}
            Some(_) => page.said_again.push(line),
            None if item.confidence >= least.unwrap_or(SHOWN) || item.status == Standing::Approved.name() => {
                page.lines.push(line);
            }
            None => page.less_sure.push(line),
        }
    }
    let by_worth = |a: &Line, b: &Line| {
        b.confidence.total_cmp(&a.confidence).then(b.times.cmp(&a.times)).then_with(|| a.item_id.cmp(&b.item_id))
    };
    page.lines.sort_by(by_worth);
    page.less_sure.sort_by(by_worth);
    let shown = if least.is_none() && page.lines.is_empty() { LESS_SURE } else { 0 };
    page.unsure = page.less_sure.len().saturating_sub(shown) as u64;
    page.less_sure.truncate(shown);
    page.said_again.sort_by(|a, b| {
        let times = |line: &Line| line.written.as_ref().map_or(0, |written| written.times);
        times(b).cmp(&times(a)).then_with(|| by_worth(a, b))
    });
    page
}

/// The items of a page without those that say the same as a surer one, which has their evidence, too: a line has fewer
/// words than what it is made from. What was approved stays as it was approved.
fn joined(items: Vec<(Item, Vec<Piece>)>) -> Vec<(Item, Vec<Piece>)> {
    let mut all: Vec<(String, Gist, Item, Vec<Piece>)> = Vec::new();
    let is_approved = |item: &Item| item.status == Standing::Approved.name();
    let (approved, pending): (Vec<_>, Vec<_>) = items.into_iter().partition(|(item, _)| is_approved(item));
    for (item, pieces) in approved.into_iter().chain(pending) {
        let (line, _) = of(&item);
        let gist = Gist::of(&line);
        let same = |known: &&mut (String, Gist, Item, Vec<Piece>)| known.0 == line || known.1.is_same(&gist);
        match all.iter_mut().find(same).filter(|_| !is_approved(&item)) {
            Some((.., known)) => {
                // Of what a person says in a session one piece counts.
                let place = |piece: &Piece| (piece.user.clone(), piece.session.clone());
                let places: BTreeSet<_> = known.iter().map(place).collect();
                known.extend(pieces.into_iter().filter(|piece| !places.contains(&place(piece))));
                known.sort_by(|a, b| (a.time.is_none(), &a.time).cmp(&(b.time.is_none(), &b.time)));
            }
            None => all.push((line, gist, item, pieces)),
        }
    }
    all.into_iter().map(|(_, _, item, pieces)| (item, pieces)).collect()
}

/// The line of an item, and what the assistant had said, where the line answers that. Of a request to write down what was
/// said, that is the line.
fn of(item: &Item) -> (String, Option<String>) {
    let Some((line, said_of)) = item.content.split_once(" Said of: ") else {
        return (to_the_point(&item.content), None);
    };
    let is_request = item.signs.iter().any(|sign| sign == NOTE) && Gist::of(line).len() <= REQUEST;
    if is_request { (to_the_point(said_of), None) } else { (to_the_point(line), Some(said_of.to_owned())) }
}

/// Words of meaning of a request such as “add this to CLAUDE.md”, at most.
const REQUEST: usize = 3;

impl Page {
    /// Whether it suggests nothing.
    pub(crate) fn is_empty(&self) -> bool {
        [&self.lines, &self.said_again, &self.less_sure].into_iter().all(Vec::is_empty) && self.prompts.is_empty()
    }
}

/// Lines that are less sure, where there are no others.
const LESS_SURE: usize = 3;

/// Quotes of a line.
const QUOTES: usize = 2;

impl Line {
    /// The line of an item with its pieces of evidence, oldest first.
    fn new(item: &Item, pieces: Vec<Piece>, files: &[(PathBuf, File)]) -> Self {
        let (line, said_of) = of(item);
        let gist = Gist::of(&line);
        let place = files.iter().find_map(|(_, file)| Some((file, file.says(&gist)?)));
        let is_later = |piece: &&Piece, since: DateTime<Utc>| {
            piece.time.as_deref().and_then(|time| time.parse::<DateTime<Utc>>().ok()).is_some_and(|time| time > since)
        };
        let written = place.map(|(file, place)| Written {
            file: file.path.clone(),
            line: place.line,
            since: place.since.map(utc::seconds),
            times: place.since.map_or(0, |since| pieces.iter().filter(|piece| is_later(piece, since)).count() as u64),
        });
        let people: BTreeSet<String> = pieces.iter().map(|piece| piece.user.clone()).collect();
        let sessions: BTreeSet<&str> = pieces.iter().map(|piece| piece.session.as_str()).collect();
        let quotes = pieces.iter().rev().filter_map(|piece| {
            let quote = piece.quote.as_ref()?.split_whitespace().collect::<Vec<_>>().join(" ");
            Some(Quote { user: piece.user.clone(), time: piece.time.clone(), quote })
        });
        Self {
            item_id: item.item_id.clone(),
            line,
            said_of,
            kind: item.kind.clone(),
            status: item.status.clone(),
            confidence: item.confidence,
            times: pieces.len() as u64,
            sessions: sessions.len() as u64,
            people,
            last: pieces.iter().filter_map(|piece| piece.time.clone()).max(),
            quotes: quotes.take(QUOTES).collect(),
            written,
        }
    }
}
