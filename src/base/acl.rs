//! POSIX access control lists: rights on a file for named users, in addition to its owner and group.
//!
//! The kernel keeps the list of a file as an extended attribute: a version number, then entries of a tag, the rights,
//! and the id of a user or group. Rights have the bits of a file mode: 4 to read, 2 to write, 1 to execute or to enter
//! a folder.

use rustix::fd::AsFd;
use rustix::fs::XattrFlags;
use std::io;

/// An entry of a list. The kernel expects entries ordered by tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    tag: u16,
    /// The named user or group; [`NOBODY`] for entries that name none.
    id: u32,
    rights: u16,
}

const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP: u16 = 0x04;
const MASK: u16 = 0x10;
const OTHERS: u16 = 0x20;
const NOBODY: u32 = u32::MAX;

const ATTRIBUTE: &str = "system.posix_acl_access";
const VERSION: u32 = 2;

/// Bytes for reading a list, many more than one that the program writes.
const SIZE: usize = 64 << 10;

/// Adds rights for users. Rights that somebody already has stay.
///
/// # Errors
///
/// If the file belongs to somebody else, or its file system does not support such lists.
pub fn allow(file: &impl AsFd, users: &[u32], rights: u16) -> io::Result<()> {
    if users.is_empty() {
        return Ok(());
    }
    let old = read(file)?;
    let mut list = old.clone();
    for user in users {
        match list.iter_mut().find(|entry| (entry.tag, entry.id) == (USER, *user)) {
            Some(entry) => entry.rights |= rights,
            None => list.push(Entry { tag: USER, id: *user, rights }),
        }
    }
    match list.iter_mut().find(|entry| entry.tag == MASK) {
        Some(mask) => mask.rights |= rights,
        None => {
            let group = list.iter().find(|entry| entry.tag == GROUP).map_or(0, |group| group.rights);
            list.push(Entry { tag: MASK, id: NOBODY, rights: group | rights });
        }
    }
    list.sort();
    if list == old {
        return Ok(());
    }
    Ok(rustix::fs::fsetxattr(file, ATTRIBUTE, &bytes(&list), XattrFlags::empty())?)
}

/// Reads the list of a file. A file without one gets the list that its mode stands for.
fn read(file: &impl AsFd) -> io::Result<Vec<Entry>> {
    let mut buffer = vec![0_u8; SIZE];
    match rustix::fs::fgetxattr(file, ATTRIBUTE, &mut buffer[..]) {
        Ok(length) => Ok(parse(&buffer[..length])),
        Err(rustix::io::Errno::NODATA) => {
            let mode = rustix::fs::fstat(file)?.st_mode;
            let entry = |tag, shift: u32| Entry { tag, id: NOBODY, rights: (mode >> shift & 7) as u16 };
            Ok(vec![entry(OWNER, 6), entry(GROUP, 3), entry(OTHERS, 0)])
        }
        Err(error) => Err(error.into()),
    }
}

fn parse(bytes: &[u8]) -> Vec<Entry> {
    let (entries, _) = bytes.get(4..).unwrap_or_default().as_chunks::<8>();
    let entry = |[tag, high, rights, more, id @ ..]: &[u8; 8]| Entry {
        tag: u16::from_le_bytes([*tag, *high]),
        rights: u16::from_le_bytes([*rights, *more]),
        id: u32::from_le_bytes(*id),
    };
    entries.iter().map(entry).collect()
}

fn bytes(list: &[Entry]) -> Vec<u8> {
    let mut bytes = VERSION.to_le_bytes().to_vec();
    for Entry { tag, rights, id } in list {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(rights.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_list_is_written_as_it_is_read() {
        let list = [(OWNER, NOBODY, 7), (USER, 4242, 3), (GROUP, NOBODY, 5), (MASK, NOBODY, 7), (OTHERS, NOBODY, 0)]
            .map(|(tag, id, rights)| Entry { tag, id, rights });
        let written = bytes(&list);
        assert_eq!((written.len(), &written[..12]), (44, &[2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255][..]));
        assert_eq!(parse(&written), list);
    }

    #[test]
    fn rights_are_added_and_none_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o750)).unwrap();
        // Some file systems do not support such lists.
        #[expect(clippy::disallowed_methods, reason = "a folder")]
        let open = std::fs::File::open(folder.path()).unwrap();
        let Ok(()) = allow(&open, &[4243], 1) else { return };
        allow(&open, &[4242, 4243], 2).unwrap();
        let entry = |tag, id, rights| Entry { tag, id, rights };
        let expected = [
            entry(OWNER, NOBODY, 7),
            entry(USER, 4242, 2),
            entry(USER, 4243, 3),
            entry(GROUP, NOBODY, 5),
            entry(MASK, NOBODY, 7),
            entry(OTHERS, NOBODY, 0),
        ];
        assert_eq!(read(&open).unwrap(), expected);
    }
}
