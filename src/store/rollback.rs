//! The rollback file: the blocks that DuckDB overwrites in place when it moves the log into the database file.
//!
//! Such a checkpoint writes to free blocks first, and at last a header that refers to them, so that an interruption
//! leaves the state before it. There is one exception. A block of metadata has 64 pieces, and DuckDB writes new pieces
//! to the free places of a block that is in use. The pieces in use stay as they are, but the block is written as a
//! whole, and its checksum changes. If the process is killed within this write, or the machine loses power, the block
//! consists of a new part and an old part, and neither checksum fits: DuckDB cannot open the database any more.
//!
//! So [`Rollback::keep`] copies these blocks to `<database>.rollback` before a commit or a checkpoint, and [`prepare`]
//! puts them back before the database is opened. A database of 1.4 GB has nine of them, each of 64 KB. For example:
//!
//! ```text
//! keep     headers H, block 7 with the pieces a b . . and their checksum
//! kill     while block 7 is written: a b c . with the checksum of a b c d
//! prepare  the headers are still H, a and b are still there, the rest differs: writes block 7 as it was kept
//! open     DuckDB reads the state of H, and replays the log
//! ```
//!
//! A file that does not fit the database is ignored, for example one in which a piece in use differs, because the
//! database was replaced by a copy of another time. A file of an older state, since which a checkpoint has been
//! completed, is removed: statistics in metadata can have names of people who have been erased since.
//!
//! Every commit to the log follows a [`Rollback::keep`]. So the rollback file also shows to which state of the database
//! a log belongs: it has a fingerprint of the log. DuckDB does not check this. If the database file alone is replaced by
//! an older copy, DuckDB replays the log that is still beside it, and its deletions hit other rows than they were meant
//! for. A log with another fingerprint, such as that of a backup or of another program, is left to DuckDB.

use crate::base::atomic_file;
use crate::base::error::{self, Error};
use crate::base::fault::Fault;
use crate::store::beside;
use duckdb::Connection;
use md5::{Digest, Md5};
use rustix::fs::{FlockOperation, fcntl_lock};
use std::borrow::Cow;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::fs::File;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// The headers at the beginning of a database file: one of the file, and two of the database, which checkpoints write
/// in turn. The blocks follow.
const HEADERS: usize = 3 * HEADER;

/// The size of a header. A header of the database begins with its checksum and the number of the checkpoint.
const HEADER: usize = 4096;

/// The number of pieces in a block of metadata.
const PIECES: usize = 64;

/// The checksum at the beginning of a block or a header.
const CHECKSUM: usize = 8;

/// The beginning of a rollback file. The number is that of its format. The fingerprint of the log follows, or zeros as
/// long as there is no log, then the checksum of the rest.
const MAGIC: &[u8] = b"sessionmill rollback 2\n";

/// The MD5 hash of the beginning of a log: so many bytes include the checksums of the first rows. A shorter log has
/// none yet.
type Fingerprint = [u8; 16];
const BEGINNING: usize = 256;
const NONE: Fingerprint = [0; 16];

/// The rollback file of a database that is open for writing.
pub(super) struct Rollback {
    database: PathBuf,
    /// The database file, opened for reading when it is first needed. It must be closed after DuckDB has closed it,
    /// because closing it also releases the record lock of DuckDB.
    file: RefCell<Option<File>>,
    /// The headers of the state that the rollback file has, and the fingerprint of the log in it.
    kept: RefCell<(Vec<u8>, Fingerprint)>,
}

impl Rollback {
    pub(super) fn of(database: &Path) -> Self {
        Self { database: database.to_owned(), file: RefCell::default(), kept: RefCell::default() }
    }

    /// Copies the blocks that a checkpoint could overwrite, unless the rollback file has them already. Every commit can
    /// include a checkpoint.
    ///
    /// If they cannot be copied, the database can still be written, only without this protection.
    pub(super) fn keep(&self, connection: &Connection) {
        if let Err(error) = self.try_keep(connection) {
            // A file of an older state is of no use.
            delete(&self.database);
            tracing::warn!(
                error = error.to_string(),
                "`{}` cannot be written: if this process is killed while it writes the database, the database can be \
                 damaged",
                path(&self.database).display()
            );
        }
    }

