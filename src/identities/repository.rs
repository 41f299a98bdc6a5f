//! Finds the repository of a working directory, if its path shows that it is a worktree.
//!
//! Only the text of the path is known; it is from another machine. So these look like any other directory: worktrees
//! with other names, worktrees in a folder of a tool (such as `~/.codex/worktrees`), and folders inside a repository.

/// The repository of a worktree in `<repository>/.worktrees`, in `<repository>/.claude/worktrees`, or in a folder
/// beside the repository: `<repository>-worktrees`, also with `.` or `_`. Any other path is returned unchanged.
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
        // The folder of worktrees itself is not a worktree.
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
            // The outermost repository counts.
            ("/home/ada/shop/.worktrees/2/.claude/worktrees/a", "/home/ada/shop"),
        ] {
            assert_eq!(repository(cwd), expected, "{cwd}");
        }
    }

    #[test]
    fn a_path_without_a_worktree_is_left_unchanged() {
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
