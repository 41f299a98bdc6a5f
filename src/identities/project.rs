//! Which working directories are one project, according to the `[[project]]` tables of the identities file.

use crate::config::reading::Mistake;
use crate::dialect::directory::spelled;
use crate::identities::repository::repository;
use sessionmill_contract::pattern::matches;

/// A `[[project]]` of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) paths: Vec<String>,
}

/// Pairs of a project name and a path pattern, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Projects(Vec<(String, String)>);

impl Projects {
    pub(super) fn of(entries: Vec<Entry>, mistakes: &mut Vec<Mistake>) -> Self {
        let mut projects = Vec::new();
        for Entry { line, name, paths } in entries {
            let mut wrong = |message: String| mistakes.push(Mistake::at(line, message));
            if name.trim().is_empty() {
                wrong("a project without a name".to_owned());
            } else if paths.is_empty() {
                wrong(format!("the project `{name}` has no paths"));
            }
            for path in paths.iter().filter(|path| !is_absolute(path)) {
                wrong(format!(
                    "`{path}` of the project `{name}` fits no working directory: a path is absolute, such as \
                     `/home/ada/{name}`, or begins with `*`, such as `*/{name}`"
                ));
            }
            projects.extend(
                paths.iter().map(|path| (spelled(path.trim_end_matches(['/', '\\'])).into_owned(), name.clone())),
            );
        }
        Self(projects)
    }

    /// The project of a working directory: the first whose pattern matches the directory, a folder above it, or the
    /// repository that the directory is a worktree of.
    pub(super) fn name(&self, cwd: &str) -> Option<&str> {
        let repository = repository(cwd);
        let is_in = |path: &str| {
            let below = [path, if path.contains('\\') { "\\*" } else { "/*" }].concat();
            [cwd, repository].iter().any(|cwd| matches(path, cwd) || matches(&below, cwd))
        };
        self.0.iter().find(|(path, _)| is_in(path)).map(|(_, name)| name.as_str())
    }

    pub(super) fn settings(&self) -> String {
        format!("{:?}", self.0)
    }
}

/// Whether a path or pattern is absolute on some operating system.
fn is_absolute(path: &str) -> bool {
    path.starts_with(['/', '\\', '*']) || path.get(1..2) == Some(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn projects(entries: &[(&str, &[&str])]) -> (Projects, Vec<String>) {
        let entry = |(number, (name, paths)): (usize, &(&str, &[&str]))| Entry {
            line: number + 1,
            name: (*name).to_owned(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        };
        let mut mistakes = Vec::new();
        let projects = Projects::of(entries.iter().enumerate().map(entry).collect(), &mut mistakes);
        (projects, mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_directory_is_of_the_first_project_that_fits_it() {
        let (projects, mistakes) = projects(&[("shop", &["/home/*/shop", "/srv/shop/"]), ("all", &["/home/bob"])]);
        assert_eq!(mistakes, [""; 0]);
        for (cwd, expected) in [
            ("/home/ada/shop", Some("shop")),
            ("/home/ada/shop/src", Some("shop")),
            ("/home/ada/shop-worktrees/fix", Some("shop")),
            ("/srv/shop", Some("shop")),
            ("/home/bob/shop", Some("shop")),
            ("/home/bob/mill", Some("all")),
            ("/home/ada/shop2", None),
            ("/home/ada/mill/.worktrees/2", None),
        ] {
            assert_eq!(projects.name(cwd), expected, "{cwd}");
        }
    }

    #[test]
    fn a_windows_path_stands_for_the_folders_in_it_too() {
        let (projects, _) = projects(&[("shop", &[r"C:\work\shop\"]), ("mill", &[r"D:\*\mill"])]);
        for (cwd, expected) in [
            (r"C:\work\shop", Some("shop")),
            (r"C:\work\shop\src", Some("shop")),
            (r"C:\work\shop2", None),
            (r"D:\ada\mill\wheel", Some("mill")),
        ] {
            assert_eq!(projects.name(cwd), expected, "{cwd}");
        }
    }

    #[test]
    fn a_project_without_a_name_or_a_path_is_a_mistake() {
        let (_, mistakes) = projects(&[(" ", &["/a"]), ("shop", &[])]);
        assert_eq!(mistakes, ["line 1: a project without a name", "line 2: the project `shop` has no paths"]);
    }

    #[test]
    fn a_path_that_fits_no_directory_is_a_mistake() {
        let (_, mistakes) = projects(&[("shop", &["~/shop", r"C:\shop", r"\\server\shop", "*/shop", "shop"])]);
        let expected = ["`~/shop` of the project `shop` fits no", "`shop` of the project `shop` fits no"];
        assert_eq!(mistakes.len(), expected.len(), "{mistakes:?}");
        for (mistake, expected) in mistakes.iter().zip(expected) {
            assert!(mistake.starts_with(&format!("line 1: {expected}")), "{mistake}");
        }
    }
}
