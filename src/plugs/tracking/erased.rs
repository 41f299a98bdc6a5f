//! Erased visitors of a site: their facts in the database, and the file that keeps them out.
//!
//! The file `<database>.erased` contains a random key of 256 bits and, for each site, hashes of ids with this key. It
//! contains no names. It is not part of the database, so it also holds for a new database in the same place. The
//! database has a copy of its content, from which a run makes it anew if it is lost.

use crate::base::atomic_file;
use crate::base::error::{Error, Result, Status};
use crate::base::hash::from_hex;
use crate::plug::Obstacle;
use crate::store::beside;
use crate::store::schema::{IsOut, PersonFacts, Persons, TakenOver};
use serde::{Deserialize, Serialize};
use sessionmill_tracking::erased::{Bytes, Erased, person};
use sessionmill_tracking::nobody::is_nobody;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

/// How to erase visitors of a site.
pub(super) const PERSONS: Persons =
    Persons { facts: FACTS, is_nobody, file: NAME, content, keep_out, take_over, is_out, let_in, kept_out };

const NAME: &str = "erased";

const FACTS: PersonFacts = PersonFacts {
    name: person,
    everybody: "SELECT username, person FROM facts.activity_lines
                UNION SELECT username, node FROM facts.activity_links
                UNION SELECT username, other FROM facts.activity_links
                UNION SELECT username, concat(username, '/web/', distinct_id) FROM facts.activity_replay",
    joined: "WITH RECURSIVE pairs AS (
                 SELECT id, other FROM facts.activity_edges WHERE kind = 'identity'
                 UNION ALL SELECT other, id FROM facts.activity_edges WHERE kind = 'identity'
             ), joined (person) AS (
                 SELECT ?::VARCHAR UNION SELECT pairs.other FROM joined JOIN pairs ON pairs.id = joined.person
             ) SELECT person FROM joined",
    facts: &[
        ("activity_links", "node IN (SELECT person FROM stage_persons) OR other IN (SELECT person FROM stage_persons)"),
        ("activity_lines", "person IN (SELECT person FROM stage_persons)"),
        ("activity_replay", "(username, distinct_id) IN (SELECT username, id FROM stage_persons)"),
    ],
};

/// The content of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// The key as 64 hexadecimal digits.
    key: String,
    /// The hashes of ids by site, in hexadecimal digits.
    ids: BTreeMap<String, BTreeSet<String>>,
}

/// The ids that a run ignores.
///
/// # Errors
///
/// If the file exists and cannot be read. The processor then reads nothing, so that no erased person comes back. A user
/// who may not read the file may not write the database either.
pub(super) fn of_run(database: &Path) -> std::result::Result<Erased, Obstacle> {
    read(database)
        .map_err(|error| Obstacle::Disabled { is_local: error.status != Status::Config, reason: error.to_string() })
}

fn read(database: &Path) -> Result<Erased> {
    let Some(file) = open(database)? else { return Ok(Erased::default()) };
    file.erased().ok_or_else(|| damaged(&path(database)))
}

impl File {
    /// Its ids; `None` if it is damaged.
    fn erased(&self) -> Option<Erased> {
        let hashes = self.ids.values().flatten().map(|hash| from_hex(hash)).collect::<Option<_>>()?;
        Some(Erased { key: from_hex(&self.key)?, hashes })
    }

    fn number(&self) -> u64 {
        self.ids.values().map(|ids| ids.len() as u64).sum()
    }
}

fn content(database: &Path) -> Result<Option<String>> {
    read(database)?;
    text(database)
}

fn keep_out(database: &Path, site: &str, persons: &BTreeSet<String>) -> Result<()> {
    let mut file = match open(database)? {
        Some(file) => file,
        None => File { key: hex::encode(random()?), ids: BTreeMap::new() },
    };
    let erased = Erased { key: from_hex(&file.key).ok_or_else(|| damaged(&path(database)))?, ..Erased::default() };
    let hashes = persons.iter().map(|person| hex::encode(erased.hash(person)));
    file.ids.entry(site.to_owned()).or_default().extend(hashes);
    write(database, &file)
}

fn take_over(database: &Path, copy: &str) -> Result<TakenOver> {
    let copy: File = serde_json::from_str(copy)
        .map_err(|_| Error::cannot("read", "facts.erased_ids", "it was not written by sessionmill"))?;
    let (mut file, is_new) = match open(database)? {
        Some(file) => (file, false),
        None => (File { key: copy.key.clone(), ids: BTreeMap::new() }, true),
    };
    if file.key != copy.key {
        return Ok(TakenOver { added: 0, lost: copy.number() });
    }
    let before = file.number();
    for (site, ids) in copy.ids {
        file.ids.entry(site).or_default().extend(ids);
    }
    let added = file.number() - before;
    if added > 0 || is_new {
        write(database, &file)?;
    }
    Ok(TakenOver { added, lost: 0 })
}

fn is_out(database: &Path) -> Result<IsOut> {
    let erased = read(database)?;
    Ok(Box::new(move |person| erased.has(person)))
}

