//! House rules that a command checks, so that reviewers need not.

use sessionmill::plugs::PLUGS;
use std::fs;
use std::path::{Path, PathBuf};

fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder, by name.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found: Vec<_> = walkdir::WalkDir::new(home().join(folder))
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{folder}");
    found
}

fn rust() -> impl Iterator<Item = (PathBuf, String)> {
    let folders = ["src", "processors", "tests", "benches"];
    folders
        .into_iter()
        .flat_map(|folder| files(folder, "rs"))
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
}

#[test]
fn processors_depend_on_the_contract_and_pure_crates_only() {
    const PURE: [&str; 17] = [
        "aho-corasick",
        "chrono",
        "chrono-tz",
        "flate2",
        "foldhash",
        "hex",
        "maxminddb",
        "memchr",
        "psl",
        "rapidfuzz",
        "regex",
        "serde",
        "serde_json",
        "sessionmill-contract",
        "sha2",
        "ua-parser",
        "unicode-segmentation",
    ];
    for entry in fs::read_dir(home().join("processors")).unwrap() {
        let manifest = fs::read_to_string(entry.unwrap().path().join("Cargo.toml")).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let kinds = ["dependencies", "build-dependencies", "target"].iter().filter_map(|kind| manifest.get(*kind));
        for name in kinds.flat_map(|table| table.as_table().unwrap().keys()) {
            assert!(PURE.contains(&name.as_str()), "`{}` depends on `{name}`", manifest["package"]["name"]);
        }
    }
}

#[test]
fn only_the_store_knows_duckdb() {
    let ways = ["use duckdb", "duckdb::", ".connection()", "store::Connection"];
    for (path, text) in rust().filter(|(path, _)| path.starts_with(home().join("src"))) {
        let name = path.strip_prefix(home()).unwrap().to_str().unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let found: Vec<_> = ways.iter().filter(|way| code.contains(**way)).collect();
        assert!(name.starts_with("src/store/") || found.is_empty(), "`{name}` has {found:?}: see src/store/reader.rs");
    }
}

#[test]
fn only_its_plug_names_a_processor() {
    // The name of the crate that counts is also a field in logs of agents.
    const FIELDS: [&str; 2] = ["src/dialect/claude_code/record.rs", "src/dialect/codex/record.rs"];
    for path in files("src", "rs") {
        let name = path.strip_prefix(home()).unwrap().to_str().unwrap();
        if name.starts_with("src/plugs/") || FIELDS.contains(&name) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for processor in PLUGS.names() {
            let paths = [format!("sessionmill_{processor}"), format!("plugs::{processor}")];
            let literals = [format!("\"{processor}\""), format!("'{processor}'")];
            let found: Vec<_> = paths.iter().chain(&literals).filter(|words| text.contains(*words)).collect();
            assert!(found.is_empty(), "`{name}` has {found:?}, which belongs into src/plugs/{processor}");
        }
    }
}

#[test]
fn panics_are_contained_in_one_place() {
    for (path, text) in rust().filter(|(path, _)| !path.starts_with(home().join("tests"))) {
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let is_own = path.ends_with("base/guard.rs");
        assert!(is_own || !code.contains("catch_unwind"), "{path:?} contains panics itself: see src/base/guard.rs");
    }
}

#[test]
fn moments_are_written_in_one_place() {
    const FORMS: [&str; 3] = ["to_rfc3339_opts(", "%d %H:%M UTC", "%H:%M:%S UTC"];
    for (path, text) in rust().filter(|(path, _)| path.starts_with(home().join("src"))) {
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let found: Vec<_> = FORMS.iter().filter(|form| code.contains(**form)).collect();
        assert!(found.is_empty() || path.ends_with("base/utc.rs"), "{path:?} has {found:?}: see src/base/utc.rs");
    }
}

#[test]
fn only_one_module_touches_keys() {
    let others = rust().filter(|(path, text)| {
        path.starts_with(home().join("src"))
            && ["touched_keys", "touched_moments"].iter().any(|table| {
                text.contains(&format!("INTO facts.{table}")) || text.contains(&format!("\"facts\", \"{table}\""))
            })
    });
    let others: Vec<_> = others.map(|(path, _)| path).collect();
    assert_eq!(others, [home().join("src/store/settle/touch.rs")]);
}

/// The folders of `src` from the highest to the lowest, as listed in the crate documentation. A folder may use only
/// folders below it.
fn layers() -> Vec<String> {
    let documentation = fs::read_to_string(home().join("src/lib.rs")).unwrap();
    let row = |line: &str| {
        Some(line.strip_prefix("//! | [`").or(line.strip_prefix("//! | `"))?.split('`').next()?.to_owned())
    };
    documentation.lines().filter_map(row).filter(|folder| folder != "simd").collect()
}

