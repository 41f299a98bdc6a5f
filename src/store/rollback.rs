//! The rollback file: the blocks that DuckDB overwrites in place when it moves the log into the database file.
//!
//! Such a checkpoint writes to free blocks first, and at last a header that refers to them, so that an interruption
//! leaves the state before it. There is one exception. A block of metadata has 64 pieces, and DuckDB writes new pieces
//! to the free places of a block that is in use. The pieces in use stay as they are, but the block is written as a
//! whole, and its checksum changes. If the process is killed within this write, or the machine loses power, the block
//! consists of a new part and an old part, and neither checksum fits: DuckDB cannot open the database any more.
//!
//! So [`Rollback::keep`] copies these blocks to `<database>.rollback` before a commit or a checkpoint, and [`undo`] puts
//! them back before the database is opened. A database of 1.4 GB has nine of them, each of 64 KB. For example:
//!
//! ```text
//! keep   headers H, block 7 with the pieces a b . . and their checksum
//! kill   while block 7 is written: a b c . with the checksum of a b c d
//! undo   the headers are still H, a and b are still there, the rest differs: writes block 7 as it was kept
//! open   DuckDB reads the state of H, and replays the log
//! ```
//!
//! A file that does not fit the database is ignored: one with other headers, because a checkpoint has been completed
//! since, or one in which a piece in use differs, because the database was replaced by a copy of another time.

use crate::base::atomic_file;
use crate::base::error::{self, Error};
use crate::store::beside;
use duckdb::Connection;
use md5::{Digest, Md5};
use rustix::fs::{FlockOperation, fcntl_lock};
use std::cell::RefCell;
use std::fs::File;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// The headers at the beginning of a database file: one of the file, and two of the database, which checkpoints write
/// in turn. The blocks follow.
const HEADERS: usize = 3 * 4096;

/// The number of pieces in a block of metadata.
const PIECES: usize = 64;

/// The checksum at the beginning of a block.
const CHECKSUM: usize = 8;

/// The beginning of a rollback file. The number is that of its format.
const MAGIC: &[u8] = b"sessionmill rollback 1\n";

/// The rollback file of a database that is open for writing.
pub(super) struct Rollback {
    database: PathBuf,
    /// The database file, opened for reading when it is first needed. It must be closed after DuckDB has closed it,
    /// because closing it also releases the record lock of DuckDB.
    file: RefCell<Option<File>>,
    /// The headers of the state that the rollback file has.
    kept: RefCell<Vec<u8>>,
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
        if *self.kept.borrow() == headers {
            return Ok(());
        }
        // A failure is not repeated with every commit.
        self.kept.replace(headers.clone());
        let (size, mut blocks) = in_use(connection).map_err(std::io::Error::other)?;
        for block in &mut blocks {
            block.bytes = read(file, block.offset(size), size)?;
        }
        let bytes = Kept { headers, size, blocks }.to_bytes();
        let path = path(&self.database);
        if load(&path)?.as_ref() == Some(&bytes) {
            return Ok(());
        }
        atomic_file::write(&path, &bytes, Some(0o600))
    }

    /// Removes the rollback file after a checkpoint: it is of the state before, and can have names of people who have
    /// been erased since.
    ///
    /// # Errors
    ///
    /// If it is there and cannot be removed.
    pub(super) fn remove(&self) -> error::Result<()> {
        let path = path(&self.database);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::cannot("remove", path.display(), error)),
            _ => Ok(()),
        }
    }
}

/// Undoes an interrupted checkpoint if there is one. The caller holds the store lock, and this process does not have
/// the database open.
pub(super) fn undo(database: &Path) {
    match try_undo(database) {
        Ok(true) => tracing::info!("an interrupted write of the database was undone"),
        Ok(false) => {}
        Err(error) => {
            let path = path(database);
            tracing::warn!(error = error.to_string(), "cannot use `{}` to undo an interrupted write", path.display());
        }
    }
}

/// Returns whether there was an interrupted checkpoint.
fn try_undo(database: &Path) -> Result<bool> {
    let kept = load(&path(database))?;
    match kept.as_deref().and_then(Kept::of).map(|kept| put_back(database, &kept)) {
        // There is no database, or one that is too short to be the one of the rollback file.
        Some(Err(error)) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::UnexpectedEof) => Ok(false),
        result => result.unwrap_or(Ok(false)),
    }
}

fn put_back(database: &Path, kept: &Kept) -> Result<bool> {
    let file = open(database, true)?;
    // Another program may have the database open and be within a checkpoint of its own.
    if fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).is_err() || read(&file, 0, HEADERS)? != kept.headers
    {
        return Ok(false);
    }
    let mut torn = Vec::new();
    for block in &kept.blocks {
        let now = Block { bytes: read(&file, block.offset(kept.size), kept.size)?, ..*block };
        if !now.has_the_pieces_of(block) {
            return Ok(false);
        }
        if now.bytes != block.bytes {
            torn.push(block);
        }
    }
    for block in &torn {
        file.write_all_at(&block.bytes, block.offset(kept.size))?;
    }
    if !torn.is_empty() {
        file.sync_all()?;
    }
    Ok(!torn.is_empty())
}

/// The content of a rollback file.
struct Kept {
    headers: Vec<u8>,
    /// The size of a block in bytes.
    size: usize,
    blocks: Vec<Block>,
}

