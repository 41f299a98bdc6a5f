//! What the file system says about a file, without reading it.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;

/// The values by which two observations of a file are compared. Only equality has a meaning: a copy with an older
/// preserved mtime is also a change, and an inode can be reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stat {
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub mtime_ns: i64,
    /// Nanoseconds since 1970.
    pub ctime_ns: i64,
    pub inode: u64,
}

impl Stat {
    /// For a file whose stat cannot be read. No real file has these values, so the file is treated as changed, and
    /// opening it shows what is wrong.
    pub const UNKNOWN: Self = Self { size: 0, mtime_ns: 0, ctime_ns: 0, inode: 0 };
}

/// Nanoseconds since 1970.
fn nanos(seconds: i64, nanos: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

impl From<&rustix::fs::Stat> for Stat {
    fn from(stat: &rustix::fs::Stat) -> Self {
        Self {
            size: stat.st_size.cast_unsigned(),
            mtime_ns: nanos(stat.st_mtime, stat.st_mtime_nsec as i64),
            ctime_ns: nanos(stat.st_ctime, stat.st_ctime_nsec as i64),
            inode: stat.st_ino,
        }
    }
}

impl From<&Metadata> for Stat {
    fn from(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            mtime_ns: nanos(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: nanos(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        }
    }
}

/// Whether the file system uses this machine's clock, as far as is known.
#[cfg(target_os = "linux")]
pub fn is_local(file: &File) -> bool {
    // btrfs, ext2 to ext4, f2fs, overlay, tmpfs, xfs, zfs.
    const LOCAL: [rustix::fs::FsWord; 7] =
        [0x9123_683e, 0xef53, 0xf2f5_2010, 0x794c_7630, 0x0102_1994, 0x5846_5342, 0x2fc1_2fc1];
    rustix::fs::fstatfs(file).is_ok_and(|fs| LOCAL.contains(&fs.f_type))
}

#[cfg(not(target_os = "linux"))]
pub fn is_local(_file: &File) -> bool {
    false
}