fn let_in(database: &Path, site: &str, person: &str) -> Result<()> {
    let hash = hex::encode(read(database)?.hash(person));
    let Some(mut file) = open(database)? else { return Ok(()) };
    file.ids.entry(site.to_owned()).or_default().remove(&hash);
    file.ids.retain(|_, ids| !ids.is_empty());
    write(database, &file)
}

fn kept_out(content: &str) -> BTreeMap<String, u64> {
    let ids = serde_json::from_str(content).map(|File { ids, .. }| ids).unwrap_or_default();
    ids.into_iter().map(|(site, ids)| (site, ids.len() as u64)).collect()
}

fn path(database: &Path) -> PathBuf {
    beside(database, NAME)
}

fn text(database: &Path) -> Result<Option<String>> {
    let path = path(database);
    #[expect(clippy::disallowed_methods, reason = "a file of ours beside the database")]
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::InvalidData => Err(damaged(&path)),
        Err(error) => Err(Error::cannot("read", path.display(), error)),
        Ok(text) => Ok(Some(text)),
    }
}

fn open(database: &Path) -> Result<Option<File>> {
    let Some(text) = text(database)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|_| damaged(&path(database)))
}

fn write(database: &Path, file: &File) -> Result<()> {
    let path = path(database);
    let text = serde_json::to_string(file).unwrap_or_default() + "\n";
    atomic_file::write(&path, &text, Some(0o600)).map_err(|error| Error::cannot("write", path.display(), error))
}

fn damaged(path: &Path) -> Error {
    let message = format!("`{}` is damaged, which keeps out people who are erased: restore it", path.display());
    Error::new(Status::Config, message)
}

/// A random key from the kernel.
fn random() -> Result<Bytes> {
    const SOURCE: &str = "/dev/urandom";
    let mut key = Bytes::default();
    #[expect(clippy::disallowed_methods, reason = "no file of the database")]
    let read = std::fs::File::open(SOURCE).and_then(|mut source| source.read_exact(&mut key));
    read.map_err(|error| Error::cannot("read", SOURCE, error))?;
    Ok(key)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files of the test")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_file_keeps_ids_out_and_names_none() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("mill.duckdb");
        assert_eq!(read(&database).unwrap(), Erased::default());
        let persons = |ids: &[&str]| ids.iter().map(|id| person("oil", id)).collect();
        keep_out(&database, "oil", &persons(&["zoe", "anon-1"])).unwrap();
        keep_out(&database, "oil", &persons(&["zoe", "bob"])).unwrap();
        let kept_out = || kept_out(&content(&database).unwrap().unwrap());
        assert_eq!(kept_out(), BTreeMap::from([("oil".to_owned(), 3)]));
        let erased = read(&database).unwrap();
        assert!(["zoe", "anon-1", "bob"].iter().all(|id| erased.has(&person("oil", id))));
        assert!(!erased.has("gas/web/zoe"));
        assert_ne!(erased.key, Bytes::default());
        let file = path(&database);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains("zoe") && !text.contains("anon"), "{text}");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);

        let is_out = |person: &str| super::is_out(&database).unwrap()(person);
        assert!(is_out("oil/web/bob") && !is_out("gas/web/bob"));
        let_in(&database, "oil", "oil/web/bob").unwrap();
        assert!(!is_out("oil/web/bob"));
        assert_eq!(kept_out(), BTreeMap::from([("oil".to_owned(), 2)]));
    }

    #[test]
    fn what_only_a_copy_of_the_file_has_is_taken_over() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("mill.duckdb");
        let keep_out = |site: &str, id: &str| keep_out(&database, site, &[person(site, id)].into()).unwrap();
        let content = || content(&database).unwrap().unwrap();
        keep_out("oil", "zoe");
        let older = content();
        keep_out("gas", "bob");
        let copy = content();
        assert_eq!(take_over(&database, &copy).unwrap(), TakenOver::default());
        for (left, added) in [(Some(&older), 1), (None, 2)] {
            std::fs::remove_file(path(&database)).unwrap();
            left.into_iter().for_each(|left| std::fs::write(path(&database), left).unwrap());
            assert_eq!(take_over(&database, &copy).unwrap(), TakenOver { added, lost: 0 });
            assert_eq!(content(), copy);
        }
        std::fs::remove_file(path(&database)).unwrap();
        keep_out("oil", "eve");
        let other = content();
        assert_eq!(take_over(&database, &copy).unwrap(), TakenOver { added: 0, lost: 2 }, "the key is another one");
        assert_eq!(content(), other);
    }

    #[test]
    fn a_damaged_file_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("mill.duckdb");
        let zeros = "0".repeat(64);
        for text in
            ["", "{}", "{\"key\":\"12\",\"ids\":{}}", &format!("{{\"key\":\"{zeros}\",\"ids\":{{\"oil\":[\"é\"]}}}}")]
        {
            std::fs::write(path(&database), text).unwrap();
            let Err(Obstacle::Disabled { reason, is_local: false }) = of_run(&database) else { panic!("{text}") };
            assert!(reason.ends_with("is damaged, which keeps out people who are erased: restore it"), "{reason}");
        }
    }
}