#[test]
fn every_folder_is_in_the_table_of_layers() {
    let is_folder = |entry: &fs::DirEntry| entry.file_type().unwrap().is_dir() && entry.file_name() != "simd";
    let folders = fs::read_dir(home().join("src")).unwrap().map(std::result::Result::unwrap).filter(is_folder);
    let mut folders: Vec<_> = folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    let mut listed = layers();
    let internals = fs::read_to_string(home().join("docs/internals.md")).unwrap();
    let row = |line: &str| Some(line.strip_prefix("| `src/")?.split('`').next()?.to_owned());
    let shown: Vec<_> = internals.lines().filter_map(row).filter(|folder| folder != "simd").collect();
    assert_eq!(shown, listed, "docs/internals.md and src/lib.rs list the folders in the same order");
    folders.sort();
    listed.sort();
    assert_eq!(listed, folders);
}

#[test]
fn no_folder_uses_one_above_it() {
    let layers = layers();
    for (level, folder) in layers.iter().enumerate() {
        for path in files(&format!("src/{folder}"), "rs") {
            for used in used_folders(&fs::read_to_string(&path).unwrap()) {
                let Some(used_level) = layers.iter().position(|layer| *layer == used) else { continue };
                assert!(used_level >= level, "{path:?} uses `{used}`, which stands above `{folder}`");
            }
        }
    }
}

/// The folders of the crate that code uses: `crate::a::b` and each of `crate::{a::b, c}`. Tests may use everything.
fn used_folders(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let code = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let name =
        |text: &str| text.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned();
    let mut used = Vec::new();
    for after in code.split("crate::").skip(1) {
        let Some(group) = after.strip_prefix('{') else {
            used.push(name(after));
            continue;
        };
        let mut depth = 0;
        let is_member = |c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        };
        let group = group.split("};").next().unwrap();
        used.extend(group.split(is_member).map(name));
    }
    used
}

#[test]
fn groups_of_folders_are_seen() {
    let code = "use crate::{base::{a, b}, store, plugs::usage};\nfn f() { crate::cli::g() }\n// crate::console";
    assert_eq!(used_folders(code), ["base", "store", "plugs", "cli"]);
}

#[test]
fn every_module_says_what_it_is_for() {
    for (path, text) in rust() {
        assert!(text.starts_with("//! "), "{path:?} opens without a module doc");
    }
}

#[test]
fn no_stub_and_no_ignored_test_is_left() {
    let forbidden = ["todo!", "unimplemented!", "#[ignore", "FIXME", "XXX", "dbg!"];
    for (path, text) in rust().filter(|(path, _)| !path.ends_with("house.rs")) {
        let found: Vec<_> = forbidden.iter().filter(|word| text.contains(**word)).collect();
        assert!(found.is_empty(), "{path:?} has {found:?}");
    }
}

/// A text is written with its line feeds and quotes escaped, but a displayed value (`error = %error`) is not: text from
/// a log in it could look like a line of its own in the journal.
#[test]
fn the_log_gets_errors_as_texts() {
    for (path, text) in rust().filter(|(path, _)| !path.ends_with("house.rs")) {
        let found: Vec<_> =
            ["error = %", "reason = %", "hint = %"].into_iter().filter(|word| text.contains(word)).collect();
        assert!(found.is_empty(), "{path:?} has {found:?}");
    }
}

#[test]
fn every_test_file_is_part_of_the_one_binary() {
    let main = fs::read_to_string(home().join("tests/main.rs")).unwrap();
    for path in files("tests", "rs").iter().filter(|path| path.parent().unwrap().ends_with("tests")) {
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(name == "main" || main.contains(&format!("mod {name};")), "`{name}` is forgotten");
    }
}

#[test]
fn every_migration_is_listed_in_order() {
    // The store of the console has its own migrations, in a folder for each back end.
    let files: Vec<_> = files("migrations", "sql");
    let files = files.iter().filter(|path| path.parent().unwrap().ends_with("migrations"));
    let files: Vec<_> = files.map(|path| path.file_stem().unwrap().to_str().unwrap()).collect();
    let listed: Vec<_> = PLUGS.schema().migrations().into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed, files);
    for (number, name) in listed.iter().enumerate() {
        assert!(name.starts_with(&format!("{:04}_", number + 1)), "{name}");
    }
}

