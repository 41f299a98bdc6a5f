//! How source files are compressed, and unpacking them.
//!
//! Text is produced in pieces. Memory is limited to the zstd window, which has a maximum, and a few buffers, whatever
//! the archive claims. An archive consists of gzip members or zstd frames. Behind the last gzip member there can be
//! zeros, as tapes and tar add; gzip(1) ignores them too.

use crate::source::open::Refusal;
use flate2::write::GzDecoder;
use sessionmill_contract::FailureClass;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

/// The form in which a source file is stored. If a file exists in several forms, the first in this order is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    Plain,
    Gzip,
    Zstd,
}

impl Compression {
    /// The form of a file, judged by its name; `None` if it is not named like a source file.
    pub fn of(path: &Path) -> Option<Self> {
        let is_plain = |path: &Path| path.extension() == Some(OsStr::new("jsonl"));
        let compression = match path.extension()?.to_str()? {
            "gz" => Self::Gzip,
            "zst" => Self::Zstd,
            _ => return is_plain(path).then_some(Self::Plain),
        };
        path.file_stem().is_some_and(|stem| is_plain(Path::new(stem))).then_some(compression)
    }

    /// The path that the file would have if it were not compressed.
    pub fn plain(self, path: &Path) -> PathBuf {
        if self == Self::Plain { path.to_owned() } else { path.with_extension("") }
    }
}

/// Unpacks a compressed file.
pub struct Unpacker {
    archive: Archive,
    /// The failure class of a truncated or damaged archive. The file may still be being written.
    damage: FailureClass,
}

enum Archive {
    Gzip {
        /// Of the current member.
        decoder: Box<GzDecoder<Vec<u8>>>,
        /// Whether the last member has ended and only zeros may follow.
        is_padded: bool,
    },
    Zstd {
        decoder: Decoder<'static>,
        text: Box<[u8]>,
        /// Whether the last frame has ended.
        is_whole: bool,
    },
}

/// Takes a piece of text.
pub type Sink<'s> = dyn FnMut(&[u8]) -> Result<(), Refusal> + 's;

/// Bytes that gzip gets at a time. Their text can be at most about a thousand times as long.
const STEP: usize = 4 << 10;

/// The size of a piece of text.
const PIECE: usize = 128 << 10;

/// The largest allowed window: 128 MiB, as in the reference program by default.
const WINDOW_LOG: u32 = 27;

impl Unpacker {
    /// Begins a file. `None` if it is not compressed.
    ///
    /// # Errors
    ///
    /// If there is not enough memory.
    pub fn new(compression: Compression, damage: FailureClass) -> Result<Option<Self>, Refusal> {
        let archive = match compression {
            Compression::Plain => return Ok(None),
            Compression::Gzip => Archive::Gzip { decoder: Box::new(GzDecoder::new(Vec::new())), is_padded: false },
            Compression::Zstd => {
                let decoder = || {
                    let mut decoder = Decoder::new()?;
                    decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
                    std::io::Result::Ok(decoder)
                };
                let decoder =
                    decoder().map_err(|_| Refusal::failed(FailureClass::Environment, "not enough memory for zstd"))?;
                Archive::Zstd { decoder, text: vec![0; PIECE].into(), is_whole: false }
            }
        };
        Ok(Some(Self { archive, damage }))
    }

    /// Unpacks the next stored bytes.
    ///
    /// # Errors
    ///
    /// If the archive is damaged or needs too much memory, or the sink returns an error.
    pub fn feed(&mut self, mut stored: &[u8], sink: &mut Sink<'_>) -> Result<(), Refusal> {
        if stored.is_empty() {
            return Ok(());
        }
        let damage = self.damage;
        match &mut self.archive {
            Archive::Gzip { decoder, is_padded } => {
                let damaged = || Refusal::failed(damage, "its gzip data is damaged");
                for mut step in stored.chunks(STEP) {
                    while let Some(first) = step.first().filter(|_| !*is_padded) {
                        let fed = decoder.write(step);
                        drain(decoder.get_mut(), sink)?;
                        let read = fed.map_err(|_| damaged())?;
                        step = &step[read..];
                        // The member has ended before these bytes.
                        if read == 0 {
                            let member = std::mem::replace(&mut **decoder, GzDecoder::new(Vec::new()));
                            drain(&mut member.finish().map_err(|_| damaged())?, sink)?;
                            *is_padded = *first == 0;
                        }
                    }
                    if step.iter().any(|byte| *byte != 0) {
                        return Err(damaged());
                    }
                }
            }
            Archive::Zstd { decoder, text, is_whole } => loop {
                let (mut input, mut output) = (InBuffer::around(stored), OutBuffer::around(&mut **text));
                let rest = decoder.run(&mut input, &mut output);
                let (read, written) = (input.pos(), output.pos());
                sink(&text[..written])?;
                *is_whole = rest.map_err(|error| zstd_failure(damage, &error))? == 0;
                stored = &stored[read..];
                // Text that did not fit into the buffer is still in the decoder and needs no further input.
                if stored.is_empty() && (written < PIECE || *is_whole) {
                    break;
                }
            },
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// If the archive is truncated, or the sink returns an error.
    pub fn end(self, sink: &mut Sink<'_>) -> Result<(), Refusal> {
        let is_whole = match self.archive {
            Archive::Gzip { mut decoder, is_padded } => {
                let is_whole = is_padded || decoder.try_finish().is_ok();
                drain(decoder.get_mut(), sink)?;
                is_whole
            }
            Archive::Zstd { is_whole, .. } => is_whole,
        };
        if is_whole { Ok(()) } else { Err(Refusal::failed(self.damage, "its compressed data is cut off or damaged")) }
    }
}

fn drain(text: &mut Vec<u8>, sink: &mut Sink<'_>) -> Result<(), Refusal> {
    text.chunks(PIECE).try_for_each(&mut *sink)?;
    text.clear();
    Ok(())
}

fn zstd_failure(damage: FailureClass, error: &std::io::Error) -> Refusal {
    if error.to_string().contains("too much memory") {
        return Refusal::failed(FailureClass::Rejected, "its zstd window is over 128 MiB");
    }
    Refusal::failed(damage, "its zstd data is damaged")
}
