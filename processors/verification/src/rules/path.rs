//! Paths of files.

/// Whether a word is the path of a file.
pub(super) fn is_path(word: &str) -> bool {
    const FOLDERS: [&str; 14] = [
        "src",
        "lib",
        "test",
        "tests",
        "app",
        "docs",
        "dist",
        "bin",
        "etc",
        "home",
        "var",
        "usr",
        "packages",
        "node_modules",
    ];
    const ENDINGS: [&str; 39] = [
        "rs", "py", "ts", "tsx", "js", "jsx", "mjs", "go", "java", "kt", "rb", "php", "c", "h", "cpp", "cs", "swift",
        "json", "csv", "tsv", "xlsx", "xls", "pdf", "docx", "pptx", "parquet", "ipynb", "yaml", "yml", "toml", "md",
        "txt", "sh", "sql", "html", "css", "lock", "env", "log",
    ];
    if !word.contains(['/', '.']) {
        return false;
    }
    let folders = word.split('/').count() - 1;
    let ending = word.rsplit_once('.').filter(|(name, _)| !name.is_empty()).map(|(_, ending)| ending);
    ending.is_some_and(|ending| ENDINGS.contains(&ending))
        || folders > 1
        || folders == 1 && word.split('/').any(|part| FOLDERS.contains(&part))
}