#[test]
fn each_back_end_of_the_console_has_the_same_migrations() {
    let names = |back_end: &str| {
        let files = files(&format!("migrations/console/{back_end}"), "sql");
        files.iter().map(|path| path.file_name().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let code = fs::read_to_string(home().join("src/console/accounts/migrate.rs")).unwrap();
    for back_end in ["sqlite", "postgres", "mysql"] {
        assert_eq!(names(back_end), names("sqlite"));
        for name in names(back_end) {
            let listed = format!("migrations/console/{back_end}/{}", name.to_str().unwrap());
            assert!(code.contains(&listed), "`{listed}` is not run");
        }
    }
}

/// The README and the pages that it links to, by path.
fn pages() -> Vec<(PathBuf, String)> {
    let own = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| home().join(name));
    let pages = own.into_iter().chain(files("docs", "md"));
    pages.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn the_readme_names_the_commands_of_the_gate() {
    let readme = fs::read_to_string(home().join("README.md")).unwrap();
    let makefile = fs::read_to_string(home().join("Makefile")).unwrap();
    let gate = fs::read_to_string(home().join(".ci/run")).unwrap();
    for target in ["demo", "test"] {
        assert!(readme.contains(&format!("\nmake {target}")), "the README does not say `make {target}`");
        assert!(makefile.contains(&format!("\n{target}:")), "there is no `make {target}`");
    }
    assert!(gate.contains("\nmake test\n"), "the gate does not run the README's test command");
}

#[test]
fn the_documentation_names_files_that_exist() {
    let mut named = 0;
    for (page, text) in pages() {
        for path in text.split('`').skip(1).step_by(2).filter(|word| is_path(word)) {
            assert!(home().join(path).exists(), "{page:?} names `{path}`");
            named += 1;
        }
    }
    assert!(named > 20, "{named}");
}

#[test]
fn links_in_the_documentation_lead_somewhere() {
    let pages = pages();
    let mut links = 0;
    for (page, text) in &pages {
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let linked = page.parent().unwrap().join(path).canonicalize();
            let linked = linked.unwrap_or_else(|_| panic!("{page:?} links to `{target}`"));
            let (_, text) = pages.iter().find(|(page, _)| *page == linked).unwrap();
            let has_heading = |anchor: &str| {
                let anchors = text.lines().filter(|line| line.starts_with("## ")).map(anchor_of);
                anchors.into_iter().any(|found| found == anchor)
            };
            assert!(anchor.is_empty() || has_heading(anchor), "{page:?} links to `{target}`");
            links += 1;
        }
    }
    assert!(links > 15, "{links}");
}

/// The anchor of a heading: lower case, words joined by hyphens.
fn anchor_of(heading: &str) -> String {
    heading.trim_start_matches(['#', ' ']).to_lowercase().replace(' ', "-")
}

#[test]
fn commands_in_the_documentation_are_valid() {
    let mut commands = 0;
    for (page, text) in pages() {
        for block in text.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            for line in block.lines().filter(|line| line.starts_with("sessionmill ")) {
                let words = words(line.split(" #").next().unwrap());
                let parsed = sessionmill::cli::command(PLUGS).try_get_matches_from(&words);
                assert!(parsed.is_ok(), "{page:?}: `{line}`: {}", parsed.unwrap_err());
                commands += 1;
            }
        }
    }
    assert!(commands > 30, "{commands}");
}

/// The words of a command line. Words can be in double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (part, text) in line.split('"').enumerate() {
        match part % 2 {
            0 => words.extend(text.split_whitespace().map(str::to_owned)),
            _ => words.push(text.to_owned()),
        }
    }
    words
}

/// Words in backticks that look like a path of this repository.
fn is_path(word: &str) -> bool {
    let roots =
        ["src/", "processors/", "migrations/", "docs/", "fixtures/", "tests/", "benches/", "packaging/", ".ci/"];
    roots.iter().any(|root| word.starts_with(root)) && !word.contains(['<', '*', ' '])
}

#[test]
fn nothing_unknown_stands_at_the_top_level() {
    let known = [
        ".ci",
        ".git",
        ".gitignore",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE-APACHE",
        "LICENSE-MIT",
        "Makefile",
        "README.md",
        "benches",
        "build.rs",
        "clippy.toml",
        "docs",
        "fixtures",
        "migrations",
        "packaging",
        "processors",
        "rustfmt.toml",
        "src",
        "target",
        "tests",
    ];
    for entry in fs::read_dir(Path::new(&home())).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(known.iter().any(|known| name == *known), "{name:?} is new at the top level");
    }
}
