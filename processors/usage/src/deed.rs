//! What a call did besides using tokens, as far as its arguments show: the files that it changed, and whether its
//! command committed, opened a pull request or ran tests.

use sessionmill_contract::{Edit, Lines, Work};

/// What a call is about to do. It counts as done if the call does not fail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deed {
    /// Paths of changed files, one on each line.
    pub files: Option<Box<str>>,
    pub lines: Lines,
    /// The acts of its command, in the order of [`ACTS`], separated by spaces.
    pub acts: Option<Box<str>>,
}

pub(crate) const TEST: &str = "test";
pub(crate) const COMMIT: &str = "commit";
pub(crate) const PULL_REQUEST: &str = "pull_request";

/// The acts that are recognised.
const ACTS: [&str; 3] = [TEST, COMMIT, PULL_REQUEST];

/// Programs that run tests; other programs can run them by name.
const TESTERS: [&str; 13] = [
    "ava",
    "ctest",
    "jest",
    "mocha",
    "nextest",
    "nose2",
    "phpunit",
    "playwright",
    "pytest",
    "rspec",
    "tox",
    "unittest",
    "vitest",
];

/// Programs that run tests if one of their arguments says so: `cargo test`, `npm run test:unit`, `uv run pytest`.
const RUNNERS: [&str; 29] = [
    "bun", "bunx", "bundle", "cargo", "deno", "dotnet", "go", "gradle", "gradlew", "just", "make", "mise", "mix",
    "mvn", "mvnw", "npm", "npx", "nx", "pnpm", "poetry", "python", "python3", "rake", "swift", "task", "turbo", "uv",
    "yarn", "zig",
];

/// Programs that run another program, with their own options before it: `timeout -k 5 60 git commit`.
const BEFORE: [&str; 17] = [
    "caffeinate",
    "chronic",
    "command",
    "doas",
    "env",
    "exec",
    "ionice",
    "nice",
    "nohup",
    "rtk",
    "setsid",
    "stdbuf",
    "sudo",
    "time",
    "timeout",
    "unbuffer",
    "xvfb-run",
];

impl Deed {
    pub(crate) fn of(work: Work<'_>) -> Self {
        match work {
            Work::Other => Self::default(),
            Work::Edit(Edit { files, lines }) => Self { files: Some(files.into()), lines, acts: None },
            Work::Command(command) => Self { acts: acts(command), ..Self::default() },
        }
    }

    pub(crate) fn has(&self, act: &str) -> bool {
        self.acts.as_deref().is_some_and(|acts| acts.split(' ').any(|own| own == act))
    }
}

/// The acts of a command.
fn acts(command: &str) -> Option<Box<str>> {
    let mut has = [false; ACTS.len()];
    for line in lines(command) {
        for part in line.split(['&', '|', ';', '(', '`']) {
            if let Some(act) = act(part).and_then(|act| ACTS.iter().position(|known| *known == act)) {
                has[act] = true;
            }
        }
    }
    let acts: Vec<&str> = ACTS.into_iter().zip(has).filter(|(_, has)| *has).map(|(act, _)| act).collect();
    (!acts.is_empty()).then(|| acts.join(" ").into())
}

/// The lines of a command, without here-documents: the text between `<<END` and `END`.
fn lines(command: &str) -> impl Iterator<Item = &str> {
    let mut end: Option<&str> = None;
    command.lines().filter(move |line| match end {
        Some(word) => {
            if line.trim() == word {
                end = None;
            }
            false
        }
        None => {
            let word =
                line.split_once("<<").and_then(|(_, rest)| rest.trim_start_matches('-').split_whitespace().next());
            end = word.map(|word| word.trim_matches(['\'', '"', '\\', ')'])).filter(|word| !word.is_empty());
            true
        }
    })
}

/// The act of one program.
fn act(part: &str) -> Option<&'static str> {
    let is_setting = |word: &&str| word.split_once('=').is_some_and(|(name, _)| !name.starts_with('-'));
    let (mut words, mut is_run) = (part.split_whitespace(), false);
    let program = loop {
        let word = words.next()?;
        let is_option = is_run && (word.starts_with('-') || word.starts_with(|digit: char| digit.is_ascii_digit()));
        if BEFORE.contains(&word) {
            is_run = true;
        } else if !is_setting(&word) && !is_option {
            break word.rsplit('/').next()?;
        }
    };
    match program {
        "git" => {
            while let Some(word) = words.next() {
                match word {
                    "-C" | "-c" => _ = words.next(),
                    // An amended commit was counted when it was made.
                    "commit" => {
                        return words.all(|word| !matches!(word, "--dry-run" | "--amend")).then_some(COMMIT);
                    }
                    _ if word.starts_with('-') => {}
                    _ => return None,
                }
            }
            None
        }
        "gh" | "glab" => {
            let told: Vec<_> = words.take(2).collect();
            matches!(told[..], ["pr" | "mr", "create"]).then_some(PULL_REQUEST)
        }
        _ if TESTERS.contains(&program) => Some(TEST),
        _ if RUNNERS.contains(&program) => {
            let is_test = |word: &str| matches!(word, "test" | "tests") || word.starts_with("test:");
            words.take_while(|word| *word != "--").any(|word| is_test(word) || TESTERS.contains(&word)).then_some(TEST)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_acts_of_a_command_follow_from_its_programs() {
        for (command, expected) in [
            ("cargo test --workspace -- name", Some("test")),
            ("cd mill && RUST_LOG=debug cargo +nightly nextest run 2>&1 | tail -5", Some("test")),
            ("npm run test:unit", Some("test")),
            ("python3 -m pytest -q", Some("test")),
            ("./gradlew test", Some("test")),
            ("git add -A && git commit -m 'fix; cargo test'", Some("commit")),
            ("git -C mill -c user.name=ada commit -F -", Some("commit")),
            ("rtk git add -A && rtk git commit -m x", Some("commit")),
            ("timeout -k 5 60s nice -n 5 cargo test", Some("test")),
            ("git commit --amend --no-edit", None),
            ("rtk 60 -k", None),
            ("make test && git commit -am x && gh pr create --fill", Some("test commit pull_request")),
            ("git commit -F - <<'EOF'\ncargo test\nEOF\ngh pr create", Some("commit pull_request")),
            ("git commit -m \"$(cat <<'EOF'\nnpm test\nEOF\n)\"", Some("commit")),
            ("git commit --dry-run", None),
            ("git log --grep commit", None),
            ("cargo build -- test", None),
            ("gh pr view 7", None),
            ("grep -r test src", None),
            ("ls tests", None),
            ("", None),
        ] {
            assert_eq!(acts(command).as_deref(), expected, "{command}");
        }
    }

    #[test]
    fn acts_are_found_one_by_one() {
        let deed = Deed::of(Work::Command("make test && git commit -am x"));
        assert_eq!([TEST, COMMIT, PULL_REQUEST].map(|act| deed.has(act)), [true, true, false]);
        assert!(!Deed::default().has(TEST));
    }
}
