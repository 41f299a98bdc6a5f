//! Suggests lines for instruction files of agents, from what people told them. For each project: what its `CLAUDE.md`
//! does not say yet, what it says but people had to repeat, and recurring prompts.
//!
//! | module | noun |
//! | --- | --- |
//! | [`file`] | an instruction file, what it says, and since when |
//! | [`prompt`] | a recurring prompt |
//! | [`page`] | the suggestions as Markdown |
//! | [`diff`] | the suggestions as a patch |

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

/// What to suggest.
pub(crate) struct Wish {
    /// A folder, or the name of a project.
    pub(crate) project: Option<String>,
    /// Whether to make a page for each person, about how they like to work in any project, instead of for each project.
    pub(crate) by_person: bool,
    /// Only what this person said.
    pub(crate) user: Option<String>,
    /// The file to compare with, instead of the project's own.
    pub(crate) against: Option<PathBuf>,
    /// The minimum confidence. If `None`, the default is used, and for a page without other suggestions its best lines
    /// below the default.
    pub(crate) min_confidence: Option<f64>,
    /// The home folder of the user who runs the command.
    pub(crate) home: Option<PathBuf>,
}

/// The suggestions for one project, or for one person.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    /// The name of the project or of the person.
    pub(crate) about: String,
    /// The file for the lines, if it is on this machine.
    pub(crate) file: Option<PathBuf>,
    /// The name of the file in a patch.
    #[serde(skip)]
    pub(crate) name: Option<PathBuf>,
    #[serde(skip)]
    pub(crate) text: Option<String>,
    /// What the file does not say, the most certain first.
    pub(crate) lines: Vec<Line>,
    /// What the file says but people had to repeat since.
    pub(crate) said_again: Vec<Line>,
    pub(crate) prompts: Vec<Prompt>,
    /// The best lines below the minimum confidence, if there are no other lines.
    pub(crate) less_sure: Vec<Line>,
    /// The number of other items below the minimum confidence.
    pub(crate) unsure: u64,
}

/// A suggested line, and who said it.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) item_id: String,
    pub(crate) line: String,
    /// The statement of the assistant that the line answers, if any.
    pub(crate) said_of: Option<String>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) confidence: f64,
    /// How many times it was said, by whom, and in how many sessions.
    pub(crate) times: u64,
    pub(crate) people: BTreeSet<String>,
    pub(crate) sessions: u64,
    pub(crate) last: Option<String>,
    /// The two newest quotes.
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
    /// How many times it was said since.
    pub(crate) times: u64,
}

impl Line {
    /// Whether the line says how to work. Otherwise it says how things are.
    pub(crate) fn is_rule(&self) -> bool {
        self.kind == Detection::Instruction.name()
    }
}

/// All pages with at least one suggestion.
///
/// # Errors
///
/// If the database cannot be read, or the project is unknown.
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

/// The project of a working directory: its name in reports. A repository without a configured name has the last part of
/// its path, so that the folders of several people are one project.
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

/// Finds a project by its name, its folder, or a folder below.
fn choose(wish: &str, known: &BTreeSet<String>) -> Result<String> {
    let path = std::path::absolute(wish).unwrap_or_default();
    let above = || path.components().rev().find_map(|part| known.get(&*part.as_os_str().to_string_lossy()));
    let unknown = || names::unknown("project", wish, known.iter().map(String::as_str));
    known.get(wish).or_else(above).cloned().ok_or_else(unknown)
}

/// The files to compare the lines with, each with its name in a patch. The first file is the one that the lines are
/// for.
fn files(wish: &Wish, folders: Option<&BTreeSet<PathBuf>>, is_one: bool) -> Vec<(PathBuf, File)> {
    let in_home = |home: &PathBuf| [".claude/CLAUDE.md", ".codex/AGENTS.md"].map(|name| (name.into(), home.join(name)));
    let paths: Vec<(PathBuf, PathBuf)> = match &wish.against {
        Some(path) => vec![(name_in_change(path), path.clone())],
        // Only the files of the user who runs the command are on this machine.
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

/// The repository that a folder is in.
fn repository_of(folder: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(folder).ok()?;
    path.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned)
}

/// The name of a file in a patch: relative to its repository, as `git apply` expects; else relative to the working
/// directory, else only the last part.
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

/// Merges items of a page that say the same. The item with the higher confidence stays and gets the evidence of the
/// other. Items can differ although their lines are equal, because a line has fewer words than its item. Approved items
/// are never merged into others.
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
                // Only one piece of evidence counts for each person and session.
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

/// The line of an item, and the statement of the assistant that it answers, if any. If the person only asked to write
/// down that statement, the statement is the line.
fn of(item: &Item) -> (String, Option<String>) {
    let Some((line, said_of)) = item.content.split_once(" Said of: ") else {
        return (to_the_point(&item.content), None);
    };
    let is_request = item.signs.iter().any(|sign| sign == NOTE) && Gist::of(line).len() <= REQUEST;
    if is_request { (to_the_point(said_of), None) } else { (to_the_point(line), Some(said_of.to_owned())) }
}

/// The most words with meaning in a request such as “add this to CLAUDE.md”.
const REQUEST: usize = 3;

impl Page {
    /// Whether there is nothing to suggest.
    pub(crate) fn is_empty(&self) -> bool {
        [&self.lines, &self.said_again, &self.less_sure].into_iter().all(Vec::is_empty) && self.prompts.is_empty()
    }
}

/// The number of less certain lines if there are no others.
const LESS_SURE: usize = 3;

/// The number of quotes of a line.
const QUOTES: usize = 2;

impl Line {
    /// The line of an item, with its evidence from old to new.
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
