//! The one place that turns errors into sentences and exit codes.

use crate::base::fault::Fault;
use crate::base::holder::Holder;
use rustix::io::Errno;
use std::fmt::{self, Display};
use std::io;
use std::sync::Arc;

/// The exit status of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything asked for was done.
    Done = 0,
    /// Finished, but some files failed.
    FilesFailed = 1,
    /// Could not run.
    CannotRun = 2,
    /// The command line has a mistake.
    Usage = 64,
    /// Another process holds what the command needs.
    Busy = 75,
    /// The configuration has a mistake.
    Config = 78,
}

/// Why a command failed, and what its user can do about it. Code asks the fields; [`Display`] writes the sentence.
#[derive(Clone, Debug)]
pub struct Error {
    pub status: Status,
    pub what: String,
    pub cause: Option<Cause>,
    pub hint: Option<String>,
    /// What the error means for the database, if DuckDB reported it. The text of DuckDB's error is not kept, because it
    /// can quote transcripts.
    pub fault: Option<Fault>,
    /// Which process holds what the command needs.
    pub holder: Option<Box<Holder>>,
}

/// The cause of a failed operation.
#[derive(Clone, Debug)]
pub enum Cause {
    /// The operating system refused the operation, or a library that reads or writes did.
    Io(Arc<io::Error>),
    /// A cause that is not an [`io::Error`], as text: `not a file`.
    Said(String),
}

/// The result of operations whose failure ends a command.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(status: Status, message: impl Into<String>) -> Self {
        Self { status, what: message.into(), cause: None, hint: None, fault: None, holder: None }
    }

    /// ``cannot <verb> `<thing>`: <cause>``.
    pub fn cannot(verb: &str, thing: impl Display, cause: impl Into<Cause>) -> Self {
        Self { cause: Some(cause.into()), ..Self::new(Status::CannotRun, format!("cannot {verb} `{thing}`")) }
    }

    /// Adds what the user can do about it. If file descriptors are short, the way out is the same whatever was opened.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(if self.is_out_of_descriptors() { DESCRIPTORS.to_owned() } else { hint.into() });
        self
    }

    fn is_out_of_descriptors(&self) -> bool {
        let Some(Cause::Io(error)) = &self.cause else { return false };
        matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
    }
}

/// The hint if the process or the system has no file descriptors left.
const DESCRIPTORS: &str = "raise the limit of open files: `ulimit -n 1024`, or `LimitNOFILE=` of the service";

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.cause.as_ref().map_or(Ok(()), |cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Some(Cause::Io(error)) => Some(&**error),
            Some(Cause::Said(_)) | None => None,
        }
    }
}

impl Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => f.write_str(&cause(error)),
            Self::Said(words) => f.write_str(words),
        }
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

impl From<Errno> for Cause {
    fn from(error: Errno) -> Self {
        io::Error::from(error).into()
    }
}

impl From<String> for Cause {
    fn from(words: String) -> Self {
        Self::Said(words)
    }
}

impl From<&str> for Cause {
    fn from(words: &str) -> Self {
        Self::Said(words.to_owned())
    }
}

/// Causes in the words of the system or of the standard library, and in ours.
const CAUSES: [(&str, &str); 12] = [
    ("no such file or directory", "there is no such file or folder"),
    ("entity not found", "there is no such file or folder"),
    ("file exists", "it exists already"),
    ("entity already exists", "it exists already"),
    ("invalid data", "it is not text in UTF-8"),
    ("stream did not contain valid UTF-8", "it is not text in UTF-8"),
    ("is a directory", "it is a folder, not a file"),
    ("not a directory", "a part of the path is a file, not a folder"),
    ("no space left on device", "the disk is full"),
    ("no storage space", "the disk is full"),
    ("disk quota exceeded", "your share of the disk is used up"),
    ("quota exceeded", "your share of the disk is used up"),
];

/// The cause of a failed operation, for people: `there is no such file or folder`, `input/output error`. An error that
/// does not come from the system can quote file content, so only its kind is named.
pub fn cause(error: &io::Error) -> String {
    let number = error.raw_os_error().or_else(|| wrapped_number(error));
    let text = number.map_or_else(|| error.kind().to_string(), os_text);
    let mut chars = text.chars();
    let text = match (chars.next(), chars.clone().next()) {
        // An abbreviation such as `RPC` stays as it is.
        (Some(first), Some(second)) if !second.is_uppercase() => first.to_lowercase().chain(chars).collect(),
        _ => text,
    };
    let known = CAUSES.iter().find(|(theirs, _)| *theirs == text);
    known.map_or(text, |(_, ours)| (*ours).to_owned())
}

