//! Passages of source files: pieces of their text, given by the offset and length that an earlier read noted.
//!
//! Passages are copied to an unnamed temporary file. So a compressed file is unpacked only once, however many of its
//! passages are needed.

use crate::source::compression::{Compression, Unpacker};
use crate::source::open::{Refusal, Root};
use crate::source::{Layout, Source};
use sessionmill_contract::FailureClass;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

/// A piece of the text of a source file, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Passage {
    pub offset: u64,
    pub length: u64,
}

/// Copied passages.
#[derive(Debug)]
pub struct Passages {
    copy: File,
    end: u64,
}

/// The error if the text is no longer where it was.
const CHANGED: &str = "it has changed since it was read";

/// Bytes that are read at a time.
const WINDOW: usize = 128 << 10;

impl Passages {
    /// # Errors
    ///
    /// If the temporary file cannot be made.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { copy: tempfile::tempfile()?, end: 0 })
    }

    /// Copies passages of a source file. Returns the place of each in the copy. `cap` is the size of the largest file
    /// that is opened.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is shorter than it was.
    pub fn take(
        &mut self,
        source: &Source,
        session_file: &str,
        wanted: &[Passage],
        cap: u64,
    ) -> Result<BTreeMap<Passage, Passage>, String> {
        let root = Root::open(&source.root).map_err(|error| crate::base::error::cause(&error))?;
        let path = path(source.layout, session_file);
        let forms = [("", Compression::Plain), (".gz", Compression::Gzip), (".zst", Compression::Zstd)];
        let mut missing = None;
        for (ending, form) in forms {
            let mut stored = path.clone().into_os_string();
            stored.push(ending);
            match root.file(&PathBuf::from(stored), cap) {
                Ok((file, _)) => return self.copy(file, form, wanted),
                Err(refusal) => missing = missing.or(Some(refusal)),
            }
        }
        Err(missing.map_or_else(String::new, reason))
    }

    fn copy(
        &mut self,
        mut file: File,
        form: Compression,
        wanted: &[Passage],
    ) -> Result<BTreeMap<Passage, Passage>, String> {
        let mut places = BTreeMap::new();
        if form == Compression::Plain {
            for passage in wanted {
                let length = usize::try_from(passage.length).map_err(|_| CHANGED)?;
                if file.metadata().is_ok_and(|metadata| passage.offset.saturating_add(passage.length) > metadata.len())
                {
                    return Err(CHANGED.to_owned());
                }
                let mut text = vec![0; length];
                file.read_exact_at(&mut text, passage.offset).map_err(|error| crate::base::error::cause(&error))?;
                places.insert(*passage, self.keep(&text)?);
            }
            return Ok(places);
        }
        let mut unpacker = Unpacker::new(form, FailureClass::Permanent).map_err(reason)?;
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        let (mut text, mut begins, mut next) = (Vec::new(), 0_u64, 0);
        let mut window = vec![0; WINDOW];
        while next < wanted.len() {
            let read = file.read(&mut window).map_err(|error| crate::base::error::cause(&error))?;
            let Some(unpacker) = unpacker.as_mut().filter(|_| read > 0) else { break };
            let mut sink = |piece: &[u8]| {
                text.extend_from_slice(piece);
                while let Some(passage) = wanted.get(next) {
                    let ends = begins + text.len() as u64;
                    // Text before the next passage is no longer needed.
                    let spare = passage.offset.min(ends).saturating_sub(begins);
                    text.drain(..usize::try_from(spare).unwrap_or_default());
                    begins += spare;
                    let length = usize::try_from(passage.length).unwrap_or(usize::MAX);
                    let Some(found) = text.get(..length).filter(|_| begins == passage.offset) else { break };
                    let place = self.keep(found).map_err(|why| Refusal::failed(FailureClass::Environment, why))?;
                    places.insert(*passage, place);
                    next += 1;
                }
                Ok(())
            };
            unpacker.feed(&window[..read], &mut sink).map_err(reason)?;
        }
        if next < wanted.len() { Err(CHANGED.to_owned()) } else { Ok(places) }
    }

    fn keep(&mut self, text: &[u8]) -> Result<Passage, String> {
        self.copy.write_all(text).map_err(|error| crate::base::error::cause(&error))?;
        let place = Passage { offset: self.end, length: text.len() as u64 };
        self.end += place.length;
        Ok(place)
    }

    /// The text of a passage, by its place in the copy.
    ///
    /// # Errors
    ///
    /// If the temporary file cannot be read.
    pub fn read(&self, place: Passage) -> std::io::Result<Vec<u8>> {
        let mut text = vec![0; usize::try_from(place.length).unwrap_or_default()];
        self.copy.read_exact_at(&mut text, place.offset)?;
        Ok(text)
    }
}

/// The path of an uncompressed source file below the root of its source.
fn path(layout: Layout, session_file: &str) -> PathBuf {
    let below = match layout {
        Layout::Users => session_file,
        // The first part is the user.
        Layout::ClaudeProjects | Layout::CodexSessions => session_file.split_once('/').map_or("", |(_, below)| below),
    };
    let mut parts = below.split('%');
    let mut path = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        path.extend(u8::from_str_radix(hex, 16));
        path.extend_from_slice(rest.as_bytes());
    }
    PathBuf::from(OsString::from_vec(path))
}

fn reason(refusal: Refusal) -> String {
    match refusal {
        Refusal::Rejected(rejection) => rejection.words().to_owned(),
        Refusal::Deferred(halt) => halt.words().to_owned(),
        Refusal::Failed(failure) => failure.message,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "no database is written as a file here")]
mod tests {
    use super::*;

    #[test]
    fn passages_are_the_same_in_every_form() {
        let folder = tempfile::tempdir().unwrap();
        let text: Vec<u8> = (0..400_000_u32).map(|at| b'a' + (at / 1000 % 26) as u8).collect();
        let (ada, wanted) = (folder.path().join("ada"), [(399_990, 10), (999, 3), (0, 4), (999, 200_000)]);
        let wanted = wanted.map(|(offset, length)| Passage { offset, length });
        let source = Source::new("s", folder.path(), Layout::Users);
        for (name, bytes) in [("p%.jsonl", text.clone()), ("z.jsonl.zst", zstd::encode_all(&*text, 3).unwrap())] {
            std::fs::create_dir_all(&ada).unwrap();
            std::fs::write(ada.join(name), bytes).unwrap();
            let key = if name.ends_with("zst") { "ada/z.jsonl" } else { "ada/p%25.jsonl" };
            let mut passages = Passages::new().unwrap();
            let places = passages.take(&source, key, &wanted, 1 << 30).unwrap();
            for passage in wanted {
                let begin = passage.offset as usize;
                let expected = &text[begin..begin + passage.length as usize];
                assert!(passages.read(places[&passage]).unwrap() == expected, "{name} {passage:?}");
            }
            let beyond = Passage { offset: 399_999, length: 2 };
            assert_eq!(passages.take(&source, key, &[beyond], 1 << 30).unwrap_err(), CHANGED);
        }
        assert_eq!(
            path(Layout::ClaudeProjects, "ada/shop/s%FF.jsonl"),
            PathBuf::from(OsString::from_vec(b"shop/s\xff.jsonl".to_vec()))
        );
    }
}
