//! Why a file is not read, regardless of its content.

/// The reasons. A file has at most one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Its path is too long to be opened. For a folder, nothing below it is read.
    TooLong,
    /// It is not in a user's folder.
    InRoot,
    Link,
    /// A folder above it became a link after the walk.
    BehindLink,
    NotRegular,
    /// It has further names, so it can be a file of another user.
    HardLinked,
    /// It is compressed in a format that is not supported.
    Compressed,
    /// The same file is also there in another form, which is read.
    Twin,
    /// It is named like a source file except for upper-case letters.
    Misnamed,
    OverCap,
    /// It is in a root in which everybody may make folders, and its folder has the name of another user.
    OfAnotherUser,
    /// Another source has a file with the same name.
    Clash,
    /// Its source is frozen, which has an alarm of its own.
    Frozen,
    /// Its user was forgotten.
    Forgotten,
    /// The processor's settings exclude its user.
    Excluded,
}

impl Rejection {
    /// The reason as text. The database stores this text for files that are left out.
    pub fn words(self) -> &'static str {
        match self {
            Self::TooLong => "its path is longer than 4,095 bytes",
            Self::InRoot => "directly in the root, in no user's folder",
            Self::Link => "a symbolic link",
            Self::BehindLink => "behind a symbolic link",
            Self::NotRegular => "not a regular file",
            Self::HardLinked => "has several names (hard links)",
            Self::Compressed => "compressed: only `.jsonl`, `.jsonl.gz` and `.jsonl.zst` files are read",
            Self::Twin => "a twin: only one form of a file is read",
            Self::Misnamed => "its name does not end in `.jsonl` in lower case",
            Self::OverCap => "over the size cap",
            Self::OfAnotherUser => "a folder that does not belong to the user whose name it has",
            Self::Clash => "another source has a file of this name",
            Self::Frozen => "its root is on another device than before",
            Self::Forgotten => "its user is forgotten",
            Self::Excluded => "its user is excluded",
        }
    }

    /// Whether the owner of the file can make it readable by changing the file.
    pub fn is_of_owner(self) -> bool {
        matches!(self, Self::Compressed | Self::Misnamed | Self::Link | Self::HardLinked | Self::OfAnotherUser)
    }
}
