//! Which repositories are clones of one: what several people have under the same name.
//!
//! Ada works in `/home/ada/src/mill` and Bob in `/Users/bob/mill`. Both are `*/mill`, and so is `/Users/bob/mill/wheel`,
//! which is inside of it. A folder of one person stays what it is, however often its name occurs: two folders `oil` of
//! Ada's are two projects. Whose a folder is, is told by the home folder that it is in: the transcripts of a team can all
//! be in one user folder. Elsewhere it is whose transcripts they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Names that say little: folders which hold repositories, and parts that many repositories have. Such a folder is told
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

/// The names of repositories that are clones, or inside of one. `seen` has repositories with somebody who works there.
pub(super) fn fold<'a>(seen: &[(&'a str, &str)]) -> HashMap<&'a str, String> {
    let mut groups: BTreeMap<String, (BTreeSet<&str>, BTreeSet<&str>)> = BTreeMap::new();
    for (repository, person) in seen {
        if let Some(name) = name(repository) {
            let (repositories, people) = groups.entry(name).or_default();
            repositories.insert(repository);
            people.insert(home(repository).unwrap_or(person));
        }
    }
    groups.retain(|_, (repositories, people)| repositories.len() > 1 && people.len() > 1);
    let clones: HashMap<&str, &String> = groups
        .iter()
        .flat_map(|(name, (repositories, _))| repositories.iter().map(move |repository| (*repository, name)))
        .collect();
    let names = seen.iter().filter_map(|(repository, _)| {
        let clone = above(repository).find_map(|folder| clones.get(folder))?;
        Some((*repository, format!("*/{clone}")))
    });
    names.collect()
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
            ("/", "ada"),
            ("", "bob"),
        ];
        let mut names: Vec<_> = fold(&seen).into_iter().collect();
        names.sort();
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
        ];
        assert_eq!(names, expected.map(|(path, name)| (path, name.to_owned())));
    }
}
