//! Which repositories are clones of one: those of one git remote, and what several people have under the same name.
//!
//! Few logs name a remote. It counts for all transcripts of the same folder, and for all clones of that name if these have
//! no other remote. Without one, the name of the folder decides.
//!
//! For example, Ada works in `/home/ada/src/mill` and Bob in `/Users/bob/mill`. Both are `*/mill`, and so is
//! `/Users/bob/mill/wheel`, which is inside of it. A folder of one person stays what it is, however often its name occurs:
//! two folders `oil` of Ada's are two projects. Whose a folder is follows from the home folder that it is in, because the
//! transcripts of a team can all be in one user folder. Elsewhere it is whose transcripts they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Names that say little: folders which hold repositories, and parts that many repositories have. Such a folder is named
/// with the one above it.
const COMMON: [&str; 35] = [
    "api",
    "app",
    "apps",
    "backend",
    "client",
    "code",
    "desktop",
    "dev",
    "develop",
    "docs",
    "documents",
    "downloads",
    "frontend",
    "git",
    "github",
    "lib",
    "main",
    "master",
    "packages",
    "project",
    "projects",
    "repo",
    "repos",
    "scripts",
    "server",
    "source",
    "src",
    "temp",
    "test",
    "tests",
    "tmp",
    "ui",
    "web",
    "work",
    "workspace",
];

/// A repository, and somebody who works there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repository<'a> {
    pub(super) path: &'a str,
    /// Whose transcript it is in.
    pub(super) person: &'a str,
    pub(super) remote: Option<&'a str>,
}

/// The names of repositories that have a remote, are clones, or are inside of one of these.
pub(super) fn fold<'a>(seen: &[Repository<'a>]) -> HashMap<&'a str, String> {
    let mut remotes: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    let mut groups: BTreeMap<String, Group<'_>> = BTreeMap::new();
    for Repository { path, person, remote } in seen {
        remotes.entry(path).or_default().extend(remote);
        if let Some(name) = name(path) {
            let group = groups.entry(name).or_default();
            group.paths.insert(path);
            match home(path) {
                Some(home) => _ = (group.homes.insert(home), group.at_home.insert(person)),
                None => _ = group.elsewhere.insert(person),
            }
            group.remotes.extend(remote);
        }
    }
    let mut names: HashMap<&str, String> = HashMap::new();
    for (name, group) in groups {
        if group.paths.len() > 1 && group.people() > 1 {
            let name = only(&group.remotes).map_or_else(|| format!("*/{name}"), str::to_owned);
            names.extend(group.paths.into_iter().map(|path| (path, name.clone())));
        }
    }
    names.extend(remotes.iter().filter_map(|(path, remotes)| Some((*path, only(remotes)?.to_owned()))));
    let inside = |path: &'a str| Some((path, above(path).find_map(|folder| names.get(folder))?.clone()));
    seen.iter().filter_map(|repository| inside(repository.path)).collect()
}

/// Repositories of one name.
#[derive(Default)]
struct Group<'a> {
    paths: BTreeSet<&'a str>,
    /// Names of home folders, and those whose transcripts are from there.
    homes: BTreeSet<&'a str>,
    at_home: BTreeSet<&'a str>,
    /// Those whose transcripts are from other folders.
    elsewhere: BTreeSet<&'a str>,
    remotes: BTreeSet<&'a str>,
}

impl Group<'_> {
    /// How many people have it. Who has it at home is no other person elsewhere.
    fn people(&self) -> usize {
        self.homes.len() + self.elsewhere.difference(&self.at_home).count()
    }
}

/// The remote, if there is one only.
fn only<'a>(remotes: &BTreeSet<&'a str>) -> Option<&'a str> {
    remotes.first().copied().filter(|_| remotes.len() == 1)
}

/// The last part of a path, or the last two where the last one is common. Nothing for a path that has no more.
fn name(path: &str) -> Option<String> {
    let mut parts = path.rsplit(['/', '\\']).filter(|part| !part.is_empty());
    let last = parts.next()?;
    // What stands above a common name can be the folder of a person, but is then another one for each.
    if COMMON.contains(&last.to_lowercase().as_str()) {
        return Some(format!("{}/{last}", parts.next()?));
    }
    parts.next().map(|_| last.to_owned())
}