    fn try_keep(&self, connection: &Connection) -> Result<()> {
        let mut file = self.file.borrow_mut();
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(open(&self.database, false)?),
        };
        let headers = read(file, 0, HEADERS)?;
        let log = fingerprint(&self.database);
        let path = path(&self.database);
        {
            let (known, known_log) = &mut *self.kept.borrow_mut();
            if *known == headers {
                if *known_log != log {
                    *known_log = log;
                    open(&path, true)?.write_all_at(&log, MAGIC.len() as u64)?;
                }
                return Ok(());
            }
            // A failure is not repeated with every commit.
            (*known, *known_log) = (headers.clone(), log);
        }
        if let Some(bytes) = load(&path)?
            && is_whole(&bytes)
            && let Some(kept) = Kept::of(&bytes)
            && kept.log == log
            && matches!(kept.compare(file), Ok(Some(torn)) if torn.is_empty())
        {
            return Ok(());
        }
        let (size, mut blocks) = in_use(connection).map_err(std::io::Error::other)?;
        for block in &mut blocks {
            block.bytes = read(file, block.offset(size), size)?.into();
        }
        atomic_file::write(&path, Kept { log, headers: &headers, size, blocks }.to_bytes(), Some(0o600))
    }

    /// Removes the rollback file after a checkpoint: it is of the state before.
    pub(super) fn remove(&self) {
        self.kept.take();
        delete(&self.database);
    }
}

/// What the rollback file says about a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// Nothing is wrong, as far as is known.
    Nothing,
    /// A checkpoint had been interrupted, and was undone.
    Undone,
    /// The log beside the database belongs to another state of it.
    OtherLog,
}

/// Prepares a database for being opened: undoes an interrupted checkpoint, and checks that the log belongs to the file.
/// The caller holds the store lock, and this process does not have the database open.
///
/// # Errors
///
/// With `Fault::Log` if the log belongs to another state of the database.
pub(super) fn prepare(database: &Path) -> error::Result<()> {
    match look(database) {
        Ok(Finding::Nothing) => {}
        Ok(Finding::Undone) => tracing::info!("an interrupted write of the database was undone"),
        Ok(Finding::OtherLog) => {
            let log = beside(database, "wal");
            let reason = format!("`{}` belongs to another state of the database, such as a newer one", log.display());
            return Err(Error { fault: Some(Fault::Log), ..Error::cannot("open", database.display(), reason) });
        }
        Err(error) => {
            let path = path(database);
            tracing::warn!(error = error.to_string(), "cannot compare the database with `{}`", path.display());
        }
    }
    Ok(())
}

fn look(database: &Path) -> Result<Finding> {
    let Some(bytes) = load(&path(database))? else { return Ok(Finding::Nothing) };
    let Some(kept) = Kept::of(&bytes) else { return Ok(Finding::Nothing) };
    let file = match open(database, true) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Finding::Nothing),
        file => file?,
    };
    // Another program may have the database open and be within a checkpoint of its own.
    if fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(Finding::Nothing);
    }
    match kept.age(&file)? {
        Some(Ordering::Greater) if kept.log != NONE && kept.log == fingerprint(database) => {
            return Ok(Finding::OtherLog);
        }
        // The process was killed after a checkpoint, or a commit has included one.
        Some(Ordering::Less) => delete(database),
        _ => {}
    }
    let torn = kept.compare(&file)?.unwrap_or_default();
    if torn.is_empty() || !is_whole(&bytes) {
        return Ok(Finding::Nothing);
    }
    for block in torn {
        file.write_all_at(&block.bytes, block.offset(kept.size))?;
    }
    file.sync_all()?;
    Ok(Finding::Undone)
}

/// The content of a rollback file.
struct Kept<'b> {
    log: Fingerprint,
    headers: &'b [u8],
    /// The size of a block in bytes.
    size: usize,
    blocks: Vec<Block<'b>>,
}

/// A block of metadata.
struct Block<'b> {
    /// Its number in the file.
    id: u64,
    /// A bit for each piece that is free.
    free: u64,
    bytes: Cow<'b, [u8]>,
}

impl Block<'_> {
    fn offset(&self, size: usize) -> u64 {
        self.id.saturating_mul(size as u64).saturating_add(HEADERS as u64)
    }

    /// Whether all pieces that are in use have the same bytes in `other`, which is as long as this block.
    fn has_its_pieces_in(&self, other: &[u8]) -> bool {
        let length = other.len().saturating_sub(CHECKSUM) / PIECES / 8 * 8;
        let mut used = (0..PIECES).filter(|piece| self.free >> piece & 1 == 0);
        used.all(|piece| {
            let place = CHECKSUM + piece * length;
            self.bytes[place..place + length] == other[place..place + length]
        })
    }
}

