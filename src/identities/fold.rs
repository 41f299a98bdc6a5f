//! Decides which repositories are clones of the same one, so that reports count them as one project.
//!
//! Clones have the same git remote, or several people have them under the same folder name. Few logs name a remote. A
//! named remote counts for all sessions in that folder, and for all clones of that folder name if these have no other
//! remote. Without a remote, the folder name decides.
//!
//! For example, Ada works in `/home/ada/src/mill` and Bob in `/Users/bob/mill`. Both belong to the project `*/mill`,
//! and so does `/Users/bob/mill/wheel`, which is inside one of them. Folders of a single person are never joined by
//! name: two folders `oil` of Ada's are two projects.
//!
//! The owner of a folder is taken from the home folder in its path, because all logs of a team can be in one user
//! folder. For a path outside of home folders, it is the user whose logs contain it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Names that say little: folders that hold repositories, and parts that many repositories contain. Such a folder is
/// named together with its parent.
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

/// A repository path as one person's sessions name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repository<'a> {
    pub(super) path: &'a str,
    /// The person whose sessions these are.
    pub(super) person: &'a str,
    pub(super) remote: Option<&'a str>,
}

/// Names for repositories that have a remote, that are clones, or that are inside such a repository.
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

/// Repositories with the same folder name.
#[derive(Default)]
struct Group<'a> {
    paths: BTreeSet<&'a str>,
    /// The owners of home folders that contain one of the paths, and the people whose sessions ran there.
    homes: BTreeSet<&'a str>,
    at_home: BTreeSet<&'a str>,
    /// The people whose sessions ran in paths outside of home folders.
    elsewhere: BTreeSet<&'a str>,
    remotes: BTreeSet<&'a str>,
}

impl Group<'_> {
    /// The number of people who have the repository. A person with a clone at home and another elsewhere counts once.
    fn people(&self) -> usize {
        self.homes.len() + self.elsewhere.difference(&self.at_home).count()
    }
}

/// The remote, if there is exactly one.
fn only<'a>(remotes: &BTreeSet<&'a str>) -> Option<&'a str> {
    remotes.first().copied().filter(|_| remotes.len() == 1)
}

/// The last part of a path, or the last two if the last one is a common name. `None` for a path without a parent.
fn name(path: &str) -> Option<String> {
    let mut parts = path.rsplit(['/', '\\']).filter(|part| !part.is_empty());
    let last = parts.next()?;
    // The parent of a common name can be a person's folder, for example `ada/src`. Then the name differs from person to
    // person, and nothing is joined.
    if COMMON.contains(&last.to_lowercase().as_str()) {
        return Some(format!("{}/{last}", parts.next()?));
    }
    parts.next().map(|_| last.to_owned())
}

/// The owner of the home folder that a path is in.
fn home(path: &str) -> Option<&str> {
    let rest = match path.as_bytes() {
        [drive, b':', ..] if drive.is_ascii_alphabetic() => &path[2..],
        _ => path,
    };
    let rest = ["/home/", "/Users/", r"\Users\"].iter().find_map(|homes| rest.strip_prefix(homes))?;
    rest.split_once(['/', '\\']).map(|(name, _)| name)
}

/// A path and its parent folders, from the inside out.
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
            // Only its name shows that it is a clone.
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