/// A block of metadata.
struct Block {
    /// Its number in the file.
    id: u64,
    /// A bit for each piece that is free.
    free: u64,
    bytes: Vec<u8>,
}

impl Block {
    fn offset(&self, size: usize) -> u64 {
        HEADERS as u64 + self.id * size as u64
    }

    /// Whether the pieces that are in use in `other` have the same bytes here.
    fn has_the_pieces_of(&self, other: &Self) -> bool {
        let piece = (self.bytes.len() - CHECKSUM) / PIECES / 8 * 8;
        let pieces = |block: &Self| {
            let used = (0..PIECES).filter(|piece| other.free >> piece & 1 == 0);
            used.flat_map(|at| block.bytes[CHECKSUM + at * piece..][..piece].to_vec()).collect::<Vec<_>>()
        };
        self.bytes.len() == other.bytes.len() && pieces(self) == pieces(other)
    }
}

impl Kept {
    fn to_bytes(&self) -> Vec<u8> {
        let mut content = self.headers.clone();
        content.extend((self.size as u64).to_le_bytes());
        for block in &self.blocks {
            content.extend(block.id.to_le_bytes());
            content.extend(block.free.to_le_bytes());
            content.extend(&block.bytes);
        }
        [MAGIC, &Md5::digest(&content), &content].concat()
    }

    /// `None` if the file was not written by this version of the program, or is damaged.
    fn of(bytes: &[u8]) -> Option<Self> {
        let (checksum, content) = bytes.strip_prefix(MAGIC)?.split_at_checked(16)?;
        let (headers, rest) = content.split_at_checked(HEADERS)?;
        if Md5::digest(content)[..] != *checksum {
            return None;
        }
        let (size, mut rest) = number(rest)?;
        let size = usize::try_from(size).ok()?;
        let mut blocks = Vec::new();
        while !rest.is_empty() {
            let (id, after) = number(rest)?;
            let (free, after) = number(after)?;
            let (bytes, after) = after.split_at_checked(size)?;
            blocks.push(Block { id, free, bytes: bytes.to_vec() });
            rest = after;
        }
        Some(Self { headers: headers.to_vec(), size, blocks })
    }
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_le_bytes(*number), rest))
}

/// The size of a block, and the blocks of metadata that are in use, without their bytes.
fn in_use(connection: &Connection) -> duckdb::Result<(usize, Vec<Block>)> {
    let size: i64 = connection.query_row("SELECT block_size FROM pragma_database_size()", [], |row| row.get(0))?;
    let mut statement = connection.prepare(
        "SELECT block_id::UBIGINT, coalesce(list_sum(list_transform(free_list, piece -> 1::UBIGINT << piece)), 0)::UBIGINT
         FROM pragma_metadata_info() WHERE free_blocks < total_blocks ORDER BY block_id",
    )?;
    let blocks = statement.query_map([], |row| Ok(Block { id: row.get(0)?, free: row.get(1)?, bytes: Vec::new() }))?;
    Ok((usize::try_from(size).unwrap_or_default(), blocks.collect::<duckdb::Result<_>>()?))
}

fn path(database: &Path) -> PathBuf {
    beside(database, "rollback")
}

fn load(path: &Path) -> Result<Option<Vec<u8>>> {
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

    /// A database of two blocks of metadata. Only the first two pieces of a block are in use.
    fn kept() -> Kept {
        let block = |id: u64| Block { id, free: !0b11, bytes: vec![id as u8; SIZE] };
        Kept { headers: vec![9; HEADERS], size: SIZE, blocks: vec![block(0), block(2)] }
    }

    /// The bytes of that database. Block 1 is of data.
    fn database() -> Vec<u8> {
        [vec![9; HEADERS], vec![0; SIZE], vec![1; SIZE], vec![2; SIZE]].concat()
    }

    /// The place of a byte in a piece of block 2.
    fn place(piece: usize) -> usize {
        HEADERS + 2 * SIZE + CHECKSUM + piece * 1016
    }

    /// Undoes with this rollback file. Returns whether something was undone, and the database.
    fn undone(database: &[u8], rollback: &[u8]) -> (bool, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("d");
        std::fs::write(&file, database).unwrap();
        std::fs::write(path(&file), rollback).unwrap();
        (try_undo(&file).unwrap(), std::fs::read(&file).unwrap())
    }

    #[test]
    fn a_block_that_was_half_written_is_put_back() {
        let mut torn = database();
        torn[HEADERS + 2 * SIZE] = 7;
        assert_eq!(undone(&torn, &kept().to_bytes()), (true, database()), "the checksum");
        torn[place(2)] = 7;
        torn[place(63)] = 7;
        assert_eq!(undone(&torn, &kept().to_bytes()), (true, database()), "free pieces");
    }

    #[test]
    fn a_database_of_another_state_is_left_alone() {
        let whole = kept().to_bytes();
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
        for at in [0, MAGIC.len(), whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert_eq!(undone(&torn, &damaged), (false, torn.clone()), "byte {at} of the rollback file");
        }
        assert_eq!(undone(&torn, &whole[..whole.len() - 1]), (false, torn.clone()));
        assert_eq!(undone(&torn, b""), (false, torn));
    }
}