impl Kept<'_> {
    /// The blocks that differ in a database file. `None` if the file has another state of the database, or belongs to
    /// another one.
    fn compare(&self, file: &File) -> Result<Option<Vec<&Block<'_>>>> {
        let mut torn = Vec::new();
        if !has(file, 0, HEADERS, |headers| headers == self.headers)? {
            return Ok(None);
        }
        for block in &self.blocks {
            let (mut is_same, place) = (false, block.offset(self.size));
            let fits = has(file, place, self.size, |bytes| {
                is_same = bytes == &*block.bytes;
                is_same || block.has_its_pieces_in(bytes)
            });
            if !fits? {
                return Ok(None);
            }
            if !is_same {
                torn.push(block);
            }
        }
        Ok(Some(torn))
    }

    /// Compares the state of this rollback file with the one of a database file: `Less` if it is older. `None` for
    /// another database. Each checkpoint has a higher number than the one before.
    fn age(&self, file: &File) -> Result<Option<Ordering>> {
        let number = |headers: &[u8]| {
            let numbers = [1, 2].map(|slot| headers[slot * HEADER + CHECKSUM..].first_chunk().copied());
            numbers.into_iter().flatten().map(u64::from_le_bytes).max()
        };
        let mut age = None;
        has(file, 0, HEADERS, |headers| {
            age = (headers[..HEADER] == self.headers[..HEADER]).then(|| number(self.headers).cmp(&number(headers)));
            age.is_some()
        })?;
        Ok(age)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut content = self.headers.to_vec();
        content.extend((self.size as u64).to_le_bytes());
        for block in &self.blocks {
            content.extend(block.id.to_le_bytes());
            content.extend(block.free.to_le_bytes());
            content.extend(&*block.bytes);
        }
        [MAGIC, &self.log, &Md5::digest(&content), &content].concat()
    }
}

impl<'b> Kept<'b> {
    /// `None` if the file was not written by this version of the program, or is not complete.
    fn of(bytes: &'b [u8]) -> Option<Self> {
        let (log, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
        let (_, content) = rest.split_at_checked(16)?;
        let (headers, rest) = content.split_at_checked(HEADERS)?;
        let (size, mut rest) = number(rest)?;
        let size = usize::try_from(size).ok()?;
        let mut blocks = Vec::new();
        while !rest.is_empty() {
            let (id, after) = number(rest)?;
            let (free, after) = number(after)?;
            let (bytes, after) = after.split_at_checked(size)?;
            blocks.push(Block { id, free, bytes: bytes.into() });
            rest = after;
        }
        Some(Self { log: *log, headers, size, blocks })
    }
}

/// Whether a rollback file has the checksum that it was written with.
fn is_whole(bytes: &[u8]) -> bool {
    let rest = bytes.get(MAGIC.len() + NONE.len()..).and_then(|rest| rest.split_at_checked(16));
    rest.is_some_and(|(checksum, content)| Md5::digest(content)[..] == *checksum)
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}

/// The size of a block, and the blocks of metadata that are in use, without their bytes.
fn in_use(connection: &Connection) -> duckdb::Result<(usize, Vec<Block<'static>>)> {
    let size: i64 = connection.query_row("SELECT block_size FROM pragma_database_size()", [], |row| row.get(0))?;
    let mut statement = connection.prepare(
        "SELECT block_id::UBIGINT, coalesce(list_sum(list_transform(free_list, piece -> 1::UBIGINT << piece)), 0)::UBIGINT
         FROM pragma_metadata_info() WHERE free_blocks < total_blocks ORDER BY block_id",
    )?;
    let blocks =
        statement.query_map([], |row| Ok(Block { id: row.get(0)?, free: row.get(1)?, bytes: Cow::default() }))?;
    Ok((usize::try_from(size).unwrap_or_default(), blocks.collect::<duckdb::Result<_>>()?))
}

fn path(database: &Path) -> PathBuf {
    beside(database, "rollback")
}

fn delete(database: &Path) {
    let path = path(database);
    if let Err(error) = std::fs::remove_file(&path)
        && error.kind() != ErrorKind::NotFound
    {
        tracing::warn!(error = error.to_string(), "cannot remove `{}`", path.display());
    }
}

/// The fingerprint of the log beside a database.
fn fingerprint(database: &Path) -> Fingerprint {
    let beginning = open(&beside(database, "wal"), false).and_then(|log| read(&log, 0, BEGINNING));
    beginning.map_or(NONE, |beginning| Md5::digest(beginning).into())
}

fn load(path: &Path) -> Result<Option<Vec<u8>>> {
    if !path.is_file() {
        return Ok(None);
    }
    #[expect(clippy::disallowed_methods, reason = "a file of ours beside the database")]
    match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        bytes => bytes.map(Some),
    }
}

fn open(database: &Path, write: bool) -> Result<File> {
    #[expect(clippy::disallowed_methods, reason = "closed when DuckDB does not have it open")]
    File::options().read(true).write(write).open(database)
}

/// Whether a part of a file meets a condition. A file that is too short does not.
fn has(file: &File, at: u64, bytes: usize, meets: impl FnOnce(&[u8]) -> bool) -> Result<bool> {
    match read(file, at, bytes) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        part => Ok(meets(&part?)),
    }
}

