//! Puts a DuckDB library that is linked dynamically on the loader's path, so that binaries find it
//! from any folder and without environment variables. A package names the folder that the library will
//! be in: `SESSIONMILL_RPATH`.

fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    println!("cargo:rerun-if-env-changed=SESSIONMILL_RPATH");
    if std::env::var_os("CARGO_FEATURE_BUNDLED").is_none()
        && let Ok(folder) = std::env::var("SESSIONMILL_RPATH").or_else(|_| std::env::var("DUCKDB_LIB_DIR"))
    {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
