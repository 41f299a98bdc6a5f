//! Puts a DuckDB library that is linked dynamically on the loader's path, so that binaries find it
//! from any folder and without environment variables.

fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    if let (Ok(folder), Err(_)) = (std::env::var("DUCKDB_LIB_DIR"), std::env::var("CARGO_FEATURE_BUNDLED")) {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