fn read(file: &File, at: u64, bytes: usize) -> Result<Vec<u8>> {
    let mut buffer = vec![0; bytes];
    file.read_exact_at(&mut buffer, at)?;
    Ok(buffer)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "files in the place of a database")]
mod tests {
    use super::*;

    const SIZE: usize = 65_536;

    /// The rollback file of a database with two blocks of metadata. Only the first two pieces of a block are in use.
    fn rollback() -> Vec<u8> {
        let block = |id: u64| Block { id, free: !0b11, bytes: vec![id as u8; SIZE].into() };
        Kept { log: NONE, headers: &[9; HEADERS], size: SIZE, blocks: vec![block(0), block(2)] }.to_bytes()
    }

    /// The bytes of that database. Block 1 is of data.
    fn database() -> Vec<u8> {
        [vec![9; HEADERS], vec![0; SIZE], vec![1; SIZE], vec![2; SIZE]].concat()
    }

    /// The place of a byte in a piece of block 2.
    fn place(piece: usize) -> usize {
        HEADERS + 2 * SIZE + CHECKSUM + piece * 1016
    }

    /// Looks with this rollback file. Returns whether something was undone, and the database.
    fn undone(database: &[u8], rollback: &[u8]) -> (bool, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("d");
        std::fs::write(&file, database).unwrap();
        std::fs::write(path(&file), rollback).unwrap();
        (look(&file).unwrap() == Finding::Undone, std::fs::read(&file).unwrap())
    }

    #[test]
    fn a_block_that_was_half_written_is_put_back() {
        let mut torn = database();
        torn[HEADERS + 2 * SIZE] = 7;
        assert_eq!(undone(&torn, &rollback()), (true, database()), "the checksum");
        torn[place(2)] = 7;
        torn[place(63)] = 7;
        assert_eq!(undone(&torn, &rollback()), (true, database()), "free pieces");
    }

    #[test]
    fn a_database_of_another_state_is_left_alone() {
        let whole = rollback();
        assert_eq!(undone(&database(), &whole), (false, database()), "nothing differs");
        let changed = |at: usize| {
            let mut bytes = database();
            bytes[at] ^= 1;
            bytes
        };
        for at in [0, 4_096, HEADERS - 1, place(0), place(2) - 1] {
            let other = changed(at);
            assert_eq!(undone(&other, &whole), (false, other), "byte {at}");
        }
        let short = database()[..HEADERS + SIZE].to_vec();
        assert_eq!(undone(&short, &whole), (false, short));
        let torn = changed(place(2));
        for at in [0, MAGIC.len() + NONE.len(), whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert_eq!(undone(&torn, &damaged), (false, torn.clone()), "byte {at} of the rollback file");
        }
        assert_eq!(undone(&torn, &whole[..whole.len() - 1]), (false, torn.clone()));
        assert_eq!(undone(&torn, b""), (false, torn));
    }

    #[test]
    fn the_log_that_was_kept_does_not_belong_to_an_older_state() {
        let numbered = |first: u64, second: u64| {
            let mut bytes = database();
            for (slot, number) in [(1, first), (2, second)] {
                bytes[slot * HEADER + CHECKSUM..][..8].copy_from_slice(&number.to_le_bytes());
            }
            bytes
        };
        let log = "log".repeat(100);
        let base = numbered(6, 7);
        let kept =
            |log: Fingerprint| Kept { log, headers: &base[..HEADERS], size: SIZE, blocks: Vec::new() }.to_bytes();
        let of_log = kept(Md5::digest(&log.as_bytes()[..BEGINNING]).into());
        let left = |database: &[u8], rollback: &[u8], log: &str| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("d");
            std::fs::write(&file, database).unwrap();
            std::fs::write(path(&file), rollback).unwrap();
            std::fs::write(beside(&file, "wal"), log).unwrap();
            (look(&file).unwrap(), path(&file).exists())
        };
        let found = |database: &[u8], rollback: &[u8], log: &str| left(database, rollback, log).0;
        for older in [numbered(4, 5), numbered(6, 5)] {
            assert_eq!(found(&older, &of_log, &(log.clone() + "more")), Finding::OtherLog);
            assert_eq!(found(&older, &of_log, &log.replace('l', "L")), Finding::Nothing, "the log of a backup");
            assert_eq!(found(&older, &of_log, ""), Finding::Nothing);
            assert_eq!(found(&older, &kept(NONE), &log), Finding::Nothing, "begun since");
        }
        let mut other = numbered(4, 5);
        other[0] = 8;
        for other in [base.clone(), other, b"short".to_vec()] {
            assert_eq!(left(&other, &of_log, &log), (Finding::Nothing, true));
        }
        for newer in [numbered(8, 7), numbered(8, 9)] {
            assert_eq!(left(&newer, &of_log, &log), (Finding::Nothing, false), "it is of no use any more");
        }
    }
}