/// The name of somebody whose home folder a path is in.
fn home(path: &str) -> Option<&str> {
    let rest = match path.as_bytes() {
        [drive, b':', ..] if drive.is_ascii_alphabetic() => &path[2..],
        _ => path,
    };
    let rest = ["/home/", "/Users/", r"\Users\"].iter().find_map(|homes| rest.strip_prefix(homes))?;
    rest.split_once(['/', '\\']).map(|(name, _)| name)
}

/// A path and the folders that it is in, from the inside out.
fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rfind(['/', '\\']).map(|end| &path[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded<'a>(seen: &[(&'a str, &'a str, Option<&'a str>)]) -> Vec<(&'a str, String)> {
        let repository =
            |(path, person, remote): &(&'a str, &'a str, Option<&'a str>)| Repository { path, person, remote: *remote };
        let mut names: Vec<_> = fold(&seen.iter().map(repository).collect::<Vec<_>>()).into_iter().collect();
        names.sort();
        names
    }

    #[test]
    fn clones_of_a_remote_are_one() {
        let (mill, oil) = (Some("example.org/mill"), Some("example.org/oil"));
        let seen = [
            ("/home/ada/mill", "ada", mill),
            ("/home/ada/mill2", "ada", mill),
            ("/home/ada/mill2", "ada", None),
            ("/home/ada/mill2/wheel", "ada", None),
            // Only its name says that it is a clone.
            ("/Users/bob/mill", "bob", None),
            ("/home/ada/oil", "ada", oil),
            ("/Users/bob/oil", "bob", Some("example.org/bob/oil")),
            ("/Users/eve/oil", "eve", None),
        ];
        let names = folded(&seen);
        let expected = [
            ("/Users/bob/mill", "example.org/mill"),
            ("/Users/bob/oil", "example.org/bob/oil"),
            ("/Users/eve/oil", "*/oil"),
            ("/home/ada/mill", "example.org/mill"),
            ("/home/ada/mill2", "example.org/mill"),
            ("/home/ada/mill2/wheel", "example.org/mill"),
            ("/home/ada/oil", "example.org/oil"),
        ];
        assert_eq!(names, expected.map(|(path, name)| (path, name.to_owned())));
    }

    #[test]
    fn clones_of_several_people_are_one() {
        let seen = [
            ("/home/ada/src/mill", "ada"),
            ("/Users/bob/mill", "bob"),
            ("/Users/bob/mill/wheel", "bob"),
            (r"C:\Users\eve\mill", "eve"),
            ("/home/ada/test", "ada"),
            ("/home/ada/old/oil", "ada"),
            ("/home/ada/new/oil", "ada"),
            ("/Users/bob/src", "bob"),
            ("/home/ada/src", "ada"),
            ("/Users/bob/shop/web", "bob"),
            ("/home/ada/work/shop/web", "ada"),
            ("/srv/press", "ada"),
            ("/srv/press", "bob"),
            ("/opt/a/loom", "ada"),
            ("/opt/b/loom", "bob"),
            ("/Users/dan/yarn", "team"),
            ("/Users/fay/yarn", "team"),
            (r"C:\Users\gus\yarn", "team"),
            (r"C:\Users\gus\reel", "team"),
            (r"D:\Users\hal\reel", "team"),
            // One person, at home and on a server.
            ("/home/ada/dye", "ada"),
            ("/srv/dye", "ada"),
            ("/", "ada"),
            ("", "bob"),
        ];
        let names = folded(&seen.map(|(path, person)| (path, person, None)));
        let expected = [
            ("/Users/bob/mill", "*/mill"),
            ("/Users/bob/mill/wheel", "*/mill"),
            ("/Users/bob/shop/web", "*/shop/web"),
            ("/Users/dan/yarn", "*/yarn"),
            ("/Users/fay/yarn", "*/yarn"),
            ("/home/ada/src/mill", "*/mill"),
            ("/home/ada/work/shop/web", "*/shop/web"),
            ("/opt/a/loom", "*/loom"),
            ("/opt/b/loom", "*/loom"),
            (r"C:\Users\eve\mill", "*/mill"),
            (r"C:\Users\gus\reel", "*/reel"),
            (r"C:\Users\gus\yarn", "*/yarn"),
            (r"D:\Users\hal\reel", "*/reel"),
        ];
        assert_eq!(names, expected.map(|(path, name)| (path, name.to_owned())));
    }
}
