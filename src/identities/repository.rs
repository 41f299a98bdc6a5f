//! The project of a working directory: the repository, where the path shows that it is in a worktree of
//! it.
//!
//! The text of the path is all there is; the machine is somebody else's. So these cannot be distinguished from any
//! other directory: worktrees that are named in no such way, those below a folder of tools (such as
//! `~/.codex/worktrees`), which are away from their repository, and the folders inside of a repository.

/// The repository of a worktree in `<repository>/.worktrees`, `<repository>/.claude/worktrees`, or a
/// folder beside the repository: `<repository>-worktrees`, also with `.` or `_`. Any other path is its own.
pub fn repository(cwd: &str) -> &str {
    let mut before = "";
    let mut start = 0;
    for (end, _) in cwd.match_indices(['/', '\\']) {
        let folder = &cwd[start..end];
        let above = match folder {
            ".worktrees" => start.checked_sub(1),
            "worktrees" if before == ".claude" => start.checked_sub(before.len() + 2),
            _ => {
                let name = ["-worktrees", ".worktrees", "_worktrees"].iter().find_map(|end| folder.strip_suffix(end));
                name.filter(|name| !name.is_empty() && !name.starts_with('.')).map(|name| start + name.len())
            }
        };
        // Of the folder itself, nothing is a worktree.
        if let Some(above) = above.filter(|above| *above > 0 && end + 1 < cwd.len()) {
            return &cwd[..above];
        }
        (before, start) = (folder, end + 1);
    }
    cwd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worktree_is_of_its_repository() {
        for (cwd, expected) in [
            ("/home/ada/shop", "/home/ada/shop"),
            ("/home/ada/shop/.worktrees/2", "/home/ada/shop"),
            ("/home/ada/shop/.worktrees/fix/lock/src", "/home/ada/shop"),
            ("/home/ada/shop/.claude/worktrees/agent-1", "/home/ada/shop"),
            ("/home/ada/shop-worktrees/shop-fix", "/home/ada/shop"),
            ("/home/ada/shop.worktrees/fix/src", "/home/ada/shop"),
            ("/home/ada/shop_worktrees/fix", "/home/ada/shop"),
            (r"C:\Users\ada\shop\.worktrees\2", r"C:\Users\ada\shop"),
            (r"C:\Users\ada\shop-worktrees\fix", r"C:\Users\ada\shop"),
            // The outermost one counts.
            ("/home/ada/shop/.worktrees/2/.claude/worktrees/a", "/home/ada/shop"),
        ] {
            assert_eq!(repository(cwd), expected, "{cwd}");
        }
    }

    #[test]
    fn what_the_path_does_not_tell_is_left_alone() {
        for cwd in [
            "",
            "/",
            "/home/ada/shop/.worktrees",
            "/home/ada/shop/.worktrees/",
            "/home/ada/shop-worktrees",
            "/home/ada/worktrees/fix",
            "/home/ada/.codex/worktrees/1a2b/shop",
            "/home/ada/.claude-worktrees/shop/fix",
            "/.worktrees/fix",
            "/-worktrees/fix",
        ] {
            assert_eq!(repository(cwd), cwd);
        }
    }
}