const NUMBER: &str = " (os error ";

/// The system's text for an error number, without the number that the standard library appends.
fn os_text(number: i32) -> String {
    let text = io::Error::from_raw_os_error(number).to_string();
    text.split_once(NUMBER).map_or(text.as_str(), |(words, _)| words).to_owned()
}

/// The number of an error that a library has wrapped to add a path. Only the text of the wrapper still has it.
fn wrapped_number(error: &io::Error) -> Option<i32> {
    let text = error.get_ref()?.to_string();
    let (_, rest) = text.split_once(NUMBER)?;
    rest.split_once(')')?.0.parse().ok()
}

/// `1 file`, `2 files`, `1,000 files`.
pub fn count(number: u64, noun: &str) -> impl Display {
    struct Count<'a>(u64, &'a str);
    impl Display for Count<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let (noun, ending) = match (self.0, self.1) {
                (1, noun) => (noun, ""),
                (_, "person") => ("people", ""),
                (_, noun) => (noun, "s"),
            };
            write!(f, "{} {noun}{ending}", thousands(self.0.into()))
        }
    }
    Count(number, noun)
}

/// A number with commas between its thousands.
pub fn thousands(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_in_plain_words() {
        for (errno, words) in [
            (Errno::NOENT, "there is no such file or folder"),
            (Errno::EXIST, "it exists already"),
            (Errno::ISDIR, "it is a folder, not a file"),
            (Errno::NOTDIR, "a part of the path is a file, not a folder"),
            (Errno::NOSPC, "the disk is full"),
            (Errno::DQUOT, "your share of the disk is used up"),
            (Errno::ACCESS, "permission denied"),
            (Errno::IO, "input/output error"),
            (Errno::MFILE, "too many open files"),
            (Errno::NAMETOOLONG, "file name too long"),
            (Errno::LOOP, "too many levels of symbolic links"),
        ] {
            assert_eq!(cause(&errno.into()), words);
        }
        assert_eq!(cause(&io::ErrorKind::NotFound.into()), "there is no such file or folder");
        let wrapped = format!("{} at path \"/a (b)\"", io::Error::from(Errno::IO));
        assert_eq!(cause(&io::Error::other(wrapped)), "input/output error");
        let quoting = io::Error::new(io::ErrorKind::InvalidData, "expected value, not `a secret`");
        assert_eq!(cause(&quoting), "it is not text in UTF-8");
        let made = tempfile::Builder::new().tempfile_in("/nowhere/at/all").unwrap_err();
        assert_eq!(cause(&made), cause(&Errno::NOENT.into()), "a library has wrapped it");
    }

    #[test]
    fn an_error_keeps_its_cause_and_becomes_a_sentence_when_it_is_shown() {
        use std::error::Error as _;
        let error = Error::cannot("open", "/d", io::Error::from(Errno::NOSPC));
        assert_eq!(error.to_string(), "cannot open `/d`: the disk is full");
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(source.map(io::Error::kind), Some(io::ErrorKind::StorageFull));
        let hint = |errno: Errno| Error::cannot("open", "/d", io::Error::from(errno)).hint("name another").hint;
        assert_eq!([Errno::NOENT, Errno::MFILE].map(hint), ["name another", DESCRIPTORS].map(|hint| Some(hint.into())));
        let said = Error::cannot("open", "/d", "not a file");
        assert_eq!(said.to_string(), "cannot open `/d`: not a file");
        assert!(said.source().is_none());
    }

    #[test]
    fn counts_read_well() {
        assert_eq!(count(1, "file").to_string(), "1 file");
        assert_eq!([count(1, "person"), count(2, "person")].map(|count| count.to_string()), ["1 person", "2 people"]);
        assert_eq!(count(0, "file").to_string(), "0 files");
        assert_eq!(count(1_234_567, "file").to_string(), "1,234,567 files");
        assert_eq!(thousands(-1000), "-1,000");
        assert_eq!(thousands(999), "999");
    }
}
