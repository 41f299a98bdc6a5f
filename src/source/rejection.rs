//! Why a file is not taken, whatever is in it.

/// The reasons, of which a file has one at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Its path cannot be opened. Of a folder, nothing below it is seen.
    TooLong,
    /// It lies in no user's folder.
    InRoot,
    Link,
    /// A folder above it has become a link since the walk.
    BehindLink,
    NotRegular,
    /// It has names elsewhere, too: it can be somebody else's.
    HardLinked,
    /// Its client, or somebody, has compressed it in a way that is not read.
    Compressed,
    /// It lies there in another form, too, which is read.
    Twin,
    /// It is named like a transcript except for the case of its letters.
    Misnamed,
    OverCap,
    /// It lies in a root where everybody may make a folder, and its folder speaks for somebody else.
    OfAnotherUser,
    /// Another source has its name.
    Clash,
    /// Its source cannot be meant, which has an alarm of its own.
    Frozen,
    /// Its user is not to be in the database.
    Forgotten,
    /// Its user is not to be in the facts of the processor.
    Excluded,
}

impl Rejection {
    /// The reason in words. The database keeps these for files that are left out.
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

    /// Whether a file is left out for what it is, so that its owner can make it readable.
    pub fn is_of_owner(self) -> bool {
        matches!(self, Self::Compressed | Self::Misnamed | Self::Link | Self::HardLinked | Self::OfAnotherUser)
    }
}
